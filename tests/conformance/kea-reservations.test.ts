/** Host reservations as Kea's configuration has them: identifiers, scopes, and addresses that are already taken. */

import assert from 'node:assert/strict';
import { conformance, rule, subnet } from '../lib/lab.js';
import { OPT, option, TYPE, type WireOption } from '../lib/wire.js';

/** Option 82 with a circuit identifier. */
const circuit = (name: string): WireOption[] => [option.text(1, name)];

const config = {
  'valid-lifetime': 3600,
  'host-reservation-identifiers': ['hw-address', 'client-id', 'circuit-id', 'duid'],
  'client-classes': [
    { name: 'printers', 'option-data': [{ name: 'domain-name', data: 'print.example.org' }] },
    {
      name: 'known-only',
      test: "member('KNOWN')",
      'option-data': [{ name: 'ntp-servers', data: '10.1.0.200' }],
    },
  ],
  'option-data': [{ name: 'domain-name', data: 'example.org' }],
  subnet4: [
    subnet(1, 50, {
      reservations: [
        { 'hw-address': '02:11:00:00:00:01', 'ip-address': '10.1.0.10' },
        { 'hw-address': '02:11:00:00:00:02', 'ip-address': '10.1.0.110' },
        { 'client-id': '01:22:33:44:55', 'ip-address': '10.1.0.11' },
        { 'client-id': "'texty'", 'ip-address': '10.1.0.12' },
        { duid: '00:03:00:01:02:11:00:00:00:09', 'ip-address': '10.1.0.13' },
        {
          'hw-address': '02:11:00:00:00:03',
          'ip-address': '10.1.0.14',
          hostname: 'printer.example.org',
          'client-classes': ['printers'],
          'next-server': '10.1.0.77',
          'boot-file-name': 'printer.bin',
          'server-hostname': 'files.example.org',
          'option-data': [{ name: 'routers', data: '10.1.0.253' }],
        },
        { 'hw-address': '02:11:00:00:00:04', hostname: 'named-only' },
        { 'hw-address': '02:11:00:00:00:05', 'ip-address': '10.1.0.15' },
        { 'client-id': '01:66:66', 'ip-address': '10.1.0.16' },
      ],
    }),
    subnet(2, 50, {
      reservations: [{ 'circuit-id': "'slot-3'", 'ip-address': '10.2.0.33' }],
    }),
    subnet(3, 50, {
      'reservations-global': true,
      'reservations-in-subnet': false,
      reservations: [{ 'hw-address': '02:11:00:00:00:06', 'ip-address': '10.3.0.10' }],
    }),
    subnet(4, 2, { reservations: [{ 'hw-address': '02:11:00:00:00:07', 'ip-address': '10.4.0.101' }] }),
    subnet(5, 50, {
      'reservations-out-of-pool': true,
      reservations: [
        { 'hw-address': '02:11:00:00:00:08', 'ip-address': '10.5.0.10' },
        { 'hw-address': '02:11:00:00:00:09', 'ip-address': '10.5.0.120' },
      ],
    }),
  ],
  reservations: [
    {
      'hw-address': '02:11:00:00:00:06',
      hostname: 'global-name',
      'option-data': [{ name: 'domain-name', data: 'global.example.org' }],
    },
  ],
};

conformance('Reservations', config, (lab) => {
  rule('by hardware address, outside the pool', {}, async () => {
    assert.equal((await lab().client({ mac: '02:11:00:00:00:01' }).lease()).yiaddr, '10.1.0.10');
  });

  rule('by hardware address, inside the pool', {}, async () => {
    assert.equal((await lab().client({ mac: '02:11:00:00:00:02' }).lease()).yiaddr, '10.1.0.110');
  });

  rule('by client identifier, hex and text', {}, async () => {
    assert.equal((await lab().client({ clientId: '01:22:33:44:55' }).lease()).yiaddr, '10.1.0.11');
    assert.equal(
      (
        await lab()
          .client({ clientId: Buffer.from('texty') })
          .lease()
      ).yiaddr,
      '10.1.0.12',
    );
  });

  rule('by DUID inside a client identifier (RFC 4361)', {}, async () => {
    const client = lab().client({ clientId: 'ff:00:00:00:01:00:03:00:01:02:11:00:00:00:09' });
    assert.equal((await client.lease()).yiaddr, '10.1.0.13');
  });

  rule('by circuit identifier', {}, async () => {
    const client = lab().client({}, lab().relay('10.2.0.1', circuit('slot-3')));
    assert.equal((await client.lease()).yiaddr, '10.2.0.33');
    const other = lab().client({}, lab().relay('10.2.0.1', circuit('slot-4')));
    assert.match((await other.lease()).yiaddr, /^10\.2\.0\.1\d\d$/);
  });

  rule('a reserved address in the pool is given to nobody else, even on request', {}, async () => {
    const wish = option.addresses(OPT.requestedAddress, '10.4.0.101');
    const first = lab().client({}, lab().relay('10.4.0.1'));
    assert.equal((await first.lease({ options: [] })).yiaddr, '10.4.0.100');
    await lab()
      .client({}, lab().relay('10.4.0.1'))
      .ignored(TYPE.discover, { options: [wish] });
    const owner = lab().client({ mac: '02:11:00:00:00:07' }, lab().relay('10.4.0.1'));
    assert.equal((await owner.lease()).yiaddr, '10.4.0.101');
  });

  rule('a stranger that requests a reserved address is refused', {}, async () => {
    const stranger = lab().client();
    const offer = await stranger.discover();
    const options = [
      option.addresses(OPT.requestedAddress, '10.1.0.10'),
      option.addresses(OPT.serverId, offer.serverId),
    ];
    await stranger.exchange(TYPE.request, TYPE.nak, { options });
  });

  rule('its name, classes, options and boot fields reach the client', {}, async () => {
    const client = lab().client({ mac: '02:11:00:00:00:03' });
    const asked = option.requestList(OPT.hostName, OPT.domainName, OPT.routers, OPT.ntpServers);
    const ack = await client.lease({ options: [option.text(OPT.hostName, 'whatever'), asked] });
    assert.equal(ack.yiaddr, '10.1.0.14');
    assert.equal(ack.text(OPT.hostName), 'printer.example.org');
    assert.equal(ack.text(OPT.domainName), 'print.example.org');
    assert.deepEqual(ack.addresses(OPT.routers), ['10.1.0.253']);
    assert.deepEqual(ack.addresses(OPT.ntpServers), ['10.1.0.200']);
    assert.equal(ack.message.siaddr, '10.1.0.77');
    assert.equal(ack.message.file.toString('latin1').replace(/\0.*/s, ''), 'printer.bin');
    assert.equal(ack.message.sname.toString('latin1').replace(/\0.*/s, ''), 'files.example.org');
    assert.equal((await lab().server.lease(ack.yiaddr))?.hostname, 'printer.example.org');
  });

  rule('without an address: a dynamic one, and the name', {}, async () => {
    const client = lab().client({ mac: '02:11:00:00:00:04' });
    const ack = await client.lease({ options: [option.requestList(OPT.hostName)] });
    assert.match(ack.yiaddr, /^10\.1\.0\.1\d\d$/);
    assert.match(ack.text(OPT.hostName), /^named-only/);
  });

  rule('a client with several identifiers gets the reservation of the one that is looked up first', {}, async () => {
    const client = lab().client({ mac: '02:11:00:00:00:05', clientId: '01:66:66' });
    assert.equal((await client.lease()).yiaddr, '10.1.0.15');
  });

  rule('global: name and options, the address comes from the pool', {}, async () => {
    const client = lab().client({ mac: '02:11:00:00:00:06' }, lab().relay('10.3.0.1'));
    const ack = await client.lease({ options: [option.requestList(OPT.hostName, OPT.domainName)] });
    assert.match(ack.yiaddr, /^10\.3\.0\.1\d\d$/);
    assert.match(ack.text(OPT.hostName), /^global-name/);
    assert.equal(ack.text(OPT.domainName), 'global.example.org');
  });

  rule('out-of-pool only: the reserved address outside is given', {}, async () => {
    const client = lab().client({ mac: '02:11:00:00:00:08' }, lab().relay('10.5.0.1'));
    assert.equal((await client.lease()).yiaddr, '10.5.0.10');
  });

  rule('out-of-pool only: the reserved address inside is for everybody', {}, async () => {
    const holder = lab().client({ mac: '02:11:00:00:00:09' }, lab().relay('10.5.0.1'));
    const wish = [option.addresses(OPT.requestedAddress, '10.5.0.121')];
    const offer = await holder.discover({ options: wish });
    assert.equal(offer.yiaddr, '10.5.0.121');
    assert.equal((await holder.select(offer)).yiaddr, '10.5.0.121');
    const other = lab().client({}, lab().relay('10.5.0.1'));
    const inside = [option.addresses(OPT.requestedAddress, '10.5.0.120')];
    assert.equal((await other.discover({ options: inside })).yiaddr, '10.5.0.120');
  });

  rule('an unreserved client is not in class KNOWN', {}, async () => {
    const offer = await lab()
      .client()
      .discover({ options: [option.requestList(OPT.ntpServers)] });
    assert.equal(offer.data(OPT.ntpServers), undefined);
  });
});

/** A subnet with one reservation that comes and goes. */
const withReservation = (...reservations: Record<string, unknown>[]) => ({
  'valid-lifetime': 3600,
  subnet4: [subnet(1, 50, { authoritative: true, reservations })],
});

conformance('Reservations added for an address somebody holds', withReservation(), (lab) => {
  rule('the holder keeps it until it renews, the owner gets another meanwhile, then each has its own', {}, async () => {
    const holder = lab().client();
    const address = (await holder.lease()).yiaddr;
    const owner = lab().client();
    await lab().server.reconfigure(withReservation({ 'hw-address': owner.mac, 'ip-address': address }));

    const meanwhile = await owner.lease();
    assert.notEqual(meanwhile.yiaddr, address, 'the reserved address is in use');
    assert.equal((await lab().server.lease(address))?.['hw-address'], holder.mac);

    await holder.exchange(TYPE.request, TYPE.nak, { ciaddr: address });
    const moved = await holder.lease();
    assert.notEqual(moved.yiaddr, address);

    const arrived = await owner.lease();
    assert.equal(arrived.yiaddr, address);
    assert.equal((await lab().server.lease(address))?.['hw-address'], owner.mac);
  });

  rule('a client that gets a reservation is moved to its address at its next DISCOVER', {}, async () => {
    const client = lab().client();
    const old = (await client.lease()).yiaddr;
    await lab().server.reconfigure(withReservation({ 'hw-address': client.mac, 'ip-address': '10.1.0.20' }));
    assert.equal((await client.lease()).yiaddr, '10.1.0.20');
    await lab().untilFree(old);
  });

  rule('a client that gets a reservation is refused its old address when it renews', {}, async () => {
    const client = lab().client();
    const old = (await client.lease()).yiaddr;
    await lab().server.reconfigure(withReservation({ 'hw-address': client.mac, 'ip-address': '10.1.0.21' }));
    lab().link.haveAddress(old, client.mac);
    await client.exchange(TYPE.request, TYPE.nak, { ciaddr: old });
    assert.equal((await client.lease()).yiaddr, '10.1.0.21');
  });

  rule('a reservation that is taken away: its client keeps no claim to an address outside the pool', {}, async () => {
    const client = lab().client();
    await lab().server.reconfigure(withReservation({ 'hw-address': client.mac, 'ip-address': '10.1.0.22' }));
    assert.equal((await client.lease()).yiaddr, '10.1.0.22');
    await lab().server.reconfigure(withReservation());
    assert.match((await client.lease()).yiaddr, /^10\.1\.0\.1\d\d$/);
  });
});

conformance(
  'Reservations by flex-id',
  {
    'valid-lifetime': 3600,
    'host-reservation-identifiers': ['flex-id'],
    'hooks-libraries': [
      {
        library: '/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_flex_id.so',
        parameters: { 'identifier-expression': 'option[60].hex' },
      },
    ],
    subnet4: [subnet(1, 50, { reservations: [{ 'flex-id': "'phone-17'", 'ip-address': '10.1.0.17' }] })],
  },
  (lab) => {
    rule('the value of the expression finds the reservation', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [option.text(OPT.vendorClassId, 'phone-17')] });
      assert.equal(ack.yiaddr, '10.1.0.17');
    });
  },
  { lacks: { kea: 'flex_id was not free software in 2.2' } },
);

conformance(
  'Reservations of one address for several clients (ip-reservations-unique false)',
  {
    'valid-lifetime': 3600,
    'ip-reservations-unique': false,
    subnet4: [
      subnet(1, 50, {
        reservations: [
          { 'hw-address': '02:11:00:00:01:01', 'ip-address': '10.1.0.30' },
          { 'hw-address': '02:11:00:00:01:02', 'ip-address': '10.1.0.30' },
        ],
      }),
    ],
  },
  (lab) => {
    rule('whoever of them comes first has it; the other gets it after the release', {}, async () => {
      const docked = lab().client({ mac: '02:11:00:00:01:01' });
      const wireless = lab().client({ mac: '02:11:00:00:01:02' });
      assert.equal((await docked.lease()).yiaddr, '10.1.0.30');
      assert.match((await wireless.lease()).yiaddr, /^10\.1\.0\.1\d\d$/);
      docked.release('10.1.0.30');
      await lab().untilFree('10.1.0.30');
      assert.equal((await wireless.lease()).yiaddr, '10.1.0.30');
    });
  },
);
