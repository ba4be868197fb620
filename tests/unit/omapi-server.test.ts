/** The OMAPI server through its socket: sessions and keys, leases, hosts, groups, control. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, describe, it } from 'node:test';
import { decodeMessage4, encodeMessage4, type Message4 } from '@lessor/dhcp';
import {
  Authenticator,
  authenticatorRequest,
  deleteRequest,
  type Entry,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  encodeUint32,
  type OmapiClient,
  Op,
  omapiMessage,
  openRequest,
  PermissionError,
  type Request,
  Result,
  readStatus,
  StatementsError,
} from '@lessor/omapi';
import { freeUdpPort } from '../lib/ports.js';
import { PATIENCE_MS } from '../lib/until.js';
import { KEY, OmapiServerLab, Raw, SUBNET } from './omapi-server-lab.js';

const SINCE = 1_790_000_000;
const FAR_AWAY = 2_114_380_800;
const LEASES = [
  {
    address: '10.77.0.100',
    hwAddress: '02:00:00:00:01:00',
    clientId: '01:02:00:00:00:01:00',
    hostname: 'alpha-pc',
    startsSec: SINCE,
    endsSec: FAR_AWAY,
  },
  { address: '10.77.0.101', hwAddress: '02:00:00:00:01:01', startsSec: SINCE, endsSec: FAR_AWAY },
  { address: '10.77.0.102', hwAddress: '02:00:00:00:01:02', startsSec: SINCE, endsSec: FAR_AWAY },
  { address: '10.77.0.103', hwAddress: '02:00:00:00:01:03', startsSec: SINCE, endsSec: FAR_AWAY },
  { address: '10.77.0.108', hwAddress: '02:00:00:00:01:08', startsSec: SINCE, endsSec: FAR_AWAY },
  { address: '10.77.0.109', hwAddress: '02:00:00:00:01:08', startsSec: SINCE, endsSec: FAR_AWAY },
];

const authenticator = new Authenticator(KEY);
const text = (name: string, value: string): Entry => [name, Buffer.from(value)];
const leaseAt = (address: string): Request =>
  openRequest('lease', [['ip-address', Uint8Array.from(address.split('.').map(Number))]]);

async function opened(raw: Raw): Promise<number> {
  const answer = await raw.ask(authenticatorRequest(authenticator));
  assert.equal(answer?.op, Op.update);
  return answer!.handle;
}

describe('omapi sessions', () => {
  let lab: OmapiServerLab;
  before(async () => {
    lab = await OmapiServerLab.start({
      leases: LEASES,
      keys: [
        { ...KEY, rights: ['read', 'hosts', 'leases'] },
        { ...KEY, name: 'reader', rights: ['read'] },
      ],
      omapi: { 'allowed-sources': ['127.0.0.1'], limits: { 'request-timeout': 3 } },
    });
  });
  after(() => lab.server.stop());

  it('serves who signs', async () => {
    const raw = await Raw.to(lab.port);
    const authid = await opened(raw);
    const answer = await raw.ask(leaseAt('10.77.0.100'), { authid }, authenticator);
    assert.equal(answer?.op, Op.update);
    assert.equal(answer?.authid, authid);
    assert.equal(answer?.signature.length, 32);
    raw.drop();
  });

  it('never performs an unsigned message under the authid of a key', async () => {
    const raw = await Raw.to(lab.port);
    const authid = await opened(raw);
    const create = openRequest(
      'host',
      [text('name', 'evil'), ['hardware-address', Buffer.from('020000000666', 'hex')]],
      {
        create: true,
      },
    );
    const answer = await raw.ask(create, { authid });
    assert.equal(readStatus(answer!)?.result, Result.INVALIDKEY);
    assert.equal(answer?.authid, 0);
    assert.ok(!(await lab.settledConfig()).includes('evil'));
    // The connection is still good for who signs.
    assert.equal((await raw.ask(leaseAt('10.77.0.100'), { authid }, authenticator))?.op, Op.update);
    raw.drop();
  });

  it('refuses wrong, short and foreign signatures', async () => {
    const raw = await Raw.to(lab.port);
    const authid = await opened(raw);
    const octets = encodeSigned(omapiMessage({ ...leaseAt('10.77.0.100'), tid: 9, authid }), authenticator);
    octets[octets.length - 1]! ^= 1;
    raw.send(octets);
    assert.equal(readStatus((await raw.next())!)?.result, Result.INVALIDKEY);
    const other = new Authenticator({ ...KEY, secret: 'b3RoZXI=' });
    assert.equal(readStatus((await raw.ask(leaseAt('10.77.0.100'), { authid }, other))!)?.result, Result.INVALIDKEY);
    raw.drop();
  });

  it('wants a key for everything else', async () => {
    const raw = await Raw.to(lab.port);
    for (const request of [leaseAt('10.77.0.100'), deleteRequest(1), openRequest('control', [])]) {
      const status = readStatus((await raw.ask(request))!);
      assert.deepEqual(status, { result: Result.NOKEYS, text: 'No authenticator on message' });
    }
    raw.drop();
  });

  it('closes on what is no OMAPI, and answers before that what it owes', async () => {
    const http = await Raw.to(lab.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    assert.equal(await http.next(), undefined);
    const unknown = await Raw.to(lab.port);
    assert.equal(await unknown.ask(leaseAt('10.77.0.100'), { authid: 4711 }), undefined);
    const raw = await Raw.to(lab.port);
    const key = encodeMessage(omapiMessage({ ...authenticatorRequest(authenticator), tid: 5 }));
    raw.send(Buffer.concat([key, Buffer.alloc(200, 0xff)]));
    assert.equal((await raw.next())?.op, Op.update);
    assert.equal(await raw.next(), undefined);
  });

  it('closes on reserved parameters, empty ones too, and on answers to nothing', async () => {
    for (const name of ['object', 'notify-object', 'authid', 'op', 'handle', 'id', 'rid']) {
      for (const value of [new Uint8Array(0), encodeUint32(1)]) {
        const raw = await Raw.to(lab.port);
        assert.equal(await raw.ask({ ...openRequest('host', []), message: [[name, value]] }), undefined, name);
      }
    }
    const raw = await Raw.to(lab.port);
    assert.equal(await raw.ask(leaseAt('10.77.0.100'), { rid: 7 }), undefined);
  });

  it('takes no long message from who has proved nothing', async () => {
    const raw = await Raw.to(lab.port);
    raw.send(Buffer.concat([Buffer.alloc(24), Buffer.from('000178ffffffff', 'hex')]));
    assert.equal(await raw.next(), undefined);
    const proved = await Raw.to(lab.port);
    const authid = await opened(proved);
    await proved.ask(leaseAt('10.77.0.100'), { authid }, authenticator);
    const long = openRequest('host', [text('name', 'x'.repeat(60_000))]);
    assert.equal(readStatus((await proved.ask(long, { authid }, authenticator))!)?.result, Result.NOTFOUND);
    proved.drop();
  });

  it('does not wait for ever', async () => {
    const silent = await Raw.to(lab.port, new Uint8Array(0));
    const slow = await Raw.to(lab.port);
    const drip = setInterval(() => slow.send(Uint8Array.of(0)), 300);
    try {
      assert.equal(await silent.next(), undefined);
      assert.equal(await slow.next(), undefined);
    } finally {
      clearInterval(drip);
    }
  });

  it('turns other sources away before it reads', async () => {
    const raw = await Raw.to(lab.port, encodeStartup(), '127.0.0.2');
    assert.equal(await raw.next(), undefined);
    assert.ok(lab.logger.lines.some(({ id }) => id === 'LESSOR_CONNECTION_REFUSED'));
  });

  it('answers what it has read when the other side half-closes', async () => {
    const raw = await Raw.to(lab.port);
    const pending = raw.ask(authenticatorRequest(authenticator));
    raw.half();
    assert.equal((await pending)?.op, Op.update);
    assert.equal(await raw.next(), undefined);
  });

  it('does not let a reader write', async () => {
    const client = lab.client({ ...KEY, name: 'reader' });
    const lease = await client.open('lease', { ipAddress: '10.77.0.100' });
    await assert.rejects(() => lease.update({ state: 'free' }), PermissionError);
    await assert.rejects(() => client.addHost('10.77.0.30', '02:00:00:00:00:30'), PermissionError);
    const control = await client.open('control', {});
    await assert.rejects(() => control.update({ state: 'shutdown' }), PermissionError);
    client.close();
  });
});

describe('omapi objects', () => {
  let lab: OmapiServerLab;
  let client: OmapiClient;
  before(async () => {
    lab = await OmapiServerLab.start({ leases: LEASES });
    client = lab.client();
  });
  after(async () => {
    client.close();
    await lab.server.stop();
  });

  it('shows a lease in dhcpd’s terms and order', async () => {
    const lease = await client.open('lease', { ipAddress: '10.77.0.100' });
    assert.deepEqual(
      [...lease.attributes.keys()],
      [
        'state',
        'ip-address',
        'dhcp-client-identifier',
        'client-hostname',
        'subnet',
        'pool',
        'hardware-address',
        'hardware-type',
        'ends',
        'starts',
        'tstp',
        'tsfp',
        'atsfp',
        'cltt',
        'flags',
      ],
    );
    assert.equal(lease.values.state, 'active');
    assert.equal(lease.values.clientHostname, 'alpha-pc');
    assert.equal(lease.values.ends, FAR_AWAY);
    assert.equal(lease.values.starts, SINCE);
    const unused = await client.open('lease', { ipAddress: '10.77.0.119' });
    assert.equal(unused.values.state, 'free');
    assert.equal(unused.values.ends, 0);
  });

  it('finds a lease by each key, and says when there are several or none', async () => {
    for (const keys of [
      { dhcpClientIdentifier: '01:02:00:00:00:01:00' },
      { hardwareAddress: '02:00:00:00:01:00' },
      { clientHostname: 'alpha-pc' },
      { ipAddress: '10.77.0.100', hardwareAddress: '02:00:00:00:01:00' },
    ]) {
      assert.equal((await client.open('lease', keys)).values.ipAddress, '10.77.0.100');
    }
    const codes = async (keys: Parameters<typeof client.open<'lease'>>[1]) => {
      try {
        await client.open('lease', keys);
        return 'found';
      } catch (error) {
        return (error as { resultName?: string }).resultName;
      }
    };
    assert.equal(await codes({ hardwareAddress: '02:00:00:00:01:08' }), 'MULTIPLE');
    assert.equal(await codes({ hardwareAddress: '02:00:00:00:09:09' }), 'NOTFOUND');
    assert.equal(await codes({ ipAddress: '10.77.0.99' }), 'NOTFOUND');
    assert.equal(await codes({ ipAddress: '10.77.0.101', hardwareAddress: '02:00:00:00:01:00' }), 'KEYCONFLICT');
    assert.equal(await codes({}), 'NOTIMPLEMENTED');
  });

  it('frees leases by state and by end, durably, and prolongs them', async () => {
    const freed = await client.open('lease', { ipAddress: '10.77.0.101' });
    await freed.update({ state: 'released' });
    assert.equal((await freed.refresh()).values.state, 'free');
    const ended = await client.open('lease', { ipAddress: '10.77.0.102' });
    await ended.update({ ends: 0 });
    assert.equal((await ended.refresh()).values.state, 'free');
    const prolonged = await client.open('lease', { ipAddress: '10.77.0.103' });
    await prolonged.update({ ends: FAR_AWAY + 5 });
    const { values } = await prolonged.refresh();
    assert.deepEqual([values.state, values.ends], ['active', FAR_AWAY + 5]);
    await assert.rejects(() => prolonged.update({ state: 'backup' }), PermissionError);
  });

  it('changes all attributes of a lease or none, and bears empty and odd values', async () => {
    const lease = await client.open('lease', { ipAddress: '10.77.0.100' });
    for (const [name, value] of [
      ['state', ''],
      ['ends', ''],
      ['flags', ''],
      ['state', '01'],
      ['state', '00000008'],
      ['starts', '00000001'],
      ['subnet', '00000001'],
      ['no-such', '00000001'],
      ['hardware-address', '020000000999'],
    ] as const) {
      const entries: Entry[] = [
        ['state', encodeUint32(1)],
        [name, Buffer.from(value, 'hex')],
      ];
      if (name === 'state') entries.shift();
      await assert.rejects(() => lease.update(entries), name);
      assert.equal((await lease.refresh()).values.state, 'active', name);
    }
  });

  it('keeps hosts with name, statements and group through a restart, and shows them to Kea', async () => {
    await client.addGroup('lab', 'option domain-name "lab.example";');
    const host = await client.createHost({
      name: 'web1',
      hardwareAddress: '02:00:00:00:00:21',
      ipAddress: '10.77.0.21',
      group: 'lab',
      statements: 'filename "pxelinux.0"; next-server 10.77.0.9; option routers 10.77.0.1; option host-name "web1";',
    });
    assert.deepEqual(host.values.ipAddress, ['10.77.0.21']);
    const [reservation] = JSON.parse(await lab.settledConfig()).Dhcp4.subnet4[0].reservations;
    assert.equal(reservation['ip-address'], '10.77.0.21');
    assert.equal(reservation['boot-file-name'], 'pxelinux.0');
    assert.deepEqual(reservation['client-classes'], ['lab']);
    client.close();
    lab = await lab.restart();
    client = lab.client();
    const again = await client.open('host', { name: 'web1' });
    assert.equal(again.values.hardwareAddress, '02:00:00:00:00:21');
    assert.equal(again.values.group, 'lab');
    assert.match(again.values.statements!, /pxelinux/);
    await again.update({ ipAddress: '10.77.0.22', name: 'web2' });
    const moved = await client.open('host', { ipAddress: '10.77.0.22' });
    assert.equal(moved.values.name, 'web2');
    const [changed] = JSON.parse(await lab.settledConfig()).Dhcp4.subnet4[0].reservations;
    assert.equal(changed['boot-file-name'], 'pxelinux.0');
    assert.equal(changed['next-server'], '10.77.0.9');
    await moved.delete();
    await assert.rejects(() => moved.refresh(), /not found/);
    assert.deepEqual(JSON.parse(await lab.settledConfig()).Dhcp4.subnet4[0].reservations, []);
  });

  it('refuses statements it does not understand, and makes nothing', async () => {
    const create = client.createHost({
      name: 'bad',
      hardwareAddress: '02:00:00:00:00:77',
      statements: 'filename "a"; on commit { log("x"); }',
    });
    await assert.rejects(create, (error: StatementsError) => {
      assert.ok(error instanceof StatementsError);
      assert.match(error.serverText ?? '', /on commit/);
      return true;
    });
    await assert.rejects(() => client.open('host', { name: 'bad' }), /not found/);
  });

  it('knows what exists', async () => {
    await client.addHost('10.77.0.40', '02:00:00:00:00:40');
    await assert.rejects(() => client.addHost('10.77.0.41', '02:00:00:00:00:40'), /already exists/);
    await assert.rejects(() => client.addHost('10.77.0.40', '02:00:00:00:00:41'), /already exists/);
    await client.delHost('02:00:00:00:00:40');
  });

  it('has no failover, and no objects of types it does not know', async () => {
    await assert.rejects(() => client.open('failover-state', { name: 'fo' }), /not found/);
    await assert.rejects(() => client.open('class', { name: 'x' }), /not found/);
  });
});

describe('omapi without keys', () => {
  it('serves loopback when told so, and does not stop for anybody', async () => {
    const lab = await OmapiServerLab.start({ keys: [], leases: LEASES });
    const client = lab.client(undefined);
    try {
      const bare = await Raw.to(lab.port);
      assert.equal((await bare.ask(leaseAt('10.77.0.100')))?.op, Op.update);
      const control = await bare.ask(openRequest('control', []));
      const shutdown = {
        op: Op.update,
        handle: control!.handle,
        message: [],
        object: [['state', encodeUint32(2)]],
      } as const;
      assert.equal(readStatus((await bare.ask(shutdown))!)?.result, Result.NOPERM);
      bare.drop();
    } finally {
      client.close();
      await lab.server.stop();
    }
  });
});

describe('omapi shutdown', () => {
  it('is answered before it happens', async () => {
    const lab = await OmapiServerLab.start({ dhcp4: { subnet4: [SUBNET] } });
    const client = lab.client();
    const control = await client.open('control', {});
    assert.equal(control.values.state, 'running');
    await control.update({ state: 'shutdown' });
    assert.equal(await lab.server.finished, 0);
    client.close();
  });
});

describe('omapi and DHCP', () => {
  let dhcpPort: number;
  let lab: OmapiServerLab;
  let client: OmapiClient;
  before(async () => {
    dhcpPort = await freeUdpPort();
    lab = await OmapiServerLab.start({
      serverPort: dhcpPort,
      dhcp4: {
        subnet4: [{ ...SUBNET, interface: 'lo', 'option-data': [{ name: 'routers', data: '10.77.0.1' }] }],
        'interfaces-config': { interfaces: ['lo'], 'dhcp-socket-type': 'udp' },
      },
    });
    client = lab.client();
  });
  after(async () => {
    client.close();
    await lab.server.stop();
  });

  /** A client on loopback that asks for everything a statement may say. */
  async function ask(
    type: number,
    more: readonly { code: number; data: Uint8Array }[] = [],
    patienceMs = PATIENCE_MS,
  ): Promise<Message4> {
    const socket = createSocket('udp4');
    const { octets } = encodeMessage4({
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
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, 0x51),
      options: [
        { code: 53, data: Uint8Array.of(type) },
        ...more,
        { code: 55, data: Uint8Array.of(3, 12, 15, 66, 67, 150) },
      ],
    });
    try {
      return await new Promise((resolve, reject) => {
        socket.once('message', (answer) => resolve(decodeMessage4(answer)));
        socket.once('error', reject);
        setTimeout(() => reject(new Error('no answer')), patienceMs).unref();
        socket.send(octets, dhcpPort, '127.0.0.1');
      });
    } finally {
      socket.close();
    }
  }

  it('agree on a host from its creation to its end', async () => {
    assert.ok(((await ask(1)).yiaddr & 0xff) >= 100);
    const host = await client.createHost({
      name: 'pxe1',
      hardwareAddress: '02:00:00:00:00:51',
      ipAddress: '10.77.0.51',
      statements: `filename "pxelinux.0"; next-server 10.77.0.9; option host-name "pxe1"; option domain-name "lab.example";
        option tftp-server-name "tftp"; option routers 10.77.0.254; option option-150 = 0a:4d:00:09;`,
    });
    const offer = await ask(1);
    assert.equal(offer.yiaddr, 0x0a4d0033);
    assert.equal(offer.siaddr, 0x0a4d0009);
    assert.match(Buffer.from(offer.file).toString('latin1'), /^pxelinux\.0\0/);
    const options = [12, 15, 66, 3, 150].map((code) => offer.octets(code));
    assert.deepEqual(options, ['pxe1', 'lab.example', 'tftp', '\x0a\x4d\x00\xfe', '\x0a\x4d\x00\x09']);
    const requested = { code: 50, data: Uint8Array.of(10, 77, 0, 0x33) };
    const ack = await ask(3, [requested, { code: 54, data: offer.option(54)! }]);
    assert.equal(ack.messageType, 5);
    const lease = await client.open('lease', { hardwareAddress: '02:00:00:00:00:51' });
    assert.equal(lease.values.ipAddress, '10.77.0.51');
    assert.equal(lease.values.host, host.handle);
    assert.equal((await client.open('lease', { ipAddress: '10.77.0.51' })).values.state, 'active');
    await host.update({ statements: 'deny booting;' });
    await assert.rejects(() => ask(1, [], 1000), /no answer/);
    await host.delete();
    await lease.update({ state: 'free' });
    assert.equal((await lease.refresh()).values.state, 'free');
    assert.ok(((await ask(1)).yiaddr & 0xff) >= 100);
  });
});

describe('omapi and another configuration', () => {
  it('closes connections when a key goes, keeps them when nothing of theirs changes', async () => {
    const lab = await OmapiServerLab.start({ leases: LEASES });
    try {
      const raw = await Raw.to(lab.port);
      const authid = await opened(raw);
      await lab.server.reload();
      assert.equal((await raw.ask(leaseAt('10.77.0.100'), { authid }, authenticator))?.op, Op.update);
      const { port } = lab;
      lab.changeConfig((text) => text.replace(KEY.secret, 'YW5vdGhlcg=='));
      await lab.server.reload();
      assert.equal(await raw.next(), undefined);
      const other = lab.client({ ...KEY, secret: 'YW5vdGhlcg==' });
      assert.equal((await other.open('lease', { ipAddress: '10.77.0.100' })).values.state, 'active');
      assert.equal(lab.port, port);
      other.close();
      lab.changeConfig((text) => text.replace('"omapi": {', '"switched-off": {'));
      await lab.server.reload();
      await assert.rejects(() => Raw.to(port));
    } finally {
      await lab.server.stop();
    }
  });
});
