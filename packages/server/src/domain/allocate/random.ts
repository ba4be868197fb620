/**
 * Kea's `random` allocator: every free address is equally likely.
 *
 * "A random place, then the next free one" would favour whatever follows a long run of taken addresses, and runs are
 * what pools are full of. So: a few draws from the whole pool, which nearly always hit while it is not nearly full,
 * and then a draw among the free ones by rank, which always hits. Both are uniform, hence so is the whole.
 * Kea walks a random permutation of the pool and returns to addresses of released leases only after all others;
 * where that matters the free-lease-queue does it better.
 */

import type { Ipv4 } from '../values.js';
import type { Accept, Allocator, Chance } from './allocator.js';
import type { FreeMap } from './free-map.js';

const DRAWS = 8;
/** Below a sixteenth of the pool free, a draw from all of it misses too often to be worth it. */
const SPARSE = 16;

/** A uniformly random free address of the map, which must have one. */
export function drawFree(map: FreeMap, random: Chance): Ipv4 {
  for (let i = 0; i < DRAWS && map.free * SPARSE > map.total; i++) {
    const address = map.first + random.below(map.total);
    if (map.isFree(address)) return address;
  }
  return map.select(random.below(map.free));
}

/** Chooses blindly; keeps no state. */
export class RandomAllocator implements Allocator {
  constructor(private readonly random: Chance) {}

  pick(map: FreeMap, accept?: Accept): Ipv4 | undefined {
    if (map.free === 0) return undefined;
    for (let i = 0; i < DRAWS; i++) {
      const address = drawFree(map, this.random);
      if (accept === undefined || accept(address)) return address;
    }
    return this.search(map, accept!);
  }

  remember(): () => void {
    return () => undefined;
  }

  taken(): void {}

  freed(): void {}

  /** Few addresses are acceptable: looks at all, from a random one on. */
  private search(map: FreeMap, accept: Accept): Ipv4 | undefined {
    const start = drawFree(map, this.random);
    let address: Ipv4 | undefined = start;
    do {
      if (accept(address)) return address;
      address = map.nextFree(address + 1);
    } while (address !== undefined && address !== start);
    return undefined;
  }
}
