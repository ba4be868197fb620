/** How the next address of a pool is chosen. One allocator serves one pool; the pool's free addresses are a FreeMap. */

import type { Ipv4 } from '../values.js';
import type { FreeMap } from './free-map.js';

/** Says whether an address will do; one that will not is left for others. */
export type Accept = (address: Ipv4) => boolean;

/** Chance, as far as choosing addresses needs it; services/ports.ts Random is one. */
export interface Chance {
  /** A uniform integer 0 <= n < bound, bound <= 2^32. */
  below(bound: number): number;
}

/** Chooses addresses. `taken` and `freed` must be called after each change of the map the allocator works on. */
export interface Allocator {
  /**
   * A free address, or undefined if none is free and acceptable. It stays free: the caller holds it. Without that the
   * next call gives another address as long as there is one.
   */
  pick(map: FreeMap, accept?: Accept): Ipv4 | undefined;
  /** Remembers where it stands: the function puts the order of picking back to that. For trying a pick out. */
  remember(): () => void;
  /** An address is no longer free. */
  taken(address: Ipv4): void;
  /** An address became free. */
  freed(address: Ipv4): void;
}
