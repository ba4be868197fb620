/** The step of the dispatcher that says whether a principal may run a command with these arguments. */

import { jsonTypeOf } from '@lessor/kea';
import { type Demand, missingRight } from '../../domain/access/rights.js';
import { memberOf } from '../arguments.js';
import type { ControlCommand, Json, JsonMap } from '../command.js';
import { restoreSecrets } from '../secrets.js';
import type { ControlServices } from '../services.js';
import { rightsOf } from './command-rights.js';
import { changesSecurity } from './security-parts.js';

/** Commands that carry a whole configuration. */
const CARRY_CONFIGURATION: readonly string[] = ['config-set', 'config-test', 'config-plan'];

/** What authorising looks at. */
export interface AuthoriseServices {
  readonly config: Pick<ControlServices['config'], 'current'>;
  readonly leases: Pick<ControlServices['leases'], 'getByAddress'>;
}

/** The rights missing for a command, for the audit; undefined if it may run. Never throws. */
export function missingFor(command: ControlCommand, services: AuthoriseServices): string | undefined {
  const { rights, admits } = command.principal;
  for (const demand of demandsOf(command, services)) {
    if (admits !== undefined && !admits.includes(demand.family) && !admits.includes(demand.command)) {
      return `${demand.family} through this listener`;
    }
    const missing = missingRight(rights, demand);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** What a command needs; all of it. */
export function demandsOf(
  { name, args }: Pick<ControlCommand, 'name' | 'args'>,
  services: AuthoriseServices,
): Demand[] {
  const { family, reach } = rightsOf(name);
  const map = args !== undefined && jsonTypeOf(args) === 'map' ? (args as JsonMap) : {};
  const { config, leases } = services;
  const demands: Demand[] = [{ command: name, family, reach: () => reach(map, { config: config.current, leases }) }];
  if (CARRY_CONFIGURATION.includes(name) && changesSecurity(config.current.tree, sentConfiguration(map, config))) {
    demands.push({ command: '', family: 'security', reach: () => 'everything' });
  }
  return demands;
}

/** True for a command that puts a configuration in force in which something that is about security is another. */
export function changesRules(
  { name, args }: Pick<ControlCommand, 'name' | 'args'>,
  { config }: Pick<AuthoriseServices, 'config'>,
): boolean {
  // Which one it would bring back is not looked at: it may well be one without the rule.
  if (name === 'config-rollback') return true;
  const map = args !== undefined && jsonTypeOf(args) === 'map' ? (args as JsonMap) : {};
  return name === 'config-set' && changesSecurity(config.current.tree, sentConfiguration(map, config));
}

/** The configuration that was sent, redacted secrets put back: to send them as they were got changes nothing. */
function sentConfiguration(map: JsonMap, { current }: AuthoriseServices['config']): Json | undefined {
  const sent = memberOf(map, 'Dhcp4');
  try {
    return sent === undefined ? undefined : restoreSecrets(sent, current.tree);
  } catch {
    // There is no such secret: the command will say so; here it counts as a change.
    return sent;
  }
}
