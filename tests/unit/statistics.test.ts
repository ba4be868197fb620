/** Statistics: samples and limits as Kea keeps them. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MAX_SAMPLES,
  PACKET_STATISTICS,
  registerPacketStatistics,
  Statistic,
  Statistics,
  sampleTimeFormatter,
} from 'lessor/internal/services/statistics.js';
import { HandClock } from './control-fakes.js';

const values = (statistic: Statistic) => statistic.samples().map(({ value }) => value);

describe('Statistic', () => {
  it('keeps its last samples, newest first, with their times', () => {
    const statistic = new Statistic('x', 1000, { count: 3 });
    assert.deepEqual(statistic.samples(), [{ value: 0, at: 1000 }]);
    for (const at of [1001, 1002, 1003]) statistic.add(2, at);
    assert.equal(statistic.value, 6);
    assert.deepEqual(statistic.samples(), [
      { value: 6, at: 1003 },
      { value: 4, at: 1002 },
      { value: 2, at: 1001 },
    ]);
  });

  it('keeps the first sample too while there is room', () => {
    const statistic = new Statistic('x', 1, { count: 20 });
    for (let i = 0; i < 19; i++) statistic.add(1, i);
    assert.equal(statistic.samples().length, 20);
    assert.equal(statistic.samples().at(-1)?.value, 0);
    statistic.add(1, 20);
    assert.equal(statistic.samples().at(-1)?.value, 1);
  });

  it('grows to a limit above the default and shrinks to one below', () => {
    const statistic = new Statistic('x', 0, { count: 100 });
    for (let i = 1; i <= 250; i++) statistic.add(1, i);
    assert.deepEqual(
      values(statistic),
      Array.from({ length: 100 }, (_, age) => 250 - age),
    );
    statistic.setLimit({ count: 2 });
    assert.deepEqual(values(statistic), [250, 249]);
    statistic.add(1, 251);
    assert.deepEqual(values(statistic), [251, 250]);
    statistic.setLimit({ count: 4 });
    for (const at of [252, 253, 254]) statistic.add(1, at);
    assert.deepEqual(values(statistic), [254, 253, 252, 251]);
  });

  it('keeps the samples of a period under an age limit', () => {
    const statistic = new Statistic('x', 0, { ageMs: 1000 });
    for (let at = 0; at <= 5000; at += 10) statistic.add(1, at);
    const samples = statistic.samples();
    assert.equal(samples.length, 101);
    assert.equal(samples[0]!.at - samples.at(-1)!.at, 1000);
  });

  it('is bounded under any limit', () => {
    for (const limit of [{ ageMs: 1e12 }, { count: 4_294_967_295 }]) {
      const statistic = new Statistic('x', 0, limit);
      for (let i = 1; i <= 3 * MAX_SAMPLES; i++) statistic.add(1, i);
      assert.equal(statistic.samples().length, MAX_SAMPLES);
      assert.equal(statistic.samples()[0]!.value, 3 * MAX_SAMPLES);
      assert.equal(statistic.samples().at(-1)!.value, 2 * MAX_SAMPLES + 1);
    }
  });

  it('resets to one sample of 0', () => {
    const statistic = new Statistic('x', 0, { count: 20 });
    statistic.add(5, 1);
    statistic.reset(2);
    assert.deepEqual(statistic.samples(), [{ value: 0, at: 2 }]);
    statistic.add(1, 3);
    assert.deepEqual(values(statistic), [1, 0]);
  });
});

describe('Statistics', () => {
  const make = () => new Statistics(new HandClock());

  it('gives the same object for the same name', () => {
    const statistics = make();
    const counter = statistics.counter('a');
    counter.add(1, 0);
    assert.equal(statistics.counter('a'), counter);
    assert.equal(statistics.get('a')?.value, 1);
    assert.equal(statistics.get('b'), undefined);
  });

  it('lists what was removed again once somebody who kept the object counts', () => {
    const statistics = make();
    const counter = statistics.counter('a');
    counter.add(7, 0);
    assert.equal(statistics.remove('a'), true);
    assert.equal(statistics.remove('a'), false);
    assert.equal(statistics.get('a'), undefined);
    assert.deepEqual([...statistics.all()], []);
    statistics.resetAll();
    assert.deepEqual([...statistics.all()], [], 'a reset does not bring it back');
    counter.add(1, 5);
    assert.deepEqual(statistics.get('a')?.samples(), [{ value: 1, at: 5 }]);
  });

  it('applies a limit of all to those to come', () => {
    const statistics = make();
    const before = statistics.counter('before');
    statistics.setLimitOfAll({ count: 2 });
    const after = statistics.counter('after');
    for (const counter of [before, after]) for (let i = 0; i < 5; i++) counter.add(1, i);
    assert.equal(before.samples().length, 2);
    assert.equal(after.samples().length, 2);
  });

  it('takes a default sample count of 0 to mean that the age decides', () => {
    const statistics = make();
    statistics.setDefaults(0, 1);
    const counter = statistics.counter('a');
    const start = counter.samples()[0]!.at;
    for (let i = 0; i <= 100; i++) counter.add(1, start + 100 * i);
    assert.equal(counter.samples().length, 11);
  });

  it("has Kea's packet statistics from the start", () => {
    const statistics = make();
    registerPacketStatistics(statistics);
    assert.equal([...statistics.all()].length, PACKET_STATISTICS.length);
    assert.ok([...statistics.all()].every(({ value }) => value === 0));
  });
});

describe('sample times', () => {
  it('are local, with microseconds', () => {
    const format = sampleTimeFormatter();
    const at = 1_795_321_794_123.25;
    const local = new Date(at);
    const two = (value: number) => String(value).padStart(2, '0');
    const expected = `${local.getFullYear()}-${two(local.getMonth() + 1)}-${two(local.getDate())} ${two(local.getHours())}:${two(local.getMinutes())}:${two(local.getSeconds())}.123250`;
    assert.equal(format(at), expected);
    assert.equal(format(at + 1), expected.replace('.123', '.124'));
    assert.notEqual(format(at + 60_000), format(at));
  });
});
