/**
 * All leases in memory: rows of 32-bit words in segments, the parts of variable length in a {@link BlobArena}, and three
 * indexes. About a hundred octets a lease, nearly all outside the garbage collector's heap, no Map (which ends at 2^24
 * entries) and no operation whose cost grows with the number of leases, so that nothing ever pauses the packet path.
 *
 * Rows rather than columns: a lookup touches one lease, whose words then lie in one cache line.
 */

import { type HashKey, keyedHash } from '../domain/keyed-hash.js';
import type { Lease } from '../domain/lease.js';
import { LeaseView, type ShowLease } from '../domain/lease-view.js';
import { type Ipv4, lowerCase, type Octets, type SubnetId } from '../domain/values.js';
import type { LeaseReader } from '../services/ports.js';
import { AddressIndex } from './address-index.js';
import { BlobArena, blobClass } from './blob-arena.js';
import { IdentifierIndex } from './identifier-index.js';
import {
  BLOB_HEADER_OCTETS,
  blobLength,
  LeaseRecord,
  leaseOf,
  MAX_HOSTNAME_OCTETS,
  MAX_IDENTIFIER_OCTETS,
  showBlob,
  showFlags,
} from './lease-record.js';
import { NodePool } from './node-pool.js';

/** Words of a row. A row whose BLOB is 0 holds no lease (its first word then links the free rows). */
const ADDRESS = 0;
const SUBNET = 1;
const POOL = 2;
const CLTT = 3;
const VALID = 4;
const FLAGS = 5;
const BLOB = 6;
const HW = { hash: 7, next: 8, previous: 9 } as const;
const CLIENT = { hash: 10, next: 11, previous: 12 } as const;
const ROW_WORDS = 13;
const ROWS_PER_SEGMENT_SHIFT = 13;

/** Which of the two identifiers of a blob: the position of its length octet. */
const HW_LENGTH = 0;
const CLIENT_LENGTH = 1;
type Identifier = typeof HW_LENGTH | typeof CLIENT_LENGTH;

/** See the head of this file. `page` is in address order, everything else in no order. */
export class LeaseTable implements LeaseReader {
  readonly #key: HashKey;
  readonly #rows = new NodePool(ROW_WORDS, ROWS_PER_SEGMENT_SHIFT);
  readonly #blobs = new BlobArena();
  readonly #byAddress = new AddressIndex();
  readonly #byHwAddress = new IdentifierIndex(this.#rows, HW);
  readonly #byClientId = new IdentifierIndex(this.#rows, CLIENT);
  readonly #record = new LeaseRecord();
  readonly #shown = new LeaseView();
  readonly #search = Buffer.alloc(MAX_IDENTIFIER_OCTETS);
  #size = 0;

  /** @param key makes the places of identifiers unpredictable; random in service, fixed in tests. */
  constructor(key: HashKey) {
    this.#key = key;
  }

  get size(): number {
    return this.#size;
  }

  /** Octets taken from the system for rows, blobs and indexes. */
  get memoryOctets(): number {
    return (
      this.#rows.memoryOctets +
      this.#blobs.memoryOctets +
      this.#byAddress.memoryOctets +
      this.#byHwAddress.memoryOctets +
      this.#byClientId.memoryOctets
    );
  }

  getByAddress(address: Ipv4): Lease | undefined {
    const row = this.#byAddress.get(address);
    return row === 0 ? undefined : this.#lease(row);
  }

  findByClientId(clientId: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    for (let row = this.#first(CLIENT_LENGTH, clientId); row !== 0; row = this.#following(CLIENT_LENGTH, row)) {
      if (accept(this.#rows.get(row, SUBNET))) return this.#lease(row, undefined, clientId);
    }
    return undefined;
  }

  findByHwAddress(hwAddress: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    for (let row = this.#first(HW_LENGTH, hwAddress); row !== 0; row = this.#following(HW_LENGTH, row)) {
      if (accept(this.#rows.get(row, SUBNET))) return this.#lease(row, hwAddress);
    }
    return undefined;
  }

  listByClientId(clientId: Octets): Lease[] {
    const leases: Lease[] = [];
    for (let row = this.#first(CLIENT_LENGTH, clientId); row !== 0; row = this.#following(CLIENT_LENGTH, row)) {
      leases.push(this.#lease(row, undefined, clientId));
    }
    return leases.sort(byAddress);
  }

  listByHwAddress(hwAddress: Octets): Lease[] {
    const leases: Lease[] = [];
    for (let row = this.#first(HW_LENGTH, hwAddress); row !== 0; row = this.#following(HW_LENGTH, row)) {
      leases.push(this.#lease(row, hwAddress));
    }
    return leases.sort(byAddress);
  }

  listByHostname(hostname: string): Lease[] {
    const wanted = lowerCase(hostname);
    const leases: Lease[] = [];
    for (let row = 1; row <= this.#rows.last; row++) {
      const blob = this.#rows.get(row, BLOB);
      if (blob === 0) continue;
      const chunk = this.#blobs.chunkOf(blob);
      const offset = this.#blobs.offsetOf(blob);
      const length = chunk.readUInt16LE(offset + 2) & MAX_HOSTNAME_OCTETS;
      if (length !== wanted.length || length === 0) continue;
      const start = offset + BLOB_HEADER_OCTETS + chunk[offset]! + chunk[offset + 1]!;
      if (lowerCase(chunk.toString('latin1', start, start + length)) === wanted) leases.push(this.#lease(row));
    }
    return leases.sort(byAddress);
  }

  page(after: Ipv4 | undefined, limit: number): Lease[] {
    const leases: Lease[] = [];
    let from = after === undefined ? 0 : after + 1;
    while (leases.length < limit && from <= 0xffff_ffff) {
      const row = this.#byAddress.atOrAbove(from);
      if (row === 0) break;
      leases.push(this.#lease(row));
      from = this.#rows.get(row, ADDRESS) + 1;
    }
    return leases;
  }

  walk(after: Ipv4 | undefined, show: ShowLease): void {
    let from = after === undefined ? 0 : after + 1;
    while (from <= 0xffff_ffff) {
      const row = this.#byAddress.atOrAbove(from);
      if (row === 0) return;
      from = this.#rows.get(row, ADDRESS) + 1;
      if (!show(this.#view(row))) return;
    }
  }

  *all(): IterableIterator<Lease> {
    for (let row = 1; row <= this.#rows.last; row++) {
      if (this.#rows.get(row, BLOB) !== 0) yield this.#lease(row);
    }
  }

  /** Prepares an empty table for about `count` leases, which makes filling it quicker. */
  expect(count: number): void {
    this.#byHwAddress.expect(count);
    this.#byClientId.expect(count);
  }

  /** Adds a lease or replaces the one of its address. @throws RangeError if a part of it is impossibly long. */
  put(lease: Lease): void {
    this.#record.setLease(lease);
    this.putRecord(this.#record);
  }

  /** The same from a record, which is copied. */
  putRecord(record: LeaseRecord): void {
    let row = this.#byAddress.get(record.address);
    if (row === 0) {
      row = this.#rows.allocate();
      this.#rows.set(row, ADDRESS, record.address);
      this.#byAddress.set(record.address, row);
      this.#size++;
      this.#storeBlob(row, record);
      this.#insert(row);
    } else if (this.#sameIdentifiers(row, record)) {
      // A renewal: the indexes stay as they are and the blob, of the same size class, is written in place.
      this.#storeBlob(row, record);
    } else {
      this.#unindex(row);
      this.#storeBlob(row, record);
      this.#insert(row);
    }
    const words = this.#rows.segmentOf(row);
    const base = this.#rows.baseOf(row);
    words[base + SUBNET] = record.subnetId;
    words[base + POOL] = record.poolId;
    words[base + CLTT] = record.clttSec;
    words[base + VALID] = record.validLifetimeSec;
    words[base + FLAGS] = record.flags;
  }

  /** Removes the lease of an address; false if there is none. */
  delete(address: Ipv4): boolean {
    const row = this.#byAddress.get(address);
    if (row === 0) return false;
    this.#unindex(row);
    this.#byAddress.delete(address);
    this.#releaseBlob(row);
    this.#rows.release(row);
    this.#size--;
    return true;
  }

  /** Copies the lease of an address into a record; false if there is none. */
  readRecord(address: Ipv4, record: LeaseRecord): boolean {
    const row = this.#byAddress.get(address);
    if (row === 0) return false;
    this.#read(row, record);
    return true;
  }

  /** Copies the lease of the lowest address at or above `from` into a record; false if there is none. */
  readAtOrAbove(from: Ipv4, record: LeaseRecord): boolean {
    const row = this.#byAddress.atOrAbove(from);
    if (row === 0) return false;
    this.#read(row, record);
    return true;
  }

  #read(row: number, record: LeaseRecord): void {
    const words = this.#rows.segmentOf(row);
    const base = this.#rows.baseOf(row);
    record.address = words[base + ADDRESS]!;
    record.subnetId = words[base + SUBNET]!;
    record.poolId = words[base + POOL]!;
    record.clttSec = words[base + CLTT]!;
    record.validLifetimeSec = words[base + VALID]!;
    record.flags = words[base + FLAGS]!;
    const chunk = this.#blobs.chunkOf(words[base + BLOB]!);
    const offset = this.#blobs.offsetOf(words[base + BLOB]!);
    const length = blobLength(chunk, offset);
    record.blobOctets = 0;
    record.reserve(length);
    chunk.copy(record.blob, 0, offset, offset + length);
    record.blobOctets = length;
  }

  #view(row: number): LeaseView {
    const view = this.#shown;
    const words = this.#rows.segmentOf(row);
    const base = this.#rows.baseOf(row);
    const blob = words[base + BLOB]!;
    showFlags(view, words[base + FLAGS]!);
    view.address = words[base + ADDRESS]!;
    view.subnetId = words[base + SUBNET]!;
    view.poolId = words[base + POOL]!;
    view.clttSec = words[base + CLTT]!;
    view.validLifetimeSec = words[base + VALID]!;
    showBlob(view, this.#blobs.chunkOf(blob), this.#blobs.offsetOf(blob));
    return view;
  }

  #lease(row: number, hwAddress?: Octets, clientId?: Octets): Lease {
    const words = this.#rows.segmentOf(row);
    const base = this.#rows.baseOf(row);
    const blob = words[base + BLOB]!;
    const numbers = {
      address: words[base + ADDRESS]!,
      subnetId: words[base + SUBNET]!,
      poolId: words[base + POOL]!,
      clttSec: words[base + CLTT]!,
      validLifetimeSec: words[base + VALID]!,
      flags: words[base + FLAGS]!,
    };
    return leaseOf(numbers, this.#blobs.chunkOf(blob), this.#blobs.offsetOf(blob), hwAddress, clientId);
  }

  #indexOf(which: Identifier): IdentifierIndex {
    return which === HW_LENGTH ? this.#byHwAddress : this.#byClientId;
  }

  /** The first row with this identifier, or 0. */
  #first(which: Identifier, identifier: Octets): number {
    const length = identifier.length;
    if (length === 0 || length > MAX_IDENTIFIER_OCTETS) return 0;
    for (let i = 0; i < length; i++) this.#search[i] = identifier.charCodeAt(i);
    const hash = keyedHash(this.#key, this.#search, 0, length);
    return this.#matching(which, this.#indexOf(which).first(hash), hash, this.#search, 0, length);
  }

  /** The next row with the same identifier as `row`, or 0. */
  #following(which: Identifier, row: number): number {
    const blob = this.#rows.get(row, BLOB);
    const chunk = this.#blobs.chunkOf(blob);
    const offset = this.#blobs.offsetOf(blob);
    const hash = this.#rows.get(row, which === HW_LENGTH ? HW.hash : CLIENT.hash);
    const start = identifierStart(which, chunk, offset);
    return this.#matching(which, this.#indexOf(which).next(row), hash, chunk, start, chunk[offset + which]!);
  }

  /** The first row of the chain from `row` on that has the identifier given by its octets. */
  #matching(which: Identifier, row: number, hash: number, octets: Uint8Array, start: number, length: number): number {
    const index = this.#indexOf(which);
    const hashWord = which === HW_LENGTH ? HW.hash : CLIENT.hash;
    for (; row !== 0; row = index.next(row)) {
      if (this.#rows.get(row, hashWord) !== hash) continue;
      const blob = this.#rows.get(row, BLOB);
      const chunk = this.#blobs.chunkOf(blob);
      const offset = this.#blobs.offsetOf(blob);
      if (chunk[offset + which] !== length) continue;
      if (sameOctets(chunk, identifierStart(which, chunk, offset), octets, start, length)) return row;
    }
    return 0;
  }

  #sameIdentifiers(row: number, record: LeaseRecord): boolean {
    const blob = this.#rows.get(row, BLOB);
    const chunk = this.#blobs.chunkOf(blob);
    const offset = this.#blobs.offsetOf(blob);
    const hw = record.blob[HW_LENGTH]!;
    const client = record.blob[CLIENT_LENGTH]!;
    return (
      chunk[offset + HW_LENGTH] === hw &&
      chunk[offset + CLIENT_LENGTH] === client &&
      sameOctets(chunk, offset + BLOB_HEADER_OCTETS, record.blob, BLOB_HEADER_OCTETS, hw + client)
    );
  }

  #storeBlob(row: number, record: LeaseRecord): void {
    const wanted = blobClass(record.blobOctets);
    let blob = this.#rows.get(row, BLOB);
    if (blob === 0 || this.#blobClassOf(blob) !== wanted) {
      if (blob !== 0) this.#releaseBlob(row);
      blob = this.#blobs.allocate(wanted);
      this.#rows.set(row, BLOB, blob);
    }
    const chunk = this.#blobs.chunkOf(blob);
    const offset = this.#blobs.offsetOf(blob);
    const { blob: source, blobOctets } = record;
    if (blobOctets > 64) source.copy(chunk, offset, 0, blobOctets);
    else for (let i = 0; i < blobOctets; i++) chunk[offset + i] = source[i]!;
  }

  #releaseBlob(row: number): void {
    const blob = this.#rows.get(row, BLOB);
    this.#blobs.release(blob, this.#blobClassOf(blob));
    this.#rows.set(row, BLOB, 0);
  }

  #blobClassOf(blob: number): number {
    return blobClass(blobLength(this.#blobs.chunkOf(blob), this.#blobs.offsetOf(blob)));
  }

  /** Enters a row into the indexes of the identifiers it has. */
  #insert(row: number): void {
    const blob = this.#rows.get(row, BLOB);
    const chunk = this.#blobs.chunkOf(blob);
    const offset = this.#blobs.offsetOf(blob);
    const hw = chunk[offset + HW_LENGTH]!;
    const client = chunk[offset + CLIENT_LENGTH]!;
    const start = offset + BLOB_HEADER_OCTETS;
    if (hw !== 0) this.#byHwAddress.insert(row, keyedHash(this.#key, chunk, start, hw));
    if (client !== 0) this.#byClientId.insert(row, keyedHash(this.#key, chunk, start + hw, client));
  }

  #unindex(row: number): void {
    const blob = this.#rows.get(row, BLOB);
    const chunk = this.#blobs.chunkOf(blob);
    const offset = this.#blobs.offsetOf(blob);
    if (chunk[offset + HW_LENGTH] !== 0) this.#byHwAddress.remove(row);
    if (chunk[offset + CLIENT_LENGTH] !== 0) this.#byClientId.remove(row);
  }
}

function identifierStart(which: Identifier, chunk: Uint8Array, offset: number): number {
  return offset + BLOB_HEADER_OCTETS + (which === HW_LENGTH ? 0 : chunk[offset]!);
}

function byAddress(a: Lease, b: Lease): number {
  return a.address - b.address;
}

function sameOctets(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (a[aStart + i] !== b[bStart + i]) return false;
  }
  return true;
}
