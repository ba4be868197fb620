/**
 * A session as Stork's agent and server have one: the process is found by its name, the configuration file by its
 * command line, the version by `-v`; then commands with a `service`, each on a connection that is read to its end, or
 * over HTTP with the first credentials of the file.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ControlLab, openControlLab } from '../lib/control-lab.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';

type Json = Record<string, unknown>;

interface Answer {
  readonly result: number;
  readonly text?: string;
  readonly arguments: Json;
}

/** Sends a command and reads until the other side closes. */
function overUnix(path: string, command: Json): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => socket.write(JSON.stringify(command)));
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(JSON.parse(text) as Answer));
  });
}

async function overHttp(url: string, user: string, password: string, command: Json): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    },
    body: JSON.stringify(command),
  });
  assert.equal(response.status, 200);
  const answers = (await response.json()) as Answer[];
  assert.equal(answers.length, 1);
  return answers[0]!;
}

/** Processes of a name, as an agent that looks through /proc sees them. */
function processesNamed(name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/comm`, 'utf8').trim() === name;
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);
}

/** The steps: command, arguments, what the answer must hold. Each sees what those before have done. */
const SESSION: readonly (readonly [command: string, args: Json | undefined, check: (answer: Answer) => void])[] = [
  ['version-get', undefined, ({ arguments: args }) => assert.match(String(args.extended), /\S/)],
  [
    'status-get',
    undefined,
    ({ arguments: { pid, uptime, reload } }) => {
      for (const value of [pid, uptime, reload]) assert.equal(typeof value, 'number');
    },
  ],
  ['config-get', undefined, ({ arguments: { Dhcp4 } }) => assert.equal(((Dhcp4 as Json).subnet4 as Json[]).length, 1)],
  [
    'list-commands',
    undefined,
    ({ arguments: args }) => assert.ok((args as unknown as string[]).includes('subnet4-add')),
  ],
  [
    'statistic-get-all',
    undefined,
    ({ arguments: args }) => {
      const samples = args['subnet[1].total-addresses'] as [number, string][];
      assert.equal(samples[0]![0], 50);
      assert.match(samples[0]![1], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    },
  ],
  ['subnet4-list', undefined, ({ arguments: args }) => assert.equal((args.subnets as Json[]).length, 1)],
  ['network4-add', { 'shared-networks': [{ name: 'frog', subnet4: [] }] }, () => undefined],
  [
    'subnet4-add',
    { subnet4: [{ id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.10-198.51.100.20' }] }] },
    ({ arguments: args }) => assert.deepEqual(args.subnets, [{ id: 2, subnet: '198.51.100.0/24' }]),
  ],
  ['network4-subnet-add', { name: 'frog', id: 2 }, () => undefined],
  [
    'subnet4-update',
    { subnet4: [{ id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.10-198.51.100.30' }] }] },
    () => undefined,
  ],
  [
    'subnet4-get',
    { id: 2 },
    ({ arguments: args }) => {
      const [subnet] = args.subnet4 as Json[];
      assert.equal((subnet!.pools as Json[])[0]!.pool, '198.51.100.10-198.51.100.30');
    },
  ],
  [
    'reservation-add',
    {
      reservation: {
        'subnet-id': 2,
        'hw-address': '02:00:00:00:00:02',
        'ip-address': '198.51.100.40',
        hostname: 'res',
      },
    },
    () => undefined,
  ],
  [
    'reservation-get-page',
    { limit: 1000, 'source-index': 0, from: 0 },
    ({ arguments: { hosts, count } }) => {
      assert.equal(count, 1);
      assert.equal((hosts as Json[])[0]!['ip-address'], '198.51.100.40');
    },
  ],
  [
    'lease4-add',
    { 'ip-address': '192.0.2.10', 'hw-address': '02:00:00:00:00:10', hostname: 'ten', 'client-id': '01:02' },
    () => undefined,
  ],
  ['lease4-get', { 'ip-address': '192.0.2.10' }, ({ arguments: args }) => assert.equal(args.hostname, 'ten')],
  ['lease4-get-by-hw-address', { 'hw-address': '02:00:00:00:00:10' }, oneLease],
  ['lease4-get-by-client-id', { 'client-id': '01:02' }, oneLease],
  ['lease4-get-by-hostname', { hostname: 'ten' }, oneLease],
  ['lease4-get-by-state', { state: 0 }, oneLease],
  ['config-write', undefined, ({ arguments: args }) => assert.ok((args.size as number) > 0)],
  ['config-reload', undefined, () => undefined],
  [
    'reservation-del',
    { 'subnet-id': 2, 'identifier-type': 'hw-address', identifier: '02:00:00:00:00:02' },
    () => undefined,
  ],
  ['network4-subnet-del', { name: 'frog', id: 2 }, () => undefined],
  ['network4-del', { name: 'frog', 'subnets-action': 'keep' }, () => undefined],
  ['subnet4-del', { id: 2 }, () => undefined],
  ['subnet4-list', undefined, ({ arguments: args }) => assert.equal((args.subnets as Json[]).length, 1)],
  ['lease4-del', { 'ip-address': '192.0.2.10' }, () => undefined],
];

function oneLease({ arguments: { leases } }: Answer): void {
  assert.deepEqual(
    (leases as Json[]).map((lease) => lease['ip-address']),
    ['192.0.2.10'],
  );
}

describe('Stork', { skip: skipUnless('openssl') }, () => {
  let lab: ControlLab;
  before(async () => {
    lab = await openControlLab('lessor');
  });
  after(() => lab?.close());

  it('finds the daemon by its name and the configuration file by its command line', () => {
    const { pid } = lab.server;
    assert.ok(processesNamed('kea-dhcp4').includes(pid!));
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const [, file] = /-c\s+(\S+)/.exec(commandLine)!;
    assert.equal(file, lab.server.configFile);
    assert.match(commandLine, /(^|\/)kea-dhcp4 /);
  });

  it('reads the version from -v', () => {
    const program = repoPath('packages', 'server', 'bin', 'kea-dhcp4');
    assert.match(execFileSync(program, ['-v'], { encoding: 'utf8' }), /^\d+\.\d+\.\d+\n$/);
  });

  /** Stork takes the first client of the file, or the first whose name begins with `stork`. */
  const firstDoor = () => {
    const { Dhcp4 } = JSON.parse(readFileSync(lab.server.configFile, 'utf8')) as { Dhcp4: Json };
    const doors = Dhcp4['control-sockets'] as Json[];
    const http = doors.find((door) => door['socket-type'] === 'http')!;
    const [client] = (http.authentication as { clients: { user: string; password: string }[] }).clients;
    return { url: `http://${http['socket-address']}:${http['socket-port']}/`, ...client! };
  };

  for (const door of ['unix', 'http'] as const) {
    it(`has its session over ${door}`, async () => {
      for (const [name, args, check] of SESSION) {
        const command = { command: name, service: ['dhcp4'], ...(args && { arguments: args }) };
        const { url, user, password } = firstDoor();
        const answer =
          door === 'unix' ? await overUnix(lab.server.socket, command) : await overHttp(url, user, password, command);
        assert.equal(answer.result, 0, `${name}: ${answer.text}`);
        check(answer);
      }
    });
  }
});
