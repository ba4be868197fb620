/**
 * Where the partner of a pair is heard: HTTP or HTTPS on this server's own url. Nothing is answered but the commands of
 * a pair, and nobody but the partner: by certificate and exact name, or, on plain HTTP, by address and password. Whoever
 * else comes gets 403 and a record in the audit.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ConnectionGate } from '../control/access/connection-gate.js';
import { RefusalLog } from '../control/access/refusal-log.js';
import { Result } from '../control/command.js';
import type { HaConfig, HaPeer } from '../domain/ha/config.js';
import { isMap } from '../domain/json.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError, LessorError } from '../errors.js';
import type { AuditPort } from '../services/audit.js';
import type { PeerAnswer } from '../services/kea-ha/answers.js';
import type { BindDevice, Clock, Logger } from '../services/ports.js';
import { listenAt } from './device-listen.js';
import { handshakeRefusal } from './handshake-refusal.js';
import { authenticatedUser } from './http-credentials.js';
import { loadTls } from './http-tls.js';
import { certificateNames, strangerOnSocket } from './peer-identity.js';
import { revokedSerials, serialOf } from './revocation-list.js';

/** What a {@link PeerListener} works with. */
export interface PeerListenerParts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly logger: Logger;
  readonly audit: AuditPort;
  readonly bindDevice: BindDevice;
  /** Milliseconds since 1970 of a date as node writes those of certificates. */
  readonly parseTime: (text: string) => EpochMs | undefined;
  /** A certificate was shown, which runs out then. */
  readonly onCertificate: (validTo: string) => void;
  /** Answers a command of a server of the relation, by its name. @throws CommandError, StoreError */
  readonly answer: (command: string, args: JsonMap, from: string) => Promise<PeerAnswer>;
}

/** Octets of a request: digests of a million leases take some hundred thousand. */
const MAX_BODY_OCTETS = 16 * 1024 * 1024;
/** One partner needs a handful; strangers are not to take them all. */
const MAX_CONNECTIONS = 64;
const HEADERS_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

/** See the head of this file. */
export class PeerListener {
  readonly #server: Server | TlsServer;
  readonly #gate: ConnectionGate;
  readonly #refusals: RefusalLog;
  #config: HaConfig;
  /** Connections whose handshake is over. */
  readonly #secure = new Set<TLSSocket>();

  private constructor(
    config: HaConfig,
    private readonly parts: PeerListenerParts,
  ) {
    this.#config = config;
    this.#gate = new ConnectionGate(parts.clock);
    this.#refusals = new RefusalLog(parts.clock, parts.logger);
    const options = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    const { tls } = config.self;
    if (tls === undefined) this.#server = createServer(options, listener);
    else {
      this.#server = createTlsServer({ ...options, ...tlsOptions(tls) }, listener);
      this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
        const { certificate, address } = handshakeRefusal(socket);
        // With neither it is one that was turned away before: that has been said.
        if (certificate === undefined && socket.remoteAddress === undefined) return;
        const missing = certificate === undefined ? error.message : `its certificate was refused: ${certificate}`;
        this.#refused(socket, 'TLS', nameOn(socket), missing, address);
      });
      this.#server.on('secureConnection', (socket: TLSSocket) => {
        this.#secure.add(socket);
        socket.once('close', () => this.#secure.delete(socket));
      });
    }
    // Before TLS: who may not come is not listened to.
    this.#server.prependListener('connection', (socket: Socket) => this.#admit(socket));
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Listens on the url of this server. @throws LessorError socket-open, config-file */
  static async open(config: HaConfig, parts: PeerListenerParts): Promise<PeerListener> {
    const listener = new PeerListener(config, parts);
    const { address, port } = config.self;
    try {
      await listenAt(
        listener.#server,
        { address, port, ...(config.device === undefined ? {} : { device: config.device }) },
        parts.bindDevice,
      );
    } catch (error) {
      if (error instanceof LessorError) throw error;
      throw new LessorError('socket-open', `partner listener ${address} port ${port}: ${(error as Error).message}`);
    }
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
      this.#refused(socket, 'TLS', nameOn(socket), 'the certificate has been revoked: its connection is ended');
      socket.destroy();
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Source, connections and their rate, before an octet is read. */
  #admit(socket: Socket): void {
    const { listener } = this.#config;
    const outcome = this.#gate.admit(listener, socket.remoteAddress ?? '');
    if (typeof outcome === 'object') {
      socket.once('close', () => outcome.release());
      return;
    }
    // A record for a line of the log, not for each connection: who knocks without end must not fill the audit either.
    const text = this.#refusals.tell(listener.name, socket.remoteAddress ?? '', outcome);
    if (text !== undefined) this.#refused(socket, 'connection', 'nobody', text);
    socket.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sender = this.#senderOf(request);
    if (typeof sender === 'string') {
      this.#refused(request.socket, 'HTTP request', nameOn(request.socket), sender);
      send(response, 403, { result: 403, text: 'Forbidden' }, true);
      return;
    }
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const envelope = body === undefined ? undefined : parse(body);
    if (envelope === undefined) {
      send(response, 400, { result: 400, text: 'Bad Request' }, true);
      return;
    }
    send(response, 200, [await this.#answer(envelope, sender.name, request.socket)], false);
  }

  async #answer({ command, arguments: args }: JsonMap, from: string, socket: Socket): Promise<JsonMap> {
    try {
      if (typeof command !== 'string') throw new CommandError('command-malformed', 'there is no command');
      return { ...(await this.parts.answer(command, isMap(args) ? args : {}, from)) };
    } catch (error) {
      const result = error instanceof CommandError ? error.result : Result.error;
      // The partner does not send what a partner may not, or the same twice: somebody recorded it, or has its certificate.
      if (error instanceof CommandError && error.code === 'command-denied') {
        this.#refused(socket, typeof command === 'string' ? command : '', from, error.message);
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
    const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const known = peers.map(({ address }) => address).join(', ');
    return peers.find(({ address }) => address === from) ?? `it comes from ${from}, not from ${known}`;
  }

  #refused(socket: Socket, command: string, who: string, missing: string, address = socket.remoteAddress): void {
    const { clock, audit } = this.parts;
    audit.record({
      at: clock.now(),
      who,
      method: socket instanceof TLSSocket ? 'client-cert' : 'none',
      ...(address === undefined ? {} : { sourceAddress: address }),
      listener: this.#config.listener.name,
      command,
      argumentsDigest: '',
      missing,
      result: Result.error,
      durationMs: 0,
    });
  }
}

function tlsOptions({ trustAnchor, certFile, keyFile, crlFile }: NonNullable<HaConfig['self']['tls']>) {
  const files = { trustAnchor, certFile, keyFile, certRequired: true };
  return {
    ...loadTls({ ...files, ...(crlFile === undefined ? {} : { crlFile }) }),
    minVersion: 'TLSv1.3' as const,
    handshakeTimeout: HEADERS_TIMEOUT_MS,
  };
}

function nameOn(socket: Socket): string {
  const names = socket instanceof TLSSocket ? certificateNames(socket.getPeerCertificate() ?? {}) : [];
  return names[0] ?? 'nobody';
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
