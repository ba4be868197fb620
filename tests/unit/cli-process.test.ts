/** The server as a process, as an operator and a supervisor see it: name, signals, locks, exit codes. No privileges. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { freeUdpPort } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { PATIENCE_MS } from '../lib/until.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-process-'));
const PID_FILE = join(folder, 'server.kea-dhcp4.pid');
const SOCKET = join(folder, 'ctrl');
const CONFIG = join(folder, 'server.conf');
const PORT = await freeUdpPort();

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  rmSync(PID_FILE, { force: true });
});
after(() => rmSync(folder, { recursive: true, force: true }));

function configure(more: Readonly<Record<string, unknown>> = {}): void {
  const Dhcp4 = {
    'interfaces-config': { interfaces: ['lo/127.0.0.1'], 'dhcp-socket-type': 'udp' },
    'lease-database': { type: 'memfile', name: 'leases.csv' },
    'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'ctrl' }],
    'valid-lifetime': 1000,
    loggers: [{ name: 'kea-dhcp4', severity: 'INFO', 'output-options': [{ output: 'stdout' }] }],
    ...more,
  };
  writeFileSync(CONFIG, JSON.stringify({ Dhcp4 }));
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  output(): string;
  readonly exited: Promise<{ readonly status: number | null; readonly signal: string | null }>;
}

function start(program: string, ...argv: string[]): Running {
  const child = spawn(repoPath('packages', 'server', 'bin', program), argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      KEA_DHCP_DATA_DIR: folder,
      KEA_CONTROL_SOCKET_DIR: folder,
      KEA_PIDFILE_DIR: folder,
      KEA_LOG_FILE_DIR: folder,
    },
  });
  children.add(child);
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exited = new Promise<{ status: number | null; signal: string | null }>((resolve) =>
    child.once('close', (status, signal) => resolve({ status, signal })),
  );
  return { child, pid: child.pid!, output: () => text, exited };
}

async function until(what: string, condition: () => boolean | Promise<boolean>, running?: Running): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}\n${running?.output() ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function startServing(program = 'kea-dhcp4', ...more: string[]): Promise<Running> {
  const argv = program === 'lessor' ? ['serve', '-c', CONFIG, '-p', String(PORT)] : ['-c', CONFIG, '-p', String(PORT)];
  const running = start(program, ...argv, ...more);
  await until('the start', () => running.output().includes('DHCP4_STARTED'), running);
  return running;
}

interface Answer {
  readonly result: number;
  readonly text?: string;
  readonly arguments?: { readonly Dhcp4: Readonly<Record<string, unknown>> };
}

function command(name: string, args?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(SOCKET);
    let text = '';
    socket.on('connect', () => socket.write(JSON.stringify({ command: name, arguments: args })));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(JSON.parse(text)));
  });
}

const running = async (field: string): Promise<unknown> => (await command('config-get')).arguments?.Dhcp4[field];

describe('the server process', () => {
  it('looks like kea-dhcp4 -c FILE to whoever lists processes (Stork)', {
    skip: process.platform !== 'linux',
  }, async () => {
    configure();
    const server = await startServing();
    assert.equal(readFileSync(`/proc/${server.pid}/comm`, 'utf8'), 'kea-dhcp4\n');
    // As Stork reads it: NUL octets separate words, empty words do not count.
    const line = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
    assert.equal(line, `kea-dhcp4 -c ${CONFIG} -p ${PORT}`);
    assert.equal(/(.*?)kea-dhcp4\s+.*-c\s+(\S+)/.exec(`${line} `)?.[2], CONFIG);
  });

  it('writes its PID file and removes PID file and sockets when it ends', async () => {
    configure();
    const server = await startServing('lessor');
    assert.equal(readFileSync(PID_FILE, 'utf8'), `${server.pid}\n`);
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.exited, { status: 0, signal: null });
    for (const path of [PID_FILE, SOCKET, `${SOCKET}.lock`]) assert.equal(existsSync(path), false, path);
  });

  it('ends with 0 on SIGINT too', async () => {
    configure();
    const server = await startServing('lessor');
    server.child.kill('SIGINT');
    assert.deepEqual(await server.exited, { status: 0, signal: null });
  });

  it('ends with the exit-value of the shutdown command', async () => {
    configure();
    const server = await startServing();
    assert.equal((await command('shutdown', { 'exit-value': 7 })).result, 0);
    assert.deepEqual(await server.exited, { status: 7, signal: null });
  });

  it('reads the configuration again on SIGHUP', async () => {
    configure();
    const server = await startServing();
    assert.equal(await running('valid-lifetime'), 1000);
    configure({ 'valid-lifetime': 2000 });
    server.child.kill('SIGHUP');
    await until('the reload', async () => (await running('valid-lifetime')) === 2000, server);
  });

  it('keeps the configuration it has if the new one is wrong, and says what is wrong where', async () => {
    configure();
    const server = await startServing();
    configure({ 'valid-lifetime': 'soon' });
    server.child.kill('SIGHUP');
    await until('the refusal', () => server.output().includes('DHCP4_DYNAMIC_RECONFIGURATION_FAIL'), server);
    assert.ok(server.output().includes(`${CONFIG}:1.`), server.output());
    assert.equal(await running('valid-lifetime'), 1000);
  });

  it('refuses to move the leases while it runs', async () => {
    configure();
    const server = await startServing();
    configure({ 'lease-database': { type: 'memfile', name: 'others.csv' } });
    server.child.kill('SIGHUP');
    await until('the refusal', () => server.output().includes('restart it'), server);
  });

  it('moves its log on SIGHUP', async () => {
    configure();
    const server = await startServing();
    const log = join(folder, 'moved.log');
    configure({ loggers: [{ name: 'kea-dhcp4', 'output-options': [{ output: 'moved.log', pattern: 'json' }] }] });
    server.child.kill('SIGHUP');
    const text = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    await until('the log', () => text().includes('DHCP4_DYNAMIC_RECONFIGURATION_SUCCESS'), server);
    // What the new configuration exposes is said first.
    const ids = text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).id);
    assert.deepEqual(ids.filter((id) => id !== 'LESSOR_EXPOSED').slice(0, 1), [
      'DHCP4_DYNAMIC_RECONFIGURATION_SUCCESS',
    ]);
  });
});

describe('a second server', () => {
  it('on the same configuration exits with 1 and one clear line', async () => {
    configure();
    const first = await startServing();
    const second = start('kea-dhcp4', '-c', CONFIG, '-p', String(PORT));
    assert.deepEqual(await second.exited, { status: 1, signal: null });
    assert.ok(second.output().includes(`already running: process ${first.pid} holds ${PID_FILE}`), second.output());
    assert.doesNotMatch(second.output(), /\n\s+at /);
    assert.equal((await command('version-get')).result, 0, 'the first goes on');
  });

  it('on the same lease file under another configuration is refused as well', async () => {
    configure();
    await startServing();
    const other = join(folder, 'other.conf');
    writeFileSync(
      other,
      JSON.stringify({
        Dhcp4: { 'interfaces-config': { interfaces: [] }, 'lease-database': { type: 'memfile', name: 'leases.csv' } },
      }),
    );
    const second = start('lessor', 'serve', '-c', other);
    assert.deepEqual(await second.exited, { status: 1, signal: null });
    assert.ok(second.output().includes(`another server writes to ${join(folder, 'leases.csv')}`), second.output());
  });

  it('starts after the first was killed', async () => {
    configure();
    const first = await startServing();
    first.child.kill('SIGKILL');
    await first.exited;
    assert.ok(existsSync(PID_FILE), 'the killed one left its file');
    const second = await startServing();
    assert.equal(readFileSync(PID_FILE, 'utf8'), `${second.pid}\n`);
  });
});

describe('a start that fails', () => {
  for (const [what, more, expected] of [
    ['an interface that does not exist', { 'interfaces-config': { interfaces: ['nosuch0'] } }, /nosuch0/],
    [
      'a control socket in a directory that does not exist',
      { 'control-sockets': [{ 'socket-type': 'unix', 'socket-name': '/nonexistent/ctrl' }] },
      /\/nonexistent/,
    ],
    [
      'a log file that can not be written',
      { loggers: [{ name: 'kea-dhcp4', 'output-options': [{ output: '/proc/nonexistent/log' }] }] },
      /\/proc\/nonexistent/,
    ],
  ] as const) {
    it(`because of ${what} exits with 1, says so, and leaves no lock`, async () => {
      configure(more);
      const server = start('lessor', 'serve', '-c', CONFIG, '-p', String(PORT), '-X');
      assert.deepEqual(await server.exited, { status: 1, signal: null }, server.output());
      assert.match(server.output(), expected);
      assert.doesNotMatch(server.output(), /\n\s+at /);
      assert.equal(existsSync(PID_FILE), false);
    });
  }
});
