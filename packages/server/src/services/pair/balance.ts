/**
 * Hands free addresses over between the two servers, in the background, so that neither runs out while the other has some
 * (docs/design-ha.md, rule 2). Who is short asks; who has more than its share hands over a part. From the moment the giver
 * has written the hand-over down until the taker has, the addresses are nobody's; lost messages are repeated by number.
 */

import type { WithheldAddress } from '../../domain/pair/file.js';
import { type AddressRange, type OwnedRange, OwnershipMap } from '../../domain/pair/ownership.js';
import { otherSide, type Side } from '../../domain/pair/version.js';
import type { Json, JsonMap, Pool } from '../../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { PairMemory } from './memory.js';
import { listOf } from './sender.js';

/** What a {@link Balance} works with. */
export interface BalanceParts {
  readonly memory: PairMemory;
  nowSec(): EpochSec;
  /** Part of the free addresses that belongs to side 1. */
  readonly shareOfSide1: number;
  readonly pools: () => readonly Pool[];
  /** How many addresses of a pool this server could give now. */
  readonly freeIn: (pool: Pool) => number;
  /** True if this server may and could give the address now. */
  readonly isFree: (address: Ipv4, pool: Pool) => boolean;
  readonly call: (command: string, args: JsonMap) => Promise<JsonMap>;
  /** Whether the address can be given has changed. */
  readonly onSettled: (address: Ipv4) => void;
}

/** Pools asked for by one message. */
const MOST_POOLS = 64;
/** Addresses of one hand-over, and how many are looked at to find them. */
const MOST_ADDRESSES = 1024;
const MOST_LOOKED_AT = 16_384;
/** Who has less than this part of its share of a pool asks for more. */
const LOW_PART = 0.25;

/** See the head of this file. */
export class Balance {
  #busy = false;

  constructor(private readonly parts: BalanceParts) {}

  /** Called now and then while both are in normal operation: repeats a hand-over that was not confirmed, asks if short. */
  async turn(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#handOver();
      const short = this.#short();
      if (short.length > 0) await this.parts.call('pair-ask', { pools: short });
    } finally {
      this.#busy = false;
    }
  }

  #shareOf(side: Side): number {
    return side === 1 ? this.parts.shareOfSide1 : 1 - this.parts.shareOfSide1;
  }

  /** Pools of which this server has too little left: first, last, how many. */
  #short(): Json[] {
    const { pools, freeIn, memory } = this.parts;
    const share = this.#shareOf(memory.file.side);
    const short: Json[] = [];
    for (const pool of pools()) {
      const free = freeIn(pool);
      if (free > Math.floor((pool.last - pool.first + 1) * share * LOW_PART)) continue;
      short.push([pool.first, pool.last, free]);
      if (short.length === MOST_POOLS) break;
    }
    return short;
  }

  /** Answers `pair-ask`: prepares a hand-over if this server has more than its share. @throws StoreError, CommandError */
  answerAsk(args: JsonMap): JsonMap {
    const { memory, freeIn, isFree, onSettled } = this.parts;
    if (memory.file.grant !== undefined) return {};
    const asking = otherSide(memory.file.side);
    const found: AddressRange[] = [];
    let left = MOST_ADDRESSES;
    for (const row of listOf(args.pools).slice(0, MOST_POOLS)) {
      const [first, last, theirs] = rangeOf(row);
      const pool = this.parts.pools().find((one) => one.first === first && one.last === last);
      const mine = pool === undefined ? 0 : freeIn(pool);
      if (pool === undefined || mine === 0) continue;
      // Rounded down for whoever asks: else the last address of a pool would go to and fro, and be nobody's most of the time.
      const target = Math.floor((mine + theirs) * this.#shareOf(asking));
      const amount = Math.min(target - theirs, mine, left);
      if (amount < Math.max(1, target / 10)) continue;
      const picked = pick(pool, memory.ownership.ranges, memory.file.side, amount, (one) => isFree(one, pool));
      for (const range of picked) left -= range.last - range.first + 1;
      found.push(...picked);
    }
    if (found.length === 0) return {};
    const number = memory.file.granted + 1;
    // From here on they are nobody's.
    memory.update({ grant: { number, ranges: found }, granted: number });
    for (const range of found) for (let a = range.first; a <= range.last; a++) onSettled(a);
    return {};
  }

  async #handOver(): Promise<void> {
    const { memory, call, onSettled } = this.parts;
    const { grant, side } = memory.file;
    if (grant === undefined) return;
    const ranges = grant.ranges.map(({ first, last }) => [first, last]);
    const answer = await call('pair-grant', { number: grant.number, ranges });
    if (answer.received !== grant.number || memory.file.grant !== grant) return;
    let { ownership } = memory;
    for (const range of grant.ranges) ownership = ownership.assign(range, otherSide(side));
    memory.update({ ownership: ownership.ranges, grant: undefined });
    for (const range of grant.ranges) for (let a = range.first; a <= range.last; a++) onSettled(a);
  }

  /** Answers `pair-grant`: the addresses are ours when that is on the disk. @throws StoreError, CommandError */
  answerGrant(args: JsonMap): JsonMap {
    const { memory, onSettled } = this.parts;
    const { number } = args;
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw notUnderstood();
    const ranges = listOf(args.ranges).map((row) => rangeOf(row));
    if (number > memory.file.received) {
      let { ownership } = memory;
      for (const [first, last] of ranges) ownership = ownership.assign({ first, last }, memory.file.side);
      memory.update({ ownership: ownership.ranges, received: number });
      for (const [first, last] of ranges) for (let a = first; a <= last; a++) onSettled(a);
    }
    return { received: number };
  }

  /** Answers `pair-ownership`: what is ours, how far hand-overs have come, and what is withheld for how many seconds. */
  answerOwnership(): JsonMap {
    const { ownership, file } = this.parts.memory;
    const nowSec = this.parts.nowSec();
    const withheld = file.withheld.map(({ address, untilSec }) => [address, Math.max(0, untilSec - nowSec)]);
    const mine = ownership.ranges.filter(({ owner }) => owner === file.side).map(({ first, last }) => [first, last]);
    const granted = file.granted - (file.grant === undefined ? 0 : 1);
    return { ranges: mine, granted, received: file.received, withheld };
  }

  /** Our file was lost: what the partner says is its own is, the rest is ours; what it withholds we do. */
  async recover(): Promise<void> {
    const { memory, call, pools, shareOfSide1, nowSec } = this.parts;
    const answer = await call('pair-ownership', {});
    const { side } = memory.file;
    const { granted, received } = answer;
    if (typeof granted !== 'number' || typeof received !== 'number') throw notUnderstood();
    let ownership = OwnershipMap.divide(pools(), shareOfSide1);
    for (const { first, last } of ownership.ranges) ownership = ownership.assign({ first, last }, side);
    for (const row of listOf(answer.ranges)) {
      const [first, last] = rangeOf(row);
      ownership = ownership.assign({ first, last }, otherSide(side));
    }
    const withheld = memory.withheldWith(listOf(answer.withheld).map((row) => withheldOf(row, nowSec())));
    memory.update({ ownership: ownership.ranges, grant: undefined, granted: received, received: granted, withheld });
  }
}

/** Free addresses of a pool that belong to `side`, from its end, as ranges. */
function pick(
  pool: AddressRange,
  owned: readonly OwnedRange[],
  side: Side,
  amount: number,
  isFree: (address: Ipv4) => boolean,
): AddressRange[] {
  const picked: AddressRange[] = [];
  let [left, looked] = [amount, 0];
  for (let i = owned.length - 1; i >= 0 && left > 0; i--) {
    const { first, last, owner } = owned[i]!;
    if (owner !== side) continue;
    for (let a = Math.min(last, pool.last); a >= Math.max(first, pool.first) && left > 0; a--) {
      if (++looked > MOST_LOOKED_AT) return picked;
      if (!isFree(a)) continue;
      left--;
      const before = picked.at(-1);
      if (before !== undefined && before.first === a + 1) picked[picked.length - 1] = { first: a, last: before.last };
      else picked.push({ first: a, last: a });
    }
  }
  return picked;
}

function rangeOf(row: Json): readonly [number, number, number] {
  const [first, last, free = 0] = Array.isArray(row) ? row : [];
  if (!isAddress(first) || !isAddress(last) || last < first || typeof free !== 'number') throw notUnderstood();
  return [first, last, free];
}

function withheldOf(row: Json, nowSec: EpochSec): WithheldAddress {
  const [address, seconds] = Array.isArray(row) ? row : [];
  if (!isAddress(address) || !isAddress(seconds)) throw notUnderstood();
  return { address, untilSec: nowSec + seconds };
}

function isAddress(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function notUnderstood(): CommandError {
  return new CommandError('command-invalid', 'a hand-over of addresses is not understood');
}
