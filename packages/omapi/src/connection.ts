/** One TCP connection to a server: requests out, answers matched by transaction, time kept. It does not come back once lost. */

import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Authenticator } from './authenticator.js';
import {
  ConnectionError,
  type DecodeError,
  type OmapiError,
  ProtocolError,
  SignatureError,
  TimeoutError,
} from './errors.js';
import { authenticatorRequest, type Request, readStatus } from './exchange.js';
import { DEFAULT_MAX_MESSAGE_OCTETS } from './framing.js';
import { type OmapiMessage, Op, opName } from './message.js';
import { Result, statusError } from './results.js';
import { type Answer, ClientSession, isUnsignedRefusal } from './session.js';
import { systemTimers, type Timers } from './timers.js';

/** The port registered for OMAPI. */
export const OMAPI_PORT = 7911;

/** Where to connect, and how long to wait. */
export interface ConnectionOptions {
  /** Name or address; default 127.0.0.1. */
  readonly host?: string;
  /** Default {@link OMAPI_PORT}. */
  readonly port?: number;
  /** Key to sign with; without one, messages go unsigned. */
  readonly authenticator?: Authenticator | undefined;
  /** Time for connection, start-up and authentication together. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Time for each answer. Default 10 s; 0 = no limit. */
  readonly requestTimeoutMs?: number;
  /** Longest answer taken. Default 1 MiB. */
  readonly maxMessageOctets?: number;
  /** Transaction id of the first request; default: drawn at random. Those that follow count up. */
  readonly firstTid?: number;
  /** Default: Node's. */
  readonly timers?: Timers;
}

/** What may be said of one request. */
export interface RequestOptions {
  /** Ends the wait: the request rejects with the signal's reason. The server may carry it out all the same. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of the connection's requestTimeoutMs. */
  readonly timeoutMs?: number | undefined;
}

interface Pending {
  readonly resolve: (message: OmapiMessage) => void;
  readonly reject: (reason: unknown) => void;
  readonly doing: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** A connection that is open, started and, with a key, authenticated. Any number of requests may be under way on it. */
export class OmapiConnection {
  private readonly session: ClientSession;
  private readonly pending = new Map<number, Pending>();
  private readonly peer: string;
  private readonly timers: Timers;
  private readonly requestTimeoutMs: number;
  private failure: OmapiError | undefined;
  private started: (() => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    { host, port, requestTimeoutMs, maxMessageOctets, firstTid, timers }: ConnectionOptions,
  ) {
    this.session = new ClientSession(firstTid ?? randomInt(1, 2 ** 31), maxMessageOctets ?? DEFAULT_MAX_MESSAGE_OCTETS);
    this.peer = `${host ?? '127.0.0.1'}:${port ?? OMAPI_PORT}`;
    this.timers = timers ?? systemTimers;
    this.requestTimeoutMs = requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    socket.setNoDelay(true);
    socket.on('connect', () => socket.write(this.session.start()));
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error) => this.fail(new ConnectionError(`${this.peer}: ${error.message}`, { cause: error })));
    socket.on('close', () => this.fail(new ConnectionError(`${this.peer}: connection closed by the server`)));
  }

  /**
   * Connects, exchanges start-ups and opens the key.
   * @throws ConnectionError, TimeoutError, DecodeError (no OMAPI there), StatusError (key unknown or not accepted)
   */
  static async open(options: ConnectionOptions = {}, signal?: AbortSignal): Promise<OmapiConnection> {
    signal?.throwIfAborted();
    const socket = connect({ host: options.host ?? '127.0.0.1', port: options.port ?? OMAPI_PORT });
    const connection = new OmapiConnection(socket, options);
    const limitMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const tooLate = (): void =>
      connection.fail(new TimeoutError(`${connection.peer}: not connected within ${limitMs} ms`));
    const cancelTimer = limitMs > 0 ? connection.timers.after(limitMs, tooLate) : () => {};
    const abort = (): void => connection.fail(new ConnectionError(`${connection.peer}: given up`));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await connection.becomeReady(options.authenticator);
      return connection;
    } catch (error) {
      connection.close();
      signal?.throwIfAborted();
      throw error;
    } finally {
      cancelTimer();
      signal?.removeEventListener('abort', abort);
    }
  }

  /** False once the connection is closed or lost. */
  get isOpen(): boolean {
    return this.failure === undefined;
  }

  /** Requests that wait for their answers. */
  get outstanding(): number {
    return this.pending.size;
  }

  /**
   * Sends a request and resolves with its answer, whatever that says.
   * @throws ConnectionError, TimeoutError, SignatureError, KeyRejectedError, KeyRequiredError, EncodeError; the signal's reason
   */
  request(request: Request, { signal, timeoutMs = this.requestTimeoutMs }: RequestOptions = {}): Promise<OmapiMessage> {
    const doing = `${opName(request.op)} at ${this.peer}`;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.failure !== undefined) throw new ConnectionError(this.failure.message, { cause: this.failure });
      const { tid, octets } = this.session.encode(request);
      const settle = (): void => {
        this.pending.delete(tid);
        cancelTimer();
        signal?.removeEventListener('abort', abort);
      };
      const fail = (reason: unknown): void => {
        settle();
        reject(reason);
      };
      const succeed = (message: OmapiMessage): void => {
        settle();
        resolve(message);
      };
      const abort = (): void => fail(signal?.reason);
      const cancelTimer =
        timeoutMs > 0
          ? this.timers.after(timeoutMs, () => fail(new TimeoutError(`${doing}: no answer within ${timeoutMs} ms`)))
          : () => {};
      signal?.addEventListener('abort', abort, { once: true });
      this.pending.set(tid, { resolve: succeed, reject: fail, doing });
      this.socket.write(octets);
    });
  }

  /** Closes at once. Requests under way reject with ConnectionError. */
  close(): void {
    this.fail(new ConnectionError(`${this.peer}: connection closed`));
  }

  /** The work of open(), once there is a socket. */
  private async becomeReady(authenticator: Authenticator | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.started = resolve;
      this.socket.once('close', () => reject(this.failure));
    });
    if (authenticator === undefined) return;
    const request = authenticatorRequest(authenticator);
    const answer = await this.request(request, { timeoutMs: 0 });
    const status = readStatus(answer);
    if (status !== undefined)
      throw statusError(status.result, status.text, `open key '${authenticator.name}' at ${this.peer}`);
    if (answer.op !== Op.update || answer.handle === 0) {
      throw new ProtocolError(
        `${this.peer}: ${opName(answer.op)} of handle ${answer.handle} in answer to the opening of a key`,
      );
    }
    this.session.authenticate(answer.handle, authenticator);
  }

  private receive(chunk: Uint8Array): void {
    if (this.failure !== undefined) return;
    try {
      for (const answer of this.session.receive(chunk)) this.deliver(answer);
    } catch (error) {
      this.fail(error as DecodeError);
      return;
    }
    if (this.session.started) this.started?.();
  }

  /** Gives an answer to whom it belongs. One that nobody waits for any more (timeout, abort) is dropped. */
  private deliver({ message, genuine }: Answer): void {
    const waiting = this.pending.get(message.rid);
    if (waiting === undefined) return;
    if (genuine) waiting.resolve(message);
    else if (isUnsignedRefusal(message)) {
      const status = readStatus(message)!;
      const text =
        status.text ?? (status.result === Result.INVALIDKEY ? 'the server rejected our signature' : undefined);
      waiting.reject(statusError(status.result, text, waiting.doing));
    } else waiting.reject(new SignatureError(`${waiting.doing}: the answer is not signed with our key`));
  }

  /** The first reason counts. */
  private fail(reason: OmapiError): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    this.socket.destroy();
    for (const { reject } of [...this.pending.values()]) reject(reason);
  }
}
