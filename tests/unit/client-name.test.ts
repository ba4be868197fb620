import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFqdn, NO_NAME, nameClient, withGeneratedName } from 'lessor/internal/domain/client-name.js';
import type { DdnsBehaviour } from 'lessor/internal/domain/ddns/behaviour.js';
import { ip, PacketLab } from '../lib/packet-lab.js';

const behaviour: DdnsBehaviour = {
  sendUpdates: true,
  overrideNoUpdate: false,
  overrideClientUpdate: false,
  replaceClientName: 'never',
  generatedPrefix: 'myhost',
  qualifyingSuffix: '',
  updateOnRenew: false,
  conflictResolution: 'check-with-dhcid',
  ttl: {},
  hostnameCharSet: /[^A-Za-z0-9.-]/g,
  hostnameCharReplacement: '',
};
const request = { hostName: undefined, fqdn: undefined, reservedName: '', behaviour, updatesEnabled: false };
const wireFqdn = (flags: number, name: string, full: boolean): Uint8Array =>
  Uint8Array.from([
    flags,
    0,
    0,
    ...name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]),
    ...(full ? [0] : []),
  ]);

test('a host name is lower-cased, and told back in option 12', () => {
  const name = nameClient({ ...request, hostName: 'Laptop-7' });
  assert.equal(name.hostname, 'laptop-7');
  assert.equal(name.hostNameOption, 'laptop-7');
  assert.equal(name.fqdnFwd, false);
});

test('a partial name gets the qualifying suffix, a full one does not', () => {
  const qualified = { ...behaviour, qualifyingSuffix: 'example.org' };
  assert.equal(nameClient({ ...request, behaviour: qualified, hostName: 'a' }).hostname, 'a.example.org');
  assert.equal(nameClient({ ...request, behaviour: qualified, hostName: 'a.b.net' }).hostname, 'a.b.net');
});

test('a name of one label is a partial one with a dot behind it, too; none is told with that dot (Kea)', () => {
  const named = (hostName: string, qualifyingSuffix: string) =>
    nameClient({ ...request, behaviour: { ...behaviour, qualifyingSuffix }, hostName }).hostNameOption;
  assert.equal(named('host.', ''), 'host');
  assert.equal(named('host.', 'example.org'), 'host');
  assert.equal(named('host.net', 'example.org'), 'host.net');
});

test('a suffix that is there is not added again, and the root is a wish for a name (Kea)', () => {
  const qualified = { ...behaviour, qualifyingSuffix: 'example.org.' };
  const reserved = (reservedName: string) => nameClient({ ...request, behaviour: qualified, reservedName }).hostname;
  assert.equal(reserved('a.example.org'), 'a.example.org');
  assert.equal(reserved('a.barexample.org'), 'a.barexample.org.example.org');
  assert.equal(nameClient({ ...request, hostName: '.' }).generated, true);
});

test('characters outside the set are replaced; a name that has none left is no name (CVE-2025-11232)', () => {
  assert.equal(nameClient({ ...request, hostName: 'we?ird_host' }).hostname, 'weirdhost');
  assert.equal(nameClient({ ...request, hostName: '???' }).hostname, '');
  const replaced = { ...behaviour, hostnameCharReplacement: 'x' };
  assert.equal(nameClient({ ...request, behaviour: replaced, hostName: 'a_b' }).hostname, 'axb');
});

test('a label of which nothing is left spoils the name', () => {
  assert.equal(nameClient({ ...request, hostName: '???.net' }).hostname, '');
  assert.equal(nameClient({ ...request, fqdn: wireFqdn(0b0101, '???.net', true) }).hostname, '');
});

test('a set that has the dot in it joins the labels of option 12, not those of option 81 (Kea)', () => {
  const dotless = { ...behaviour, hostnameCharSet: /[^A-Za-z0-9-]/g };
  assert.equal(nameClient({ ...request, behaviour: dotless, hostName: 'a.b_c' }).hostname, 'abc');
  const fqdn = wireFqdn(0b0101, 'a.b_c', true);
  assert.equal(nameClient({ ...request, behaviour: dotless, fqdn }).hostname, 'a.bc.');
});

test('a malformed name is none, not one to replace', () => {
  const replaced = { ...behaviour, replaceClientName: 'when-present' as const };
  assert.deepEqual(nameClient({ ...request, behaviour: replaced, hostName: 'a..b' }), NO_NAME);
});

test('a reserved name wins over what the client says', () => {
  assert.equal(nameClient({ ...request, hostName: 'x', reservedName: 'Printer' }).hostname, 'printer');
});

test('names that break the rules of RFC 1035 are not kept', () => {
  for (const hostName of ['.', 'a..b', `${'x'.repeat(64)}`, ''])
    assert.equal(nameClient({ ...request, hostName }).hostname, '');
});

test('a generated name is made from the address', () => {
  const always = { ...behaviour, replaceClientName: 'always' as const, qualifyingSuffix: 'example.org' };
  const name = withGeneratedName(nameClient({ ...request, behaviour: always, hostName: 'x' }), 0xc0000201, always);
  assert.equal(name.hostname, 'myhost-192-0-2-1.example.org');
  assert.equal(name.hostNameOption, 'myhost-192-0-2-1.example.org');
});

/** RFC 4702 §4: client's S and N, updates enabled, overrides; then the server's S, O, N. */
const flagRows: [string, number, Partial<DdnsBehaviour>, boolean, number][] = [
  ['S asked and granted', 0b0101, {}, true, 0b0101],
  ['S asked, updates off: the server says N and that it overrode', 0b0101, {}, false, 0b1110],
  ['nothing asked: the server does the reverse update', 0b0100, {}, true, 0b0100],
  ['nothing asked, override: the server does both', 0b0100, { overrideClientUpdate: true }, true, 0b0111],
  ['N asked and respected', 0b1100, {}, true, 0b1100],
  ['N asked and overridden', 0b1100, { overrideNoUpdate: true }, true, 0b0111],
];
for (const [name, flags, change, updatesEnabled, expected] of flagRows) {
  test(`option 81: ${name}`, () => {
    const named = nameClient({
      ...request,
      behaviour: { ...behaviour, ...change },
      updatesEnabled,
      fqdn: wireFqdn(flags, 'Host.Example.org', true),
    });
    assert.equal(named.fqdn?.flags, expected);
    assert.equal(named.hostname, 'host.example.org.');
  });
}

test('option 81 with both N and S, or with a broken name, yields no name', () => {
  assert.equal(nameClient({ ...request, fqdn: wireFqdn(0b1101, 'a', true) }).hostname, '');
  assert.equal(nameClient({ ...request, fqdn: Uint8Array.of(4, 0, 0, 9, 1) }).hostname, '');
});

test('option 81 is written in the form the client used', () => {
  assert.deepEqual([...encodeFqdn(0b0100, 'a.bc.')], [4, 255, 255, 1, 97, 2, 98, 99, 0]);
  assert.deepEqual([...encodeFqdn(0, 'a.')], [0, 255, 255, 97, 46]);
});

test('a reservation may have one name for the client and another for the DNS (dhcpd: ddns-hostname)', async () => {
  const lab = await PacketLab.open({
    'dhcp-ddns': { 'enable-updates': true },
    'ddns-qualifying-suffix': 'example.org',
    subnet4: [
      {
        id: 1,
        subnet: '192.0.2.0/24',
        pools: [{ pool: '192.0.2.100 - 192.0.2.110' }],
        reservations: [
          {
            'hw-address': '02:00:00:00:00:10',
            'ip-address': '192.0.2.7',
            hostname: 'told',
            'user-context': { lessor: { 'ddns-hostname': 'entered' } },
          },
        ],
      },
    ],
  });
  const { message } = await lab.lease();
  assert.equal(Buffer.from(message.option(12)!).toString(), 'told');
  assert.equal(lab.ledger.leases.getByAddress(ip('192.0.2.7'))!.hostname, 'entered.example.org');
});
