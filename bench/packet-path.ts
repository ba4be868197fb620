/**
 * The packet path alone, without sockets: processor time of a four-way exchange by batch size, as the composition root
 * wires it (expiry, statistics). `--file` keeps a lease file and flushes for real; then the time on the clock counts too.
 *
 *   node build/bench/packet-path.js [--file]          EXCHANGES=60000 exchanges for each batch size
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Exchange4 } from 'lessor/internal/services/exchange4.js';
import { LeaseStatistics } from 'lessor/internal/services/lease-statistics.js';
import type { Datagram } from 'lessor/internal/services/ports.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { PacketLab, quad } from '../tests/lib/packet-lab.js';

const EXCHANGES = Number(process.env.EXCHANGES ?? 60_000);
/** Clients between two readings of the clock: reading it must not count. */
const CLIENTS_PER_READING = 4096;
const BATCH_SIZES = [1, 8, 64, 128];
/** Where fields are in a message. */
const YIADDR_AT = 16;
/** Where the value of option 53, the first option of a reply, is. */
const TYPE_AT = 242;
const OFFER = 2;
const CHADDR_AT = 28;

const folder = process.argv.includes('--file') ? mkdtempSync(join(tmpdir(), 'lessor-bench-')) : undefined;
const lab = await PacketLab.open(
  {
    'valid-lifetime': 3600,
    'option-data': [
      { name: 'routers', data: '10.0.0.1' },
      { name: 'domain-name-servers', data: '10.0.0.2, 10.0.0.3' },
      { name: 'domain-name', data: 'example.org' },
    ],
    subnet4: [{ id: 1, subnet: '10.0.0.0/8', pools: [{ pool: '10.0.1.0-10.255.255.254' }] }],
  },
  folder === undefined ? {} : { file: { path: join(folder, 'leases.csv') } },
);
const { ledger, addresses, offers, statistics, serviceSwitch, clock, logger } = lab;
const leaseStatistics = new LeaseStatistics(statistics, clock);
leaseStatistics.rebuild(lab.exchange.config.snapshot, ledger.leases);
ledger.observe(leaseStatistics.changed);
new Sweeper({ ledger, clock, logger, cleanup: async () => undefined });

/** Addresses offered in the batch under way, and the answers of all kinds so far. */
let offered: number[] = [];
let answers = 0;
const exchange = new Exchange4(
  {
    ...{ ledger, addresses, offers, statistics, serviceSwitch, clock, logger },
    isOwnAddress: (address) => address === lab.interface.address,
    send: (replies) => {
      answers += replies.length;
      for (const { octets } of replies) {
        if (octets[TYPE_AT] === OFFER) offered.push((octets as Buffer).readUInt32BE(YIADDR_AT));
      }
    },
    serverPort: 67,
    clientPort: 68,
  },
  lab.exchange.config,
);

/** What perfdhcp's clients send, through a relay. */
const relayed = { giaddr: '10.0.0.1', source: '10.0.0.1', destination: '10.0.0.1' };
const asked = { 55: [1, 28, 2, 3, 15, 6, 12], 61: [1, 2, 0, 0, 0, 0, 0] };
const server = [...quad(lab.interface.address)];
const DISCOVER = lab.octets({ ...relayed, type: 1, options: asked });
const REQUEST = lab.octets({ ...relayed, type: 3, options: { ...asked, 50: [0, 0, 0, 0], 54: server } });

/** Where the value of an option begins. */
function valueAt(octets: Buffer, code: number): number {
  let at = 240;
  while (octets[at] !== code) at += 2 + octets[at + 1]!;
  return at + 2;
}

/** The message as this client sends it: its number is in the transaction id and the identifiers. */
function sentBy(client: number, message: Buffer): Datagram {
  const octets = Buffer.from(message);
  for (const at of [4, CHADDR_AT + 2, valueAt(octets, 61) + 3]) octets.writeUInt32BE(client, at);
  return lab.datagram(octets, relayed);
}

const REQUESTED_AT = valueAt(REQUEST, 50);

/** Batches of `size` messages as a load brings them: REQUESTs for what the batch before offered, and as many DISCOVERs. */
function makeBatches(clients: readonly number[], size: number): Datagram[][] {
  const share = Math.max(1, size >> 1);
  const batches: Datagram[][] = [];
  for (let at = 0; at < clients.length; at += share) {
    const discovers = clients.slice(at, at + share).map((client) => sentBy(client, DISCOVER));
    const requests = clients.slice(at, at + share).map((client) => sentBy(client, REQUEST));
    if (size === 1) batches.push(discovers, requests);
    else {
      const last = batches.at(-1);
      if (last === undefined) batches.push(discovers);
      else last.push(...discovers);
      batches.push(requests);
    }
  }
  return batches;
}

/** Time used, in microseconds. */
interface Spent {
  cpu: number;
  wall: number;
}

async function handle(batches: readonly Datagram[][], spent: Spent): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const wallBefore = performance.now();
  let expected = 0;
  answers = 0;
  for (const batch of batches) {
    for (let i = 0; i < offered.length; i++) batch[i]!.octets.writeUInt32BE(offered[i]!, REQUESTED_AT);
    offered = [];
    expected += batch.length;
    const handled = exchange.handleBatch(batch);
    if (handled !== undefined) await handled;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  spent.cpu += user + system;
  spent.wall += 1000 * (performance.now() - wallBefore);
  if (answers !== expected) throw new Error(`${answers} of ${expected} answered`);
}

let client = 0;
async function exchanges(count: number, size: number): Promise<Spent> {
  const spent: Spent = { cpu: 0, wall: 0 };
  for (let done = 0; done < count; done += CLIENTS_PER_READING) {
    const clients = Array.from({ length: CLIENTS_PER_READING }, () => client++);
    await handle(makeBatches(clients, size), spent);
    clock.at += 100;
  }
  return spent;
}

await exchanges(EXCHANGES / 2, 32);
for (const size of BATCH_SIZES) {
  // With a flush for each client the disk would be measured for minutes.
  const count = folder === undefined || size > 1 ? EXCHANGES : EXCHANGES / 10;
  const { cpu, wall } = await exchanges(count, size);
  const each = (us: number): string => (us / (Math.ceil(count / CLIENTS_PER_READING) * CLIENTS_PER_READING)).toFixed(1);
  console.log(`batch ${String(size).padStart(3)}: ${each(cpu)} us of processor an exchange, ${each(wall)} us in all`);
}
if (folder !== undefined) rmSync(folder, { recursive: true });
