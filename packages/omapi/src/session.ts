/**
 * The client's side of one connection without its socket: numbers and signs requests, finds and verifies answers.
 * Octets go in and out; who carries them, and how long anybody waits, is connection.ts.
 */

import { type Authenticator, encodeSigned } from './authenticator.js';
import { type Request, readStatus } from './exchange.js';
import { DEFAULT_MAX_MESSAGE_OCTETS, type Frame, StreamDecoder } from './framing.js';
import { encodeMessage, type OmapiMessage, omapiMessage } from './message.js';
import { Result } from './results.js';
import { encodeStartup } from './startup.js';

/** A request ready to leave. */
export interface OutgoingRequest {
  readonly tid: number;
  readonly octets: Uint8Array;
}

/** An answer, and whether it may be believed. */
export interface Answer {
  readonly message: OmapiMessage;
  /** False if the session has a key and the answer is not signed with it. */
  readonly genuine: boolean;
}

/** State of one connection: the key in use, the next transaction id, octets that wait to become a message. */
export class ClientSession {
  private readonly decoder: StreamDecoder;
  private nextTid: number;
  private authid = 0;
  private authenticator: Authenticator | undefined;

  /** @param firstTid of a request; draw it at random. 0 is passed over: servers leave out rid and handle for it. */
  constructor(firstTid: number, maxMessageOctets: number = DEFAULT_MAX_MESSAGE_OCTETS) {
    this.decoder = new StreamDecoder(maxMessageOctets);
    this.nextTid = firstTid >>> 0;
  }

  /** The octets to send first. */
  start(): Uint8Array {
    return encodeStartup();
  }

  /** True once the server's start-up has come. */
  get started(): boolean {
    return this.decoder.startup !== undefined;
  }

  /** Signs everything from now on, and wants everything signed. */
  authenticate(authid: number, authenticator: Authenticator): void {
    this.authid = authid;
    this.authenticator = authenticator;
  }

  /** Numbers, signs and encodes a request. @throws EncodeError */
  encode(request: Request): OutgoingRequest {
    if (this.nextTid === 0) this.nextTid = 1;
    const tid = this.nextTid;
    const message = omapiMessage({ ...request, tid, authid: this.authid });
    const octets = this.authenticator ? encodeSigned(message, this.authenticator) : encodeMessage(message);
    this.nextTid = (tid + 1) >>> 0;
    return { tid, octets };
  }

  /**
   * Takes octets from the server; returns the answers they complete.
   * @throws DecodeError
   */
  receive(chunk: Uint8Array): Answer[] {
    this.decoder.push(chunk);
    const answers: Answer[] = [];
    for (let frame = this.decoder.next(); frame !== undefined; frame = this.decoder.next()) {
      answers.push({ message: frame.message, genuine: this.isGenuine(frame) });
    }
    return answers;
  }

  private isGenuine(frame: Frame): boolean {
    if (this.authenticator === undefined) return frame.message.authid === 0;
    return frame.message.authid === this.authid && this.authenticator.verify(frame);
  }
}

/**
 * True for the refusals that a server can not sign, because it is the signature that it refuses. Anybody can forge
 * them, and gains no more than by cutting the connection.
 */
export function isUnsignedRefusal(message: OmapiMessage): boolean {
  const result = message.authid === 0 ? readStatus(message)?.result : undefined;
  return result === Result.INVALIDKEY || result === Result.NOKEYS;
}
