/** The few octets of DHCPv4 that simulated clients need: written and read without a codec, which would cost most of a run. */

import type { Ipv4 } from 'lessor/internal/domain/values.js';

/** Message types (RFC 2132 §9.6). */
export const TYPE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7 } as const;

/** What a client says. */
export interface Question {
  readonly type: number;
  readonly xid: number;
  readonly secs: number;
  /** Number of the client, which makes its hardware address. */
  readonly client: number;
  readonly ciaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** Option 50; 0: none. */
  readonly wish: Ipv4;
  /** Option 54; 0: none. */
  readonly server: Ipv4;
}

/** What a client understands of a reply. */
export interface Understood {
  readonly type: number;
  readonly xid: number;
  readonly client: number;
  readonly yiaddr: Ipv4;
  readonly server: Ipv4;
  readonly leaseSec: number;
}

/** The hardware address of a client as leases have it. */
export function hwAddressOf(client: number): string {
  return String.fromCharCode(2, 0x51, 0, 0, client >> 8, client & 255);
}

/** The number of the client that has this hardware address; undefined if none has. */
export function clientOfHwAddress(hwAddress: string): number | undefined {
  if (hwAddress.length !== 6 || hwAddress.charCodeAt(1) !== 0x51) return undefined;
  return hwAddress.charCodeAt(4) * 256 + hwAddress.charCodeAt(5);
}

/** The octets of a request (RFC 2131 §2). */
export function encodeQuestion(question: Question): Buffer {
  const octets = Buffer.alloc(300);
  octets[0] = 1;
  octets[1] = 1;
  octets[2] = 6;
  octets.writeUInt32BE(question.xid, 4);
  octets.writeUInt16BE(Math.min(65_535, question.secs), 8);
  octets.writeUInt32BE(question.ciaddr, 12);
  octets.writeUInt32BE(question.giaddr, 24);
  octets.set([2, 0x51, 0, 0, question.client >> 8, question.client & 255], 28);
  octets.writeUInt32BE(0x63825363, 236);
  let at = 240;
  octets[at++] = 53;
  octets[at++] = 1;
  octets[at++] = question.type;
  for (const [code, value] of [
    [50, question.wish],
    [54, question.server],
  ] as const) {
    if (value === 0) continue;
    octets[at++] = code;
    octets[at++] = 4;
    at = octets.writeUInt32BE(value, at);
  }
  octets[at] = 255;
  return octets;
}

/** The inverse, for a reply. */
export function understand(reply: Uint8Array): Understood {
  const octets = Buffer.from(reply.buffer, reply.byteOffset, reply.length);
  let [type, server, leaseSec] = [0, 0, 0];
  for (let at = 240; at < octets.length && octets[at] !== 255; ) {
    const code = octets[at]!;
    if (code === 0) {
      at++;
      continue;
    }
    if (code === 53) type = octets[at + 2]!;
    else if (code === 54) server = octets.readUInt32BE(at + 2);
    else if (code === 51) leaseSec = octets.readUInt32BE(at + 2);
    at += 2 + octets[at + 1]!;
  }
  return {
    type,
    xid: octets.readUInt32BE(4),
    client: octets[32]! * 256 + octets[33]!,
    yiaddr: octets.readUInt32BE(16),
    server,
    leaseSec,
  };
}
