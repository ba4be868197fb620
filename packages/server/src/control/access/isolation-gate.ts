/** Between a command and its running: nothing is changed through a listener that has come to be shared with clients. */

import { FAMILIES } from '../../domain/access/families.js';
import { roleHas } from '../../domain/access/roles.js';
import { CommandError } from '../../errors.js';
import type { ControlCommand, Principal } from '../command.js';
import type { CommandGate } from '../dispatcher.js';
import { rightsOf } from './command-rights.js';

/** See the head of this file. Reading goes on, and so does what partners of a pair say to each other. */
export class IsolationGate implements CommandGate {
  /** @throws CommandError `command-isolated` */
  pass<T>({ name, principal }: ControlCommand, _expensive: boolean, work: () => Promise<T>): Promise<T> {
    const refusal = isolationRefusal(name, principal);
    return refusal === undefined ? work() : Promise.reject(new CommandError('command-isolated', refusal));
  }
}

/** Why a command is refused now; undefined if it is not. */
export function isolationRefusal(command: string, { stopped, plane }: Principal): string | undefined {
  const refusal = stopped?.();
  return refusal !== undefined && isAdministration(command, plane) ? refusal : undefined;
}

/** True for a command that changes something, unless it is a partner's and came where partners come. */
export function isAdministration(command: string, plane: Principal['plane']): boolean {
  const { family } = rightsOf(command);
  if (!FAMILIES[family].changes) return false;
  return plane !== 'peer' || !roleHas('ha-peer', command, family);
}
