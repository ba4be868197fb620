/**
 * Control Agents in front of lessor and of Debian's Kea at once: lessor-agent and, where it is installed, Kea's own
 * kea-ctrl-agent by the same configuration file. What both can be asked, both must answer alike.
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { findPeer, getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';
import { until } from '../lib/until.js';

/** Behind the agents: lessor as dhcp4, Kea's kea-dhcp4 under the name d2, nobody as dhcp6. */
const PORTS = { lessor: 8000, kea: 8001 } as const;

type Agent = keyof typeof PORTS;

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Requests that both agents must answer alike, word for word. */
const ALIKE: readonly (readonly [what: string, request: Readonly<Record<string, unknown>>])[] = [
  ['lessor alone', { command: 'statistic-get', service: ['dhcp4'], arguments: { name: 'pkt4-nak-sent' } }],
  ['Kea alone', { command: 'lease4-get', service: ['d2'], arguments: { 'ip-address': '10.9.0.77' } }],
  ['both, and both again', { command: 'subnet4-nothing', service: ['dhcp4', 'd2', 'dhcp4'] }],
  ['lease4-get of both', { command: 'lease4-get', service: ['dhcp4', 'd2'], arguments: { 'ip-address': '10.9.0.77' } }],
  ['a lease, with octets beyond ASCII', { command: 'lease4-get-all', service: ['dhcp4', 'd2'] }],
  ['version-get of both', { command: 'version-get', service: ['d2', 'dhcp4'] }],
  ['a daemon that is not there', { command: 'version-get', service: ['dhcp6', 'dhcp4'] }],
  ['a daemon that has no socket', { command: 'version-get', service: ['dhcp5'] }],
  ['an empty service', { command: 'version-get', service: [''] }],
  ['a service that is no list', { command: 'version-get', service: 'dhcp4' }],
  ['a command that only daemons have', { command: 'lease4-get', arguments: {} }],
  ['an error of a daemon', { command: 'config-test', service: ['d2'], arguments: { Dhcp4: { bogus: 1 } } }],
];

const skip = skipUnless('kea-dhcp4', 'python3');

describe('Control Agents', { skip }, () => {
  const folder = scratchFolder();
  const agents = new Map<Agent, ChildProcess>();
  const servers: Server[] = [];
  let host: Netns;

  before(async () => {
    host = Netns.create();
    connect(host, 'lan0', host, 'lan1');
    host.ip('address add 10.9.0.1/24 dev lan0');
    host.ip('address add 10.9.1.1/24 dev lan1');
    for (const [name, netif] of [
      ['lessor', 'lan0'],
      ['kea', 'lan1'],
    ] as const) {
      const server = new Server(host, { subject: SUBJECTS[name], interfaces: [netif] });
      server.configure({ subnet4: [{ id: 9, subnet: '10.9.0.0/24', pools: [{ pool: '10.9.0.50 - 10.9.0.99' }] }] });
      servers.push(server);
      await server.start();
    }
    const sockets = servers.map((server) => join(server.folder, 'run', 'ctrl'));
    for (const name of Object.keys(PORTS) as Agent[]) {
      if (name === 'kea' && findPeer('kea-ctrl-agent') === undefined) continue;
      await startAgent(name, { dhcp4: sockets[0]!, d2: sockets[1]!, dhcp6: join(folder, 'nobody') });
    }
  });
  after(async () => {
    for (const agent of agents.values()) agent.kill('SIGKILL');
    for (const server of servers) await server.close();
    host?.destroy();
    removeScratch(folder);
  });

  async function startAgent(name: Agent, sockets: Readonly<Record<string, string>>): Promise<void> {
    const file = join(folder, `${name}.conf`);
    const run = join(folder, name);
    mkdirSync(run, { mode: 0o750 });
    const entries = Object.entries(sockets).map(([service, path]) => [
      service,
      { 'socket-type': 'unix', 'socket-name': path },
    ]);
    const config = {
      'http-port': PORTS[name],
      'control-sockets': Object.fromEntries(entries),
      loggers: [{ name: 'kea-ctrl-agent', severity: 'WARN', output_options: [{ output: 'stdout' }] }],
    };
    writeFileSync(file, JSON.stringify({ 'Control-agent': config }));
    const program =
      name === 'kea' ? [getPeer('kea-ctrl-agent')] : [process.execPath, repoPath('packages/server/bin/kea-ctrl-agent')];
    const env = { ...process.env, KEA_PIDFILE_DIR: run, KEA_LOCKFILE_DIR: run };
    agents.set(name, host.spawn([...program, '-c', file], { stdio: 'ignore', env }));
    await until(`the agent ${name} answers`, () =>
      ask(name, { command: 'version-get' }).then(
        () => true,
        () => false,
      ),
    );
  }

  async function ask(name: Agent, request: unknown): Promise<Reply> {
    const url = `http://127.0.0.1:${PORTS[name]}/`;
    const argv = ['curl', '-s', '-m', '20', '-w', '\n%{http_code}', '-H', 'Content-Type: application/json'];
    const { status, stdout } = await host.run([...argv, '-d', JSON.stringify(request), url]);
    assert.equal(status, 0, `${name}: curl ended with ${status}`);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
  }

  const withoutKeaAgent = () => (findPeer('kea-ctrl-agent') === undefined ? skipUnless('kea-ctrl-agent') : false);

  test('a lease is made on each server through lessor-agent', async () => {
    const lease = {
      'ip-address': '10.9.0.60',
      'hw-address': '02:00:00:00:00:60',
      'subnet-id': 9,
      hostname: 'caf\u00e9',
    };
    const { body } = await ask('lessor', { command: 'lease4-add', service: ['dhcp4', 'd2'], arguments: lease });
    assert.deepEqual(
      (body as { result: number }[]).map(({ result }) => result),
      [0, 0],
    );
    assert.ok(await servers[0]!.lease('10.9.0.60'));
    assert.ok(await servers[1]!.lease('10.9.0.60'));
  });

  for (const [what, request] of ALIKE) {
    test(`both agents answer alike: ${what}`, { skip: withoutKeaAgent() }, async () => {
      assert.deepEqual(withoutTimes(await ask('lessor', request)), withoutTimes(await ask('kea', request)));
    });
  }

  test('each answers its own commands', { skip: withoutKeaAgent() }, async () => {
    const commands = async (name: Agent) =>
      ((await ask(name, { command: 'list-commands' })).body as [{ arguments: string[] }])[0].arguments;
    const [ours, keas] = [await commands('lessor'), await commands('kea')];
    assert.deepEqual(
      keas.filter((name) => !ours.includes(name)),
      [],
    );
    for (const name of Object.keys(PORTS) as Agent[]) {
      const [{ arguments: config }] = (await ask(name, { command: 'config-get' })).body as [
        { arguments: { 'Control-agent': Record<string, unknown> } },
      ];
      assert.deepEqual(config['Control-agent']['control-sockets'], {
        dhcp4: { 'socket-type': 'unix', 'socket-name': join(servers[0]!.folder, 'run', 'ctrl') },
        d2: { 'socket-type': 'unix', 'socket-name': join(servers[1]!.folder, 'run', 'ctrl') },
        dhcp6: { 'socket-type': 'unix', 'socket-name': join(folder, 'nobody') },
      });
    }
  });

  test('kea-shell reaches lessor and Kea through lessor-agent', { skip: skipUnless('kea-shell') }, async () => {
    const shell = `${getPeer('kea-shell')} --port ${PORTS.lessor} --service dhcp4 --service d2 version-get </dev/null`;
    const { stdout, status } = await host.run(['/bin/sh', '-c', shell]);
    assert.equal(status, 0);
    assert.match(stdout, /"3\.3\.1".*"2\.2\.0"/s);
  });

  test('shutdown stops the agent with the exit value asked for', async () => {
    const agent = agents.get('lessor')!;
    const exited = new Promise((resolve) => agent.once('exit', resolve));
    await ask('lessor', { command: 'shutdown', arguments: { 'exit-value': 7 } });
    assert.equal(await exited, 7);
  });
});

/** Times of leases tick on between two questions; nothing else does. */
function withoutTimes(reply: Reply): unknown {
  return JSON.parse(JSON.stringify(reply), (name, value) => (name === 'cltt' ? '<time>' : value));
}
