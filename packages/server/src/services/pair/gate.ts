/** The gate every ACK passes (docs/design-ha.md, rule 4): whole, at most so many seconds, or not at all. */

import { endOf, holderOf } from '../../domain/pair/record.js';
import { type EpochSec, INFINITE_LIFETIME } from '../../domain/values.js';
import type { LedgerPart } from '../ledger.js';
import type { AckVerdict, PendingAck } from '../redundancy.js';
import type { PairRules } from './rules.js';
import type { UnconfirmedRecords } from './unconfirmed.js';

/** What the {@link PairGate} looks at. */
export interface GateParts {
  readonly rules: Pick<PairRules, 'boundSec'>;
  readonly ledger: LedgerPart;
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

  #verdicts(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    this.parts.wakeUp();
    const nowSec = this.parts.nowSec();
    const verdicts = acks.map((ack) => this.#verdict(ack, nowSec));
    const shortened = acks.some((ack, i) => this.#endsLater(ack, verdicts[i]!, nowSec));
    if (!shortened) return verdicts;
    return this.#shorten(acks, verdicts, nowSec).then(
      () => this.#after(acks, verdicts),
      () => acks.map((_, i) => (verdicts[i]!.kind === 'limited' ? { kind: 'withheld' } : verdicts[i]!)),
    );
  }

  /** A slow disk takes its time, in which less is left, this process may have stood still and the lease be another's. */
  #after(acks: readonly PendingAck[], verdicts: readonly AckVerdict[]): readonly AckVerdict[] {
    this.parts.wakeUp();
    const nowSec = this.parts.nowSec();
    return acks.map((ack, i) => lesser(verdicts[i]!, this.#verdict(ack, nowSec)));
  }

  #verdict({ address, lease, lifetimeSec }: PendingAck, nowSec: EpochSec): AckVerdict {
    const { ledger, unconfirmed, rules } = this.parts;
    const stored = ledger.leases.getByAddress(address);
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

  #endsLater({ address }: PendingAck, verdict: AckVerdict, nowSec: EpochSec): boolean {
    const { ledger, unconfirmed } = this.parts;
    const stored = ledger.leases.getByAddress(address);
    // What is no change of ours was told before, or comes from the partner.
    if (stored === undefined || verdict.kind !== 'limited' || unconfirmed.find(address) === undefined) return false;
    return endOf(stored) > nowSec + verdict.seconds;
  }

  /** What is on the disk must not end later than what the client is told: after a restart it would be believed. */
  async #shorten(acks: readonly PendingAck[], verdicts: readonly AckVerdict[], nowSec: EpochSec): Promise<void> {
    await this.parts.ledger.transact((tx) => {
      acks.forEach((ack, i) => {
        const verdict = verdicts[i]!;
        const stored = tx.getByAddress(ack.address);
        if (verdict.kind !== 'limited' || !this.#endsLater(ack, verdict, nowSec)) return;
        if (stored === undefined || holderOf(stored) !== holderOf(ack.lease)) return;
        const endSec = Math.max(nowSec + verdict.seconds, this.#mostNow(ack));
        if (endOf(stored) > endSec) tx.put({ ...stored, clttSec: nowSec, validLifetimeSec: endSec - nowSec });
      });
    });
  }

  /**
   * Until when the client may be told that it has the address by now: what came from the partner before this turn of the
   * ledger may be a promise of the partner's, and that must not be stored shorter.
   */
  #mostNow(ack: PendingAck): EpochSec {
    const nowSec = this.parts.nowSec();
    const verdict = this.#verdict(ack, nowSec);
    if (verdict.kind === 'whole') return Number.POSITIVE_INFINITY;
    return verdict.kind === 'withheld' ? 0 : nowSec + verdict.seconds;
  }
}

function lesser(a: AckVerdict, b: AckVerdict): AckVerdict {
  if (a.kind === 'withheld' || b.kind === 'whole') return a;
  if (b.kind === 'withheld' || a.kind === 'whole') return b;
  return { kind: 'limited', seconds: Math.min(a.seconds, b.seconds) };
}
