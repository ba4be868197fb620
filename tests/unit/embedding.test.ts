/** docs/embedding.md says how to have a server in a test: this is that test. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decodeMessage4, encodeMessage4, type Message4 } from '@lessor/dhcp';
import { ConfigError, createServer } from 'lessor';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { freeUdpPort } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';

const PORT = await freeUdpPort();
const SUBNET = { id: 1, subnet: '192.0.2.0/24', interface: 'lo', pools: [{ pool: '192.0.2.10 - 192.0.2.20' }] };
const folder = mkdtempSync(join(tmpdir(), 'lessor-embedding-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Sends one message from a client with this hardware address and waits for the answer. */
async function ask(mac: number, type: number, options: Record<number, Uint8Array> = {}): Promise<Message4> {
  const socket = createSocket('udp4');
  const zero = {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 7,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
  };
  const all = { 53: Uint8Array.of(type), ...options };
  const { octets } = encodeMessage4({
    ...zero,
    chaddr: Uint8Array.of(2, 0, 0, 0, 0, mac),
    options: Object.entries(all).map(([code, data]) => ({ code: Number(code), data })),
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.once('message', (answer) => resolve(decodeMessage4(answer)));
      socket.once('error', reject);
      socket.send(octets, PORT, '127.0.0.1');
    });
  } finally {
    socket.close();
  }
}

async function getLease(mac: number): Promise<number> {
  const offer = await ask(mac, 1);
  const ack = await ask(mac, 3, { 50: addressOctets(offer.yiaddr), 54: offer.option(54)! });
  assert.equal(ack.messageType, 5);
  return ack.yiaddr;
}

const addressOctets = (address: number): Uint8Array => Uint8Array.from(formatIpv4(address).split('.').map(Number));

describe('an embedded server', () => {
  it('gives leases from memory and leaves nothing behind', async () => {
    const server = await createServer({ config: { subnet4: [SUBNET] }, port: PORT });
    try {
      assert.deepEqual(server.address, { address: '127.0.0.1', port: PORT });
      assert.deepEqual(server.leases(), []);
      const address = await getLease(1);
      const [lease, ...more] = server.leases();
      assert.deepEqual(more, []);
      assert.equal(lease?.['ip-address'], formatIpv4(address));
      assert.equal(lease?.['hw-address'], '02:00:00:00:00:01');
    } finally {
      await server.stop();
    }
  });

  it('keeps leases in dataDir over a restart', async () => {
    const options = { config: { subnet4: [SUBNET] }, port: PORT, dataDir: join(folder, 'data') };
    const first = await createServer(options);
    const address = await getLease(2).finally(() => first.stop());
    const second = await createServer(options);
    try {
      assert.deepEqual(
        second.leases().map((lease) => lease['ip-address']),
        [formatIpv4(address)],
      );
    } finally {
      await second.stop();
    }
  });

  it('tells its logger what it does', async () => {
    const ids: string[] = [];
    const logger = { enabled: () => true, log: (_: string, id: string) => void ids.push(id), child: () => logger };
    const server = await createServer({ config: { subnet4: [SUBNET] }, port: PORT, logger });
    await getLease(3).finally(() => server.stop());
    assert.ok(ids.includes('DHCP4_STARTED') && ids.includes('DHCP4_LEASE_ALLOC'), ids.join(' '));
  });

  it('refuses a wrong configuration with everything that is wrong', async () => {
    const config = { 'valid-lifetime': 'soon', subnet4: [{ id: 1, subnet: 'nowhere' }] };
    await assert.rejects(createServer({ config, port: PORT }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.issues.length, 2, error.message);
      return true;
    });
  });

  it('is documented by what these tests do', () => {
    const page = readFileSync(repoPath('docs', 'embedding.md'), 'utf8');
    for (const word of ['createServer', 'dataDir', 'inMemory', 'leases()', 'stop()'])
      assert.ok(page.includes(word), word);
  });
});
