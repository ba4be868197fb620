/** An event bus as a server has it. */

import { EventBus, RING_EVENTS } from 'lessor/internal/services/events.js';
import type { Clock } from 'lessor/internal/services/ports.js';
import { LeaseRing } from 'lessor/internal/store/lease-ring.js';

/** A bus with an empty ring. */
export function eventBus(clock: Pick<Clock, 'now'>): EventBus {
  return new EventBus(clock, new LeaseRing(RING_EVENTS));
}
