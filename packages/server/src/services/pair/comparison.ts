/**
 * Finding out where the two databases differ, and taking over what the partner has that we do not: by digests of blocks
 * first, then only the blocks that differ. Service goes on meanwhile on both sides.
 */

import type { PairRecord } from '../../domain/pair/record.js';
import { isBinding } from '../../domain/pair/record.js';
import { compareVersions } from '../../domain/pair/version.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { LeaseReader } from '../ports.js';
import type { Block, BlockDigest, BlockDigests } from './digests.js';
import { type Replica, recordOf } from './replica.js';
import { listOf } from './sender.js';
import { heldIn, type UnconfirmedRecords } from './unconfirmed.js';
import { recordFromJson, recordToJson } from './wire.js';

/** Blocks fetched by one message: at most some thousand records. */
const BLOCKS_A_FETCH = 16;

/** What a comparison works with. */
export interface ComparisonParts {
  readonly replica: Replica;
  readonly unconfirmed: UnconfirmedRecords;
  readonly leases: Pick<LeaseReader, 'page'>;
  nowSec(): EpochSec;
  readonly call: (command: string, args: JsonMap) => Promise<JsonMap>;
}

/**
 * Compares the databases and takes over what the partner has newer; what we have newer is noted as unconfirmed and so
 * gets sent. Afterwards everything not noted is the same on both sides, if the partner was not restarted meanwhile. Resolves with the number of records taken over.
 * @throws what `call` rejects with, StoreError: nothing is known then, begin again
 */
export async function compareWithPartner(parts: ComparisonParts): Promise<number> {
  const { replica, unconfirmed, leases, nowSec, call } = parts;
  const answer = await call('pair-digest', { blocks: digestsToJson(replica.digests) });
  const blocks = listOf(answer.differing).map(blockOf);
  let taken = 0;
  for (let at = 0; at < blocks.length; at += BLOCKS_A_FETCH) {
    const some = blocks.slice(at, at + BLOCKS_A_FETCH);
    const fetched = await call('pair-fetch', { blocks: some });
    const theirs = new Map<Ipv4, PairRecord>();
    for (const json of listOf(fetched.records)) {
      const record = recordFromJson(json, nowSec());
      theirs.set(record.address, record);
    }
    // What changed on either side since the digests were made is under way as an update; taking it in twice is harmless.
    noteOurs(recordsOfBlocks(leases, some), theirs, unconfirmed);
    taken += (await replica.takeIn([...theirs.values()])).stored.length;
  }
  return taken;
}

/** Records of ours that the partner does not have, or has older, or has another one of, are to be sent. */
function noteOurs(
  ours: readonly PairRecord[],
  theirs: ReadonlyMap<Ipv4, PairRecord>,
  unconfirmed: UnconfirmedRecords,
): void {
  for (const mine of ours) {
    const other = theirs.get(mine.address);
    // Where both say that it is over there is nothing to agree upon.
    if (!isBinding(mine.lease) && !isBinding(other?.lease)) continue;
    if (unconfirmed.find(mine.address) !== undefined) continue;
    const order = other === undefined ? 'newer' : compareVersions(mine.version, other.version);
    // What is concurrent has to be merged before either of the two acts upon it; side 0 does.
    if (order === 'equal' || order === 'older') continue;
    unconfirmed.changed(mine.address, mine.version, heldIn(other), false);
  }
}

/** Answers `pair-digest`: the blocks in which the sender has something else. */
export function answerDigest(args: JsonMap, digests: BlockDigests): JsonMap {
  return { differing: digests.differing(digestsFromJson(args.blocks)) };
}

/** Answers `pair-fetch`: our records of these blocks, what is over included. */
export function answerFetch(args: JsonMap, leases: Pick<LeaseReader, 'page'>, nowSec: EpochSec): JsonMap {
  const records = recordsOfBlocks(leases, listOf(args.blocks).slice(0, BLOCKS_A_FETCH).map(blockOf));
  return { records: records.map((record) => recordToJson(record, nowSec)) };
}

function recordsOfBlocks(leases: Pick<LeaseReader, 'page'>, blocks: readonly Block[]): PairRecord[] {
  const records: PairRecord[] = [];
  for (const block of blocks) {
    const first = block * 256;
    for (const lease of leases.page(first === 0 ? undefined : first - 1, 256)) {
      if (lease.address > first + 255) break;
      records.push(recordOf(lease.address, lease));
    }
  }
  return records;
}

function digestsToJson(digests: BlockDigests): Json {
  return [...digests.entries()].map(([block, digest]) => [block, digest[0], digest[1]]);
}

function digestsFromJson(json: Json | undefined): Map<Block, BlockDigest> {
  const result = new Map<Block, BlockDigest>();
  for (const row of listOf(json)) {
    const [block, first, second] = Array.isArray(row) ? row : [];
    if (typeof first !== 'number' || typeof second !== 'number') throw notUnderstood();
    result.set(blockOf(block), [first >>> 0, second >>> 0]);
  }
  return result;
}

function blockOf(value: Json | undefined): Block {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 2 ** 24) throw notUnderstood();
  return value;
}

function notUnderstood(): CommandError {
  return new CommandError('command-invalid', 'a block of addresses is not understood');
}
