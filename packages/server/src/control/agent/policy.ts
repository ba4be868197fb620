/** Who may use the agent's own commands: the rights of the same commands of a server, which reach everywhere. */

import { missingRight } from '../../domain/access/rights.js';
import { rightsOf } from '../access/command-rights.js';
import type { CommandPolicy } from '../dispatcher.js';

/** The policy of the agent. What it forwards, the daemon judges by its own rules. */
export const agentPolicy: CommandPolicy = {
  missingFor: ({ name, principal }) =>
    missingRight(principal.rights, { command: name, family: rightsOf(name).family, reach: () => 'everything' }),
  targetOf: () => undefined,
};
