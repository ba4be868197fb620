/** Pools of a subnet. */

import type { Pool } from '../domain/snapshot.js';
import { formatIpv4 } from '../domain/values.js';
import type { BuildContext } from './context.js';
import { checkNetworkParameters, ddnsBehaviour, type Inheritance } from './inherit.js';
import { buildOptions } from './options.js';
import type { Section } from './section.js';
import { formatPrefix, formatRange, inPrefix, type Prefix, parseRange } from './values.js';

/** A pool before it has its place in the snapshot, with the section it was made from. */
export interface BuiltPool {
  readonly section: Section;
  readonly pool: Omit<Pool, 'index' | 'subnetId'>;
}

/**
 * The pools of a subnet, by first address as Kea keeps them. What is wrong is reported and left out. Without a prefix,
 * where that is what is wrong, the pools are checked for everything else.
 */
export function buildPools(
  subnet: Section,
  prefix: Prefix | undefined,
  inheritance: Inheritance,
  ddnsEnabled: boolean,
  context: BuildContext,
): BuiltPool[] {
  const built: BuiltPool[] = [];
  for (const section of subnet.sections('pools')) {
    const options = buildOptions(section, context);
    const level = inheritance.below(section);
    checkNetworkParameters(section, level, context.issues);
    const range = poolRange(section, prefix, built, context);
    if (range === undefined) continue;
    built.push({
      section,
      pool: {
        id: section.integer('pool-id') ?? 0,
        ...range,
        clientClasses: classNames(section, 'client-classes'),
        additionalClasses: classNames(section, 'evaluate-additional-classes'),
        options,
        ddns: ddnsBehaviour(level, ddnsEnabled),
      },
    });
  }
  return built.sort((a, b) => a.pool.first - b.pool.first);
}

/** The class names of a list parameter. */
export function classNames(section: Section, name: string): string[] {
  return section.strings(name).map((item) => item.text);
}

function poolRange(
  section: Section,
  prefix: Prefix | undefined,
  earlier: readonly BuiltPool[],
  { issues }: BuildContext,
) {
  const text = section.string('pool');
  if (text === undefined) return undefined;
  const position = section.positionOf('pool');
  const range = parseRange(text);
  if (typeof range === 'string') {
    issues.error('config-range', position, range);
    return undefined;
  }
  for (const end of [range.first, range.last]) {
    if (prefix !== undefined && !inPrefix(end, prefix)) {
      issues.error('config-range', position, `${formatIpv4(end)} is outside the subnet ${formatPrefix(prefix)}`);
      return undefined;
    }
  }
  const other = earlier.find(({ pool }) => range.first <= pool.last && pool.first <= range.last);
  if (other !== undefined) {
    const { path } = other.section;
    issues.error(
      'config-conflict',
      position,
      `the pool overlaps ${formatRange(other.pool)} (${path}) of the same subnet`,
    );
    return undefined;
  }
  return range;
}
