/** The unix control socket: framing, timeouts, files, bounds. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatJson } from '@lessor/kea';
import type { Dispatch } from 'lessor/internal/control/door.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import { listenUnixNatively } from 'lessor/internal/platform/unix-arrivals.js';
import type { ListenUnix } from 'lessor/internal/services/ports.js';
import { UnixListener } from 'lessor/internal/transports/kea-unix.js';
import { DEFAULT_LIMITS, type ListenerDeps, type ListenerLimits } from 'lessor/internal/transports/listener.js';
import { settle } from '../lib/until.js';
import { controlBench, HandClock, ListLogger } from './control-fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-unix-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;

/** How connections are taken: both ways must be the same to whoever connects. */
let listenUnix: ListenUnix | undefined;

async function bench(limits: Partial<ListenerLimits> = {}, dispatch?: Dispatch) {
  const control = controlBench();
  const clock = new HandClock();
  const path = join(folder, `${++number}.sock`);
  const deps: ListenerDeps = {
    dispatch: dispatch ?? ((command) => control.dispatcher.dispatch(command)),
    clock,
    logger: new ListLogger(),
    lock: lockFile,
    limits: { ...DEFAULT_LIMITS, ...limits },
    ...(listenUnix === undefined ? {} : { listenUnix }),
  };
  const listener = await UnixListener.open({ type: 'unix', path, headers: [] }, deps);
  return { path, clock, deps, listener, audited: control.audited };
}

const connected = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true }, () => resolve(socket));
    socket.once('error', reject);
  });

/** Everything the server sends until it closes. */
const received = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('end', () => {
      socket.end();
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });

async function ask(path: string, text: string): Promise<string> {
  const socket = await connected(path);
  socket.write(Buffer.from(text, 'latin1'));
  return received(socket);
}

for (const [way, listen] of [
  ['node:net', undefined],
  ['system calls', listenUnixNatively(systemClock)],
] as const) {
  describe(`the unix control socket by ${way}`, () => {
    before(() => {
      listenUnix = listen;
    });

    it('answers one command, as an object, and closes', async () => {
      const { path, listener } = await bench();
      assert.equal(
        await ask(path, '{"command":"server-tag-get","service":["dhcp6"]}{"command":"x"} garbage'),
        '{ "arguments": { "server-tag": "tag" }, "result": 0 }',
      );
      assert.equal(await ask(path, '[1]').then((text) => JSON.parse(text).result), 1);
      assert.equal(
        await ask(path, '{"command":"a\x01\xe9"}'),
        `{ "result": 2, "text": "'a\\u0001\\u00e9' command not supported." }`,
      );
      await listener.close();
    });

    it('collects a command that comes in pieces and answers after a half-close', async () => {
      const { path, listener } = await bench();
      const socket = await connected(path);
      for (const part of ['{"comm', 'and":"server-', 'tag-get"', '}']) {
        socket.write(part);
        await settle();
      }
      socket.end();
      assert.match(await received(socket), /"tag"/);
      await listener.close();
    });

    it('closes without an answer when half a command is half-closed', async () => {
      const { path, listener } = await bench();
      const socket = await connected(path);
      socket.end('{"command":');
      assert.equal(await received(socket), '');
      await listener.close();
    });

    it('gives up after ten seconds without an octet, and says what it threw away', async () => {
      const { path, clock, listener } = await bench();
      const silent = await connected(path);
      const partial = await connected(path);
      partial.write('{"command":');
      await settle();
      clock.advance(9_999);
      partial.write(' ');
      await settle();
      clock.advance(1);
      assert.equal(await received(silent), '{ "result": 1, "text": "Connection over control channel timed out" }');
      clock.advance(9_998);
      assert.equal(partial.destroyed, false, 'the timer started anew with the last octet');
      clock.advance(1);
      assert.equal(
        await received(partial),
        '{ "result": 1, "text": "Connection over control channel timed out, discarded partial command of 12 bytes" }',
      );
      await listener.close();
      await settle();
      assert.equal(clock.pending, 0, 'no timer is left');
    });

    it('has no timer while the command runs', async () => {
      let finish = (_: { result: 0 }): void => undefined;
      const { path, clock, listener } = await bench({}, () => new Promise((resolve) => (finish = resolve)));
      const socket = await connected(path);
      const answer = received(socket);
      socket.write('{"command":"slow"}');
      await settle();
      clock.advance(3_600_000);
      finish({ result: 0 });
      assert.equal(await answer, '{ "result": 0 }');
      await listener.close();
    });

    it('bounds the command', async () => {
      const { path, listener } = await bench({ maxCommandOctets: 1000 });
      assert.equal(
        await ask(path, `{"command":"${'x'.repeat(2000)}"}`),
        '{ "result": 1, "text": "command is longer than 1000 bytes" }',
      );
      await listener.close();
    });

    it('at the bound turns away who has kept it waiting the longest, so that idlers and slow writers lock nobody out', async () => {
      const { path, listener } = await bench({ maxConnections: 2 });
      const slow = await connected(path);
      slow.write('{"com');
      const told = received(slow);
      await settle();
      const second = await connected(path);
      slow.write('mand"');
      await settle();
      assert.match(await ask(path, '{"command":"version-get"}'), /0\.1\.0/);
      assert.match(await told, /too many connections to this control socket, discarded partial command of 10 bytes/);
      assert.equal(second.destroyed, false);
      second.destroy();
      await listener.close();
    });

    it('while every connection has a command under way, a further one is turned away', async () => {
      const finish: ((_: { result: 0 }) => void)[] = [];
      const { path, listener } = await bench(
        { maxConnections: 1 },
        () => new Promise((resolve) => finish.push(resolve)),
      );
      const running = ask(path, '{"command":"slow"}');
      await settle();
      assert.match(await ask(path, ''), /too many connections/);
      for (const each of finish) each({ result: 0 });
      assert.equal(await running, '{ "result": 0 }');
      await listener.close();
    });

    it('takes a command of 300 kB and answers with megabytes', async () => {
      const big = 'y'.repeat(3_000_000);
      const { path, listener } = await bench({}, async ({ args }) => ({
        result: 0,
        text: big,
        arguments: args ?? null,
      }));
      const text = await ask(path, `{"command":"x","arguments":{"x":"${'z'.repeat(300_000)}"}}`);
      assert.equal(JSON.parse(text).text.length, big.length);
      assert.equal(JSON.parse(text).arguments.x.length, 300_000);
      await listener.close();
    });

    it('sends all of the answer to a slow reader who has ended his side', async () => {
      const text = 'x'.repeat(1_000_000);
      const { path, listener, clock } = await bench({}, async () => ({ result: 0, text }));
      const socket = await connected(path);
      socket.pause();
      socket.end('{"command":"x"}');
      await settle();
      clock.advance(DEFAULT_LIMITS.lingerMs * 5);
      await settle();
      const answer = received(socket);
      socket.resume();
      assert.equal((await answer).length, formatJson({ result: 0, text }).length);
      await listener.close();
    });

    it('gives up on a reader who makes no room for the answer', async () => {
      const big = 'y'.repeat(8_000_000);
      const { path, clock, listener } = await bench({}, async () => ({ result: 0, text: big }));
      const socket = await connected(path);
      socket.pause();
      socket.write('{"command":"x"}');
      await settle();
      clock.advance(DEFAULT_LIMITS.idleTimeoutMs);
      await settle();
      await listener.close();
      socket.destroy();
      await settle();
      assert.equal(clock.pending, 0);
    });

    it('has mode 0770 and a lock file of mode 0600, and leaves neither behind', async () => {
      const before = process.umask(0o022);
      const { path, listener } = await bench();
      assert.equal(process.umask(before), 0o022, 'the umask is as it was');
      assert.equal((statSync(path).mode & 0o7777).toString(8), '770');
      assert.equal((statSync(`${path}.lock`).mode & 0o7777).toString(8), '600');
      assert.equal(readFileSync(`${path}.lock`).length, 0);
      await listener.close();
      assert.deepEqual([existsSync(path), existsSync(`${path}.lock`)], [false, false]);
    });

    it('replaces what a dead server left and refuses to share with a living one', async () => {
      const { path, deps, listener } = await bench();
      const config = { type: 'unix', path, headers: [] } as const;
      await assert.rejects(UnixListener.open(config, deps), /cannot lock socket lockfile, .*\.lock/);
      assert.match(await ask(path, '{"command":"version-get"}'), /0\.1\.0/, 'the first one goes on');
      await listener.close();
      writeFileSync(path, '');
      writeFileSync(`${path}.lock`, '');
      const next = await UnixListener.open(config, deps);
      assert.match(await ask(path, '{"command":"version-get"}'), /0\.1\.0/);
      await next.close();
    });

    it('refuses paths that do not fit or can not be bound', async () => {
      const { deps, listener } = await bench();
      const open = (path: string) => UnixListener.open({ type: 'unix', path, headers: [] }, deps);
      await assert.rejects(open(join(folder, 'x'.repeat(108))), /longer than 107 bytes/);
      await assert.rejects(open(join(folder, 'no', 'such', 'folder.sock')), { code: 'socket-open' });
      await listener.close();
    });

    it('lets the command under way finish when it is closed', async () => {
      let finish = (_: { result: 0 }): void => undefined;
      const { path, listener } = await bench({}, () => new Promise((resolve) => (finish = resolve)));
      const running = await connected(path);
      const waiting = await connected(path);
      const answer = received(running);
      const nothing = received(waiting);
      running.write('{"command":"slow"}');
      await settle();
      const closed = listener.close();
      await assert.rejects(connected(path));
      assert.equal(await nothing, '');
      finish({ result: 0 });
      assert.equal(await answer, '{ "result": 0 }');
      await closed;
    });
  });
}
