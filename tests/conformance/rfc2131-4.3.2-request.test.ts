/** RFC 2131 §4.3.2: DHCPREQUEST in the four states a client can be in, and DHCPNAK. */

import assert from 'node:assert/strict';
import type { Reply } from '../lib/dhcp-client.js';
import { conformance, rule, SERVER, SERVER_ALIAS, subnet } from '../lib/lab.js';
import { BROADCAST_MAC, OPT, option, TYPE } from '../lib/wire.js';

const config = {
  'valid-lifetime': 3600,
  'renew-timer': 900,
  'rebind-timer': 1800,
  subnet4: [
    subnet(1, 100, { authoritative: true }),
    subnet(2, 100, { authoritative: true }),
    subnet(3, 100, { authoritative: false }),
  ],
};

/** RFC 2131 table 3, column DHCPNAK. */
function assertBareNak(nak: Reply): void {
  assert.equal(nak.message.ciaddr, '0.0.0.0');
  assert.equal(nak.yiaddr, '0.0.0.0');
  assert.equal(nak.message.siaddr, '0.0.0.0');
  assert.equal(nak.serverId, SERVER);
  for (const code of [OPT.leaseTime, OPT.renewalTime, OPT.rebindingTime, OPT.subnetMask, OPT.routers]) {
    assert.equal(nak.data(code), undefined, `option ${code} in a NAK`);
  }
}

conformance('RFC 2131 §4.3.2 REQUEST', config, (lab) => {
  rule('SELECTING: the offered address is acknowledged and its lease recorded', {}, async () => {
    const client = lab().client({ clientId: '01:aa:bb:01' });
    const offer = await client.discover();
    const ack = await client.select(offer, { options: [option.text(OPT.hostName, 'alpha')] });
    assert.equal(ack.yiaddr, offer.yiaddr);
    assert.equal(ack.u32(OPT.leaseTime), 3600);
    assert.equal(ack.u32(OPT.renewalTime), 900);
    assert.equal(ack.u32(OPT.rebindingTime), 1800);
    const lease = await lab().server.lease(ack.yiaddr);
    assert.equal(lease?.['hw-address'], client.mac);
    assert.equal(lease?.['client-id'], '01:aa:bb:01');
    assert.equal(lease?.['valid-lft'], 3600);
    assert.equal(lease?.['subnet-id'], 1);
    assert.equal(lease?.state, 0);
    assert.equal(lease?.hostname, 'alpha');
  });

  rule('SELECTING: a request for another server is left to that server', {}, async () => {
    const client = lab().client();
    const offer = await client.discover();
    const options = [option.addresses(OPT.requestedAddress, offer.yiaddr), option.addresses(OPT.serverId, '10.1.0.2')];
    await client.ignored(TYPE.request, { options });
    assert.equal(await lab().server.lease(offer.yiaddr), undefined);
  });

  rule('SELECTING: any address of ours serves as server identifier', {}, async () => {
    const client = lab().client();
    const offer = await client.discover();
    const options = [
      option.addresses(OPT.requestedAddress, offer.yiaddr),
      option.addresses(OPT.serverId, SERVER_ALIAS),
    ];
    const ack = await client.exchange(TYPE.request, TYPE.ack, { options });
    assert.equal(ack.yiaddr, offer.yiaddr);
  });

  rule('SELECTING: an address somebody else has meanwhile is refused', {}, async () => {
    const holder = await lab().client().lease();
    const late = lab().client();
    const options = [option.addresses(OPT.requestedAddress, holder.yiaddr), option.addresses(OPT.serverId, SERVER)];
    assertBareNak(await late.exchange(TYPE.request, TYPE.nak, { options }));
    assert.notEqual((await lab().server.lease(holder.yiaddr))?.['hw-address'], late.mac);
  });

  rule(
    'SELECTING: an address of another subnet is refused',
    { kea: 'drops requests for an address of no pool' },
    async () => {
      const options = [option.addresses(OPT.requestedAddress, '10.99.0.5'), option.addresses(OPT.serverId, SERVER)];
      assertBareNak(await lab().client().exchange(TYPE.request, TYPE.nak, { options }));
    },
  );

  rule('SELECTING repeated: the ACK that was lost is sent again', {}, async () => {
    const client = lab().client();
    const offer = await client.discover();
    const first = await client.select(offer);
    const second = await client.select(offer);
    assert.equal(second.yiaddr, first.yiaddr);
    assert.equal(second.u32(OPT.leaseTime), 3600);
  });

  rule('INIT-REBOOT: a client we know gets its address', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    const ack = await client.exchange(TYPE.request, TYPE.ack, client.rebooting(address));
    assert.equal(ack.yiaddr, address);
    assert.equal(ack.u32(OPT.leaseTime), 3600);
  });

  rule('INIT-REBOOT: a client we know that asks for a wrong address is refused', {}, async () => {
    const client = lab().client();
    await client.lease();
    assertBareNak(await client.exchange(TYPE.request, TYPE.nak, client.rebooting('10.1.0.20')));
  });

  rule('INIT-REBOOT: a client that moved to another network is refused (authoritative)', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    const moved = client.on(lab().relay('10.2.0.1'));
    await moved.exchange(TYPE.request, TYPE.nak, client.rebooting(address));
  });

  rule('INIT-REBOOT: an address of a foreign network is refused where we are authoritative', {}, async () => {
    const client = lab().client();
    assertBareNak(await client.exchange(TYPE.request, TYPE.nak, client.rebooting('192.168.77.3')));
  });

  rule('INIT-REBOOT: a client we do not know is refused where we are authoritative', {}, async () => {
    const client = lab().client();
    await client.exchange(TYPE.request, TYPE.nak, client.rebooting('10.1.0.150'));
  });

  rule('INIT-REBOOT: a client we do not know is not answered where we are not', {}, async () => {
    const client = lab().client({}, lab().relay('10.3.0.1'));
    await client.ignored(TYPE.request, client.rebooting('10.3.0.150'));
  });

  rule('INIT-REBOOT: an address of a foreign network is not answered where we are not authoritative', {}, async () => {
    const client = lab().client({}, lab().relay('10.3.0.1'));
    await client.ignored(TYPE.request, client.rebooting('192.168.77.3'));
  });

  rule('RENEWING: unicast, extends the lease, answered by unicast to ciaddr', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    const before = (await lab().server.lease(address))?.cltt as number;
    const ack = await client.renew(address);
    assert.equal(ack.yiaddr, address);
    assert.equal(ack.message.ciaddr, address);
    assert.equal(ack.u32(OPT.leaseTime), 3600);
    assert.equal(ack.frame.destination, address);
    assert.equal(ack.frame.destinationMac, client.mac);
    assert.equal(ack.frame.destinationPort, 68);
    assert.ok(((await lab().server.lease(address))?.cltt as number) >= before);
  });

  rule('RENEWING: a client behind a relay renews directly, from its own subnet', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const address = (await client.lease()).yiaddr;
    const ack = await client.renew(address);
    assert.equal(ack.yiaddr, address);
    assert.equal((await lab().server.lease(address))?.['subnet-id'], 2);
  });

  rule('RENEWING: an address that belongs to somebody else is refused', {}, async () => {
    const holder = await lab().client().lease();
    const thief = lab().client();
    lab().link.haveAddress(holder.yiaddr, thief.mac);
    await thief.exchange(TYPE.request, TYPE.nak, { ciaddr: holder.yiaddr, unicast: true });
  });

  rule('REBINDING: broadcast with ciaddr, extends the lease, answered by unicast', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    lab().link.haveAddress(address, client.mac);
    const ack = await client.exchange(TYPE.request, TYPE.ack, { ciaddr: address });
    assert.equal(ack.yiaddr, address);
    assert.equal(ack.frame.destination, address);
    assert.equal(ack.frame.destinationMac, client.mac);
  });

  rule('REBINDING through a relay goes back through the relay', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const address = (await client.lease()).yiaddr;
    const ack = await client.exchange(TYPE.request, TYPE.ack, { ciaddr: address });
    assert.equal(ack.yiaddr, address);
    assert.equal(ack.frame.destination, '10.2.0.1');
    assert.equal(ack.frame.destinationPort, 67);
  });

  rule('REBINDING: a client whose lease we lost keeps its address if it is free', {}, async () => {
    const client = lab().client();
    lab().link.haveAddress('10.1.0.193', client.mac);
    const ack = await client.exchange(TYPE.request, TYPE.ack, { ciaddr: '10.1.0.193' });
    assert.equal(ack.yiaddr, '10.1.0.193');
  });

  rule(
    'REBINDING: an address of a foreign network is refused where we are authoritative',
    { kea: 'drops requests for an address of no pool' },
    async () => {
      const client = lab().client({}, lab().relay('10.2.0.1'));
      await client.exchange(TYPE.request, TYPE.nak, { ciaddr: '192.168.77.3' });
    },
  );

  rule('a NAK to a client on the link is broadcast, whatever its flags say', {}, async () => {
    const client = lab().client();
    const nak = await client.exchange(TYPE.request, TYPE.nak, client.rebooting('192.168.77.3'));
    assert.equal(nak.frame.destination, '255.255.255.255');
    assert.equal(nak.frame.destinationPort, 68);
  });

  rule(
    'a NAK to a client on the link is broadcast in the frame, too',
    { kea: 'addresses the frame to the client' },
    async () => {
      const client = lab().client();
      const nak = await client.exchange(TYPE.request, TYPE.nak, client.rebooting('192.168.77.3'));
      assert.equal(nak.frame.destinationMac, BROADCAST_MAC);
    },
  );

  rule(
    'a NAK to a client that has an address is broadcast all the same (§4.1)',
    { kea: 'unicasts to ciaddr' },
    async () => {
      const holder = await lab().client().lease();
      const thief = lab().client();
      const nak = await thief.exchange(TYPE.request, TYPE.nak, { ciaddr: holder.yiaddr });
      assert.equal(nak.frame.destination, '255.255.255.255');
      assert.equal(nak.frame.destinationMac, BROADCAST_MAC);
    },
  );

  rule(
    'a NAK through a relay carries the broadcast bit, so that the relay broadcasts it',
    { kea: 'returns the flags as they came' },
    async () => {
      const client = lab().client({}, lab().relay('10.2.0.1'));
      const nak = await client.exchange(TYPE.request, TYPE.nak, client.rebooting('192.168.77.3'));
      assert.equal(nak.frame.destination, '10.2.0.1');
      assert.equal(nak.frame.destinationPort, 67);
      assert.equal(nak.message.giaddr, '10.2.0.1');
      assert.equal(nak.message.flags, 0x8000);
    },
  );
});
