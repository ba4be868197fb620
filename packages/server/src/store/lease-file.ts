/**
 * Kea's lease file (kea-leases4.csv): its columns, and its rows from octets to records without making strings. How
 * rows are written is in lease-row-buffer.ts.
 *
 * Columns came with versions of Kea, so a file's header says which it has. Shorter files are read as Kea upgrades them
 * (state, user_context and pool_id take their defaults), columns beyond ours are ignored as Kea ignores them. A row
 * with valid_lifetime 0 removes the lease of its address. Commas, `&`, control characters and octets from 0x7f on in
 * hostname and user_context are written `&#xHH`.
 */

import { parseCommandJson } from '@lessor/kea';
import { LeaseState } from '../domain/lease.js';
import { StoreError } from '../errors.js';
import { MAX_BLOB_OCTETS } from './blob-arena.js';
import { FQDN_FWD, FQDN_REV, type LeaseRecord, MAX_HOSTNAME_OCTETS, MAX_IDENTIFIER_OCTETS } from './lease-record.js';

/** The columns of schema 3.0, which Kea 3.x reads and writes and we write. */
export const LEASE_FILE_COLUMNS = [
  'address',
  'hwaddr',
  'client_id',
  'valid_lifetime',
  'expire',
  'subnet_id',
  'fqdn_fwd',
  'fqdn_rev',
  'hostname',
  'state',
  'user_context',
  'pool_id',
] as const;

/** The first line of a file, with its newline. */
export const LEASE_FILE_HEADER = `${LEASE_FILE_COLUMNS.join(',')}\n`;

/** Kea takes no file with fewer columns (schema 1.0 ends with hostname). */
const MIN_COLUMNS = LEASE_FILE_COLUMNS.indexOf('hostname') + 1;
const COLUMNS = LEASE_FILE_COLUMNS.length;

/** How many columns the rows of a file may have, and whether its schema is ours. */
export interface LeaseFileSchema {
  readonly current: boolean;
  readonly minColumns: number;
  readonly maxColumns: number;
}

/**
 * Reads a header line (without newline).
 * @throws StoreError store-corrupt if it is not the header of a DHCPv4 lease file.
 */
export function parseLeaseFileHeader(line: string): LeaseFileSchema {
  const names = line.split(',');
  const known = Math.min(names.length, COLUMNS);
  for (let i = 0; i < known; i++) {
    if (names[i] !== LEASE_FILE_COLUMNS[i]) {
      throw new StoreError(
        'store-corrupt',
        `column ${i + 1} of the header is '${names[i]}', not '${LEASE_FILE_COLUMNS[i]}'`,
      );
    }
  }
  if (known < MIN_COLUMNS) {
    throw new StoreError('store-corrupt', `the header has ${known} columns, a lease file has at least ${MIN_COLUMNS}`);
  }
  return { current: names.length === COLUMNS, minColumns: known, maxColumns: Math.max(names.length, COLUMNS) };
}

const COMMA = 0x2c;
const COLON = 0x3a;
const DOT = 0x2e;
const AMPERSAND = 0x26;
const ZERO = 0x30;
const U32_MAX = 0xffff_ffff;

/** Value of a hexadecimal digit by its octet, 0xff for others. */
const HEX_VALUE: Uint8Array = (() => {
  const table = new Uint8Array(256).fill(0xff);
  for (let i = 0; i < 16; i++) {
    const digit = i.toString(16);
    table[digit.charCodeAt(0)] = i;
    table[digit.toUpperCase().charCodeAt(0)] = i;
  }
  return table;
})();

/** Reads rows. One parser serves one file; it keeps no row. */
export class LeaseRowParser {
  readonly #schema: LeaseFileSchema;
  #octets: Buffer = Buffer.alloc(0);
  /** Next octet, and the end of the row. */
  #at = 0;
  #end = 0;
  /** What is wrong with the row; '' so far. */
  #problem = '';

  constructor(schema: LeaseFileSchema) {
    this.#schema = schema;
  }

  /**
   * Reads the row octets[start..end) (without newline) into `record`.
   * @returns '' or what is wrong with the row; the record is then garbage.
   */
  parse(octets: Buffer, start: number, end: number, record: LeaseRecord): string {
    this.#octets = octets;
    this.#at = start;
    this.#end = end;
    this.#problem = '';
    record.clearBlob();
    record.address = this.#address();
    this.#comma('hwaddr');
    record.blob[0] = this.#hex(record, 'hwaddr');
    this.#comma('client_id');
    record.blob[1] = this.#hex(record, 'client_id');
    this.#comma('valid_lifetime');
    record.validLifetimeSec = this.#number('valid_lifetime', U32_MAX);
    this.#comma('expire');
    const expire = this.#number('expire', 2 * U32_MAX);
    this.#comma('subnet_id');
    record.subnetId = this.#number('subnet_id', U32_MAX);
    this.#comma('fqdn_fwd');
    record.flags = this.#number('fqdn_fwd', 1) * FQDN_FWD;
    this.#comma('fqdn_rev');
    record.flags += this.#number('fqdn_rev', 1) * FQDN_REV;
    this.#comma('hostname');
    const hostname = this.#text(record);
    if (hostname > MAX_HOSTNAME_OCTETS) this.#fail('hostname is too long');
    else record.setHostnameLength(hostname);
    this.#laterColumns(record);
    // An expiry before the lifetime began can only come from a clock gone wrong: the lease is long over.
    record.clttSec = Math.max(0, expire - record.validLifetimeSec);
    if (record.clttSec > U32_MAX) this.#fail('expire is out of range');
    if (this.#problem === '' && record.anonymous && record.state !== LeaseState.declined) {
      this.#fail('neither hardware address nor client-id');
    }
    return this.#problem;
  }

  #laterColumns(record: LeaseRecord): void {
    record.poolId = 0;
    let columns = MIN_COLUMNS;
    if (this.#at < this.#end && this.#problem === '') {
      this.#comma('state');
      record.flags += this.#number('state', LeaseState.released);
      columns++;
    }
    if (this.#at < this.#end && this.#problem === '') {
      this.#comma('user_context');
      this.#context(record);
      columns++;
    }
    if (this.#at < this.#end && this.#problem === '') {
      this.#comma('pool_id');
      record.poolId = this.#number('pool_id', U32_MAX);
      columns++;
    }
    for (; this.#at < this.#end && this.#problem === ''; columns++) {
      this.#comma('end of row');
      while (this.#at < this.#end && this.#octets[this.#at] !== COMMA) this.#at++;
    }
    const { minColumns, maxColumns } = this.#schema;
    if (columns < minColumns || columns > maxColumns) {
      this.#fail(`${columns} columns where the header asks for ${minColumns}`);
    }
  }

  /** Keeps the first problem and skips the rest of the row. */
  #fail(problem: string): void {
    if (this.#problem === '') this.#problem = problem;
    this.#at = this.#end;
  }

  #comma(before: string): void {
    if (this.#at < this.#end && this.#octets[this.#at] === COMMA) this.#at++;
    else this.#fail(this.#at < this.#end ? `unexpected character before ${before}` : `the row ends before ${before}`);
  }

  #number(column: string, max: number): number {
    const octets = this.#octets;
    const end = this.#end;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (; at < end; at++) {
      const digit = octets[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.#at = at;
    if (at === start) this.#fail(`${column} is not a number`);
    else if (value > max) this.#fail(`${column} is out of range`);
    return value;
  }

  #address(): number {
    let address = 0;
    for (let part = 0; part < 4; part++) {
      if (part > 0) {
        if (this.#octets[this.#at] !== DOT) break;
        this.#at++;
      }
      address = address * 256 + this.#number('address', 255);
      if (part === 3) return address;
    }
    this.#fail('address is not an IPv4 address');
    return 0;
  }

  /** Colon separated hex of one or two digits an octet, appended to the blob; its length. */
  #hex(record: LeaseRecord, column: 'hwaddr' | 'client_id'): number {
    const octets = this.#octets;
    const end = this.#end;
    const start = this.#at;
    const blob = record.blob;
    const blobStart = record.blobOctets;
    let to = blobStart;
    let at = start;
    if (at < end && octets[at] === COMMA) return 0;
    for (;;) {
      let value = at < end ? HEX_VALUE[octets[at]!]! : 0xff;
      if (value === 0xff || to - blobStart === MAX_IDENTIFIER_OCTETS) return this.#looseHex(record, column, start);
      at++;
      const second = at < end ? HEX_VALUE[octets[at]!]! : 0xff;
      if (second !== 0xff) {
        value = value * 16 + second;
        at++;
      }
      blob[to++] = value;
      if (at === end || octets[at] === COMMA) break;
      if (octets[at] !== COLON) return this.#looseHex(record, column, start);
      at++;
    }
    this.#at = at;
    record.blobOctets = to;
    return to - blobStart;
  }

  /** What Kea takes for a client-id beside its own form: digits without separators, with blanks, with 0x in front. */
  #looseHex(record: LeaseRecord, column: 'hwaddr' | 'client_id', start: number): number {
    let end = start;
    while (end < this.#end && this.#octets[end] !== COMMA) end++;
    const text = this.#octets.toString('latin1', start, end);
    const digits = /^(?:0x)?([0-9a-fA-F]+)$/.exec(text)?.[1] ?? text.replaceAll(' ', '');
    const value = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
    const good = column === 'client_id' && /^[0-9a-fA-F]+$/.test(digits) && value.length <= MAX_IDENTIFIER_OCTETS;
    if (!good) {
      this.#fail(`${column} '${text}' is not a string of hexadecimal octets`);
      return 0;
    }
    record.reserve(value.length);
    value.copy(record.blob, record.blobOctets);
    record.blobOctets += value.length;
    this.#at = end;
    return value.length;
  }

  /** Text up to the next comma with `&#xHH` undone, appended to the blob; its length. */
  #text(record: LeaseRecord): number {
    const octets = this.#octets;
    const end = this.#end;
    let at = this.#at;
    if (at >= end || octets[at] === COMMA) return 0;
    let stop = at;
    while (stop < end && octets[stop] !== COMMA) stop++;
    record.reserve(stop - at);
    const blob = record.blob;
    const blobStart = record.blobOctets;
    let to = blobStart;
    while (at < stop) {
      const octet = octets[at]!;
      const escaped = octet === AMPERSAND ? escapedOctet(octets, at, stop) : -1;
      blob[to++] = escaped < 0 ? octet : escaped;
      at += escaped < 0 ? 1 : ESCAPE_OCTETS;
    }
    this.#at = at;
    record.blobOctets = to;
    return to - blobStart;
  }

  #context(record: LeaseRecord): void {
    if (this.#at >= this.#end || this.#octets[this.#at] === COMMA) return;
    const lengthAt = record.blobOctets;
    record.startContext(0);
    const start = record.blobOctets;
    const length = this.#text(record);
    record.blob.writeUInt32LE(length, lengthAt);
    if (length > MAX_BLOB_OCTETS / 2) this.#fail('user_context is too long');
    else if (!isJsonMap(record.blob.toString('latin1', start, start + length)))
      this.#fail('user_context is not a JSON map');
  }
}

const ESCAPE_OCTETS = '&#x2c'.length;

/** The octet written `&#xHH` at `at`, or -1 if there is no escape. */
function escapedOctet(octets: Buffer, at: number, end: number): number {
  if (at + ESCAPE_OCTETS > end || octets[at + 1] !== 0x23 || octets[at + 2] !== 0x78) return -1;
  const high = HEX_VALUE[octets[at + 3]!]!;
  const low = HEX_VALUE[octets[at + 4]!]!;
  return high === 0xff || low === 0xff ? -1 : high * 16 + low;
}

function isJsonMap(text: string): boolean {
  try {
    const value = parseCommandJson(text, { comments: false });
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
