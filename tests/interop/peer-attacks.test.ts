/**
 * Who is not the partner but stands where it stands: messages recorded on the cable and sent again, and another machine
 * that has the partner's address. A lessor refuses both and records them; the same is done to a Kea 2.2 and to a dhcpd.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { Netns } from '../lib/netns.js';
import { PairLab, type PairOptions } from '../lib/pair-lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import type { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { openSystem } from '../matrix/systems.js';

const skip = skipUnless('python3', 'openssl', 'curl', 'kea-dhcp4', 'dhcpd');
const BETA = '192.0.2.2';
const PORT = 8765;

/** Prints, in hexadecimal, what each TCP segment to the partner's port carries, a line a segment. */
const RECORDER = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('peer0', 3))
while True:
    p = s.recv(65535)[14:]
    length, head = int.from_bytes(p[2:4], 'big'), (p[0] & 15) * 4
    t = p[head:length]
    if p[9] == 6 and int.from_bytes(t[2:4], 'big') == ${PORT} and len(t) > (t[12] >> 4) * 4:
        print(t[(t[12] >> 4) * 4:].hex(), flush=True)
`;

/** Sends octets over TCP from an address and prints what comes back until a second after it began to, or it is closed. */
const REPLAYER = `
const [, address, port, hex, localAddress] = process.argv;
const socket = require('node:net').connect({ host: address, port: Number(port), localAddress });
socket.on('data', (octets) => process.stdout.write(octets));
socket.on('error', (error) => process.stdout.write(error.code));
socket.on('close', () => process.exit(0));
socket.once('data', () => setTimeout(() => process.exit(0), 1000));
socket.write(Buffer.from(hex, 'hex'));
setTimeout(() => process.exit(0), 30000);`;

/** Connects, and says whether the other end closes the connection within four seconds. */
const CONNECTOR = `
const [, address, port, localAddress] = process.argv;
const socket = require('node:net').connect({ host: address, port: Number(port), localAddress });
const say = (text) => { process.stdout.write(text); process.exit(0); };
socket.on('close', () => say('closed')).on('error', () => undefined);
socket.on('connect', () => setTimeout(() => say('open'), 4000));`;

/** Keeps two thousand connections open from an address and says nothing on them; one that is closed is made anew. */
const CROWD = `
const [, host, port, localAddress] = process.argv;
let made = 0;
const one = () => {
  const socket = require('node:net').connect({ host, port: Number(port), localAddress });
  socket.on('error', () => undefined).on('close', one).resume();
  socket.on('connect', () => ++made === 2000 && process.stdout.write('there'));
};
for (let i = 0; i < 2000; i++) one();`;

/** Plays a part on the cable with a program that node runs. */
async function node(host: Netns, script: string, ...args: string[]): Promise<string> {
  return (await host.run([process.execPath, '-e', script, ...args])).stdout;
}

/** What is sent over the cable from when something is done until it has what is looked for. */
async function recorded(
  host: Netns,
  deed: () => Promise<void>,
  isWanted: (octets: Buffer) => boolean,
): Promise<Buffer[]> {
  const recorder = host.spawn([getPeer('python3'), '-c', RECORDER], { stdio: ['ignore', 'pipe', 'ignore'] });
  const segments: Buffer[] = [];
  createInterface({ input: recorder.stdout! }).on('line', (line) => segments.push(Buffer.from(line, 'hex')));
  try {
    await until('something is sent over the cable', () => segments.length > 0);
    segments.length = 0;
    await deed();
    await until('what is looked for is sent over the cable', () => segments.some(isWanted));
  } finally {
    recorder.kill('SIGKILL');
  }
  return segments;
}

/** A lab with one client at hand. */
class Cable {
  readonly lab: PairLab;
  readonly far = Netns.create();
  #link: Link | undefined;

  constructor(options: PairOptions) {
    this.lab = new PairLab(options);
    this.lab.lan.plug(this.far, 'eth0');
  }

  async start(state: string): Promise<void> {
    this.#link = await Link.open(this.far, 'eth0');
    await Promise.all(this.lab.servers.map((server) => server.start()));
    for (const side of [0, 1] as const) {
      await until(
        () => this.lab.servers.map((each) => each.log()).join('\n'),
        async () => (await this.state(side).catch(() => '')) === state,
      );
    }
  }

  async state(side: 0 | 1): Promise<string> {
    const ha = (await this.lab.ha(side)) as { 'ha-servers': { local: { state: string } } };
    return ha['ha-servers'].local.state;
  }

  client(): TestClient {
    return new TestClient({ link: this.#link!, server: '10.77.0.1', serverMac: this.lab.hosts[0].macOf('lan0') });
  }

  async close(): Promise<void> {
    this.#link?.close();
    this.far.destroy();
    await this.lab.close();
  }
}

/** Leases a client, lets it release, and sends what told the partner of the lease once more. */
async function revive(cable: Cable, update: RegExp, from: string): Promise<{ answer: string; revived: boolean }> {
  const [, beta] = cable.lab.servers;
  const one = cable.client();
  let address = '';
  const isUpdate = (octets: Buffer): boolean => update.test(octets.toString('latin1'));
  const deed = async (): Promise<void> => {
    address = (await one.lease()).yiaddr;
  };
  const message = (await recorded(cable.lab.hosts[0], deed, isUpdate)).findLast(isUpdate)!;
  const held = async (): Promise<boolean> => (await beta.lease(address))?.state === 0;
  assert.ok(await held());
  one.release(address);
  await until(
    () => `the release does not reach the partner\n${beta.log()}`,
    async () => !(await held()),
  );
  const answer = await node(cable.lab.hosts[0], REPLAYER, BETA, String(PORT), message.toString('hex'), from);
  return { answer, revived: await held() };
}

/** The audit of a server, a record a line. */
function auditOf(server: Server): string {
  const file = join(server.folder, 'audit.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

const AUDITED = { 'user-context': { lessor: { access: { audit: { file: 'audit.jsonl' } } } } };
/** An ACK waits for the partner as long as it is there; it may be silent for longer than a busy machine makes it wait. */
const SAFE = { mclt: 30, 'interrupt-after': 4000, 'ack-deadline': 10_000 };
const { kea } = SUBJECTS;
const KEA: PairOptions = {
  subjects: [kea, kea],
  relation: {
    'heartbeat-delay': 500,
    'multi-threading': { 'enable-multi-threading': true, 'http-dedicated-listener': true },
  },
  dhcp4: { 'multi-threading': { 'enable-multi-threading': true, 'thread-pool-size': 2 } },
};

/** A second address of the first server's end of the cable, that is in nobody's configuration. */
function otherAddress(lab: PairLab): string {
  lab.hosts[0].ip('address add 203.0.113.9/24 dev peer0');
  lab.hosts[1].ip('route add 203.0.113.0/24 dev peer0');
  return '203.0.113.9';
}

describe('On the cable between two servers', { skip }, () => {
  test('a recorded update is refused by a lessor, and is in the audit; who comes from another address is turned away', async () => {
    const cable = new Cable({ dhcp4: AUDITED, lessor: { partner: 'lessor', ...SAFE } });
    try {
      await cable.start('hot-standby');
      const [, beta] = cable.lab.servers;
      const { answer, revived } = await revive(cable, /pair-update/, '192.0.2.1');
      assert.match(answer, /was received before/);
      assert.equal(revived, false);
      await until('that is in its audit', () =>
        /"sourceAddress":"(::ffff:)?192\.0\.2\.1".*pair-update.*was received before/.test(auditOf(beta)),
      );
      const elsewhere = await revive(cable, /pair-update/, otherAddress(cable.lab));
      assert.doesNotMatch(elsewhere.answer, /HTTP/, 'it is not listened to');
      assert.equal(elsewhere.revived, false);
      await until('that is in its log', () =>
        /LESSOR_CONNECTION_REFUSED.*203\.0\.113\.9 is turned away from peer/.test(beta.log()),
      );
      await until('that is in its audit', () =>
        /"sourceAddress":"(::ffff:)?203\.0\.113\.9".*is turned away from peer/.test(auditOf(beta)),
      );
      for (const side of [0, 1] as const) assert.equal(await cable.state(side), 'hot-standby');
    } finally {
      await cable.close();
    }
  });

  test('over TLS a recorded message is nothing, and neither is another machine at the address of the partner', async () => {
    const cable = new Cable({ tls: true, dhcp4: AUDITED, lessor: SAFE });
    const mallory = Netns.create();
    try {
      await cable.start('hot-standby');
      const { lab } = cable;
      const [alpha, beta] = lab.servers;
      const one = cable.client();
      const deed = async (): Promise<void> => {
        await one.lease();
        // What is in a segment nobody can tell: the recorder is given time to see the update.
        await sleep(500);
      };
      const segments = await recorded(lab.hosts[0], deed, () => true);
      const longest = segments.reduce((a, b) => (b.length > a.length ? b : a));
      await node(lab.hosts[0], REPLAYER, BETA, String(PORT), longest.toString('hex'), '192.0.2.1');
      await until('it is in the audit', () => /"who":"nobody".*"command":"TLS"/.test(auditOf(beta)));

      // Another machine takes the partner's place: its end of the cable, and its address.
      await beta.kill();
      await lab.until(0, 'interrupted');
      lab.hosts[1].ip(`link set peer0 netns ${mallory.name}`);
      mallory.ip(`link set peer0 up\naddress add ${BETA}/30 dev peer0`);
      const before = auditOf(alpha).length;
      const heartbeat = ['-d', '{"command":"ha-heartbeat"}', '-H', 'Content-Type: application/json'];
      const ask = async (...args: string[]): Promise<string> => {
        const common = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', '-m', '30', ...heartbeat];
        return (await mallory.run([getPeer('curl'), ...common, ...args])).stdout;
      };
      const other = lab.certificate('mallory', 'URI:urn:lessor:pair:alpha-beta:mallory');
      assert.equal(await ask('https://192.0.2.1:8765/'), '000', 'no certificate');
      assert.equal(await ask('http://192.0.2.1:8765/'), '000', 'plain');
      assert.equal(
        await ask('--cert', other.cert, '--key', other.key, 'https://192.0.2.1:8765/'),
        '403',
        'another name',
      );
      const fromThere = (): string[] =>
        auditOf(alpha)
          .slice(before)
          .split('\n')
          .filter((line) => /"sourceAddress":"(::ffff:)?192\.0\.2\.2"/.test(line));
      await until(
        () => `all three are in the audit: ${fromThere().join('\n')}`,
        () => fromThere().length >= 3 && fromThere().some((line) => line.includes('mallory')),
      );
      assert.equal(await lab.state(0), 'interrupted', 'an impostor is no partner');
    } finally {
      await cable.close();
      mallory.destroy();
    }
  });

  test('thousands of silent connections at its door do not keep a partner away that comes back', async () => {
    const cable = new Cable({ tls: true, lessor: { ...SAFE, sources: ['192.0.2.0/30', '203.0.113.9'] } });
    try {
      const { lab } = cable;
      const [alpha, beta] = lab.servers;
      lab.hosts[1].ip('address add 203.0.113.9/24 dev peer0\naddress add 203.0.113.10/24 dev peer0');
      lab.hosts[0].ip('route add 203.0.113.0/24 dev peer0');
      await cable.start('hot-standby');
      // One address that may come, and one that may not.
      for (const from of ['203.0.113.9', '203.0.113.10']) {
        await beta.kill();
        await lab.until(0, 'interrupted');
        const crowd = lab.hosts[1].spawn([process.execPath, '-e', CROWD, '192.0.2.1', String(PORT), from], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        try {
          await Promise.race([once(crowd.stdout!, 'data'), sleep(20_000, undefined, { ref: false })]);
          await beta.start();
          await lab.until(0, 'normal');
          await lab.until(1, 'normal');
          await sleep(3000);
          for (const side of [0, 1] as const) assert.equal(await lab.state(side), 'normal', alpha.log());
        } finally {
          crowd.kill('SIGKILL');
        }
      }
      assert.match(alpha.log(), /LESSOR_CONNECTION_REFUSED.*203\.0\.113\.10 is turned away from peer/);
      assert.doesNotMatch(alpha.log(), /203\.0\.113\.9 is turned away/);
    } finally {
      await cable.close();
    }
  });

  test('a Kea 2.2 takes a recorded update again, from any address', async () => {
    const cable = new Cable(KEA);
    try {
      await cable.start('hot-standby');
      const { answer, revived } = await revive(cable, /lease4-update/, otherAddress(cable.lab));
      assert.match(answer, /"result": 0/);
      assert.ok(revived, 'the lease that was released is back');
    } finally {
      await cable.close();
    }
  });

  test('a dhcpd talks to whoever has the address of its partner, and to nobody else', async () => {
    const pair = openSystem('dhcpd');
    try {
      await pair.start(0);
      const connect = (from: string): Promise<string> => node(pair.lab.hosts[1], CONNECTOR, '192.0.2.1', '647', from);
      pair.lab.hosts[1].ip('address add 203.0.113.9/24 dev peer0');
      pair.lab.hosts[0].ip('route add 203.0.113.0/24 dev peer0');
      assert.equal(await connect(BETA), 'open');
      assert.equal(await connect('203.0.113.9'), 'closed');
    } finally {
      await pair.close();
    }
  });
});
