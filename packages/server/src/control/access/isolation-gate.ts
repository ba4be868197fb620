/** Between a command and its running: nothing is changed through a listener that has come to be shared with clients. */

import { FAMILIES } from '../../domain/access/families.js';
import { roleHas } from '../../domain/access/roles.js';
import { CommandError } from '../../errors.js';
import type { IsolationMonitor } from '../../services/isolation.js';
import type { ControlCommand } from '../command.js';
import type { CommandGate } from '../dispatcher.js';
import { rightsOf } from './command-rights.js';

/** See the head of this file. Reading goes on, and so does what partners of a pair say to each other. */
export class IsolationGate implements CommandGate {
  constructor(private readonly isolation: Pick<IsolationMonitor, 'refusalFor'>) {}

  /** @throws CommandError `command-denied` */
  pass<T>({ name, principal }: ControlCommand, _expensive: boolean, work: () => Promise<T>): Promise<T> {
    const refusal = principal.through === undefined ? undefined : this.isolation.refusalFor(principal.through);
    if (refusal === undefined || !isAdministration(name, principal.plane)) return work();
    return Promise.reject(new CommandError('command-denied', refusal));
  }
}

/** True for a command that changes something, unless it is a partner's and came where partners come. */
export function isAdministration(command: string, plane: ControlCommand['principal']['plane']): boolean {
  const { family } = rightsOf(command);
  if (!FAMILIES[family].changes) return false;
  return plane !== 'peer' || !roleHas('ha-peer', command, family);
}
