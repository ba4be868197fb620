/**
 * A machine is provisioned: a host is made with ISC's omshell, unmodified clients boot by DHCP and get what it says, the
 * leases are looked up, the host is deleted, the lease is freed, and the next boot is an ordinary one.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { type Arrival, Link } from '../lib/link.js';
import { Netns, Switch } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { OPT, optionData, TYPE, type WireMessage } from '../lib/wire.js';
import { type ClientName, RealClient } from './real-clients.js';

const OMSHELL = '/usr/bin/omshell';
const NAMES: readonly ClientName[] = ['dhclient', 'udhcpc'];
const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

const skip =
  subject.skipReason() ||
  (subject.name === 'lessor' ? false : 'only lessor has OMAPI in a configuration of this kind') ||
  (existsSync(OMSHELL) ? false : 'peer missing: omshell (apt install isc-dhcp-server)') ||
  skipUnless(...NAMES);

describe('Provisioning through OMAPI', { skip }, () => {
  let network: Switch;
  let host: Netns;
  let server: Server;
  let wire: Link;
  const machines: RealClient[] = [];
  const seen: Arrival[] = [];

  before(async () => {
    network = new Switch();
    host = Netns.create();
    network.plug(host, 'lan0');
    host.ip('address add 10.50.0.1/24 dev lan0');
    for (const name of NAMES) machines.push(new RealClient(name, network));
    server = new Server(host);
    server.configure({
      'valid-lifetime': 600,
      subnet4: [{ id: 1, subnet: '10.50.0.0/24', pools: [{ pool: '10.50.0.100 - 10.50.0.199' }] }],
      'user-context': {
        lessor: {
          omapi: { listeners: [{}], keys: [{ name: 'k', secret: SECRET }], 'allowed-sources': ['127.0.0.1'] },
        },
      },
    });
    await server.start();
    wire = await Link.open(host, 'lan0', true);
    wire.listen((arrival) => seen.push(arrival));
  });

  after(async () => {
    for (const machine of machines) machine.close();
    wire?.close();
    await server?.close();
    for (const each of [host, network]) each?.destroy();
  });

  /** What omshell prints when it is given these lines on the server's machine. */
  function omshell(lines: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = host.spawn([OMSHELL], { stdio: ['pipe', 'pipe', 'pipe'] });
      let text = '';
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (text += chunk));
      child.once('error', reject);
      child.once('close', () => resolve(text));
      child.stdin!.end(`${['key-algorithm hmac-sha256', `key k ${SECRET}`, 'connect', ...lines].join('\n')}\n`);
    });
  }

  /** The ACK by which a machine got an address. */
  async function ackOf({ mac }: RealClient, address: string): Promise<WireMessage> {
    const found = () =>
      seen.findLast(
        ({ message: { op, chaddr, yiaddr, options } }) =>
          op === 2 && chaddr === mac && yiaddr === address && optionData(options, OPT.messageType)?.[0] === TYPE.ack,
      );
    await until(`the ACK of ${address} was seen`, () => found() !== undefined);
    return found()!.message;
  }

  const fileOf = (field: Buffer) => field.toString('latin1').replace(/\0+$/, '');

  test('from the creation of a host to an ordinary boot', async (t) => {
    await Promise.all(
      machines.map((machine, n) =>
        t.test(machine.name, async () => {
          const address = `10.50.0.${20 + n}`;
          const hex = [10, 50, 0, 20 + n].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
          const statements = `filename \\"pxelinux.0\\"; next-server 10.50.0.9; option routers 10.50.0.${n + 1}; default-lease-time 300;`;
          const made = await omshell([
            'new host',
            `set name = "pxe${n}"`,
            `set hardware-address = ${machine.mac}`,
            'set hardware-type = 1',
            `set ip-address = ${address}`,
            `set statements = "${statements}"`,
            'create',
          ]);
          assert.match(made, new RegExp(`ip-address = ${hex}`));
          machine.start();
          assert.equal(await machine.bound(), address);
          const ack = await ackOf(machine, address);
          assert.deepEqual(
            [
              fileOf(ack.file),
              ack.siaddr,
              [...optionData(ack.options, 3)!],
              optionData(ack.options, 51)!.readUInt32BE(),
            ],
            ['pxelinux.0', '10.50.0.9', [10, 50, 0, n + 1], 300],
          );
          const byMac = await omshell(['new lease', `set hardware-address = ${machine.mac}`, 'open']);
          assert.match(byMac, new RegExp(`ip-address = ${hex}`));
          const byIp = await omshell(['new lease', `set ip-address = ${address}`, 'open']);
          assert.match(byIp, /state = 00:00:00:02/);
          assert.match(byIp, new RegExp(`hardware-address = ${machine.mac}`));
          const gone = await omshell(['new host', `set name = "pxe${n}"`, 'open', 'remove']);
          assert.match(gone, /obj: <null>/);
          machine.crash();
          const freed = await omshell([
            'new lease',
            `set ip-address = ${address}`,
            'open',
            'set state = 1',
            'update',
            'refresh',
          ]);
          assert.match(freed, /state = 00:00:00:01/);
          assert.notEqual((await server.lease(address))?.state, 0);
          // udhcpc remembers nothing; dhclient asks for the address it had and is told no.
          machine.start();
          const now = await machine.bound(address);
          assert.match(now, /^10\.50\.0\.1\d\d$/);
          const { file, siaddr } = await ackOf(machine, now);
          assert.deepEqual([fileOf(file), siaddr], ['', '0.0.0.0']);
        }),
      ),
    );
  });
});
