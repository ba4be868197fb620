/** The composition root of the Control Agent: configuration, log, lock, commands, listener. */

import { AGENT_NAME, type AgentConfig, loadAgentConfig } from '../config/agent.js';
import { directoriesFrom } from '../config/environment.js';
import type { ConfigSource } from '../config/load.js';
import { AccessControl } from '../control/access/access-control.js';
import { IsolationGate, isolationRefusal } from '../control/access/isolation-gate.js';
import { AGENT_COMMANDS, type AgentServices } from '../control/agent/commands.js';
import { agentPolicy, notAdmitted } from '../control/agent/policy.js';
import { agentHandler } from '../control/agent/router.js';
import { CommandRunner } from '../control/dispatcher.js';
import { requestError } from '../control/door.js';
import { LessorError } from '../errors.js';
import { systemClock } from '../platform/clock.js';
import { machineConfigEnvironment, writeAtomically } from '../platform/config-environment.js';
import { acquireInstanceLock, lockFile } from '../platform/lock.js';
import type { LogTree } from '../platform/log.js';
import { linuxMachineNetwork } from '../platform/machine-network.js';
import { pidFilePath } from '../platform/paths.js';
import { createSystemRandom } from '../platform/random.js';
import { AgentConfigService } from '../services/agent-config.js';
import { type AuditPort, auditToLogger } from '../services/audit.js';
import type { Ending } from '../services/ending.js';
import { IsolationMonitor, type JudgedConfig } from '../services/isolation.js';
import type { Logger } from '../services/ports.js';
import { ControlListeners } from '../transports/control-listeners.js';
import { askDaemon } from '../transports/daemon-link.js';
import { authenticateAsKea, authenticateByRules } from '../transports/http-authenticate.js';
import { DEFAULT_LIMITS } from '../transports/listener.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY, LESSOR_VERSION } from '../version.js';
import { reportWarnings, startProgram } from './program.js';
import { tcpDoors } from './tcp-doors.js';

/** What to serve and how. */
export interface AgentOptions {
  /** A file in Kea's dialect, or the parsed text of one. */
  readonly config: ConfigSource;
  /** process.env: Kea's variables for directories and early logging. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** -X: config-write may write anywhere. */
  readonly insecure?: boolean;
  /** -d: log everything. */
  readonly verbose?: boolean;
  /** Present: part of another program, which keeps its own log; no PID file is written and no logger is configured. */
  readonly logger?: Logger;
}

/** An agent that serves. */
export interface RunningAgent {
  /** What is listening where, a line each. */
  readonly listening: readonly string[];
  /** Reads the configuration again; what is wrong with it is logged and changes nothing. */
  reload(): Promise<void>;
  /** Stops listening, lets answers under way leave, closes everything. */
  stop(): Promise<void>;
  /** Resolves when the agent has stopped, with the exit value of the process. */
  readonly finished: Promise<number>;
}

/**
 * Starts an agent and resolves when it serves.
 * @throws ConfigError, LessorError or the system's Error; whatever had been opened is closed again
 */
export function startAgent(options: AgentOptions): Promise<RunningAgent> {
  return startProgram(options, { root: AGENT_NAME, failureId: 'CTRL_AGENT_FAILED' }, (logger, log, ending) =>
    start(options, logger, log, ending),
  );
}

async function start(
  options: AgentOptions,
  logger: Logger,
  log: LogTree | undefined,
  ending: Ending,
): Promise<RunningAgent> {
  const { config: source, variables, insecure = false } = options;
  const environment = () => machineConfigEnvironment({ variables, insecure, checkInterfaces: false });
  const loaded = loadAgentConfig(source, { ...environment(), generation: 1 });
  log?.configure(loaded.config.loggers);
  reportWarnings(loaded.warnings, logger);
  if (log !== undefined && source.kind === 'file') takePidFile(source.path, variables, logger, ending);

  const random = createSystemRandom();
  const config = new AgentConfigService({
    initial: loaded.config,
    source,
    environment,
    files: { writeAtomically },
    clock: systemClock,
  });
  const audit = auditToLogger(logger.child('audit'));
  const isolation = new IsolationMonitor({
    network: linuxMachineNetwork(systemClock, random),
    clock: systemClock,
    random,
    logger: logger.child('commands'),
    audit,
    events: { publish: () => undefined },
  });
  ending.onEnd(() => isolation.close());
  const services: AgentServices = {
    clock: systemClock,
    config,
    isolation,
    process: {
      pid: process.pid,
      startedAt: systemClock.now(),
      version: KEA_COMPATIBILITY,
      extendedVersion: extendedVersion(),
      buildReport: buildReport(),
      ...(source.kind === 'file' && { configFile: source.path }),
    },
    shutdown: (exitValue) => void ending.end(exitValue),
  };
  const listeners = openDoor(services, config, logger, audit, isolation);
  ending.onEnd(() => listeners.close());
  (await isolation.prepare(judged(loaded.config))).commit();
  isolation.start();
  config.participate((next) => isolation.prepare(judged(next)));
  (await listeners.apply([loaded.config.socket])).commit();
  config.participate((next) => listeners.apply([next.socket]));
  if (log !== undefined) config.participate(async (next) => log.prepare(next.loggers));

  logger.log('INFO', 'CTRL_AGENT_STARTED', `lessor-agent ${LESSOR_VERSION} started: ${summary(config.current)}`);
  return {
    get listening() {
      return listeners.open;
    },
    reload: () => reload(config, logger),
    stop: () => ending.end(0),
    finished: ending.finished,
  };
}

/** What of the agent is judged: its door, beside the interfaces the daemons serve clients on. */
function judged({ socket, clientInterfaces }: AgentConfig): JudgedConfig {
  return {
    listeners: socket.policy === undefined ? [] : [socket.policy],
    interfaces: { selectors: clientInterfaces.map((name) => ({ name })) },
  };
}

function openDoor(
  services: AgentServices,
  config: AgentConfigService,
  logger: Logger,
  audit: AuditPort,
  isolation: IsolationMonitor,
): ControlListeners {
  const commandLogger = logger.child('commands');
  const dispatcher = new CommandRunner(AGENT_COMMANDS, services, agentPolicy, audit, commandLogger, [
    new IsolationGate(),
  ]);
  const access = new AccessControl({
    clock: systemClock,
    logger: commandLogger,
    audit,
    rules: () => undefined,
    refusalFor: (listener) => isolation.refusalFor(listener),
  });
  const byRules = authenticateByRules(access);
  const dispatch = dispatcher.dispatch.bind(dispatcher);
  return new ControlListeners({
    dispatch,
    handle: agentHandler({
      dispatch,
      pathOf: (service) => config.current.daemons.get(service),
      ask: (path, command) => askDaemon(path, command, systemClock),
      refusal(command, principal) {
        if (notAdmitted(command, principal) !== undefined) {
          return requestError(`'${principal.name}' may not use '${command}'`, 'command-denied');
        }
        const text = isolationRefusal(command, principal);
        return text === undefined ? undefined : requestError(text, 'command-isolated');
      },
    }),
    clock: systemClock,
    logger: commandLogger,
    lock: lockFile,
    limits: DEFAULT_LIMITS,
    access,
    ...tcpDoors(systemClock).operators,
    // An agent without a block is Kea's.
    authenticate: (facts, socket) => (socket.policy === undefined ? authenticateAsKea : byRules)(facts, socket),
  });
}

/** As Kea does it; where its directory can not be written (an ordinary user) the agent goes on without. */
function takePidFile(configFile: string, variables: AgentOptions['variables'], logger: Logger, ending: Ending): void {
  const path = pidFilePath(directoriesFrom(variables).pid, configFile, AGENT_NAME);
  try {
    const lock = acquireInstanceLock(path);
    ending.onEnd(() => lock.release());
  } catch (error) {
    if (error instanceof LessorError || variables.KEA_PIDFILE_DIR) throw error;
    logger.log('WARN', 'LESSOR_PID_FILE', `no PID file is written: ${(error as Error).message}`);
  }
}

async function reload(config: AgentConfigService, logger: Logger): Promise<void> {
  try {
    reportWarnings((await config.reload()).warnings, logger);
    logger.log('INFO', 'CTRL_AGENT_RECONFIGURED', `the configuration was read again: ${summary(config.current)}`);
  } catch (error) {
    logger.log('ERROR', 'CTRL_AGENT_CONFIG_FAIL', `nothing changed: ${(error as Error).message}`);
  }
}

function summary({ socket, daemons }: AgentConfig): string {
  const names = [...daemons.keys()];
  return `${socket.type} ${socket.address} port ${socket.port}, in front of ${names.join(', ') || 'no daemon'}`;
}
