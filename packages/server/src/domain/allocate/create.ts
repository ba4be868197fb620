/** The allocators by Kea's name. */

import type { AllocatorName } from '../snapshot.js';
import type { Allocator, Chance } from './allocator.js';
import { FreeLeaseQueueAllocator } from './free-lease-queue.js';
import type { FreeMap } from './free-map.js';
import { IterativeAllocator } from './iterative.js';
import { RandomAllocator } from './random.js';

/** An allocator for a pool of which `map` says what is free now (Kea: `allocator`). */
export function createAllocator(name: AllocatorName, map: FreeMap, random: Chance): Allocator {
  switch (name) {
    case 'iterative':
      return new IterativeAllocator(map.first);
    case 'random':
      return new RandomAllocator(random);
    case 'flq':
      return new FreeLeaseQueueAllocator(map, random);
  }
}
