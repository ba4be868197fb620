/**
 * OMAPI over TCP. Whom the configuration does not name, and who has failed to prove a key too often, is turned away
 * before an octet of his is read; who has proved nothing makes room for who comes.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { AccessControl } from '../control/access/access-control.js';
import { plainAddress } from '../control/access/connection-gate.js';
import { SourcePenalties } from '../control/access/source-penalties.js';
import type { Principal } from '../control/command.js';
import type { OmapiServices } from '../control/omapi/object.js';
import { OmapiServer } from '../control/omapi/server.js';
import { OmapiSession } from '../control/omapi/session.js';
import type { AccessPolicy } from '../domain/access/policy.js';
import type { ConfigSnapshot, OmapiConfig, OmapiListenerConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import type { BindDevice, Random } from '../services/ports.js';
import { listenAt } from './device-listen.js';
import { FairTurns } from './fair-turns.js';
import { InputMeter } from './input-meter.js';
import { OmapiConnection } from './omapi-connection.js';

/** How long messages of all connections are served before the loop looks at its packets again. */
const TURN_MS = 0.1;

/** What the listeners are given. */
export interface OmapiDeps extends OmapiServices {
  /** Who may connect, and who has a key; absent: sources of the block, and everything. */
  readonly access?: AccessControl;
  readonly random: Random;
  readonly bindDevice: BindDevice;
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
  private listeners: readonly OpenListener[] = [];
  /** In the order in which they came. */
  private readonly connections = new Set<OmapiConnection>();
  private readonly turns: FairTurns;
  private penalties: SourcePenalties;

  constructor(private readonly deps: OmapiDeps) {
    this.omapi = new OmapiServer(deps);
    this.turns = new FairTurns(deps.clock, Number.POSITIVE_INFINITY, TURN_MS);
    this.penalties = new SourcePenalties(deps.clock, 0);
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
    if (next?.limits.failuresPerSource !== this.config?.limits.failuresPerSource) {
      this.penalties = new SourcePenalties(this.deps.clock, next?.limits.failuresPerSource ?? 0);
    }
    this.config = next;
  }

  private async listen(place: OmapiListenerConfig): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    server.on('connection', (socket) => this.accept(socket, server, place));
    try {
      await listenAt(server, place, this.deps.bindDevice);
    } catch (error) {
      const text = `unable to bind ${place.address}:${place.port} for OMAPI: ${(error as Error).message}`;
      throw new LessorError('socket-open', text);
    }
    return server;
  }

  private accept(socket: Socket, server: Server, place: OmapiListenerConfig): void {
    const { config, deps } = this;
    socket.on('error', () => socket.destroy());
    const source = plainAddress(socket.remoteAddress ?? '');
    if (config === undefined) {
      socket.destroy();
      return;
    }
    // A reload may have changed what is said of this place.
    const { policy } = config.listeners.find((one) => keyOf(one) === keyOf(place)) ?? place;
    const admission = deps.access?.admit(policy, source);
    if (deps.access !== undefined && admission === undefined) {
      socket.destroy();
      return;
    }
    socket.once('close', () => admission?.release());
    const waitMs = this.penalties.waitMs(source);
    if (waitMs > 0) {
      socket.destroy();
      return;
    }
    if (this.connections.size >= config.limits.connections && !this.makeRoom()) {
      socket.destroy();
      deps.logger.log('WARN', 'LESSOR_OMAPI_FULL', `${source} is turned away: ${this.connections.size} connections`);
      return;
    }
    const { access } = deps;
    const where = { sourceAddress: source, ...(place.device === undefined ? {} : { interface: place.device }) };
    const origin = {
      listener: describe(server),
      sourceAddress: source,
      ...(access === undefined
        ? {}
        : {
            identify: remembered(
              (key) => access.identify(key === undefined ? {} : { omapiKey: key }, where, policy),
              () => deps.config.current.access,
            ),
          }),
    };
    const meter = access && new InputMeter(access, () => policy, source, deps.clock);
    if (meter !== undefined) socket.once('close', () => meter.stop());
    const tid = deps.random.below(0xffff_ffff) + 1;
    const session = new OmapiSession(this.omapi, config, origin, deps.logger, tid);
    const connection: OmapiConnection = new OmapiConnection(socket, session, config.limits, source, {
      clock: deps.clock,
      logger: deps.logger,
      turns: this.turns,
      onFailure: () => this.punish(source, connection),
      onTrusted: () => this.penalties.forgive(source),
      meter,
    });
    this.connections.add(connection);
    socket.once('close', () => this.connections.delete(connection));
    connection.start();
  }

  /** The connection ends with its answer, and its source is turned away until its time is over. */
  private punish(source: string, connection: OmapiConnection): void {
    const waitMs = this.penalties.fail(source);
    if (waitMs === 0) return;
    const text = `${source} has failed to prove a key too often and is turned away for ${waitMs / 1000} s`;
    this.deps.logger.log('WARN', 'LESSOR_OMAPI_SOURCE_BARRED', text);
    void connection.finish();
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
}

/** Who has a key, asked again only when the rules have become others; that nobody has it is asked, and audited, each time. */
function remembered(
  ask: (key: string | undefined) => Principal | undefined,
  rules: () => AccessPolicy | undefined,
): (key: string | undefined) => Principal | undefined {
  const known = new Map<string | undefined, { readonly rules: unknown; readonly principal: Principal }>();
  return (key) => {
    const now = rules();
    const before = known.get(key);
    if (before !== undefined && before.rules === now) return before.principal;
    const principal = ask(key);
    if (principal !== undefined) known.set(key, { rules: now, principal });
    return principal;
  };
}

function keyOf({ address, port, device = '' }: OmapiListenerConfig): string {
  return `${address} ${port} ${device}`;
}

function describe(server: Server): string {
  const bound = server.address() as AddressInfo | null;
  if (bound === null) return 'omapi';
  return `omapi ${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
