/** Options on the wire: RFC 2132, 3396 (long options), 2131 §4.1 (overload, sizes), 6842, 3442, 4578, 3004, 3925, 8925. */

import assert from 'node:assert/strict';
import { conformance, rule, subnet } from '../lib/lab.js';
import { addressOctets, decodeOptions, encodeMessage, encodeOptions, OPT, option, TYPE } from '../lib/wire.js';

const longText = 'lessor'.repeat(60);

const config = {
  'valid-lifetime': 3600,
  'option-def': [
    { name: 'site-text', code: 224, type: 'string' },
    { name: 'site-numbers', code: 225, type: 'uint16', array: true },
    { name: 'site-record', code: 226, type: 'record', 'record-types': 'uint8, ipv4-address, string' },
    { name: 'acme-url', code: 1, space: 'vendor-32473', type: 'string' },
    { name: 'boot-item', code: 71, space: 'vendor-encapsulated-options-space', type: 'uint32' },
  ],
  'client-classes': [
    { name: 'pxe-uefi', test: 'option[93].hex == 0x0007', 'boot-file-name': 'grubx64.efi', 'next-server': '10.1.0.69' },
    {
      name: 'vendor-lab',
      test: "substring(option[60].hex,0,3) == 'lab'",
      'option-data': [
        { name: 'boot-item', space: 'vendor-encapsulated-options-space', data: '7' },
        { name: 'vendor-encapsulated-options' },
      ],
    },
    {
      name: 'staff',
      test: 'option[77].hex == 0x057374616666',
      'option-data': [{ name: 'domain-name', data: 'staff.example.org' }],
    },
  ],
  'option-data': [
    { name: 'site-text', data: longText },
    { name: 'site-numbers', data: '1, 2, 65535' },
    { name: 'site-record', data: '9, 10.9.8.7, tail' },
    { name: 'domain-name', data: 'example.org' },
    { name: 'domain-search', data: 'eng.example.org, example.org' },
    { name: 'classless-static-route', code: 121, data: '08 0A 0A 01 00 FE', 'csv-format': false },
    { name: 'acme-url', space: 'vendor-32473', data: 'http://acme.example/', 'always-send': true },
    { name: 'tftp-server-name', data: 'tftp.example.org' },
    { name: 'ntp-servers', data: '10.1.0.123', 'always-send': true },
    { name: 'time-offset', data: '-3600', 'always-send': true },
  ],
  'boot-file-name': 'default.0',
  'server-hostname': 'boot.example.org',
  'next-server': '10.1.0.66',
  subnet4: [subnet(1, 150)],
};

/** Client architecture 7 (x86-64 EFI), network interface identifier and machine identifier of RFC 4578. */
const pxe = [
  option.u16(OPT.clientArchitecture, 7),
  option.hex(OPT.clientNetworkInterface, '01 03 10'),
  option.hex(OPT.clientMachineId, `00${'ab'.repeat(16)}`),
];

conformance('Options on the wire', config, (lab) => {
  const asking = (...codes: number[]) =>
    lab()
      .client()
      .discover({ options: [option.requestList(...codes)] });

  rule('RFC 3396: an option over 255 octets is split, its parts adjacent, and joins to the whole', {}, async () => {
    const offer = await asking(224);
    assert.equal(offer.text(224), longText);
    const parts = offer.message.options.filter(([code]) => code === 224).map(([, data]) => data.length);
    assert.equal(parts.length, 2);
    assert.equal(offer.codes().lastIndexOf(224) - offer.codes().indexOf(224), 1);
  });

  rule('RFC 3396: a split option of the client is joined before it is read', {}, async () => {
    const client = lab().client();
    const options = [
      option.hex(OPT.userClass, '05 73 74'),
      option.hex(OPT.userClass, '61 66 66'),
      option.requestList(OPT.domainName),
    ];
    assert.equal((await client.discover({ options })).text(OPT.domainName), 'staff.example.org');
  });

  rule(
    'RFC 2132 §9.3: options of the client in its overloaded file and sname fields are read',
    { kea: 'does not read overloaded fields' },
    async () => {
      const client = lab().client();
      const end = Buffer.from([255]);
      const offer = await client.discover({
        options: [option.u8(OPT.overload, 3)],
        file: Buffer.concat([encodeOptions([option.addresses(OPT.requestedAddress, '10.1.0.142')]), end]),
        sname: Buffer.concat([encodeOptions([option.requestList(OPT.domainSearch)]), end]),
      });
      assert.equal(offer.yiaddr, '10.1.0.142');
      assert.ok(offer.data(OPT.domainSearch));
    },
  );

  rule('a reply stays within the maximum message size (option 57)', { kea: 'ignores option 57' }, async () => {
    const client = lab().client();
    const asked = option.requestList(OPT.subnetMask, 224, 225, 226, OPT.domainSearch);
    const offer = await client.discover({ options: [option.u16(OPT.maxMessageSize, 576), asked] });
    assert.ok(28 + offer.frame.payload.length <= 576, `${28 + offer.frame.payload.length} octets`);
    assert.ok(offer.u32(OPT.leaseTime), 'what the lease needs comes before what is nice to have');
    assert.deepEqual(offer.addresses(OPT.subnetMask), ['255.255.255.0']);
  });

  rule('without option 57 a reply may be as large as the link allows', {}, async () => {
    const offer = await asking(224, 225, 226, OPT.domainSearch, OPT.vivso);
    assert.equal(offer.data(OPT.overload), undefined);
    assert.equal(offer.text(224), longText);
    assert.deepEqual([...offer.get(225)], [0, 1, 0, 2, 255, 255]);
    assert.deepEqual(offer.get(226), Buffer.concat([Buffer.from([9]), addressOctets('10.9.8.7'), Buffer.from('tail')]));
  });

  rule(
    'a reply has at least the 300 octets of a BOOTP message (RFC 1542 §2.1)',
    { kea: 'sends shorter ones' },
    async () => {
      const offer = await asking(OPT.subnetMask);
      assert.ok(offer.frame.payload.length >= 300, `${offer.frame.payload.length} octets`);
    },
  );

  rule('the message type is the first option', {}, async () => {
    assert.equal((await asking(OPT.subnetMask, OPT.domainName)).codes()[0], OPT.messageType);
  });

  rule('always-send: without being asked', {}, async () => {
    const offer = await asking(OPT.subnetMask);
    assert.deepEqual(offer.addresses(OPT.ntpServers), ['10.1.0.123']);
    assert.equal(offer.get(2).readInt32BE(0), -3600);
  });

  rule('domain search list, compressed or not (RFC 3397)', {}, async () => {
    const data = (await asking(OPT.domainSearch)).get(OPT.domainSearch);
    const names: string[] = [];
    const read = (at: number): [string[], number] => {
      const length = data[at] as number;
      if (length === 0) return [[], at + 1];
      if (length >= 0xc0) return [read(((length & 63) << 8) | (data[at + 1] as number))[0], at + 2];
      const [rest, end] = read(at + 1 + length);
      return [[data.toString('latin1', at + 1, at + 1 + length), ...rest], end];
    };
    for (let at = 0; at < data.length; ) {
      const [labels, end] = read(at);
      names.push(labels.join('.'));
      at = end;
    }
    assert.deepEqual(names, ['eng.example.org', 'example.org']);
  });

  rule('RFC 3442: classless routes as configured', {}, async () => {
    assert.deepEqual((await asking(OPT.classlessRoutes)).get(OPT.classlessRoutes), Buffer.from([8, 10, 10, 1, 0, 254]));
  });

  rule('siaddr, sname and file come from the configuration', {}, async () => {
    const offer = await asking(OPT.subnetMask);
    assert.equal(offer.message.siaddr, '10.1.0.66');
    assert.equal(offer.message.file.toString('latin1').replace(/\0.*/s, ''), 'default.0');
    assert.equal(offer.message.sname.toString('latin1').replace(/\0.*/s, ''), 'boot.example.org');
  });

  rule('RFC 4578: the boot file depends on the client architecture', {}, async () => {
    const offer = await lab().client().discover({ options: pxe });
    assert.equal(offer.message.file.toString('latin1').replace(/\0.*/s, ''), 'grubx64.efi');
    assert.equal(offer.message.siaddr, '10.1.0.69');
  });

  rule(
    'RFC 4578 §2.1: the machine identifier goes back to the client',
    { kea: 'does not return option 97' },
    async () => {
      const offer = await lab()
        .client()
        .discover({ options: [...pxe, option.requestList(97)] });
      assert.deepEqual(offer.get(OPT.clientMachineId), pxe[2]?.[1]);
    },
  );

  rule('RFC 2132 §8.4: vendor options in option 43 for the vendor class that has them', {}, async () => {
    const asked = option.requestList(OPT.vendorEncapsulated);
    const mine = await lab()
      .client()
      .discover({ options: [option.text(OPT.vendorClassId, 'lab-7'), asked] });
    assert.deepEqual(decodeOptions(mine.get(OPT.vendorEncapsulated)), [[71, Buffer.from([0, 0, 0, 7])]]);
    const other = await lab()
      .client()
      .discover({ options: [option.text(OPT.vendorClassId, 'other'), asked] });
    assert.equal(other.data(OPT.vendorEncapsulated), undefined);
  });

  rule('RFC 3004: user class selects options', {}, async () => {
    const options = [option.hex(OPT.userClass, '05 73 74 61 66 66'), option.requestList(OPT.domainName)];
    assert.equal((await lab().client().discover({ options })).text(OPT.domainName), 'staff.example.org');
  });

  rule('RFC 3925: vendor-identifying options for the enterprise the client names', {}, async () => {
    const vivco = option.hex(OPT.vivco, '00 00 7e d9 04 03 61 62 63');
    const options = [vivco, option.hex(OPT.vivso, '00 00 7e d9 03 01 01 01'), option.requestList(OPT.vivso)];
    const data = (await lab().client().discover({ options })).get(OPT.vivso);
    assert.equal(data.readUInt32BE(0), 32473);
    assert.equal(data[4], data.length - 5);
    assert.deepEqual(decodeOptions(data.subarray(5)), [[1, Buffer.from('http://acme.example/')]]);
  });

  rule('RFC 6842: the client identifier is returned in offer, ack and nak', {}, async () => {
    const client = lab().client({ clientId: 'ff:00:00:00:09:00:01:02:03:04:05:06' });
    const offer = await client.discover();
    const ack = await client.select(offer);
    const nak = await client.exchange(TYPE.request, TYPE.nak, client.rebooting('10.1.0.20'));
    for (const reply of [offer, ack, nak]) assert.deepEqual(reply.data(OPT.clientId), client.clientId);
  });

  rule('a client without an identifier gets none back', {}, async () => {
    assert.equal((await lab().client().discover()).data(OPT.clientId), undefined);
  });

  rule('unknown options, pad and an end in the middle of nowhere do no harm', {}, async () => {
    const client = lab().client();
    const options = [option.hex(231, '00 ff 00'), option.hex(0xfe, ''), option.requestList(231, 254, OPT.domainName)];
    const offer = await client.discover({ options });
    assert.equal(offer.text(OPT.domainName), 'example.org');
    assert.equal(offer.data(231), undefined);
  });

  rule('a message without padding to 300 octets is served', {}, async () => {
    const client = lab().client();
    const message = client.message(TYPE.discover);
    const octets = encodeMessage(message).subarray(0, 244);
    const answer = new Promise<string>((resolve) => {
      lab().link.listen((arrival) => {
        if (arrival.message.xid === message.xid) resolve(arrival.message.yiaddr);
      });
    });
    client.sendOctets(octets);
    assert.match(await answer, /^10\.1\.0\./);
  });
});

conformance(
  'Client identifier not echoed (echo-client-id false)',
  { 'echo-client-id': false, subnet4: [subnet(1, 100)] },
  (lab) => {
    rule('option 61 is not returned', {}, async () => {
      const ack = await lab().client({ clientId: '01:02:03' }).lease();
      assert.equal(ack.data(OPT.clientId), undefined);
    });
  },
);

/** Private options and their sizes: three fit the option area of a 576-octet packet, one then fits file, one sname. */
const BULKY: readonly (readonly [code: number, octets: number])[] = [
  [230, 80],
  [231, 80],
  [232, 80],
  [233, 80],
  [234, 50],
];
const bulk = (code: number, octets: number) => String(code % 10).repeat(octets);

conformance(
  'Small messages',
  {
    'option-def': BULKY.map(([code]) => ({ name: `bulk-${code}`, code, type: 'string' })),
    'option-data': BULKY.map(([code, octets]) => ({ name: `bulk-${code}`, data: bulk(code, octets) })),
    subnet4: [subnet(1, 50)],
  },
  (lab) => {
    const asked = option.requestList(OPT.subnetMask, ...BULKY.map(([code]) => code));
    const asking = { options: [option.u16(OPT.maxMessageSize, 576), asked] };

    rule(
      'what does not fit the option area goes into file and sname (option 52)',
      { kea: 'never overloads' },
      async () => {
        const offer = await lab().client().discover(asking);
        assert.ok(28 + offer.frame.payload.length <= 576, `${28 + offer.frame.payload.length} octets`);
        assert.equal(offer.get(OPT.overload)[0], 3);
        for (const [code, octets] of BULKY) assert.equal(offer.text(code), bulk(code, octets));
      },
    );

    rule('the message type, server identifier and lease time stay in the option area', {}, async () => {
      const offer = await lab().client().discover(asking);
      const area = decodeOptions(offer.frame.payload.subarray(240)).map(([code]) => code);
      for (const code of [OPT.messageType, OPT.serverId, OPT.leaseTime]) assert.ok(area.includes(code), `${code}`);
    });
  },
);

conformance(
  'RFC 8925 IPv6-only preferred',
  {
    subnet4: [subnet(1, 100, { 'option-data': [{ name: 'v6-only-preferred', data: '1800' }] }), subnet(2, 100)],
  },
  (lab) => {
    const asking = { options: [option.requestList(OPT.ipv6OnlyPreferred, OPT.subnetMask)] };

    rule('a client that asks for option 108 gets it and no address', {}, async () => {
      const offer = await lab().client().discover(asking);
      assert.equal(offer.yiaddr, '0.0.0.0');
      assert.equal(offer.u32(OPT.ipv6OnlyPreferred), 1800);
    });

    rule('a client that does not ask gets an address and no option 108', {}, async () => {
      const ack = await lab().client().lease();
      assert.match(ack.yiaddr, /^10\.1\.0\.1/);
      assert.equal(ack.data(OPT.ipv6OnlyPreferred), undefined);
    });

    rule('where the option is not configured, a client that asks gets an address', {}, async () => {
      const ack = await lab().client({}, lab().relay('10.2.0.1')).lease(asking);
      assert.match(ack.yiaddr, /^10\.2\.0\.1/);
      assert.equal(ack.data(OPT.ipv6OnlyPreferred), undefined);
    });
  },
  { lacks: { kea: '2.2 does not know RFC 8925' } },
);

conformance(
  'Options held back (never-send)',
  {
    'option-data': [{ name: 'domain-name', data: 'example.org' }],
    subnet4: [subnet(1, 50), subnet(2, 50, { 'option-data': [{ name: 'domain-name', 'never-send': true }] })],
  },
  (lab) => {
    const asking = { options: [option.requestList(OPT.domainName)] };

    rule('an option is not sent where a narrower scope says so, though the client asks', {}, async () => {
      assert.equal((await lab().client().discover(asking)).text(OPT.domainName), 'example.org');
      const offer = await lab().client({}, lab().relay('10.2.0.1')).discover(asking);
      assert.equal(offer.data(OPT.domainName), undefined);
    });
  },
  { lacks: { kea: '2.2 does not know never-send' } },
);
