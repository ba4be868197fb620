/**
 * Waits until a DHCP server answers and prints when: `first-answer SERVER RELAY-ADDRESS TIMEOUT-SEC`, run in the
 * client's namespace. Prints "sending" first, then the epoch milliseconds of the first OFFER.
 */

import { createSocket } from 'node:dgram';
import { encodeMessage4 } from '@lessor/dhcp';
import { parseIpv4 } from 'lessor/internal/domain/values.js';

/** A client of its own, asking often enough to tell the moment and seldom enough to be no load. */
const ASK_EVERY_MS = 10;
const [, , server, relay, timeoutSec] = process.argv;
if (server === undefined || relay === undefined) process.exit(2);

const { octets } = encodeMessage4({
  op: 1,
  htype: 1,
  hlen: 6,
  hops: 1,
  xid: 0x1e550a,
  secs: 0,
  flags: 0,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: parseIpv4(relay)!,
  chaddr: Uint8Array.of(2, 0xff, 0xff, 0xff, 0xff, 0xfe),
  options: [{ code: 53, data: Uint8Array.of(1) }],
});
const socket = createSocket('udp4');
socket.on('message', () => {
  process.stdout.write(`${Date.now()}\n`);
  process.exit(0);
});
socket.on('error', () => {});
socket.bind(67, relay, () => {
  process.stdout.write('sending\n');
  setInterval(() => socket.send(octets, 67, server), ASK_EVERY_MS);
});
setTimeout(() => process.exit(1), Number(timeoutSec ?? 60) * 1000);
