/** Replies that do not fit: option overload (RFC 2132 §9.3), and how long a reply may be at all. */

import type { Message4, OptionOctets } from '@lessor/dhcp';
import { encodeMessage4 } from '@lessor/dhcp';
import { At, Code, DEFAULT_MAX_OCTETS, IP_UDP_OCTETS, LARGEST_REPLY_OCTETS, REPLY_OP } from './layout.js';
import type { Template } from './template.js';

/** How long a reply may be. */
export interface Limit {
  /** Octets up to which no trick is needed. */
  readonly octets: number;
  /** Octets beyond which options are left out. */
  readonly lastOctets: number;
}

/**
 * What the client takes. One that names a size (option 57) is held to it. One that names none must take 576 octets of IP
 * datagram and mostly takes a frame: overload is tried for it, but no option is dropped for what it did not say.
 */
export function limitOf(message: Message4): Limit {
  const named = message.number(Code.maximumMessageSize);
  if (named === undefined) return UNNAMED_LIMIT;
  const octets = Math.min(Math.max(named - IP_UDP_OCTETS, DEFAULT_MAX_OCTETS), LARGEST_REPLY_OCTETS);
  return { octets, lastOctets: octets };
}

const UNNAMED_LIMIT: Limit = { octets: DEFAULT_MAX_OCTETS, lastOctets: LARGEST_REPLY_OCTETS };

/**
 * The slow way to encode the reply whose fixed part and patched fields are in `target`: overload, then leaving options out
 * from the end.
 */
export function encodeOverloaded(
  target: Buffer,
  template: Template,
  own: readonly OptionOctets[],
  limit: Limit,
): { readonly octets: Uint8Array; readonly omitted: readonly number[] } {
  const options = [...template.options, ...own].map((option) => patched(option, target, template));
  const message = {
    op: REPLY_OP,
    htype: target[1]!,
    hlen: target[2]!,
    hops: target[At.hops]!,
    xid: target.readUInt32BE(At.xid),
    secs: 0,
    flags: target.readUInt16BE(At.flags),
    ciaddr: target.readUInt32BE(At.ciaddr),
    yiaddr: target.readUInt32BE(At.yiaddr),
    siaddr: target.readUInt32BE(20),
    giaddr: target.readUInt32BE(At.giaddr),
    chaddr: Uint8Array.from(target.subarray(At.chaddr, At.sname)),
    sname: usedField(target.subarray(At.sname, At.file)),
    file: usedField(target.subarray(At.file, At.cookie)),
    options,
  };
  const tight = encodeMessage4(message, limit.octets);
  return tight.omitted.length > 0 && limit.lastOctets > limit.octets
    ? encodeMessage4(message, limit.lastOctets)
    : tight;
}

/** A copy of a boot field; empty if it is unused, so that options may go there. */
function usedField(field: Buffer): Uint8Array {
  return field[0] === 0 ? new Uint8Array(0) : Uint8Array.from(field);
}

/** The server identifier, lease time and timers of this very reply are in `target` already. */
function patched(option: OptionOctets, target: Buffer, template: Template): OptionOctets {
  const at = patchedAt(option.code, template);
  return at > 0 ? { code: option.code, data: Uint8Array.from(target.subarray(at, at + 4)) } : option;
}

function patchedAt(code: number, template: Template): number {
  switch (code) {
    case Code.serverId:
      return template.serverIdAt;
    case Code.leaseTime:
      return template.leaseTimeAt;
    case Code.renewal:
      return template.renewalAt;
    case Code.rebinding:
      return template.rebindingAt;
    default:
      return -1;
  }
}
