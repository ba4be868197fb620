/** Commands that operators, and Kea partners, send to a server of a Kea pair: a row a command (Kea: ha_impl.cc). */

import type { HaConfig } from '../../domain/ha/config.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { CommandError } from '../../errors.js';
import type { KeaHaService } from './kea-ha-service.js';
import type { AskPeer } from './parts.js';

/** An answer as Kea has it. */
export interface KeaCommandAnswer {
  readonly result: number;
  readonly text: string;
  readonly arguments?: JsonMap;
}

/** What the rows work with. */
export interface OperatorParts {
  readonly service: KeaHaService;
  readonly config: () => HaConfig;
  /** The way to a server of the relation, by its name. */
  readonly askOf: (name: string) => AskPeer;
  /** Holds the service of clients off, and lets it go. */
  readonly hold: (held: boolean) => void;
  /** The partner lets go what it held off. */
  readonly release: () => void;
}

/** Kea: HA_CONTROL_RESULT_MAINTENANCE_NOT_ALLOWED. */
const NOT_ALLOWED = 1001;

type Row = (args: JsonMap | undefined, parts: OperatorParts) => KeaCommandAnswer | Promise<KeaCommandAnswer>;

/** The rows. */
const ROWS: Readonly<Record<string, Row>> = {
  'ha-heartbeat'(args, { service, config }) {
    checkName(args, 'ha-heartbeat', config());
    return done('HA peer status returned.', service.heartbeatAnswer());
  },
  'ha-continue'(args, { service, config }) {
    checkName(args, 'ha-continue', config());
    return done(service.continue() ? 'HA state machine continues.' : 'HA state machine is not paused.');
  },
  'ha-reset'(args, { service, config }) {
    checkName(args, 'ha-reset', config());
    return done(service.reset() ? 'HA state machine reset.' : 'HA state machine already in WAITING state.');
  },
  'ha-scopes'(args, { service, config }) {
    const { scopes } = args ?? {};
    if (scopes === undefined) throw invalid("'scopes' is mandatory for the 'ha-scopes' command");
    if (!Array.isArray(scopes)) throw invalid("'scopes' must be a list in the 'ha-scopes' command");
    checkName(args, 'ha-scopes', config());
    const names = scopes.map((scope: Json) => {
      if (typeof scope !== 'string') throw invalid('scope name must be a string in the "ha-scopes" command');
      if (!namesOf(config()).includes(scope)) {
        throw invalid(`invalid server name specified '${scope}' while enabling/disabling HA scopes`);
      }
      return scope;
    });
    service.serveScopes(names);
    return done('New HA scopes configured.');
  },
  async 'ha-sync'(args, { service, config, askOf }) {
    if (args === undefined) throw invalid("arguments not found in the 'ha-sync' command");
    const { 'server-name': name, 'max-period': period } = args;
    if (name === undefined) throw invalid("'server-name' is mandatory for the 'ha-sync' command");
    checkName(args, 'ha-sync', config());
    if (period !== undefined && (typeof period !== 'number' || !Number.isInteger(period) || period <= 0)) {
      throw invalid("'max-period' must be a positive integer in the 'ha-sync' command");
    }
    const timeoutMs = period === undefined ? config().kea.syncTimeoutMs : Number(period) * 1000;
    const failed = await service.fetch(askOf(String(name)), timeoutMs);
    return failed === undefined ? done('Lease database synchronization complete.') : refuse(failed.message);
  },
  'ha-sync-complete-notify': (args, parts) => syncComplete(args, parts),
  'ha-maintenance-start': (_, { service }) => startMaintenance(service),
  async 'ha-maintenance-cancel'(_, { service }) {
    if (service.status.state !== 'partner-in-maintenance') {
      return refuse(
        'Unable to cancel maintenance request because the server is not in the partner-in-maintenance state.',
      );
    }
    const answer = await notifyPartner(service, true);
    if (answer.result !== 0) return refuse('Unable to cancel maintenance. The partner server did not take it.');
    service.leaveMaintenance('maintenance was cancelled');
    return done('Server maintenance successfully canceled.');
  },
  'ha-maintenance-notify'(args, { service, config }) {
    if (args === undefined || Object.keys(args).length === 0) {
      throw invalid("invalid command 'ha-maintenance-notify': 'arguments' is empty");
    }
    const { cancel } = args;
    if (cancel === undefined) throw invalid("'cancel' is mandatory for the 'ha-maintenance-notify' command");
    if (typeof cancel !== 'boolean') throw invalid("'cancel' must be a boolean in the 'ha-maintenance-notify' command");
    checkName(args, 'ha-maintenance-notify', config());
    return cancel ? endMaintenance(service) : beginMaintenance(service);
  },
};

/** True for a command of this table. */
export function isKeaCommand(name: string): boolean {
  return Object.hasOwn(ROWS, name);
}

/** Performs one. @throws CommandError */
export async function runKeaCommand(
  name: string,
  args: JsonMap | undefined,
  parts: OperatorParts,
): Promise<KeaCommandAnswer> {
  const row = Object.hasOwn(ROWS, name) ? ROWS[name] : undefined;
  if (row === undefined) throw new CommandError('command-unknown', `'${name}' is no command of high availability`);
  return await row(args, parts);
}

/**
 * The partner has all our leases. Who served alone meanwhile holds its service until it has seen what the partner does
 * now: whatever it gave in between the partner would not know (Kea does the same in partner-down).
 */
async function syncComplete(args: JsonMap | undefined, parts: OperatorParts): Promise<KeaCommandAnswer> {
  const { service, config, hold, release } = parts;
  checkName(args, 'ha-sync-complete-notify', config());
  const alone = service.status.state === 'partner-down';
  if (alone) hold(true);
  release();
  if (alone) {
    try {
      await service.heartbeat();
    } finally {
      hold(false);
    }
  }
  return done('Server successfully notified about the synchronization completion.');
}

async function startMaintenance(service: KeaHaService): Promise<KeaCommandAnswer> {
  const { state } = service.status;
  if (MAINTAINED.has(state)) {
    return refuse(`Unable to transition the server from the ${state} to partner-in-maintenance state.`);
  }
  const answer = await notifyPartner(service, false);
  if (answer.result === NOT_ALLOWED) {
    return refuse(
      `Unable to transition to the partner-in-maintenance state. The partner server responded with the following message to the maintenance commands: ${answer.text}`,
    );
  }
  if (answer.result === 0) {
    service.enterMaintenance('partner-in-maintenance', 'the partner is about to be stopped');
    return done(
      'Server is now in the partner-in-maintenance state and its partner is in-maintenance state. The partner can be now safely shut down.',
    );
  }
  service.partnerIsDown();
  return done('Server is now in the partner-down state as its partner appears to be offline for maintenance.');
}

const MAINTAINED: ReadonlySet<string> = new Set(['backup', 'in-maintenance', 'partner-in-maintenance', 'terminated']);

function beginMaintenance(service: KeaHaService): KeaCommandAnswer {
  const { state } = service.status;
  if (state === 'backup' || state === 'partner-in-maintenance' || state === 'terminated') {
    return {
      result: NOT_ALLOWED,
      text: `Unable to transition the server from the ${state} to in-maintenance state.`,
    };
  }
  service.enterMaintenance('in-maintenance', 'the partner asked for it');
  return done('Server is in-maintenance state.');
}

function endMaintenance(service: KeaHaService): KeaCommandAnswer {
  if (service.status.state !== 'in-maintenance') {
    return refuse('Unable to cancel the maintenance for the server not in the in-maintenance state.');
  }
  service.leaveMaintenance('the partner cancelled maintenance');
  return done('Server maintenance canceled.', { state: service.status.state });
}

async function notifyPartner(
  service: KeaHaService,
  cancel: boolean,
): Promise<{ readonly result: number; readonly text: string }> {
  try {
    const { result, text = '' } = await service.tell('ha-maintenance-notify', {
      'server-name': service.ownName,
      cancel,
      state: service.status.state,
    });
    return { result, text };
  } catch (error) {
    return { result: 1, text: (error as Error).message };
  }
}

/** A server the relation does not have is refused, as Kea 3 does; 2.2 takes no notice. */
function checkName(args: JsonMap | undefined, command: string, config: HaConfig): void {
  const name = args?.['server-name'];
  if (name === undefined) return;
  if (typeof name !== 'string') throw invalid(`'server-name' must be a string in the '${command}' command`);
  if (!namesOf(config).includes(name)) throw invalid(`${name} matches no configured 'server-name'`);
}

function namesOf({ self, peers }: HaConfig): string[] {
  return [self, ...peers].map(({ name }) => name);
}

function invalid(text: string): CommandError {
  return new CommandError('command-invalid', text);
}

function done(text: string, args?: JsonMap): KeaCommandAnswer {
  return { result: 0, text, ...(args === undefined ? {} : { arguments: args }) };
}

function refuse(text: string): KeaCommandAnswer {
  return { result: 1, text };
}
