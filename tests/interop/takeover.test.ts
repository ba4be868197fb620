/**
 * Takeover and return: one kea-dhcp4.conf and one lease file under Kea 2.2, then under the subject, then under Kea
 * again. Nothing is converted; every client keeps its address and no address is given to somebody else.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { TestClient } from '../lib/dhcp-client.js';
import { Lab } from '../lib/lab.js';
import { skipUnless } from '../lib/peers.js';
import type { Server } from '../lib/server.js';
import { hook, SUBJECTS, subject } from '../lib/subject.js';
import { OPT, option, TYPE } from '../lib/wire.js';

const dhcp4 = {
  'valid-lifetime': 3600,
  authoritative: true,
  'store-extended-info': true,
  'decline-probation-period': 3600,
  'hooks-libraries': [hook('bootp')],
  reservations: [],
  subnet4: [
    {
      id: 1,
      subnet: '10.1.0.0/24',
      pools: [{ pool: '10.1.0.100 - 10.1.0.250' }],
      reservations: [{ 'hw-address': '02:33:00:00:00:01', 'ip-address': '10.1.0.10', hostname: 'reserved' }],
    },
    { id: 2, subnet: '10.2.0.0/24', pools: [{ pool: '10.2.0.100 - 10.2.0.250' }] },
  ],
};

const skip = subject.skipReason() || skipUnless('kea-dhcp4', 'python3');

/** The columns of a lease row that must survive both takeovers. */
const LASTING = ['ip-address', 'hw-address', 'client-id', 'subnet-id', 'hostname', 'fqdn-fwd', 'fqdn-rev', 'state'];

describe(`Takeover: Kea, then ${subject.name}, then Kea`, { skip }, () => {
  let lab: Lab;
  let other: Server;
  const holders: { client: TestClient; address: string; type: number }[] = [];
  let declined = '';
  let released = '';

  before(async () => {
    lab = await Lab.open(dhcp4, { subject: SUBJECTS.kea });
    // The same folder, the same configuration file (with `control-socket`, as Kea 2.2 wants it), another program.
    other = lab.another({ subject, folder: lab.server.folder });
  });
  after(async () => {
    await other?.close();
    await lab?.close();
  });

  async function lasting(server: Server): Promise<string[]> {
    const leases = (await server.leases()).filter((lease) => lease.state === 0);
    return leases.map((lease) => JSON.stringify(LASTING.map((column) => lease[column] ?? null))).sort();
  }

  /** New clients of every kind, as many as there are kinds. */
  async function arrive(): Promise<void> {
    const relayed = lab.relay('10.2.0.1', [option.text(1, 'slot 1, port 2'), option.hex(2, '00 2c 22')]);
    const arrivals: [TestClient, ReturnType<typeof option.text>[]][] = [
      [lab.client(), []],
      [lab.client({ clientId: `01:${lab.client().mac}` }), []],
      [lab.client({ clientId: Buffer.from(`a, "b" ${holders.length}`) }), [option.text(OPT.hostName, 'comma,quote"')]],
      [lab.client({}, relayed), [option.text(OPT.hostName, 'relayed.example.org')]],
      [lab.client({ clientId: `ff:00:00:00:01:${lab.client().mac}` }, relayed), []],
    ];
    if (holders.length === 0) arrivals.push([lab.client({ mac: '02:33:00:00:00:01' }), []]);
    for (const [client, options] of arrivals) {
      holders.push({ client, address: (await client.lease({ options })).yiaddr, type: TYPE.request });
    }
    const old = lab.client();
    holders.push({ client: old, address: (await old.exchange(0, 0)).yiaddr, type: 0 });
  }

  /** Every client comes back, in each way a client can. */
  async function comeBack(): Promise<void> {
    for (const [index, { client, address, type }] of holders.entries()) {
      if (type === 0) {
        assert.equal((await client.exchange(0, 0)).yiaddr, address);
      } else if (index % 3 === 0) {
        assert.equal((await client.renew(address)).yiaddr, address);
      } else if (index % 3 === 1) {
        const ack = await client.exchange(TYPE.request, TYPE.ack, client.rebooting(address));
        assert.equal(ack.yiaddr, address);
      } else {
        assert.equal((await client.lease()).yiaddr, address);
      }
    }
  }

  async function newcomersGetOther(): Promise<void> {
    const held = new Set([declined, ...holders.map(({ address }) => address)]);
    for (const wish of [declined, holders[0]?.address as string]) {
      const newcomer = lab.client();
      const offer = await newcomer.discover({ options: [option.addresses(OPT.requestedAddress, wish)] });
      assert.ok(!held.has(offer.yiaddr), `${offer.yiaddr} is somebody's`);
    }
  }

  test('clients of every kind get leases from Kea', async () => {
    await arrive();
    await arrive();
    const unlucky = lab.client();
    declined = (await unlucky.lease()).yiaddr;
    unlucky.decline(declined);
    await lab.until('it is declined', async () => (await lab.server.lease(declined))?.state === 1);
    const leaving = lab.client();
    released = (await leaving.lease()).yiaddr;
    leaving.release(released);
    await lab.untilFree(released);
  });

  for (const turn of ['first', 'second'] as const) {
    test(`${turn} takeover from Kea: every lease is there, every client keeps its address`, async () => {
      const before = await lasting(lab.server);
      await (turn === 'first' ? lab.server.stop() : lab.server.kill());
      await other.start();
      assert.deepEqual(await lasting(other), before);
      assert.equal((await other.lease(declined))?.state, 1);
      if (turn === 'first') assert.notEqual((await other.lease(released))?.state, 0);
      await comeBack();
      await newcomersGetOther();
      await arrive();
    });

    test(`${turn} return to Kea: every lease is there, every client keeps its address`, async () => {
      const before = await lasting(other);
      await (turn === 'first' ? other.stop() : other.kill());
      await lab.server.start();
      assert.deepEqual(await lasting(lab.server), before);
      assert.equal((await lab.server.lease(declined))?.state, 1);
      await comeBack();
      await newcomersGetOther();
      await arrive();
    });
  }

  test('neither complained of the file of the other', () => {
    const complaints = readFileSync(lab.server.logFile, 'utf8')
      .split('\n')
      .filter((line) => /LEASE_FILE.*(FAIL|ERROR)|ROW_ERROR|SANITY|corrupt/i.test(line));
    assert.deepEqual(complaints, []);
  });
});
