/**
 * DHCPv4 messages in Ethernet frames, for tests that look at the wire.
 *
 * Deliberately not built on @lessor/dhcp: a mistake in that codec must not cancel itself out, and the tests need
 * things no honest encoder does (options in any order, split where they please, malformed areas). Addresses are
 * dotted text and hardware addresses colon text, as an operator would read them in a capture.
 */

/** One option as it stands on the wire; `data` may exceed 255 octets, then it is split when encoded (RFC 3396). */
export type WireOption = readonly [code: number, data: Buffer];

/** The fields of a DHCPv4 message (RFC 2131 §2). */
export interface WireMessage {
  op: number;
  htype: number;
  hlen: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: string;
  yiaddr: string;
  siaddr: string;
  giaddr: string;
  /** Colon text of `hlen` octets. */
  chaddr: string;
  sname: Buffer;
  file: Buffer;
  /** In wire order; of a decoded message: each fragment by itself, first those of the option area, then file, sname. */
  options: WireOption[];
}

/** A UDP datagram in an Ethernet frame. */
export interface WireFrame {
  sourceMac: string;
  destinationMac: string;
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  payload: Buffer;
}

const COOKIE = Buffer.from([0x63, 0x82, 0x53, 0x63]);
/** Ethernet broadcast. */
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';
/** Option codes the tests use (IANA "BOOTP Vendor Extensions and DHCP Options"). */
export const OPT = {
  subnetMask: 1,
  routers: 3,
  dnsServers: 6,
  hostName: 12,
  domainName: 15,
  ntpServers: 42,
  vendorEncapsulated: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterRequestList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClassId: 60,
  clientId: 61,
  tftpServerName: 66,
  bootFileName: 67,
  userClass: 77,
  clientFqdn: 81,
  agentInformation: 82,
  clientArchitecture: 93,
  clientNetworkInterface: 94,
  clientMachineId: 97,
  ipv6OnlyPreferred: 108,
  subnetSelection: 118,
  domainSearch: 119,
  classlessRoutes: 121,
  vivco: 124,
  vivso: 125,
} as const;

/** DHCP message types (RFC 2132 §9.6). */
export const TYPE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;

/** Four octets of a dotted address. */
export function addressOctets(dotted: string): Buffer {
  return Buffer.from(dotted.split('.').map(Number));
}

/** Dotted text of the four octets at `offset`. */
export function dotted(octets: Buffer, offset = 0): string {
  return Array.from(octets.subarray(offset, offset + 4)).join('.');
}

/** Octets of colon text. */
export function macOctets(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

/** Colon text of octets. */
export function colons(octets: Buffer): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** The address `n` after `dotted` (10.0.0.255 + 1 = 10.0.1.0). */
export function addressPlus(base: string, n: number): string {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE((addressOctets(base).readUInt32BE(0) + n) >>> 0);
  return dotted(octets);
}

/** Options from the values tests think in. */
export const option = {
  type: (type: number): WireOption => [OPT.messageType, Buffer.from([type])],
  u8: (code: number, value: number): WireOption => [code, Buffer.from([value])],
  u16: (code: number, value: number): WireOption => [code, Buffer.from([value >> 8, value & 255])],
  u32: (code: number, value: number): WireOption => {
    const data = Buffer.alloc(4);
    data.writeUInt32BE(value);
    return [code, data];
  },
  addresses: (code: number, ...values: string[]): WireOption => [code, Buffer.concat(values.map(addressOctets))],
  text: (code: number, value: string): WireOption => [code, Buffer.from(value, 'latin1')],
  hex: (code: number, value: string): WireOption => [code, Buffer.from(value.replaceAll(/[: ]/g, ''), 'hex')],
  requestList: (...codes: number[]): WireOption => [OPT.parameterRequestList, Buffer.from(codes)],
  /** Sub-options in one option, as in 43, 82 and behind an enterprise number in 125. */
  nested: (code: number, ...inner: WireOption[]): WireOption => [code, encodeOptions(inner)],
};

/** Octets of options without end or padding; data over 255 octets is split (RFC 3396). */
export function encodeOptions(options: readonly WireOption[]): Buffer {
  const parts: Buffer[] = [];
  for (const [code, data] of options) {
    for (let at = 0; at === 0 || at < data.length; at += 255) {
      const piece = data.subarray(at, at + 255);
      parts.push(Buffer.from([code, piece.length]), piece);
    }
  }
  return Buffer.concat(parts);
}

/** Options of an area, in wire order, fragments apart; stops at the end option or where the area is cut short. */
export function decodeOptions(area: Buffer): WireOption[] {
  const options: WireOption[] = [];
  let at = 0;
  while (at < area.length && area[at] !== 255) {
    const code = area[at] as number;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = area[at + 1];
    if (length === undefined || at + 2 + length > area.length) throw new Error(`option ${code} overruns its area`);
    options.push([code, area.subarray(at + 2, at + 2 + length)]);
    at += 2 + length;
  }
  return options;
}

/** Octets of a message: header, cookie, options, end, padded to the 300 octets BOOTP asks for. */
export function encodeMessage(message: WireMessage): Buffer {
  const header = Buffer.alloc(236);
  header[0] = message.op;
  header[1] = message.htype;
  header[2] = message.hlen;
  header[3] = message.hops;
  header.writeUInt32BE(message.xid, 4);
  header.writeUInt16BE(message.secs, 8);
  header.writeUInt16BE(message.flags, 10);
  addressOctets(message.ciaddr).copy(header, 12);
  addressOctets(message.yiaddr).copy(header, 16);
  addressOctets(message.siaddr).copy(header, 20);
  addressOctets(message.giaddr).copy(header, 24);
  macOctets(message.chaddr).copy(header, 28, 0, 16);
  message.sname.copy(header, 44, 0, 64);
  message.file.copy(header, 108, 0, 128);
  const octets = Buffer.concat([header, COOKIE, encodeOptions(message.options), Buffer.from([255])]);
  return octets.length >= 300 ? octets : Buffer.concat([octets, Buffer.alloc(300 - octets.length)]);
}

/** The message in a datagram. @throws Error on anything a client should not have to understand. */
export function decodeMessage(octets: Buffer): WireMessage {
  if (octets.length < 240) throw new Error(`${octets.length} octets are no DHCP message`);
  if (!octets.subarray(236, 240).equals(COOKIE)) throw new Error('no magic cookie');
  const sname = octets.subarray(44, 108);
  const file = octets.subarray(108, 236);
  const options = decodeOptions(octets.subarray(240));
  const overload = options.find(([code]) => code === OPT.overload)?.[1][0] ?? 0;
  if (overload & 1) options.push(...decodeOptions(file));
  if (overload & 2) options.push(...decodeOptions(sname));
  const hlen = octets[2] as number;
  return {
    op: octets[0] as number,
    htype: octets[1] as number,
    hlen,
    hops: octets[3] as number,
    xid: octets.readUInt32BE(4),
    secs: octets.readUInt16BE(8),
    flags: octets.readUInt16BE(10),
    ciaddr: dotted(octets, 12),
    yiaddr: dotted(octets, 16),
    siaddr: dotted(octets, 20),
    giaddr: dotted(octets, 24),
    chaddr: colons(octets.subarray(28, 28 + Math.min(hlen, 16))),
    sname,
    file,
    options,
  };
}

/** The data of an option, fragments joined (RFC 3396), or undefined. */
export function optionData(options: readonly WireOption[], code: number): Buffer | undefined {
  const pieces = options.filter(([each]) => each === code).map(([, data]) => data);
  return pieces.length === 0 ? undefined : Buffer.concat(pieces);
}

function sum16(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < octets.length; at += 2) sum += octets.readUInt16BE(at);
  if (octets.length % 2 === 1) sum += (octets[octets.length - 1] as number) << 8;
  return sum;
}

function checksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** Ethernet, IPv4 and UDP around a payload. */
export function encodeFrame(frame: WireFrame): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(frame.sourcePort, 0);
  udp.writeUInt16BE(frame.destinationPort, 2);
  udp.writeUInt16BE(8 + frame.payload.length, 4);
  const addresses = Buffer.concat([addressOctets(frame.source), addressOctets(frame.destination)]);
  const pseudo = sum16(addresses) + 17 + 8 + frame.payload.length;
  udp.writeUInt16BE(checksum(pseudo + sum16(udp) + sum16(frame.payload)) || 0xffff, 6);
  const ip = Buffer.from([0x45, 0x10, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0]);
  ip.writeUInt16BE(28 + frame.payload.length, 2);
  ip.writeUInt16BE(checksum(sum16(ip) + sum16(addresses)), 10);
  const ethernet = Buffer.concat([macOctets(frame.destinationMac), macOctets(frame.sourceMac), Buffer.from([8, 0])]);
  return Buffer.concat([ethernet, ip, addresses, udp, frame.payload]);
}

/** The UDP datagram in an Ethernet frame that holds one. */
export function decodeFrame(octets: Buffer): WireFrame {
  const ip = octets.subarray(14);
  const udp = ip.subarray(((ip[0] as number) & 15) * 4);
  return {
    destinationMac: colons(octets.subarray(0, 6)),
    sourceMac: colons(octets.subarray(6, 12)),
    source: dotted(ip, 12),
    destination: dotted(ip, 16),
    sourcePort: udp.readUInt16BE(0),
    destinationPort: udp.readUInt16BE(2),
    payload: udp.subarray(8, udp.readUInt16BE(4)),
  };
}
