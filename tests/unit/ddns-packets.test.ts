/** Requests for names from the packet path itself: what packets ask for, when, and with which parameters. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import type { NcrLink } from 'lessor/internal/services/ports.js';
import { breakableDisk } from '../lib/broken-disk.js';
import { ip, type LabOptions, PacketLab } from '../lib/packet-lab.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';

/** Keeps `add NAME ADDRESS` of each request. */
class Taken implements NcrLink {
  readonly list: Record<string, Json>[] = [];

  async deliver(datagrams: readonly Uint8Array[]): Promise<void> {
    for (const octets of datagrams) this.list.push(JSON.parse(Buffer.from(octets).toString('latin1', 2)));
  }

  close(): void {}

  /** What came since the last call. */
  async drain(): Promise<string[]> {
    for (let i = 0; i < 4; i++) await turn();
    const said = ({ 'change-type': type, fqdn, 'ip-address': address }: Record<string, Json>) =>
      `${type === 0 ? 'add' : 'remove'} ${fqdn} ${address}`;
    return this.list.splice(0).map(said);
  }
}

async function open(subnet: Readonly<Record<string, Json>> = {}, options: LabOptions = {}) {
  const ddns = new Taken();
  const lab = await PacketLab.open(
    {
      'dhcp-ddns': { 'enable-updates': true },
      'ddns-qualifying-suffix': 'example.org',
      'valid-lifetime': 6000,
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.110' }], ...subnet }],
    },
    { ...options, ddns },
  );
  return { lab, ddns };
}

const named = (name: string) => ({ options: { 12: [...Buffer.from(name)] } });

test('an offer asks for nothing, an ACK does, once', async () => {
  const { lab, ddns } = await open();
  await lab.ask({ ...named('a'), type: 1 });
  assert.deepEqual(await ddns.drain(), []);
  await lab.lease(named('a'));
  assert.deepEqual(await ddns.drain(), ['add a.example.org. 192.0.2.100']);
  await lab.lease(named('a'));
  assert.deepEqual(await ddns.drain(), []);
});

test('an offer that is stored asks for nothing either, and its ACK does', async () => {
  const { lab, ddns } = await open({ 'offer-lifetime': 60 });
  await lab.ask({ ...named('a'), type: 1 });
  assert.equal(lab.ledger.leases.size, 1);
  assert.deepEqual(await ddns.drain(), []);
  await lab.lease(named('a'));
  assert.deepEqual(await ddns.drain(), ['add a.example.org. 192.0.2.100']);
});

test('a client that gets another address takes its name along', async () => {
  const { lab, ddns } = await open();
  await lab.lease(named('a'));
  await ddns.drain();
  lab.configure({
    'dhcp-ddns': { 'enable-updates': true },
    'ddns-qualifying-suffix': 'example.org',
    subnet4: [
      {
        id: 1,
        subnet: '192.0.2.0/24',
        pools: [{ pool: '192.0.2.100 - 192.0.2.110' }],
        reservations: [{ 'hw-address': '02:00:00:00:00:10', 'ip-address': '192.0.2.7' }],
      },
    ],
  });
  await lab.lease(named('a'));
  assert.deepEqual(await ddns.drain(), ['remove a.example.org. 192.0.2.100', 'add a.example.org. 192.0.2.7']);
});

test('an address whose lease ran out takes the old name away before the new one comes', async () => {
  const { lab, ddns } = await open({ pools: [{ pool: '192.0.2.100 - 192.0.2.100' }] });
  await lab.lease(named('a'));
  await ddns.drain();
  lab.clock.at += 6_002_000;
  await lab.lease({ ...named('b'), mac: '02:00:00:00:00:11' });
  assert.deepEqual(await ddns.drain(), ['remove a.example.org. 192.0.2.100', 'add b.example.org. 192.0.2.100']);
});

test('a pool has parameters of its own', async () => {
  const { lab, ddns } = await open({
    'ddns-ttl-percent': 0.5,
    pools: [{ pool: '192.0.2.100 - 192.0.2.110', 'ddns-conflict-resolution-mode': 'check-exists-with-dhcid' }],
  });
  await lab.lease(named('a'));
  for (let i = 0; i < 4; i++) await turn();
  const [request] = ddns.list;
  assert.equal(request!['conflict-resolution-mode'], 'check-exists-with-dhcid');
  assert.equal(request!['use-conflict-resolution'], false);
  assert.equal(request!['lease-length'], 3000);
});

test('a lease that comes from the partner of a pair asks for nothing', async () => {
  const { lab, ddns } = await open();
  const { address } = await lab.lease(named('a')).then(() => lab.ledger.leases.getByAddress(ip('192.0.2.100'))!);
  await ddns.drain();
  const theirs = { ...lab.ledger.leases.getByAddress(address)!, address: address + 1, hostname: 'b.example.org' };
  await lab.ledger.transact((tx) => tx.put(theirs));
  await lab.ledger.transact((tx) => tx.delete(theirs.address));
  assert.deepEqual(await ddns.drain(), []);
});

test('what could not be stored is not asked for', async () => {
  const folder = scratchFolder();
  try {
    const disk = breakableDisk();
    const { lab, ddns } = await open({}, { file: { path: `${folder}/leases.csv`, ops: disk.ops } });
    disk.breakNow();
    await assert.rejects(lab.lease(named('a')), /no answer to the request/);
    assert.deepEqual(await ddns.drain(), []);
    await lab.store.close().catch(() => undefined);
  } finally {
    removeScratch(folder);
  }
});
