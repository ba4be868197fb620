/**
 * The unit files: a server really runs under the system call filter they set, through its whole life, and is killed by
 * the first call outside it; their capabilities and address families are those the server needs; their score is that
 * of the docs.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AccessLab, basic, passwordOf } from '../lib/access-lab.js';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { subject } from '../lib/subject.js';

const UNITS = ['lessor.service', 'lessor-agent.service'] as const;
const unitPath = (name: string): string => repoPath('packaging', 'systemd', name);

/** Runs a program under a filter: any other call, and a socket of any other family, kills it. */
const FILTERED = `
import os, seccomp, socket, sys
allowed = sys.argv[1].split(',')
own = seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS)
for family in sys.argv[2].split():
    own.add_rule(seccomp.ALLOW, 'socket', seccomp.Arg(0, seccomp.EQ, int(getattr(socket, family))))
for name in allowed:
    if name == 'socket': continue
    try: own.add_rule(seccomp.ALLOW, name)
    except (RuntimeError, ValueError): pass  # a call of another machine
own.add_rule(seccomp.ALLOW, 'execve')
own.load()
os.execv(sys.argv[3], sys.argv[3:])
`;

/** The value of a setting, of one that comes several times all. */
function settings(unit: string, name: string): string[] {
  const lines = readFileSync(unitPath(unit), 'utf8').matchAll(new RegExp(`^${name}=(.*)$`, 'gm'));
  return [...lines].map(([, value]) => value!);
}

/** Calls of a group, those of groups in it included. */
function callsOf(group: string): string[] {
  const { stdout } = spawnSync(getPeer('systemd-analyze'), ['syscall-filter', group], { encoding: 'utf8' });
  const names = stdout.split('\n').flatMap((line) => /^ {4}(@?[a-z_0-9-]+)$/.exec(line)?.[1] ?? []);
  return names.flatMap((name) => (name.startsWith('@') ? callsOf(name) : [name]));
}

/** What a unit allows, as systemd.exec(5) reads the lines one after the other. */
function allowedCalls(unit: string): Set<string> {
  const allowed = new Set<string>();
  for (const line of settings(unit, 'SystemCallFilter')) {
    const removes = line.startsWith('~');
    for (const word of line.replace(/^~/, '').split(' ')) {
      for (const call of word.startsWith('@') ? callsOf(word) : [word]) {
        if (removes) allowed.delete(call);
        else allowed.add(call);
      }
    }
  }
  return allowed;
}

const skip =
  subject.name === 'kea' ? 'kea: has units of its own' : skipUnless('openssl', 'python3', 'seccomp', 'systemd-analyze');

describe('The systemd units', { skip }, () => {
  const spaces: Netns[] = [];
  let lab: AccessLab | undefined;
  let link: Link | undefined;
  after(async () => {
    link?.close();
    await lab?.close();
    for (const space of spaces) space.destroy();
  });

  it('have calls in their filter that a server can not do without, and none that are for root', () => {
    for (const unit of UNITS) {
      const allowed = allowedCalls(unit);
      for (const call of ['read', 'epoll_wait', 'recvmmsg', 'fdatasync'])
        assert.ok(allowed.has(call), `${unit} ${call}`);
      for (const call of ['mount', 'ptrace', 'bpf', 'init_module', 'setuid', 'capset', 'chroot', 'reboot', 'keyctl']) {
        assert.ok(!allowed.has(call), `${unit} ${call}`);
      }
    }
  });

  it('let a server live its whole life, from DORA to log rotation', async () => {
    const [near, far] = [Netns.create(), Netns.create()];
    spaces.push(near, far);
    connect(near, 'lan0', far, 'lan0');
    near.ip('address add 10.1.0.1/24 dev lan0');
    link = await Link.open(far, 'lan0');
    const filter = [...allowedCalls('lessor.service')].join(',');
    const [families = ''] = settings('lessor.service', 'RestrictAddressFamilies');
    const prefix = [getPeer('seccomp'), '-c', FILTERED, filter, families];
    const output = (name: string) => ({ output: name, maxsize: 204_800, maxver: 2 });
    lab = await AccessLab.open({
      host: near,
      interfaces: ['lan0'],
      pair: false,
      prefix,
      access: {},
      dhcp4: { subnet4: [{ id: 1, subnet: '10.1.0.0/24', pools: [{ pool: '10.1.0.100 - 10.1.0.110' }] }] },
    });
    const { server, ports } = lab;
    const logFile = join(server.folder, 'rotated.log');
    const loggers = [
      { name: 'kea-dhcp4', severity: 'DEBUG', debuglevel: 99, output_options: [output(logFile), output('syslog')] },
    ];
    await server.reconfigure({ ...server.dhcp4, loggers });
    assert.match(
      (await new TestClient({ link, server: '10.1.0.1', serverMac: near.macOf('lan0') }).lease()).yiaddr,
      /^10\.1\.0\./,
    );
    const knock = async (told: object): Promise<string> => {
      const argv = [
        process.execPath,
        repoPath('build', 'tests', 'interop', 'attack-agent.js'),
        'knock',
        JSON.stringify({ host: '127.0.0.1', ...told }),
      ];
      return JSON.parse((await near.run(argv)).stdout);
    };
    const { cert, key } = lab.certificate('viewer');
    const body = '{"command": "config-get"}';
    assert.equal(await knock({ port: ports.http, body, authorization: basic('viewer', passwordOf('viewer')) }), '200');
    assert.equal(await knock({ port: ports.https, body, tls: { ca: lab.authority.ca, cert, key } }), '200');
    assert.equal(await knock({ port: ports.omapi }), 'HPE_INVALID_CONSTANT');
    assert.equal(await knock({ port: ports.metrics }), '404');
    for (const command of ['kea-lfc-start', 'config-write', 'leases-reclaim', 'interface-list', 'interface-redetect']) {
      await server.must(command, command === 'leases-reclaim' ? { remove: false } : undefined);
    }
    await server.command('lease4-write', { filename: 'exported.csv' });
    server.signal('SIGHUP');
    await server.must('reservation-add', {
      reservation: { 'subnet-id': 1, 'hw-address': '02:00:00:00:00:09', 'ip-address': '10.1.0.9' },
    });
    for (let i = 0; i < 20_000 && !existsSync(`${logFile}.1`); i++) await server.must('version-get');
    assert.ok(existsSync(`${logFile}.1`), 'the log was rotated');
    await server.must('shutdown');
    assert.equal(await server.ended(), 0, server.log());
  });

  it('give the capabilities and address families that the server asks for, and no others', () => {
    assert.deepEqual(settings('lessor.service', 'AmbientCapabilities'), ['CAP_NET_BIND_SERVICE CAP_NET_RAW']);
    assert.deepEqual(settings('lessor.service', 'CapabilityBoundingSet'), ['CAP_NET_BIND_SERVICE CAP_NET_RAW']);
    assert.deepEqual(settings('lessor-agent.service', 'CapabilityBoundingSet'), ['']);
  });

  it('have the score that the docs tell', () => {
    const docs = readFileSync(repoPath('docs', 'lock-it-down.md'), 'utf8');
    for (const unit of UNITS) {
      const argv = ['security', '--offline=true', unitPath(unit)];
      const { stdout } = spawnSync(getPeer('systemd-analyze'), argv, { encoding: 'utf8' });
      const score = /exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1];
      assert.ok(docs.includes(`${unit} ${score}`), `${unit} has ${score}`);
    }
  });
});
