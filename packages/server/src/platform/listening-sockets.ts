/** The TCP sockets of this machine that listen, and to which device each is bound: sock_diag(7). No privilege is needed. */

import { addressOfOctets } from './ip-octets.js';
import { type LinuxLibc, linuxLibc } from './linux-libc.js';
import { askNetlink } from './netlink.js';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const TCP_LISTEN = 10;
/** struct inet_diag_req_v2 with its struct inet_diag_sockid. */
const REQUEST_OCTETS = 56;
/** struct inet_diag_msg as far as the cookie. */
const ANSWER_OCTETS = 44;

/** One listening socket. */
export interface ListeningSocket {
  /** `0.0.0.0` and `::` are all addresses. */
  readonly address: string;
  readonly port: number;
  /** Index of the device it is bound to; 0: none. */
  readonly device: number;
}

/** All of them in our network namespace. @throws LessorError socket-open, NetlinkRefusal */
export function listeningSockets(libc: LinuxLibc = linuxLibc()): ListeningSocket[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const payload = Buffer.alloc(REQUEST_OCTETS);
    payload.writeUInt8(family, 0);
    payload.writeUInt8(IPPROTO_TCP, 1);
    payload.writeUInt32LE(1 << TCP_LISTEN, 4);
    const request = { protocol: NETLINK_SOCK_DIAG, type: SOCK_DIAG_BY_FAMILY, dump: true, payload };
    return askNetlink(libc, request).flatMap((message) => decodeListening(message.payload) ?? []);
  });
}

/** One socket from the payload of an answer; undefined if it is none that listens. */
export function decodeListening(payload: Buffer): ListeningSocket | undefined {
  if (payload.length < ANSWER_OCTETS || payload.readUInt8(1) !== TCP_LISTEN) return undefined;
  const octets = payload.readUInt8(0) === AF_INET ? payload.subarray(8, 12) : payload.subarray(8, 24);
  return { address: addressOfOctets(octets), port: payload.readUInt16BE(4), device: payload.readUInt32LE(40) };
}
