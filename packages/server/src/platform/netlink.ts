/**
 * Asking the kernel over netlink(7): one request, all its answers, at once. The kernel fills the answer while it takes
 * the request (or while we read, for a dump), so nothing ever waits; no privilege is needed for what is asked here.
 */

import { LessorError } from '../errors.js';
import { errnoName, errnoText, type LinuxLibc } from './linux-libc.js';

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
/** struct nlmsghdr: length, type, flags, sequence, port id. */
const HEADER_OCTETS = 16;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** The kernel's dumps come in pieces of at most 32 KiB (netlink_dump). */
const BUFFER_OCTETS = 65_536;
/** Pieces of one dump: some hundred thousand devices. */
const MAX_PIECES = 4096;
const EAGAIN = 11;
const NLA_TYPE_MASK = 0x3fff;

/** A family of netlink and what to ask of it. */
export interface NetlinkRequest {
  /** NETLINK_ROUTE, NETLINK_SOCK_DIAG. */
  readonly protocol: number;
  readonly type: number;
  /** All there are, instead of one. */
  readonly dump: boolean;
  /** What follows the header. */
  readonly payload: Buffer;
}

/** One answer: its type, and what follows its header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Buffer;
}

/** The kernel refused: EHOSTUNREACH for a packet it would not route, and so on. */
export class NetlinkRefusal extends Error {
  constructor(
    /** Name of the error number: EHOSTUNREACH. */
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

/**
 * The answers to one request.
 * @throws NetlinkRefusal with the kernel's word, LessorError socket-open if there is no netlink
 */
export function askNetlink(libc: LinuxLibc, request: NetlinkRequest): NetlinkMessage[] {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, request.protocol);
  if (fd < 0) throw systemError(libc, 'netlink socket');
  try {
    const octets = encodeRequest(request);
    if (libc.send(fd, octets, octets.length, 0) < 0) throw systemError(libc, 'netlink request');
    return readAnswers(libc, fd, request.dump);
  } finally {
    libc.close(fd);
  }
}

function readAnswers(libc: LinuxLibc, fd: number, dump: boolean): NetlinkMessage[] {
  const answers: NetlinkMessage[] = [];
  const buffer = Buffer.alloc(BUFFER_OCTETS);
  for (let piece = 0; piece < MAX_PIECES; piece++) {
    const length = libc.recv(fd, buffer, buffer.length, 0);
    if (length < 0) {
      // Nothing more is there although the end was not seen: what came is what there is.
      if (libc.errno() === EAGAIN) return answers;
      throw systemError(libc, 'netlink answer');
    }
    const { messages, done } = decodeMessages(buffer.subarray(0, length));
    answers.push(...messages);
    if (done || !dump) return answers;
  }
  return answers;
}

/** The octets of a request. */
export function encodeRequest({ type, dump, payload }: Omit<NetlinkRequest, 'protocol'>): Buffer {
  const octets = Buffer.alloc(HEADER_OCTETS + payload.length);
  octets.writeUInt32LE(octets.length, 0);
  octets.writeUInt16LE(type, 4);
  octets.writeUInt16LE(NLM_F_REQUEST | (dump ? NLM_F_DUMP : 0), 6);
  octets.set(payload, HEADER_OCTETS);
  return octets;
}

/** The messages of one read, copied, and whether a dump ends with them. @throws NetlinkRefusal */
export function decodeMessages(octets: Buffer): { readonly messages: NetlinkMessage[]; readonly done: boolean } {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_OCTETS <= octets.length; ) {
    const length = octets.readUInt32LE(at);
    if (length < HEADER_OCTETS || at + length > octets.length) break;
    const type = octets.readUInt16LE(at + 4);
    const payload = Buffer.from(octets.subarray(at + HEADER_OCTETS, at + length));
    if (type === NLMSG_DONE) return { messages, done: true };
    if (type === NLMSG_ERROR) {
      const errno = payload.length < 4 ? 0 : -payload.readInt32LE(0);
      if (errno !== 0) throw new NetlinkRefusal(errnoName(errno), errnoText(errno));
      return { messages, done: true };
    }
    messages.push({ type, payload });
    at += (length + 3) & ~3;
  }
  return { messages, done: false };
}

/** Attributes by type; a later one of the same type wins. Octets that do not fit are left out. */
export function decodeAttributes(octets: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = octets.readUInt16LE(at);
    if (length < 4 || at + length > octets.length) break;
    attributes.set(octets.readUInt16LE(at + 2) & NLA_TYPE_MASK, octets.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** One attribute, padded. */
export function encodeAttribute(type: number, value: Uint8Array): Buffer {
  const octets = Buffer.alloc((4 + value.length + 3) & ~3);
  octets.writeUInt16LE(4 + value.length, 0);
  octets.writeUInt16LE(type, 2);
  octets.set(value, 4);
  return octets;
}

/** A text attribute, without its zero octet. */
export function attributeText(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('latin1', 0, end < 0 ? value.length : end);
}

function systemError(libc: LinuxLibc, what: string): LessorError {
  return new LessorError('socket-open', `${what}: ${errnoText(libc.errno())}`);
}
