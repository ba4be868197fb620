/**
 * The file of a pair beside the lease file: who owns which addresses, the epoch and the counters handed out. It is
 * replaced as a whole (temporary file, flush, rename, flush of the directory), so that a crash leaves the old or the new.
 */

import type { Grant, PairFile, SectionDigests, WithheldAddress } from '../domain/pair/file.js';
import type { OwnedRange } from '../domain/pair/ownership.js';
import { PAIR_STATES, type PairState } from '../domain/pair/states.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import { StoreError } from '../errors.js';
import type { PairFileStore } from '../services/ports.js';
import type { FileOps } from './file-ops.js';

/** Written into the file, so that a later lessor knows what it reads. */
const FORMAT = 1;
/** Members added to that format: 0 where they are missing. */
const SINCE_FORMAT_1: ReadonlySet<string> = new Set([
  ...['born', 'metBoot', 'fence', 'granted', 'received', 'blindUntilSec'],
  'partnerLostBoot',
]);

/** See the head of this file. */
export class DiskPairFile implements PairFileStore {
  constructor(
    private readonly path: string,
    private readonly ops: FileOps,
  ) {}

  load(): PairFile | undefined {
    const length = this.ops.lengthOf(this.path);
    if (length === undefined) return undefined;
    const octets = Buffer.alloc(length);
    const fd = this.ops.open(this.path, 'read');
    try {
      this.ops.read(fd, octets, 0);
    } finally {
      this.ops.close(fd);
    }
    try {
      return pairFileFrom(JSON.parse(octets.toString('utf8')));
    } catch (error) {
      const advice = 'remove it, and this server fetches everything from its partner';
      throw new StoreError('store-corrupt', `${this.path}: ${(error as Error).message}; ${advice}`);
    }
  }

  save(file: PairFile): void {
    const temporary = `${this.path}.tmp`;
    const octets = Buffer.from(`${JSON.stringify({ format: FORMAT, ...file })}\n`, 'utf8');
    try {
      const fd = this.ops.open(temporary, 'create');
      try {
        for (let at = 0; at < octets.length; ) at += this.ops.write(fd, octets.subarray(at), at);
        this.ops.dataSync(fd);
      } finally {
        this.ops.close(fd);
      }
      this.ops.rename(temporary, this.path);
      this.ops.directorySync(this.path);
    } catch (error) {
      throw new StoreError('store-unavailable', `${this.path}: ${(error as Error).message}`);
    }
  }
}

function pairFileFrom(json: Json): PairFile {
  const map = mapOf(json, 'the file');
  if (map.format !== FORMAT) throw new Error(`format ${String(map.format)} is not known to this version`);
  const { relationship, side, state } = map;
  if (typeof relationship !== 'string') throw new Error('"relationship" is not understood');
  if (side !== 0 && side !== 1) throw new Error('"side" is not understood');
  if (typeof state !== 'string' || !Object.hasOwn(PAIR_STATES, state)) throw new Error('"state" is not understood');
  return {
    relationship,
    side,
    state: state as PairState,
    epoch: countOf(map, 'epoch'),
    boot: countOf(map, 'boot'),
    reservedCounter: countOf(map, 'reservedCounter'),
    downSinceSec: countOf(map, 'downSinceSec'),
    born: countOf(map, 'born'),
    metBoot: countOf(map, 'metBoot'),
    fence: countOf(map, 'fence'),
    lost: map.lost === true,
    forgot: map.forgot === true,
    // Files of before it was introduced: whoever has met its partner has compared.
    stranger: typeof map.stranger === 'boolean' ? map.stranger : countOf(map, 'metBoot') === 0,
    granted: countOf(map, 'granted'),
    received: countOf(map, 'received'),
    blindUntilSec: countOf(map, 'blindUntilSec'),
    ...agreedIn(map.agreed),
    ...(map.covers === undefined ? {} : { covers: listOf(map.covers, 'covers').map((id) => Number(id)) }),
    grant: grantFrom(map.grant),
    clockOffsetMs: typeof map.clockOffsetMs === 'number' ? map.clockOffsetMs : 0,
    ...(typeof map.partnerAheadMs === 'number' ? { partnerAheadMs: map.partnerAheadMs } : {}),
    partnerLostBoot: countOf(map, 'partnerLostBoot'),
    withheld: listOf(map.withheld ?? [], 'withheld').map(withheldFrom),
    cleanDown: map.cleanDown === true,
    saidGoodbye: map.saidGoodbye === true,
    ownership: listOf(map.ownership, 'ownership').map(ownedRangeFrom),
  };
}

function grantFrom(json: Json | undefined): Grant | undefined {
  if (json === undefined) return undefined;
  const map = mapOf(json, '"grant"');
  const ranges = listOf(map.ranges, 'ranges').map((each) => {
    const range = mapOf(each, 'a range of "grant"');
    return { first: countOf(range, 'first'), last: countOf(range, 'last') };
  });
  return { number: countOf(map, 'number'), ranges };
}

/** What is not there, or not as this version writes it, is not known: nothing but a hint for people. */
function agreedIn(json: Json | undefined): { readonly agreed?: SectionDigests } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return {};
  const { options, reservations, policy } = json as JsonMap;
  if (typeof options !== 'string' || typeof reservations !== 'string' || typeof policy !== 'string') return {};
  return { agreed: { options, reservations, policy } };
}

function withheldFrom(json: Json): WithheldAddress {
  const map = mapOf(json, 'an entry of "withheld"');
  return { address: countOf(map, 'address'), untilSec: countOf(map, 'untilSec') };
}

function ownedRangeFrom(json: Json): OwnedRange {
  const map = mapOf(json, 'a range of "ownership"');
  const { owner } = map;
  if (owner !== 0 && owner !== 1) throw new Error('"owner" is not understood');
  return { first: countOf(map, 'first'), last: countOf(map, 'last'), owner };
}

function mapOf(json: Json | undefined, what: string): JsonMap {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonMap;
  throw new Error(`${what} is no map`);
}

function listOf(json: Json | undefined, name: string): readonly Json[] {
  if (Array.isArray(json)) return json;
  throw new Error(`"${name}" is no list`);
}

/** A member that files of before it was introduced do not have is 0. */
function countOf(map: JsonMap, name: string): number {
  const value = map[name] ?? (SINCE_FORMAT_1.has(name) ? 0 : undefined);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`"${name}" is not understood`);
}
