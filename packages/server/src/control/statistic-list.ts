/**
 * Samples of all statistics as the text they will be sent as, in the order of their names, as Kea writes a map. Of ten thousand
 * subnets there are more than a hundred thousand: putting them in order, and a map of all of them, would hold up packets.
 */

import { formatJson } from '@lessor/kea';
import type { Sliced } from '../domain/slices.js';
import { sortSliced } from '../domain/sort-sliced.js';
import { type Statistic, type Statistics, sampleTimeFormatter } from '../services/statistics.js';
import { type CommandResult, type Json, Result } from './command.js';
import { pagedAnswer } from './paged-answer.js';
import { type PagePool, TextPages } from './text-pages.js';

/** Samples of one statistic: `[[value, time], ...]`, newest first. */
export function samplesOf(statistic: Statistic, format: (at: number) => string): Json {
  return statistic.samples().map(({ value, at }) => [value, format(at)]);
}

/** The answer that lists all that are present, written in slices. */
export function* listStatistics(statistics: Statistics, pages: Pick<PagePool, 'take' | 'give'>): Sliced<CommandResult> {
  const text = new TextPages(pages);
  const format = sampleTimeFormatter();
  let isEmpty = true;
  for (const statistic of yield* inOrder(statistics)) {
    if (!statistic.present) continue;
    text.write(`${isEmpty ? '{ ' : ', '}${formatJson(statistic.name)}: ${formatJson(samplesOf(statistic, format))}`);
    isEmpty = false;
    yield;
  }
  text.write(isEmpty ? formatJson({}) : ' }');
  return pagedAnswer({ result: Result.success }, text.octets(), () => text.release());
}

/** What was put in order last, as long as there are no others. */
const ordered = new WeakMap<Statistics, { readonly edition: number; readonly list: readonly Statistic[] }>();

function* inOrder(statistics: Statistics): Sliced<readonly Statistic[]> {
  const known = ordered.get(statistics);
  const { edition } = statistics;
  if (known?.edition === edition) return known.list;
  const list = yield* sortSliced(statistics.every(), (a, b) => a.name < b.name);
  if (statistics.edition === edition) ordered.set(statistics, { edition, list });
  return list;
}
