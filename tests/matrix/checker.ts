/** Checks a history against the invariants of a pair: each function returns what it found wrong, in words. */

import type { Binding, HistoryEvent, JournalRecord } from './history.js';

/** Time a client believed it had an address. */
interface Held {
  readonly client: string;
  readonly addr: string;
  readonly from: number;
  readonly until: number;
  readonly event: HistoryEvent;
}

/** An invariant that does not hold. */
export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I11';
  readonly text: string;
  /** Which server did it, and when on the clock of the history, where that can be said. */
  readonly by?: { readonly sid: string; readonly atMs: number };
}

/** A span of time on the clock of the history, milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Lengths of time clients waited, milliseconds. */
export interface Waits {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  /** Longest time in which nobody got an ACK. */
  readonly silence: number;
}

/** Times at which each client had an address: from an ACK to its end, or to the next ACK, release or decline of it. */
export function heldIntervals(events: readonly HistoryEvent[]): Held[] {
  const open = new Map<string, Held>();
  const closed: Held[] = [];
  const close = (client: string, at: number): void => {
    const held = open.get(client);
    if (held === undefined) return;
    open.delete(client);
    closed.push({ ...held, until: Math.min(held.until, at) });
  };
  for (const event of [...events].sort((a, b) => a.ret - b.ret)) {
    const { p: client, res, addr, end, ret, inv, f } = event;
    if (res === 'sent') close(client, inv);
    // Whoever is refused stops using the address at once (RFC 2131 §4.4.5); that this was wrong is for I3 to say.
    else if (res === 'nak') close(client, ret);
    else if (res === 'ack' && addr !== undefined && end !== undefined && f !== 'release') {
      close(client, ret);
      open.set(client, { client, addr, from: ret, until: end, event });
    }
  }
  return [...closed, ...open.values()];
}

/** I1: nobody is told of an address while another client has it. */
export function noDoubleAssignment(events: readonly HistoryEvent[]): Violation[] {
  const found: Violation[] = [];
  const latest = new Map<string, Held[]>();
  for (const held of heldIntervals(events).sort((a, b) => a.from - b.from)) {
    const others = (latest.get(held.addr) ?? []).filter((other) => other.until > held.from);
    for (const other of others) {
      if (other.client !== held.client) {
        found.push({ invariant: 'I1', text: `${held.addr}: ${describe(other)} and ${describe(held)}` });
      }
    }
    latest.set(held.addr, [...others, held]);
  }
  return found;
}

/** I3: nobody is refused the address it has. */
export function noRefusal(events: readonly HistoryEvent[]): Violation[] {
  const held = heldIntervals(events);
  return events
    .filter(({ res }) => res === 'nak')
    .filter(({ p, addr, inv, ret }) =>
      held.some((one) => one.client === p && one.addr === addr && one.from <= inv && one.until >= ret),
    )
    .map(({ p, addr, f, ret, sid }) => ({
      invariant: 'I3' as const,
      text: `${p} had ${addr} and was refused by ${sid} at ${Math.round(ret)} (${f})`,
      ...(sid === undefined ? {} : { by: { sid, atMs: ret } }),
    }));
}

/**
 * True for a refusal by a Kea that had not heard of its partner's leases: cut off, it serves everybody by its own
 * database, and refuses (as its partner does not) whoever has another address. No message could reach it.
 */
export function isDoneUnheard({ invariant, by }: Violation, keas: readonly string[], apart: readonly Span[]): boolean {
  if (invariant !== 'I3' || by === undefined || !keas.includes(by.sid)) return false;
  return apart.some(({ from, to }) => from <= by.atMs && by.atMs <= to);
}

/**
 * I2: what clients have now is in the database, for that client and at least so long.
 * @param slackMs rounding of the server's whole seconds
 */
export function nothingForgotten(
  events: readonly HistoryEvent[],
  bindings: readonly Binding[],
  now: number,
  slackMs = 2000,
): Violation[] {
  const known = new Map(bindings.map((binding) => [binding.addr, binding]));
  const found: Violation[] = [];
  for (const { client, addr, until } of heldIntervals(events)) {
    if (until <= now + slackMs) continue;
    const binding = known.get(addr);
    const what =
      binding === undefined
        ? 'it is not known'
        : binding.holder !== client
          ? `${binding.holder} is said to have it`
          : binding.end < until - slackMs
            ? `it is said to end ${Math.round(until - binding.end)} ms earlier`
            : undefined;
    if (what !== undefined) found.push({ invariant: 'I2', text: `${client} has ${addr}: ${what}` });
  }
  return found;
}

/**
 * I4 and I5: versions of an address never fall, and the same version says the same on both servers. A row that deletes
 * says that the address is forgotten; whatever comes after it must still include an event that the earlier ones did not.
 */
export function journalsAgree(journals: readonly (readonly JournalRecord[])[]): Violation[] {
  const found: Violation[] = [];
  const content = new Map<string, string>();
  for (const journal of journals) {
    const newest = new Map<string, JournalRecord>();
    for (const record of journal) {
      const { addr, version, holder, state } = record;
      const before = newest.get(addr);
      newest.set(addr, record);
      // It carries the version of the lease it deletes.
      if (holder === undefined) continue;
      if (before !== undefined && fell(before, record)) {
        const text = `${addr}: version ${version.join('-')} was written after ${before.version.join('-')}`;
        found.push({ invariant: before.holder === undefined || before.state > 1 ? 'I4' : 'I5', text });
      }
      if (version[0] === 0 && version[1] === 0) continue;
      const key = `${addr} ${version.join('-')}`;
      const says = state > 1 ? 'over' : `${holder} ${state}`;
      const other = content.get(key);
      if (other !== undefined && other !== says) {
        found.push({ invariant: 'I5', text: `${key} is '${other}' and '${says}'` });
      }
      content.set(key, says);
    }
  }
  return found;
}

function fell(before: JournalRecord, { version: [a, b], state }: JournalRecord): boolean {
  const less = [a < before.version[0], b < before.version[1]] as const;
  if (before.holder !== undefined) return less[0] || less[1];
  // That it is over may be learned again from the partner; that somebody has it may not.
  return state <= 1 && a <= before.version[0] && b <= before.version[1];
}

/** I6: the servers have the same bindings. */
export function databasesEqual(a: readonly Binding[], b: readonly Binding[]): Violation[] {
  const say = ({ addr, holder }: Binding): string => `${addr} ${holder}`;
  const [mine, theirs] = [new Set(a.map(say)), new Set(b.map(say))];
  const different = [...mine].filter((one) => !theirs.has(one)).map((one) => `only on the first: ${one}`);
  different.push(...[...theirs].filter((one) => !mine.has(one)).map((one) => `only on the second: ${one}`));
  return different.map((text) => ({ invariant: 'I6' as const, text }));
}

/** I8: how long clients that asked between two instants waited for their ACK, and how long nobody had one. */
export function waitsOf(events: readonly HistoryEvent[], from?: number, to?: number): Waits {
  const [begin, end] = [from ?? 0, to ?? Number.POSITIVE_INFINITY];
  const acks = events
    .filter(({ res, ret, inv, since }) => res === 'ack' && ret >= begin && (since ?? inv) <= end)
    .sort((a, b) => a.ret - b.ret);
  const waits = acks.map(({ ret, inv, since }) => ret - (since ?? inv)).sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0);
  let silence = 0;
  let before = from;
  for (const { ret } of acks) {
    if (before !== undefined) silence = Math.max(silence, ret - before);
    before = ret;
  }
  return { median: at(0.5), p99: at(0.99), max: at(1), silence: Math.round(silence) };
}

function describe({ client, from, until, event }: Held): string {
  return `${client} (${event.f}, ${event.sid}) from ${Math.round(from)} to ${Math.round(until)}`;
}
