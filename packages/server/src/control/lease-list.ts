/**
 * The leases of an answer, as the text they will be sent as: a hundred thousand objects that live until the answer is
 * written would make the garbage collector stop the packets for a tenth of a second at a time.
 */

import type { Lease } from '../domain/lease.js';
import { type LeaseView, showLeases } from '../domain/lease-view.js';
import { type CommandResult, Result } from './command.js';
import { writeLease } from './lease-text.js';
import { pagedAnswer } from './paged-answer.js';
import { type PagePool, TextPages } from './text-pages.js';

const COMMA = Buffer.from(', ');
const END = Buffer.from(' ] }');

/** Collects leases. */
export class LeaseList {
  private readonly text: TextPages;
  private count = 0;

  constructor(pages: Pick<PagePool, 'take' | 'give'>) {
    this.text = new TextPages(pages);
  }

  get length(): number {
    return this.count;
  }

  add(lease: LeaseView): void {
    if (this.count > 0) this.text.comma();
    writeLease(this.text, lease);
    this.count++;
  }

  /** Adds leases that are objects. */
  addAll(leases: readonly Lease[]): void {
    showLeases(leases, (lease) => {
      this.add(lease);
      return true;
    });
  }

  /** The answer with the leases of several lists, one after the other, as `leases`, and `count` if it is wanted. */
  static answer(lists: readonly LeaseList[], text: (count: number) => string, withCount = false): CommandResult {
    const count = lists.reduce((sum, { length }) => sum + length, 0);
    const argumentsText: Buffer[] = [Buffer.from(withCount ? `{ "count": ${count}, "leases": [ ` : '{ "leases": [ ')];
    for (const list of lists) {
      if (list.length > 0 && argumentsText.length > 1) argumentsText.push(COMMA);
      argumentsText.push(...list.text.octets());
    }
    argumentsText.push(END);
    const release = () => {
      for (const list of lists) list.text.release();
    };
    const head = { result: count === 0 ? Result.empty : Result.success, text: text(count) };
    return pagedAnswer(head, argumentsText, release);
  }
}
