/** Where replies are composed: one buffer for each reply of a batch, used again and again. */

import { LARGEST_REPLY_OCTETS } from './layout.js';

/** See the head of this file. */
export class ReplyBuffer {
  /** Room for {@link LARGEST_REPLY_OCTETS} and the option that turns out not to fit. */
  readonly octets: Buffer = Buffer.alloc(LARGEST_REPLY_OCTETS + 64);
  #first: Uint8Array = this.octets;

  /** The first `length` octets. Replies of a kind have one length, so the view made last mostly fits again. */
  first(length: number): Uint8Array {
    if (this.#first.length !== length) this.#first = this.octets.subarray(0, length);
    return this.#first;
  }
}
