/** Who may use the agent's own commands: the rights of the same commands of a server, which reach everywhere. */

import { missingRight } from '../../domain/access/rights.js';
import { rightsOf } from '../access/command-rights.js';
import type { Principal } from '../command.js';
import type { CommandPolicy } from '../dispatcher.js';

/** The policy of the agent. What it forwards, the daemon judges by its own rules. */
export const agentPolicy: CommandPolicy = {
  missingFor: ({ name, principal }) =>
    notAdmitted(name, principal) ??
    missingRight(principal.rights, { command: name, family: rightsOf(name).family, reach: () => 'everything' }),
  targetOf: () => undefined,
};

/** What a listener does not let through, whoever sends it; undefined for what it does. */
export function notAdmitted(command: string, { admits }: Pick<Principal, 'admits'>): string | undefined {
  const { family } = rightsOf(command);
  const admitted = admits === undefined || admits.includes(family) || admits.includes(command);
  return admitted ? undefined : `${family} through this listener`;
}
