/**
 * What clients of a pair lived through, as a list of events on one monotonic clock, and what the servers wrote down.
 * One line of JSON an event, so that a run can be kept and checked again.
 */

/** What a client did. */
export type Deed = 'request' | 'renew' | 'rebind' | 'reboot' | 'release' | 'decline';

/** One deed of one client with its outcome. */
export interface HistoryEvent {
  /** Number in the history. */
  readonly i: number;
  /** The client: its identifier if it sends one, else its hardware address. */
  readonly p: string;
  readonly f: Deed;
  /** When it was begun, milliseconds of the generator's monotonic clock. */
  readonly inv: number;
  /** When it had its outcome. */
  readonly ret: number;
  /** `sent`: a release or decline, which nobody answers. */
  readonly res: 'ack' | 'nak' | 'timeout' | 'sent';
  readonly addr?: string;
  /** When the lease ends, as the client reckons: from when it asked. */
  readonly end?: number;
  /** The server that answered. */
  readonly sid?: string;
  /** When the client first asked for what it got now, if earlier attempts had no answer. */
  readonly since?: number;
}

/** A record a server wrote, in the order of its journal. */
export interface JournalRecord {
  readonly addr: string;
  /** Counters of the two sides. */
  readonly version: readonly [number, number];
  /** The client that holds the address, and in which state; undefined: deleted. */
  readonly holder: string | undefined;
  readonly state: number;
}

/** A lease in the database of a server. */
export interface Binding {
  readonly addr: string;
  readonly holder: string;
  /** On the clock of the history, milliseconds. */
  readonly end: number;
}

/** Collects events. */
export class History {
  readonly events: HistoryEvent[] = [];

  add(event: Omit<HistoryEvent, 'i'>): void {
    this.events.push({ i: this.events.length, ...event });
  }

  /** One line an event. */
  toLines(): string {
    return this.events.map((event) => `${JSON.stringify(event)}\n`).join('');
  }
}
