/** Passwords that are stored as scrypt derivations: their form, and what checking them may cost. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { scryptSync } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  formatPasswordHash,
  type PasswordHash,
  parsePasswordHash,
} from 'lessor/internal/domain/access/password-hash.js';
import { HttpPasswords } from 'lessor/internal/transports/http-passwords.js';
import { repoPath } from '../lib/repo.js';
import { issuesOf, linesOf, loadDhcp4 } from './config-helpers.js';

const SMALL = { cost: 2, blockSize: 1, parallelization: 1 } as const;

function hashOf(password: string): PasswordHash {
  const salt = Buffer.from('8 octets');
  const { cost, blockSize, parallelization } = SMALL;
  return { ...SMALL, salt, key: scryptSync(password, salt, 32, { cost, blockSize, parallelization }) };
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const CLIENTS = {
  realm: '',
  clients: [
    { user: 'ops', password: '', hash: hashOf('right: ä') },
    { user: 'old', password: 'plain' },
  ],
};

describe('a hashed password', () => {
  it('is what hash-password prints', () => {
    const lessor = repoPath('packages', 'server', 'bin', 'lessor');
    const out = execFileSync(process.execPath, [lessor, 'access', 'hash-password'], {
      input: 'right\n',
      encoding: 'utf8',
    });
    const hash = parsePasswordHash(out.trim());
    assert.ok(typeof hash === 'object', String(hash));
    assert.equal(formatPasswordHash(hash), out.trim());
    const { cost, blockSize, parallelization } = hash;
    const options = { cost, blockSize, parallelization, maxmem: 2 ** 26 };
    assert.deepEqual(scryptSync('right', hash.salt, hash.key.length, options), hash.key);
  });

  it('is refused in any other form, with the reason', () => {
    const tail = 'c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5';
    assert.equal(typeof parsePasswordHash(`scrypt$16384$8$1$${tail}`), 'object');
    for (const [text, why] of [
      ['scrypt$16384$8$1$c2FsdA==', /form/],
      [`scrypt$15000$8$1$${tail}`, /power of two/],
      [`scrypt$1048576$8$1$${tail}`, /64 MiB/],
      [`scrypt$16384$8$99$${tail}`, /p 1 to 16/],
      ['scrypt$16384$8$1$YQ==$YQ==', /8 octets/],
    ] as const) {
      assert.match(String(parsePasswordHash(text)), why, text);
    }
  });

  it('may stand in a configuration and its files, where it is no clear text', () => {
    const text = formatPasswordHash(hashOf('right'));
    const socket = (client: Record<string, string>) => ({
      'control-sockets': [{ 'socket-type': 'http', authentication: { directory: '/d', clients: [client] } }],
    });
    const files = { readFile: () => `${text}\n`, insecure: false };
    const read = (client: Record<string, string>) =>
      loadDhcp4(socket(client), files).snapshot.controlSockets[0]?.authentication?.clients[0];
    assert.deepEqual(read({ 'user-file': 'u', 'password-file': 'p' })?.hash?.cost, 2);
    const broken = { readFile: () => 'scrypt$1$1$1$x', insecure: false };
    assert.match(
      linesOf(issuesOf(() => loadDhcp4(socket({ 'user-file': 'u', 'password-file': 'p' }), broken))).join(),
      /is no scrypt hash/,
    );
  });

  it('is right or wrong, and has the work of a wrong one for names that nobody has', async () => {
    const derived: string[] = [];
    const passwords = new HttpPasswords(async (password, { salt, key }) => {
      derived.push(password.toString());
      return scryptSync(password, salt, key.length, SMALL);
    });
    const check = async (user: string, password: string) =>
      (await passwords.check(basic(user, password), CLIENTS)).user;
    assert.equal(await check('ops', 'right: ä'), 'ops');
    assert.equal(await check('ops', 'wrong'), undefined);
    assert.equal(await check('stranger', 'right: ä'), undefined);
    assert.equal(await check('old', 'plain'), 'old');
    assert.deepEqual(derived, ['right: ä', 'wrong', 'right: ä']);
    // What was right is known again, by itself only.
    assert.equal(await check('ops', 'right: ä'), 'ops');
    assert.equal(await check('ops', 'right: a'), undefined);
    assert.deepEqual(derived.slice(3), ['right: a']);
    assert.equal((await passwords.check('Bearer x', CLIENTS)).user, undefined);
    assert.equal((await passwords.check(undefined, CLIENTS)).user, undefined);
    assert.equal(derived.length, 4);
  });

  it('is derived one at a time, the same once, and refused when too many wait', async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const passwords = new HttpPasswords(async (password, { salt, key }) => {
      most = Math.max(most, ++running);
      count++;
      await gate;
      running--;
      return scryptSync(password, salt, key.length, SMALL);
    });
    const send = (password: string) => passwords.check(basic('ops', password), CLIENTS);
    const same = [send('right: ä'), send('right: ä'), send('right: ä')];
    const many = Array.from({ length: 100 }, (_, n) => send(`wrong ${n}`));
    go();
    const outcomes = await Promise.all(many);
    for (const one of await Promise.all(same)) assert.equal(one.user, 'ops');
    assert.equal(most, 1);
    assert.ok(count <= 17, `${count} derivations`);
    const busy = outcomes.filter((one) => one.user === undefined && one.busy).length;
    assert.equal(busy, 100 + 1 - count);
    // And then there is room again.
    assert.equal((await send('right: ä')).user, 'ops');
  });
});
