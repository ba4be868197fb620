/**
 * The pages of docs that tell an operator what to type: every `$ ` line of them is run, as it stands but for the path of
 * the socket, against a real server in a network of its own, and must print what the page shows.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { type Dhcp4, Server } from '../lib/server.js';
import { SUBJECTS, subject } from '../lib/subject.js';

/** The server the pages talk of. */
const CONFIG: Dhcp4 = {
  'valid-lifetime': 7200,
  'client-classes': [{ name: 'phones', test: "option[60].text == 'phone'" }],
  subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.199' }] }],
};
/** The socket as the pages write it. */
const WRITTEN_SOCKET = '/run/kea/kea4-ctrl-socket';
const LEASE = { 'ip-address': '192.0.2.100', 'hw-address': '02:00:00:00:00:09' };
const BIN = dirname(repoPath('packages', 'server', 'bin', 'lessor'));

/** A command of a page and what the page shows of its output. */
interface Typed {
  readonly command: string;
  readonly output: string;
}

function readPage(name: string): string {
  return readFileSync(repoPath('docs', `${name}.md`), 'utf8');
}

/** The commands of a page, in its order; one goes on in the next line while a quote is open. */
function typedIn(page: string): Typed[] {
  const typed: { command: string; output: string }[] = [];
  for (const [, block] of page.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)) {
    let open = false;
    for (const line of block!.split('\n').slice(0, -1)) {
      const last = typed.at(-1);
      if (open && last !== undefined) last.command += `\n${line}`;
      else if (line.startsWith('$ ')) typed.push({ command: line.slice(2), output: '' });
      else if (block!.startsWith('$ ') && last !== undefined) last.output += `${line}\n`;
      open = ((typed.at(-1)?.command.match(/'/g) ?? []).length & 1) === 1;
    }
  }
  return typed;
}

/** The commands in JSON on a page: in code, inline or in blocks. */
function jsonCommandsIn(page: string): { readonly command: string; readonly arguments?: Record<string, unknown> }[] {
  return Array.from(page.matchAll(/\{ "command": .*? \}(?=`|\n)/g), ([text]) => JSON.parse(text!));
}

const skip = subject.skipReason() || skipUnless('curl');

describe('pages of docs', { skip }, () => {
  let host: Netns;
  let server: Server;

  before(async () => {
    host = Netns.create();
    connect(host, 'eth0', host, 'eth1');
    host.ip('address add 192.0.2.1/24 dev eth0');
    server = new Server(host, { subject: SUBJECTS.lessor, interfaces: ['eth0'] });
    const unix = (server.complete({}).Dhcp4['control-sockets'] as unknown[])[0];
    const http = { 'socket-type': 'http', 'socket-address': '127.0.0.1', 'socket-port': 8000 };
    server.configure({ ...CONFIG, 'control-sockets': [unix, http] });
    await server.start();
    await server.must('lease4-add', LEASE);
  });
  after(async () => {
    await server?.close();
    host?.destroy();
  });

  const argvOf = (command: string): string[] => [
    '/bin/sh',
    '-c',
    `cd '${server.folder}'; PATH='${BIN}':$PATH; ${command.replaceAll(WRITTEN_SOCKET, server.socket)}`,
  ];

  async function type({ command, output }: Typed): Promise<string> {
    const { status, stdout } = await host.run(argvOf(command));
    assert.equal(status, 0, `${command}: ${stdout}`);
    if (output !== '') assert.equal(stdout, output, command);
    return stdout;
  }

  it('explain-an-answer.md', async () => {
    const typed = typedIn(readPage('explain-an-answer'));
    assert.equal(typed.length, 1);
    const [shown] = typed;
    const stdout = await type({ ...shown!, output: '' });
    // The page ends before the way the reply takes, its options and its octets, and says so.
    const output = shown!.output.trimEnd();
    assert.equal(stdout.slice(0, output.length), output);
    assert.match(await type({ command: `${shown!.command} --json`, output: '' }), /"outcome": "offer"/);
  });

  it('add-a-reservation.md', async () => {
    const [add, explain, ...more] = typedIn(readPage('add-a-reservation'));
    assert.equal(more.length, 0);
    assert.match(await type(add!), /Host added\./);
    assert.match(await type(explain!), /reservation: of subnet 1, by hw-address 02:00:00:00:00:07: 192\.0\.2\.77/);
    const inFile = () => readFileSync(server.configFile, 'utf8').includes('192.0.2.77');
    for (const deadline = performance.now() + 30_000; !inFile() && performance.now() < deadline; ) await sleep(100);
    assert.ok(inFile(), 'it is in the file');
    const key = { 'subnet-id': 1, 'ip-address': '192.0.2.77' };
    for (const name of ['reservation-get', 'reservation-del']) await server.must(name, key);
    await server.must('config-reload');
  });

  it('change-safely.md', async () => {
    const page = readPage('change-safely');
    const original = readFileSync(server.configFile, 'utf8');
    const narrowed = original.replace(/192\.0\.2\.100 ?- ?192\.0\.2\.199/, '192.0.2.120 - 192.0.2.199');
    assert.notEqual(narrowed, original);
    writeFileSync(join(server.folder, 'new.conf'), narrowed);
    const typed = typedIn(page);
    assert.equal(typed.length, 1);
    await type(typed[0]!);
    assert.match(await type({ command: `${typed[0]!.command} --json`, output: '' }), /"homeless": 1/);
    const unchanged = await type({ command: typed[0]!.command.replace(' new.conf', ''), output: '' });
    assert.match(unchanged, /^Nothing would change\./);

    writeFileSync(server.configFile, narrowed);
    const known = new Set<string>();
    for (const { command, arguments: args } of jsonCommandsIn(page)) {
      // The page's id 3 stands for one of config-history's; here there are two.
      await server.must(command, args?.id === undefined ? args : { ...args, id: 1 });
      known.add(command);
    }
    assert.deepEqual([...known].sort(), ['config-confirm', 'config-plan', 'config-reload', 'config-rollback']);
    assert.deepEqual(await server.must('subnet4-get', { id: 1 }).then(poolsOf), ['192.0.2.100-192.0.2.199']);
    writeFileSync(server.configFile, original);
    await server.must('config-reload');
  });

  it('follow-leases.md', async () => {
    const page = readPage('follow-leases');
    const [curl, leases, ...more] = typedIn(page);
    assert.equal(more.length, 0);
    for (const [{ command }, expected] of [
      [curl!, /event: lease-removed\ndata: .*"lease"/],
      [
        leases!,
        new RegExp(
          leases!.output
            .trim()
            .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, '[-0-9: ]+')
            .replaceAll('.', '\\.'),
        ),
      ],
    ] as const) {
      const seen = await followed(command, expected);
      assert.match(seen, expected, command);
    }
    for (const { command, arguments: args } of jsonCommandsIn(page)) {
      const { after: _, ...rest } = args as { readonly after: string; readonly limit: number };
      let seen = 0;
      let answer = await server.command(command, rest);
      for (; answer.result === 0; answer = await server.command(command, { ...rest, after: answer.arguments!.last })) {
        seen += (answer.arguments!.events as unknown[]).length;
      }
      assert.equal(answer.result, 3, 'nothing after the last one');
      assert.ok(seen > 0);
    }
  });

  /** Runs a command that goes on, changes a lease until it has printed what is expected, and interrupts it. */
  async function followed(command: string, expected: RegExp): Promise<string> {
    const child = host.spawn(argvOf(`exec ${command}`), { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = new Promise((resolve) => child.once('close', resolve));
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const deadline = performance.now() + 30_000;
    while (!expected.test(text) && performance.now() < deadline && child.exitCode === null) {
      await server.must('lease4-del', { 'ip-address': LEASE['ip-address'] });
      await server.must('lease4-add', LEASE);
      await sleep(200);
    }
    child.kill('SIGINT');
    await closed;
    return text;
  }

  it('lessor leases --follow comes back after a restart where it was lost, and says what it may have missed', async () => {
    const child = host.spawn(argvOf('exec lessor leases --follow --url http://127.0.0.1:8000 --json'), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise((resolve) => child.once('close', resolve));
    const text = { out: '', err: '' };
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text.out += chunk;
    });
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      text.err += chunk;
    });
    const changeUntil = async (seen: () => boolean): Promise<void> => {
      for (const deadline = performance.now() + 30_000; !seen() && performance.now() < deadline; ) {
        await server.must('lease4-update', { ...LEASE, hostname: `h${Math.floor(performance.now())}` });
        await sleep(200);
      }
      assert.ok(seen(), `${text.out}\n${text.err}`);
    };
    await changeUntil(() => /"ip-address": ?"192\.0\.2\.100"/.test(text.out));
    await server.stop();
    await server.start();
    await changeUntil(() => text.err.includes('changes before this one are lost'));
    const before = text.out.length;
    await changeUntil(() => text.out.length > before);
    child.kill('SIGINT');
    assert.equal(await closed, 0);
  });

  it('errors: no server, wrong words, a refusal; exit codes 1, 2, 1', async () => {
    const status = async (command: string) => (await host.run(argvOf(command))).status;
    assert.equal(await status('lessor plan --socket /nowhere'), 1);
    assert.equal(await status('lessor plan'), 2);
    assert.equal(await status(`lessor explain --socket ${WRITTEN_SOCKET} --mac 020000000009 --relay nonsense`), 1);
    assert.equal(await status('lessor explain --url http://127.0.0.1:9 --mac 020000000009'), 1);
    assert.equal(await status('lessor leases --url http://127.0.0.1:8000'), 2);
    assert.equal(await status('lessor leases --follow --url http://127.0.0.1:9'), 1);
    assert.equal(await status(`lessor explain --url http://127.0.0.1:8000 --mac 020000000009`), 0);
  });

  it('control-api.md: the agent’s configuration is one', async () => {
    const text = /```json\n(\{ "Control-agent"[\s\S]*?)```/.exec(readPage('control-api'))![1]!;
    writeFileSync(join(server.folder, 'kea-ctrl-agent.conf'), text);
    assert.equal((await host.run(argvOf('kea-ctrl-agent -t kea-ctrl-agent.conf'))).status, 0);
  });
});

function poolsOf(args: Readonly<Record<string, unknown>>): string[] {
  const [subnet] = args.subnet4 as { readonly pools: readonly { readonly pool: string }[] }[];
  return subnet!.pools.map(({ pool }) => pool);
}
