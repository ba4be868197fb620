/**
 * What happened, for whoever wants to follow it: one bus that services publish to, a bounded ring of the latest events
 * so that a follower who was away can go on where it stopped, and followers who are told of each. Publishing costs
 * a few assignments and leaves nothing to collect; nothing a follower does can hold up what is published.
 */

import { type Lease, LeaseState } from '../domain/lease.js';
import type { JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import type { Clock, LeasePlaces } from './ports.js';

/** Who changed the configuration, by which command, and the hash of what is in force now. */
export interface ConfigEventData {
  readonly hash: string;
  readonly command: string;
  readonly who: string;
  /** What changed: '1 subnet added'. */
  readonly summary?: string;
  /** It is undone at this time (epoch ms) unless config-confirm comes. */
  readonly 'confirm-by'?: EpochMs;
}

/** THE table: kinds of event, and what each carries. Another service adds its kinds here. */
export interface EventKinds {
  /** An address was leased to somebody who did not have it. */
  'lease-added': { readonly lease: Lease };
  /** A lease was renewed, or anything of it changed. */
  'lease-changed': { readonly lease: Lease };
  /** A lease is gone: released, reclaimed and removed, deleted by command. `lease` is what it was. */
  'lease-removed': { readonly lease: Lease };
  /** The configuration was replaced (config-set, config-reload, SIGHUP, config-rollback). */
  'config-changed': ConfigEventData;
  /** A change that waited was confirmed. */
  'config-confirmed': ConfigEventData;
  /** A change that waited was undone: nobody confirmed it in time, or config-rollback. */
  'config-reverted': ConfigEventData;
  /** Subnets, networks, classes or reservations were changed by command. */
  'config-edited': Record<never, never>;
  /** A server of a pair went to another state. */
  'ha-state': {
    readonly from: string;
    readonly to: string;
    readonly reason: string;
    readonly relationship: string;
  };
  /** Something about the pair that an operator has to look at. */
  'ha-alarm': { readonly alarm: string; readonly text: string; readonly relationship: string };
  /** The guard of BMC networks found something: the alarm as guard-alarm-list answers it. */
  'guard-alarm': { readonly alarm: JsonMap };
  /** A control listener came to stand apart from clients, or no longer does. */
  'listener-isolation': {
    readonly listener: string;
    /** The verdict before and now. */
    readonly from: string;
    readonly to: string;
    /** Nothing is changed through it. */
    readonly stopped: boolean;
    readonly reasons: readonly string[];
  };
}

/** A key of {@link EventKinds}. */
export type EventKind = keyof EventKinds;

/** What each kind means, for the manual and for checking names. */
export const EVENT_KINDS: Readonly<Record<EventKind, string>> = {
  'lease-added': 'an address was leased to a client that did not have it',
  'lease-changed': 'a lease was renewed, or something about it changed',
  'lease-removed': 'a lease is gone: released, removed after its end, or deleted by command',
  'config-changed': 'the configuration was replaced (config-set, config-reload, SIGHUP, config-rollback)',
  'config-confirmed': 'a change that waited for config-confirm was confirmed',
  'config-reverted': 'a change that waited for config-confirm was undone',
  'config-edited': 'subnets, networks, classes or reservations were changed by command',
  'ha-state': 'this server of a pair went to another state; data says from, to and why',
  'ha-alarm':
    'something about the pair is to be looked at: two clients with one address, configurations or clocks that differ',
  'guard-alarm': 'the guard of BMC networks found something; data has the alarm with its evidence',
  'listener-isolation':
    'a control listener is dedicated, shared with clients, or it can not be told; data says which, from what, why, and whether administration through it is stopped',
};

/** One event. */
export type ServerEvent = {
  [Kind in EventKind]: {
    /** Counts up by one from the start of the process. */
    readonly sequence: number;
    readonly at: EpochMs;
    readonly kind: Kind;
    readonly data: EventKinds[Kind];
  };
}[EventKind];

/** What is kept for followers who come back. */
export const RING_EVENTS = 8192;

/** Events after a place in the stream. */
export interface EventPage {
  readonly events: readonly ServerEvent[];
  /** Events between that place and the first one here are lost: the ring had no room, or another process wrote them. */
  readonly gap: boolean;
}

/** Events of leases, by the number the ring has for each; 0 stands for any other event. */
const LEASE_KINDS = [undefined, 'lease-added', 'lease-changed', 'lease-removed'] as const;
type LeaseEventKind = NonNullable<(typeof LEASE_KINDS)[number]>;

/** See the head of this file. */
export class EventBus {
  /** Tells the events of this process from those of an earlier one: hex of its start. */
  readonly epoch: string;
  /** The ring, by place: number of the kind in {@link LEASE_KINDS}, and for those when and which lease. */
  private readonly kinds = new Uint8Array(RING_EVENTS);
  private readonly times = new Float64Array(RING_EVENTS);
  /** Other events in the ring, by place. */
  private readonly others = new Map<number, ServerEvent>();
  private readonly followers = new Set<() => void>();
  private newest = 0;

  /** @param leases {@link RING_EVENTS} places for those of events */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly leases: LeasePlaces,
  ) {
    this.epoch = clock.now().toString(16);
  }

  /** Sequence number of the newest event, 0 if there was none. */
  get last(): number {
    return this.newest;
  }

  /** Followers there are. */
  get following(): number {
    return this.followers.size;
  }

  /** Adds an event and wakes the followers. */
  publish<Kind extends Exclude<EventKind, LeaseEventKind>>(kind: Kind, data: EventKinds[Kind]): void {
    const sequence = ++this.newest;
    const place = sequence % RING_EVENTS;
    this.kinds[place] = 0;
    this.others.set(place, { sequence, at: this.clock.now(), kind, data } as ServerEvent);
    for (const wake of this.followers) wake();
  }

  /** Adds an event of a lease and wakes the followers. */
  publishLease(kind: LeaseEventKind, lease: Lease): void {
    const place = ++this.newest % RING_EVENTS;
    if (this.kinds[place] === 0) this.others.delete(place);
    this.kinds[place] = LEASE_KINDS.indexOf(kind);
    this.times[place] = this.clock.now();
    this.leases.set(place, lease);
    for (const wake of this.followers) wake();
  }

  /** Calls `wake` after each event until the function it returns is called. `wake` must be quick and must not throw. */
  follow(wake: () => void): () => void {
    this.followers.add(wake);
    return () => void this.followers.delete(wake);
  }

  /** Up to `limit` events after a sequence number. */
  after(sequence: number, limit: number): EventPage {
    const oldest = Math.max(1, this.newest - RING_EVENTS + 1);
    const first = Math.max(sequence + 1, oldest);
    const events: ServerEvent[] = [];
    for (let at = first; at <= this.newest && events.length < limit; at++) events.push(this.at(at));
    return { events, gap: sequence + 1 < oldest };
  }

  /** The event of a sequence number that is in the ring. */
  private at(sequence: number): ServerEvent {
    const place = sequence % RING_EVENTS;
    const kind = LEASE_KINDS[this.kinds[place]!];
    if (kind === undefined) return this.others.get(place)!;
    return { sequence, at: this.times[place]!, kind, data: { lease: this.leases.get(place) } };
  }

  /** The name of a place in the stream: what Last-Event-ID carries. */
  idOf(sequence: number): string {
    return `${this.epoch}-${sequence}`;
  }

  /** The sequence number of a place; undefined if it is of another process, or no place at all. */
  placeOf(id: string): number | undefined {
    const [epoch, number] = id.split('-');
    if (epoch !== this.epoch || !/^\d{1,15}$/.test(number ?? '')) return undefined;
    return Math.min(Number(number), this.newest);
  }
}

/** Publishes what became of a lease once it is durable. That a lease nobody held any more is forgotten is no news. */
export function publishLeaseChange(
  events: Pick<EventBus, 'publishLease'>,
  before: Lease | undefined,
  after: Lease | undefined,
): void {
  if (!isHeld(after)) {
    if (isHeld(before)) events.publishLease('lease-removed', after ?? before);
  } else {
    const same = isHeld(before) && before.hwAddress === after.hwAddress && before.clientId === after.clientId;
    events.publishLease(same ? 'lease-changed' : 'lease-added', after);
  }
}

function isHeld(lease: Lease | undefined): lease is Lease {
  return lease !== undefined && (lease.state === LeaseState.default || lease.state === LeaseState.declined);
}
