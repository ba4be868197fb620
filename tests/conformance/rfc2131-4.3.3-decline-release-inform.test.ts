/** RFC 2131 §4.3.3 DHCPDECLINE, §4.3.4 DHCPRELEASE, §4.3.5 DHCPINFORM. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { conformance, rule, SERVER, subnet } from '../lib/lab.js';
import { OPT, option, TYPE } from '../lib/wire.js';

const config = {
  'valid-lifetime': 3600,
  'decline-probation-period': 600,
  'option-data': [{ name: 'domain-name-servers', data: '10.1.0.53' }],
  subnet4: [subnet(1, 100), subnet(2, 100), subnet(4, 1)],
};

/** State of a declined lease (Kea's lease file and commands). */
const DECLINED = 1;

conformance('RFC 2131 §4.3.3 DECLINE', config, (lab) => {
  rule('a declined address is quarantined for the probation period, and another offered', {}, async () => {
    const client = lab().client({ clientId: '01:de:c1:01' });
    const address = (await client.lease()).yiaddr;
    const before = await lab().server.statistic('declined-addresses');
    client.decline(address);
    await lab().until('the address is declined', async () => (await lab().server.lease(address))?.state === DECLINED);
    const lease = await lab().server.lease(address);
    assert.equal(lease?.['valid-lft'], 600);
    assert.equal(lease?.['hw-address'], '', 'a declined address belongs to nobody');
    assert.equal(await lab().server.statistic('declined-addresses'), before + 1);
    assert.notEqual((await client.discover()).yiaddr, address);
  });

  rule('nobody is offered a declined address, even on request', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    client.decline(address);
    await lab().until('the address is declined', async () => (await lab().server.lease(address))?.state === DECLINED);
    const offer = await lab()
      .client()
      .discover({ options: [option.addresses(OPT.requestedAddress, address)] });
    assert.notEqual(offer.yiaddr, address);
  });

  rule('a DECLINE of an address of somebody else changes nothing', {}, async () => {
    const holder = lab().client();
    const address = (await holder.lease()).yiaddr;
    lab().client().decline(address);
    await sleep(150);
    const lease = await lab().server.lease(address);
    assert.equal(lease?.state, 0);
    assert.equal(lease?.['hw-address'], holder.mac);
  });

  rule('a DECLINE for another server changes nothing', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    const options = [option.addresses(OPT.requestedAddress, address), option.addresses(OPT.serverId, '10.1.0.2')];
    await client.ignored(TYPE.decline, { options });
    assert.equal((await lab().server.lease(address))?.state, 0);
  });

  rule('the last address declined: the client gets none', {}, async () => {
    const client = lab().client({}, lab().relay('10.4.0.1'));
    const address = (await client.lease()).yiaddr;
    client.decline(address);
    await lab().until('the address is declined', async () => (await lab().server.lease(address))?.state === DECLINED);
    await client.ignored(TYPE.discover);
  });
});

conformance('RFC 2131 §4.3.4 RELEASE', config, (lab) => {
  rule('a released address is free for others, and nothing is answered', {}, async () => {
    const path = lab().relay('10.4.0.1');
    const client = lab().client({}, path);
    const other = lab().client({}, path);
    const address = (await client.lease()).yiaddr;
    await other.ignored(TYPE.discover);
    const silent = await client.ask(
      TYPE.release,
      { ciaddr: address, unicast: true, direct: true, options: [option.addresses(OPT.serverId, SERVER)] },
      200,
    );
    assert.equal(silent, undefined);
    await lab().untilFree(address);
    assert.equal((await other.lease()).yiaddr, address);
  });

  rule('a RELEASE by somebody who has not the lease changes nothing', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    lab().client().release(address);
    await sleep(150);
    assert.equal((await lab().server.lease(address))?.state, 0);
  });

  rule('a RELEASE with another client identifier changes nothing', {}, async () => {
    const client = lab().client({ clientId: '01:0e:0e:01' });
    const address = (await client.lease()).yiaddr;
    lab().client({ mac: client.mac, clientId: '01:0e:0e:02' }).release(address);
    await sleep(150);
    assert.equal((await lab().server.lease(address))?.state, 0);
  });

  rule('a RELEASE for another server changes nothing', {}, async () => {
    const client = lab().client();
    const address = (await client.lease()).yiaddr;
    client.send(TYPE.release, {
      ciaddr: address,
      unicast: true,
      options: [option.addresses(OPT.serverId, '10.1.0.2')],
    });
    await sleep(150);
    assert.equal((await lab().server.lease(address))?.state, 0);
  });

  rule('a released address is counted free', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const before = await lab().server.statistic('subnet[2].assigned-addresses');
    const address = (await client.lease()).yiaddr;
    assert.equal(await lab().server.statistic('subnet[2].assigned-addresses'), before + 1);
    client.release(address);
    await lab().untilFree(address);
    assert.equal(await lab().server.statistic('subnet[2].assigned-addresses'), before);
  });
});

conformance('RFC 2131 §4.3.5 INFORM', config, (lab) => {
  const wants = { options: [option.requestList(OPT.subnetMask, OPT.dnsServers)] };

  rule('is acknowledged with parameters, but no address and no times', {}, async () => {
    const ack = await lab().client().inform('10.1.0.33', wants);
    assert.equal(ack.yiaddr, '0.0.0.0');
    assert.equal(ack.message.ciaddr, '10.1.0.33');
    assert.equal(ack.serverId, SERVER);
    assert.deepEqual(ack.addresses(OPT.dnsServers), ['10.1.0.53']);
    for (const code of [OPT.leaseTime, OPT.renewalTime, OPT.rebindingTime]) assert.equal(ack.data(code), undefined);
  });

  rule('is answered by unicast to ciaddr, port 68', {}, async () => {
    const client = lab().client();
    const ack = await client.inform('10.1.0.34', { ...wants, unicast: true });
    assert.equal(ack.frame.destination, '10.1.0.34');
    assert.equal(ack.frame.destinationMac, client.mac);
    assert.equal(ack.frame.destinationPort, 68);
  });

  rule('makes no lease', {}, async () => {
    await lab().client().inform('10.1.0.150', wants);
    assert.equal(await lab().server.lease('10.1.0.150'), undefined);
  });

  rule('through a relay is answered to ciaddr all the same', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const ack = await client.inform('10.2.0.35', wants);
    assert.equal(ack.yiaddr, '0.0.0.0');
    assert.equal(ack.frame.destination, '10.2.0.35');
    assert.equal(ack.frame.destinationPort, 68);
  });

  rule('through a relay without ciaddr is answered to the relay, to be broadcast', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const ack = await client.exchange(TYPE.inform, TYPE.ack, wants);
    assert.equal(ack.frame.destination, '10.2.0.1');
    assert.equal(ack.message.flags, 0x8000);
  });
});
