/**
 * A client that keeps itself connected: any object can be opened, any message sent. When the connection is lost, what
 * was under way fails (nobody knows what became of it), lookups are asked again, and the next request connects anew.
 */

import { Authenticator, type KeyOptions } from './authenticator.js';
import { noOctets } from './bytes.js';
import { type ConnectionOptions, OmapiConnection, type RequestOptions } from './connection.js';
import { ConnectionError, ProtocolError, StaleHandleError, UnsupportedError } from './errors.js';
import { type OpenFlags, openRequest, type Request, refreshRequest } from './exchange.js';
import { decodeDictionary, type Entry, findEntry, type OmapiMessage } from './message.js';
import { expectObject, type ObjectLink, OmapiObject, toEntries } from './object.js';
import type { ObjectInput, ObjectType } from './objects.js';
import { systemTimers } from './timers.js';
import { text, uint32 } from './values.js';

/** How hard to try when there is no connection. */
export interface ReconnectOptions {
  /** Attempts for one request, at least 1. */
  readonly attempts: number;
  /** Pause before the second attempt; doubled for each further one. */
  readonly delayMs: number;
}

/** Where the server is, the key, and what to do when the connection is lost. */
export interface ClientOptions extends Omit<ConnectionOptions, 'authenticator'> {
  readonly key?: Authenticator | KeyOptions | undefined;
  /** Default: 3 attempts, 200 ms. false: once lost, it stays lost. */
  readonly reconnect?: ReconnectOptions | false;
}

/** How an object is opened. */
export interface OpenOptions extends OpenFlags, RequestOptions {}

const RECONNECT: ReconnectOptions = { attempts: 3, delayMs: 200 };

/** See the head of this file. Any number of requests may be under way at once; they share the connection. */
export class ObjectClient {
  private readonly connectionOptions: ConnectionOptions;
  private readonly reconnect: ReconnectOptions | false;
  private connection: OmapiConnection | undefined;
  private connecting: Promise<OmapiConnection> | undefined;
  private readonly closing = new AbortController();

  /** Does not connect yet: the first request does, or {@link connect}. @throws KeyError */
  constructor({ key, reconnect = RECONNECT, ...connectionOptions }: ClientOptions = {}) {
    const authenticator = key === undefined || key instanceof Authenticator ? key : new Authenticator(key);
    this.connectionOptions = { ...connectionOptions, authenticator };
    this.reconnect = reconnect;
  }

  /**
   * Connects now, once, without further attempts. Does nothing if connected.
   * @throws as OmapiConnection.open
   */
  async connect(signal?: AbortSignal): Promise<this> {
    await this.connected({ attempts: 1, delayMs: 0 }, signal);
    return this;
  }

  /** True while there is a connection; it may turn out to be dead with the next request. */
  get isConnected(): boolean {
    return this.connection?.isOpen === true;
  }

  /** @throws ConnectionError unless there is a connection */
  checkConnected(): void {
    if (!this.isConnected) throw new ConnectionError('not connected');
  }

  /** Closes for good. Requests under way reject. */
  close(): void {
    this.closing.abort(new ConnectionError('the client is closed'));
    this.connection?.close();
  }

  /**
   * Sends any message and resolves with the answer, whatever it says: what the named methods are made of.
   * @throws ConnectionError, TimeoutError, SignatureError, KeyRejectedError, KeyRequiredError, DecodeError, EncodeError;
   *   the signal's reason
   */
  async request(request: Request, options: RequestOptions = {}): Promise<OmapiMessage> {
    return (await this.connected(this.reconnect, options.signal)).request(request, options);
  }

  /**
   * Opens an object by its keys; with flags, creates or changes it.
   * @param attributes values, or raw entries
   * @throws StatusError, ValueError; else as request()
   */
  async open<Type extends ObjectType>(
    type: Type,
    attributes: ObjectInput<Type> | readonly Entry[] = [],
    options: OpenOptions = {},
  ): Promise<OmapiObject<Type>> {
    const request = openRequest(type, toEntries(type, attributes), options);
    const doing = `${options.create ? 'create' : 'open'} ${type}`;
    const isLookup = !options.create && !options.update;
    try {
      return await this.openOnce(type, request, doing, options);
    } catch (error) {
      const lost = error instanceof ConnectionError && !this.closing.signal.aborted && this.reconnect !== false;
      if (!lost || !isLookup || this.isConnected) throw error;
      return this.openOnce(type, request, doing, options);
    }
  }

  /**
   * Opens an object by a handle that another object holds: the pool, subnet, host or class of a lease.
   * @param holder the object the handle was read from: it must be of the present connection
   * @throws NotFoundError, StaleHandleError; else as request()
   */
  async openHandle<Type extends ObjectType>(
    type: Type,
    handle: number,
    holder: OmapiObject<ObjectType>,
    options: RequestOptions = {},
  ): Promise<OmapiObject<Type>> {
    const link = holder.link;
    const answer = expectObject(await link.ask(refreshRequest(handle), options), `open ${type}`);
    return new OmapiObject(link, type, answer.handle, answer.object);
  }

  /**
   * All objects of a type, page by page. lessor has this, dhcpd has no such thing: the control object of a server that
   * has it says so, and nothing else is sent to one that does not.
   * @throws UnsupportedError if the server does not announce it; else as request()
   */
  async *list<Type extends ObjectType>(
    type: Type,
    options: RequestOptions = {},
  ): AsyncGenerator<OmapiObject<Type>, void, undefined> {
    const connection = await this.connected(this.reconnect, options.signal);
    const link = this.linkTo(connection);
    const control = expectObject(await link.ask(openRequest('control', []), options), 'open control');
    if (!announces(control.object, LIST)) throw new UnsupportedError(`the server does not list objects (${type})`);
    const of: Entry = ['of', text.encode(type)];
    for (let after: Uint8Array | undefined; ; ) {
      const keys: Entry[] = after === undefined ? [of] : [of, ['after', after]];
      const page = expectObject(await link.ask(openRequest(LIST, keys), options), `list ${type}`);
      for (const entries of pageOf(page.object)) {
        const handle = uint32.decode(findEntry(entries, 'handle') ?? noOctets());
        if (handle === undefined) throw new ProtocolError(`list ${type}: an object without a handle`);
        yield new OmapiObject(
          link,
          type,
          handle,
          entries.filter(([name]) => name !== 'handle'),
        );
      }
      after = findEntry(page.object, 'next');
      if (after === undefined) return;
    }
  }

  private async openOnce<Type extends ObjectType>(
    type: Type,
    request: Request,
    doing: string,
    options: OpenOptions,
  ): Promise<OmapiObject<Type>> {
    const connection = await this.connected(this.reconnect, options.signal);
    const answer = expectObject(await connection.request(request, options), doing);
    return new OmapiObject(this.linkTo(connection), type, answer.handle, answer.object);
  }

  private linkTo(connection: OmapiConnection): ObjectLink {
    return {
      ask: async (request, options) => {
        if (!connection.isOpen) throw new StaleHandleError('the connection this object was opened on is gone');
        return connection.request(request, options);
      },
    };
  }

  /** The connection; made if there is none. All who wait for it wait for the same one. */
  private async connected(effort: ReconnectOptions | false, signal?: AbortSignal): Promise<OmapiConnection> {
    this.closing.signal.throwIfAborted();
    signal?.throwIfAborted();
    if (this.connection?.isOpen === true) return this.connection;
    if (effort === false && this.connection !== undefined) throw new ConnectionError('the connection is lost');
    this.connecting ??= this.tryToConnect(effort || { attempts: 1, delayMs: 0 }).finally(() => {
      this.connecting = undefined;
    });
    return signal === undefined ? this.connecting : untilAborted(this.connecting, signal);
  }

  private async tryToConnect({ attempts, delayMs }: ReconnectOptions): Promise<OmapiConnection> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.connection = await OmapiConnection.open(this.connectionOptions, this.closing.signal);
        return this.connection;
      } catch (error) {
        // Only what may pass by itself is worth another try: a wrong key will not.
        if (attempt >= attempts || !(error instanceof ConnectionError)) throw error;
        await this.pause(delayMs * 2 ** (attempt - 1));
      }
    }
  }

  private pause(delayMs: number): Promise<void> {
    const { signal } = this.closing;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = (this.connectionOptions.timers ?? systemTimers).after(delayMs, () => {
        signal.removeEventListener('abort', stop);
        resolve();
      });
      signal.addEventListener('abort', stop, { once: true });
    });
  }
}

/** Name of the extension, and of its object type. */
const LIST = 'list';

/** True if the control object names an extension. */
function announces(control: readonly Entry[], extension: string): boolean {
  const extensions = text.decode(findEntry(control, 'extensions') ?? noOctets()) ?? '';
  return extensions.split(' ').includes(extension);
}

/** The objects of a page: its attributes whose names are numbers. */
function pageOf(page: readonly Entry[]): readonly (readonly Entry[])[] {
  return page.filter(([name]) => /^\d+$/.test(name)).map(([, octets]) => decodeDictionary(octets));
}

/** A promise that also rejects when a signal says so; what it waited for goes on. */
function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
