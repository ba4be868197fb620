/**
 * A management network, a client network, a server between them and a hostile host among the clients: every door of
 * lessor is shut where those of Kea and dhcpd are open, and one that comes to be shared is not administered through.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns, Switch } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { encodeFrame } from '../lib/wire.js';

const skip = skipUnless('ip', 'omshell', 'kea-dhcp4', 'kea-ctrl-agent', 'dhcpd', 'openssl', 'setpriv');

/** What became of an attempt to connect. `open`: connected, and not turned away before an octet was sent. */
type Knock = 'open' | 'turned-away' | 'refused' | 'silent' | 'unreachable';

/** Tries doors at once; prints what became of each. Runs inside a namespace, where the test can not be. */
const KNOCK = `
const net = require('node:net');
const [doors, openAfterMs] = process.argv.slice(1).map((word) => JSON.parse(word));
Promise.all(doors.map(([host, port, localAddress]) => new Promise((resolve) => {
  const socket = net.connect({ host, port, localAddress });
  const settle = (word) => { clearTimeout(timer); socket.destroy(); resolve(word); };
  let timer = setTimeout(() => settle('silent'), 2500);
  let connected = false;
  socket.on('connect', () => {
    connected = true;
    clearTimeout(timer);
    timer = setTimeout(() => settle('open'), openAfterMs);
    socket.resume();
  });
  socket.on('end', () => settle('turned-away'));
  socket.on('close', () => settle('turned-away'));
  // That nobody says who has an address is told after three seconds, or sooner if somebody has asked before.
  const words = { ECONNREFUSED: 'refused', EHOSTUNREACH: 'silent' };
  socket.on('error', (error) => settle(connected ? 'turned-away' : words[error.code] ?? 'unreachable'));
}))).then((words) => { console.log(JSON.stringify(words)); process.exit(0); });
`;

/** @param openAfterMs time in which a door has to turn somebody away: long where that is what it has to do */
async function knock(
  from: Netns,
  doors: readonly (readonly [string, number, string?])[],
  openAfterMs = 250,
): Promise<Knock[]> {
  const { stdout } = await from.run([process.execPath, '-e', KNOCK, JSON.stringify(doors), String(openAfterMs)]);
  return JSON.parse(stdout) as Knock[];
}

/** Sends commands over HTTP from a namespace; status and result of each. */
const ASK = `
const http = require('node:http');
const [host, port, ...commands] = process.argv.slice(1);
(async () => {
  for (const command of commands) await new Promise((resolve) => {
    const request = http.request({ host, port, method: 'POST', auth: 'ops:s3cret', timeout: 20000,
      headers: { 'Content-Type': 'application/json' } }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => { text += chunk; });
      answer.on('end', () => { console.log(JSON.stringify([answer.statusCode, text])); resolve(); });
    });
    request.on('timeout', () => request.destroy(new Error('silent')));
    request.on('error', (error) => { console.log(JSON.stringify([0, error.message])); resolve(); });
    request.end(JSON.stringify({ command }));
  });
  process.exit(0);
})();
`;

async function ask(from: Netns, ...words: (string | number)[]): Promise<[status: number, text: string][]> {
  const commands = words.filter((word) => typeof word === 'string');
  const port = words.find((word) => typeof word === 'number') ?? 8000;
  const { stdout } = await from.run([process.execPath, '-e', ASK, '203.0.113.1', String(port), ...commands]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [number, string]);
}

/** Makes a host with dhcpd's own omshell; what it says. */
async function createHost(from: Netns, name: string, last: string): Promise<string> {
  const lines = [
    'server 203.0.113.1',
    'port 7911',
    'key-algorithm hmac-sha256',
    `key k ${SECRET}`,
    'connect',
    'new host',
    `set name = "${name}"`,
    'set hardware-type = 1',
    `set hardware-address = 02:00:00:00:00:${last}`,
    'create',
  ];
  const script = `printf '%s\\n' "$@" | ${getPeer('omshell')}`;
  return (await from.run(['sh', '-c', `${script} 2>&1`, 'sh', ...lines])).stdout;
}

const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZg==';

const SUBNET = { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.110' }] };
const AUTHENTICATION = { type: 'basic', clients: [{ user: 'ops', password: 's3cret' }] };
const SOURCES = ['203.0.113.0/24', '2001:db8:2::/64', 'fe80::/64'];

/** The lab: server with lan0 and mg0, an operator, and a host among the clients. */
class Lab {
  readonly lan = new Switch();
  readonly server = Netns.create();
  readonly operator = Netns.create();
  readonly hostile = Netns.create();
  readonly folder = scratchFolder();
  readonly children: ChildProcess[] = [];

  constructor() {
    this.lan.plug(this.server, 'lan0');
    this.lan.plug(this.hostile, 'eth0');
    connect(this.server, 'mg0', this.operator, 'eth0');
    address(this.server, 'lan0', '192.0.2.1/24', '2001:db8:1::1/64');
    address(this.server, 'mg0', '203.0.113.1/24', '2001:db8:2::1/64', 'fe80::1/64');
    address(this.operator, 'eth0', '203.0.113.50/24', '2001:db8:2::50/64', 'fe80::50/64');
    address(this.hostile, 'eth0', '192.0.2.77/24', '2001:db8:1::77/64', 'fe80::77/64');
    this.certificate('ca', '');
    for (const name of ['server', 'alpha']) this.certificate(name, 'ca');
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  get tls() {
    return {
      'trust-anchor': this.file('ca.pem'),
      'cert-file': this.file('alpha.pem'),
      'key-file': this.file('alpha.key'),
    };
  }

  certificate(name: string, authority: string): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`];
    const openssl = (...args: string[]) => execFileSync(getPeer('openssl'), args, { stdio: 'ignore' });
    const pem = this.file(`${name}.pem`);
    if (authority === '')
      openssl('req', '-x509', ...key, '-days', '2', '-keyout', this.file(`${name}.key`), '-out', pem);
    else {
      openssl('req', ...key, '-keyout', this.file(`${name}.key`), '-out', `${pem}.csr`);
      const ca = ['-CA', this.file(`${authority}.pem`), '-CAkey', this.file(`${authority}.key`), '-CAcreateserial'];
      openssl('x509', '-req', '-in', `${pem}.csr`, ...ca, '-days', '2', '-out', pem);
    }
  }

  /** Runs a program of the server's machine until the lab closes. */
  start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const log = openSync(this.file('log'), 'a');
    const child = this.server.spawn(argv, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    closeSync(log);
    this.children.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const namespace of [this.server, this.operator, this.hostile]) namespace.destroy();
    this.lan.destroy();
    removeScratch(this.folder);
  }
}

function address(host: Netns, device: string, ...addresses: string[]): void {
  for (const one of addresses) host.ip(`address add ${one} dev ${device}${one.includes(':') ? ' nodad' : ''}`);
}

/** A control socket of lessor's beyond loopback. */
function door(host: string, port: number, lessor: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const block = { interface: 'mg0', sources: SOURCES, allow: ['plain-text'], name: `${host} ${port}`, ...lessor };
  const socket = { 'socket-type': 'http', 'socket-address': host, 'socket-port': port, authentication: AUTHENTICATION };
  return { ...socket, 'user-context': { lessor: block } };
}

function unix(server: Server): Record<string, unknown> {
  return { 'socket-type': 'unix', 'socket-name': server.socket };
}

/** Every door lessor has, on the management network. */
function everyDoor(lab: Lab, server: Server): Record<string, unknown> {
  const https = (host: string, port: number) => ({ ...door(host, port, {}), 'socket-type': 'https', ...lab.tls });
  const peer = (name: string, url: string, role: string) => ({ name, url, role });
  const relation = {
    'this-server-name': 'alpha',
    mode: 'hot-standby',
    peers: [
      peer('alpha', 'https://203.0.113.1:8765/', 'primary'),
      peer('beta', 'https://203.0.113.50:8765/', 'standby'),
    ],
    ...lab.tls,
    'user-context': { lessor: { interface: 'mg0' } },
  };
  const omapi = { interface: 'mg0', port: 7911, sources: SOURCES };
  return {
    subnet4: [SUBNET],
    'control-sockets': [
      unix(server),
      door('203.0.113.1', 8000, {}),
      https('203.0.113.1', 8001),
      door('2001:db8:2::1', 8000, {}),
      https('2001:db8:2::1', 8001),
      door('fe80::1%mg0', 8002, {}),
    ],
    'hooks-libraries': [{ library: 'libdhcp_ha.so', parameters: { 'high-availability': [relation] } }],
    'user-context': {
      lessor: {
        metrics: { address: '203.0.113.1', port: 9600, interface: 'mg0', sources: SOURCES },
        omapi: {
          listeners: [
            { address: '203.0.113.1', ...omapi },
            { address: '2001:db8:2::1', ...omapi },
          ],
          keys: [{ name: 'k', secret: SECRET }],
        },
      },
    },
  };
}

const V4_DOORS = [8000, 8001, 7911, 9600, 8765, 8003].map((port) => ['203.0.113.1', port] as const);
const V6_DOORS = [8000, 8001, 7911].map((port) => ['2001:db8:2::1', port] as const);

/** Ways by which a host among the clients gets a packet to an address of the management network (A1). */
const WAYS = [
  { name: 'without a route', routes: [], others: ['unreachable', 'unreachable', 'unreachable'] },
  {
    name: 'by an on-link route',
    routes: ['203.0.113.1/32 dev eth0', '2001:db8:2::1/128 dev eth0'],
    // Linux answers ARP for any address of the machine, and neighbour solicitations for those of the device only.
    others: ['open', 'open', 'silent'],
  },
  {
    name: 'by a route through the server',
    routes: ['203.0.113.1/32 via 192.0.2.1', '2001:db8:2::1/128 via 2001:db8:1::1'],
    others: ['open', 'open', 'open'],
  },
] as const;

function addRoutes(host: Netns, routes: readonly string[]): void {
  for (const route of routes) host.ip(`route replace ${route}`);
}

describe('doors on a management network', { skip }, () => {
  let lab: Lab;
  let lessor: Server;

  before(async () => {
    lab = new Lab();
    lessor = new Server(lab.server, { subject: SUBJECTS.lessor });
    lessor.configure(everyDoor(lab, lessor));
    await lessor.start();
    startAgents(lab, lessor);
    startDhcpd(lab);
    const expected: (readonly [string, number])[] = [...V4_DOORS, ['203.0.113.1', 8100], ['2001:db8:2::1', 8101]];
    const all = [...expected, ['203.0.113.1', 7912] as const];
    await until('every door is open', async () =>
      (await knock(lab.operator, all)).every((word) => word === 'open'),
    ).catch(async (error: Error) => {
      throw new Error(
        `${error.message}: ${JSON.stringify(await knock(lab.operator, all))}\n${readFileSync(lab.file('log'), 'utf8')}`,
      );
    });
  });

  after(async () => {
    await lessor?.close();
    await lab?.close();
  });

  it('are open to operators, IPv4, IPv6 and link-local', async () => {
    const doors = [...V4_DOORS, ...V6_DOORS, ['fe80::1%eth0', 8002] as const];
    assert.deepEqual(
      await knock(lab.operator, doors),
      doors.map(() => 'open'),
    );
  });

  for (const { name, routes, others } of WAYS) {
    it(`are shut to clients ${name}, where Kea and dhcpd are open`, async () => {
      addRoutes(lab.hostile, routes);
      const doors = [...V4_DOORS, ...V6_DOORS];
      const words = await knock(lab.hostile, doors);
      assert.deepEqual(
        doors.filter((_, index) => words[index] === 'open' || words[index] === 'turned-away'),
        [],
        JSON.stringify(words),
      );
      const theirs = await knock(lab.hostile, [
        ['203.0.113.1', 8100],
        ['203.0.113.1', 7912],
        ['2001:db8:2::1', 8101],
      ]);
      assert.deepEqual(theirs, others, "Kea's agent, dhcpd, Kea's agent over IPv6");
    });
  }

  it('are shut to clients who give a false address, and who force a neighbour entry', async () => {
    lab.hostile.ip(`address add 203.0.113.50/32 dev lo
      route replace 203.0.113.1/32 via 192.0.2.1
      neigh replace fe80::1 lladdr ${lab.server.macOf('lan0')} dev eth0 nud permanent`);
    const doors = V4_DOORS.map(([host, port]) => [host, port, '203.0.113.50'] as const);
    const words = await knock(lab.hostile, [...doors, ['fe80::1%eth0', 8002]]);
    assert.ok(
      words.every((word) => word === 'silent' || word === 'refused' || word === 'unreachable'),
      JSON.stringify(words),
    );
  });

  it('are told as they are by lessor doctor, which finds the open ones of Kea', async () => {
    const doctor = [process.execPath, repoPath('packages', 'server', 'bin', 'lessor'), 'doctor', 'isolation'];
    const { status, stdout } = await lab.server.run([...doctor, '--socket', lessor.socket, '--json']);
    const report = JSON.parse(stdout) as DoctorReport;
    assert.equal(status, 0, stdout);
    assert.equal(report.result, 'pass');
    for (const { name, cells } of report.listeners) {
      const of = (device: string) => cells.find((cell) => cell.interface === device);
      assert.equal(of('lan0')?.expected, 'must-not', name);
      // The server turns itself away where only its partner may come.
      assert.match(of('mg0')?.reach ?? '', /^(reachable|turned-away)$/, name);
    }
    const file = join(lab.folder, 'kea.conf');
    const exposed = { 'socket-type': 'http', 'socket-address': '203.0.113.1', 'socket-port': 8100 };
    const interfaces = { 'interfaces-config': { interfaces: ['lan0'] } };
    writeFileSync(file, JSON.stringify({ Dhcp4: { ...interfaces, 'control-sockets': [exposed] } }));
    const open = await lab.server.run([...doctor, '-X', '-c', file, '--json']);
    assert.equal(open.status, 1, open.stdout);
    const [found] = (JSON.parse(open.stdout) as DoctorReport).listeners;
    assert.equal(found?.cells.find((cell) => cell.interface === 'lan0')?.reach, 'reachable');
    // From among the clients, with a copy of the file, the attempts themselves decide.
    const outside = await lab.hostile.run([...doctor, '-X', '-c', file, '--json']);
    assert.equal(outside.status, 1, outside.stdout);
    const closed = { ...exposed, 'socket-port': 8000 };
    writeFileSync(file, JSON.stringify({ Dhcp4: { ...interfaces, 'control-sockets': [closed] } }));
    assert.equal((await lab.hostile.run([...doctor, '-X', '-c', file, '--json'])).status, 0);
  });

  it('are known to the server as dedicated, and to its status; the door of a pair too', async () => {
    const { listeners } = (await lessor.must('isolation-check')) as { listeners: (Judged & { kind: string })[] };
    assert.equal(listeners.length, 9);
    for (const { name, isolation } of listeners) assert.equal(isolation.verdict, 'dedicated', name);
    const partner = listeners.find(({ kind }) => kind === 'peer')?.name;
    assert.ok(partner !== undefined);
    const told = (await lessor.must('status-get'))['control-isolation'] as { listener: string; verdict: string }[];
    assert.equal(told.find(({ listener }) => listener === partner)?.verdict, 'dedicated');
  });

  it('are told alike by the agent of its own door, and by lessor doctor of its file', async () => {
    const [status, check] = await ask(lab.operator, 'status-get', 'isolation-check', 8003);
    const own = (answer: [number, string] | undefined) =>
      (JSON.parse(answer?.[1] ?? '') as { arguments: Record<string, unknown> }[])[0]!.arguments;
    const [door] = own(status)['control-isolation'] as { verdict: string; administration: string }[];
    assert.deepEqual([door?.verdict, door?.administration], ['dedicated', 'open']);
    assert.equal((own(check).listeners as Judged[])[0]?.isolation.checks.length, 7);
    const program = [
      process.execPath,
      repoPath('packages', 'server', 'bin', 'lessor'),
      'doctor',
      'isolation',
      '--json',
    ];
    const doctor = async (name: string) => {
      const { status: code, stdout } = await lab.server.run([...program, '-c', lab.file(`${name}.conf`)]);
      const [row] = (JSON.parse(stdout) as DoctorReport).listeners;
      return [code, row?.cells.find((cell) => cell.interface === 'lan0')?.reach];
    };
    assert.deepEqual(await doctor('lessor-agent'), [0, 'refused']);
  });
});

interface DoctorReport {
  readonly result: string;
  readonly listeners: readonly {
    readonly name: string;
    readonly cells: readonly { readonly interface: string; readonly reach: string; readonly expected: string }[];
  }[];
}

interface Judged {
  readonly name: string;
  readonly isolation: {
    readonly verdict: string;
    readonly administration: string;
    readonly checks: readonly { readonly check: string; readonly outcome: string; readonly evidence: string }[];
  };
}

/** lessor's agent, bound to mg0, and Kea's, on addresses of it. */
function startAgents(lab: Lab, lessor: Server): void {
  const sockets = { dhcp4: { 'socket-type': 'unix', 'socket-name': lessor.socket } };
  const write = (name: string, host: string, port: number, more: object): string => {
    const file = lab.file(`${name}.conf`);
    const agent = { 'http-host': host, 'http-port': port, authentication: AUTHENTICATION, 'control-sockets': sockets };
    writeFileSync(file, JSON.stringify({ 'Control-agent': { ...agent, ...more } }));
    return file;
  };
  const block = { interface: 'mg0', sources: SOURCES, allow: ['plain-text'], 'client-interfaces': ['lan0'] };
  const own = write('lessor-agent', '203.0.113.1', 8003, { 'user-context': { lessor: block } });
  const run = (name: string) => {
    const folder = lab.folder;
    return { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: 'none', NAME: name };
  };
  lab.start([process.execPath, repoPath('packages', 'server', 'bin', 'lessor-agent'), '-c', own], run('own'));
  for (const [name, host, port] of [
    ['kea4', '203.0.113.1', 8100],
    ['kea6', '2001:db8:2::1', 8101],
  ] as const) {
    lab.start([getPeer('kea-ctrl-agent'), '-c', write(name, host, port, {})], run(name));
  }
}

function startDhcpd(lab: Lab): void {
  const file = lab.file('dhcpd.conf');
  writeFileSync(file, 'omapi-port 7912;\nsubnet 203.0.113.0 netmask 255.255.255.0 { }\n');
  writeFileSync(lab.file('dhcpd.leases'), '');
  const args = ['-4', '-f', '-p', '6767', '-cf', file, '-lf', lab.file('dhcpd.leases'), '-pf', lab.file('dhcpd.pid')];
  lab.start([getPeer('dhcpd'), ...args, 'mg0']);
}

describe('a listener that is not alone', { skip }, () => {
  let lab: Lab;

  before(() => {
    lab = new Lab();
  });
  after(() => lab?.close());

  /** The log of a server that refuses to start. */
  async function refusal(lessor: Readonly<Record<string, unknown>> = {}, host = '203.0.113.1'): Promise<string> {
    const server = new Server(lab.server, { subject: SUBJECTS.lessor });
    try {
      server.configure({ subnet4: [SUBNET], 'control-sockets': [unix(server), door(host, 8000, lessor)] });
      await server.start();
      return 'it started';
    } catch (error) {
      return (error as Error).message;
    } finally {
      await server.close();
    }
  }

  it('S1: is refused on the device of clients', async () => {
    assert.match(await refusal({ interface: 'lan0' }, '192.0.2.1'), /DHCP clients are served on lan0/);
  });

  it('S2: is refused on a device that is made upon that of clients', async () => {
    lab.server.ip('link add link lan0 name mv0 type macvlan mode bridge\nlink set mv0 up');
    const text = await refusal({ interface: 'mv0' });
    lab.server.ip('link delete mv0');
    assert.match(text, /S2 shared: mv0 and lan0, on which clients are served, are one network \(mv0 - lan0\)/);
  });

  it('S3: is refused without an interface', async () => {
    assert.match(await refusal({ interface: undefined, isolation: 'enforce' }), /without an "interface" it is reached/);
    assert.match(await refusal({}, '192.0.2.1'), /S3 shared: 192\.0\.2\.1 is an address of lan0/);
  });

  it('S4: is refused where this machine forwards, IPv4 and IPv6', async () => {
    for (const [knob, text] of [
      ['net/ipv4/ip_forward', /S4 shared: this machine forwards from lan0 to 203\.0\.113\.\d+ on mg0/],
      ['net/ipv6/conf/all/forwarding', /S4 shared: this machine forwards from lan0 to 2001:db8:2::\d+ on mg0/],
    ] as const) {
      await lab.server.run(['sh', '-c', `echo 1 > /proc/sys/${knob}`]);
      assert.match(await refusal(), text);
      await lab.server.run(['sh', '-c', `echo 0 > /proc/sys/${knob}`]);
    }
  });

  it('S5: is refused where a switch nobody sees from here joins both ports', async () => {
    lab.lan.plug(lab.server, 'mg1');
    address(lab.server, 'mg1', '203.0.113.129/25');
    const text = await refusal({ interface: 'mg1' }, '203.0.113.129');
    lab.server.ip('link delete mg1');
    assert.match(text, /S5 shared: a broadcast frame sent on (mg1|lan0) came in by (lan0|mg1)/);
  });

  it('is said to be unknown where the probe is not permitted, and serves', async () => {
    const prefix = [getPeer('setpriv'), '--inh-caps=-net_raw', '--bounding-set=-net_raw'];
    const server = new Server(lab.server, { subject: SUBJECTS.lessor, prefix });
    server.configure({ subnet4: [SUBNET], 'control-sockets': [unix(server), door('203.0.113.1', 8000, {})] });
    try {
      await server.start();
      const { listeners } = (await server.must('isolation-check')) as { listeners: Judged[] };
      const checks = listeners[0]!.isolation.checks;
      assert.equal(listeners[0]!.isolation.verdict, 'unknown');
      for (const id of ['S5', 'S6']) {
        const found = checks.find(({ check }) => check === id);
        assert.equal(found?.outcome, 'unknown');
        assert.match(found?.evidence ?? '', /CAP_NET_RAW/);
      }
      assert.equal((await ask(lab.operator, 'status-get'))[0]?.[0], 200);
    } finally {
      await server.stop('SIGKILL');
      await server.close();
    }
  });

  it('turns clients away before it reads where it is bound to no device', async () => {
    const server = new Server(lab.server, { subject: SUBJECTS.lessor });
    const open = { interface: undefined, isolation: 'warn', sources: ['0.0.0.0/0', '::/0'] };
    server.configure({
      subnet4: [SUBNET],
      'control-sockets': [unix(server), door('203.0.113.1', 8000, open), door('2001:db8:2::1', 8000, open)],
    });
    try {
      await server.start();
      addRoutes(lab.hostile, WAYS[2].routes);
      const doors = [
        ['203.0.113.1', 8000],
        ['2001:db8:2::1', 8000],
      ] as const;
      assert.deepEqual(await knock(lab.hostile, doors, 20_000), ['turned-away', 'turned-away']);
      assert.deepEqual(await knock(lab.operator, doors), ['open', 'open']);
      const { listeners } = (await server.must('listener-list')) as { listeners: Judged[] };
      assert.deepEqual(
        listeners.slice(1).map(({ isolation }) => [isolation.verdict, isolation.administration]),
        [
          ['shared', 'open'],
          ['shared', 'open'],
        ],
      );
    } finally {
      await server.close();
    }
  });
});

describe('a listener that comes to be shared while it is used', { skip }, () => {
  let lab: Lab;
  let server: Server;

  before(async () => {
    lab = new Lab();
    // Clients are served on a bridge; the management device is a cable into a bridge of its own.
    lab.server.ip(`address flush dev lan0
      link add br0 type bridge stp_state 0 forward_delay 0
      link add brm type bridge stp_state 0 forward_delay 0
      link set br0 up
      link set brm up
      link set lan0 master br0
      link set mg0 down
      link set mg0 name port0
      link add mg0 type veth peer name mgp
      link set port0 master brm
      link set mgp master brm
      link set port0 up
      link set mgp up
      link set mg0 up`);
    lab.server.ip('address flush dev port0');
    // A bridge must not answer for the address of the device behind it.
    await lab.server.run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore']);
    address(lab.server, 'br0', '192.0.2.1/24');
    address(lab.server, 'mg0', '203.0.113.1/24');
    server = new Server(lab.server, { subject: SUBJECTS.lessor, interfaces: ['br0'] });
    server.configure({
      subnet4: [SUBNET],
      'control-sockets': [unix(server), door('203.0.113.1', 8000, { name: 'ops' })],
      'user-context': {
        lessor: {
          omapi: {
            listeners: [{ address: '203.0.113.1', interface: 'mg0', sources: SOURCES, name: 'provisioning' }],
            keys: [{ name: 'k', secret: SECRET }],
          },
        },
      },
    });
    await server.start();
  });
  after(async () => {
    await server?.close();
    await lab?.close();
  });

  const administration = async () => {
    const status = await server.must('status-get');
    const all = status['control-isolation'] as { verdict: string; administration: string }[];
    return [...new Set(all.map(({ verdict, administration: now }) => `${verdict} ${now}`))].join(', ');
  };

  it('stops administering within a second, lets reading go on, raises the alarm, and comes back (S8)', async (t) => {
    assert.equal(await administration(), 'dedicated open');
    const admin = 'leases-reclaim';
    const before = await ask(lab.operator, 'status-get', admin);
    assert.deepEqual(
      before.map(([status]) => status),
      [200, 200],
      JSON.stringify(before),
    );

    assert.match(await createHost(lab.operator, 'before', '01'), /obj: host/);

    const started = performance.now();
    lab.server.ip('link set mgp master br0');
    await until('administration stops', async () => (await administration()) === 'shared stopped');
    t.diagnostic(`stopped ${Math.round(performance.now() - started)} ms after the cable was moved`);
    // The hostile host is now on the management network, with an operator's address and password.
    address(lab.hostile, 'eth0', '203.0.113.60/24');
    const [reading, changing] = await ask(lab.hostile, 'status-get', admin);
    assert.equal(reading?.[0], 200);
    assert.equal(changing?.[0], 403, JSON.stringify(changing));
    assert.match(changing?.[1] ?? '', /ops is shared with clients, so that nothing is changed through it/);
    assert.match(server.log(), /ERROR.*LESSOR_LISTENER_ISOLATION ops is shared[\s\S]*S2 shared: mg0 and br0/);
    assert.match(await createHost(lab.hostile, 'meanwhile', '02'), /permission denied|shared with clients/i);
    const held = async (identifier: string) =>
      (await server.command('reservation-get-by-id', { 'identifier-type': 'hw-address', identifier })).result;
    assert.deepEqual([await held('02:00:00:00:00:01'), await held('02:00:00:00:00:02')], [0, 3]);
    const events = JSON.stringify(await server.must('events'));
    assert.match(events, /"from":"dedicated"[^}]*"listener":"ops"[^}]*"stopped":true,"to":"shared"/);

    lab.server.ip('link set mgp master brm');
    await until('administration goes on', async () => (await administration()) === 'dedicated open');
    assert.equal((await ask(lab.operator, admin))[0]?.[0], 200);
  });

  it('stops where an answer of this server to a client is seen on its device, by whatever way it came (S6)', async () => {
    const clients = await Link.open(lab.hostile, 'eth0');
    const management = await Link.open(lab.operator, 'eth0');
    try {
      const client = new TestClient({ link: clients, server: '192.0.2.1', serverMac: lab.server.macOf('br0') });
      const { frame } = await client.discover();
      assert.equal(await administration(), 'dedicated open');
      // What joins the two passes nothing but this, so that no probe finds it.
      management.send(encodeFrame(frame));
      await until('administration stops', async () => (await administration()) === 'shared stopped');
    } finally {
      clients.close();
      management.close();
    }
    const { listeners } = (await server.must('isolation-check')) as { listeners: Judged[] };
    for (const { isolation } of listeners) {
      const found = isolation.checks.filter(({ outcome }) => outcome === 'shared');
      assert.deepEqual(
        found.map(({ check }) => check),
        ['S6'],
      );
      assert.match(found[0]!.evidence, /192\.0\.2\.1.*seen on mg0/);
    }
  });
});
