/** The packet path alone, without sockets: microseconds a four-way exchange, by batch size. `--file` flushes for real. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeMessage4 } from '@lessor/dhcp';
import { PacketLab, quad } from '../tests/lib/packet-lab.js';

const EXCHANGES = Number(process.env.EXCHANGES ?? 60_000);
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

const prl = { 55: [1, 28, 2, 3, 15, 6, 12] };
let client = 0;
for (const size of [1, 8, 64, 256]) {
  const startedAt = performance.now();
  let done = 0;
  let spent = 0;
  while (done < EXCHANGES && performance.now() - startedAt < 8000) {
    const macs = Array.from({ length: size }, () => {
      client++;
      return [2, 0, (client >>> 24) & 255, (client >>> 16) & 255, (client >>> 8) & 255, client & 255]
        .map((octet) => octet.toString(16).padStart(2, '0'))
        .join(':');
    });
    const fields = { giaddr: '10.0.0.1', source: '10.0.0.1', destination: '10.0.0.1', options: prl };
    const discovers = macs.map((mac) => lab.datagram(lab.octets({ ...fields, mac, type: 1 }), fields));
    let from = lab.sent.length;
    let at = performance.now();
    await lab.exchange.handleBatch(discovers);
    spent += performance.now() - at;
    const requests = lab.sent.slice(from).map((reply, i) => {
      const offer = decodeMessage4(reply.octets);
      const options = { ...prl, 50: [...quad(offer.yiaddr)], 54: [...offer.option(54)!] };
      return lab.datagram(lab.octets({ ...fields, mac: macs[i]!, type: 3, options }), fields);
    });
    from = lab.sent.length;
    at = performance.now();
    await lab.exchange.handleBatch(requests);
    spent += performance.now() - at;
    if (lab.sent.length - from !== size) throw new Error(`${lab.sent.length - from} of ${size} answered`);
    done += size;
    lab.sent.length = 0;
  }
  const each = (1000 * spent) / done;
  console.log(`batch ${String(size).padStart(3)}: ${each.toFixed(1)} us an exchange, ${Math.round(1e6 / each)}/s`);
}
if (folder !== undefined) rmSync(folder, { recursive: true });
