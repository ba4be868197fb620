/** The gate every ACK passes (docs/design-ha.md, rule 4): whole, at most so many seconds, or not at all. */

import { endOf, holderOf } from '../../domain/pair/record.js';
import { type EpochSec, INFINITE_LIFETIME } from '../../domain/values.js';
import type { LeaseReader } from '../ports.js';
import type { AckVerdict, PendingAck } from '../redundancy.js';
import type { PairRules } from './rules.js';
import type { UnconfirmedRecords } from './unconfirmed.js';

/** What the {@link PairGate} looks at. */
export interface GateParts {
  readonly rules: Pick<PairRules, 'boundSec'>;
  readonly leases: Pick<LeaseReader, 'getByAddress'>;
  readonly unconfirmed: UnconfirmedRecords;
  nowSec(): EpochSec;
  /** Waits for the partner, as long as that is allowed; undefined: there is nobody to wait for. */
  readonly confirmed: (addresses: readonly number[]) => Promise<void> | undefined;
  /** Looks whether this process stood still: then what was decided before is judged anew. */
  readonly wakeUp: () => void;
}

/** An ACK so much later than its decision is told what is left: the client counts from its last request. */
const LATE_SEC = 2;

/** See the head of this file. */
export class PairGate {
  constructor(private readonly parts: GateParts) {}

  /** One verdict for each, in order; at once where nothing has to be waited for. */
  judge(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    const { unconfirmed, confirmed } = this.parts;
    const open = acks.map(({ address }) => address).filter((address) => unconfirmed.find(address) !== undefined);
    const waiting = open.length === 0 ? undefined : confirmed(open);
    return waiting === undefined ? this.#verdicts(acks) : waiting.then(() => this.#verdicts(acks));
  }

  /** What is stored stays as it is, however little is told of it: the partner may have it, and count on it. */
  #verdicts(acks: readonly PendingAck[]): readonly AckVerdict[] {
    this.parts.wakeUp();
    const nowSec = this.parts.nowSec();
    return acks.map((ack) => this.#verdict(ack, nowSec));
  }

  #verdict({ address, lease, lifetimeSec }: PendingAck, nowSec: EpochSec): AckVerdict {
    const { leases, unconfirmed, rules } = this.parts;
    const stored = leases.getByAddress(address);
    const holder = holderOf(lease);
    // Taken over by what the partner had meanwhile.
    if (stored === undefined || stored.state !== lease.state || holderOf(stored) !== holder)
      return { kind: 'withheld' };
    if (lifetimeSec === INFINITE_LIFETIME) {
      // A BOOTP client can not be told of an end.
      const whole =
        unconfirmed.isConfirmed(address) || rules.boundSec(address, holder, lifetimeSec, nowSec) === lifetimeSec;
      return whole ? { kind: 'whole' } : { kind: 'withheld' };
    }
    const leftSec = endOf(stored) - nowSec;
    const lateSec = leftSec + LATE_SEC < lifetimeSec ? leftSec : lifetimeSec;
    const mostSec = unconfirmed.isConfirmed(address) ? lateSec : rules.boundSec(address, holder, lateSec, nowSec);
    if (mostSec >= lifetimeSec) return { kind: 'whole' };
    return mostSec <= 0 ? { kind: 'withheld' } : { kind: 'limited', seconds: Math.min(mostSec, lateSec) };
  }
}
