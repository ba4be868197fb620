/** RFC 2131 §4.3.1: DHCPDISCOVER, and what a DHCPOFFER must contain. */

import assert from 'node:assert/strict';
import { conformance, rule, SERVER, subnet } from '../lib/lab.js';
import { BROADCAST_MAC, OPT, option, TYPE } from '../lib/wire.js';

const config = {
  'valid-lifetime': 3600,
  'min-valid-lifetime': 1200,
  'max-valid-lifetime': 7200,
  'renew-timer': 900,
  'rebind-timer': 1800,
  'option-data': [
    { name: 'domain-name-servers', data: '10.1.0.53, 10.1.0.54' },
    { name: 'domain-name', data: 'example.org' },
  ],
  subnet4: [
    subnet(1, 100, {
      'option-data': [
        { name: 'routers', data: '10.1.0.254' },
        { name: 'ntp-servers', data: '10.1.0.123' },
      ],
    }),
    subnet(2, 100),
  ],
};

conformance('RFC 2131 §4.3.1 DISCOVER', config, (lab) => {
  rule('an offer has an address of the pool and the fields of table 3', {}, async () => {
    const client = lab().client();
    const offer = await client.discover({ secs: 7 });
    assert.match(offer.yiaddr, /^10\.1\.0\.1\d\d$/);
    assert.equal(offer.message.op, 2);
    assert.equal(offer.message.htype, 1);
    assert.equal(offer.message.hlen, 6);
    assert.equal(offer.message.hops, 0);
    assert.equal(offer.message.secs, 0);
    assert.equal(offer.message.ciaddr, '0.0.0.0');
    assert.equal(offer.message.giaddr, '0.0.0.0');
    assert.equal(offer.message.chaddr, client.mac);
    assert.equal(offer.serverId, SERVER);
  });

  rule('the lease time is the configured one if the client asks for none', {}, async () => {
    const offer = await lab().client().discover();
    assert.equal(offer.u32(OPT.leaseTime), 3600);
    assert.equal(offer.u32(OPT.renewalTime), 900);
    assert.equal(offer.u32(OPT.rebindingTime), 1800);
  });

  for (const [asked, given] of [
    [60, 1200],
    [1200, 1200],
    [5000, 5000],
    [100_000, 7200],
    [0xffffffff, 7200],
  ] as const) {
    rule(`a client that asks for ${asked} s gets ${given} s`, {}, async () => {
      const offer = await lab()
        .client()
        .discover({ options: [option.u32(OPT.leaseTime, asked)] });
      assert.equal(offer.u32(OPT.leaseTime), given);
    });
  }

  rule('options of the parameter request list are returned, the subnet mask before the routers', {}, async () => {
    const offer = await lab()
      .client()
      .discover({ options: [option.requestList(OPT.routers, OPT.subnetMask, OPT.dnsServers)] });
    assert.deepEqual(offer.addresses(OPT.subnetMask), ['255.255.255.0']);
    assert.deepEqual(offer.addresses(OPT.routers), ['10.1.0.254']);
    assert.deepEqual(offer.addresses(OPT.dnsServers), ['10.1.0.53', '10.1.0.54']);
    const codes = offer.codes();
    assert.ok(codes.indexOf(OPT.subnetMask) < codes.indexOf(OPT.routers), `order: ${codes}`);
  });

  rule(
    'options come in the order of the parameter request list (RFC 2132 §9.8)',
    { kea: 'orders options by code' },
    async () => {
      const offer = await lab()
        .client()
        .discover({ options: [option.requestList(OPT.subnetMask, OPT.domainName, OPT.dnsServers, OPT.routers)] });
      const wanted = new Set<number>([OPT.domainName, OPT.dnsServers, OPT.routers]);
      const order = offer.codes().filter((code) => wanted.has(code));
      assert.deepEqual(order, [OPT.domainName, OPT.dnsServers, OPT.routers]);
    },
  );

  rule('an option nobody asked for is not sent', {}, async () => {
    const offer = await lab()
      .client()
      .discover({ options: [option.requestList(OPT.subnetMask)] });
    assert.equal(offer.data(OPT.ntpServers), undefined);
  });

  rule('the requested address is offered if it is free', {}, async () => {
    const client = lab().client();
    const wanted = '10.1.0.177';
    const offer = await client.discover({ options: [option.addresses(OPT.requestedAddress, wanted)] });
    assert.equal(offer.yiaddr, wanted);
  });

  rule('a requested address outside every pool is not offered', {}, async () => {
    const client = lab().client();
    const offer = await client.discover({ options: [option.addresses(OPT.requestedAddress, '10.1.0.20')] });
    assert.match(offer.yiaddr, /^10\.1\.0\.1\d\d$/);
  });

  rule('a requested address somebody else has is not offered', {}, async () => {
    const holder = await lab().client().lease();
    const offer = await lab()
      .client()
      .discover({ options: [option.addresses(OPT.requestedAddress, holder.yiaddr)] });
    assert.notEqual(offer.yiaddr, holder.yiaddr);
  });

  rule('a client with a lease is offered its address again, whatever it asks for', {}, async () => {
    const client = lab().client();
    const first = await client.lease();
    const again = await client.discover();
    assert.equal(again.yiaddr, first.yiaddr);
  });

  rule('a client that released its address is offered it again', { kea: '2.2 deletes a released lease' }, async () => {
    const client = lab().client();
    const first = await client.lease();
    client.release(first.yiaddr);
    await lab().untilFree(first.yiaddr);
    assert.equal((await client.discover()).yiaddr, first.yiaddr);
  });

  rule(
    'an address is not offered to a second client right after it was offered to a first',
    { kea: 'does not remember offers' },
    async () => {
      const wanted = option.addresses(OPT.requestedAddress, '10.1.0.188');
      const first = await lab()
        .client()
        .discover({ options: [wanted] });
      const second = await lab()
        .client()
        .discover({ options: [wanted] });
      assert.equal(first.yiaddr, '10.1.0.188');
      assert.notEqual(second.yiaddr, first.yiaddr);
    },
  );

  rule('an offer makes no lease', {}, async () => {
    const offer = await lab().client().discover();
    assert.equal(await lab().server.lease(offer.yiaddr), undefined);
  });

  rule('without the broadcast flag the offer goes to the hardware address (§4.1)', {}, async () => {
    const client = lab().client();
    const offer = await client.discover();
    assert.equal(offer.frame.destinationMac, client.mac);
    assert.equal(offer.frame.destination, offer.yiaddr);
    assert.equal(offer.frame.destinationPort, 68);
    assert.equal(offer.frame.source, SERVER);
    assert.equal(offer.frame.sourcePort, 67);
  });

  rule('with the broadcast flag the offer is broadcast, and the flag returned (§4.1)', {}, async () => {
    const offer = await lab().client().discover({ flags: 0x8000 });
    assert.equal(offer.frame.destination, '255.255.255.255');
    assert.equal(offer.message.flags, 0x8000);
  });

  rule('a broadcast is one on the link, too', { kea: 'addresses the frame to the client' }, async () => {
    const offer = await lab().client().discover({ flags: 0x8000 });
    assert.equal(offer.frame.destinationMac, BROADCAST_MAC);
  });

  rule('a relayed offer goes to the relay, port 67, with giaddr, flags and hops as they came (§4.1)', {}, async () => {
    const path = lab().relay('10.2.0.1');
    const client = lab().client({}, path);
    const offer = await client.discover({ flags: 0x8000 });
    assert.match(offer.yiaddr, /^10\.2\.0\.1\d\d$/);
    assert.equal(offer.frame.destination, '10.2.0.1');
    assert.equal(offer.frame.destinationMac, path.relay?.mac);
    assert.equal(offer.frame.destinationPort, 67);
    assert.equal(offer.message.giaddr, '10.2.0.1');
    assert.equal(offer.message.flags, 0x8000);
    assert.equal(offer.serverId, SERVER);
  });

  rule('a client of a subnet without configuration is not answered', {}, async () => {
    const client = lab().client({}, lab().relay('10.77.0.1'));
    await client.ignored(TYPE.discover);
  });

  rule('a server identifier in a DISCOVER that is not ours is not for us', {}, async () => {
    const client = lab().client();
    await client.ignored(TYPE.discover, { options: [option.addresses(OPT.serverId, '10.1.0.2')] });
  });
});
