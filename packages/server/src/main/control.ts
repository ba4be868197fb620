/** The command layer of a server, its doors, and who takes part in a change of configuration. */

import { readFile } from 'node:fs/promises';
import type { ConfigSource, LoadedConfig } from '../config/load.js';
import { COMMANDS } from '../control/commands/index.js';
import { Dispatcher } from '../control/dispatcher.js';
import type { Dispatch } from '../control/door.js';
import type { ControlServices, ProcessInfo } from '../control/services.js';
import type { EpochMs } from '../domain/values.js';
import { writeAtomically } from '../platform/config-environment.js';
import { bindDeviceSocket } from '../platform/device-listener.js';
import { describeInterfaces } from '../platform/interface-list.js';
import { lockFile } from '../platform/lock.js';
import { auditToLogger } from '../services/audit.js';
import { ChangeControl } from '../services/change-control.js';
import type { ConfigHistory } from '../services/config-history.js';
import { ConfigService } from '../services/config-service.js';
import { EventBus, publishLeaseChange } from '../services/events.js';
import { ReservationDirectories } from '../services/reservation-directory.js';
import { ControlListeners } from '../transports/control-listeners.js';
import { createInterfaceService } from '../transports/interface-service.js';
import { DEFAULT_LIMITS } from '../transports/listener.js';
import { MetricsListener, metricsText } from '../transports/metrics-http.js';
import { OmapiListeners } from '../transports/omapi-tcp.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY } from '../version.js';
import type { Base } from './base.js';
import { type Leases, leaseDatabaseSwap, leaseExporter } from './leases.js';
import { type Packets, packetChange, packetSwap, socketSwap } from './packets.js';

/** The command layer, its doors, and who takes part in a change of configuration. */
export async function openControl(
  base: Base,
  initial: LoadedConfig,
  history: ConfigHistory,
  leases: Leases,
  packets: Packets,
): Promise<{ readonly config: ChangeControl; readonly listening: readonly string[] }> {
  const { options, clock, random, logger, log, ending, environment } = base;
  const { ledger, store, statistics, sweeper, addresses, counts: leaseCounts } = leases;
  const { network, port, serviceSwitch } = packets;
  const { snapshot } = initial;
  const files = { read: (path: string) => readFile(path), writeAtomically };
  const configService = new ConfigService({ initial, source: options.config, environment, files, clock });
  const audit = auditToLogger(logger.child('audit'));
  const events = new EventBus(clock);
  ledger.observeDurable((_address, before, after) => publishLeaseChange(events, before, after));
  const config = new ChangeControl({ config: configService, history, clock, audit, logger, events });
  ending.onEnd(() => config.close());
  const reservations = new ReservationDirectories();
  const services: ControlServices = {
    clock,
    config,
    changes: config,
    events,
    explainer: packets.explainer,
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
  const dispatcher = new Dispatcher(COMMANDS, services, audit, commandLogger);
  const dispatch: Dispatch = (command) => dispatcher.dispatch(command);
  const control = new ControlListeners({
    dispatch,
    clock,
    logger: commandLogger,
    lock: lockFile,
    limits: DEFAULT_LIMITS,
    events,
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
    bindDevice: bindDeviceSocket,
    freeCount: (pool) => addresses.freeCount(pool),
  });
  ending.onEnd(() => omapi.close());
  for (const listeners of [control, metrics, omapi]) (await listeners.prepare(snapshot)).commit();

  configService.participate({ name: 'lease-database', prepare: async (next) => leaseDatabaseSwap(snapshot, next) });
  configService.participate(control);
  configService.participate(metrics);
  configService.participate(omapi);
  configService.participate({
    name: 'interfaces',
    prepare: async (next) => socketSwap(await port.prepare(next.interfaces)),
  });
  if (log !== undefined)
    configService.participate({ name: 'loggers', prepare: async (next) => log.prepare(next.loggers) });
  configService.participate(reservations);
  configService.participate({
    name: 'packets',
    prepare: (next, diff) => packetSwap(next, diff, clock, leases, packets),
    prepareChange: (next, change) => packetChange(next, change, leases, packets),
  });
  return { config, listening: [...control.open.map((each) => `control ${each}`), ...omapi.open] };
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
