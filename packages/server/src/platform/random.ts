/** The machine's chance behind the port Random. */

import { randomBytes, randomFillSync } from 'node:crypto';
import type { Random } from '../services/ports.js';

/** Words drawn from the kernel at a time: one system call serves many packets. */
const POOL_WORDS = 1024;
const TWO_32 = 2 ** 32;

/** A source of unpredictable numbers: addresses and transaction ids that nobody guesses from earlier ones. */
export function createSystemRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let used = POOL_WORDS;
  const word = (): number => {
    if (used === POOL_WORDS) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++]!;
  };
  return {
    below(bound: number): number {
      if (!(bound >= 1 && bound <= TWO_32)) throw new RangeError(`bound ${bound} is not within 1..2^32`);
      // Words above the last whole multiple of `bound` are drawn again, else small numbers would be likelier.
      const limit = TWO_32 - (TWO_32 % bound);
      for (;;) {
        const drawn = word();
        if (drawn < limit) return drawn % bound;
      }
    },
    bytes: (count: number): Uint8Array => randomBytes(count),
  };
}
