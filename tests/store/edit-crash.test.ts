/** No acknowledged change by command is lost, wherever the power fails and whatever the disk refuses. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from 'lessor/internal/config/load.js';
import { CommandError } from 'lessor/internal/errors.js';
import type { EditOutcome } from 'lessor/internal/services/edit-batch.js';
import { testEnvironment } from '../unit/config-helpers.js';
import { CONFIG_FILE, type EditBench, JOURNAL_FILE, REJECTED_FILE, saidBy, startOn, WRITTEN } from './edit-bench.js';
import { ManualClock, settle, turnUntil } from './harness.js';
import { type Fault, PowerFailure, REMAINS, SimulatedDisk } from './simulated-disk.js';

/** What was promised, and what may be there besides. */
class Promises {
  readonly kept = new Map<string, string | undefined>([['2/153', '198.51.100.99']]);
  readonly maybe = new Map<string, (string | undefined)[]>();
  refused = 0;

  async change(key: string, value: string | undefined, work: Promise<EditOutcome>): Promise<void> {
    this.maybe.set(key, [...(this.maybe.get(key) ?? []), value]);
    try {
      assert.equal((await work).notWritten, undefined);
    } catch (error) {
      if (error instanceof CommandError) {
        this.refused++;
        return;
      }
      throw error;
    }
    this.maybe.delete(key);
    this.kept.set(key, value);
  }

  check(said: ReadonlyMap<string, string>, where: string): void {
    for (const key of new Set([...said.keys(), ...this.kept.keys()])) {
      const value = said.get(key);
      if (value === this.kept.get(key)) continue;
      assert.ok(this.maybe.get(key)?.includes(value), `${where}: ${key} is ${value}, not ${this.kept.get(key)}`);
    }
  }
}

/** Changes of all kinds with everything that touches the file between them. Ends early when the power fails. */
async function run(disk: SimulatedDisk): Promise<Promises> {
  const clock = new ManualClock();
  disk.later = () => new Promise((resolve) => clock.soon(resolve));
  const promises = new Promises();
  const turn = <T>(work: Promise<T>): Promise<T> => turnUntil(clock, work);
  const ignoring = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error) => {
      if (!(error instanceof CommandError)) throw error;
    });
  try {
    const bench = await turn(startOn(disk, clock));
    const set = (subnet: number, client: number, address: string | undefined) =>
      promises.change(`${subnet}/${client}`, address, bench.reserve(subnet, client, address));
    await turn(set(1, 1, '192.0.2.1'));
    await turn(Promise.all([set(1, 2, '192.0.2.2'), set(2, 3, '198.51.100.3'), set(1, 4, '192.0.2.4')]));
    // The file follows, with changes while it does.
    const flushed = bench.config.flush();
    await turn(Promise.all([flushed, set(1, 5, '192.0.2.5'), set(1, 2, undefined)]));
    await turn(promises.change('class phones', 'there', bench.addClass('phones')));
    await turn(set(1, 1, '192.0.2.11'));
    // By itself, after its time.
    const slow = set(2, 99, undefined);
    await turn(slow);
    for (let i = 0; i < 40; i++) await clock.turn(200);
    await turn(set(1, 6, '192.0.2.6'));
    await turn(ignoring(bench.config.write()));
    await turn(set(1, 7, '192.0.2.7'));
    await turn(ignoring(bench.config.reload()));
    await turn(set(1, 7, undefined));
    await turn(set(1, 8, '192.0.2.8'));
    await turn(bench.config.close());
  } catch (error) {
    if (!(error instanceof PowerFailure) && !disk.isDead) throw error;
  }
  await settle();
  return promises;
}

async function restart(disk: SimulatedDisk): Promise<EditBench> {
  const clock = new ManualClock();
  disk.later = () => new Promise((resolve) => clock.soon(resolve));
  return turnUntil(clock, startOn(disk, clock));
}

function fileAlone(disk: SimulatedDisk): Map<string, string> {
  const readFile = (): string => disk.content(CONFIG_FILE)!;
  const source = { kind: 'file', path: CONFIG_FILE } as const;
  return saidBy(loadConfig(source, { ...testEnvironment(), readFile }).snapshot);
}

async function checkRestart(disk: SimulatedDisk, promises: Promises, where: string): Promise<void> {
  const { config, journal } = await restart(disk);
  const said = saidBy(config.current);
  promises.check(said, where);
  assert.deepEqual(fileAlone(disk), said, `${where}: the file after the start`);
  assert.equal(journal.pending.length, 0, where);
  assert.equal(disk.content(REJECTED_FILE), undefined, where);
  // A second start changes nothing.
  const before = disk.content(CONFIG_FILE);
  assert.deepEqual(saidBy((await restart(disk)).config.current), said, where);
  assert.equal(disk.content(CONFIG_FILE), before, where);
}

function diskWith(text = WRITTEN): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.place(CONFIG_FILE, text);
  return disk;
}

async function steps(): Promise<number> {
  const disk = diskWith();
  const promises = await run(disk);
  assert.equal(promises.refused, 0);
  assert.equal(promises.maybe.size, 0);
  promises.check(fileAlone(disk), 'after an orderly end');
  return disk.steps;
}

describe('changes by command', () => {
  it('survive a power failure at any step', async () => {
    const count = await steps();
    assert.ok(count > 60, `${count} steps`);
    for (let step = 1; step <= count; step++) {
      const disk = diskWith();
      disk.powerFailsAt = step;
      const promises = await run(disk);
      for (const remains of REMAINS) {
        const where = `power failed at step ${step} (${disk.log.at(-1)}), left: ${remains}`;
        await checkRestart(disk.after(remains), promises, where);
      }
    }
  });

  for (const [code, times] of [
    ['EIO', 1],
    ['ENOSPC', 2],
    ['ENOSPC', 12],
  ] as const) {
    it(`are refused or kept when ${times} operations in a row fail with ${code}`, async () => {
      const count = await steps();
      for (let step = 1; step <= count; step++) {
        const disk = diskWith();
        const fault: Fault = { kind: 'error', code, times };
        disk.fault = { atStep: step, fault };
        const promises = await run(disk);
        const remains = REMAINS[step % REMAINS.length]!;
        await checkRestart(disk.after(remains), promises, `${code} at step ${step}, left: ${remains}`);
      }
    });
  }

  it('survive a second power failure while the first is recovered from', async () => {
    const count = await steps();
    for (let step = 3; step <= count; step += 5) {
      const disk = diskWith();
      disk.powerFailsAt = step;
      const promises = await run(disk);
      for (let second = 1; second < 20; second++) {
        const once = disk.after('everything');
        once.powerFailsAt = second;
        try {
          await restart(once);
          break;
        } catch (error) {
          if (!once.isDead) throw error;
        }
        await settle();
        await checkRestart(once.after('only what was synced'), promises, `failed at ${step} and at ${second}`);
      }
    }
  });

  it('keep the remarks of the file', async () => {
    const disk = diskWith();
    const { reserve, config } = await restart(disk);
    const clock = new ManualClock();
    disk.later = () => new Promise((resolve) => clock.soon(resolve));
    await turnUntil(clock, reserve(1, 1, '192.0.2.1'));
    assert.equal(disk.content(CONFIG_FILE), WRITTEN, 'not in the file yet');
    assert.match(disk.content(JOURNAL_FILE)!, /192\.0\.2\.1/);
    await turnUntil(clock, config.close());
    for (const remark of ['// one remark', '# another', '// was always there', '192.0.2.1']) {
      assert.ok(disk.content(CONFIG_FILE)!.includes(remark), remark);
    }
    assert.doesNotMatch(disk.content(JOURNAL_FILE)!, /192\.0\.2\.1/);
  });
});

/** A disk on which some changes are in the journal alone, as a crash leaves it. */
async function crashed(change: (text: string) => string, ...clients: number[]): Promise<SimulatedDisk> {
  const disk = diskWith();
  const clock = new ManualClock();
  disk.later = () => new Promise((resolve) => clock.soon(resolve));
  const bench = await turnUntil(clock, startOn(disk, clock));
  for (const client of clients) await turnUntil(clock, bench.reserve(1, client, `192.0.2.${client}`));
  const left = disk.after('only what was synced');
  left.place(CONFIG_FILE, change(WRITTEN));
  return left;
}

describe('a file that was changed by hand before the start', () => {
  it('gets the changes that fit', async () => {
    const disk = await crashed((text) => text.replace('// one remark', '"valid-lifetime": 1234,'), 1, 2);
    const { config } = await restart(disk);
    assert.equal(config.current.tree['valid-lifetime'], 1234);
    assert.equal(saidBy(config.current).get('1/1'), '192.0.2.1');
    assert.match(disk.content(CONFIG_FILE)!, /1234[\s\S]*192\.0\.2\.2/);
  });

  it('and those that do not are told and kept aside', async () => {
    const taken = '"reservations": [ { "hw-address": "02:aa:aa:aa:aa:aa", "ip-address": "192.0.2.2" } ]';
    const disk = await crashed((text) => text.replace('"192.0.2.0/24" }', `"192.0.2.0/24", ${taken} }`), ...[1, 2, 3]);
    const { config, logger, journal } = await restart(disk);
    const said = saidBy(config.current);
    assert.deepEqual([said.get('1/1'), said.get('1/2'), said.get('1/3')], ['192.0.2.1', undefined, '192.0.2.3']);
    const told = logger.lines.filter(({ id }) => id === 'LESSOR_EDIT_REJECTED');
    assert.equal(told.length, 1);
    assert.match(told[0]!.text, /02:00:00:00:00:02 in subnet 1/);
    assert.match(disk.content(REJECTED_FILE)!, /192\.0\.2\.2/);
    assert.equal(journal.pending.length, 0);
  });

  it('and has lost a subnet: what was in it is told and kept aside', async () => {
    const disk = await crashed((text) => text.replace('{ "id": 1, "subnet": "192.0.2.0/24" },', ''), 1);
    const { config } = await restart(disk);
    assert.equal(config.current.subnets.length, 1);
    assert.match(disk.content(REJECTED_FILE)!, /there is no subnet with the id 1/);
  });
});

describe('a file that is changed by hand while the server runs', () => {
  it('is not overwritten: changes wait in the journal, later ones are refused, and a reload brings all together', async () => {
    const disk = diskWith();
    const clock = new ManualClock();
    disk.later = () => new Promise((resolve) => clock.soon(resolve));
    const { config, reserve, logger } = await turnUntil(clock, startOn(disk, clock));
    await turnUntil(clock, reserve(1, 1, '192.0.2.1'));
    const changed = WRITTEN.replace('// one remark', '"valid-lifetime": 1234,');
    disk.place(CONFIG_FILE, changed);
    for (let i = 0; i < 40; i++) await clock.turn(200);
    assert.equal(disk.content(CONFIG_FILE), changed);
    assert.ok(logger.lines.some(({ id, text }) => id === 'LESSOR_EDITS_PENDING' && text.includes('has been changed')));
    await assert.rejects(turnUntil(clock, reserve(1, 2, '192.0.2.2')), /use config-reload first/);
    await turnUntil(clock, config.reload());
    assert.equal(config.current.tree['valid-lifetime'], 1234);
    assert.equal(saidBy(config.current).get('1/1'), '192.0.2.1');
    assert.match(disk.content(CONFIG_FILE)!, /1234[\s\S]*192\.0\.2\.1/);
    await turnUntil(clock, reserve(1, 2, '192.0.2.2'));
    await turnUntil(clock, config.close());
    assert.match(disk.content(CONFIG_FILE)!, /192\.0\.2\.2/);
  });
});

describe('writing the changes into the file', () => {
  it('ends, although more of them come all the time', async () => {
    const disk = diskWith();
    const clock = new ManualClock();
    disk.later = () => new Promise((resolve) => clock.soon(resolve));
    const { file, reserve } = await turnUntil(clock, startOn(disk, clock));
    await turnUntil(clock, reserve(1, 1, '192.0.2.1'));
    let ended = false;
    const flushed = file.flush().finally(() => {
      ended = true;
    });
    let client = 2;
    for (; !ended && client < 100; client++) await turnUntil(clock, reserve(1, client, `192.0.2.${client}`));
    assert.ok(ended, `${client} changes were made, and the first of them is still being written`);
    await flushed;
    assert.ok(fileAlone(disk).has('1/1'));
  });
});
