/**
 * OMAPI over TCP. Whom the configuration does not name is turned away before an octet of his is read; connections,
 * messages and silence are bounded, more tightly before a key has been proved than after.
 */

import { type AddressInfo, BlockList, createServer, isIP, type Server, type Socket } from 'node:net';
import { DecodeError, encodeStartup, StreamDecoder } from '@lessor/omapi';
import type { OmapiServices } from '../control/omapi/object.js';
import { OmapiServer } from '../control/omapi/server.js';
import { OmapiSession, type Reaction } from '../control/omapi/session.js';
import type { ConfigSnapshot, OmapiConfig, OmapiListenerConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import type { Cancel, Random } from '../services/ports.js';
import { writeAll } from './listener.js';

/** Octets of a message before a key has been proved: the opening of a key has some 150. */
const UNPROVED_MESSAGE_OCTETS = 4096;
/** Messages of one connection that are served before the loop may look at its packets again. */
const MESSAGES_PER_TURN = 16;
/** How long we wait for the other side to close after us. */
const LINGER_MS = 1000;

/** What the listeners are given. */
export interface OmapiDeps extends OmapiServices {
  readonly random: Random;
}

/** One listening socket. */
interface OpenListener {
  readonly config: OmapiListenerConfig;
  readonly server: Server;
}

/** The OMAPI listeners of a configuration, and their connections. */
export class OmapiListeners implements SwapParticipant {
  readonly name = 'omapi';
  private readonly omapi: OmapiServer;
  private config: OmapiConfig | undefined;
  private sources: BlockList | undefined;
  private listeners: readonly OpenListener[] = [];
  /** In the order in which they came. */
  private readonly connections = new Set<Connection>();

  constructor(private readonly deps: OmapiDeps) {
    this.omapi = new OmapiServer(deps);
  }

  /** Where OMAPI is served, for people: `omapi 127.0.0.1:7911`. */
  get open(): readonly string[] {
    return this.listeners.map(({ server }) => describe(server));
  }

  /** Ports in the order of the configuration: where it says 0 the one the system chose. */
  get ports(): readonly number[] {
    return this.listeners.map(({ server }) => (server.address() as AddressInfo).port);
  }

  /** @throws LessorError if an address can not be bound; then nothing has changed */
  async prepare({ omapi: next }: Pick<ConfigSnapshot, 'omapi'>): Promise<PreparedSwap> {
    const kept = new Map(this.listeners.map((listener) => [keyOf(listener.config), listener]));
    const fresh: OpenListener[] = [];
    const all: OpenListener[] = [];
    try {
      for (const config of next?.listeners ?? []) {
        const listener = kept.get(keyOf(config)) ?? { config, server: await this.listen(config) };
        if (!kept.has(keyOf(config))) fresh.push(listener);
        all.push(listener);
      }
    } catch (error) {
      for (const { server } of fresh) server.close();
      throw error;
    }
    return {
      commit: () => this.use(next, all, fresh),
      abandon: () => {
        for (const { server } of fresh) server.close();
      },
    };
  }

  /** Stops listening at once. Requests under way are answered; resolves when all connections are closed. */
  async close(): Promise<void> {
    for (const { server } of this.listeners) server.close();
    this.listeners = [];
    this.config = undefined;
    await Promise.all([...this.connections].map((connection) => connection.finish()));
  }

  private use(next: OmapiConfig | undefined, all: readonly OpenListener[], fresh: readonly OpenListener[]): void {
    const gone = this.listeners.filter((listener) => !all.includes(listener));
    for (const { server } of gone) server.close();
    for (const { server } of fresh) this.deps.logger.log('INFO', 'LESSOR_OMAPI_OPENED', `${describe(server)} opened`);
    // A key or a source that is no longer there must not go on being served.
    if (next?.fingerprint !== this.config?.fingerprint) {
      for (const connection of this.connections) void connection.finish();
    }
    this.listeners = all;
    this.config = next;
    this.sources = next === undefined ? undefined : sourceList(next);
  }

  private listen({ address, port }: OmapiListenerConfig): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    server.on('connection', (socket) => this.accept(socket, server));
    return new Promise((resolve, reject) => {
      server.once('error', (error) =>
        reject(new LessorError('socket-open', `unable to bind ${address}:${port} for OMAPI: ${error.message}`)),
      );
      server.listen({ host: address, port }, () => resolve(server));
    });
  }

  private accept(socket: Socket, server: Server): void {
    const { config, deps } = this;
    socket.on('error', () => socket.destroy());
    const source = plainAddress(socket.remoteAddress ?? '');
    if (config === undefined || !this.isAllowed(source)) {
      socket.destroy();
      deps.logger.log('WARN', 'LESSOR_OMAPI_SOURCE_REFUSED', `${source || 'a client'} is not in allowed-sources`);
      return;
    }
    if (this.connections.size >= config.limits.connections && !this.makeRoom()) {
      socket.destroy();
      deps.logger.log('WARN', 'LESSOR_OMAPI_FULL', `${source} is turned away: ${this.connections.size} connections`);
      return;
    }
    const origin = { listener: describe(server), sourceAddress: source };
    const tid = deps.random.below(0xffff_ffff) + 1;
    const session = new OmapiSession(this.omapi, config, origin, deps.logger, tid);
    const connection = new Connection(socket, session, config.limits, source, deps);
    this.connections.add(connection);
    socket.once('close', () => this.connections.delete(connection));
    connection.start();
  }

  /** Who has proved nothing yet makes room for who comes; false if there is none such. */
  private makeRoom(): boolean {
    for (const connection of this.connections) {
      if (connection.trusted) continue;
      connection.drop();
      this.connections.delete(connection);
      return true;
    }
    return false;
  }

  private isAllowed(source: string): boolean {
    const family = isIP(source);
    if (family === 0) return false;
    return this.sources === undefined || this.sources.check(source, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** One client. */
class Connection {
  private readonly decoder: StreamDecoder;
  private cancelTimer: Cancel = () => undefined;
  /** Milliseconds of the timer that runs. */
  private armedFor: number | undefined;
  private busy = false;
  /** No more requests are taken: the other side has ended, or broken the protocol, or we stop. */
  private ended = false;
  private readonly closed: Promise<void>;

  constructor(
    private readonly socket: Socket,
    private readonly session: OmapiSession,
    private readonly limits: OmapiConfig['limits'],
    private readonly source: string,
    private readonly deps: OmapiDeps,
  ) {
    this.decoder = new StreamDecoder(session.trusted ? limits.messageOctets : UNPROVED_MESSAGE_OCTETS);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.cancelTimer();
        resolve();
      });
    });
  }

  get trusted(): boolean {
    return this.session.trusted;
  }

  /** Sends our start-up without waiting for theirs, then reads. */
  start(): void {
    this.socket.write(encodeStartup());
    this.expect(this.limits.requestTimeoutMs);
    this.socket.on('data', (chunk: Buffer) => {
      // What comes after the end is thrown away: unread, it would turn our close into a reset.
      if (this.ended) return;
      this.decoder.push(chunk);
      void this.work();
    });
    this.socket.on('end', () => {
      this.ended = true;
      if (!this.busy) this.end();
    });
    this.socket.resume();
  }

  /** Closes when the request under way has been answered; resolves when it is closed. */
  finish(): Promise<void> {
    this.ended = true;
    if (!this.busy) this.end();
    return this.closed;
  }

  /** Closes at once. */
  drop(): void {
    this.ended = true;
    this.socket.destroy();
  }

  /** Serves the whole messages that have come, one after the other. Meanwhile nothing more is read. */
  private async work(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.socket.pause();
    const stopped = await this.serveAll();
    this.busy = false;
    if (stopped || this.ended) this.end();
    else {
      this.expect(this.silenceAllowed());
      this.socket.resume();
    }
  }

  /** True if the connection is to be closed. */
  private async serveAll(): Promise<boolean> {
    for (let served = 1; ; served++) {
      let reaction: Reaction;
      try {
        const frame = this.decoder.next();
        if (frame === undefined) return false;
        this.disarm();
        reaction = await this.session.react(frame);
      } catch (error) {
        const { message, stack } = error as Error;
        reaction = { close: message };
        if (!(error instanceof DecodeError)) {
          this.deps.logger.log('ERROR', 'LESSOR_OMAPI_FAILED', `a connection failed: ${message}`, { stack });
        }
      }
      if (this.session.trusted) this.decoder.maxMessageOctets = this.limits.messageOctets;
      if (!(await this.carryOut(reaction))) return true;
      if (this.socket.destroyed || this.ended) return true;
      if (served % MESSAGES_PER_TURN === 0) await new Promise<void>((resume) => this.deps.clock.soon(resume));
    }
  }

  /** Answers in one write: clients read an answer with one read. False if the connection is to be closed. */
  private async carryOut({ octets, afterwards = [], close }: Reaction): Promise<boolean> {
    const { clock, logger } = this.deps;
    if (octets !== undefined && afterwards.length > 0) {
      // The answer to a shutdown is with the system before the shutdown begins.
      await new Promise<void>((sent) => this.socket.write(octets, () => sent()));
    } else if (octets !== undefined) {
      const sent = await writeAll(this.socket, [Buffer.from(octets)], clock, this.limits.requestTimeoutMs);
      if (!sent) {
        this.socket.destroy();
        return false;
      }
    }
    for (const work of afterwards) work();
    if (close === undefined) return true;
    logger.log('WARN', 'LESSOR_OMAPI_CLOSED', `${this.source} is disconnected: ${close}`);
    return false;
  }

  private silenceAllowed(): number {
    const { idleTimeoutMs, requestTimeoutMs } = this.limits;
    const waiting = this.decoder.startup !== undefined && this.decoder.bufferedOctets === 0;
    return waiting && this.session.trusted ? idleTimeoutMs : requestTimeoutMs;
  }

  /** A timer runs on while parts of a message come: it counts for the whole. */
  private expect(timeoutMs: number): void {
    if (this.armedFor === timeoutMs && this.decoder.bufferedOctets > 0) return;
    this.disarm();
    this.armedFor = timeoutMs;
    this.cancelTimer = this.deps.clock.after(timeoutMs, () => {
      this.deps.logger.log('INFO', 'LESSOR_OMAPI_TIMEOUT', `${this.source} was silent for ${timeoutMs / 1000} s`);
      void this.finish();
    });
  }

  private disarm(): void {
    this.cancelTimer();
    this.armedFor = undefined;
  }

  private end(): void {
    this.cancelTimer();
    if (this.socket.destroyed) return;
    this.socket.resume();
    this.socket.end();
    this.cancelTimer = this.deps.clock.after(LINGER_MS, () => this.socket.destroy());
    this.socket.once('end', () => this.socket.destroySoon());
    if (this.socket.readableEnded) this.socket.destroySoon();
  }
}

function sourceList({ allowedSources }: OmapiConfig): BlockList | undefined {
  if (allowedSources.length === 0) return undefined;
  const list = new BlockList();
  for (const { address, prefixLength } of allowedSources) {
    list.addSubnet(address, prefixLength, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** An IPv4 address as it is, also where a socket for both families has it in IPv6's form. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

function keyOf({ address, port }: OmapiListenerConfig): string {
  return `${address} ${port}`;
}

function describe(server: Server): string {
  const bound = server.address() as AddressInfo | null;
  if (bound === null) return 'omapi';
  return `omapi ${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
