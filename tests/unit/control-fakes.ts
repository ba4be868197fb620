/** Stand-ins for what the control layer works on: a clock that is moved by hand, leases in a list, and so on. */

import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import type { ControlServices } from 'lessor/internal/control/services.js';
import { PagePool } from 'lessor/internal/control/text-pages.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { type ShowLease, showLeases } from 'lessor/internal/domain/lease-view.js';
import type { ConfigSnapshot, Json } from 'lessor/internal/domain/snapshot.js';
import { ConfigError } from 'lessor/internal/errors.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import type { ConfigServiceApi } from 'lessor/internal/services/config-service.js';
import type { EditOutcome } from 'lessor/internal/services/edit-batch.js';
import type { Cancel, Clock, LeaseReader, Logger } from 'lessor/internal/services/ports.js';
import { ReservationDirectories } from 'lessor/internal/services/reservation-directory.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { SubnetLeaseCounts } from 'lessor/internal/services/subnet-lease-counts.js';
import { noChangeServices } from '../lib/change-services.js';

/** A clock that stands still until it is moved. `soon` is real, so that promises get on. */
export class HandClock implements Clock {
  private at = 1_795_321_794_000;
  private readonly timers = new Set<{ due: number; fn: () => void }>();

  now(): number {
    return this.at;
  }
  monotonic(): number {
    return this.at;
  }
  after(delayMs: number, fn: () => void): Cancel {
    const timer = { due: this.at + delayMs, fn };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }
  soon(fn: () => void): void {
    setImmediate(fn);
  }
  /** Timers that have been set and neither ran nor were cancelled. */
  get pending(): number {
    return this.timers.size;
  }
  /** Moves on and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.at + ms;
    for (;;) {
      const next = [...this.timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.timers.delete(next);
      this.at = next.due;
      next.fn();
    }
    this.at = end;
  }
}

/** A logger that keeps what it is given. */
export class ListLogger implements Logger {
  readonly lines: { severity: string; id: string; text: string }[] = [];
  enabled(): boolean {
    return true;
  }
  log(severity: string, id: string, text: string): void {
    this.lines.push({ severity, id, text });
  }
  child(): Logger {
    return this;
  }
}

/** A lease with everything it needs. */
export function makeLease(change: Partial<Lease> & Pick<Lease, 'address'>): Lease {
  return {
    hwAddress: '',
    clientId: '',
    validLifetimeSec: 3600,
    clttSec: 1_795_321_794,
    subnetId: 1,
    poolId: 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: '',
    state: 0,
    userContext: '',
    ...change,
  };
}

/** Leases in a list. */
export class ListLeases implements LeaseReader {
  constructor(private readonly leases: readonly Lease[]) {}
  private sorted(): Lease[] {
    return [...this.leases].sort((a, b) => a.address - b.address);
  }
  getByAddress(address: number): Lease | undefined {
    return this.leases.find((lease) => lease.address === address);
  }
  findByClientId(clientId: string, accept: (id: number) => boolean): Lease | undefined {
    return this.listByClientId(clientId).find(({ subnetId }) => accept(subnetId));
  }
  findByHwAddress(hwAddress: string, accept: (id: number) => boolean): Lease | undefined {
    return this.listByHwAddress(hwAddress).find(({ subnetId }) => accept(subnetId));
  }
  listByClientId(clientId: string): Lease[] {
    return this.sorted().filter((lease) => lease.clientId === clientId);
  }
  listByHwAddress(hwAddress: string): Lease[] {
    return this.sorted().filter((lease) => lease.hwAddress === hwAddress);
  }
  listByHostname(hostname: string): Lease[] {
    return this.sorted().filter((lease) => lease.hostname === hostname.toLowerCase());
  }
  page(after: number | undefined, limit: number): Lease[] {
    return this.sorted()
      .filter(({ address }) => after === undefined || address > after)
      .slice(0, limit);
  }
  walk(after: number | undefined, show: ShowLease): void {
    showLeases(this.page(after, Number.POSITIVE_INFINITY), show);
  }
  all(): Iterable<Lease> {
    return this.leases;
  }
  get size(): number {
    return this.leases.length;
  }
}

/** A configuration service whose only rule is that `Dhcp4.bad` is an error. */
export class FakeConfig implements ConfigServiceApi {
  current = {
    tree: { 'valid-lifetime': 3600 },
    serverTag: 'tag',
    leaseDatabase: { persist: true, path: '/test/lib/leases4.csv' },
  } as unknown as ConfigSnapshot;
  reloads = 0;
  lastReloadAt = 1_795_321_784_000;
  readonly written: (string | undefined)[] = [];
  reloadError: Error | undefined;

  async hashOf(): Promise<string> {
    return 'ABCD';
  }
  async test(value: Json): ReturnType<ConfigServiceApi['test']> {
    const bad = (value as { Dhcp4: { bad?: Json } }).Dhcp4.bad;
    const position = { file: '<command>', line: 1, column: 2, path: 'bad' };
    const message = 'bad is not good';
    if (bad === true) throw new ConfigError([{ severity: 'error', code: 'config-unknown', message, position }]);
    const warnings =
      bad === 'a bit' ? [{ severity: 'warning', code: 'config-unknown', message, position } as const] : [];
    return { snapshot: this.current, warnings, source: {}, fileDigest: undefined };
  }
  async edit(): Promise<EditOutcome> {
    throw new Error('changes are tested on a real ConfigService');
  }
  async set(value: Json) {
    return this.test(value);
  }
  async reload() {
    if (this.reloadError !== undefined) throw this.reloadError;
    return this.test({ Dhcp4: {} });
  }
  async write(filename?: string) {
    this.written.push(filename);
    return { filename: filename ?? '/test/etc/kea-dhcp4.conf', size: 7 };
  }
}

/** Everything together. */
export interface ControlBench {
  readonly clock: HandClock;
  readonly logger: ListLogger;
  readonly config: FakeConfig;
  readonly services: ControlServices;
  readonly audited: AuditRecord[];
  readonly dispatcher: Dispatcher;
  readonly exits: number[];
  readonly reclaimed: boolean[];
  /** Runs a command as the unix socket would. */
  run(name: string, args?: Json): ReturnType<Dispatcher['dispatch']>;
}

/** Makes a dispatcher over fakes. */
export function controlBench(leases: readonly Lease[] = []): ControlBench {
  const clock = new HandClock();
  const logger = new ListLogger();
  const config = new FakeConfig();
  const statistics = new Statistics(clock);
  registerPacketStatistics(statistics);
  const exits: number[] = [];
  const reclaimed: boolean[] = [];
  const audited: AuditRecord[] = [];
  const services: ControlServices = {
    ...noChangeServices(clock),
    ha: [],
    clock,
    pages: new PagePool(clock),
    config,
    statistics,
    leases: new ListLeases(leases),
    ledger: {
      transact() {
        throw new Error('changes are tested on a real ledger');
      },
    },
    leaseCounts: new SubnetLeaseCounts(new ListLeases(leases)),
    leaseExporter: { directory: '/test/lib', anywhere: false, write: async () => 0 },
    reservations: new ReservationDirectories(),
    store: { health: { ok: true }, cleanup: async () => undefined },
    sweeper: { reclaimAll: (remove) => reclaimed.push(remove) },
    serviceSwitch: new ServiceSwitch(clock),
    process: {
      pid: 42,
      startedAt: clock.now() - 12_345,
      version: '0.1.0',
      extendedVersion: 'lessor 0.1.0',
      buildReport: 'built',
      configFile: '/test/etc/kea-dhcp4.conf',
    },
    interfaces: {
      list: () => [
        {
          name: 'lo',
          index: 1,
          mac: '00:00:00:00:00:00',
          type: 772,
          addresses: ['127.0.0.1', '::1'],
          loopback: true,
          up: true,
          running: true,
          multicast: false,
          broadcast: false,
          inUse: false,
        },
      ],
      redetect: async () => undefined,
      add: async () => undefined,
      socketStatus: { status: 'ready', errors: [] },
    },
    shutdown: (value) => void exits.push(value),
  };
  const dispatcher = new Dispatcher(COMMANDS, services, { record: (record) => void audited.push(record) }, logger);
  return {
    clock,
    logger,
    config,
    services,
    audited,
    dispatcher,
    exits,
    reclaimed,
    run: (name, args) =>
      dispatcher.dispatch({
        name,
        args,
        service: undefined,
        principal: { name: 'local', method: 'unix-socket', rights: FULL_RIGHTS },
        listener: 'test',
        receivedAt: clock.now(),
      }),
  };
}
