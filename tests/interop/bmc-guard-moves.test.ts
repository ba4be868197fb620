/**
 * Rules of the guard of BMC networks that take time, on the real packet path: a client that goes to and fro between two
 * networks (R5), one that goes by the name of another (R6), and a BMC that sits alone on a network of hosts (R8).
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GuardLab } from '../lib/guard-lab.js';
import { skipUnless } from '../lib/peers.js';

/** Stays are counted in whole seconds: longer than one of these is at least one. */
const STAY_MS = 1100;

/** How long a BMC may be alone (R8): longer than a lease takes on a busy machine, so that the first one is never that. */
const IDLE_AFTER_SEC = 8;

describe('the guard of BMC networks, over time', { skip: skipUnless('udhcpc') }, () => {
  let lab: GuardLab;

  before(async () => {
    lab = new GuardLab({
      'user-context': {
        lessor: {
          'bmc-guard': {
            policies: { R5: 'alert', R6: 'deny', R8: 'alert' },
            // What R8 sees is information: 30 of 100.
            thresholds: { alert: 30 },
            'alternation-minimum': 1,
            'idle-after': IDLE_AFTER_SEC,
          },
        },
      },
    });
    await lab.server.start();
  });

  after(async () => {
    await lab?.close();
  });

  it('R5: a client goes to and fro between two networks', async () => {
    const mac = '02:61:00:00:05:01';
    const bmc = lab.machine(lab.management, mac);
    lab.hosts.plug(bmc, 'eth1');
    const at = async (here: string, there: string): Promise<void> => {
      bmc.ip(`link set ${there} down`);
      lab.setMac(bmc, here, mac);
      await lab.lease(bmc, ['-V', ''], here);
      await sleep(STAY_MS);
    };
    await at('eth0', 'eth1');
    await at('eth1', 'eth0');
    assert.deepEqual(await lab.rulesOf(mac), [], 'once is a move');
    await at('eth0', 'eth1');
    const { evidence, text } = await lab.alarm(mac, 'R5');
    assert.match(`${text} ${evidence.map((one) => one.text).join(' ')}`, /61.*62|62.*61/);
  });

  it('R6: the name of another; under "deny" it gets no offer, while others do', async () => {
    const mac = '02:62:00:00:06:01';
    const clone = lab.machine(lab.hosts, mac);
    await assert.rejects(
      lab.lease(clone, ['-t', '2', '-x', 'hostname:IMM2-0262000006FF']),
      /1 !== 0/,
      'udhcpc gives up',
    );
    const { evidence, action } = await lab.alarm(mac, 'R6');
    assert.equal(action, 'deny');
    assert.match(evidence[0]!.text, /"IMM2-0262000006FF" holds 02:62:00:00:06:ff, the client is 02:62:00:00:06:01/);
    await lab.lease(lab.machine(lab.hosts, '02:62:00:00:06:ff'), ['-x', 'hostname:IMM2-0262000006FF']);
    assert.deepEqual(await lab.rulesOf('02:62:00:00:06:ff'), []);
  });

  it('R8: a BMC holds an address of a network of hosts, and no host is beside it', async () => {
    const mac = '02:62:00:00:08:01';
    const bmc = lab.machine(lab.hosts, mac);
    await lab.lease(bmc, ['-V', 'iDRAC']);
    assert.deepEqual(await lab.rulesOf(mac), []);
    await sleep(IDLE_AFTER_SEC * 1000);
    await lab.lease(bmc, ['-V', 'iDRAC']);
    const { evidence } = await lab.alarm(mac, 'R8');
    assert.match(evidence[0]!.text, /in subnet 62 for \d+ s, and no host beside it/);
  });
});
