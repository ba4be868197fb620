/**
 * The composition root; with the files of main/ it alone names adapters. Read top to bottom it is the life of a
 * server: configuration, log, lock, leases, sockets, control listeners; services/ending.ts is the same backwards.
 */

import type { ConfigSnapshot } from './domain/snapshot.js';
import { formatIpv4 } from './domain/values.js';
import { openAudit } from './main/audit.js';
import { type Base, DEFAULT_SERVER_PORT, type ServerOptions, type StartBase } from './main/base.js';
import { openControl } from './main/control.js';
import { openGuard } from './main/guard.js';
import { openLeases } from './main/leases.js';
import { openPacketPath } from './main/packets.js';
import { reportWarnings, startProgram } from './main/program.js';
import { openRunScript } from './main/run-script.js';
import { startConfiguration } from './main/start-configuration.js';
import { tcpDoors } from './main/tcp-doors.js';
import { systemClock } from './platform/clock.js';
import { machineConfigEnvironment } from './platform/config-environment.js';
import type { LogTree } from './platform/log.js';
import { createSystemRandom } from './platform/random.js';
import { takeServerLocks } from './platform/server-locks.js';
import type { ChangeControl } from './services/change-control.js';
import type { Ending } from './services/ending.js';
import type { DhcpInterface, LeaseReader, Logger } from './services/ports.js';
import { SteadyClock } from './services/steady-clock.js';
import type { Dhcp4Port } from './transports/dhcp4-socket.js';
import { KEA_COMPATIBILITY, LESSOR_VERSION } from './version.js';

export type { ServerOptions } from './main/base.js';

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
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return startProgram(options, { failureId: 'DHCP4_INIT_FAIL' }, (logger, log, ending) =>
    start(options, logger, log, ending),
  );
}

async function start(
  options: ServerOptions,
  logger: Logger,
  log: LogTree | undefined,
  ending: Ending,
): Promise<RunningServer> {
  const { variables, insecure = false, serverPort = DEFAULT_SERVER_PORT } = options;
  const environment = () => machineConfigEnvironment({ variables, insecure, checkInterfaces: true });
  const early: StartBase = {
    options,
    clock: new SteadyClock(systemClock),
    random: createSystemRandom(),
    logger,
    log,
    ending,
    environment,
  };
  logger.log('INFO', 'DHCP4_STARTING', `lessor ${LESSOR_VERSION} (interface of Kea ${KEA_COMPATIBILITY}) starting`);
  if (insecure) logger.log('WARN', 'DHCP4_SECURITY_CHECKS_DISABLED', 'paths and secrets are not restricted (-X)');

  const started = await startConfiguration(early);
  const { snapshot, warnings } = started.loaded;
  log?.configure(snapshot.loggers);
  reportWarnings(warnings, logger);
  takeLocks(early, snapshot);
  await started.settle();
  const base: Base = { ...early, audit: openAudit(early, snapshot), doors: tcpDoors(early.clock) };
  const script = openRunScript(base, snapshot);
  const leases = await openLeases(base, snapshot, script);
  const guard = await openGuard(base, leases);
  const packets = await openPacketPath(base, snapshot, leases, guard, script);
  guard.follow(() => packets.config.snapshot);
  const { config, listening } = await openControl(base, started, leases, packets, guard, script);
  await leases.ha?.start();
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
function takeLocks({ options, logger, log, ending }: StartBase, { leaseDatabase }: ConfigSnapshot): void {
  const { config, variables } = options;
  const configFile = config.kind === 'file' && log !== undefined ? config.path : undefined;
  for (const lock of takeServerLocks({ configFile, leaseDatabase, variables, logger })) {
    ending.onEnd(() => lock.release());
  }
}

async function reload(config: ChangeControl, logger: Logger): Promise<void> {
  try {
    reportWarnings((await config.reload({ who: 'signal', command: 'SIGHUP' })).warnings, logger);
    logger.log('INFO', 'DHCP4_DYNAMIC_RECONFIGURATION_SUCCESS', 'the configuration was read again');
  } catch (error) {
    logger.log('ERROR', 'DHCP4_DYNAMIC_RECONFIGURATION_FAIL', `nothing changed: ${(error as Error).message}`);
  }
}

function describeSocket(port: number): (netif: DhcpInterface) => string {
  return ({ name, address }) => `DHCP on ${name} (${formatIpv4(address)}) port ${port}`;
}
