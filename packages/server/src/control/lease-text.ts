/**
 * The text of a lease as Kea writes it, octet by octet into a page: `formatJson(leaseToJson(lease))` without the strings
 * and objects in between, which costs a seventh of it and leaves nothing to collect.
 */

import { formatJson } from '@lessor/kea';
import { readUserContext } from '../domain/lease-json.js';
import type { LeaseView } from '../domain/lease-view.js';
import { PAGE_OCTETS, type TextPages } from './text-pages.js';

const octetsOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const CLIENT_ID = octetsOf('{ "client-id": "');
const AFTER_CLIENT_ID = octetsOf('", "cltt": ');
const NO_CLIENT_ID = octetsOf('{ "cltt": ');
/** From the flags to the beginning of the hostname, by flags: 1 forward, 2 reverse. */
const FLAGS = [0, 1, 2, 3].map((bits) =>
  octetsOf(`, "fqdn-fwd": ${(bits & 1) !== 0}, "fqdn-rev": ${(bits & 2) !== 0}, "hostname": `),
);
const HW_ADDRESS = octetsOf(', "hw-address": "');
const IP_ADDRESS = octetsOf('", "ip-address": "');
const CLOSE_IP_ADDRESS = octetsOf('"');
const POOL_ID = octetsOf(', "pool-id": ');
const STATE = octetsOf(', "state": ');
const SUBNET_ID = octetsOf(', "subnet-id": ');
const USER_CONTEXT = ', "user-context": ';
const VALID_LIFETIME = octetsOf(', "valid-lft": ');
const END = octetsOf(' }');

const HEX = octetsOf('0123456789abcdef');
const QUOTE = 0x22;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;

/** More than the text of a lease needs without its identifiers, hostname and user context. */
const FIXED_OCTETS = 320;
/** Hostnames longer than this, which no client can send, are written as strings. */
const LONGEST_PLAIN_HOSTNAME = 255;

/** Appends a lease. */
export function writeLease(text: TextPages, lease: LeaseView): void {
  const { hwAddressAt, clientIdAt, hostnameAt, hostnameEnd, contextAt, contextEnd, octets } = lease;
  text.room(Math.min(PAGE_OCTETS, FIXED_OCTETS + 3 * (hostnameAt - hwAddressAt) + LONGEST_PLAIN_HOSTNAME + 2));
  let { page, at } = text;
  if (clientIdAt === hostnameAt) at = put(page, at, NO_CLIENT_ID);
  else {
    at = put(page, at, CLIENT_ID);
    at = putHex(page, at, octets, clientIdAt, hostnameAt);
    at = put(page, at, AFTER_CLIENT_ID);
  }
  at = putNumber(page, at, lease.clttSec);
  at = put(page, at, FLAGS[(lease.fqdnFwd ? 1 : 0) | (lease.fqdnRev ? 2 : 0)]!);
  if (isPlain(octets, hostnameAt, hostnameEnd)) {
    page[at++] = QUOTE;
    for (let from = hostnameAt; from < hostnameEnd; from++) page[at++] = octets[from]!;
    page[at++] = QUOTE;
  } else {
    text.at = at;
    text.write(formatJson(octets.toString('latin1', hostnameAt, hostnameEnd)));
    text.room(FIXED_OCTETS + 3 * (hostnameAt - hwAddressAt));
    ({ page, at } = text);
  }
  at = put(page, at, HW_ADDRESS);
  at = putHex(page, at, octets, hwAddressAt, clientIdAt);
  at = put(page, at, IP_ADDRESS);
  at = putAddress(page, at, lease.address);
  at = put(page, at, CLOSE_IP_ADDRESS);
  if (lease.poolId !== 0) at = putNumber(page, put(page, at, POOL_ID), lease.poolId);
  at = putNumber(page, put(page, at, STATE), lease.state);
  at = putNumber(page, put(page, at, SUBNET_ID), lease.subnetId);
  if (contextAt !== contextEnd) {
    text.at = at;
    text.write(USER_CONTEXT + formatJson(readUserContext(octets.toString('latin1', contextAt, contextEnd))));
    text.room(FIXED_OCTETS);
    ({ page, at } = text);
  }
  at = putNumber(page, put(page, at, VALID_LIFETIME), lease.validLifetimeSec);
  text.at = put(page, at, END);
}

function put(page: Buffer, at: number, piece: Uint8Array): number {
  for (let i = 0; i < piece.length; i++) page[at + i] = piece[i]!;
  return at + piece.length;
}

/** Octets in hexadecimal with colons between them. */
function putHex(page: Buffer, start: number, octets: Buffer, from: number, to: number): number {
  let at = start;
  for (let i = from; i < to; i++) {
    const octet = octets[i]!;
    if (i > from) page[at++] = COLON;
    page[at++] = HEX[octet >> 4]!;
    page[at++] = HEX[octet & 15]!;
  }
  return at;
}

function putNumber(page: Buffer, at: number, value: number): number {
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits++;
  let left = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = Math.floor(left / 10);
    page[i] = ZERO + left - rest * 10;
    left = rest;
  }
  return at + digits;
}

function putAddress(page: Buffer, start: number, address: number): number {
  let at = putNumber(page, start, address >>> 24);
  page[at] = DOT;
  at = putNumber(page, at + 1, (address >>> 16) & 255);
  page[at] = DOT;
  at = putNumber(page, at + 1, (address >>> 8) & 255);
  page[at] = DOT;
  return putNumber(page, at + 1, address & 255);
}

/** True for what Kea writes as it is (formatJson escapes the rest) and is not too long for a page. */
function isPlain(octets: Buffer, from: number, to: number): boolean {
  if (to - from > LONGEST_PLAIN_HOSTNAME) return false;
  for (let i = from; i < to; i++) {
    const octet = octets[i]!;
    if (octet < 0x20 || octet > 0x7e || octet === QUOTE || octet === 0x5c) return false;
  }
  return true;
}
