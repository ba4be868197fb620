/** Relay agents: RFC 2131 §4.1 (giaddr), 3046, 3011, 3527, 5107, 8357, and choosing a subnet by all of them. */

import assert from 'node:assert/strict';
import type { Reply } from '../lib/dhcp-client.js';
import { conformance, rule, SERVER, subnet } from '../lib/lab.js';
import { encodeFrame, encodeMessage, OPT, option, optionData, TYPE, type WireOption } from '../lib/wire.js';

/** Sub-options of option 82. */
const SUB = { circuitId: 1, remoteId: 2, linkSelection: 5, serverIdOverride: 11, relaySourcePort: 19 } as const;

const agent: WireOption[] = [option.text(SUB.circuitId, 'port-7'), option.hex(SUB.remoteId, '0a 0b 0c')];

const config = {
  'valid-lifetime': 3600,
  'option-data': [{ name: 'domain-name', data: 'example.org' }],
  subnet4: [
    subnet(1, 100),
    subnet(2, 100),
    subnet(3, 100),
    subnet(5, 100, { relay: { 'ip-addresses': ['10.200.0.5', '10.200.0.6'] } }),
  ],
};

/** Sub-options of the reply's option 82, which must be the last option. */
function assertEchoed(reply: Reply, expected: readonly WireOption[]): void {
  assert.equal(reply.codes().at(-1), OPT.agentInformation, `options end with ${reply.codes()}`);
  assert.deepEqual(reply.data(OPT.agentInformation), option.nested(OPT.agentInformation, ...expected)[1]);
}

conformance('Relay agents', config, (lab) => {
  rule('giaddr chooses the subnet', {}, async () => {
    assert.match((await lab().client({}, lab().relay('10.2.0.1')).lease()).yiaddr, /^10\.2\.0\./);
    assert.match((await lab().client({}, lab().relay('10.3.0.7')).lease()).yiaddr, /^10\.3\.0\./);
  });

  rule('a relay address named by a subnet chooses it', {}, async () => {
    const path = lab().relay('10.200.0.6');
    const offer = await lab().client({}, path).discover();
    assert.match(offer.yiaddr, /^10\.5\.0\./);
    assert.equal(offer.frame.destination, '10.200.0.6');
  });

  rule('RFC 3046 §2.2: option 82 is returned unchanged, as last option, in offer and ack', {}, async () => {
    const client = lab().client({ clientId: '01:82:82' }, lab().relay('10.2.0.1', agent));
    const offer = await client.discover();
    const ack = await client.select(offer);
    for (const reply of [offer, ack]) assertEchoed(reply, agent);
  });

  rule('RFC 3046 §2.2: a nak carries option 82 back, too', {}, async () => {
    const path = lab().relay('10.2.0.1', agent);
    const client = lab().client({}, path);
    await client.lease();
    assertEchoed(await client.exchange(TYPE.request, TYPE.nak, client.rebooting('10.2.0.20')), agent);
  });

  rule('a client that was not relayed and sends option 82 gets it back all the same', {}, async () => {
    const options = [option.nested(OPT.agentInformation, ...agent)];
    assertEchoed(await lab().client().discover({ options }), agent);
  });

  rule('an empty option 82 does no harm', {}, async () => {
    await lab().client({}, lab().relay('10.2.0.1', [])).lease();
  });

  rule('RFC 3527: link selection chooses the subnet, the answer goes to giaddr', {}, async () => {
    const selection = [...agent, option.addresses(SUB.linkSelection, '10.3.0.0')];
    const path = lab().relay('10.2.0.1', selection);
    const offer = await lab().client({}, path).discover();
    assert.match(offer.yiaddr, /^10\.3\.0\./);
    assert.equal(offer.frame.destination, '10.2.0.1');
    assertEchoed(offer, selection);
  });

  rule('RFC 3527: a link we do not know is not served', {}, async () => {
    const path = lab().relay('10.2.0.1', [option.addresses(SUB.linkSelection, '10.77.0.0')]);
    await lab().client({}, path).ignored(TYPE.discover);
  });

  rule('RFC 3011: option 118 chooses the subnet and is returned', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const options = [option.addresses(OPT.subnetSelection, '10.3.0.0')];
    const offer = await client.discover({ options });
    assert.match(offer.yiaddr, /^10\.3\.0\./);
    assert.deepEqual(offer.addresses(OPT.subnetSelection), ['10.3.0.0']);
    const ack = await client.select(offer, { options });
    assert.deepEqual(ack.addresses(OPT.subnetSelection), ['10.3.0.0']);
  });

  rule('RFC 3527 §3: link selection goes before option 118', {}, async () => {
    const path = lab().relay('10.1.0.9', [option.addresses(SUB.linkSelection, '10.2.0.0')]);
    const offer = await lab()
      .client({}, path)
      .discover({ options: [option.addresses(OPT.subnetSelection, '10.3.0.0')] });
    assert.match(offer.yiaddr, /^10\.2\.0\./);
  });

  rule(
    'RFC 5107: the server identifier is the one the relay asks for, and is recognized in the request',
    { kea: 'accepts the override, but does not send it' },
    async () => {
      const path = lab().relay('10.2.0.1', [option.addresses(SUB.serverIdOverride, '10.2.0.1')]);
      const client = lab().client({}, path);
      const offer = await client.discover();
      assert.equal(offer.serverId, '10.2.0.1');
      const ack = await client.select(offer);
      assert.equal(ack.serverId, '10.2.0.1');
      assert.equal(ack.yiaddr, offer.yiaddr);
    },
  );

  rule(
    'RFC 5107: without the override in the request that server identifier is a foreign one',
    { kea: 'accepts the override, but does not send it' },
    async () => {
      const relay = '10.2.0.1';
      const client = lab().client({}, lab().relay(relay, [option.addresses(SUB.serverIdOverride, relay)]));
      const offer = await client.discover();
      const plain = client.on(lab().relay(relay));
      await plain.ignored(TYPE.request, client.selecting(offer));
    },
  );

  rule('RFC 8357: a relay that asks for its source port is answered there', {}, async () => {
    const path = lab().relay('10.2.0.1', [[SUB.relaySourcePort, Buffer.alloc(0)]]);
    const client = lab().client({}, path);
    const message = client.message(TYPE.discover);
    const relay = path.relay!;
    const ports: number[] = [];
    const stop = lab().link.listen((arrival) => {
      if (arrival.message.xid === message.xid) ports.push(arrival.frame.destinationPort);
    });
    lab().link.haveAddress(relay.giaddr, relay.mac);
    lab().link.send(
      encodeFrame({
        sourceMac: relay.mac,
        destinationMac: lab().serverMac,
        source: relay.giaddr,
        destination: SERVER,
        sourcePort: 1067,
        destinationPort: 67,
        payload: encodeMessage(message),
      }),
    );
    await lab()
      .until('the relay is answered', async () => ports.length > 0)
      .finally(stop);
    assert.deepEqual(ports, [1067]);
  });

  rule('hops are returned as the relay set them', {}, async () => {
    const offer = await lab().client({}, lab().relay('10.2.0.1')).discover({ hops: 3 });
    assert.equal(offer.message.hops, 3);
  });

  rule('two relays with the same client: two leases in two subnets', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1'));
    const first = (await client.lease()).yiaddr;
    const second = (await client.on(lab().relay('10.3.0.1')).lease()).yiaddr;
    assert.match(second, /^10\.3\.0\./);
    assert.equal((await lab().server.lease(first))?.state, 0);
  });

  rule('the lease of a relayed client is stored without relay data unless told so', {}, async () => {
    const ack = await lab().client({}, lab().relay('10.2.0.1', agent)).lease();
    assert.equal((await lab().server.lease(ack.yiaddr))?.['user-context'], undefined);
  });
});

conformance(
  'Relay data kept with leases (store-extended-info)',
  { 'store-extended-info': true, subnet4: [subnet(2, 100)] },
  (lab) => {
    rule("option 82 is in the lease's user-context, as RFC 4388 will need it", {}, async () => {
      const ack = await lab().client({}, lab().relay('10.2.0.1', agent)).lease();
      const context = (await lab().server.lease(ack.yiaddr))?.['user-context'];
      const text = JSON.stringify(context).toUpperCase();
      const octets = optionData([option.nested(OPT.agentInformation, ...agent)], OPT.agentInformation)!;
      assert.ok(text.includes(`0X${octets.toString('hex').toUpperCase()}`), text);
    });
  },
);

conformance(
  'Relay data remembered (stash-agent-options)',
  {
    'stash-agent-options': true,
    'store-extended-info': true,
    'client-classes': [
      {
        name: 'port-seven',
        test: "relay4[1].hex == 'port-7'",
        'option-data': [{ name: 'domain-name', data: 'port.example.org' }],
      },
    ],
    subnet4: [subnet(2, 100)],
  },
  (lab) => {
    rule('a renewal that comes without option 82 is treated as if it had it', {}, async () => {
      const client = lab().client({}, lab().relay('10.2.0.1', agent));
      const address = (await client.lease()).yiaddr;
      const ack = await client.renew(address, { options: [option.requestList(OPT.domainName)] });
      assert.equal(ack.text(OPT.domainName), 'port.example.org');
    });

    rule('and is not sent option 82', {}, async () => {
      const client = lab().client({}, lab().relay('10.2.0.1', agent));
      const address = (await client.lease()).yiaddr;
      assert.equal((await client.renew(address)).data(OPT.agentInformation), undefined);
    });
  },
  { lacks: { kea: '2.2 does not know stash-agent-options' } },
);
