/** What a server of a pair may give, promise and refuse at this moment: docs/design-ha.md, rules 2 and 3. */

import { type Lease, LeaseState } from '../../domain/lease.js';
import type { GrantRules } from '../../domain/pair/grant-rules.js';
import { promisedEndSec, reusableFromSec } from '../../domain/pair/promise.js';
import { boundIn, endOf, holderOf, inForce, isBinding } from '../../domain/pair/record.js';
import { PAIR_STATES } from '../../domain/pair/states.js';
import type { EpochSec, Ipv4, Octets } from '../../domain/values.js';
import { INFINITE_LIFETIME } from '../../domain/values.js';
import type { LeaseReader } from '../ports.js';
import type { Hello } from './hello.js';
import type { PairMemory } from './memory.js';
import type { UnconfirmedRecords } from './unconfirmed.js';

/** What the rules look at. */
export interface RuleFacts {
  readonly memory: PairMemory;
  readonly unconfirmed: UnconfirmedRecords;
  readonly leases: Pick<LeaseReader, 'getByAddress'>;
  /** Maximum client lead time in seconds. */
  readonly mcltSec: number;
  nowSec(): EpochSec;
  /** Bound on the difference of the clocks of the two servers, in seconds. */
  skewSec(): number;
  /** True while the partner answers, so that it can be asked to confirm. */
  connected(): boolean;
  /** Until then nothing is given: our own database was lost, and leases nobody knows of may still run. */
  noGiveUntilSec(): EpochSec;
  /** The partner was given up, and leases that nobody here knows of may run. */
  blind(): boolean;
  /** What the partner last said of itself, if it is there. */
  partner(): Pick<Hello, 'state' | 'lost' | 'fence'> | undefined;
  /** Whether leases are still being looked at for what a partner that lost its own may have promised. */
  reviewing(): boolean;
  /** The databases have been compared since the partner is there. */
  compared(): boolean;
}

/** Clocks further apart than this give nothing to new clients while both servers are there to be put right. */
const SKEW_LIMIT_SEC = 60;

/** See the head of this file. */
export class PairRules implements GrantRules {
  constructor(private readonly facts: RuleFacts) {}

  mayRefuse(address: Ipv4): boolean {
    const { memory, leases, unconfirmed } = this.facts;
    const { state, side, lost } = memory.file;
    if (!PAIR_STATES[state].refuses || lost || this.facts.blind() || this.facts.partner()?.lost === true) return false;
    if (memory.isGranting(address) || memory.isWithheld(address) || this.facts.reviewing()) return false;
    if (state === 'partner-down') return this.facts.nowSec() >= this.#forgivenFrom(leases.getByAddress(address));
    const owner = memory.ownership.ownerOf(address);
    if (owner === side || owner === undefined) return true;
    // An address of the partner's is free here: it may have been given a moment ago. That somebody has it is known to both.
    return inForce(leases.getByAddress(address), this.facts.nowSec()) && unconfirmed.isConfirmed(address);
  }

  mayGive(address: Ipv4): boolean {
    const { memory, leases, unconfirmed } = this.facts;
    const { state, side } = memory.file;
    if (!PAIR_STATES[state].gives || this.facts.nowSec() < this.facts.noGiveUntilSec()) return false;
    const lease = leases.getByAddress(address);
    if (memory.isGranting(address) || this.#mustWait()) return false;
    // Only clients that renew come so far now (PairService.admit): who says it has the address is who has it.
    if (this.facts.blind()) return !inForce(lease, this.facts.nowSec());
    if (memory.isWithheld(address) || (this.facts.reviewing() && isOver(lease))) return false;
    const owner = memory.ownership.ownerOf(address);
    const mine = owner === undefined || owner === side;
    if (lease === undefined) {
      if (mine && unconfirmed.find(address) === undefined) return true;
    } else if (mine && !isBinding(lease) && unconfirmed.isConfirmed(address)) return true;
    // A partner that is back gives its addresses itself as soon as it has everything.
    if (state !== 'partner-down' || this.facts.connected()) return false;
    const end = lease === undefined ? undefined : endOf(lease);
    return this.facts.nowSec() >= this.#reusableFrom(end);
  }

  /** While the partner is there and something has to be settled first. */
  #mustWait(): boolean {
    const { connected, skewSec, partner, compared, memory } = this.facts;
    if (!connected()) return false;
    if (skewSec() > SKEW_LIMIT_SEC) return true;
    // Both went on alone: the other may have given what is ours.
    const { state, fence } = memory.file;
    return state === 'partner-down' && !compared() && (partner()?.fence ?? 0) >= fence;
  }

  mayRenew(lease: Lease, nowSec: EpochSec): boolean {
    const row = PAIR_STATES[this.facts.memory.file.state];
    return row.serves && lease.state === LeaseState.default && (row.extends !== 'never' || inForce(lease, nowSec));
  }

  lifetimeLimitSec(address: Ipv4, holder: Octets, wantedSec: number, nowSec: EpochSec): number {
    const row = PAIR_STATES[this.facts.memory.file.state];
    if (row.extends === 'whole') return wantedSec;
    // The gate asks the partner before anything is said.
    if (row.extends === 'lead-time' && this.facts.connected()) return wantedSec;
    return this.boundSec(address, holder, wantedSec, nowSec);
  }

  /** Seconds that may be promised without the partner saying anything more; 0 if none. */
  boundSec(address: Ipv4, holder: Octets, wantedSec: number, nowSec: EpochSec): number {
    const { memory, leases, mcltSec } = this.facts;
    const row = PAIR_STATES[memory.file.state];
    if (!row.serves) return 0;
    if (row.extends === 'whole') return wantedSec;
    const lease = leases.getByAddress(address);
    const wantedEnd = wantedSec === INFINITE_LIFETIME ? Number.POSITIVE_INFINITY : nowSec + wantedSec;
    if (row.extends === 'never') {
      if (lease === undefined || holderOf(lease) !== holder || !inForce(lease, nowSec)) return 0;
      return secondsUntil(Math.min(wantedEnd, endOf(lease), boundIn(lease.userContext)), nowSec, wantedSec);
    }
    const end = promisedEndSec(nowSec, wantedEnd, this.#knownEnd(address, holder, lease), mcltSec);
    // Who was promised more before is not told less: the record would say that the address is free while it is used.
    return secondsUntil(Math.max(end, Math.min(wantedEnd, this.#toldEnd(address, holder, lease))), nowSec, wantedSec);
  }

  /** True if a lease that ran out may be reclaimed here: by the owner of its address, when both are there to agree. */
  mayReclaim({ address, state: leaseState }: Pick<Lease, 'address' | 'state'>): boolean {
    const { memory, unconfirmed, partner } = this.facts;
    // A row of what is over goes when both know.
    if (leaseState === LeaseState.expiredReclaimed) return unconfirmed.isConfirmed(address);
    if (unconfirmed.find(address)?.removal === true) return false;
    const { state, side } = memory.file;
    if (!PAIR_STATES[state].reclaims) return false;
    if (state === 'normal' && partner()?.state !== 'normal') return false;
    const owner = memory.ownership.ownerOf(address);
    return state === 'partner-down' || owner === side || (owner === undefined && side === 0);
  }

  /** The end the partner has stored for this holder, if it is known to have one. */
  #knownEnd(address: Ipv4, holder: Octets, lease: Lease | undefined): number | undefined {
    const { unconfirmed } = this.facts;
    const entry = unconfirmed.find(address);
    if (entry !== undefined) return entry.known?.holder === holder ? entry.known.endSec : undefined;
    if (unconfirmed.everything || !isBinding(lease) || holderOf(lease) !== holder) return undefined;
    return endOf(lease);
  }

  /** The end this holder may have been told already; 0 if none. */
  #toldEnd(address: Ipv4, holder: Octets, lease: Lease | undefined): number {
    if (!isBinding(lease) || holderOf(lease) !== holder) return 0;
    const before = this.facts.unconfirmed.find(address)?.told ?? 0;
    return Math.max(before, Math.min(endOf(lease), boundIn(lease.userContext)));
  }

  /**
   * From when on, in partner-down, nobody can have the address of the partner without our knowing: a client of which
   * nobody here has heard, or the one whose lease is over here and was prolonged there.
   */
  #forgivenFrom(lease: Lease | undefined): number {
    const taken = lease?.state === LeaseState.default && inForce(lease, this.facts.nowSec());
    return this.#reusableFrom(lease === undefined || taken ? undefined : endOf(lease));
  }

  #reusableFrom(knownEndSec: number | undefined): number {
    const { memory, mcltSec, skewSec } = this.facts;
    const { downSinceSec, cleanDown } = memory.file;
    return reusableFromSec(downSinceSec, knownEndSec, cleanDown ? 0 : mcltSec, skewSec());
  }
}

/** True if somebody had the address and gave it up. */
function isOver(lease: Lease | undefined): boolean {
  return lease !== undefined && !isBinding(lease);
}

function secondsUntil(end: number, nowSec: EpochSec, wantedSec: number): number {
  return Number.isFinite(end) ? Math.max(0, Math.floor(end - nowSec)) : wantedSec;
}
