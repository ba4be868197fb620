/**
 * The composition root: the one file that names every adapter. Read top to bottom it is the life of a server:
 * configuration, log, lock, leases, services, sockets, control listeners; services/ending.ts is the same backwards.
 */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConfigChange } from './config/change.js';
import { type ConfigDiff, EVERYTHING } from './config/diff.js';
import { type ConfigEnvironment, type ConfigSource, type LoadedConfig, loadConfig } from './config/load.js';
import { COMMANDS } from './control/commands/index.js';
import { Dispatcher } from './control/dispatcher.js';
import type { Dispatch } from './control/door.js';
import type { ControlServices, LeaseExporter, ProcessInfo } from './control/services.js';
import type { ConfigSnapshot } from './domain/snapshot.js';
import { type EpochMs, formatIpv4 } from './domain/values.js';
import { type ConfigIssue, formatIssue, LessorError } from './errors.js';
import { systemClock } from './platform/clock.js';
import { machineConfigEnvironment, writeAtomically } from './platform/config-environment.js';
import { exitOnDefects } from './platform/defects.js';
import { describeInterfaces } from './platform/interface-list.js';
import { linuxNetworkStack } from './platform/linux-sockets.js';
import { lockFile } from './platform/lock.js';
import { LogTree } from './platform/log.js';
import { createSystemRandom } from './platform/random.js';
import { takeServerLocks } from './platform/server-locks.js';
import { AddressSpace } from './services/address-space.js';
import { auditToLogger } from './services/audit.js';
import { ConfigService, type PreparedSwap } from './services/config-service.js';
import { Ending } from './services/ending.js';
import { Exchange4 } from './services/exchange4.js';
import { LeaseReview } from './services/lease-review.js';
import { LeaseStatistics } from './services/lease-statistics.js';
import { Ledger } from './services/ledger.js';
import { OfferBook } from './services/offers.js';
import { type PacketConfig, preparePacketConfig } from './services/packet-config.js';
import { followReservation, prepareNetworks } from './services/packet-config-change.js';
import type { Clock, DhcpInterface, LeaseReader, Logger, NetworkStack, Random } from './services/ports.js';
import { ReservationDirectories } from './services/reservation-directory.js';
import { ServiceSwitch } from './services/service-switch.js';
import { registerPacketStatistics, Statistics } from './services/statistics.js';
import { SubnetLeaseCounts } from './services/subnet-lease-counts.js';
import { Sweeper } from './services/sweeper.js';
import { nodeFileOps } from './store/file-ops.js';
import { exportLeases } from './store/lease-export.js';
import { MemfileStore } from './store/memfile.js';
import { ControlListeners } from './transports/control-listeners.js';
import { plainNetworkStack } from './transports/dhcp4-plain.js';
import {
  DEFAULT_DHCP4_PORT_OPTIONS,
  type Dhcp4Port,
  openDhcp4Port,
  type PreparedSockets,
} from './transports/dhcp4-socket.js';
import { createInterfaceService } from './transports/interface-service.js';
import { DEFAULT_LIMITS } from './transports/listener.js';
import { MetricsListener, metricsText } from './transports/metrics-http.js';
import { OmapiListeners } from './transports/omapi-tcp.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY, LESSOR_VERSION } from './version.js';

/** Ports of DHCP (RFC 2131 §4.1). */
const DEFAULT_SERVER_PORT = 67;
const DEFAULT_CLIENT_PORT = 68;
const LOG_DRAIN_MS = 2000;

/** What to serve and how. */
export interface ServerOptions {
  /** A file in Kea's dialect, or the parsed text of one. */
  readonly config: ConfigSource;
  /** process.env: Kea's variables for directories and early logging. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Port to receive on; 67. Kea's -p. */
  readonly serverPort?: number;
  /** All replies to clients go to this port instead of 68. Kea's -P. */
  readonly clientPort?: number;
  /** -X: restrictions on paths and secrets are warnings. */
  readonly insecure?: boolean;
  /** -d: log everything. */
  readonly verbose?: boolean;
  /** Present: part of another program, which keeps its own log; no PID file is written and no logger is configured. */
  readonly logger?: Logger;
}

/** A server that serves. */
export interface RunningServer {
  /** What is listening where, a line each. */
  readonly listening: readonly string[];
  /** Addresses of the DHCP sockets. */
  readonly interfaces: Dhcp4Port['interfaces'];
  readonly leases: LeaseReader;
  /** Reads the configuration again; what is wrong with it is logged and changes nothing. */
  reload(): Promise<void>;
  /** Stops in order: no more packets, the batch in flight answered, everything flushed and closed. */
  stop(): Promise<void>;
  /** Resolves when the server has stopped, by whatever way, with the exit value of the process. */
  readonly finished: Promise<number>;
}

/**
 * Starts a server and resolves when it serves.
 * @throws ConfigError, StoreError, LessorError or the system's Error; whatever had been opened is closed again
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const log = options.logger === undefined ? openLog(options) : undefined;
  const logger = options.logger ?? log!.root;
  const ending = new Ending();
  if (log !== undefined) {
    ending.onEnd(() => log.drained(LOG_DRAIN_MS));
    ending.onEnd(exitOnDefects(log));
  }
  try {
    return await start(options, logger, log, ending);
  } catch (error) {
    // Whoever reads the console gets the error from our caller.
    if (log?.onConsole !== true) logger.log('FATAL', 'DHCP4_INIT_FAIL', (error as Error).message);
    await ending.end(1);
    throw error;
  }
}

function openLog({ verbose, variables }: ServerOptions): LogTree {
  return new LogTree({ clock: systemClock, verbose: verbose === true, environment: variables });
}

/** What every part of a server needs. */
interface Base {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Undefined when embedded. */
  readonly log: LogTree | undefined;
  readonly ending: Ending;
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
}

async function start(
  options: ServerOptions,
  logger: Logger,
  log: LogTree | undefined,
  ending: Ending,
): Promise<RunningServer> {
  const { config: source, variables, insecure = false, serverPort = DEFAULT_SERVER_PORT } = options;
  const environment = () => machineConfigEnvironment({ variables, insecure, checkInterfaces: true });
  const base: Base = { options, clock: systemClock, random: createSystemRandom(), logger, log, ending, environment };
  logger.log('INFO', 'DHCP4_STARTING', `lessor ${LESSOR_VERSION} (interface of Kea ${KEA_COMPATIBILITY}) starting`);
  if (insecure) logger.log('WARN', 'DHCP4_SECURITY_CHECKS_DISABLED', 'paths and secrets are not restricted (-X)');

  const loaded = loadConfig(source, { ...environment(), generation: 1 });
  const { snapshot, warnings } = loaded;
  log?.configure(snapshot.loggers);
  reportWarnings(warnings, logger);
  takeLocks(base, snapshot);
  const leases = await openLeases(base, snapshot);
  const packets = await openPacketPath(base, snapshot, leases);
  const { config, listening } = await openControl(base, loaded, leases, packets);
  packets.serve();

  const everywhere = [...packets.port.interfaces.map(describeSocket(serverPort)), ...listening];
  logger.log('INFO', 'DHCP4_STARTED', `lessor ${LESSOR_VERSION} started: ${everywhere.join('; ')}`);
  ending.onEnd(() => logger.log('INFO', 'DHCP4_SHUTDOWN', `lessor ${LESSOR_VERSION} stops`));
  return {
    listening: everywhere,
    get interfaces() {
      return packets.port.interfaces;
    },
    leases: leases.ledger.leases,
    finished: ending.finished,
    stop: () => ending.end(0),
    reload: () => reload(config, logger),
  };
}

/** An embedded server writes no PID file, but nobody else may write its leases either. */
function takeLocks({ options, logger, log, ending }: Base, { leaseDatabase }: ConfigSnapshot): void {
  const { config, variables } = options;
  const configFile = config.kind === 'file' && log !== undefined ? config.path : undefined;
  for (const lock of takeServerLocks({ configFile, leaseDatabase, variables, logger })) {
    ending.onEnd(() => lock.release());
  }
}

/** Leases, and all that follows them: which addresses are free, what is counted, what runs out. */
interface Leases {
  readonly store: MemfileStore;
  readonly ledger: Ledger;
  readonly statistics: Statistics;
  readonly addresses: AddressSpace;
  readonly counts: SubnetLeaseCounts;
  readonly sweeper: Sweeper;
  /** Puts a configuration in force. Can not fail. */
  use(next: PacketConfig, diff: ConfigDiff): void;
  /** The same for one in which only subnets, networks or classes are others. */
  follow(next: PacketConfig): void;
}

async function openLeases({ clock, random, logger, ending }: Base, snapshot: ConfigSnapshot): Promise<Leases> {
  const { path, persist, maxRowErrors } = snapshot.leaseDatabase;
  const leaseLogger = logger.child('leases');
  const leaseReview = new LeaseReview(snapshot, leaseLogger);
  const { review } = leaseReview;
  const parts = { fileOps: nodeFileOps, clock, random, logger: leaseLogger, review };
  const store = new MemfileStore({ path, persist, maxRowErrors, ...parts });
  ending.onEnd(() => store.close());
  await store.open();
  leaseReview.finish();
  const ledger = new Ledger(store);
  ending.onEnd(() => ledger.idle());

  const statistics = new Statistics(clock);
  registerPacketStatistics(statistics);
  const leaseStatistics = new LeaseStatistics(statistics, clock);
  const addresses = new AddressSpace(random);
  const counts = new SubnetLeaseCounts(ledger.leases);
  const sweeper = new Sweeper({ ledger, clock, logger, cleanup: () => store.cleanup() });
  sweeper.rebuild();
  ending.onEnd(() => sweeper.stop());
  ledger.observe((address, before, after) => {
    addresses.onLeaseChange(address, before, after);
    leaseStatistics.changed(address, before, after);
    counts.changed(address, before, after);
  });
  const use = ({ snapshot: next, reservations }: PacketConfig, diff: ConfigDiff): void => {
    addresses.rebuild(next, reservations.addresses(), ledger.leases, Math.floor(clock.now() / 1000));
    if (diff.topology) leaseStatistics.rebuild(next, ledger.leases);
    if (diff.statistics) statistics.setDefaults(next.statisticSampleCount, next.statisticSampleAgeSec);
    if (diff.expiration || diff.leaseDatabase) sweeper.start(next.expiration, next.leaseDatabase.lfcIntervalSec);
  };
  const follow = ({ snapshot: next, reservations }: PacketConfig): void => {
    addresses.rebuild(next, reservations.addresses(), ledger.leases, Math.floor(clock.now() / 1000));
    leaseStatistics.follow(next, ledger.leases, (id) => counts.has(id));
  };
  return { store, ledger, statistics, addresses, counts, sweeper, use, follow };
}

/** From socket to socket. */
interface Packets {
  readonly network: NetworkStack;
  readonly port: Dhcp4Port;
  readonly serviceSwitch: ServiceSwitch;
  /** What is in force. */
  readonly config: PacketConfig;
  /** Puts a configuration in force from the next batch on. Can not fail. */
  use(next: PacketConfig): void;
  /** Begins to answer. */
  serve(): void;
}

async function openPacketPath(base: Base, snapshot: ConfigSnapshot, leases: Leases): Promise<Packets> {
  const { options, clock, logger, ending } = base;
  const { ledger, addresses, statistics } = leases;
  const { serverPort = DEFAULT_SERVER_PORT, clientPort = DEFAULT_CLIENT_PORT } = options;
  const network = networkOf(clock, logger);
  const port = await openDhcp4Port(
    snapshot.interfaces,
    { ...DEFAULT_DHCP4_PORT_OPTIONS, serverPort },
    { network, clock, logger, onGiveUp: (error) => giveUp(ending, logger, error) },
  );
  ending.onEnd(() => port.close());
  const serviceSwitch = new ServiceSwitch(clock);
  const packetConfig = preparePacketConfig(snapshot);
  const exchange = new Exchange4(
    {
      ledger,
      addresses,
      offers: new OfferBook(addresses),
      statistics,
      serviceSwitch,
      clock,
      logger,
      isOwnAddress: (address) => port.interfaces.some((own) => own.addresses.some((each) => each.address === address)),
      send: (replies) => port.send(replies),
      serverPort,
      clientPort,
    },
    packetConfig,
  );
  leases.use(packetConfig, EVERYTHING);
  const serve = (): void => {
    port.onBatch((batch) => exchange.handleBatch(batch));
    ending.onEnd(() => {
      // What arrives from now on is not answered; what is being decided is.
      port.onBatch(() => undefined);
      return ledger.idle();
    });
  };
  return {
    network,
    port,
    serviceSwitch,
    get config() {
      return exchange.config;
    },
    use: (next) => exchange.useConfig(next),
    serve,
  };
}

/** The command layer, its doors, and who takes part in a change of configuration. */
async function openControl(
  base: Base,
  initial: LoadedConfig,
  leases: Leases,
  packets: Packets,
): Promise<{ readonly config: ConfigService; readonly listening: readonly string[] }> {
  const { options, clock, random, logger, log, ending, environment } = base;
  const { ledger, store, statistics, sweeper, addresses, counts: leaseCounts } = leases;
  const { network, port, serviceSwitch } = packets;
  const { snapshot } = initial;
  const files = { read: (path: string) => readFile(path), writeAtomically };
  const config = new ConfigService({ initial, source: options.config, environment, files, clock });
  const reservations = new ReservationDirectories();
  const services: ControlServices = {
    clock,
    config,
    leases: ledger.leases,
    ledger,
    leaseCounts,
    leaseExporter: leaseExporter(base, snapshot, ledger.leases),
    reservations,
    store,
    sweeper,
    statistics,
    serviceSwitch,
    process: processInfo(clock.now(), options.config),
    interfaces: createInterfaceService({ network, port, config, describe: describeInterfaces }),
    shutdown: (exitValue) => void ending.end(exitValue),
  };
  const commandLogger = logger.child('commands');
  const audit = auditToLogger(logger.child('audit'));
  const dispatcher = new Dispatcher(COMMANDS, services, audit, commandLogger);
  const dispatch: Dispatch = (command) => dispatcher.dispatch(command);
  const control = new ControlListeners({
    dispatch,
    clock,
    logger: commandLogger,
    lock: lockFile,
    limits: DEFAULT_LIMITS,
  });
  ending.onEnd(() => control.close());
  const metrics = new MetricsListener(() => metricsText(statistics), logger);
  ending.onEnd(() => metrics.close());
  const omapi = new OmapiListeners({
    ...services,
    dispatch,
    audit,
    random,
    logger: logger.child('omapi'),
    freeCount: (pool) => addresses.freeCount(pool),
  });
  ending.onEnd(() => omapi.close());
  for (const listeners of [control, metrics, omapi]) (await listeners.prepare(snapshot)).commit();

  config.participate({
    name: 'lease-database',
    testable: true,
    prepare: async (next) => leaseDatabaseSwap(snapshot, next),
  });
  config.participate(control);
  config.participate(metrics);
  config.participate(omapi);
  config.participate({ name: 'interfaces', prepare: async (next) => socketSwap(await port.prepare(next.interfaces)) });
  if (log !== undefined) config.participate({ name: 'loggers', prepare: async (next) => log.prepare(next.loggers) });
  config.participate(reservations);
  config.participate({
    name: 'packets',
    async prepare(next, diff) {
      const packetConfig = preparePacketConfig(next);
      return packetSwap(packetConfig, packets, () => leases.use(packetConfig, diff));
    },
    prepareChange: (next, change) => packetChange(next, change, leases, packets),
  });
  return { config, listening: [...control.open.map((each) => `control ${each}`), ...omapi.open] };
}

async function reload(config: ConfigService, logger: Logger): Promise<void> {
  try {
    reportWarnings((await config.reload()).warnings, logger);
    logger.log('INFO', 'DHCP4_DYNAMIC_RECONFIGURATION_SUCCESS', 'the configuration was read again');
  } catch (error) {
    logger.log('ERROR', 'DHCP4_DYNAMIC_RECONFIGURATION_FAIL', `nothing changed: ${(error as Error).message}`);
  }
}

/** What packets need of a configuration is derived before the swap, so that only assignments are left for it. */
function packetSwap(next: PacketConfig, packets: Packets, useForLeases: () => void): PreparedSwap {
  return {
    commit() {
      useForLeases();
      packets.use(next);
    },
    abandon: () => undefined,
  };
}

/** The same for a change of which most of what packets need can stay. */
function packetChange(next: ConfigSnapshot, change: ConfigChange, leases: Leases, packets: Packets): PreparedSwap {
  if (change.kind === 'networks') {
    const packetConfig = prepareNetworks(packets.config, next);
    return packetSwap(packetConfig, packets, () => leases.follow(packetConfig));
  }
  return {
    commit: () => packets.use(followReservation(packets.config, next, change, leases.addresses)),
    abandon: () => undefined,
  };
}

/** Leases go to files in the data directory, but not into the file they live in. */
function leaseExporter({ clock, environment }: Base, initial: ConfigSnapshot, leases: LeaseReader): LeaseExporter {
  const { directories, insecure } = environment();
  const { persist, path: inUse } = initial.leaseDatabase;
  return {
    directory: directories.data,
    anywhere: insecure,
    async write(path) {
      if (persist && resolve(path) === resolve(inUse)) {
        throw new LessorError('command-failed', `${path} is the lease file in use: kea-lfc-start cleans it up`);
      }
      return exportLeases(path, leases, nodeFileOps, clock);
    },
  };
}

/** Leases stay where they are as long as the process lives. @throws LessorError if the next configuration moves them */
function leaseDatabaseSwap(current: ConfigSnapshot, next: ConfigSnapshot): PreparedSwap {
  const [before, after] = [current.leaseDatabase, next.leaseDatabase];
  if (before.persist !== after.persist || before.path !== after.path) {
    throw new LessorError('config-unsupported', 'lease-database can not be changed while the server runs: restart it');
  }
  return { commit: () => undefined, abandon: () => undefined };
}

/** Sockets as a part of a configuration swap. */
function socketSwap({ apply, abandon }: PreparedSockets): PreparedSwap {
  return { commit: apply, abandon };
}

function giveUp(ending: Ending, logger: Logger, error: LessorError): void {
  logger.log('FATAL', 'DHCP4_OPEN_SOCKETS_FAILED', error.message);
  void ending.end(1);
}

function reportWarnings(warnings: readonly ConfigIssue[], logger: Logger): void {
  for (const warning of warnings)
    logger.log('WARN', 'LESSOR_CONFIG_WARNING', formatIssue(warning), { code: warning.code });
}

/** The fast sockets of Linux, or plain ones where those can not be had. */
function networkOf(clock: Clock, logger: Logger): NetworkStack {
  if (process.platform === 'linux') {
    try {
      return linuxNetworkStack(clock);
    } catch (error) {
      logger.log('WARN', 'LESSOR_PLAIN_SOCKETS', `plain sockets are used: ${(error as Error).message}`);
    }
  }
  return plainNetworkStack(clock);
}

function describeSocket(port: number): (netif: DhcpInterface) => string {
  return ({ name, address }) => `DHCP on ${name} (${formatIpv4(address)}) port ${port}`;
}

function processInfo(startedAt: EpochMs, config: ConfigSource): ProcessInfo {
  return {
    pid: process.pid,
    startedAt,
    version: KEA_COMPATIBILITY,
    extendedVersion: extendedVersion(),
    buildReport: buildReport(),
    ...(config.kind === 'file' && { configFile: config.path }),
  };
}
