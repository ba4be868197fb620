/**
 * Where the partner of a pair is heard: HTTP or HTTPS on this server's own url. Nothing is answered but the commands of
 * a pair, and nobody but the partner: by certificate and exact name, or, on plain HTTP, by address and password. Whoever
 * else comes gets 403 and a record in the audit.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ConnectionGate, plainAddress } from '../control/access/connection-gate.js';
import { RefusalLog } from '../control/access/refusal-log.js';
import { STRANGER_COST, type StrangerBudget } from '../control/access/stranger-budget.js';
import { Result } from '../control/command.js';
import type { HaConfig, HaPeer } from '../domain/ha/config.js';
import { isMap } from '../domain/json.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { AuditPort, AuditRecord } from '../services/audit.js';
import type { PeerAnswer } from '../services/kea-ha/answers.js';
import type { Clock, Logger, TcpArrival, TcpFront } from '../services/ports.js';
import type { TurnClock } from './fair-turns.js';
import { isWholeHead, isWholeRecord } from './first-octets.js';
import { handshakeRefusal } from './handshake-refusal.js';
import { authenticatedUser } from './http-credentials.js';
import { HttpDeadlines } from './http-deadlines.js';
import { loadTls } from './http-tls.js';
import { CONNECTION_BACKLOG } from './listener.js';
import { PeerDoor } from './peer-door.js';
import { certificateNames, strangerOnSocket } from './peer-identity.js';
import { revokedSerials, serialOf } from './revocation-list.js';
import { type FrontDeps, openTcpFront } from './tcp-front.js';

/** What a {@link PeerListener} works with. */
export interface PeerListenerParts extends FrontDeps {
  readonly clock: Pick<Clock, 'after' | 'now'> & TurnClock;
  readonly logger: Logger;
  readonly audit: AuditPort;
  /** What may be spent on those who do not show that they are of the relation; no bound if absent. */
  readonly strangers?: StrangerBudget;
  /** Milliseconds since 1970 of a date as node writes those of certificates. */
  readonly parseTime: (text: string) => EpochMs | undefined;
  /** A certificate was shown, which runs out then. */
  readonly onCertificate: (validTo: string) => void;
  /** Answers a command of a server of the relation, by its name. @throws CommandError, StoreError */
  readonly answer: (command: string, args: JsonMap, from: string) => Promise<PeerAnswer>;
}

/** Octets of a request: digests of a million leases take some hundred thousand. */
const MAX_BODY_OCTETS = 16 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 5000;
/** Until a request is complete. */
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

/** See the head of this file. */
export class PeerListener {
  readonly #server: Server | TlsServer;
  readonly #gate: ConnectionGate;
  readonly #refusals: RefusalLog;
  readonly #door: PeerDoor;
  readonly #deadlines: HttpDeadlines;
  #config: HaConfig;
  #front: TcpFront | undefined;
  /** Connections whose handshake is over. */
  readonly #secure = new Set<TLSSocket>();

  private constructor(
    config: HaConfig,
    private readonly parts: PeerListenerParts,
  ) {
    this.#config = config;
    this.#gate = new ConnectionGate(parts.clock);
    this.#refusals = new RefusalLog(parts.clock, parts.logger);
    this.#deadlines = new HttpDeadlines(parts.clock);
    this.#door = new PeerDoor({
      ...{ clock: parts.clock, strangers: parts.strangers },
      enough: config.self.tls === undefined ? isWholeHead : isWholeRecord,
      entered: (socket) => void this.#server.emit('connection', socket),
    });
    // Beside the deadlines: so that the partner is told how long it may be silent, and does not ask when we hang up.
    const options = { keepAliveTimeout: KEEP_ALIVE_MS };
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    const { tls } = config.self;
    if (tls === undefined) this.#server = createServer(options, listener);
    else {
      this.#server = createTlsServer({ ...options, ...tlsOptions(tls) }, listener);
      this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => this.#handshakeFailed(error, socket));
      this.#server.on('secureConnection', (socket: TLSSocket) => {
        parts.strangers?.charge(STRANGER_COST.handshake);
        this.#secure.add(socket);
        socket.once('close', () => this.#secure.delete(socket));
      });
    }
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#awaitRequest(socket);
      socket.once('close', () => this.#deadlines.cancel(socket));
    });
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Listens on the url of this server. @throws LessorError socket-open, config-file */
  static async open(config: HaConfig, parts: PeerListenerParts): Promise<PeerListener> {
    const listener = new PeerListener(config, parts);
    const { self, device } = config;
    const place = { address: self.address, port: self.port, backlog: CONNECTION_BACKLOG };
    listener.#front = await openTcpFront({ ...place, ...(device === undefined ? {} : { device }) }, parts, (arrival) =>
      listener.#arrived(arrival),
    );
    return listener;
  }

  /**
   * Reads the certificates again and follows other names; open connections stay, but those of certificates that have been
   * revoked. @throws LessorError config-file
   */
  useConfig(config: HaConfig): void {
    const { tls } = config.self;
    if (tls !== undefined && 'setSecureContext' in this.#server) this.#server.setSecureContext(tlsOptions(tls));
    this.#config = config;
    const revoked = tls?.crlFile === undefined ? undefined : revokedSerials(tls.crlFile);
    if (revoked === undefined) return;
    for (const socket of this.#secure) {
      if (!revoked.has(serialOf(socket) ?? '')) continue;
      this.#refused('TLS', 'the certificate has been revoked: its connection is ended', originOf(socket));
      socket.destroy();
    }
  }

  /** Stops listening and closes all connections. */
  async close(): Promise<void> {
    this.#front?.close();
    await this.#door.close();
  }

  /** Source, connections and their rate, before an octet is read: who may not come is not listened to. */
  #arrived(arrival: TcpArrival): void {
    const { listener, peers } = this.#config;
    const { source } = arrival;
    const isOurs = isAmong(peers, source);
    // Counted apart, so that others do not use up what the servers of the relation may.
    const outcome = this.#gate.admit(isOurs ? { ...listener, name: `servers at ${listener.name}` } : listener, source);
    if (typeof outcome === 'object') {
      this.#door.arrive(arrival, outcome, isOurs);
      return;
    }
    arrival.refuse();
    // A record for a line of the log, not for each connection: who knocks without end must not fill the audit either.
    const text = this.#refusals.tell(listener.name, source, outcome);
    if (text !== undefined) this.#refused('connection', text, { who: 'nobody', method: 'none', sourceAddress: source });
  }

  #handshakeFailed(error: Error, socket: TLSSocket): void {
    const { certificate, address } = handshakeRefusal(socket);
    if (certificate !== undefined) this.parts.strangers?.charge(STRANGER_COST.handshake);
    // With neither it is one that was turned away before: that has been said.
    if (certificate === undefined && socket.remoteAddress === undefined) return;
    const missing = certificate === undefined ? error.message : `its certificate was refused: ${certificate}`;
    this.#refused('TLS', missing, {
      ...originOf(socket),
      ...(address === undefined ? {} : { sourceAddress: address }),
    });
  }

  #awaitRequest(socket: Socket): void {
    this.#deadlines.set(socket, REQUEST_TIMEOUT_MS, () => socket.destroy());
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#awaitRequest(socket);
    const sender = this.#senderOf(request);
    if (typeof sender === 'string') {
      this.parts.strangers?.charge(STRANGER_COST.refusal);
      this.#refused('HTTP request', sender, originOf(socket));
      send(response, 403, { result: 403, text: 'Forbidden' }, true);
      return;
    }
    this.#door.prove(socket);
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const envelope = body === undefined ? undefined : parse(body);
    if (envelope === undefined) {
      send(response, 400, { result: 400, text: 'Bad Request' }, true);
      return;
    }
    this.#deadlines.cancel(socket);
    send(response, 200, [await this.#answer(envelope, sender.name, socket)], false);
  }

  async #answer({ command, arguments: args }: JsonMap, from: string, socket: Socket): Promise<JsonMap> {
    try {
      if (typeof command !== 'string') throw new CommandError('command-malformed', 'there is no command');
      return { ...(await this.parts.answer(command, isMap(args) ? args : {}, from)) };
    } catch (error) {
      const result = error instanceof CommandError ? error.result : Result.error;
      // The partner does not send what a partner may not, or the same twice: somebody recorded it, or has its certificate.
      if (error instanceof CommandError && error.code === 'command-denied') {
        const name = typeof command === 'string' ? command : '';
        this.#refused(name, error.message, { ...originOf(socket), who: from });
      }
      return { result, text: (error as Error).message };
    }
  }

  /** The server of the relation that sent it, or why it is none of them. */
  #senderOf(request: IncomingMessage): HaPeer | string {
    const { self, peers } = this.#config;
    const { socket, headers } = request;
    if (self.basicAuth !== undefined) {
      const authentication = { realm: '', clients: [self.basicAuth] };
      if (authenticatedUser(headers.authorization, authentication) === undefined) return 'wrong or no password';
    }
    if (socket instanceof TLSSocket) {
      const { valid_to: validTo } = socket.getPeerCertificate();
      if (validTo !== undefined) this.parts.onCertificate(validTo);
      // It was checked when the connection was made, which may be long ago.
      const ends = validTo === undefined ? undefined : this.parts.parseTime(validTo);
      if (ends !== undefined && ends < this.parts.clock.now()) return `its certificate ran out at ${validTo}`;
      const found = peers.find((peer) => strangerOnSocket(socket, peer) === undefined);
      return found ?? strangerOnSocket(socket, this.#config.partner)!;
    }
    const from = plainAddress(socket.remoteAddress ?? '');
    const known = peers.map(({ address }) => address).join(', ');
    return peers.find(({ address }) => address === from) ?? `it comes from ${from}, not from ${known}`;
  }

  #refused(command: string, missing: string, origin: Origin): void {
    const { clock, audit } = this.parts;
    audit.record({
      at: clock.now(),
      ...origin,
      listener: this.#config.listener.name,
      command,
      argumentsDigest: '',
      missing,
      result: Result.error,
      durationMs: 0,
    });
  }
}

/** Who it was, for the audit. */
type Origin = Pick<AuditRecord, 'who' | 'method' | 'sourceAddress'>;

function originOf(socket: Socket): Origin {
  const secure = socket instanceof TLSSocket;
  const names = secure ? certificateNames(socket.getPeerCertificate() ?? {}) : [];
  const { remoteAddress } = socket;
  return {
    who: names[0] ?? 'nobody',
    method: secure ? 'client-cert' : 'none',
    ...(remoteAddress === undefined ? {} : { sourceAddress: remoteAddress }),
  };
}

/** True if that is the address of one of these servers. */
function isAmong(peers: readonly HaPeer[], source: string): boolean {
  const plain = plainAddress(source);
  return peers.some(({ address }) => plainAddress(address) === plain);
}

function tlsOptions({ trustAnchor, certFile, keyFile, crlFile }: NonNullable<HaConfig['self']['tls']>) {
  const files = { trustAnchor, certFile, keyFile, certRequired: true };
  return {
    ...loadTls({ ...files, ...(crlFile === undefined ? {} : { crlFile }) }),
    minVersion: 'TLSv1.3' as const,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let octets = 0;
    request.on('data', (chunk: Buffer) => {
      octets += chunk.length;
      if (octets > MAX_BODY_OCTETS) {
        resolve(undefined);
        request.destroy();
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    request.on('close', () => resolve(undefined));
    request.on('error', () => resolve(undefined));
  });
}

function parse(body: string): JsonMap | undefined {
  try {
    const json: Json = JSON.parse(body);
    return isMap(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, json: Json, close: boolean): void {
  // Strings are octets here, as everywhere between the doors (control/door.ts).
  const body = Buffer.from(JSON.stringify(json), 'latin1');
  if (close) response.shouldKeepAlive = false;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}
