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
  /**
   * Requests sent before an answer has come; further ones wait here. Default 8: a signed dhcpd 4.4.3 survives more only
   * as long as the answers it has not yet written fit into 4 KiB. Other servers may be given as many as one likes.
   */
  readonly maxInFlight?: number;
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

/** A request on its way: waiting to be sent, or sent and waiting for its answer. */
interface Transaction {
  readonly request: Request;
  readonly doing: string;
  /** Given when it is sent. */
  tid: number | undefined;
  resolve(answer: OmapiMessage): void;
  reject(reason: unknown): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_IN_FLIGHT = 8;

/** A connection that is open, started and, with a key, authenticated. Any number of requests may be under way on it. */
export class OmapiConnection {
  private readonly session: ClientSession;
  /** By transaction, those sent. */
  private readonly pending = new Map<number, Transaction>();
  /** Those not sent yet, in order. */
  private readonly waiting = new Set<Transaction>();
  private readonly peer: string;
  private readonly timers: Timers;
  private readonly requestTimeoutMs: number;
  private readonly maxInFlight: number;
  private failure: OmapiError | undefined;
  private started: (() => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    { host, port, requestTimeoutMs, maxMessageOctets, maxInFlight, firstTid, timers }: ConnectionOptions,
  ) {
    this.session = new ClientSession(firstTid ?? randomInt(1, 2 ** 31), maxMessageOctets ?? DEFAULT_MAX_MESSAGE_OCTETS);
    this.peer = `${host ?? '127.0.0.1'}:${port ?? OMAPI_PORT}`;
    this.timers = timers ?? systemTimers;
    this.requestTimeoutMs = requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.maxInFlight = maxInFlight ?? MAX_IN_FLIGHT;
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
    return this.pending.size + this.waiting.size;
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
      const ended = (settle: () => void): void => {
        this.waiting.delete(transaction);
        if (transaction.tid !== undefined) this.pending.delete(transaction.tid);
        cancelTimer();
        signal?.removeEventListener('abort', abort);
        settle();
        this.sendWaiting();
      };
      const transaction: Transaction = {
        request,
        doing,
        tid: undefined,
        resolve: (answer) => ended(() => resolve(answer)),
        reject: (reason) => ended(() => reject(reason)),
      };
      const abort = (): void => transaction.reject(signal?.reason);
      const tooLate = (): void => transaction.reject(new TimeoutError(`${doing}: no answer within ${timeoutMs} ms`));
      const cancelTimer = timeoutMs > 0 ? this.timers.after(timeoutMs, tooLate) : () => {};
      signal?.addEventListener('abort', abort, { once: true });
      this.waiting.add(transaction);
      this.sendWaiting();
    });
  }

  /** Sends what waits, as far as there is room. */
  private sendWaiting(): void {
    for (const transaction of this.waiting) {
      if (this.pending.size >= this.maxInFlight || this.failure !== undefined) return;
      this.waiting.delete(transaction);
      this.send(transaction);
    }
  }

  private send(transaction: Transaction): void {
    try {
      const { tid, octets } = this.session.encode(transaction.request);
      transaction.tid = tid;
      this.pending.set(tid, transaction);
      this.socket.write(octets);
    } catch (error) {
      transaction.reject(error);
    }
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
    const transaction = this.pending.get(message.rid);
    if (transaction === undefined) return;
    if (genuine) transaction.resolve(message);
    else if (isUnsignedRefusal(message)) {
      const status = readStatus(message)!;
      const text =
        status.text ?? (status.result === Result.INVALIDKEY ? 'the server rejected our signature' : undefined);
      transaction.reject(statusError(status.result, text, transaction.doing));
    } else transaction.reject(new SignatureError(`${transaction.doing}: the answer is not signed with our key`));
  }

  /** The first reason counts. */
  private fail(reason: OmapiError): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    this.socket.destroy();
    for (const transaction of [...this.pending.values(), ...this.waiting]) transaction.reject(reason);
  }
}
