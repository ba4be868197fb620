/**
 * A server without packets: configuration, memory store, statistics, dispatcher and a real unix socket, with files and
 * interfaces as the machine had them on which Kea was recorded. What the recording did besides commands (files it put
 * down, clients it ran) is done here by hand.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatJson, type JsonValue } from '@lessor/kea';
import { loadConfig } from 'lessor/internal/config/load.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import type { ControlServices, InterfaceInfo } from 'lessor/internal/control/services.js';
import { PagePool } from 'lessor/internal/control/text-pages.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import { silentLogger } from 'lessor/internal/platform/log.js';
import { createSystemRandom } from 'lessor/internal/platform/random.js';
import { listenUnixNatively } from 'lessor/internal/platform/unix-arrivals.js';
import { ConfigService } from 'lessor/internal/services/config-service.js';
import { NameChanges } from 'lessor/internal/services/ddns/name-changes.js';
import { NcrQueue } from 'lessor/internal/services/ddns/ncr-queue.js';
import { LeaseStatistics } from 'lessor/internal/services/lease-statistics.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { ReservationDirectories } from 'lessor/internal/services/reservation-directory.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { SubnetLeaseCounts } from 'lessor/internal/services/subnet-lease-counts.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { exportLeases } from 'lessor/internal/store/lease-export.js';
import { MemfileStore } from 'lessor/internal/store/memfile.js';
import { ControlListeners } from 'lessor/internal/transports/control-listeners.js';
import { DEFAULT_LIMITS } from 'lessor/internal/transports/listener.js';
import { noChangeServices } from '../lib/change-services.js';
import { HandClock } from '../unit/control-fakes.js';

/** The configuration file of the recordings. */
export const CONFIG_FILE = '/test/etc/kea-dhcp4.conf';

const interfaceInfo = (change: Partial<InterfaceInfo> & Pick<InterfaceInfo, 'name' | 'index'>): InterfaceInfo => ({
  mac: '00:00:00:00:00:00',
  type: 1,
  addresses: [],
  loopback: false,
  up: true,
  running: true,
  multicast: false,
  broadcast: false,
  inUse: false,
  ...change,
});

const INTERFACES = [
  interfaceInfo({ name: 'lo', index: 1, type: 772, addresses: ['127.0.0.1', '::1'], loopback: true }),
  interfaceInfo({
    name: 'krd0',
    index: 3,
    addresses: ['192.0.2.1', 'fe80::1'],
    multicast: true,
    broadcast: true,
    inUse: true,
  }),
];

/** What a replay talks to. */
export interface ReplayServer {
  /** Files by path: the configuration file and what config-write writes. */
  readonly files: Map<string, string>;
  readonly clock: HandClock;
  readonly socketPath: string;
  /** Sends octets over the unix socket as one chunk or several and collects the answer until the end. */
  ask(text: string | readonly string[], halfClose?: boolean, path?: string): Promise<string>;
  putLease(lease: Partial<Lease> & Pick<Lease, 'address'>): Promise<void>;
  close(): Promise<void>;
}

/** Which doors a replay opens. */
export interface ReplayOptions {
  /**
   * The sockets of the configuration itself, which may then be changed by command. Its paths begin with this folder
   * instead of /test; it is the caller's.
   */
  readonly root?: string;
}

/** Starts one with a transcript's configuration. */
export async function startReplayServer(config: JsonValue, { root }: ReplayOptions = {}): Promise<ReplayServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lessor-replay-'));
  const base = root ?? '/test';
  const configFile = root === undefined ? CONFIG_FILE : `${root}/etc/kea-dhcp4.conf`;
  const clock = new HandClock();
  const files = new Map([[configFile, formatJson(config)]]);
  const environment = () => ({
    readFile: (path: string) => {
      const text = files.get(path) ?? (root === undefined ? undefined : readFileSync(path, 'latin1'));
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
    directoryMode: () => 0o750,
    interfaceNames: INTERFACES.map(({ name }) => name),
    directories: {
      data: `${base}/lib`,
      controlSocket: `${base}/run`,
      log: `${base}/log`,
      hooks: '/hooks',
      scripts: `${base}/scripts`,
      pid: `${base}/run`,
      lock: `${base}/run`,
      legalLog: `${base}/log`,
    },
    // The recordings of whole configurations were made with -X.
    insecure: root !== undefined,
  });
  const source = { kind: 'file', path: configFile } as const;
  const initial = loadConfig(source, { ...environment(), generation: 1 });
  const { snapshot } = initial;
  const configService = new ConfigService({
    initial,
    source,
    environment,
    files: {
      read: async (path) => {
        const text = files.get(path);
        if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: 'ENOENT' });
        return Buffer.from(text, 'latin1');
      },
      writeAtomically: async (path, octets) => void files.set(path, Buffer.from(octets).toString('latin1')),
    },
    clock,
  });
  const reservations = new ReservationDirectories();

  const random = createSystemRandom();
  const path = join(folder, 'leases.csv');
  const storeOptions = { path, persist: false, maxRowErrors: 0, fileOps: nodeFileOps, clock, random };
  const store = new MemfileStore({ ...storeOptions, logger: silentLogger });
  await store.open();
  const ledger = new Ledger(store);
  const statistics = new Statistics(clock);
  registerPacketStatistics(statistics);
  const leaseStatistics = new LeaseStatistics(statistics, clock);
  const use = (next: ConfigSnapshot) => leaseStatistics.rebuild(next, ledger.leases);
  use(snapshot);
  const leaseCounts = new SubnetLeaseCounts(ledger.leases);
  ledger.observe(leaseStatistics.changed);
  ledger.observe(leaseCounts.changed);
  const swap = (next: ConfigSnapshot) => ({ commit: () => use(next), abandon: () => undefined });
  configService.participate({
    name: 'statistics',
    prepare: async (next) => swap(next),
    prepareChange: (next, change) => swap(change.kind === 'networks' ? next : configService.current),
  });
  configService.participate(reservations);
  const sweeper = new Sweeper({ ledger, clock, logger: silentLogger, cleanup: () => store.cleanup() });
  sweeper.rebuild();

  // Requests to the DNS update server go nowhere.
  const link = { deliver: async () => undefined, close: () => undefined };
  const queue = new NcrQueue({ clock, statistics, logger: silentLogger });
  const updates = ({ ddns }: ConfigSnapshot) =>
    queue.use(ddns && { link, name: ddns.serverAddress, maxQueueSize: ddns.maxQueueSize });
  updates(snapshot);
  configService.participate({
    name: 'dhcp-ddns',
    prepare: async (next) => ({ commit: () => updates(next), abandon: () => undefined }),
  });

  const services: ControlServices = {
    ...noChangeServices(clock),
    names: new NameChanges(queue, silentLogger, () => configService.current),
    ha: [],
    clock,
    pages: new PagePool(clock),
    config: configService,
    leases: ledger.leases,
    ledger,
    leaseCounts,
    leaseExporter: {
      directory: `${base}/lib`,
      anywhere: false,
      async write(file) {
        const written = join(folder, 'export.csv');
        await exportLeases(written, ledger.leases, nodeFileOps, clock);
        files.set(file, readFileSync(written, 'latin1'));
      },
    },
    reservations,
    store,
    sweeper,
    statistics,
    serviceSwitch: new ServiceSwitch(clock),
    process: {
      pid: 1,
      startedAt: clock.now(),
      // What Kea said of itself: so version-get can be compared like everything else.
      version: '3.3.1-git',
      extendedVersion:
        '3.3.1-git (git)\npremium: no\nlinked with:\n- log4cplus 2.0.8\n- OpenSSL 3.0.19 27 Jan 2026\n' +
        'lease backends:\n- Memfile backend 3.0',
      buildReport: 'lessor',
      configFile,
    },
    interfaces: {
      list: () => INTERFACES,
      redetect: async () => undefined,
      add: async () => undefined,
      socketStatus: { status: 'ready', errors: [] },
    },
    shutdown: () => undefined,
  };
  const dispatcher = new Dispatcher(COMMANDS, services, { record: () => undefined }, silentLogger);
  const socketPath = root === undefined ? join(folder, 'kea4.sock') : `${root}/run/kea4.sock`;
  const listeners = new ControlListeners({
    dispatch: (command) => dispatcher.dispatch(command),
    clock,
    logger: silentLogger,
    lock: lockFile,
    // As a server on Linux takes them.
    ...(process.platform === 'linux' && { listenUnix: listenUnixNatively(systemClock) }),
    limits: DEFAULT_LIMITS,
  });
  const unix = { type: 'unix', path: socketPath, headers: [] } as const;
  (await listeners.apply(root === undefined ? [unix] : snapshot.controlSockets)).commit();
  if (root !== undefined) configService.participate(listeners);

  const putLease = async (lease: Partial<Lease> & Pick<Lease, 'address'>) => {
    const before = ledger.leases.getByAddress(lease.address) ?? { ...NEW_LEASE, address: lease.address };
    await ledger.transact((tx) => tx.put({ ...before, ...lease }));
  };
  return {
    files,
    clock,
    socketPath,
    putLease,
    ask: (text, halfClose = false, path = socketPath) => ask(path, typeof text === 'string' ? [text] : text, halfClose),
    async close() {
      await listeners.close();
      sweeper.stop();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const NEW_LEASE: Omit<Lease, 'address'> = {
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
};

function ask(path: string, chunks: readonly string[], halfClose: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ path, allowHalfOpen: true }, async () => {
      for (const chunk of chunks) {
        socket.write(Buffer.from(chunk, 'latin1'));
        await new Promise(setImmediate);
      }
      if (halfClose) socket.end();
    });
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.once('end', () => socket.end());
    socket.once('close', () => resolve(answer));
    socket.once('error', reject);
  });
}
