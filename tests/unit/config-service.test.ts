/** The swap: all or nothing, one at a time; and where config-write may write. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from 'lessor/internal/config/load.js';
import { patchNetworks } from 'lessor/internal/config/patch-networks.js';
import { ConfigError } from 'lessor/internal/errors.js';
import { ConfigService, type SwapParticipant } from 'lessor/internal/services/config-service.js';
import { testEnvironment } from './config-helpers.js';

const FILE = '/test/etc/kea-dhcp4.conf';

function setUp({ insecure = false, text = '{ "Dhcp4": { "valid-lifetime": 1000 } }' } = {}) {
  const files: Record<string, string> = { [FILE]: text };
  const written: { path: string; text: string; mode: number }[] = [];
  const clock = { ms: 5_000, now: () => clock.ms, monotonic: () => clock.ms, soon: setImmediate };
  const environment = () => testEnvironment(files, { insecure });
  const source = { kind: 'file', path: FILE } as const;
  const service = new ConfigService({
    initial: loadConfig(source, environment()),
    source,
    environment,
    clock,
    files: {
      read: async (path) => {
        const text = files[path];
        if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: 'ENOENT' });
        return Buffer.from(text, 'utf8');
      },
      async writeAtomically(path, octets, mode) {
        if (path.endsWith('full.json')) throw new Error('no space left');
        written.push({ path, text: Buffer.from(octets).toString('latin1'), mode });
      },
    },
  });
  return { service, files, written, clock };
}

/** A participant that writes down what happens to it. */
function recorder(name: string, log: string[], fails = false): SwapParticipant {
  return {
    name,
    async prepare(next, diff) {
      log.push(`${name} prepares ${next.generation}${diff.topology ? ' topology' : ''}`);
      await Promise.resolve();
      if (fails) throw new Error(`${name} can not`);
      return { commit: () => log.push(`${name} commits`), abandon: () => log.push(`${name} abandons`) };
    },
  };
}

const withLifetime = (lifetime: number) => ({ Dhcp4: { 'valid-lifetime': lifetime } });

describe('ConfigService', () => {
  it('tests without applying', async () => {
    const { service } = setUp();
    const before = service.current;
    assert.equal((await service.test(withLifetime(5))).snapshot.tree['valid-lifetime'], 5);
    await assert.rejects(service.test({ Dhcp4: { bogus: 1 } }), ConfigError);
    assert.equal(service.current, before);
  });

  it('tests what those who leave no trace can prepare, and nothing else', async () => {
    const { service } = setUp();
    const log: string[] = [];
    service.participate({ ...recorder('sockets', log), testable: true });
    service.participate(recorder('store', log));
    await service.test(withLifetime(5));
    assert.deepEqual(log, ['sockets prepares 2 topology', 'sockets abandons']);
    service.participate({ ...recorder('tls', log, true), testable: true });
    await assert.rejects(service.test(withLifetime(5)), /tls can not/);
    assert.deepEqual(log.slice(2), ['sockets prepares 2 topology', 'tls prepares 2 topology', 'sockets abandons']);
  });

  it('prepares everybody, then swaps, then commits', async () => {
    const { service, clock } = setUp();
    const log: string[] = [];
    service.participate(recorder('a', log));
    service.participate({
      name: 'b',
      async prepare() {
        assert.equal(service.current.generation, 1);
        return { commit: () => log.push(`b sees ${service.current.generation}`), abandon: () => undefined };
      },
    });
    clock.ms = 9_000;
    await service.set(withLifetime(2000));
    assert.deepEqual(log, ['a prepares 2 topology', 'a commits', 'b sees 2']);
    assert.equal(service.current.tree['valid-lifetime'], 2000);
    assert.equal(await service.hashOf(service.current), service.current.hash);
    assert.deepEqual([service.reloads, service.lastReloadAt], [1, 9_000]);
  });

  it('a participant that fails leaves no trace', async () => {
    const { service } = setUp();
    const log: string[] = [];
    service.participate(recorder('a', log));
    service.participate(recorder('b', log));
    service.participate(recorder('c', log, true));
    const before = service.current;
    await assert.rejects(service.set(withLifetime(2000)), /c can not/);
    assert.deepEqual(log.slice(3), ['b abandons', 'a abandons']);
    assert.equal(service.current, before);
    assert.deepEqual([service.reloads, service.lastReloadAt], [0, 5_000]);
  });

  it('makes a change of subnets in slices, puts it in force in one step, and forgets it if a participant can not', async () => {
    const { service } = setUp();
    const log: string[] = [];
    let fails = false;
    service.participate({
      ...recorder('a', log),
      async prepareChange(next) {
        await Promise.resolve();
        log.push(`prepares ${next.generation} while ${service.current.generation} is in force`);
        const settle = async () => void log.push('settles');
        return { commit: () => log.push('commits'), abandon: () => log.push('abandons'), settle };
      },
    });
    service.participate({
      ...recorder('b', log),
      prepareChange() {
        if (fails) throw new Error('b can not');
        return { commit: () => log.push(`b sees ${service.current.generation}`), abandon: () => undefined };
      },
    });
    const add = (id: number) =>
      service.edit(function* (state, environment) {
        yield;
        const value = { id, subnet: `192.0.${id}.0/24` };
        return yield* patchNetworks(state, [{ op: 'append', to: ['subnet4'], value }], environment);
      });
    await add(1);
    assert.deepEqual(log, ['prepares 2 while 1 is in force', 'commits', 'b sees 2', 'settles']);
    fails = true;
    await assert.rejects(add(2), /b can not/);
    assert.deepEqual(log.slice(4), ['prepares 3 while 2 is in force', 'abandons']);
    assert.deepEqual([...service.current.subnetById.keys()], [1]);
  });

  it('does one reconfiguration at a time, in order, and goes on after a failure', async () => {
    const { service } = setUp();
    const log: string[] = [];
    service.participate(recorder('a', log));
    const results = await Promise.allSettled([
      service.set(withLifetime(1)),
      service.set({ Dhcp4: { bogus: 1 } }),
      service.set(withLifetime(3)),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(log, ['a prepares 2 topology', 'a commits', 'a prepares 3 topology', 'a commits']);
    assert.equal(service.current.tree['valid-lifetime'], 3);
  });

  it('builds in slices: others have turns meanwhile, served by what is in force, and a second change waits', async () => {
    const { service, clock } = setUp();
    // Every look at the clock finds a slice used up, so every place where the work can stop is one where it does.
    clock.monotonic = () => (clock.ms += 1_000);
    const generations: number[] = [];
    let on = true;
    const packet = (): void => {
      generations.push(service.current.generation);
      if (on) setImmediate(packet);
    };
    packet();
    const subnets = Array.from({ length: 50 }, (_, i) => ({ id: i + 1, subnet: `10.0.${i}.0/24` }));
    await Promise.all([
      service.set({ Dhcp4: { subnet4: subnets } }),
      service.set({ Dhcp4: { subnet4: subnets.slice(1) } }),
    ]);
    on = false;
    for (const generation of [1, 2]) {
      const turns = generations.filter((one) => one === generation).length;
      assert.ok(turns > 150, `${turns} turns while generation ${generation} was in force`);
    }
    assert.equal(service.current.subnets.length, 49);
    assert.deepEqual(
      generations,
      generations.toSorted((a, b) => a - b),
    );
  });

  it('reload reads the file again', async () => {
    const { service, files } = setUp();
    files[FILE] = '{ "Dhcp4": { "valid-lifetime": 77 } }';
    await service.reload();
    assert.equal(service.current.tree['valid-lifetime'], 77);
    files[FILE] = '{ "Dhcp4": { ';
    await assert.rejects(service.reload(), ConfigError);
    assert.equal(service.current.tree['valid-lifetime'], 77);
  });
});

describe('config-write', () => {
  it('writes to the configuration file by default, readable by its group only', async () => {
    const { service, written, files } = setUp();
    const { filename, size } = await service.write();
    assert.equal(filename, FILE);
    assert.equal(size, written[0]!.text.length);
    assert.equal(written[0]!.mode, 0o640);
    files[FILE] = written[0]!.text;
    const before = service.current.hash;
    await service.reload();
    assert.equal(service.current.hash, before, 'what was written loads to the same');
  });

  it('puts bare names beside the configuration file', async () => {
    const { service } = setUp();
    assert.equal((await service.write('copy.json')).filename, '/test/etc/copy.json');
    assert.equal((await service.write('/test/etc/../etc/copy.json')).filename, '/test/etc/../etc/copy.json');
  });

  it('refuses other directories, except with -X', async () => {
    for (const path of ['/tmp/x.json', '/test/etc/../x.json', '/test/etc/sub/x.json', 'sub/x.json']) {
      await assert.rejects(setUp().service.write(path), /must be in the same directory as the config file/);
    }
    const { service, written } = setUp({ insecure: true });
    await service.write('/tmp/x.json');
    assert.equal(written[0]!.path, '/tmp/x.json');
  });

  it('says why it could not', async () => {
    await assert.rejects(setUp().service.write('full.json'), /full\.json: no space left/);
    await assert.rejects(setUp().service.write('..'), /does not name a file/);
  });
});
