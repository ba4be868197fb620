/**
 * OMAPI over TCP. Whom the configuration does not name, and who has failed to prove a key too often, is turned away
 * before an octet of his is read; who has proved nothing makes room for who comes.
 */

import { isIPv6 } from 'node:net';
import type { AccessControl } from '../control/access/access-control.js';
import { plainAddress } from '../control/access/connection-gate.js';
import { SourcePenalties } from '../control/access/source-penalties.js';
import { STRANGER_COST, type StrangerBudget } from '../control/access/stranger-budget.js';
import type { Principal } from '../control/command.js';
import type { OmapiServices } from '../control/omapi/object.js';
import { OmapiServer } from '../control/omapi/server.js';
import { OmapiSession } from '../control/omapi/session.js';
import type { AccessPolicy } from '../domain/access/policy.js';
import type { ConfigSnapshot, OmapiConfig, OmapiListenerConfig } from '../domain/snapshot.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import type { BindDevice, ListenTcp, Random, TcpArrival, TcpFront } from '../services/ports.js';
import { FairTurns } from './fair-turns.js';
import { InputMeter } from './input-meter.js';
import { OmapiConnection } from './omapi-connection.js';
import { openTcpFront } from './tcp-front.js';

/**
 * How long messages of all connections are served before the loop looks at its packets again, while none come: so long
 * that the creations that wait, of whatever connections, are one batch with one flush.
 */
const TURN_MS = 4;

/** What the listeners are given. */
export interface OmapiDeps extends OmapiServices {
  /** Who may connect, and who has a key; absent: sources of the block, and everything. */
  readonly access?: AccessControl;
  readonly random: Random;
  readonly bindDevice: BindDevice;
  /** Takes connections by system calls; node:net if absent. */
  readonly listenTcp?: ListenTcp | undefined;
  /** What may be spent on those who prove no key; no bound if absent. */
  readonly strangers?: StrangerBudget;
}

/** One listening socket. */
interface OpenListener {
  readonly config: OmapiListenerConfig;
  readonly front: TcpFront;
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
    return this.listeners.map(({ front }) => describe(front));
  }

  /** Ports in the order of the configuration: where it says 0 the one the system chose. */
  get ports(): readonly number[] {
    return this.listeners.map(({ front }) => front.port);
  }

  /** @throws LessorError if an address can not be bound; then nothing has changed */
  async prepare({ omapi: next }: Pick<ConfigSnapshot, 'omapi'>): Promise<PreparedSwap> {
    const kept = new Map(this.listeners.map((listener) => [keyOf(listener.config), listener]));
    const fresh: OpenListener[] = [];
    const all: OpenListener[] = [];
    try {
      for (const config of next?.listeners ?? []) {
        const listener = kept.get(keyOf(config)) ?? { config, front: await this.listen(config) };
        if (!kept.has(keyOf(config))) fresh.push(listener);
        all.push(listener);
      }
    } catch (error) {
      for (const { front } of fresh) front.close();
      throw error;
    }
    return {
      commit: () => this.use(next, all, fresh),
      abandon: () => {
        for (const { front } of fresh) front.close();
      },
    };
  }

  /** Stops listening at once. Requests under way are answered; resolves when all connections are closed. */
  async close(): Promise<void> {
    for (const { front } of this.listeners) front.close();
    this.listeners = [];
    this.config = undefined;
    await Promise.all([...this.connections].map((connection) => connection.finish()));
  }

  private use(next: OmapiConfig | undefined, all: readonly OpenListener[], fresh: readonly OpenListener[]): void {
    const gone = this.listeners.filter((listener) => !all.includes(listener));
    for (const { front } of gone) front.close();
    for (const { front } of fresh) this.deps.logger.log('INFO', 'LESSOR_OMAPI_OPENED', `${describe(front)} opened`);
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

  private async listen(place: OmapiListenerConfig): Promise<TcpFront> {
    let name = 'omapi';
    const accept = (arrival: TcpArrival): void => this.accept(arrival, name, place);
    const { address, port, device } = place;
    const where = { address, port, allowHalfOpen: true, ...(device === undefined ? {} : { device }) };
    const front = await openTcpFront(where, this.deps, accept);
    name = describe(front);
    return front;
  }

  private accept(arrival: TcpArrival, name: string, place: OmapiListenerConfig): void {
    const { config, deps } = this;
    const source = plainAddress(arrival.source);
    if (config === undefined) {
      arrival.refuse();
      return;
    }
    // A reload may have changed what is said of this place.
    const { policy } = config.listeners.find((one) => keyOf(one) === keyOf(place)) ?? place;
    const admission = deps.access?.admit(policy, source);
    if (deps.access !== undefined && admission === undefined) {
      arrival.refuse();
      return;
    }
    if (this.penalties.waitMs(source) > 0) {
      admission?.release();
      arrival.refuse();
      return;
    }
    if (this.connections.size >= config.limits.connections && !this.makeRoom()) {
      admission?.release();
      arrival.refuse();
      deps.logger.log('WARN', 'LESSOR_OMAPI_FULL', `${source} is turned away: ${this.connections.size} connections`);
      return;
    }
    const socket = arrival.adopt();
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    socket.once('close', () => admission?.release());
    deps.strangers?.charge(STRANGER_COST.connection);
    const { access } = deps;
    const where = { sourceAddress: source, ...(place.device === undefined ? {} : { interface: place.device }) };
    const origin = {
      listener: name,
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
      onTrusted: () => {
        this.penalties.forgive(source);
        deps.strangers?.refund(STRANGER_COST.arrival + STRANGER_COST.connection);
      },
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

function describe({ address, port }: TcpFront): string {
  return `omapi ${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
