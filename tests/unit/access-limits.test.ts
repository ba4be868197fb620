/** Limits of connections and commands, second persons, and who somebody is. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandLimiter } from 'lessor/internal/control/access/command-limiter.js';
import { ConnectionGate, plainAddress } from 'lessor/internal/control/access/connection-gate.js';
import { resolvePrincipal } from 'lessor/internal/control/access/principals.js';
import { SecondPerson } from 'lessor/internal/control/access/second-person.js';
import type { ControlCommand } from 'lessor/internal/control/command.js';
import { type Evidence, identify } from 'lessor/internal/domain/access/identify.js';
import type { AccessLimits, ListenerPolicy, PrincipalRule, Proofs } from 'lessor/internal/domain/access/policy.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import { HandClock } from './control-fakes.js';

const NO_LIMITS: AccessLimits = {
  connections: 0,
  connectionsPerSource: 0,
  connectionsPerSecond: 0,
  commandsPerSecond: 0,
  octetsPerSecond: 0,
};

function listener(limits: Partial<AccessLimits> = {}, more: Partial<ListenerPolicy> = {}): ListenerPolicy {
  return {
    name: 'l',
    kind: 'kea-http',
    plane: 'management',
    address: '192.0.2.1',
    port: 8000,
    encrypted: false,
    identity: [],
    limits: { ...NO_LIMITS, ...limits },
    isolation: 'warn',
    described: true,
    ...more,
  };
}

describe('the gate of connections', () => {
  it('turns clients away, whatever its sources are, unless they are meant', () => {
    const asked: string[] = [];
    const gate = new ConnectionGate(new HandClock(), (source) => {
      asked.push(source);
      return source.startsWith('192.0.2.') || source.endsWith('%lan0');
    });
    const everybody = {
      sources: [
        { address: '0.0.0.0', prefixLength: 0 },
        { address: '::', prefixLength: 0 },
      ],
    };
    assert.equal(gate.admit(listener({}, everybody), '192.0.2.7'), 'client');
    assert.equal(gate.admit(listener({}, everybody), 'fe80::1%lan0'), 'client');
    assert.equal(typeof gate.admit(listener({}, everybody), '203.0.113.7'), 'object');
    assert.equal(typeof gate.admit(listener({}, { ...everybody, allow: ['client-sources'] }), '192.0.2.7'), 'object');
    assert.equal(typeof gate.admit(listener({}, { described: false }), '192.0.2.7'), 'object');
    // Whom the list of sources does not have costs no look at the routes.
    assert.equal(gate.admit(listener({}, { sources: [] }), '192.0.2.7'), 'source');
    assert.deepEqual(asked, ['192.0.2.7', 'fe80::1%lan0', '203.0.113.7']);
    assert.equal(gate.rejected.get('client'), 2);
  });

  it('lets in the sources that are named, or loopback where none is', () => {
    const gate = new ConnectionGate(new HandClock());
    const sources = [
      { address: '203.0.113.0', prefixLength: 28 },
      { address: '2001:db8::', prefixLength: 64 },
    ];
    const policy = listener({}, { sources });
    for (const source of ['203.0.113.15', '::ffff:203.0.113.1', '2001:db8::9']) {
      assert.equal(typeof gate.admit(policy, source), 'object', source);
    }
    for (const source of [
      '203.0.113.16',
      '2001:db8:0:1::9',
      'fe80::1%lan0',
      '',
      'name',
      '::ffff:10.0.0.1',
      '127.0.0.1',
      '::1',
    ]) {
      assert.equal(gate.admit(policy, source), 'source', source);
    }
    const local = listener({}, { sources: [] });
    assert.equal(gate.admit(local, '203.0.113.1'), 'source');
    for (const source of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(typeof gate.admit(local, source), 'object');
    assert.equal(typeof gate.admit(listener(), '203.0.113.99'), 'object');
    assert.equal(gate.rejected.get('source'), 9);
    assert.equal(plainAddress('fe80::1%lan0'), 'fe80::1');
  });

  it('bounds connections of all and of one source, and gives back what is released, once', () => {
    const gate = new ConnectionGate(new HandClock());
    const policy = listener({ connections: 3, connectionsPerSource: 2 });
    const [first] = [gate.admit(policy, '10.0.0.1'), gate.admit(policy, '10.0.0.1')];
    assert.equal(gate.admit(policy, '10.0.0.1'), 'connections');
    assert.equal(typeof gate.admit(policy, '10.0.0.2'), 'object');
    assert.equal(gate.admit(policy, '10.0.0.3'), 'connections');
    assert.ok(typeof first === 'object');
    first.release();
    first.release();
    assert.equal(typeof gate.admit(policy, '10.0.0.3'), 'object');
    assert.equal(gate.admit(policy, '10.0.0.4'), 'connections');
    // A host has a whole /64 of IPv6 addresses.
    const six = listener({ connectionsPerSource: 1 });
    assert.equal(typeof gate.admit(six, '2001:db8::1'), 'object');
    assert.equal(gate.admit(six, '2001:db8::ffff:1'), 'connections');
    assert.equal(typeof gate.admit(six, '2001:db8:0:1::1'), 'object');
  });

  it('bounds the rate of connections and octets', () => {
    const clock = new HandClock();
    const gate = new ConnectionGate(clock);
    const policy = listener({ connectionsPerSecond: 2, octetsPerSecond: 1000 });
    const tries = () => [1, 2, 3, 4, 5].map(() => typeof gate.admit(policy, '10.0.0.1'));
    assert.deepEqual(tries(), ['object', 'object', 'object', 'object', 'string']);
    clock.advance(500);
    assert.deepEqual(tries().slice(0, 2), ['object', 'string']);
    assert.equal(gate.spend(policy, '10.0.0.1', 2000), 0);
    assert.equal(gate.spend(policy, '10.0.0.1', 250), 250, 'a quarter of a second until it is paid for');
    clock.advance(250);
    assert.equal(gate.spend(policy, '10.0.0.1', 100), 100);
    assert.equal(gate.spend(policy, '10.0.0.2', 1999), 0, 'another source has its own');
    assert.equal(gate.spend(listener(), '10.0.0.1', 1e9), 0);
    assert.equal(gate.spend(policy, '10.0.0.1', 2_000_000), Number.POSITIVE_INFINITY);
    assert.equal(gate.rejected.get('octets'), 1);
  });

  it('listens to who fails again and again ever more rarely', () => {
    const clock = new HandClock();
    const gate = new ConnectionGate(clock);
    const policy = listener();
    for (let i = 0; i < 5; i++) assert.equal(gate.failed(policy, '10.0.0.1'), 0);
    assert.equal(gate.failed(policy, '10.0.0.1'), 1000);
    assert.equal(gate.admit(policy, '10.0.0.1'), 'locked-out');
    assert.equal(typeof gate.admit(policy, '10.0.0.2'), 'object', 'others are not concerned');
    clock.advance(1000);
    assert.equal(typeof gate.admit(policy, '10.0.0.1'), 'object');
    assert.equal(gate.failed(policy, '10.0.0.1'), 2000);
    clock.advance(2000);
    gate.succeeded('10.0.0.1');
    assert.equal(gate.failed(policy, '10.0.0.1'), 0);
  });

  it('remembers a bounded number of sources, first of all those that are locked out', () => {
    const gate = new ConnectionGate(new HandClock());
    const policy = listener();
    for (let i = 0; i < 12; i++) gate.failed(policy, '10.0.0.1');
    for (let i = 0; i < 10_000; i++) gate.admit(policy, `10.1.${i >> 8}.${i & 255}`) as { release(): void };
    for (let i = 0; i < 10_000; i++) {
      const admitted = gate.admit(policy, `10.2.${i >> 8}.${i & 255}`);
      if (typeof admitted === 'object') admitted.release();
    }
    assert.equal(gate.admit(policy, '10.0.0.1'), 'locked-out');
  });
});

function command(name: string, who: string, args?: ControlCommand['args'], commandsPerSecond?: number): ControlCommand {
  const limit = commandsPerSecond === undefined ? {} : { commandsPerSecond };
  const principal = { name: who, method: 'basic' as const, rights: FULL_RIGHTS, ...limit };
  return { name, args, service: undefined, principal, listener: 'l', receivedAt: 0 };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the limits of commands', () => {
  it('are so many a second for each principal', async () => {
    const clock = new HandClock();
    const limiter = new CommandLimiter(clock);
    const run = (who: string) => limiter.pass(command('status-get', who, undefined, 1), false, async () => 'ran');
    assert.equal(await run('a'), 'ran');
    assert.equal(await run('a'), 'ran');
    await assert.rejects(run('a'), { code: 'command-limited' });
    assert.equal(await run('b'), 'ran');
    clock.advance(1000);
    assert.equal(await run('a'), 'ran');
  });

  it('let two expensive commands run at a time, one of each principal, and the others wait', async () => {
    const limiter = new CommandLimiter(new HandClock());
    const ends: (() => void)[] = [];
    const order: string[] = [];
    const run = (who: string) =>
      limiter.pass(command('lease4-get-all', who), true, () => {
        order.push(who);
        return new Promise<void>((resolve) => ends.push(resolve));
      });
    const all = ['a', 'a', 'b', 'c'].map(run);
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    ends[1]!();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c'], 'the second of a waits for the first of a, c does not');
    ends[0]!();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c', 'a']);
    ends[2]!();
    ends[3]!();
    await Promise.all(all);
    const many = Array.from({ length: 40 }, () =>
      run('z').then(
        () => 'ran',
        ({ code }) => code as string,
      ),
    );
    for (let i = 0; i < 80; i++) {
      await turn();
      ends.at(-1)!();
    }
    const outcomes = await Promise.all(many);
    assert.equal(outcomes.filter((one) => one === 'command-limited').length, 7);
    assert.equal(outcomes.filter((one) => one === 'ran').length, 33);
  });
});

describe('a second person', () => {
  it('must be another one, with the same command, in time', async () => {
    const clock = new HandClock();
    const rule = { commands: ['shutdown'], withinSec: 60 };
    const gate = new SecondPerson(() => rule, clock);
    const run = (who: string, args: ControlCommand['args'] = { 'exit-value': 0 }, name = 'shutdown') =>
      gate.pass(command(name, who, args), false, async () => 'ran');
    assert.equal(await run('a', undefined, 'status-get'), 'ran');
    await assert.rejects(run('a'), { code: 'command-second-person' });
    await assert.rejects(run('a'), { code: 'command-second-person' });
    await assert.rejects(run('b', { 'exit-value': 1 }), { code: 'command-second-person' });
    assert.equal(await run('b'), 'ran');
    await assert.rejects(run('b'), { code: 'command-second-person' }, 'what was used is used up');
    clock.advance(60_000);
    await assert.rejects(run('a'), { code: 'command-second-person' }, 'too late');
    const guarded = new SecondPerson(
      () => rule,
      clock,
      ({ name }) => name === 'config-set',
    );
    const set = (who: string) => guarded.pass(command('config-set', who, {}), false, async () => 'ran');
    await assert.rejects(set('a'), { code: 'command-second-person' }, 'the rule itself is not taken away by one');
    assert.equal(await set('b'), 'ran');
    assert.equal(
      await new SecondPerson(() => undefined, clock).pass(command('shutdown', 'a'), false, async () => 1),
      1,
    );
  });
});

const NO_PROOFS: Proofs = { unixUsers: [], unixGroups: [], httpUsers: [], certificates: [], omapiKeys: [] };
const rule = (name: string, proofs: Partial<Proofs>): PrincipalRule => ({
  name,
  proofs: { ...NO_PROOFS, ...proofs },
  rights: [{ role: 'viewer' }],
});

describe('who somebody is', () => {
  const rules = [
    rule('alice', { unixUsers: ['alice'], httpUsers: ['alice'], certificates: ['URI:urn:ops:alice'] }),
    rule('bob', { httpUsers: ['bob'], unixUsers: ['1001'] }),
    rule('wheel', { unixGroups: ['wheel', '4'] }),
    rule('adm', { unixGroups: ['adm'] }),
    rule('prov', { omapiKeys: ['prov'] }),
  ];
  const who = (evidence: Evidence) => {
    const found = identify(evidence, rules);
    return found.kind === 'principal' ? found.rule.name : found.kind;
  };

  it('follows from any one proof', () => {
    assert.equal(who({ httpUser: 'bob' }), 'bob');
    assert.equal(who({ certificateNames: ['DNS:x', 'URI:urn:ops:alice'] }), 'alice');
    assert.equal(who({ omapiKey: 'PROV' }), 'prov');
    assert.equal(who({ unixUser: { uid: 5, name: 'alice', groups: [{ gid: 4 }] } }), 'alice', 'user before group');
    assert.equal(who({ unixUser: { uid: 1001, groups: [] } }), 'bob');
    assert.equal(who({ unixUser: { uid: 6, name: 'carol', groups: [{ gid: 9, name: 'wheel' }] } }), 'wheel');
    assert.equal(who({}), 'unknown');
    assert.equal(who({ httpUser: 'Alice' }), 'unknown');
    assert.equal(who({ certificateNames: ['URI:urn:ops:alice2', 'URI:urn:ops:*'] }), 'unknown');
  });

  it('is nobody where proofs disagree', () => {
    assert.equal(who({ httpUser: 'alice', certificateNames: ['URI:urn:ops:alice'] }), 'alice');
    assert.equal(who({ httpUser: 'bob', certificateNames: ['URI:urn:ops:alice'] }), 'disagree');
    assert.equal(who({ httpUser: 'bob', certificateNames: ['URI:urn:stranger'] }), 'disagree');
    assert.equal(who({ unixUser: { uid: 6, groups: [{ gid: 4 }, { gid: 7, name: 'adm' }] } }), 'disagree');
  });

  it('decides the rights, and the listener cuts them down', () => {
    const access = { principals: rules };
    const policy = listener({ commandsPerSecond: 9 }, { commands: ['leases'] });
    const bob = resolvePrincipal({ httpUser: 'bob' }, { sourceAddress: '10.0.0.1' }, { access, listener: policy });
    assert.deepEqual(bob, {
      kind: 'principal',
      principal: {
        name: 'bob',
        method: 'basic',
        rights: [{ role: 'viewer' }],
        admits: ['leases'],
        commandsPerSecond: 9,
        plane: 'management',
        sourceAddress: '10.0.0.1',
      },
    });
    const nobody = resolvePrincipal({ httpUser: 'eve' }, {}, { access, listener: undefined });
    assert.deepEqual(nobody, { kind: 'principal', principal: { name: 'eve', method: 'basic', rights: [] } });
    const kea = resolvePrincipal({}, {}, { access: undefined, listener: undefined });
    assert.deepEqual(kea, { kind: 'principal', principal: { name: 'anonymous', method: 'none', rights: FULL_RIGHTS } });
    const two = resolvePrincipal(
      { httpUser: 'bob', certificateNames: ['URI:urn:ops:alice'] },
      {},
      { access, listener: policy },
    );
    assert.deepEqual(two, { kind: 'refused', reason: 'bob: what was shown is of bob and of alice' });
  });
});
