/** Who gets through OMAPI's door: penalties for failures, interfaces, generated keys, fair turns. */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { Authenticator, openRequest, Result, readStatus, wireName } from '@lessor/omapi';
import { runLessor } from 'lessor/internal/cli/program.js';
import { SourcePenalties } from 'lessor/internal/control/access/source-penalties.js';
import { bindDeviceSocket } from 'lessor/internal/platform/device-listener.js';
import { FairTurns, type Worker } from 'lessor/internal/transports/fair-turns.js';
import { loadText } from './config-helpers.js';
import { HandClock } from './control-fakes.js';
import { KEY, OmapiServerLab, Raw } from './omapi-server-lab.js';

async function lessor(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const stream = (name: keyof typeof texts) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString();
        done();
      },
    });
  const status = await runLessor(argv, { stdout: stream('out'), stderr: stream('err'), env: {} });
  return { status, ...texts };
}

describe('lessor omapi-keygen', () => {
  it('prints a key that the configuration takes as it is', async () => {
    const { status, out } = await lessor('omapi-keygen', '--name', 'prov');
    assert.equal(status, 0);
    const [, member = ''] = /"Dhcp4" .*\n([\s\S]*?)\n\n# dhcpd\.conf/.exec(out) ?? [];
    const { snapshot } = loadText(`{ "Dhcp4": { ${member} } }`);
    const [key] = snapshot.omapi!.keys;
    assert.equal(key?.authenticator.name, 'prov');
    assert.equal(key?.authenticator.algorithm.name, 'hmac-sha256');
    const [, secret = ''] = /secret (\S+);/.exec(out) ?? [];
    assert.equal(Buffer.from(secret, 'base64').length, 32);
    const same = new Authenticator({ name: 'prov', algorithm: 'hmac-sha256', secret });
    assert.deepEqual(same.sign(Buffer.from('x')), key?.authenticator.sign(Buffer.from('x')));
    assert.match(out, /^key prov \{\n {2}algorithm hmac-sha256;$/m);
  });

  it('never prints one secret twice', async () => {
    const secrets = await Promise.all([1, 2].map(() => lessor('omapi-keygen', '--secret')));
    assert.match(secrets[0]!.out, /^[A-Za-z0-9+/]{43}=\n$/);
    assert.notEqual(secrets[0]!.out, secrets[1]!.out);
  });

  it('marks what is weak', async () => {
    assert.equal((await lessor('omapi-keygen', '-a', 'hmac-md5')).status, 2);
    const { out } = await lessor('omapi-keygen', '-a', 'hmac-md5', '--legacy');
    assert.match(out, /"legacy": true/);
  });

  it('says what is wrong, and helps', async () => {
    assert.match((await lessor('omapi-keygen', '-n', 'a b')).err, /can not be written in dhcpd\.conf/);
    assert.match((await lessor('omapi-keygen', '-a', 'sha9')).err, /no algorithm 'sha9'/);
    assert.match((await lessor('omapi-keygen', '--help')).out, /--algorithm/);
  });
});

describe('penalties', () => {
  it('begin above the limit, double, and end', () => {
    const clock = new HandClock();
    const penalties = new SourcePenalties(clock, 2);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => penalties.fail('10.0.0.1')),
      [0, 0, 1000, 2000, 4000],
    );
    assert.equal(penalties.waitMs('10.0.0.1'), 4000);
    assert.equal(penalties.waitMs('10.0.0.2'), 0);
    clock.advance(4000);
    assert.equal(penalties.waitMs('10.0.0.1'), 0);
    penalties.forgive('10.0.0.1');
    assert.equal(penalties.fail('10.0.0.1'), 0);
  });

  it('have a bound, for one source and for many', () => {
    const penalties = new SourcePenalties(new HandClock(), 1);
    for (let i = 0; i < 100; i++) penalties.fail('::1');
    assert.equal(penalties.waitMs('::1'), 300_000);
    for (let i = 0; i < 10_000; i++) penalties.fail(`10.0.${i >> 8}.${i & 255}`);
    assert.equal(penalties.waitMs('::1'), 0, 'the oldest was forgotten');
  });

  it('count an IPv6 network as one', () => {
    const penalties = new SourcePenalties(new HandClock(), 1);
    penalties.fail('2001:db8::1');
    assert.equal(penalties.fail('2001:db8:0:0:ffff::2'), 1000);
    assert.equal(penalties.fail('2001:db8:0:1::2'), 0);
  });

  it('turn the source away, and nobody who has proved a key', async () => {
    const lab = await OmapiServerLab.start({ omapi: { limits: { 'failures-per-source': 2 } } });
    try {
      const client = lab.client();
      await client.open('control', {});
      const wrong = new Authenticator({ ...KEY, secret: 'd3Jvbmc=' });
      const fail = async (): Promise<boolean> => {
        const raw = await Raw.to(lab.port);
        const name = Buffer.from(KEY.name);
        const opened = await raw.ask(
          openRequest('authenticator', [
            ['name', name],
            ['algorithm', Buffer.from(wireName(wrong.algorithm))],
          ]),
        );
        if (opened === undefined) return false;
        const answer = await raw.ask(openRequest('control', []), { authid: opened.handle }, wrong);
        assert.equal(readStatus(answer!)?.result, Result.INVALIDKEY);
        raw.drop();
        return true;
      };
      assert.deepEqual([await fail(), await fail(), await fail(), await fail()], [true, true, true, false]);
      assert.ok(lab.logger.lines.some(({ id }) => id === 'LESSOR_OMAPI_SOURCE_BARRED'));
      await client.open('control', {});
      client.close();
    } finally {
      await lab.server.stop();
    }
  });
});

describe('a listener of an interface', { skip: process.getuid?.() !== 0 && 'needs root (SO_BINDTODEVICE)' }, () => {
  it('is reached through that one', async () => {
    const listener = { address: '127.0.0.1', port: 0, interface: 'lo' };
    const lab = await OmapiServerLab.start({ omapi: { listeners: [listener] } });
    try {
      const client = lab.client();
      await client.open('control', {});
      client.close();
    } finally {
      await lab.server.stop();
    }
  });

  it('takes IPv6 addresses, and says what is wrong', async () => {
    assert.throws(
      () => bindDeviceSocket({ address: '127.0.0.1', port: 0, device: 'nosuch0' }),
      /no such (interface|device)/i,
    );
    assert.throws(() => bindDeviceSocket({ address: '2001:db8::7', port: 0, device: 'lo' }), /EADDRNOTAVAIL/);
    const lab = await OmapiServerLab.start({ omapi: { listeners: [{ address: '::1', port: 0, interface: 'lo' }] } });
    const socket = connect({ host: '::1', port: lab.port });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
    await lab.server.stop();
  });
});

describe('fair turns', () => {
  it('give everybody a step before anybody has two, and the loop its turn', async () => {
    const log: string[] = [];
    const worker = (name: string, steps: number): Worker => {
      let left = steps;
      const step = (): boolean => {
        log.push(name);
        left--;
        return left > 0;
      };
      return { step, rest: () => void log.push(`${name}.`) };
    };
    const turns = new FairTurns({ monotonic: () => 0, soon: (fn) => void setImmediate(fn) }, 4);
    const both: Worker = {
      step: () => {
        turns.add(worker('a', 3));
        turns.add(worker('b', 3));
        return false;
      },
      rest: () => undefined,
    };
    turns.add(both);
    assert.equal(log.join(' '), 'a b a a. b.');
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(log.join(' '), 'a b a a. b. b a b b. a.');
  });

  it('are those of long work while packets come, and end when they have to', () => {
    const slices: ((endMs: number) => void)[] = [];
    const log: string[] = [];
    let ms = 0;
    let packetsCome = true;
    const clock = {
      monotonic: () => ms,
      soon: (fn: () => void) => void setImmediate(fn),
      spare: (slice: (endMs: number) => void) => void slices.push(slice),
      packetsCome: () => packetsCome,
    };
    const turns = new FairTurns(clock, Number.POSITIVE_INFINITY, 0.1);
    const worker = (name: string, steps: number): Worker => {
      let left = steps;
      const step = (): boolean => {
        ms += 0.03;
        log.push(name);
        left--;
        return left > 0;
      };
      return { step, rest: () => void log.push(`${name}.`) };
    };
    turns.add(worker('a', 4));
    turns.add(worker('b', 1));
    assert.deepEqual([log, slices.length], [[], 1], 'one turn is asked for, however many wait');
    slices.shift()!(ms + 0.05);
    assert.equal(log.join(' '), 'a b a. b.');
    assert.equal(slices.length, 1, 'one has more to do');
    packetsCome = false;
    slices.shift()!(ms + 0.05);
    assert.equal(log.join(' '), 'a b a. b. a a a. a a.', 'at once again');
  });
});
