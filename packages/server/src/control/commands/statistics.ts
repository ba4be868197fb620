/** statistic-*: Kea's counters (Kea: src/lib/stats/stats_mgr.cc). */

import { inSlices } from '../../services/in-slices.js';
import type { Statistic } from '../../services/statistics.js';
import { sampleTimeFormatter } from '../../services/statistics.js';
import { CORE_WORDING, defineCommand, integer, invalid, text } from '../arguments.js';
import { type CommandResult, type CommandRow, type Json, Result } from '../command.js';
import type { ControlServices } from '../services.js';
import { listStatistics, samplesOf } from '../statistic-list.js';

const wording = CORE_WORDING;
const hook = 'core';

/** The rows. */
export const STATISTICS_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'statistic-get',
    access: 'read',
    hook,
    summary: 'samples of one statistic, newest first; nothing if there is none of this name',
    args: { name: text },
    wording,
    run({ name }, { statistics }) {
      const statistic = statistics.get(name);
      return { result: Result.success, arguments: byName(statistic === undefined ? [] : [statistic]) };
    },
  }),
  defineCommand({
    name: 'statistic-get-all',
    access: 'read',
    hook,
    summary: 'samples of every statistic',
    args: {},
    wording,
    run: (_, { statistics, clock, pages }) => inSlices(listStatistics(statistics, pages), clock),
  }),
  defineCommand({
    name: 'statistic-global-get-all',
    access: 'read',
    hook,
    summary: 'samples of the statistics that belong to no subnet',
    args: {},
    wording,
    run: (_, { statistics }) => ({
      result: Result.success,
      arguments: byName([...statistics.all()].filter(({ name }) => !name.startsWith('subnet['))),
    }),
  }),
  defineCommand({
    name: 'statistic-reset',
    access: 'write',
    hook,
    summary: 'sets one statistic back to 0',
    args: { name: text },
    wording,
    run: ({ name }, { statistics }) => found(statistics.reset(name), name, `Statistic '${name}' reset.`),
  }),
  defineCommand({
    name: 'statistic-reset-all',
    access: 'write',
    hook,
    summary: 'sets every statistic back to 0',
    args: {},
    wording,
    run(_, { statistics }) {
      statistics.resetAll();
      return { result: Result.success, text: 'All statistics reset to neutral values.' };
    },
  }),
  defineCommand({
    name: 'statistic-remove',
    access: 'write',
    hook,
    summary: 'forgets one statistic until it is counted again',
    args: { name: text },
    wording,
    run: ({ name }, { statistics }) => found(statistics.remove(name), name, `Statistic '${name}' removed.`),
  }),
  defineCommand({
    name: 'statistic-remove-all',
    access: 'write',
    hook,
    summary: 'forgets every statistic until it is counted again (deprecated)',
    args: {},
    wording,
    run(_, { statistics }) {
      statistics.removeAll();
      return {
        result: Result.success,
        text: 'Warning: statistic-remove-all command is deprecated. All statistics removed.',
      };
    },
  }),
  defineCommand({
    name: 'statistic-sample-age-set',
    access: 'write',
    hook,
    summary: 'keeps the samples of one statistic for so many seconds',
    args: { name: text, duration: integer },
    wording,
    run({ name, duration }, { statistics }) {
      const limit = { ageMs: positive('duration', duration) * 1000 };
      return found(statistics.setLimit(name, limit), name, `Statistic '${name}' duration limit is set.`);
    },
  }),
  defineCommand({
    name: 'statistic-sample-age-set-all',
    access: 'write',
    hook,
    summary: 'keeps the samples of every statistic for so many seconds',
    args: { duration: integer },
    wording,
    run({ duration }, { statistics }) {
      statistics.setLimitOfAll({ ageMs: positive('duration', duration) * 1000 });
      return { result: Result.success, text: 'All statistics duration limit are set.' };
    },
  }),
  defineCommand({
    name: 'statistic-sample-count-set',
    access: 'write',
    hook,
    summary: 'keeps so many samples of one statistic',
    args: { name: text, 'max-samples': integer },
    wording,
    run({ name, 'max-samples': count }, { statistics }) {
      const limit = { count: positive('max-samples', count) };
      return found(statistics.setLimit(name, limit), name, `Statistic '${name}' count limit is set.`);
    },
  }),
  defineCommand({
    name: 'statistic-sample-count-set-all',
    access: 'write',
    hook,
    summary: 'keeps so many samples of every statistic',
    args: { 'max-samples': integer },
    wording,
    run({ 'max-samples': count }, { statistics }) {
      statistics.setLimitOfAll({ count: positive('max-samples', count) });
      return { result: Result.success, text: 'All statistics count limit are set.' };
    },
  }),
];

/** A few of them: `{name: [[value, time], ...], ...}`. */
function byName(statistics: Iterable<Statistic>): Json {
  const format = sampleTimeFormatter();
  const json: Record<string, Json> = {};
  for (const statistic of statistics) json[statistic.name] = samplesOf(statistic, format);
  return json;
}

function found(done: boolean, name: string, message: string): CommandResult {
  return done
    ? { result: Result.success, text: message }
    : { result: Result.error, text: `No '${name}' statistic found` };
}

/** A limit of 0 (Kea takes it for one statistic, which then has no sample to add to) or below is refused. */
function positive(name: string, value: number): number {
  if (value === 0) throw invalid(`'${name}' parameter must not be zero`);
  if (value < 0 || value > 0xffff_ffff) throw invalid(`'${name}' parameter is out of range`);
  return value;
}
