/**
 * Kea's HTTP control socket, plain or TLS, on node:http. The wire is Kea's (section 4 of its control channel) where
 * node:http can speak it, except on purpose: credentials are checked before a body is read, a charset in Content-Type
 * and chunked bodies are accepted, sizes are bounded, methods are in upper case.
 *
 * One net.Server listens; it hands each connection to an http.Server or https.Server that does not listen itself.
 * So credentials, certificates and even TLS itself change on the same port without closing anything.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { formatAnswer, JsonSyntaxError, type JsonValue, parseCommandJson } from '@lessor/kea';
import type { Principal } from '../control/command.js';
import { type CommandOrigin, type DoorAnswer, renderAnswers, requestError, serverHandler } from '../control/door.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { EventBus } from '../services/events.js';
import type { Cancel } from '../services/ports.js';
import { asksForEvents, lastEventId, MAX_STREAMS, streamEvents } from './events-http.js';
import { authenticateAsKea, isRefusal, type RequestFacts } from './http-authenticate.js';
import { loadTls } from './http-tls.js';
import { type ControlListener, type ListenerDeps, writeAll } from './listener.js';

/** Kea bounds headers not at all; node:http's 16 kB would refuse what clients with large cookies send. */
const MAX_HEADER_OCTETS = 256 * 1024;

/** A request refused leaves its body unread; up to this size it is read and thrown away, and the connection kept. */
const MAX_DISCARDED_OCTETS = 64 * 1024;

/** Reason phrases of the statuses we answer with, as Kea has them. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Content Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** What Kea says where a body of no octets is announced. */
const NO_COMMAND = requestError('Command processing failed: NULL command parameter', 'command-malformed');

/** Key of an HTTP listener; whether it speaks TLS does not matter. */
export function httpKey(config: Pick<ControlSocketConfig, 'address' | 'port'>): string {
  return `http:${addressOf(config)}:${portOf(config)}`;
}

/** One listening HTTP or HTTPS socket. */
export class HttpListener implements ControlListener {
  readonly key: string;
  private handler: Server;
  private closing = false;
  private readonly connections = new Set<Socket>();
  /**
   * Deadline of each connection that waits for a request or the rest of its body (TLS: of the stream inside). Who is
   * first has waited the longest: more time for the same request leaves a connection in its place.
   */
  private readonly deadlines = new Map<Duplex, Cancel>();
  /** Ends of the event streams that are open. */
  private readonly streams = new Set<() => void>();
  /** Requests a connection has under way: more than one if the client pipelines. */
  private readonly active = new WeakMap<Duplex, number>();

  private constructor(
    private config: ControlSocketConfig,
    private readonly front: NetServer,
    tls: ServerOptions | undefined,
    private readonly deps: ListenerDeps,
  ) {
    this.key = httpKey(config);
    this.handler = this.createHandler(tls);
    front.on('connection', (socket) => this.accept(socket));
  }

  /** @throws LessorError `socket-open`, or `config-file` for TLS files that can not be used */
  static async open(config: ControlSocketConfig, deps: ListenerDeps): Promise<HttpListener> {
    const tls = config.tls === undefined ? undefined : loadTls(config.tls);
    const front = createNetServer();
    const listener = new HttpListener(config, front, tls, deps);
    await listen(front, addressOf(config), portOf(config));
    return listener;
  }

  get description(): string {
    return `${this.config.tls === undefined ? 'http' : 'https'} ${addressOf(this.config)}:${this.port}`;
  }

  /** The port that is bound: with port 0 in the configuration, the one the system chose. */
  get port(): number {
    return (this.front.address() as AddressInfo | null)?.port ?? portOf(this.config);
  }

  async prepare(next: ControlSocketConfig): Promise<() => void> {
    const tls = next.tls === undefined ? undefined : loadTls(next.tls);
    return () => {
      // Who may follow is decided when a stream begins: under other credentials it begins again.
      if (!isDeepStrictEqual(this.config.authentication, next.authentication)) this.endStreams();
      this.config = next;
      // Connections that are open stay with the handler that accepted them.
      this.handler = this.createHandler(tls);
    };
  }

  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => this.front.close(() => resolve()));
    this.endStreams();
    for (const socket of this.deadlines.keys()) socket.destroy();
    await closed;
  }

  private endStreams(): void {
    for (const end of this.streams) end();
  }

  private accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.connections.size >= this.deps.limits.maxConnections && !this.evict()) {
      socket.destroy();
      return;
    }
    this.connections.add(socket);
    socket.once('close', () => this.connections.delete(socket));
    this.handler.emit('connection', socket);
  }

  /** Closes the connection that has kept us waiting for a request the longest, so that idlers lock nobody out. */
  private evict(): boolean {
    const [longest] = this.deadlines.keys();
    longest?.destroy();
    return longest !== undefined;
  }

  private createHandler(tls: ServerOptions | undefined): Server {
    const options = { maxHeaderSize: MAX_HEADER_OCTETS, requireHostHeader: false, keepAliveTimeout: 0 };
    const server: Server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls });
    server.on('request', (request, response) => void this.handle(request, response));
    server.on('checkContinue', (request, response) => void this.handle(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // HPE: node's HTTP parser. Anything else is the connection itself, or a failed TLS handshake.
      if (error.code?.startsWith('HPE_')) refuseRaw(socket, 400);
      else socket.destroy();
    });
    server.on('connect', (_request, socket: Duplex) => refuseRaw(socket, 400));
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.greet(socket));
    return server;
  }

  /** A new connection, after its TLS handshake if it has one. */
  private greet(socket: Socket): void {
    if (this.closing) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.cancelDeadline(socket));
    this.setDeadline(socket, this.deps.limits.requestTimeoutMs, () => refuseRaw(socket, 408));
  }

  /** Gives a connection so much time, from now. */
  private setDeadline(socket: Duplex, timeoutMs: number, onTimeout: () => void): void {
    this.deadlines.get(socket)?.();
    this.deadlines.set(socket, this.deps.clock.after(timeoutMs, onTimeout));
  }

  private cancelDeadline(socket: Duplex): void {
    this.deadlines.get(socket)?.();
    this.deadlines.delete(socket);
  }

  /** One request. Never rejects. */
  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.cancelDeadline(socket);
    this.active.set(socket, (this.active.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (this.active.get(socket) ?? 1) - 1;
      this.active.set(socket, left);
      if (left > 0 || socket.destroyed) return;
      if (this.closing) socket.destroy();
      else this.setDeadline(socket, this.deps.limits.idleTimeoutMs, () => socket.destroy());
    });
    try {
      await this.answer(request, response);
    } catch (error) {
      this.deps.logger.log('ERROR', 'LESSOR_HTTP_FAILED', (error as Error).message, { stack: (error as Error).stack });
      if (!response.headersSent) this.refuse(response, 500);
      else response.destroy();
    }
  }

  /** Headers, credentials, body, JSON, command: in this order. */
  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { config } = this;
    for (const { name, value } of config.headers) response.setHeader(name, value);
    const { events } = this.deps;
    const follows = events !== undefined && asksForEvents(request);
    if (
      !follows &&
      (request.method !== 'POST' || !isJson(request.headers['content-type']) || !announcesBody(request))
    ) {
      this.refuse(response, 400, true);
      return;
    }
    const principal = (this.deps.authenticate ?? authenticateAsKea)(factsOf(request), config);
    if (isRefusal(principal)) {
      for (const [name, value] of Object.entries(principal.headers)) response.setHeader(name, value);
      this.refuse(response, principal.status, bodyLength(request) > MAX_DISCARDED_OCTETS);
      return;
    }
    if (follows) {
      await this.follow(events, request, response, principal);
      return;
    }
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await this.readBody(request);
    if (typeof body === 'number') {
      this.refuse(response, body, true);
      return;
    }
    await this.command(body, principal, response);
  }

  /** GET /events: allowed, and entered in the audit, as the command `events` is. */
  private async follow(
    events: EventBus,
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<void> {
    const { clock, dispatch } = this.deps;
    const origin: CommandOrigin = { principal, listener: this.key, receivedAt: clock.now() };
    const { code } = await dispatch({ ...origin, name: 'events', args: { limit: 0 }, service: undefined });
    if (code !== undefined || this.streams.size >= MAX_STREAMS || this.closing) {
      this.refuse(response, code === undefined ? 503 : code === 'command-denied' ? 403 : 500, true);
      return;
    }
    const end = streamEvents(response, events, lastEventId(request), clock);
    this.streams.add(end);
    response.once('close', () => this.streams.delete(end));
  }

  private async command(body: string, principal: Principal, response: ServerResponse): Promise<void> {
    const { clock, dispatch, limits, handle = serverHandler(dispatch) } = this.deps;
    const json = parseBody(body);
    if (json === undefined) {
      this.refuse(response, 400);
      return;
    }
    const origin: CommandOrigin = { principal, listener: this.key, receivedAt: clock.now() };
    const answers = body === '' ? [NO_COMMAND] : await handle(json, origin);
    if (answers.length === 1 && isDenied(answers[0]!)) {
      this.refuse(response, 403);
      return;
    }
    const buffers = await renderAnswers(answers, clock);
    this.writeHead(
      response,
      200,
      buffers.reduce((sum, { length }) => sum + length, 0),
    );
    if (await writeAll(response, buffers, clock, limits.idleTimeoutMs)) response.end();
    else response.destroy();
  }

  /** The body as a binary string, or the status to refuse it with. The timer starts anew with every read. */
  private readBody(request: IncomingMessage): Promise<string | number> {
    const { limits } = this.deps;
    const { socket } = request;
    const chunks: Buffer[] = [];
    let octets = 0;
    if (bodyLength(request) > limits.maxCommandOctets) return Promise.resolve(413);
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (body: string | number) => {
        // The request closes when its answer has left: the connection's deadline is another one's by then.
        if (settled) return;
        settled = true;
        this.cancelDeadline(socket);
        resolve(body);
      };
      const giveTime = () => this.setDeadline(socket, limits.requestTimeoutMs, () => settle(408));
      giveTime();
      request.on('data', (chunk: Buffer) => {
        if (settled) return;
        octets += chunk.length;
        if (octets > limits.maxCommandOctets) {
          chunks.length = 0;
          settle(413);
        } else {
          giveTime();
          chunks.push(chunk);
        }
      });
      request.on('end', () => settle(Buffer.concat(chunks).toString('latin1')));
      request.on('error', reject);
      request.on('close', () => settle(400));
    });
  }

  /** An error as Kea words it: a bare object. */
  private refuse(response: ServerResponse, status: number, close = false): void {
    const body = errorBody(status);
    if (close) response.shouldKeepAlive = false;
    this.writeHead(response, status, body.length);
    response.end(body);
  }

  private writeHead(response: ServerResponse, status: number, length: number): void {
    if (this.closing) response.shouldKeepAlive = false;
    response.writeHead(status, REASONS[status] ?? 'OK', {
      'Content-Type': 'application/json',
      'Content-Length': length,
    });
  }
}

function isDenied(answer: DoorAnswer): boolean {
  return 'code' in answer && answer.code === 'command-denied';
}

/** `application/json` in any case, with any parameters (Kea takes none). */
function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType ?? '');
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Octets the body is said to have; without a length more than any bound of discarding. */
function bodyLength({ headers }: IncomingMessage): number {
  return headers['content-length'] === undefined ? MAX_DISCARDED_OCTETS + 1 : Number(headers['content-length']);
}

/** undefined: not JSON. An empty body is null, which the caller tells apart. */
function parseBody(body: string): JsonValue | undefined {
  if (body === '') return null;
  try {
    return parseCommandJson(body, { comments: false });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function factsOf(request: IncomingMessage): RequestFacts {
  return {
    authorization: request.headers.authorization,
    certificateName: certificateName(request.socket),
    sourceAddress: request.socket.remoteAddress ?? '',
  };
}

/** Common name of a client certificate that was verified. */
function certificateName(socket: Socket): string | undefined {
  const tls = socket as Partial<TLSSocket>;
  if (tls.authorized !== true) return undefined;
  const name = tls.getPeerCertificate?.().subject?.CN;
  return Array.isArray(name) ? name[0] : name;
}

function errorBody(status: number): Buffer {
  return Buffer.from(formatAnswer({ result: status, text: REASONS[status] ?? 'Error' }), 'latin1');
}

/** Answers where there is no request object, and closes. */
function refuseRaw(socket: Duplex, status: number): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = errorBody(status);
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `Content-Length: ${body.length}`,
    'Content-Type: application/json',
    'Connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]), () => socket.destroy());
}

function addressOf(config: Pick<ControlSocketConfig, 'address'>): string {
  return config.address ?? '127.0.0.1';
}

function portOf(config: Pick<ControlSocketConfig, 'port'>): number {
  return config.port ?? 8000;
}

function listen(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(new LessorError('socket-open', `unable to bind ${host}:${port}: ${error.message}`));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
