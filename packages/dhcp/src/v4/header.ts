/** The fixed part of a message, as a table (RFC 2131 §2, figure 1). Its offsets let a reply be patched in place. */

/** Where a field of the fixed header is, in octets. */
export interface HeaderField {
  readonly offset: number;
  readonly octets: number;
}

/** THE header table: every field of a BOOTP or DHCPv4 message up to the options. */
export const HEADER4 = {
  op: { offset: 0, octets: 1 },
  htype: { offset: 1, octets: 1 },
  hlen: { offset: 2, octets: 1 },
  hops: { offset: 3, octets: 1 },
  xid: { offset: 4, octets: 4 },
  secs: { offset: 8, octets: 2 },
  flags: { offset: 10, octets: 2 },
  ciaddr: { offset: 12, octets: 4 },
  yiaddr: { offset: 16, octets: 4 },
  siaddr: { offset: 20, octets: 4 },
  giaddr: { offset: 24, octets: 4 },
  chaddr: { offset: 28, octets: 16 },
  sname: { offset: 44, octets: 64 },
  file: { offset: 108, octets: 128 },
  cookie: { offset: 236, octets: 4 },
} as const satisfies Readonly<Record<string, HeaderField>>;

/** Octets before the magic cookie: the least a message can have. */
export const HEADER4_OCTETS = 236;

/** Offset of the first option, behind the magic cookie. */
export const OPTIONS_OFFSET = 240;

/** 99.130.83.99, which says that options follow (RFC 2131 §3). */
export const MAGIC_COOKIE = 0x6382_5363;

/** Least octets of a reply: old BOOTP clients and relays drop shorter ones (RFC 951 §3: 300 octets). */
export const MINIMUM_MESSAGE_OCTETS = 300;

/** The broadcast bit of `flags` (RFC 2131 §2, figure 2). */
export const BROADCAST_FLAG = 0x8000;

/** Number fields of the header. Addresses are unsigned 32-bit numbers (192.0.2.1 is 0xc0000201). */
export interface Header4 {
  /** 1 request, 2 reply. */
  readonly op: number;
  /** Hardware type (IANA ARP), 1 for Ethernet. */
  readonly htype: number;
  /** Octets of chaddr in use, 0..16. */
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
}

/** Names of the number fields, in the order they are sent. */
export const HEADER4_NUMBERS = [
  'op',
  'htype',
  'hlen',
  'hops',
  'xid',
  'secs',
  'flags',
  'ciaddr',
  'yiaddr',
  'siaddr',
  'giaddr',
] as const satisfies readonly (keyof Header4)[];

/** Unsigned 16-bit number at an offset. The caller knows that the octets are there. */
export function readUint16(octets: Uint8Array, offset: number): number {
  return (octets[offset]! << 8) | octets[offset + 1]!;
}

/** Unsigned 32-bit number at an offset. The caller knows that the octets are there. */
export function readUint32(octets: Uint8Array, offset: number): number {
  return (
    ((octets[offset]! << 24) | (octets[offset + 1]! << 16) | (octets[offset + 2]! << 8) | octets[offset + 3]!) >>> 0
  );
}

/** Writes the low two octets of a number at an offset. */
export function writeUint16(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >>> 8;
  octets[offset + 1] = value;
}

/** Writes the low four octets of a number at an offset. */
export function writeUint32(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >>> 24;
  octets[offset + 1] = value >>> 16;
  octets[offset + 2] = value >>> 8;
  octets[offset + 3] = value;
}

/** Writes those number fields that are given and leaves the others as they are: how a template becomes a reply. */
export function writeHeader4(octets: Uint8Array, fields: Partial<Header4>): void {
  for (const name of HEADER4_NUMBERS) {
    const value = fields[name];
    if (value === undefined) continue;
    const { offset, octets: width } = HEADER4[name];
    if (width === 1) octets[offset] = value;
    else if (width === 2) writeUint16(octets, offset, value);
    else writeUint32(octets, offset, value);
  }
}
