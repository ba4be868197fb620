/** A server that is started as root and told to be somebody else: what it may still do, what it serves, what it leaves. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { chownSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dropPrivileges, findAccount } from 'lessor/internal/platform/privileges.js';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';
import { SUBJECTS, subject } from '../lib/subject.js';
import { until } from '../lib/until.js';

const LESSOR = repoPath('packages', 'server', 'bin', 'lessor');
/** Debian's user `nobody`. */
const NOBODY = 65_534;
/** CAP_NET_BIND_SERVICE (10) and CAP_NET_RAW (13). */
const KEPT = '0000000000002400';
const NONE = '0000000000000000';

const skip =
  subject.name === 'kea'
    ? 'kea: drops nothing'
    : process.getuid?.() === 0
      ? skipUnless('python3', 'curl')
      : 'needs root for network namespaces';

const subnet = (n: number) => ({
  id: n,
  subnet: `10.${n}.0.0/24`,
  interface: `lan${n}`,
  pools: [{ pool: `10.${n}.0.100 - 10.${n}.0.110` }],
});

const status = (path: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s+/) as [string, string]),
  );

describe('lessor serve --user', { skip }, () => {
  const near = Netns.create();
  const far = Netns.create();
  const links: Link[] = [];
  let server: Server;

  before(async () => {
    for (const n of [1, 2]) {
      connect(near, `lan${n}`, far, `lan${n}`);
      near.ip(`address add 10.${n}.0.1/24 dev lan${n}`);
      links.push(await Link.open(far, `lan${n}`));
    }
    const asNobody = {
      ...SUBJECTS.lessor,
      command: (file: string) => [process.execPath, LESSOR, 'serve', '-X', '--user', 'nobody', '-c', file],
    };
    server = new Server(near, { subject: asNobody, interfaces: ['lan1'] });
    const logFile = join(server.folder, 'server.log');
    server.configure({
      subnet4: [subnet(1)],
      loggers: [{ name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: logFile }] }],
      'user-context': { lessor: { access: { audit: { file: 'audit.jsonl' } } } },
    });
    for (const path of ['', 'run', 'data']) chownSync(join(server.folder, path), NOBODY, NOBODY);
    await server.start();
  });
  after(async () => {
    for (const link of links) link.close();
    await server?.close();
    near.destroy();
    far.destroy();
  });

  it('is that user, with two capabilities on the thread that opens sockets and none on the others', () => {
    const { Uid, Gid, Groups, CapEff, CapPrm, CapInh, CapBnd, CapAmb, NoNewPrivs } = status(
      `/proc/${server.pid}/status`,
    );
    assert.deepEqual([Uid, Gid, Groups?.trim()], [...Array(2).fill(Array(4).fill(NOBODY).join('\t')), String(NOBODY)]);
    assert.deepEqual([CapEff, CapPrm, CapBnd, CapInh, CapAmb, NoNewPrivs], [KEPT, KEPT, KEPT, NONE, NONE, '1']);
    const others = readdirSync(`/proc/${server.pid}/task`).filter((task) => task !== String(server.pid));
    assert.ok(others.length > 0);
    for (const task of others) {
      const of = status(`/proc/${server.pid}/task/${task}/status`);
      assert.deepEqual([of.Uid, of.CapEff, of.CapPrm], [Uid, NONE, NONE], task);
    }
  });

  const client = (n: 1 | 2): TestClient =>
    new TestClient({ link: links[n - 1]!, server: `10.${n}.0.1`, serverMac: near.macOf(`lan${n}`) });

  it('serves clients, also on an interface that is added later', async () => {
    assert.match((await client(1).lease()).yiaddr, /^10\.1\.0\./);
    const next = {
      ...server.dhcp4,
      'interfaces-config': { interfaces: ['lan1', 'lan2'] },
      subnet4: [subnet(1), subnet(2)],
    };
    await server.reconfigure(next);
    assert.match((await client(2).lease()).yiaddr, /^10\.2\.0\./);
    await server.must('kea-lfc-start');
    await server.must('config-write', { filename: 'written.conf' });
  });

  it('makes files for itself and its group only', async () => {
    // The cleanup puts the lease file in its place in the background.
    await until('the lease file is there', () => existsSync(server.leaseFile));
    const made: string[] = [];
    for (const name of readdirSync(server.folder, { recursive: true, encoding: 'utf8' })) {
      const of = lstatSync(join(server.folder, name), { throwIfNoEntry: false });
      // What the test made itself is root's; what the cleanup made may be gone again.
      if (of?.uid !== NOBODY) continue;
      const { mode } = of;
      made.push(name);
      assert.equal(mode & 0o007, 0, `${name} has mode ${(mode & 0o777).toString(8)}`);
    }
    for (const name of [
      'audit.jsonl',
      'audit.jsonl.head',
      'data/kea-leases4.csv',
      'server.log',
      'written.conf',
      'run/ctrl',
      'run/kea-dhcp4.kea-dhcp4.pid',
    ]) {
      assert.ok(made.includes(name), `${name} in ${made.join(', ')}`);
    }
  });

  it('can not get back what it gave up: a new file of root stays closed to it', async () => {
    const secret = join(server.folder, 'secret.json');
    writeFileSync(secret, '{}', { mode: 0o600 });
    const { result, text } = await server.command('config-test', {
      Dhcp4: {
        'control-sockets': [
          {
            'socket-type': 'http',
            authentication: { directory: server.folder, clients: [{ user: 'u', 'password-file': 'secret.json' }] },
          },
        ],
      },
    });
    assert.equal(result, 1);
    assert.match(text ?? '', /EACCES|ermission denied/);
  });

  it('is refused, with the reason, where it can not be', () => {
    const run = (user: string) =>
      spawnSync(process.execPath, [LESSOR, 'serve', '--user', user, '-c', '/nonexistent'], { encoding: 'utf8' });
    for (const [user, why] of [
      ['nosuchuser', /there is no user 'nosuchuser'/],
      ['nobody:nosuchgroup', /there is no group 'nosuchgroup'/],
      ['root', /root is what --user is to give up/],
      ['nobody:', /is not NAME or NAME:GROUP/],
    ] as const) {
      const { status: code, stderr } = run(user);
      assert.equal(code, 1, stderr);
      assert.match(stderr, why);
    }
    assert.deepEqual(findAccount('nobody:0').gid, 0);
    process.seteuid!(NOBODY);
    try {
      assert.throws(() => dropPrivileges(findAccount('nobody')), /only root can become/);
    } finally {
      process.seteuid!(0);
    }
  });
});

/** The other programs that root may start. */
describe('--user of kea-dhcp4 and lessor-agent', { skip }, () => {
  it('says that it is somebody else, with the same two capabilities, and works', async () => {
    const host = Netns.create();
    const folder = scratchFolder();
    chownSync(folder, NOBODY, NOBODY);
    const started: ChildProcess[] = [];
    try {
      const write = (name: string, content: object): string => {
        const file = join(folder, name);
        writeFileSync(file, JSON.stringify(content));
        chownSync(file, NOBODY, NOBODY);
        return file;
      };
      const socket = { 'socket-type': 'unix', 'socket-name': join(folder, 'kea4.sock') };
      const server = { 'interfaces-config': { interfaces: [] }, 'lease-database': { type: 'memfile', persist: false } };
      const agent = { 'http-host': '127.0.0.1', 'http-port': 80, 'control-sockets': { dhcp4: socket } };
      const env = { ...process.env, KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder, KEA_CONTROL_SOCKET_DIR: folder };
      for (const [program, file] of [
        ['kea-dhcp4', write('kea.json', { Dhcp4: { ...server, 'control-sockets': [socket] } })],
        ['lessor-agent', write('agent.json', { 'Control-agent': agent })],
      ] as const) {
        const bin = repoPath('packages', 'server', 'bin', program);
        const argv = [process.execPath, bin, '-X', '--user', 'nobody', '-c', file];
        started.push(host.spawn(argv, { stdio: ['ignore', 'ignore', 'inherit'], env }));
      }
      const request = ['-sS', '-m', '30', '-H', 'Content-Type: application/json'];
      const body = JSON.stringify({ command: 'version-get', service: ['dhcp4'] });
      const asked = async (): Promise<string> =>
        (await host.run([getPeer('curl'), ...request, '-d', body, 'http://127.0.0.1/'])).stdout;
      // Port 80 is the agent's, behind it the server answers: both became nobody and do their work.
      await until('both work', async () => /"result": ?0/.test(await asked()), 100);
      for (const { pid } of started) {
        const { Uid, CapEff, NoNewPrivs } = status(`/proc/${pid}/status`);
        assert.deepEqual([Uid, CapEff, NoNewPrivs], [Array(4).fill(NOBODY).join('\t'), KEPT, '1']);
      }
    } finally {
      for (const child of started) child.kill('SIGKILL');
      host.destroy();
      removeScratch(folder);
    }
  });
});
