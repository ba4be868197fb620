/** option-data and option-def as config-get returns them. */

import type { OptionRegistry } from '@lessor/dhcp';
import type { Json, JsonMap, OptionData } from '../domain/snapshot.js';
import { findDefinition } from './options.js';
import type { Section } from './section.js';
import { jsonMap } from './tree.js';

const VENDOR_SPACE = /^vendor-(\d+)$/;

/**
 * The option-data of a section: by space (vendor spaces last, by number), within a space in the order given.
 * Data is the text of the configuration where it was text, else upper-case hexadecimal.
 * @param options what was built of it, one to one
 */
export function canonicalOptions(
  section: Section,
  options: readonly OptionData[],
  registry: OptionRegistry,
): JsonMap[] {
  const csvDefault = section.scope === 'Dhcp4' ? true : undefined;
  const items = section.sections('option-data').map((item, i) => ({ item, option: options[i]! }));
  return bySpace(items, ({ option }) => option.space).map(({ item, option }) =>
    canonicalOption(item, option, registry, csvDefault),
  );
}

function canonicalOption(
  section: Section,
  option: OptionData,
  registry: OptionRegistry,
  csvDefault: boolean | undefined,
): JsonMap {
  const definition = findDefinition(registry, option.space, option.code);
  const csv = section.boolean('csv-format') ?? csvDefault ?? definition !== undefined;
  const text = section.string('data') ?? '';
  const formatted = definition !== undefined && csv && text !== '';
  const hex = Buffer.from(option.data).toString('hex').toUpperCase();
  const cancelled = option.neverSend && !formatted && hex === '';
  const data: Json = definition?.type === 'empty' ? '' : formatted ? text : hex;
  const classes = option.clientClasses;
  return jsonMap([
    ['space', option.space],
    ['code', option.code],
    ['name', definition?.name],
    ['csv-format', cancelled ? undefined : formatted],
    ['data', cancelled ? undefined : data],
    ['always-send', option.alwaysSend],
    ['never-send', option.neverSend],
    ['client-classes', classes.length === 0 ? undefined : [...classes]],
    ['user-context', section.userContext],
  ]);
}

/** The option-def of a section, by space, with defaults filled in. */
export function canonicalDefinitions(section: Section): JsonMap[] {
  const items = bySpace(section.sections('option-def'), (item) => item.or<string>('space'));
  return items.map((item) => {
    const types = item
      .or<string>('record-types')
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
    return jsonMap([
      ['space', item.or<string>('space')],
      ['name', item.string('name')],
      ['code', item.integer('code')],
      ['type', item.string('type')],
      ['array', item.or<boolean>('array')],
      ['encapsulate', item.or<string>('encapsulate')],
      ['record-types', types.join(', ')],
      ['user-context', item.userContext],
    ]);
  });
}

/** Stable sort by space: named ones in octet order, then vendor spaces by number. */
function bySpace<T>(items: readonly T[], spaceOf: (item: T) => string): T[] {
  const vendor = (item: T): number => Number(VENDOR_SPACE.exec(spaceOf(item))?.[1] ?? -1);
  return [...items].sort((a, b) => {
    if (vendor(a) !== vendor(b)) return vendor(a) - vendor(b);
    if (vendor(a) !== -1 || spaceOf(a) === spaceOf(b)) return 0;
    return spaceOf(a) < spaceOf(b) ? -1 : 1;
  });
}
