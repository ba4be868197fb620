/**
 * Counters by Kea's names, each with its last samples (Kea: src/lib/stats). Counting is on the packet path, so it costs
 * two stores into a preallocated ring and never allocates after the second sample.
 */

import type { EpochMs } from '../domain/values.js';
import type { Clock } from './ports.js';

/** Kea's default of statistic-default-sample-count. */
export const DEFAULT_SAMPLE_COUNT = 20;

/**
 * Most samples a statistic keeps, whatever its limit. Kea keeps as many as asked for, and under an age limit every
 * packet's of the period, without bound.
 */
export const MAX_SAMPLES = 4096;

/** A ring starts with room for so many, or fewer if the limit is lower, and doubles as needed. */
const FIRST_CAPACITY = DEFAULT_SAMPLE_COUNT;

/** How many samples a statistic keeps: so many, or those not older than so long before the newest. */
export type SampleLimit = { readonly count: number } | { readonly ageMs: number };

/** One value a statistic had, and since when. */
export interface Sample {
  readonly value: number;
  readonly at: EpochMs;
}

/** One counter or gauge. Keep the object and call {@link add}: that is the cheap way. */
export class Statistic {
  private current: number;
  private changedAt: EpochMs;
  /** Values and instants in turn; undefined until there is more than one sample. */
  private ring: Float64Array | undefined;
  private newest = 0;
  private stored = 1;
  private limit: SampleLimit;
  private shown = true;

  constructor(
    readonly name: string,
    nowMs: EpochMs,
    limit: SampleLimit,
    initial = 0,
  ) {
    this.current = initial;
    this.changedAt = nowMs;
    this.limit = limit;
  }

  get value(): number {
    return this.current;
  }

  /** False after {@link remove}, until it is counted again: not listed then. */
  get present(): boolean {
    return this.shown;
  }

  /** Adds to the value; a new sample. */
  add(amount: number, nowMs: EpochMs): void {
    this.set(this.current + amount, nowMs);
  }

  /** Gives it a value; a new sample. */
  set(value: number, nowMs: EpochMs): void {
    if (!this.shown) {
      this.restart(value, nowMs);
      return;
    }
    let ring = this.ring ?? this.startRing();
    let capacity = ring.length >> 1;
    if (this.stored === capacity && capacity < mostSamples(this.limit)) {
      ring = this.refill(this.samples(), 2 * capacity);
      capacity = ring.length >> 1;
    }
    this.newest = this.newest + 1 === capacity ? 0 : this.newest + 1;
    ring[2 * this.newest] = value;
    ring[2 * this.newest + 1] = nowMs;
    if (this.stored < capacity) this.stored++;
    this.current = value;
    this.changedAt = nowMs;
    if ('ageMs' in this.limit) this.forgetOld(this.limit.ageMs);
  }

  /** The samples, newest first; never empty while the statistic is present. */
  samples(): Sample[] {
    const ring = this.ring;
    if (ring === undefined) return [{ value: this.current, at: this.changedAt }];
    return Array.from({ length: this.stored }, (_, age) => {
      const slot = this.slot(age);
      return { value: ring[2 * slot]!, at: ring[2 * slot + 1]! };
    });
  }

  /** Back to 0, with one sample (Kea: statistic-reset). */
  reset(nowMs: EpochMs): void {
    if (this.shown) this.restart(0, nowMs);
  }

  /** Forgets value and samples; the next count makes it appear again (Kea: statistic-remove). */
  remove(): void {
    this.shown = false;
    this.current = 0;
    this.ring = undefined;
    this.stored = 1;
  }

  /** Changes how many samples are kept; those beyond it go now. */
  setLimit(limit: SampleLimit): void {
    this.limit = limit;
    if (this.ring === undefined) return;
    const samples = this.samples();
    const kept =
      'count' in limit ? samples.slice(0, limit.count) : samples.filter(({ at }) => samples[0]!.at - at <= limit.ageMs);
    this.refill(kept, kept.length);
  }

  /** A new ring of about this capacity, within the limit, with the newest of these samples. */
  private refill(samples: readonly Sample[], capacity: number): Float64Array {
    const ring = new Float64Array(2 * Math.min(Math.max(capacity, FIRST_CAPACITY), mostSamples(this.limit)));
    this.stored = Math.min(samples.length, ring.length >> 1);
    this.newest = this.stored - 1;
    for (let age = 0; age < this.stored; age++) {
      ring[2 * (this.newest - age)] = samples[age]!.value;
      ring[2 * (this.newest - age) + 1] = samples[age]!.at;
    }
    this.ring = ring;
    return ring;
  }

  private restart(value: number, nowMs: EpochMs): void {
    this.shown = true;
    this.current = value;
    this.changedAt = nowMs;
    this.ring = undefined;
    this.stored = 1;
  }

  private startRing(): Float64Array {
    return this.refill([{ value: this.current, at: this.changedAt }], FIRST_CAPACITY);
  }

  private forgetOld(ageMs: number): void {
    const ring = this.ring!;
    while (this.stored > 1 && this.changedAt - ring[2 * this.slot(this.stored - 1) + 1]! > ageMs) this.stored--;
  }

  /** Where in the ring the sample is that came `age` samples before the newest. */
  private slot(age: number): number {
    const slot = this.newest - age;
    return slot < 0 ? slot + (this.ring!.length >> 1) : slot;
  }
}

/** All statistics of the server, by name. */
export class Statistics {
  private readonly byName = new Map<string, Statistic>();
  /** Another number as soon as there are others. */
  private changes = 0;
  private limit: SampleLimit = { count: DEFAULT_SAMPLE_COUNT };

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** The statistic of this name; it is made if there is none, with `initial` as its first sample. */
  counter(name: string, initial = 0): Statistic {
    let statistic = this.byName.get(name);
    if (statistic === undefined) {
      statistic = new Statistic(name, this.clock.now(), this.limit, initial);
      this.take(statistic);
    }
    return statistic;
  }

  /** The statistic of this name; one that is made is in no list before {@link Statistics.adopt}. */
  draft(name: string, initial = 0): Statistic {
    return this.byName.get(name) ?? new Statistic(name, this.clock.now(), this.limit, initial);
  }

  /** Takes up a statistic made by {@link Statistics.draft}; harmless if that has been done. */
  adopt(statistic: Statistic): void {
    if (!this.byName.has(statistic.name)) this.take(statistic);
  }

  private take(statistic: Statistic): void {
    this.byName.set(statistic.name, statistic);
    this.changes++;
  }

  /** Another number each time statistics have come or gone for good. */
  get edition(): number {
    return this.changes;
  }

  /** Every statistic there is, also those that were removed and may appear again. */
  every(): Statistic[] {
    return [...this.byName.values()];
  }

  /** The statistic if it exists and was not removed. */
  get(name: string): Statistic | undefined {
    const statistic = this.byName.get(name);
    return statistic?.present ? statistic : undefined;
  }

  /** Every statistic present, in no order. */
  *all(): Generator<Statistic> {
    for (const statistic of this.byName.values()) if (statistic.present) yield statistic;
  }

  /** Names of all there are, also of those that were removed and may appear again. */
  names(): Iterable<string> {
    return this.byName.keys();
  }

  /** Sets one back to 0; false if there is none. */
  reset(name: string): boolean {
    const statistic = this.get(name);
    statistic?.reset(this.clock.now());
    return statistic !== undefined;
  }

  /** Sets all back to 0. */
  resetAll(): void {
    const now = this.clock.now();
    for (const statistic of this.byName.values()) statistic.reset(now);
  }

  /** Forgets one until it is counted again; false if there is none. */
  remove(name: string): boolean {
    const statistic = this.get(name);
    statistic?.remove();
    return statistic !== undefined;
  }

  /** Forgets all until they are counted again. */
  removeAll(): void {
    for (const statistic of this.byName.values()) statistic.remove();
  }

  /** Drops the object itself: for what the statistic counted is gone (a deleted subnet). */
  discard(name: string): void {
    if (this.byName.delete(name)) this.changes++;
  }

  /** Limit of one statistic; false if there is none. */
  setLimit(name: string, limit: SampleLimit): boolean {
    const statistic = this.get(name);
    statistic?.setLimit(limit);
    return statistic !== undefined;
  }

  /** Limit of all statistics and of those to come. */
  setLimitOfAll(limit: SampleLimit): void {
    this.limit = limit;
    for (const statistic of this.byName.values()) statistic.setLimit(limit);
  }

  /**
   * Applies statistic-default-sample-count and -age. A count of 0 means the age decides (Kea).
   * Statistics that exist keep the limit they have, as in Kea.
   */
  setDefaults(sampleCount: number, sampleAgeSec: number): void {
    this.limit = sampleCount === 0 ? { ageMs: sampleAgeSec * 1000 } : { count: sampleCount };
  }
}

function mostSamples(limit: SampleLimit): number {
  return 'count' in limit ? Math.min(Math.max(1, limit.count), MAX_SAMPLES) : MAX_SAMPLES;
}

/** Kea's names of what belongs to a subnet: `subnet[7].assigned-addresses`. */
export function subnetStatistic(subnetId: number, name: string): string {
  return `subnet[${subnetId}].${name}`;
}

/** Kea's names of what belongs to a pool: `subnet[7].pool[0].assigned-addresses`. */
export function poolStatistic(subnetId: number, poolId: number, name: string): string {
  return `subnet[${subnetId}].pool[${poolId}].${name}`;
}

/** Which subnet, and which pool of it, a statistic belongs to by its name; undefined where it belongs to none. */
export function scopeOfStatistic(name: string): { readonly subnetId: number; readonly poolId?: number } | undefined {
  const match = /^subnet\[(\d+)\]\.(?:pool\[(\d+)\])?/.exec(name);
  if (match === null) return undefined;
  return { subnetId: Number(match[1]), ...(match[2] === undefined ? {} : { poolId: Number(match[2]) }) };
}

/** The packet statistics Kea has from its start, all at 0. */
export const PACKET_STATISTICS: readonly string[] = [
  'pkt4-received',
  'pkt4-discover-received',
  'pkt4-offer-received',
  'pkt4-request-received',
  'pkt4-ack-received',
  'pkt4-nak-received',
  'pkt4-release-received',
  'pkt4-decline-received',
  'pkt4-inform-received',
  'pkt4-lease-query-received',
  'pkt4-unknown-received',
  'pkt4-sent',
  'pkt4-offer-sent',
  'pkt4-ack-sent',
  'pkt4-nak-sent',
  'pkt4-lease-query-response-unassigned-sent',
  'pkt4-lease-query-response-unknown-sent',
  'pkt4-lease-query-response-active-sent',
  'pkt4-service-disabled',
  'pkt4-parse-failed',
  'pkt4-queue-full',
  'pkt4-duplicate',
  'pkt4-rfc-violation',
  'pkt4-admin-filtered',
  'pkt4-not-for-us',
  'pkt4-processing-failed',
  'pkt4-limit-exceeded',
  'pkt4-receive-drop',
  'v4-allocation-fail',
  'v4-allocation-fail-shared-network',
  'v4-allocation-fail-subnet',
  'v4-allocation-fail-no-pools',
  'v4-allocation-fail-classes',
];

/** Registers every statistic of {@link PACKET_STATISTICS}. */
export function registerPacketStatistics(statistics: Statistics): void {
  for (const name of PACKET_STATISTICS) statistics.counter(name);
}

const LOCAL_MINUTE = new Intl.DateTimeFormat('sv-SE', {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

/**
 * A formatter of sample times, in local time with microseconds as Kea has them: `2026-11-22 04:29:31.761045`.
 * It remembers the minute it formatted last, since most samples of a listing share it.
 */
export function sampleTimeFormatter(): (at: EpochMs) => string {
  let lastMinute = Number.NaN;
  let prefix = '';
  return (at) => {
    const minute = Math.floor(at / 60_000);
    if (minute !== lastMinute) {
      lastMinute = minute;
      prefix = LOCAL_MINUTE.format(minute * 60_000);
    }
    const micros = Math.floor((at - minute * 60_000) * 1000);
    const seconds = Math.floor(micros / 1_000_000);
    return `${prefix}:${String(seconds).padStart(2, '0')}.${String(micros % 1_000_000).padStart(6, '0')}`;
  };
}
