/** What happened in a run, in true time, as the checker needs it. */

import type { Lease } from 'lessor/internal/domain/lease.js';
import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { Ipv4 } from 'lessor/internal/domain/values.js';

/** A client may use an address: from the receipt of an ACK until it gives it up or the time it was told is over. */
export interface Holding {
  readonly client: number;
  readonly address: Ipv4;
  readonly from: number;
  /** Server that sent the last ACK of it. */
  server: Side;
  /** When the last ACK came. */
  ackedAt: number;
  /** As the client reckons it: the request it answers was sent, plus the seconds told (RFC 2131 §4.4.1). */
  until: number;
  /** How it ended, if not with time. */
  ended?: string;
}

/** A durable change of a server's lease table. */
export interface Stored {
  readonly at: number;
  readonly side: Side;
  /** Life of the disk: one more each time it was lost. */
  readonly life: number;
  readonly address: Ipv4;
  readonly after: Lease | undefined;
}

/** A binding given up by a merge, as reported. */
export interface AlarmRaised {
  readonly at: number;
  readonly side: Side;
  readonly address: Ipv4;
  readonly dropped: string;
}

/** A NAK received by a client. */
export interface Refusal {
  readonly at: number;
  readonly client: number;
  readonly address: Ipv4;
  readonly server: Side;
  /** The client was entitled to the address. */
  readonly entitled: boolean;
}

/** How long a client had to ask. */
export interface Wait {
  readonly client: number;
  readonly from: number;
  readonly to: number;
  readonly kind: 'new' | 'renewal';
}

/** What happened in one relation, and in its subnet. */
export class PairHistory {
  readonly holdings: Holding[] = [];
  readonly stored: Stored[] = [];
  readonly alarms: AlarmRaised[] = [];
  readonly refusals: Refusal[] = [];
  readonly waits: Wait[] = [];
  /** Changes of state. */
  readonly states: { readonly at: number; readonly side: Side; readonly to: string }[] = [];
  /** Losses of a disk. */
  readonly losses: { readonly at: number; readonly side: Side }[] = [];
  /** The databases differed though both servers took them for the same. */
  readonly differences: { readonly at: number; readonly text: string }[] = [];
  /** Operators said what was not so. */
  readonly untruths: number[] = [];
}

/** See the head of this file. */
export class History {
  /** By relation. */
  readonly pairs: readonly PairHistory[];
  readonly defects: string[] = [];
  /** Lines for people; kept only if a trace was asked for. */
  readonly lines: string[] = [];
  /** Running digest of everything, to tell whether two runs were the same. */
  digest = 0;

  constructor(
    readonly tracing: boolean,
    relations: number,
  ) {
    this.pairs = Array.from({ length: relations }, () => new PairHistory());
  }

  // Of all relations:
  get holdings(): Holding[] {
    return this.pairs.flatMap(({ holdings }) => holdings);
  }
  get stored(): Stored[] {
    return this.pairs.flatMap(({ stored }) => stored);
  }
  get alarms(): AlarmRaised[] {
    return this.pairs.flatMap(({ alarms }) => alarms);
  }

  /** Notes that something happened. */
  note(now: number, text: () => string, weight: number): void {
    this.digest = (Math.imul(this.digest ^ Math.floor(now * 16), 0x01000193) + weight) >>> 0;
    if (this.tracing) this.lines.push(`${(now / 1000).toFixed(3).padStart(9)} ${text()}`);
  }
}
