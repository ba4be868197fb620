/**
 * Processor time of OMAPI requests in the server: lookups and creations, signed with hmac-sha256, many under way on one
 * connection. The client is in the same process and looks at nothing but the ends of answers, so little of the time is its own.
 *
 *   node build/bench/omapi-path.js [ROUNDS]          HOSTS=100000 hosts that are there before
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Authenticator,
  type Entry,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  encodeUint32,
  omapiMessage,
  openRequest,
  type Request,
  StreamDecoder,
  wireName,
} from '@lessor/omapi';
import { formatIpv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { startServer } from 'lessor/internal/main.js';
import type { Logger } from 'lessor/internal/services/ports.js';
import { AnswerScanner } from './lib/omapi-scan.js';

const ROUNDS = Number(process.argv[2] ?? 12);
const HOSTS = Number(process.env.HOSTS ?? 0);
/** Requests of a round, and how many of them are under way. */
const REQUESTS = 4096;
const UNDER_WAY = 64;
const STARTUP_OCTETS = 8;
const FIRST_LEASE = parseIpv4('10.1.0.0')!;
const FIRST_MADE = parseIpv4('10.64.0.0')!;
const FIRST_THERE = parseIpv4('10.128.0.0')!;
const SECRET = { name: 'bench', algorithm: 'hmac-sha256', secret: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' };
const key = new Authenticator(SECRET);

/** Six octets of a hardware address, as a configuration has them. */
function macOf(first: number, number: number): string {
  const hex = first.toString(16).padStart(2, '0') + number.toString(16).padStart(10, '0');
  return hex.match(/../g)!.join(':');
}

const folder = mkdtempSync(join(tmpdir(), 'lessor-bench-'));
const config = {
  'interfaces-config': { interfaces: [] },
  'lease-database': { type: 'memfile', persist: true, name: 'leases.csv', 'lfc-interval': 0 },
  subnet4: [
    {
      id: 1,
      subnet: '10.0.0.0/8',
      pools: [{ pool: '10.1.0.0 - 10.1.255.255' }],
      reservations: Array.from({ length: HOSTS }, (_, i) => ({
        'hw-address': macOf(6, i),
        'ip-address': formatIpv4(FIRST_THERE + i),
      })),
    },
  ],
  'user-context': { lessor: { omapi: { listeners: [{ address: '127.0.0.1', port: 0 }], keys: [SECRET] } } },
};
const file = join(folder, 'dhcp4.conf');
writeFileSync(file, JSON.stringify({ Dhcp4: config }, undefined, 1));
const expires = Math.floor(Date.now() / 1000) + 7200;
const rows = Array.from(
  { length: REQUESTS },
  (_, i) => `${formatIpv4(FIRST_LEASE + i)},${macOf(2, i)},01:${macOf(2, i)},7200,${expires},1,0,0,,0,,0`,
);
const names =
  'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id';
writeFileSync(join(folder, 'leases.csv'), [names, ...rows, ''].join('\n'));
const quiet: Logger = { log: () => undefined, enabled: () => false, child: () => quiet };
const server = await startServer({
  config: { kind: 'file', path: file },
  variables: { KEA_DHCP_DATA_DIR: folder, KEA_CONTROL_SOCKET_DIR: folder },
  logger: quiet,
});
const port = Number(/:(\d+)$/.exec(server.listening.find((text) => text.startsWith('omapi '))!)![1]);

const socket = connect({ host: '127.0.0.1', port, noDelay: true });
let left = 0;
let done: () => void = () => undefined;
const scanner = new AnswerScanner();
let last: Buffer = Buffer.alloc(0);
const first = await new Promise<Buffer>((resolve) => {
  socket.once('data', resolve);
  socket.write(encodeStartup());
});
const decoder = new StreamDecoder();
decoder.push(first.subarray(0, STARTUP_OCTETS));
socket.on('data', (chunk: Buffer) => {
  scanner.push(chunk, (octets) => {
    if (octets[11] !== 3) throw new Error('an answer without an object');
    if (--left > 0) return;
    last = Buffer.from(octets);
    done();
  });
});

/** Sends octets and waits for so many answers. */
function ask(octets: Uint8Array, answers: number): Promise<void> {
  left = answers;
  return new Promise((resolve) => {
    done = resolve;
    socket.write(octets);
  });
}

const opening: readonly Entry[] = [
  ['name', Buffer.from(key.name)],
  ['algorithm', Buffer.from(wireName(key.algorithm))],
];
await ask(encodeMessage(omapiMessage({ ...openRequest('authenticator', opening), tid: 1 })), 1);
decoder.push(last);
const authid = decoder.next()!.message.handle;

let made = 0;
const KINDS: Readonly<Record<string, (index: number) => Request>> = {
  lookup: (index) => openRequest('lease', [['ip-address', encodeUint32(FIRST_LEASE + index)]]),
  create: () => {
    const number = made++;
    const entries: Entry[] = [
      ['name', Buffer.from(`host-${number}`)],
      ['hardware-address', Buffer.from(macOf(4, number).replaceAll(':', ''), 'hex')],
      ['hardware-type', encodeUint32(1)],
      ['ip-address', encodeUint32(FIRST_MADE + number)],
      ['statements', Buffer.from('filename "pxelinux.0"; next-server 10.0.0.9;')],
    ];
    return openRequest('host', entries, { create: true, exclusive: true });
  },
};

/** Microseconds of processor for one request of a round. */
async function round(request: (index: number) => Request): Promise<number> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < REQUESTS; at += UNDER_WAY) {
    const messages = Array.from({ length: UNDER_WAY }, (_, i) =>
      encodeSigned(omapiMessage({ ...request(at + i), tid: at + i + 1, authid }), key),
    );
    pieces.push(Buffer.concat(messages));
  }
  const before = process.cpuUsage();
  for (const piece of pieces) await ask(piece, UNDER_WAY);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REQUESTS;
}

for (const [kind, request] of Object.entries(KINDS)) {
  const figures: number[] = [];
  for (let i = 0; i < ROUNDS; i++) figures.push(await round(request));
  const sorted = figures.toSorted((a, b) => a - b);
  const text = `at best ${sorted[0]!.toFixed(1)}, median ${sorted[ROUNDS >> 1]!.toFixed(1)}, first ${figures[0]!.toFixed(1)}`;
  console.log(`${kind}: ${text} µs of processor`);
}
socket.destroy();
await server.stop();
rmSync(folder, { recursive: true });
