/** Limits by class and subnet (libdhcp_limits) in a running server: over a restart, and switched on and off while it runs. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Lab, subnet } from '../lib/lab.js';
import { skipUnless } from '../lib/peers.js';
import { type Dhcp4, readLeaseFile } from '../lib/server.js';
import { hook } from '../lib/subject.js';
import { option, TYPE } from '../lib/wire.js';

const limits = (of: Record<string, unknown>) => ({ 'user-context': { limits: of } });
const phones = { name: 'phones', test: "option[60].text == 'phone'" };

const withLimits: Dhcp4 = {
  'hooks-libraries': [hook('limits')],
  'client-classes': [{ ...phones, ...limits({ 'address-limit': 2 }) }],
  subnet4: [subnet(1, 50), subnet(2, 50, limits({ 'rate-limit': '4 packets per hour', 'address-limit': 40 }))],
};
const without: Dhcp4 = { 'client-classes': [phones], subnet4: [subnet(1, 50), subnet(2, 50)] };

describe('Limits', { skip: skipUnless('python3') }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open(withLimits);
  });
  after(() => lab?.close());

  const phone = { options: [option.text(60, 'phone')] };
  const refused = (): Promise<void> => lab.client().ignored(TYPE.discover, phone);

  test('a class has as many leases as it may, also after a restart', async () => {
    const [one, two] = [lab.client(), lab.client()];
    const { yiaddr } = await one.lease(phone);
    await two.lease(phone);
    await refused();
    await lab.client().lease();
    const [row] = [readLeaseFile(lab.server.leaseFile).get(yiaddr)];
    assert.match(row?.user_context ?? '', /client-classes.*phones/);
    await lab.server.stop();
    await lab.server.start();
    await refused();
    await one.renew(yiaddr, phone);
    one.release(yiaddr);
    await lab.untilFree(yiaddr);
    await lab.client().lease(phone);
    await refused();
  });

  test('a subnet has as many packets as it may, and others are not held up', async () => {
    const behind = lab.relay('10.2.0.1');
    await lab.client({}, behind).lease();
    await lab.client({}, behind).lease();
    await lab.client({}, behind).ignored(TYPE.discover);
    assert.equal(await lab.server.statistic('pkt4-limit-exceeded'), 1);
    await lab.client().lease();
  });

  test('limits come and go with the configuration', async () => {
    await lab.server.reconfigure(without);
    await lab.client().lease(phone);
    await lab.client({}, lab.relay('10.2.0.1')).lease();
    await lab.server.reconfigure(withLimits);
    await refused();
    const updated = { ...phones, ...limits({ 'address-limit': 3 }) };
    await lab.server.reconfigure({ ...withLimits, 'client-classes': [updated] });
    // The phone of the time without limits has a lease that says of no class.
    await lab.client().lease(phone);
    await refused();
  });
});
