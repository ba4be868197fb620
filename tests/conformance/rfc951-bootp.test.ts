/** BOOTP clients (RFC 951, 1534, 2132 §9.6: no message type), as Kea's bootp hook serves them. */

import assert from 'node:assert/strict';
import { conformance, rule, subnet } from '../lib/lab.js';
import { hook } from '../lib/subject.js';
import { OPT, TYPE } from '../lib/wire.js';

/** `type` of a message without option 53. */
const BOOTREQUEST = 0;

const config = {
  'valid-lifetime': 3600,
  'option-data': [{ name: 'domain-name', data: 'example.org' }],
  'boot-file-name': 'kernel.img',
  subnet4: [
    subnet(1, 50, {
      reservations: [{ 'hw-address': '02:22:00:00:00:01', 'ip-address': '10.1.0.9', hostname: 'Sun3' }],
    }),
    subnet(2, 50),
  ],
};

conformance('BOOTP with the bootp library', { ...config, 'hooks-libraries': [hook('bootp')] }, (lab) => {
  rule('a BOOTREQUEST gets an address at once, for ever, without DHCP options', {}, async () => {
    const client = lab().client();
    const reply = await client.exchange(BOOTREQUEST, 0);
    assert.match(reply.yiaddr, /^10\.1\.0\.1\d\d$/);
    for (const code of [OPT.messageType, OPT.leaseTime, OPT.serverId, OPT.renewalTime, OPT.rebindingTime]) {
      assert.equal(reply.data(code), undefined, `option ${code} in a BOOTREPLY`);
    }
    assert.ok(reply.data(OPT.subnetMask));
    assert.ok(reply.frame.payload.length >= 300, `${reply.frame.payload.length} octets`);
    const lease = await lab().server.lease(reply.yiaddr);
    assert.equal(lease?.['hw-address'], client.mac);
    assert.equal(lease?.['valid-lft'], 0xffffffff);
  });

  rule('the same client gets the same address', {}, async () => {
    const client = lab().client();
    const first = await client.exchange(BOOTREQUEST, 0);
    assert.equal((await client.exchange(BOOTREQUEST, 0)).yiaddr, first.yiaddr);
  });

  rule('a reservation is honoured and the boot file set', {}, async () => {
    const reply = await lab().client({ mac: '02:22:00:00:00:01' }).exchange(BOOTREQUEST, 0);
    assert.equal(reply.yiaddr, '10.1.0.9');
    assert.equal(reply.message.file.toString('latin1').replace(/\0.*/s, ''), 'kernel.img');
  });

  rule('the reserved name is told and kept', {}, async () => {
    const reply = await lab().client({ mac: '02:22:00:00:00:01' }).exchange(BOOTREQUEST, 0);
    assert.equal(reply.text(OPT.hostName), 'sun3');
    assert.equal((await lab().server.lease('10.1.0.9'))?.hostname, 'sun3');
  });

  rule('through a relay', {}, async () => {
    const reply = await lab().client({}, lab().relay('10.2.0.1')).exchange(BOOTREQUEST, 0);
    assert.match(reply.yiaddr, /^10\.2\.0\./);
    assert.equal(reply.frame.destinationPort, 67);
  });

  rule('DHCP clients are served beside', {}, async () => {
    assert.equal((await lab().client().lease()).u32(OPT.leaseTime), 3600);
  });
});

conformance('BOOTP without the bootp library', config, (lab) => {
  rule('a BOOTREQUEST is not answered', {}, async () => {
    await lab().client().ignored(BOOTREQUEST);
  });

  rule('and a DHCP client is', {}, async () => {
    await lab().client().exchange(TYPE.discover, TYPE.offer);
  });
});
