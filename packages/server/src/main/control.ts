/** The command layer of a server, its doors, and who takes part in a change of configuration. */

import type { ConfigSource } from '../config/load.js';
import { isLoopback } from '../config/sources.js';
import { AccessControl } from '../control/access/access-control.js';
import { changesRules } from '../control/access/authorise.js';
import { CommandLimiter } from '../control/access/command-limiter.js';
import { IsolationGate } from '../control/access/isolation-gate.js';
import { SecondPerson } from '../control/access/second-person.js';
import { COMMANDS } from '../control/commands/index.js';
import { Dispatcher } from '../control/dispatcher.js';
import type { Dispatch } from '../control/door.js';
import type { ControlServices, ProcessInfo } from '../control/services.js';
import { PagePool } from '../control/text-pages.js';
import { exposureOf } from '../domain/access/exposure.js';
import { alarmToJson } from '../domain/guard/alarm-json.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { LessorError } from '../errors.js';
import { configFiles } from '../platform/config-environment.js';
import { describeInterfaces } from '../platform/interface-list.js';
import { lockFile } from '../platform/lock.js';
import { linuxMachineNetwork } from '../platform/machine-network.js';
import { peerCredentials } from '../platform/peer-credentials.js';
import { listenUnixNatively } from '../platform/unix-arrivals.js';
import { ChangeControl } from '../services/change-control.js';
import { ClientSide } from '../services/client-side.js';
import { ConfigService, type SwapParticipant } from '../services/config-service.js';
import { EventBus, publishLeaseChange, RING_EVENTS } from '../services/events.js';
import type { HaReport } from '../services/ha-report.js';
import { IsolationMonitor, type ListenerState, VERDICT_LEVELS } from '../services/isolation.js';
import type { Logger } from '../services/ports.js';
import { ReservationDirectories } from '../services/reservation-directory.js';
import { LeaseRing } from '../store/lease-ring.js';
import { ControlListeners } from '../transports/control-listeners.js';
import { authenticateByRules } from '../transports/http-authenticate.js';
import { createInterfaceService } from '../transports/interface-service.js';
import { DEFAULT_LIMITS, type ListenerDeps } from '../transports/listener.js';
import { type Gauge, MetricsListener, metricsText, type Readiness } from '../transports/metrics-http.js';
import { OmapiListeners } from '../transports/omapi-tcp.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY } from '../version.js';
import type { Base } from './base.js';
import { ddnsGauges } from './ddns.js';
import { type BmcGuard, guardGauges } from './guard.js';
import type { HighAvailability } from './ha-relation.js';
import { takeFromPartner } from './ha-take.js';
import { type Leases, leaseDatabaseSwap, leaseExporter } from './leases.js';
import { type Packets, packetChange, packetSwap, socketSwap } from './packets.js';
import { type RunScript, scriptGauges } from './run-script.js';
import type { StartedConfig } from './start-configuration.js';

/** The command layer, its doors, and who takes part in a change of configuration. */
export async function openControl(
  base: Base,
  { loaded: initial, history, file }: StartedConfig,
  leases: Leases,
  packets: Packets,
  { guard }: BmcGuard,
  script: RunScript,
): Promise<{ readonly config: ChangeControl; readonly listening: readonly string[] }> {
  const { options, clock, random, logger, log, ending, environment, audit, doors } = base;
  const { ledger, store, statistics, sweeper, addresses, counts: leaseCounts } = leases;
  const { network, port, serviceSwitch } = packets;
  const { snapshot } = initial;
  const configService = new ConfigService({
    ...{ initial, source: options.config, environment, files: configFiles, clock },
    ...(file === undefined ? {} : { file }),
  });
  ending.onEnd(() => configService.close());
  const events = new EventBus(clock, new LeaseRing(RING_EVENTS));
  ledger.observeDurable((_address, before, after) => publishLeaseChange(events, before, after));
  leases.ha?.onNotice((notice) => {
    if (notice.kind === 'state')
      events.publish('ha-state', {
        ...{ from: notice.from, to: notice.to, reason: notice.reason, relationship: notice.relationship },
      });
    else {
      const { alarm, text, relationship } = notice;
      events.publish('ha-alarm', { alarm, text, relationship });
    }
  });
  guard.onAlarm((alarm) => events.publish('guard-alarm', { alarm: alarmToJson(alarm) }));
  const config = new ChangeControl({ config: configService, history, clock, audit, logger, events });
  ending.onEnd(() => config.close());
  const reservations = new ReservationDirectories();
  const machine = linuxMachineNetwork(clock, random);
  const isolation = new IsolationMonitor({
    network: machine,
    clock,
    random,
    logger: logger.child('commands'),
    audit,
    events,
  });
  ending.onEnd(() => isolation.close());
  const services: ControlServices = {
    clock,
    config,
    changes: config,
    events,
    explainer: packets.explainer,
    leases: ledger.leases,
    pages: new PagePool(clock),
    ledger,
    leaseCounts,
    leaseExporter: leaseExporter(base, snapshot, ledger.leases),
    reservations,
    store,
    sweeper,
    statistics,
    serviceSwitch,
    ha: leases.ha?.reports ?? [],
    names: leases.ddns.names,
    guard,
    process: processInfo(clock.now(), options.config),
    isolation,
    interfaces: createInterfaceService({ network, port, config, describe: describeInterfaces }),
    shutdown: (exitValue) => void ending.end(exitValue),
  };
  const commandLogger = logger.child('commands');
  const clientSide = new ClientSide({ network: machine, clock, leases: ledger.leases, config: () => config.current });
  const access = new AccessControl({
    clock,
    logger: commandLogger,
    audit,
    rules: () => config.current.access,
    refusalFor: (listener) => isolation.refusalFor(listener),
    isClient: (source) => clientSide.isClient(source),
  });
  const gates = [
    new IsolationGate(),
    new SecondPerson(
      () => config.current.access?.secondPerson,
      clock,
      (command) => changesRules(command, services),
    ),
    new CommandLimiter(clock),
  ];
  const dispatcher = new Dispatcher(COMMANDS, services, audit, commandLogger, gates);
  const dispatch: Dispatch = (command) => dispatcher.dispatch(command);
  const control = new ControlListeners({
    dispatch,
    clock,
    logger: commandLogger,
    lock: lockFile,
    limits: DEFAULT_LIMITS,
    events,
    access,
    authenticate: authenticateByRules(access),
    peerOf: peerCredentials,
    ...doors.operators,
    ...nativeUnix(base),
  });
  ending.onEnd(() => control.close());
  const metrics = new MetricsListener(
    (detail) =>
      metricsText(
        statistics,
        {
          ...haGauges(leases.ha),
          ...guardGauges(guard),
          ...isolationGauges(isolation.states),
          ...ddnsGauges(leases.ddns.names),
          ...scriptGauges(script.queue),
        },
        detail,
      ),
    logger,
    { clock, access, ...doors.operators },
    () => readinessOf(leases),
  );
  ending.onEnd(() => metrics.close());
  const omapi = new OmapiListeners({
    ...services,
    dispatch,
    audit,
    access,
    random,
    logger: logger.child('omapi'),
    ...doors.operators,
    freeCount: (pool) => addresses.freeCount(pool),
  });
  ending.onEnd(() => omapi.close());
  (await isolation.prepare(snapshot)).commit();
  isolation.start();
  for (const listeners of [control, metrics, omapi]) (await listeners.prepare(snapshot)).commit();
  reportExposure(snapshot, commandLogger);

  configService.participate({
    name: 'lease-database',
    testable: true,
    prepare: async (next) => leaseDatabaseSwap(snapshot, next),
  });
  configService.participate(haSwap(leases.ha));
  leases.ha?.useTake(takeFromPartner(services));
  configService.participate(isolation);
  configService.participate(control);
  configService.participate(metrics);
  configService.participate(omapi);
  configService.participate(leases.ddns.participant);
  configService.participate(script.participant);
  configService.participate({
    name: 'interfaces',
    prepare: async (next) => socketSwap(await port.prepare(next.interfaces)),
  });
  if (log !== undefined)
    configService.participate({ name: 'loggers', prepare: async (next) => log.prepare(next.loggers) });
  configService.participate(reservations);
  configService.participate({
    name: 'exposure',
    prepare: async (next) => ({ commit: () => reportExposure(next, commandLogger), abandon: () => undefined }),
  });
  configService.participate({
    name: 'packets',
    prepare: (next, diff) => packetSwap(next, diff, clock, leases, packets),
    prepareChange: (next, change) => packetChange(next, change, clock, leases, packets),
  });
  return { config, listening: [...control.open.map((each) => `control ${each}`), ...omapi.open] };
}

/** Unix sockets by system calls where that can be had; packets.ts says so where it can not. */
function nativeUnix({ clock }: Base): Pick<ListenerDeps, 'listenUnix'> {
  try {
    return { listenUnix: listenUnixNatively(clock) };
  } catch {
    return {};
  }
}

/** Says what is exposed to whom: at every start, and after every change. */
function reportExposure({ listeners, access }: ConfigSnapshot, logger: Logger): void {
  const unknown = access?.secondPerson?.commands.filter((name) => !COMMANDS.some((row) => row.name === name)) ?? [];
  for (const name of unknown) {
    logger.log('WARN', 'LESSOR_SECOND_PERSON_UNKNOWN', `"second-person" names '${name}', which is no command`);
  }
  for (const { loud, text } of exposureOf(listeners, access, isLoopback)) {
    logger.log(loud ? 'WARN' : 'INFO', 'LESSOR_EXPOSED', text);
  }
}

/** Whether clients are served: nobody holds the service off, leases can be stored, and the pair agrees. */
function readinessOf({ serviceSwitch, store, ha }: Leases): Readiness {
  // In a Kea pair the service is off while the state says so; the state says why.
  if (ha !== undefined && serviceSwitch.state.byHaLocal.length > 0) return readinessOfAll(ha);
  if (!serviceSwitch.enabled) return { ready: false, reason: 'the service is switched off (dhcp-disable)' };
  const { health } = store;
  if (!health.ok) return { ready: false, reason: `leases can not be stored: ${health.reason}` };
  return ha === undefined ? { ready: true, reason: 'serving' } : readinessOfAll(ha);
}

/** A hub is ready when it is in every relation. */
function readinessOfAll({ reports }: HighAvailability): Readiness {
  const all = reports.map((report) => ({ name: report.relationship, ...report.readiness() }));
  const [only] = all;
  if (only !== undefined && all.length === 1) return { ready: only.ready, reason: only.reason };
  const told = all.filter(({ ready }) => !ready);
  const reason = (told.length === 0 ? all : told).map((one) => `${one.name}: ${one.reason}`).join('; ');
  return { ready: told.length === 0, reason };
}

/** The pair in numbers. */
function haGauges(ha: HighAvailability | undefined): Readonly<Record<string, Gauge>> {
  if (ha === undefined) return {};
  const isReady = (report: HaReport): number => Number(report.readiness().ready);
  const isConnected = (report: HaReport): number =>
    Number((report.status().lessor as { readonly connected: boolean }).connected);
  return {
    lessor_ha_serving: gaugeOf(ha, isReady, '1 if this server of a pair gives addresses to clients'),
    lessor_ha_connected: gaugeOf(ha, isConnected, '1 if the partner answers'),
  };
}

/** One number; of a hub one for each relation. */
function gaugeOf({ reports }: HighAvailability, numberOf: (report: HaReport) => number, help: string): Gauge {
  const [only, second] = reports;
  if (only !== undefined && second === undefined) return { value: numberOf(only), help };
  const samples = reports.map((report) => ({
    labels: { relationship: report.relationship },
    value: numberOf(report),
  }));
  return { samples, help };
}

/** Which control listeners stand apart from clients. */
function isolationGauges(states: readonly ListenerState[]): Readonly<Record<string, Gauge>> {
  if (states.length === 0) return {};
  const samples = (numberOf: (state: ListenerState) => number) =>
    states.map((state) => ({ labels: { listener: state.listener.name }, value: numberOf(state) }));
  return {
    lessor_listener_shared: {
      help: '0 a listener stands apart from clients, 1 it can not be told, 2 it uses their wire, 3 it is shared with them',
      samples: samples(({ judgement }) => VERDICT_LEVELS[judgement.verdict]),
    },
    lessor_listener_administration_stopped: {
      help: '1 nothing is changed through this listener because it has come to be shared with clients',
      samples: samples(({ stopped }) => Number(stopped)),
    },
  };
}

/** Who follows a change of the pair's configuration; a server that is alone can not become one of a pair. */
function haSwap(ha: HighAvailability | undefined): SwapParticipant {
  return (
    ha ?? {
      name: 'high-availability',
      async prepare(next) {
        if (next.ha.length === 0) return { commit: () => undefined, abandon: () => undefined };
        throw new LessorError('config-unsupported', 'a pair can not be made while the server runs: restart it');
      },
    }
  );
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
