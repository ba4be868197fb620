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

/** True if a server of a pair has touched what has this version. */
export function isVersioned([a, b]: Version): boolean {
  return a > 0 || b > 0;
}

/**
 * In the place of an event: the record does not even include what the pair began with. Before {@link UNVERSIONED}'s "none".
 */
const NOTHING: EventNumber = -1;

/** What a server says of an address it has no record of: older than anything. */
export const ABSENT: Version = [NOTHING, NOTHING];

/**
 * What a record of `side` begins with if that server began anew and may lack what its partner has, or an earlier life of its own
 * gave. With an event on it that is above all the partner knows it is concurrent with whatever the partner has: the event makes it
 * newer, and of the other side it includes less than anything.
 */
export function strayVersion(side: Side): Version {
  return side === 0 ? [0, NOTHING] : [NOTHING, 0];
}

/** Whose record began as {@link strayVersion} says, as long as the other side has put no event of its own on it. */
export function strayOf([a, b]: Version): Side | undefined {
  if (a === b) return undefined;
  return a === NOTHING ? 1 : b === NOTHING ? 0 : undefined;
}

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

/** The text of a version: epoch.counter of side 0, a dash, that of side 1; x in the place of one that it knows nothing of. */
export function formatVersion([a, b]: Version): string {
  return `${formatEvent(a)}-${formatEvent(b)}`;
}

function formatEvent(event: EventNumber): string {
  return event === NOTHING ? 'x' : `${epochOf(event)}.${counterOf(event)}`;
}

/** The inverse of {@link formatVersion}; undefined if the text is no version. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(?:x|(\d{1,4})\.(\d{1,13}))-(?:x|(\d{1,4})\.(\d{1,13}))$/.exec(text);
  if (match === null || text === 'x-x') return undefined;
  const a = eventIn(match[1], match[2]);
  const b = eventIn(match[3], match[4]);
  return a === undefined || b === undefined ? undefined : [a, b];
}

function eventIn(epochText: string | undefined, counterText: string | undefined): EventNumber | undefined {
  if (epochText === undefined || counterText === undefined) return NOTHING;
  const epoch = Number(epochText);
  const counter = Number(counterText);
  return epoch > MAX_EPOCH || counter >= COUNTERS_OF_AN_EPOCH ? undefined : eventNumber(epoch, counter);
}
