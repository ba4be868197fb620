/**
 * Commands that two people must ask for: the first is written down, the second, who must be another, makes it happen.
 * One of them alone could take the rule away, or make himself a second principal: so whatever changes who may do what
 * takes two as well.
 */

import { createHash } from 'node:crypto';
import { formatJson } from '@lessor/kea';
import type { SecondPersonRule } from '../../domain/access/policy.js';
import { CommandError } from '../../errors.js';
import type { Clock } from '../../services/ports.js';
import type { ControlCommand } from '../command.js';
import type { CommandGate } from '../dispatcher.js';

/** Requests that may wait for a second person; the oldest goes first. */
const MAX_PENDING = 64;

interface Pending {
  readonly who: string;
  /** Monotonic milliseconds after which it is as if it had not been asked. */
  readonly until: number;
}

/** See the head of this file. */
export class SecondPerson implements CommandGate {
  private readonly pending = new Map<string, Pending>();

  /**
   * @param rule in force now; undefined = none
   * @param changesRules whether a command would change who may do what
   */
  constructor(
    private readonly rule: () => SecondPersonRule | undefined,
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly changesRules: (command: ControlCommand) => boolean = () => false,
  ) {}

  /** @throws CommandError `command-second-person` for the first of the two */
  async pass<T>(command: ControlCommand, _expensive: boolean, work: () => Promise<T>): Promise<T> {
    const rule = this.rule();
    const { principal, name } = command;
    if (rule === undefined || principal.method === 'internal') return work();
    if (!rule.commands.includes(name) && !this.changesRules(command)) return work();
    const key = keyOf(command);
    const first = this.pending.get(key);
    const now = this.clock.monotonic();
    if (first !== undefined && first.until > now && first.who !== principal.name) {
      this.pending.delete(key);
      return work();
    }
    this.pending.delete(key);
    this.pending.set(key, { who: principal.name, until: now + rule.withinSec * 1000 });
    if (this.pending.size > MAX_PENDING) this.pending.delete(this.pending.keys().next().value!);
    throw new CommandError(
      'command-second-person',
      `${name} needs a second person: somebody else who may use it must send the same command within ${rule.withinSec} s`,
    );
  }
}

/** The same command with the same arguments. */
function keyOf({ name, args }: ControlCommand): string {
  return createHash('sha256')
    .update(`${name} ${args === undefined ? '' : formatJson(args)}`)
    .digest('hex');
}
