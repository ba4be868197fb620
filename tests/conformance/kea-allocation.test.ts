/** Which address a client gets: class guards, shared networks, exhaustion, expiry, affinity, identity, lifetimes. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply, TestClient } from '../lib/dhcp-client.js';
import { conformance, rule, subnet } from '../lib/lab.js';
import { OPT, option, TYPE } from '../lib/wire.js';

const vendor = (name: string) => ({ options: [option.text(OPT.vendorClassId, name)] });

conformance(
  'Class guards and shared networks',
  {
    'valid-lifetime': 3600,
    'client-classes': [
      { name: 'phones', test: "option[60].text == 'phone'", 'valid-lifetime': 600 },
      { name: 'cameras', test: "option[60].text == 'camera'" },
      { name: 'DROP', test: "option[60].text == 'unwanted'" },
    ],
    'shared-networks': [
      {
        name: 'overflow',
        relay: { 'ip-addresses': ['10.20.0.1'] },
        'option-data': [{ name: 'domain-name', data: 'shared.example.org' }],
        subnet4: [subnet(20, 2), subnet(21, 5, { 'option-data': [{ name: 'routers', data: '10.21.0.1' }] })],
      },
      {
        name: 'guarded',
        relay: { 'ip-addresses': ['10.22.0.1'] },
        subnet4: [subnet(22, 5, { 'client-class': 'phones' }), subnet(23, 5)],
      },
    ],
    subnet4: [
      {
        id: 24,
        subnet: '10.24.0.0/24',
        pools: [
          { pool: '10.24.0.10 - 10.24.0.19', 'client-class': 'phones' },
          { pool: '10.24.0.20 - 10.24.0.29', 'client-class': 'cameras' },
        ],
      },
      subnet(25, 5, { 'client-class': 'cameras' }),
    ],
  },
  (lab) => {
    rule('a pool serves only clients of its class', {}, async () => {
      const path = lab().relay('10.24.0.1');
      assert.match((await lab().client({}, path).lease(vendor('phone'))).yiaddr, /^10\.24\.0\.1\d$/);
      assert.match((await lab().client({}, path).lease(vendor('camera'))).yiaddr, /^10\.24\.0\.2\d$/);
      await lab().client({}, path).ignored(TYPE.discover, vendor('toaster'));
    });

    rule('a subnet serves only clients of its class', {}, async () => {
      const path = lab().relay('10.25.0.1');
      assert.match((await lab().client({}, path).lease(vendor('camera'))).yiaddr, /^10\.25\.0\./);
      await lab().client({}, path).ignored(TYPE.discover);
    });

    rule('a guarded subnet of a shared network is skipped', {}, async () => {
      const path = lab().relay('10.22.0.1');
      assert.match((await lab().client({}, path).lease(vendor('phone'))).yiaddr, /^10\.22\.0\./);
      assert.match((await lab().client({}, path).lease()).yiaddr, /^10\.23\.0\./);
    });

    rule('a full subnet overflows into the next of its shared network, with that subnet’s options', {}, async () => {
      const path = lab().relay('10.20.0.1');
      const options = [option.requestList(OPT.routers, OPT.domainName, OPT.subnetMask)];
      const seen: string[] = [];
      for (let n = 0; n < 7; n++) {
        const ack = await lab().client({}, path).lease({ options });
        seen.push(ack.yiaddr);
        assert.equal(ack.text(OPT.domainName), 'shared.example.org');
        const overflown = ack.yiaddr.startsWith('10.21.');
        assert.deepEqual(ack.data(OPT.routers) && ack.addresses(OPT.routers), overflown ? ['10.21.0.1'] : undefined);
      }
      assert.equal(new Set(seen).size, 7, `an address was given twice: ${seen}`);
      assert.equal(seen.filter((address) => address.startsWith('10.20.')).length, 2);
      await lab().client({}, path).ignored(TYPE.discover);
    });

    rule('a client of class DROP is not answered', {}, async () => {
      await lab().client({}, lab().relay('10.22.0.1')).ignored(TYPE.discover, vendor('unwanted'));
    });

    rule('a class sets the lifetime', {}, async () => {
      const ack = await lab().client({}, lab().relay('10.24.0.1')).lease(vendor('phone'));
      assert.equal(ack.u32(OPT.leaseTime), 600);
    });
  },
);

conformance(
  'The last address',
  {
    'valid-lifetime': 3600,
    subnet4: [
      subnet(1, 1),
      subnet(2, 1),
      subnet(3, 1, { 'valid-lifetime': 1 }),
      subnet(4, 20, { 'valid-lifetime': 1 }),
    ],
    'expired-leases-processing': {
      'reclaim-timer-wait-time': 1,
      'hold-reclaimed-time': 3600,
      'flush-reclaimed-timer-wait-time': 3600,
    },
  },
  (lab) => {
    rule('of two clients that race for it one has it and the other is refused or unanswered', {}, async () => {
      const path = lab().relay('10.1.0.7');
      const [one, two] = [lab().client({}, path), lab().client({}, path)];
      const race = (ask: (client: TestClient, index: number) => Promise<Reply | undefined>) =>
        Promise.all([one, two].map(ask));
      // Clients ask again until they are answered; of these one has to be.
      let offers: (Reply | undefined)[] = [];
      await lab().until('one of them is offered the address', async () => {
        offers = await race((client) => client.ask(TYPE.discover, {}, 400));
        return offers.some((offer) => offer !== undefined);
      });
      const options = [
        option.addresses(OPT.requestedAddress, '10.1.0.100'),
        option.addresses(OPT.serverId, (offers[0] ?? offers[1])?.serverId as string),
      ];
      let answers: (Reply | undefined)[] = [];
      await lab().until('one of them is answered', async () => {
        answers = await race(async (client, index) =>
          offers[index] ? client.ask(TYPE.request, { options }, 400) : undefined,
        );
        return answers.some((answer) => answer !== undefined);
      });
      const acks = answers.filter((answer) => answer?.type === TYPE.ack);
      assert.equal(acks.length, 1);
      const winner = answers[0]?.type === TYPE.ack ? one : two;
      assert.equal((await lab().server.lease('10.1.0.100'))?.['hw-address'], winner.mac);
    });

    rule('when it is gone, DISCOVER is not answered and counted', {}, async () => {
      const path = lab().relay('10.2.0.1');
      await lab().client({}, path).lease();
      const before = await lab().server.statistic('v4-allocation-fail');
      await lab().client({}, path).ignored(TYPE.discover);
      assert.ok((await lab().server.statistic('v4-allocation-fail')) > before);
    });

    rule('an expired address is given to somebody else if there is no other', {}, async () => {
      const path = lab().relay('10.3.0.1');
      const address = (await lab().client({}, path).lease()).yiaddr;
      await sleep(2100);
      const other = lab().client({}, path);
      assert.equal((await other.lease()).yiaddr, address);
      assert.equal((await lab().server.lease(address))?.['hw-address'], other.mac);
    });

    rule(
      'a client whose lease expired is offered the same address while others are free (lease affinity)',
      {},
      async () => {
        const path = lab().relay('10.4.0.1');
        const client = lab().client({}, path);
        const address = (await client.lease()).yiaddr;
        await sleep(2500);
        assert.notEqual((await lab().client({}, path).lease()).yiaddr, address);
        assert.equal((await client.discover()).yiaddr, address);
      },
    );
  },
);

conformance(
  'Identity (match-client-id)',
  { 'valid-lifetime': 3600, subnet4: [subnet(1, 100), subnet(2, 100, { 'match-client-id': false })] },
  (lab) => {
    rule('true: same hardware address, other client identifier, other lease', {}, async () => {
      const one = lab().client({ clientId: '01:01:01:01' });
      const two = lab().client({ mac: one.mac, clientId: '01:01:01:02' });
      assert.notEqual((await two.lease()).yiaddr, (await one.lease()).yiaddr);
    });

    rule('true: same client identifier on another card, same lease', {}, async () => {
      const one = lab().client({ clientId: '01:01:01:03' });
      const two = lab().client({ clientId: '01:01:01:03' });
      const address = (await one.lease()).yiaddr;
      assert.equal((await two.lease()).yiaddr, address);
      assert.equal((await lab().server.lease(address))?.['hw-address'], two.mac);
    });

    rule('false: the hardware address alone decides (PXE, then the system)', {}, async () => {
      const path = lab().relay('10.2.0.1');
      const pxe = lab().client({ clientId: `00${'ab'.repeat(16)}` }, path);
      const system = lab().client({ mac: pxe.mac, clientId: '01:01:01:04' }, path);
      const bare = lab().client({ mac: pxe.mac }, path);
      const address = (await pxe.lease()).yiaddr;
      assert.equal((await system.lease()).yiaddr, address);
      assert.equal((await bare.lease()).yiaddr, address);
    });

    rule('a client without an identifier keeps its lease when it later sends one', {}, async () => {
      const bare = lab().client();
      const address = (await bare.lease()).yiaddr;
      const named = lab().client({ mac: bare.mac, clientId: '01:01:01:05' });
      assert.equal((await named.lease()).yiaddr, address);
    });
  },
);

conformance(
  'Renewals without a write (cache-threshold)',
  {
    'valid-lifetime': 3600,
    'cache-threshold': 0.25,
    subnet4: [subnet(1, 100), subnet(2, 100, { 'valid-lifetime': 8 })],
  },
  (lab) => {
    rule('a renewal right after the ACK reuses the lease and gives what is left of it', {}, async () => {
      const client = lab().client();
      const began = performance.now();
      const ack = await client.lease();
      const before = await lab().server.lease(ack.yiaddr);
      await sleep(1100);
      const renewed = await client.renew(ack.yiaddr);
      const left = renewed.u32(OPT.leaseTime);
      // Of seconds begun there may be one more.
      const passed = Math.ceil((performance.now() - began) / 1000) + 1;
      assert.ok(left < 3600 && left >= 3600 - passed, `${left} s, ${passed} s later`);
      assert.equal((await lab().server.lease(ack.yiaddr))?.cltt, before?.cltt);
    });

    rule('a renewal after the threshold renews', {}, async () => {
      const client = lab().client({}, lab().relay('10.2.0.1'));
      const address = (await client.lease()).yiaddr;
      await sleep(3100);
      assert.equal((await client.renew(address)).u32(OPT.leaseTime), 8);
    });
  },
);

/** Longer than a busy machine takes to look at an offer. */
const OFFER_SEC = 6;

conformance(
  'Offers that are leases (offer-lifetime)',
  { 'valid-lifetime': 3600, 'offer-lifetime': OFFER_SEC, subnet4: [subnet(1, 1)] },
  (lab) => {
    rule('an offered address is a lease of that lifetime, and nobody else’s meanwhile', {}, async () => {
      const offer = await lab().client().discover();
      assert.equal(offer.u32(OPT.leaseTime), 3600);
      const lease = await lab().server.lease(offer.yiaddr);
      assert.equal(lease?.['valid-lft'], OFFER_SEC);
      await lab().client().ignored(TYPE.discover);
      await sleep((OFFER_SEC + 1) * 1000 + 100);
      assert.equal((await lab().client().lease()).yiaddr, offer.yiaddr);
    });
  },
  { lacks: { kea: '2.2 does not know offer-lifetime' } },
);

for (const allocator of ['random', 'flq']) {
  conformance(
    `Allocator ${allocator}`,
    { 'valid-lifetime': 3600, allocator, subnet4: [subnet(1, 20)] },
    (lab) => {
      rule('gives each address of the pool once and then none', {}, async () => {
        const seen = new Set<string>();
        for (let n = 0; n < 20; n++) seen.add((await lab().client().lease()).yiaddr);
        assert.equal(seen.size, 20);
        await lab().client().ignored(TYPE.discover);
      });
    },
    { lacks: { kea: '2.2 has only the iterative allocator' } },
  );
}
