/** Lifetimes and timers (RFC 2131 §4.4.5, RFC 2132 §9.11, §9.12), and what a change of the rules does to leases. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { conformance, rule, subnet } from '../lib/lab.js';
import { OPT, option, TYPE } from '../lib/wire.js';

const FOREVER = 0xffffffff;

/** A lifetime that a test can wait for, and in which a busy machine can look at the lease. */
const BRIEF_SEC = 5;

const config = {
  'valid-lifetime': 4000,
  'client-classes': [
    {
      name: 'short',
      test: "option[60].text == 'short'",
      'valid-lifetime': 500,
      'min-valid-lifetime': 400,
      'max-valid-lifetime': 600,
    },
  ],
  subnet4: [
    subnet(1, 100, { 'calculate-tee-times': true }),
    subnet(2, 100, { 'calculate-tee-times': true, 't1-percent': 0.25, 't2-percent': 0.75 }),
    subnet(3, 100),
    subnet(4, 100, { 'valid-lifetime': FOREVER }),
    subnet(5, 100, { 'renew-timer': 5000, 'rebind-timer': 6000 }),
    subnet(6, 100, { 'renew-timer': 1000 }),
    subnet(7, 1, { 'valid-lifetime': BRIEF_SEC }),
  ],
};

conformance('Lifetimes and timers', config, (lab) => {
  const lease = (n: number, options: ReturnType<typeof option.text>[] = []) =>
    lab()
      .client({}, n === 1 ? lab().direct : lab().relay(`10.${n}.0.1`))
      .lease({ options });

  rule('calculate-tee-times: T1 is half of the lifetime, T2 seven eighths', {}, async () => {
    const ack = await lease(1);
    assert.equal(ack.u32(OPT.leaseTime), 4000);
    assert.equal(ack.u32(OPT.renewalTime), 2000);
    assert.equal(ack.u32(OPT.rebindingTime), 3500);
  });

  rule('calculate-tee-times with shares of its own', {}, async () => {
    const ack = await lease(2);
    assert.equal(ack.u32(OPT.renewalTime), 1000);
    assert.equal(ack.u32(OPT.rebindingTime), 3000);
  });

  rule('without timers none is sent', {}, async () => {
    const ack = await lease(3);
    assert.equal(ack.data(OPT.renewalTime), undefined);
    assert.equal(ack.data(OPT.rebindingTime), undefined);
  });

  rule('timers that do not come before the end of the lease are not sent', {}, async () => {
    const ack = await lease(5);
    assert.equal(ack.data(OPT.renewalTime), undefined);
    assert.equal(ack.data(OPT.rebindingTime), undefined);
  });

  rule('T1 alone is sent alone', {}, async () => {
    const ack = await lease(6);
    assert.equal(ack.u32(OPT.renewalTime), 1000);
    assert.equal(ack.data(OPT.rebindingTime), undefined);
  });

  rule('an infinite lease', {}, async () => {
    const ack = await lease(4);
    assert.equal(ack.u32(OPT.leaseTime), FOREVER);
    assert.equal((await lab().server.lease(ack.yiaddr))?.['valid-lft'], FOREVER);
  });

  for (const [asked, given] of [
    [undefined, 500],
    [100, 400],
    [550, 550],
    [9999, 600],
  ] as const) {
    rule(`a class with lifetimes: a client that asks for ${asked ?? 'none'} gets ${given} s`, {}, async () => {
      const wish = asked === undefined ? [] : [option.u32(OPT.leaseTime, asked)];
      const ack = await lease(3, [option.text(OPT.vendorClassId, 'short'), ...wish]);
      assert.equal(ack.u32(OPT.leaseTime), given);
    });
  }

  rule('a lease that expired and that nobody took since is renewed', {}, async () => {
    const client = lab().client({}, lab().relay('10.7.0.1'));
    const address = (await client.lease()).yiaddr;
    await sleep((BRIEF_SEC + 1) * 1000 + 100);
    const ack = await client.exchange(TYPE.request, TYPE.ack, { ciaddr: address });
    assert.equal(ack.yiaddr, address);
    assert.equal((await lab().server.lease(address))?.state, 0);
  });
});

/** One subnet; clients of class `staff` only, if guarded. */
const rules = (guarded: boolean, first = 100) => ({
  'valid-lifetime': 4000,
  authoritative: true,
  'client-classes': [{ name: 'staff', test: "option[60].text == 'staff'" }],
  subnet4: [
    {
      id: 1,
      subnet: '10.1.0.0/24',
      pools: [{ pool: `10.1.0.${first} - 10.1.0.199` }],
      ...(guarded && { 'client-class': 'staff' }),
    },
  ],
});

conformance('Rules that change under a lease', rules(false), (lab) => {
  rule('a lease outside the pools of the new configuration is not renewed, its client gets another', {}, async () => {
    await lab().server.reconfigure(rules(false));
    const client = lab().client();
    const wish = { options: [option.addresses(OPT.requestedAddress, '10.1.0.110')] };
    const address = (await client.select(await client.discover(wish))).yiaddr;
    assert.equal(address, '10.1.0.110');
    await lab().server.reconfigure(rules(false, 150));
    const offer = await client.discover();
    assert.match(offer.yiaddr, /^10\.1\.0\.1[5-9]\d$/);
  });

  rule('a client that no longer passes the guard of its subnet gets nothing', {}, async () => {
    await lab().server.reconfigure(rules(false));
    const client = lab().client();
    await client.lease();
    await lab().server.reconfigure(rules(true));
    await client.ignored(TYPE.discover);
    const staff = { options: [option.text(OPT.vendorClassId, 'staff')] };
    await client.lease(staff);
  });

  rule('dhcp-disable: nobody is answered until dhcp-enable', {}, async () => {
    await lab().server.reconfigure(rules(false));
    await lab().server.must('dhcp-disable');
    const client = lab().client();
    await client.ignored(TYPE.discover);
    await lab().server.must('dhcp-enable');
    await client.lease();
  });

  rule('dhcp-disable with max-period ends by itself', {}, async () => {
    await lab().server.must('dhcp-disable', { 'max-period': 5 });
    const client = lab().client();
    await client.ignored(TYPE.discover);
    await sleep(5000);
    await client.lease();
  });
});
