/**
 * Kea's HTTP control socket, plain or TLS, on node:http. The wire is Kea's (section 4 of its control channel) where
 * node:http can speak it, except on purpose: credentials are checked before a body is read, a charset in Content-Type
 * and chunked bodies are accepted, sizes are bounded, methods are in upper case. This file is the listening socket and
 * its connections; http-request.ts is what happens to a request.
 *
 * One socket listens; each connection is handed to an http.Server or https.Server that does not listen itself.
 * So credentials, certificates and even TLS itself change on the same port without closing anything.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Admission } from '../control/access/connection-gate.js';
import { STRANGER_COST } from '../control/access/stranger-budget.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import type { TcpArrival, TcpFront } from '../services/ports.js';
import { isWholeHead, isWholeRecord } from './first-octets.js';
import { handshakeRefusal } from './handshake-refusal.js';
import { HttpDeadlines } from './http-deadlines.js';
import { refuseRaw } from './http-refusal.js';
import { answerRequest, type RequestContext, refuse } from './http-request.js';
import { loadTls } from './http-tls.js';
import { InputMeter } from './input-meter.js';
import { CONNECTION_BACKLOG, type ControlListener, type ListenerDeps } from './listener.js';
import { certificateNames } from './peer-identity.js';
import { RevocationWatch, revokedSerials, serialOf } from './revocation-list.js';
import { SilentConnections } from './silent-connections.js';
import { openTcpFront } from './tcp-front.js';

/** Kea bounds headers not at all; node:http's 16 kB would refuse what clients with large cookies send. */
const MAX_HEADER_OCTETS = 256 * 1024;

/** Key of an HTTP listener; whether it speaks TLS does not matter. */
export function httpKey(config: Pick<ControlSocketConfig, 'address' | 'port' | 'policy'>): string {
  const device = config.policy?.interface;
  return `http:${addressOf(config)}:${portOf(config)}${device === undefined ? '' : `%${device}`}`;
}

/** One listening HTTP or HTTPS socket. */
export class HttpListener implements ControlListener, RequestContext {
  readonly key: string;
  readonly deadlines: HttpDeadlines;
  readonly refused = new WeakSet<Duplex>();
  readonly streams = new Set<() => void>();
  closing = false;
  private handler: Server;
  private readonly connections = new Set<Socket>();
  private readonly silent: SilentConnections;
  /** Connections whose TLS handshake is not over, by the other end; in the order in which they came. */
  private readonly handshakes = new Map<string, Socket>();
  private front: TcpFront | undefined;
  /** Told when the last connection is closed. */
  private emptied: () => void = () => undefined;
  private readonly proved = new WeakSet<Socket>();
  private readonly meters = new WeakMap<Socket, InputMeter>();
  /** Connections whose TLS handshake is over. */
  private readonly secure = new Set<TLSSocket>();
  private readonly revocation: RevocationWatch;

  private constructor(
    public config: ControlSocketConfig,
    tls: ServerOptions | undefined,
    readonly deps: ListenerDeps,
  ) {
    this.key = httpKey(config);
    this.deadlines = new HttpDeadlines(deps.clock);
    this.silent = new SilentConnections(deps.clock, deps.limits.requestTimeoutMs, {
      enough: (octets) => (this.config.tls === undefined ? isWholeHead(octets) : isWholeRecord(octets)),
      spoke: (arrival, admission) => void this.hand(arrival, admission),
      expired: (arrival, admission) => {
        if (this.config.tls === undefined) refuseRaw(this.hand(arrival, admission), 408);
        else {
          admission?.release();
          arrival.refuse();
        }
      },
    });
    this.handler = this.createHandler(tls);
    this.revocation = new RevocationWatch(
      deps.clock,
      () => this.config.tls?.crlFile,
      () => this.listChanged(),
    );
  }

  /** @throws LessorError `socket-open`, or `config-file` for TLS files that can not be used */
  static async open(config: ControlSocketConfig, deps: ListenerDeps): Promise<HttpListener> {
    const tls = config.tls === undefined ? undefined : loadTls(config.tls);
    const listener = new HttpListener(config, tls, deps);
    const device = config.policy?.interface;
    const place = { address: addressOf(config), port: portOf(config), backlog: CONNECTION_BACKLOG };
    listener.front = await openTcpFront({ ...place, ...(device === undefined ? {} : { device }) }, deps, (arrival) =>
      listener.accept(arrival),
    );
    listener.revocation.start();
    return listener;
  }

  get description(): string {
    return `${this.config.tls === undefined ? 'http' : 'https'} ${addressOf(this.config)}:${this.port}`;
  }

  /** The port that is bound: with port 0 in the configuration, the one the system chose. */
  get port(): number {
    return this.front?.port ?? portOf(this.config);
  }

  async prepare(next: ControlSocketConfig): Promise<() => void> {
    const tls = next.tls === undefined ? undefined : loadTls(next.tls);
    return () => {
      // Who may follow is decided when a stream begins: under other credentials it begins again.
      if (!isDeepStrictEqual(this.config.authentication, next.authentication)) this.endStreams();
      const listBefore = this.config.tls?.crlFile;
      this.config = next;
      // Connections that are open stay with the handler that accepted them.
      this.handler = this.createHandler(tls);
      if (next.tls?.crlFile === listBefore) return;
      this.revocation.start();
      this.listChanged();
    };
  }

  /** The list of revoked certificates has become another one: new connections are judged by it, and open ones too. */
  private listChanged(): void {
    const { tls } = this.config;
    if (tls?.crlFile === undefined) return;
    const { logger } = this.deps;
    let revoked: ReadonlySet<string>;
    try {
      this.handler = this.createHandler(loadTls(tls));
      revoked = revokedSerials(tls.crlFile);
    } catch (error) {
      // A list that can not be read changes nothing: who was refused still is.
      logger.log('WARN', 'LESSOR_REVOCATION_LIST', `${this.description}: ${(error as Error).message}`);
      return;
    }
    logger.log('WARN', 'LESSOR_REVOCATION_LIST', `${this.description}: ${revoked.size} certificates are revoked`);
    for (const socket of this.secure) {
      if (!revoked.has(serialOf(socket) ?? '')) continue;
      const who = certificateNames(socket.getPeerCertificate() ?? {})[0] ?? 'somebody';
      const text = `the certificate of ${who} has been revoked: its connection is ended`;
      this.refusedCertificate(text, socket.remoteAddress);
      socket.destroy();
    }
  }

  private refusedCertificate(reason: string, address: string | undefined): void {
    const origin = address === undefined ? {} : { sourceAddress: address };
    this.deps.access?.failed(reason, origin, this.config.policy);
  }

  async close(): Promise<void> {
    this.closing = true;
    this.front?.close();
    this.revocation.stop();
    this.endStreams();
    this.silent.close();
    for (const socket of this.deadlines.waiting) socket.destroy();
    for (const socket of this.handshakes.values()) socket.destroy();
    if (this.connections.size > 0) await new Promise<void>((resolve) => (this.emptied = resolve));
  }

  private endStreams(): void {
    for (const end of this.streams) end();
  }

  /** Nothing is allocated for a connection before it is admitted, and little before it says something. */
  private accept(arrival: TcpArrival): void {
    const { access } = this.deps;
    const admission = access?.admit(this.config.policy, arrival.source);
    const admitted = access === undefined || admission !== undefined;
    // One more takes the place of who waits the longest, so that idlers lock nobody out.
    const full = this.connections.size + this.silent.size >= this.deps.limits.maxConnections;
    if (!admitted || (full && !this.evict())) {
      admission?.release();
      arrival.refuse();
      return;
    }
    if (!this.silent.add(arrival, admission)) this.hand(arrival, admission);
  }

  /** Makes a connection of HTTP of it. */
  private hand(arrival: TcpArrival, admission: Admission | undefined): Socket {
    const socket = arrival.adopt();
    socket.on('error', () => socket.destroy());
    this.deps.strangers?.charge(STRANGER_COST.connection);
    this.connections.add(socket);
    socket.once('close', () => {
      admission?.release();
      this.connections.delete(socket);
      if (this.connections.size === 0) this.emptied();
    });
    if (this.config.tls !== undefined) {
      const key = endpointOf(socket);
      this.handshakes.set(key, socket);
      socket.once('close', () => this.handshakes.delete(key));
    }
    this.handler.emit('connection', socket);
    return socket;
  }

  prove(socket: Socket): void {
    if (this.proved.has(socket)) return;
    this.proved.add(socket);
    const { arrival, connection, handshake } = STRANGER_COST;
    this.deps.strangers?.refund(arrival + connection + (socket instanceof TLSSocket ? handshake : 0));
  }

  /** Closes one that has kept us waiting the longest: for anything, for a request, for the end of its TLS handshake. */
  private evict(): boolean {
    if (this.silent.evict() || this.deadlines.evict()) return true;
    const [longest] = this.handshakes.values();
    longest?.destroy();
    return longest !== undefined;
  }

  meterOf(socket: Socket): InputMeter | undefined {
    const { access, clock } = this.deps;
    if (access === undefined || (this.config.policy?.limits.octetsPerSecond ?? 0) === 0) return undefined;
    let meter = this.meters.get(socket);
    if (meter === undefined) {
      const made = new InputMeter(access, () => this.config.policy, socket.remoteAddress ?? '', clock);
      socket.once('close', () => made.stop());
      this.meters.set(socket, made);
      meter = made;
    }
    return meter;
  }

  private createHandler(tls: ServerOptions | undefined): Server {
    const options = { maxHeaderSize: MAX_HEADER_OCTETS, requireHostHeader: false, keepAliveTimeout: 0 };
    const server: Server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls });
    server.on('request', (request, response) => void this.handle(request, response));
    server.on('checkContinue', (request, response) => void this.handle(request, response));
    // Any other expectation is ignored, as in Kea.
    server.on('checkExpectation', (request, response) => void this.handle(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // HPE: node's HTTP parser. Anything else is the connection itself, or a failed TLS handshake.
      if (this.refused.has(socket)) (socket as Socket).destroySoon();
      else if (error.code?.startsWith('HPE_')) refuseRaw(socket, 400);
      else socket.destroy();
    });
    server.on('tlsClientError', (_error, socket: TLSSocket) => {
      const { certificate, address } = handshakeRefusal(socket);
      if (certificate !== undefined) this.refusedCertificate(`a certificate was refused: ${certificate}`, address);
    });
    server.on('connect', (_request, socket: Duplex) => refuseRaw(socket, 400));
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.greet(socket));
    return server;
  }

  /** A new connection, after its TLS handshake if it has one. */
  private greet(socket: Socket): void {
    this.handshakes.delete(endpointOf(socket));
    if (socket instanceof TLSSocket) {
      this.deps.strangers?.charge(STRANGER_COST.handshake);
      this.secure.add(socket);
      socket.once('close', () => this.secure.delete(socket));
    }
    if (this.closing) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.deadlines.cancel(socket));
    this.deadlines.set(socket, this.deps.limits.requestTimeoutMs, () => refuseRaw(socket, 408));
  }

  /** One request. Never rejects. */
  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.deadlines.begin(socket);
    response.once('close', () => {
      if (!this.deadlines.end(socket) || socket.destroyed) return;
      if (this.closing) socket.destroy();
      else this.deadlines.set(socket, this.deps.limits.idleTimeoutMs, () => socket.destroy());
    });
    try {
      await answerRequest(this, request, response);
    } catch (error) {
      this.deps.logger.log('ERROR', 'LESSOR_HTTP_FAILED', (error as Error).message, { stack: (error as Error).stack });
      if (!response.headersSent) refuse(this, response, 500);
      else response.destroy();
    }
  }
}

/** The other end of a connection; of its TLS stream the same. */
function endpointOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function addressOf(config: Pick<ControlSocketConfig, 'address'>): string {
  return config.address ?? '127.0.0.1';
}

function portOf(config: Pick<ControlSocketConfig, 'port'>): number {
  return config.port ?? 8000;
}
