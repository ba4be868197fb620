/**
 * A lease on its way between file, table and `Lease`: numbers, and one blob with the parts of variable length.
 * Records are scratch memory, used again and again, so that loading a million leases makes no garbage.
 *
 * The blob: length of the hardware address (1 octet), of the client-id (1), of the hostname (2, little-endian, top bit:
 * a user context follows), then these three, then the length of the user context (4, little-endian) and the context.
 */

import { binaryString } from '@lessor/dhcp';
import type { Lease, LeaseState } from '../domain/lease.js';
import type { LeaseView } from '../domain/lease-view.js';
import type { Octets } from '../domain/values.js';
import { MAX_BLOB_OCTETS } from './blob-arena.js';

/** Where the hardware address begins in a blob. */
export const BLOB_HEADER_OCTETS = 4;
/** The longest identifier a record takes; what clients can send is shorter (chaddr 16, option 61 255). */
export const MAX_IDENTIFIER_OCTETS = 255;
/** The longest hostname a record takes; what clients can send is at most 255. */
export const MAX_HOSTNAME_OCTETS = 0x7fff;
const CONTEXT_BIT = 0x8000;

/** Bits of {@link LeaseRecord.flags} beside the state, which has the lowest two. */
export const FQDN_FWD = 4;
/** See {@link FQDN_FWD}. */
export const FQDN_REV = 8;
const STATE_MASK = 3;

/** Octets of the identifiers and strings of a blob. */
export interface BlobLayout {
  readonly hwAddress: number;
  readonly clientId: number;
  readonly hostname: number;
  /** Without its length. */
  readonly userContext: number;
  /** All of it. */
  readonly total: number;
}

/** Length in octets of the blob that begins at `offset`. */
export function blobLength(octets: Buffer, offset: number): number {
  const hostname = octets.readUInt16LE(offset + 2);
  const end = BLOB_HEADER_OCTETS + octets[offset]! + octets[offset + 1]! + (hostname & ~CONTEXT_BIT);
  return hostname & CONTEXT_BIT ? end + 4 + octets.readUInt32LE(offset + end) : end;
}

/** Latin-1 octets of a text; characters beyond it (which no packet can produce) become UTF-8 octets. */
function octetsOfText(text: string): Octets {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/** See the head of this file. */
export class LeaseRecord {
  address = 0;
  subnetId = 0;
  poolId = 0;
  clttSec = 0;
  validLifetimeSec = 0;
  /** State in the two lowest bits, {@link FQDN_FWD}, {@link FQDN_REV}. */
  flags = 0;
  blob: Buffer = Buffer.alloc(1024);
  blobOctets = BLOB_HEADER_OCTETS;

  /** One of LeaseState. */
  get state(): LeaseState {
    return (this.flags & STATE_MASK) as LeaseState;
  }

  /** True if the lease names neither hardware address nor client-id. */
  get anonymous(): boolean {
    return this.blob[0] === 0 && this.blob[1] === 0;
  }

  /** Starts a new blob: everything empty. */
  clearBlob(): void {
    for (let i = 0; i < BLOB_HEADER_OCTETS; i++) this.blob[i] = 0;
    this.blobOctets = BLOB_HEADER_OCTETS;
  }

  /** Makes room for `more` octets behind the blob. */
  reserve(more: number): void {
    const wanted = this.blobOctets + more;
    if (wanted <= this.blob.length) return;
    const larger = Buffer.alloc(Math.max(wanted, this.blob.length * 2));
    this.blob.copy(larger, 0, 0, this.blobOctets);
    this.blob = larger;
  }

  /** Records how long the hostname just appended is. */
  setHostnameLength(octets: number): void {
    this.blob.writeUInt16LE(octets, 2);
  }

  /** Records that a user context of so many octets follows; call it before appending them, after the hostname. */
  startContext(octets: number): void {
    this.blob.writeUInt16LE(this.blob.readUInt16LE(2) | CONTEXT_BIT, 2);
    this.reserve(4 + octets);
    this.blob.writeUInt32LE(octets, this.blobOctets);
    this.blobOctets += 4;
  }

  /** Where the parts of the blob are. */
  layout(): BlobLayout {
    const hostname = this.blob.readUInt16LE(2);
    const end = BLOB_HEADER_OCTETS + this.blob[0]! + this.blob[1]! + (hostname & ~CONTEXT_BIT);
    return {
      hwAddress: this.blob[0]!,
      clientId: this.blob[1]!,
      hostname: hostname & ~CONTEXT_BIT,
      userContext: hostname & CONTEXT_BIT ? this.blob.readUInt32LE(end) : 0,
      total: this.blobOctets,
    };
  }

  /** Takes a lease over. @throws RangeError if a part of it is longer than any lease can have it. */
  setLease(lease: Lease): void {
    const hostname = octetsOfText(lease.hostname);
    const userContext = octetsOfText(lease.userContext);
    if (
      lease.hwAddress.length > MAX_IDENTIFIER_OCTETS ||
      lease.clientId.length > MAX_IDENTIFIER_OCTETS ||
      hostname.length > MAX_HOSTNAME_OCTETS ||
      userContext.length > MAX_BLOB_OCTETS / 2
    ) {
      throw new RangeError('an identifier, hostname or user context of the lease is too long');
    }
    this.address = lease.address >>> 0;
    this.subnetId = lease.subnetId;
    this.poolId = lease.poolId;
    this.clttSec = lease.clttSec;
    this.validLifetimeSec = lease.validLifetimeSec;
    this.flags = lease.state | (lease.fqdnFwd ? FQDN_FWD : 0) | (lease.fqdnRev ? FQDN_REV : 0);
    this.clearBlob();
    this.#append(lease.hwAddress);
    this.#append(lease.clientId);
    this.#append(hostname);
    this.blob[0] = lease.hwAddress.length;
    this.blob[1] = lease.clientId.length;
    this.setHostnameLength(hostname.length);
    if (userContext !== '') {
      this.startContext(userContext.length);
      this.#append(userContext);
    }
  }

  #append(octets: Octets): void {
    this.reserve(octets.length);
    // Identifiers are short: a loop beats the call into C++.
    if (octets.length > 64) this.blob.write(octets, this.blobOctets, 'latin1');
    else for (let i = 0; i < octets.length; i++) this.blob[this.blobOctets + i] = octets.charCodeAt(i);
    this.blobOctets += octets.length;
  }
}

/** Numbers of a lease, wherever they are kept. */
export type LeaseNumbers = Pick<
  LeaseRecord,
  'address' | 'subnetId' | 'poolId' | 'clttSec' | 'validLifetimeSec' | 'flags'
>;

/**
 * The lease made of numbers and the blob at `offset`. `hwAddress` and `clientId`, where the caller has looked the lease
 * up by them, are used instead of making new strings.
 */
export function leaseOf(
  numbers: LeaseNumbers,
  octets: Buffer,
  offset: number,
  hwAddress?: Octets,
  clientId?: Octets,
): Lease {
  const hwStart = offset + BLOB_HEADER_OCTETS;
  const clientStart = hwStart + octets[offset]!;
  const hostStart = clientStart + octets[offset + 1]!;
  const hostname = octets.readUInt16LE(offset + 2);
  const hostEnd = hostStart + (hostname & ~CONTEXT_BIT);
  return {
    address: numbers.address,
    hwAddress: hwAddress ?? binaryString(octets, hwStart, clientStart),
    clientId: clientId ?? binaryString(octets, clientStart, hostStart),
    validLifetimeSec: numbers.validLifetimeSec,
    clttSec: numbers.clttSec,
    subnetId: numbers.subnetId,
    poolId: numbers.poolId,
    fqdnFwd: (numbers.flags & FQDN_FWD) !== 0,
    fqdnRev: (numbers.flags & FQDN_REV) !== 0,
    hostname: hostStart === hostEnd ? '' : octets.toString('latin1', hostStart, hostEnd),
    state: (numbers.flags & STATE_MASK) as LeaseState,
    userContext:
      hostname & CONTEXT_BIT ? octets.toString('latin1', hostEnd + 4, hostEnd + 4 + octets.readUInt32LE(hostEnd)) : '',
  };
}

/** Shows what the flags of a lease say. */
export function showFlags(view: LeaseView, flags: number): void {
  view.state = (flags & STATE_MASK) as LeaseState;
  view.fqdnFwd = (flags & FQDN_FWD) !== 0;
  view.fqdnRev = (flags & FQDN_REV) !== 0;
}

/** Shows the parts of variable length, in the blob at `offset`. */
export function showBlob(view: LeaseView, octets: Buffer, offset: number): void {
  const hostname = octets[offset + 2]! | (octets[offset + 3]! << 8);
  view.octets = octets;
  view.hwAddressAt = offset + BLOB_HEADER_OCTETS;
  view.clientIdAt = view.hwAddressAt + octets[offset]!;
  view.hostnameAt = view.clientIdAt + octets[offset + 1]!;
  view.hostnameEnd = view.hostnameAt + (hostname & ~CONTEXT_BIT);
  const hasContext = (hostname & CONTEXT_BIT) !== 0;
  view.contextAt = hasContext ? view.hostnameEnd + 4 : view.hostnameEnd;
  view.contextEnd = hasContext ? view.contextAt + octets.readUInt32LE(view.hostnameEnd) : view.hostnameEnd;
}
