/**
 * Long texts as octets in pages that are used again. Text made of strings, or of buffers that are made and thrown away,
 * has the garbage collector go through everything after every thirty megabytes, which stops packets for milliseconds.
 */

import type { Cancel, Clock } from '../services/ports.js';

/** Octets of a page: few enough to be sent at one go without holding up packets. */
export const PAGE_OCTETS = 64 * 1024;
/** Pages that are kept for the next text, at most: 32 MiB. */
const MOST_IDLE = 512;
/** How long they are kept when nobody wants them. */
const KEPT_MS = 30_000;

/** The pages of a process. */
export class PagePool {
  private idle: Buffer[] = [];
  private cancel: Cancel = () => undefined;

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Pages that wait for a text. */
  get size(): number {
    return this.idle.length;
  }

  take(): Buffer {
    return this.idle.pop() ?? Buffer.allocUnsafeSlow(PAGE_OCTETS);
  }

  /** Gives pages back: nobody may look at them any more. */
  give(pages: readonly Buffer[]): void {
    for (const page of pages) {
      if (this.idle.length === MOST_IDLE) break;
      this.idle.push(page);
    }
    this.cancel();
    this.cancel = this.clock.after(KEPT_MS, () => {
      this.idle = [];
    });
  }
}

/** A text that grows. */
export class TextPages {
  /** What is written of the pages before the last one. */
  private readonly full: Buffer[] = [];
  private readonly pages: Buffer[] = [];
  /** The page that is written to; empty until somebody wants room. */
  page: Buffer = Buffer.alloc(0);
  /** Where the next octet goes. */
  at = 0;

  constructor(private readonly pool: Pick<PagePool, 'take' | 'give'>) {}

  /** Makes room for so many octets on one page; at most {@link PAGE_OCTETS}. */
  room(octets: number): void {
    if (this.at + octets <= this.page.length) return;
    if (this.at > 0) this.full.push(this.page.subarray(0, this.at));
    this.page = this.pool.take();
    this.pages.push(this.page);
    this.at = 0;
  }

  /** Appends a comma and a blank. */
  comma(): void {
    this.room(2);
    this.page[this.at++] = 0x2c;
    this.page[this.at++] = 0x20;
  }

  /** Appends a binary string, over as many pages as it takes. */
  write(text: string): void {
    for (let from = 0; from < text.length; ) {
      this.room(1);
      const written = this.page.write(from === 0 ? text : text.slice(from), this.at, 'latin1');
      from += written;
      this.at += written;
    }
  }

  /** All of it. */
  octets(): readonly Buffer[] {
    return this.at === 0 ? this.full : [...this.full, this.page.subarray(0, this.at)];
  }

  /** Gives the pages back. The octets must not be looked at any more. */
  release(): void {
    this.pool.give(this.pages.splice(0));
    this.full.length = 0;
    this.page = Buffer.alloc(0);
    this.at = 0;
  }
}
