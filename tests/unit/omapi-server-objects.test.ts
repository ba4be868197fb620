/** OMAPI's objects and DHCP: what a host, a group or a class says is what the client gets, and what Kea's commands show. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeMessage4, encodeMessage4, type Message4 } from '@lessor/dhcp';
import type { OmapiClient } from '@lessor/omapi';
import { freeUdpPort } from '../lib/ports.js';
import { PATIENCE_MS } from '../lib/until.js';
import { OmapiServerLab, SUBNET } from './omapi-server-lab.js';

const DHCP_PORT = await freeUdpPort();
const MAC = '02:00:00:00:00:';

/** What a client asks with. */
interface Asking {
  readonly type?: number;
  readonly clientId?: string;
  readonly options?: Readonly<Record<number, string>>;
  readonly wanted?: readonly number[];
}

/** A client on loopback, known by the last octet of its hardware address. */
async function ask(client: number, { type = 1, clientId, options = {}, wanted = [] }: Asking = {}): Promise<Message4> {
  const socket = createSocket('udp4');
  const octets = (text: string) => Buffer.from(text, 'latin1');
  const message = encodeMessage4({
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 7,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: Uint8Array.of(2, 0, 0, 0, 0, client),
    options: [
      { code: 53, data: Uint8Array.of(type) },
      ...(clientId === undefined ? [] : [{ code: 61, data: octets(clientId) }]),
      ...Object.entries(options).map(([code, value]) => ({ code: Number(code), data: octets(value) })),
      { code: 55, data: Uint8Array.from([3, 6, 12, 15, 43, 66, 67, ...wanted]) },
    ],
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.once('message', (answer) => resolve(decodeMessage4(answer)));
      socket.once('error', reject);
      setTimeout(() => reject(new Error('no answer')), PATIENCE_MS).unref();
      socket.send(message.octets, DHCP_PORT, '127.0.0.1');
    });
  } finally {
    socket.close();
  }
}

/** Makes a client lease an address (as octets). */
async function lease(client: number, wanted: string, more: Readonly<Record<number, string>> = {}): Promise<void> {
  const offer = await ask(client, { options: { 50: wanted } });
  const ack = await ask(client, { type: 3, options: { ...more, 50: wanted, 54: offer.octets(54)! } });
  assert.equal(ack.messageType, 5);
}

/** Sends one command to Kea's control socket. */
async function command(folder: string, name: string, args: unknown): Promise<{ result: number; arguments?: unknown }> {
  const socket = connect(join(folder, 'kea.sock'));
  socket.end(JSON.stringify({ command: name, arguments: args }));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return JSON.parse(text);
}

/** An address that was offered, as text. */
const address = ({ yiaddr }: Message4) => [24, 16, 8, 0].map((shift) => (yiaddr >>> shift) & 255).join('.');
const file = (message: Message4) => Buffer.from(message.file).toString('latin1').replace(/\0+$/, '');

describe('omapi objects', () => {
  let lab: OmapiServerLab;
  let client: OmapiClient;
  const kea = (name: string, args: unknown) => command(lab.folder, name, args);
  before(async () => {
    lab = await OmapiServerLab.start({
      serverPort: DHCP_PORT,
      dhcp4: {
        subnet4: [
          {
            ...SUBNET,
            interface: 'lo',
            'valid-lifetime': 4000,
            'store-extended-info': true,
            'option-data': [{ name: 'domain-name', data: 'subnet.example' }],
            pools: [
              {
                pool: '10.77.0.100-10.77.0.119',
                'option-data': [{ name: 'domain-name-servers', data: '10.77.0.2' }],
              },
            ],
          },
          { id: 2, subnet: '10.78.0.0/24', pools: [{ pool: '10.78.0.100-10.78.0.119' }] },
        ],
        'option-def': [
          { space: 'SUNW', code: 2, name: 'root-server-ip-address', type: 'ipv4-address' },
          { space: 'SUNW', code: 4, name: 'root-path-name', type: 'string' },
          { space: 'FM_ZTP', code: 1, name: 'config-file-name', type: 'string' },
          { space: 'dhcp4', code: 224, name: 'ztp', type: 'empty', encapsulate: 'FM_ZTP' },
        ],
        'interfaces-config': { interfaces: ['lo'], 'dhcp-socket-type': 'udp' },
        'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'kea.sock' }],
      },
    });
    client = lab.client();
  });
  after(async () => {
    client.close();
    await lab.server.stop();
  });

  it('rank the statements of host, group, pool and subnet as dhcpd does', async () => {
    await client.addGroup(
      'lab',
      'option domain-name "group.example"; option domain-name-servers 10.77.0.3; filename "group"; default-lease-time 500;',
    );
    const host = await client.createHost({
      name: 'a',
      hardwareAddress: `${MAC}0a`,
      ipAddress: '10.77.0.10',
      group: 'lab',
    });
    const grouped = await ask(0x0a);
    assert.deepEqual(
      [grouped.octets(15), grouped.octets(6), file(grouped), grouped.number(51)],
      ['group.example', '\x0a\x4d\x00\x03', 'group', 500],
    );
    await host.update({ statements: 'option domain-name "host.example"; filename "host"; default-lease-time 700;' });
    const own = await ask(0x0a);
    assert.deepEqual(
      [own.octets(15), own.octets(6), file(own), own.number(51)],
      ['host.example', '\x0a\x4d\x00\x03', 'host', 700],
    );
    assert.deepEqual([(await ask(0x77)).octets(15), (await ask(0x77)).number(51)], ['subnet.example', 4000]);
    await host.delete();
  });

  it('bound what a client asks for by the host’s lease times', async () => {
    const statements = 'min-lease-time 100; default-lease-time 200; max-lease-time 300;';
    const host = await client.createHost({
      name: 'times',
      hardwareAddress: `${MAC}0b`,
      statements,
      ipAddress: '10.77.0.11',
    });
    const granted = async (wish: string) => (await ask(0x0b, { options: { 51: wish } })).number(51);
    assert.deepEqual(
      [await granted('\0\0\0\x01'), await granted('\0\0\0\xfa'), await granted('\0\0\xff\xff')],
      [100, 250, 300],
    );
    assert.equal((await ask(0x0b)).number(51), 200);
    await host.delete();
  });

  it('have several addresses and both identifiers, and change them all', async () => {
    let host = await client.createHost({
      name: 'many',
      hardwareAddress: `${MAC}0c`,
      dhcpClientIdentifier: '00:6d:61:6e:79',
      ipAddress: ['10.78.0.12', '10.77.0.12', '10.77.0.13'],
      statements: 'filename "x";',
    });
    assert.deepEqual(host.values.ipAddress, ['10.78.0.12', '10.77.0.12', '10.77.0.13']);
    assert.equal(address(await ask(0x0c)), '10.77.0.12');
    assert.equal(address(await ask(0x99, { clientId: '\0many' })), '10.77.0.12');
    for (const keys of [
      { dhcpClientIdentifier: '00:6d:61:6e:79' },
      { hardwareAddress: `${MAC}0c` },
      { ipAddress: '10.78.0.12' },
      { name: 'many', hardwareAddress: `${MAC}0c` },
    ]) {
      assert.equal((await client.open('host', keys)).handle, host.handle);
    }
    const seen = await kea('reservation-get', {
      'subnet-id': 2,
      'identifier-type': 'client-id',
      identifier: '006D616E79',
    });
    assert.equal((seen.arguments as { 'ip-address': string })['ip-address'], '10.78.0.12');
    await host.update({ hardwareAddress: `${MAC}0d`, name: 'few', ipAddress: '10.77.0.14' });
    host = await host.refresh();
    assert.deepEqual(
      [host.values.name, host.values.hardwareAddress, host.values.ipAddress],
      ['few', `${MAC}0d`, ['10.77.0.14']],
    );
    assert.equal(address(await ask(0x0d)), '10.77.0.14');
    assert.equal(file(await ask(0x0d)), 'x');
    assert.ok((await ask(0x0c)).yiaddr % 256 >= 100);
    await assert.rejects(() => client.open('host', { name: 'many' }), /not found/);
    // All or nothing: an address outside every subnet leaves the rest alone.
    await assert.rejects(
      () => host.update({ name: 'none', ipAddress: ['10.77.0.15', '10.99.0.1'] }),
      /invalid argument/,
    );
    assert.equal((await host.refresh()).values.name, 'few');
    client.close();
    lab = await lab.restart();
    client = lab.client();
    const again = await client.open('host', { dhcpClientIdentifier: '00:6d:61:6e:79' });
    assert.deepEqual(
      [again.values.name, again.values.ipAddress, again.values.statements],
      ['few', ['10.77.0.14'], 'filename "x";'],
    );
    await again.delete();
    assert.ok(!(await lab.settledConfig()).includes('few'));
  });

  it('answer each packet as the conditions of xCAT say', async () => {
    const statements = `if option user-class-identifier = "xNBA" and option client-architecture = 00:00 { always-broadcast on;
        filename = "http://10.77.0.9/nodes/n1"; } else if option client-architecture = 00:07 { filename = "xcat/xnba.efi"; }
        else if substring (option vendor-class-identifier, 0, 11) = "onie_vendor" { option default-url = "http://o/"; }
        else { filename = "pxelinux.0"; } option host-name "n1"; next-server 10.77.0.9;`;
    const host = await client.createHost({
      name: 'n1',
      hardwareAddress: `${MAC}10`,
      ipAddress: '10.77.0.16',
      statements,
    });
    const boot = async (options: Readonly<Record<number, string>>) => {
      const offer = await ask(0x10, { options, wanted: [114] });
      return [file(offer), offer.octets(114), offer.octets(12), offer.siaddr, offer.flags];
    };
    const nextServer = 0x0a4d0009;
    assert.deepEqual(await boot({ 77: 'xNBA', 93: '\0\0' }), [
      'http://10.77.0.9/nodes/n1',
      undefined,
      'n1',
      nextServer,
      0x8000,
    ]);
    assert.deepEqual(await boot({ 77: 'xNBA', 93: '\0\x07' }), ['xcat/xnba.efi', undefined, 'n1', nextServer, 0]);
    assert.deepEqual(await boot({ 60: 'onie_vendor:x' }), ['', 'http://o/', 'n1', nextServer, 0]);
    assert.deepEqual(await boot({}), ['pxelinux.0', undefined, 'n1', nextServer, 0]);
    assert.equal((await host.refresh()).values.statements, statements);
    await host.delete();
  });

  it('send the vendor options of Foreman', async () => {
    const statements = `filename = "pxe"; next-server = 0a:4d:00:09; option SUNW.root-server-ip-address 10.77.0.9;
      option SUNW.root-path-name "/r"; vendor-option-space SUNW; option FM_ZTP.config-file-name = "ztp.cfg";`;
    const host = await client.createHost({
      name: 'sun',
      hardwareAddress: `${MAC}11`,
      ipAddress: '10.77.0.17',
      statements,
    });
    const offer = await ask(0x11, { wanted: [224] });
    assert.equal(offer.octets(43), '\x02\x04\x0a\x4d\x00\x09\x04\x02/r');
    assert.equal(offer.octets(224), '\x01\x07ztp.cfg');
    await host.delete();
  });

  it('put clients into classes by subclasses', async () => {
    await client.addGroup('ring', 'option domain-name "ring.example";');
    await client.addClass('phones', 'ring');
    await client.addSubclass('phones', `01:${MAC}20`);
    await client.addSubclass('phones', `01:${MAC}21`);
    assert.deepEqual([(await ask(0x20)).octets(15), (await ask(0x21)).octets(15)], ['ring.example', 'ring.example']);
    assert.equal((await ask(0x22)).octets(15), 'subnet.example');
    await client.addGroup('loud', 'option domain-name "loud.example";');
    await client.open(
      'subclass',
      { name: 'phones', hashstring: `01:${MAC}22`, group: 'loud' },
      { create: true, exclusive: true },
    );
    assert.equal((await ask(0x22)).octets(15), 'loud.example');
    await client.deleteSubclass('phones', `01:${MAC}20`);
    assert.equal((await ask(0x20)).octets(15), 'subnet.example');
    await assert.rejects(() => client.addSubclass('phones', `01:${MAC}21`), /already exists/);
    await assert.rejects(() => client.addSubclass('phones', '06:02'), /invalid argument/);
    await assert.rejects(() => client.addSubclass('none', `01:${MAC}21`), /not found/);
    client.close();
    lab = await lab.restart();
    client = lab.client();
    assert.equal((await ask(0x21)).octets(15), 'ring.example');
    const names: string[] = [];
    for await (const each of client.list('subclass')) names.push(each.attributes.get('hashstring')!.join('.'));
    assert.deepEqual(names, ['1.2.0.0.0.0.33', '1.2.0.0.0.0.34']);
    await client.deleteClass('phones');
    assert.equal((await ask(0x22)).octets(15), 'subnet.example');
    assert.ok(!(await lab.settledConfig()).includes('phones'));
  });

  it('list hosts, groups, classes and leases', async () => {
    for (let n = 0; n < 130; n++) {
      const octet = n.toString(16).padStart(2, '0');
      await client.createHost({
        name: `h${n}`,
        hardwareAddress: `02:00:00:00:01:${octet}`,
        ipAddress: `10.78.0.${n + 120}`,
      });
    }
    const hosts: (string | undefined)[] = [];
    for await (const host of client.hosts()) {
      hosts.push(host.values.name);
      if (hosts.length === 1) assert.equal((await host.refresh()).values.name, host.values.name);
    }
    assert.deepEqual(
      hosts,
      Array.from({ length: 130 }, (_, n) => `h${n}`),
    );
    const groups: (string | undefined)[] = [];
    for await (const { values } of client.groups()) groups.push(`${values.name}: ${values.statements}`);
    assert.ok(groups.includes('ring: option domain-name "ring.example";'), groups.join());
    await lease(0x42, '\x0a\x4d\x00\x69');
    const leases: (string | undefined)[] = [];
    for await (const { values } of client.allLeases()) leases.push(values.ipAddress);
    assert.deepEqual(leases, ['10.77.0.105']);
    for await (const { values } of client.list('interface')) assert.deepEqual(values, { name: 'lo', state: 'up' });
  });

  it('show Kea’s reservations as hosts with statements, and change them', async () => {
    await kea('reservation-add', {
      reservation: {
        'subnet-id': 1,
        'hw-address': `${MAC}50`,
        'ip-address': '10.77.0.80',
        hostname: 'fromkea',
        'boot-file-name': 'kea"file',
        'next-server': '10.77.0.9',
        'option-data': [{ name: 'routers', data: '10.77.0.1' }],
      },
    });
    const host = await client.open('host', { name: 'fromkea' });
    assert.equal(
      host.values.statements,
      'filename "kea\\"file"; next-server 10.77.0.9; option host-name "fromkea"; option routers = 0a:4d:00:01;',
    );
    await host.update({ statements: `${host.values.statements} server-name "s";` });
    const { arguments: changed } = await kea('reservation-get', { 'subnet-id': 1, 'ip-address': '10.77.0.80' });
    assert.equal((changed as Record<string, unknown>)['server-hostname'], 's');
    assert.equal((changed as Record<string, unknown>)['boot-file-name'], 'kea"file');
    await kea('reservation-del', { 'subnet-id': 1, 'ip-address': '10.77.0.80' });
    await assert.rejects(() => host.refresh(), /not found/);
  });

  it('keep variables, flags and states of leases, for DHCP at once', async () => {
    await lease(0x60, '\x0a\x4d\x00\x6a');
    const held = await client.open('lease', { ipAddress: '10.77.0.106' });
    await held.update([['my-var', Buffer.from('hello')]]);
    await held.update([['other', Uint8Array.of(0, 255)]]);
    let now = await held.refresh();
    assert.deepEqual(
      [...now.others].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
      [
        ['other', '\0\xff'],
        ['my-var', 'hello'],
      ],
    );
    await held.update([['other', new Uint8Array(0)]]);
    await held.update({ flags: 4 });
    now = await held.refresh();
    assert.deepEqual([now.values.flags, [...now.others.keys()]], [4, ['my-var']]);
    await held.update({ state: 'free' });
    assert.equal((await held.refresh()).values.state, 'free');
    // Nobody else gets a reserved address; its client does.
    assert.equal(address(await ask(0x60)), '10.77.0.106');
    assert.notEqual(address(await ask(0x61, { options: { 50: '\x0a\x4d\x00\x6a' } })), '10.77.0.106');
    await held.update({ flags: 0 });
    await held.update({ state: 'abandoned' });
    assert.equal((await held.refresh()).values.state, 'abandoned');
    assert.notEqual(address(await ask(0x60)), '10.77.0.106');
    const { arguments: seen } = await kea('lease4-get', { 'ip-address': '10.77.0.106' });
    assert.equal((seen as { state: number }).state, 1);
    await assert.rejects(() => held.update({ flags: 2 }), /permission denied/);
  });

  it('show the vendor class and what the relay agent said', async () => {
    await lease(0x63, '\x0a\x4d\x00\x6b', { 60: 'MSFT 5.0', 82: '\x01\x03eth\x02\x02ab' });
    const { attributes } = await client.open('lease', { ipAddress: '10.77.0.107' });
    const said = ['vendor-class-identifier', 'agent.circuit-id', 'agent.remote-id'].map((name) =>
      Buffer.from(attributes.get(name) ?? []).toString(),
    );
    assert.deepEqual(said, ['MSFT 5.0', 'eth', 'ab']);
  });
});
