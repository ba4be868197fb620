/** Kea's `iterative` allocator: addresses in ascending order, from where the last one was found. */

import type { Ipv4 } from '../values.js';
import type { Accept, Allocator } from './allocator.js';
import type { FreeMap } from './free-map.js';

/** Goes through the pool again and again; an address that was freed has its turn when the cursor comes by. */
export class IterativeAllocator implements Allocator {
  private cursor: Ipv4;

  constructor(private readonly first: Ipv4) {
    this.cursor = first;
  }

  pick(map: FreeMap, accept?: Accept): Ipv4 | undefined {
    return this.pickForward(map, accept) ?? this.pickForward(map, accept);
  }

  /**
   * Like pick, but at the end of the pool it gives undefined once and starts over with the next call, so that a subnet
   * of several pools goes through one after the other as in Kea.
   */
  pickForward(map: FreeMap, accept?: Accept): Ipv4 | undefined {
    let address = map.nextFreeForward(this.cursor);
    while (address !== undefined && accept !== undefined && !accept(address))
      address = map.nextFreeForward(address + 1);
    this.cursor = address === undefined ? this.first : address + 1;
    return address;
  }

  remember(): () => void {
    const { cursor } = this;
    return () => {
      this.cursor = cursor;
    };
  }

  taken(): void {}

  freed(): void {}
}
