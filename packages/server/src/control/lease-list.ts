/**
 * The leases of an answer: a few as objects, many as their text. A hundred thousand objects that live until the answer
 * is written make the garbage collector stop the packets for a tenth of a second at a time; octets it does not look at.
 */

import { formatJson, type JsonMap, parseCommandJson } from '@lessor/kea';
import type { Lease } from '../domain/lease.js';
import { leaseToJson } from '../domain/lease-json.js';
import { type CommandResult, type Json, Result } from './command.js';

/** Leases that are kept as objects; one more, and all become text. */
const MOST_OBJECTS = 1000;

/** Collects leases. */
export class LeaseList {
  private objects: JsonMap[] = [];
  /** Text of the leases before those in `objects`, items with a comma between. */
  private readonly texts: Buffer[] = [];
  private count = 0;

  get length(): number {
    return this.count;
  }

  add(leases: readonly Lease[]): void {
    for (const lease of leases) this.objects.push(leaseToJson(lease));
    this.count += leases.length;
    if (this.count > MOST_OBJECTS) this.becomeText();
  }

  private becomeText(): void {
    if (this.objects.length === 0) return;
    const items = this.objects.map(formatJson).join(', ');
    this.texts.push(Buffer.from(this.texts.length === 0 ? items : `, ${items}`, 'latin1'));
    this.objects = [];
  }

  /** The answer with the leases of several lists, one after the other, as `leases`, and `count` if it is wanted. */
  static answer(lists: readonly LeaseList[], text: (count: number) => string, withCount = false): CommandResult {
    const count = lists.reduce((sum, { length }) => sum + length, 0);
    const head = { result: count === 0 ? Result.empty : Result.success, text: text(count) };
    if (count <= MOST_OBJECTS) {
      const leases = lists.flatMap(({ objects }) => objects);
      return { ...head, arguments: withCount ? { leases, count } : { leases } };
    }
    const argumentsText: Buffer[] = [Buffer.from(withCount ? `{ "count": ${count}, "leases": [ ` : '{ "leases": [ ')];
    for (const list of lists) {
      list.becomeText();
      if (list.length > 0 && argumentsText.length > 1) argumentsText.push(Buffer.from(', '));
      argumentsText.push(...list.texts);
    }
    argumentsText.push(Buffer.from(' ] }'));
    return {
      ...head,
      argumentsText,
      get arguments(): Json {
        return parseCommandJson(Buffer.concat(argumentsText).toString('latin1'), { comments: false });
      },
    };
  }
}
