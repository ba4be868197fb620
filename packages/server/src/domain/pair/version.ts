/**
 * Versions of replicated records: which events of each of the two servers a record includes. No clock is involved, so
 * skew and jumps can not reorder anything (docs/design-ha.md, rule 1).
 */

/** The two servers of a pair: 0 is the primary, 1 the other one. */
export type Side = 0 | 1;

/** The other server. */
export function otherSide(side: Side): Side {
  return side === 0 ? 1 : 0;
}

/**
 * Number of an event of one server: its epoch times 2^40 plus its counter, 0 for "none". The epoch rises when counters
 * may have been forgotten (database lost) and when a server declares its partner down, so it comes first.
 */
export type EventNumber = number;

const COUNTERS_OF_AN_EPOCH = 2 ** 40;
/** Epochs above this could not be told apart any more (2^53 / 2^40). */
export const MAX_EPOCH = 8191;

/** The event number of a counter in an epoch. @throws RangeError beyond 2^40 events or {@link MAX_EPOCH} epochs */
export function eventNumber(epoch: number, counter: number): EventNumber {
  if (epoch < 0 || epoch > MAX_EPOCH || counter < 0 || counter >= COUNTERS_OF_AN_EPOCH) {
    throw new RangeError(`event ${epoch}.${counter} is out of range`);
  }
  return epoch * COUNTERS_OF_AN_EPOCH + counter;
}

/** The epoch of an event. */
export function epochOf(event: EventNumber): number {
  return Math.floor(event / COUNTERS_OF_AN_EPOCH);
}

/** The counter of an event within its epoch. */
export function counterOf(event: EventNumber): number {
  return event % COUNTERS_OF_AN_EPOCH;
}

/** For each side the newest event the record includes. */
export type Version = readonly [EventNumber, EventNumber];

/** What a record has that no server of the pair has touched yet (it came from a file of before the pair). */
export const UNVERSIONED: Version = [0, 0];

/** How `a` relates to `b`. */
export type Order = 'equal' | 'older' | 'newer' | 'concurrent';

/** How version `a` relates to version `b`. */
export function compareVersions(a: Version, b: Version): Order {
  const more = a[0] > b[0] || a[1] > b[1];
  const less = a[0] < b[0] || a[1] < b[1];
  if (more) return less ? 'concurrent' : 'newer';
  return less ? 'older' : 'equal';
}

/** The version that includes what either includes. */
export function joinVersions(a: Version, b: Version): Version {
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

/** `version` with one more event of `side`. */
export function withEvent(version: Version, side: Side, event: EventNumber): Version {
  return side === 0 ? [event, version[1]] : [version[0], event];
}

/** The text of a version: epoch.counter of side 0, a dash, that of side 1. */
export function formatVersion([a, b]: Version): string {
  return `${epochOf(a)}.${counterOf(a)}-${epochOf(b)}.${counterOf(b)}`;
}

/** The inverse of {@link formatVersion}; undefined if the text is no version. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(\d{1,4})\.(\d{1,13})-(\d{1,4})\.(\d{1,13})$/.exec(text);
  if (match === null) return undefined;
  const [epochA, counterA, epochB, counterB] = match.slice(1).map(Number) as [number, number, number, number];
  if (Math.max(epochA, epochB) > MAX_EPOCH || Math.max(counterA, counterB) >= COUNTERS_OF_AN_EPOCH) return undefined;
  return [eventNumber(epochA, counterA), eventNumber(epochB, counterB)];
}
