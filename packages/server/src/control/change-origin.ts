/** Who replaces the configuration, and whether that is to be undone unless it is confirmed. */

import type { ChangeOrigin } from '../services/config-service.js';
import { integer, invalid, memberOf } from './arguments.js';
import type { ArgumentDescription, ControlCommand, JsonMap } from './command.js';

/** The longest wait for a confirmation: a day. */
const MAX_CONFIRM_SEC = 86_400;

/** The argument of config-set, config-reload and config-rollback. */
export const CONFIRM_WITHIN: Readonly<Record<'confirm-within', ArgumentDescription>> = {
  'confirm-within': { type: 'an integer', optional: true },
};

/** Reads it off a command. `arguments` that are no map are ignored, as Kea does for config-reload. @throws CommandError */
export function originOf({ args, name, principal }: ControlCommand): ChangeOrigin {
  const origin = { who: principal.name, command: name };
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return origin;
  const given = memberOf(args as JsonMap, 'confirm-within');
  if (given === undefined) return origin;
  const seconds = integer.accept(given);
  if (seconds === undefined || seconds < 1 || seconds > MAX_CONFIRM_SEC) {
    throw invalid(`'confirm-within' must be a number of seconds, 1 to ${MAX_CONFIRM_SEC}`);
  }
  return { ...origin, confirmWithinSec: seconds };
}
