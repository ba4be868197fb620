/** option-def and option-data: definitions into the registry, values into octets. */

import {
  encodeOptionText,
  OPTION_TYPE_NAMES,
  type OptionDefinition,
  OptionRegistry,
  OptionTextError,
  type OptionTypeName,
} from '@lessor/dhcp';
import type { OptionData } from '../domain/snapshot.js';
import type { BuildContext } from './context.js';
import { optionExtension } from './guard.js';
import type { IssueList } from './issues.js';
import type { Section } from './section.js';
import { nearestWord } from './spelling.js';
import { unicodeOf } from './values.js';

const DHCP4_SPACE = 'dhcp4';
/** Option 43 and the private codes: the only ones a class may define for itself, and 43 the only standard one. */
const VENDOR_ENCAPSULATED = 43;
/** Options with a block for each vendor. */
const VENDOR_IDENTIFYING: ReadonlySet<number> = new Set([124, 125]);
const isPrivateCode = (code: number): boolean => code >= 224 && code <= 254;

/** Kea's other name of the DOCSIS space: it has the definitions of vendor 4491, but belongs to no vendor. */
const DOCSIS_SPACE = 'docsis3-v4';
const DOCSIS_DEFINITIONS = 'vendor-4491';

/** The definition of an option, by code or by name. */
export function findDefinition(
  registry: OptionRegistry,
  space: string,
  option: number | string,
): OptionDefinition | undefined {
  const find = (where: string): OptionDefinition | undefined =>
    typeof option === 'number' ? registry.find(where, option) : registry.findByName(where, option);
  return find(space) ?? (space === DOCSIS_SPACE ? find(DOCSIS_DEFINITIONS) : undefined);
}

/** Names of options and spaces: letters, digits, `-` and `_`, the latter two not at the ends. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/;

/** The registry with the definitions of the global option-def. */
export function buildRegistry(root: Section, issues: IssueList): OptionRegistry {
  const standard = OptionRegistry.standard();
  const definitions: OptionDefinition[] = [];
  for (const section of root.sections('option-def')) {
    const definition = buildDefinition(section, issues);
    if (definition === undefined) continue;
    const inTheWay = standard.find(definition.space, definition.code);
    if (inTheWay !== undefined && !(definition.space === DHCP4_SPACE && definition.code === VENDOR_ENCAPSULATED)) {
      issues.error(
        'config-conflict',
        section.positionOf('code'),
        `option ${definition.code} of space ${definition.space} is standard (${inTheWay.name}) and can not be defined anew`,
      );
    } else if (isFirst(definition, definitions, section, issues)) definitions.push(definition);
  }
  return standard.with(definitions);
}

/** A registry with the private definitions of a class added; undefined if it has none. */
export function buildClassRegistry(section: Section, { registry, issues }: BuildContext): OptionRegistry | undefined {
  const definitions: OptionDefinition[] = [];
  for (const item of section.sections('option-def')) {
    const definition = buildDefinition(item, issues);
    if (definition === undefined) continue;
    const allowed =
      definition.space === DHCP4_SPACE && (definition.code === VENDOR_ENCAPSULATED || isPrivateCode(definition.code));
    if (!allowed) {
      issues.error(
        'config-range',
        item.positionOf('code'),
        `a class can define options 43 and 224 to 254 of space dhcp4 only, not ${definition.code} of ${definition.space}`,
      );
    } else if (isFirst(definition, definitions, item, issues)) definitions.push(definition);
  }
  return definitions.length === 0 ? undefined : registry.with(definitions);
}

function isFirst(
  definition: OptionDefinition,
  earlier: readonly OptionDefinition[],
  section: Section,
  issues: IssueList,
): boolean {
  const same = earlier.find(
    (other) => other.space === definition.space && (other.code === definition.code || other.name === definition.name),
  );
  if (same === undefined) return true;
  const what = same.code === definition.code ? `code ${same.code}` : `name ${same.name}`;
  issues.error(
    'config-duplicate',
    section.position,
    `an option with ${what} is already defined in space ${same.space}`,
  );
  return false;
}

/** One option-def entry; undefined if it is not usable (reported). */
function buildDefinition(section: Section, issues: IssueList): OptionDefinition | undefined {
  const name = section.string('name');
  const code = section.integer('code');
  const type = section.string('type') as OptionTypeName | undefined;
  const space = section.or<string>('space');
  const encapsulates = section.or<string>('encapsulate');
  const array = section.or<boolean>('array');
  if (name === undefined || code === undefined || type === undefined) return undefined;
  const fault = (member: string, message: string): undefined => {
    issues.error('config-range', section.positionOf(member), message);
    return undefined;
  };
  if (!NAME.test(name)) return fault('name', `"${name}" is not a name of letters, digits, - and _`);
  if (!NAME.test(space)) return fault('space', `"${space}" is not a name of letters, digits, - and _`);
  if (encapsulates !== '' && !NAME.test(encapsulates)) {
    return fault('encapsulate', `"${encapsulates}" is not a name of letters, digits, - and _`);
  }
  const badCode = checkCode(code, space);
  if (badCode !== undefined) return fault('code', badCode);
  if (encapsulates !== '' && array) return fault('array', 'an array can not be followed by sub-options');
  if (encapsulates === space) return fault('encapsulate', `an option can not encapsulate its own space ${space}`);
  const recordTypes = recordFields(section, type, fault);
  if (recordTypes === undefined) return undefined;
  const repeated = type === 'record' ? recordTypes[recordTypes.length - 1] : type;
  if (array && (repeated === 'empty' || repeated === 'binary' || repeated === 'string' || repeated === 'internal')) {
    return fault('array', `values of type ${repeated} can not be repeated: nothing says where one ends`);
  }
  return { space, code, name, type, array, recordTypes, ...(encapsulates === '' ? {} : { encapsulates }) };
}

/** The field types of a record; empty for other types. */
function recordFields(
  section: Section,
  type: OptionTypeName,
  fault: (member: string, message: string) => undefined,
): readonly OptionTypeName[] | undefined {
  const words = section
    .or<string>('record-types')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const unknown = words.find((word) => !(OPTION_TYPE_NAMES as readonly string[]).includes(word));
  if (unknown !== undefined) {
    const nearest = nearestWord(unknown, OPTION_TYPE_NAMES);
    return fault(
      'record-types',
      `"${unknown}" is no type${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`,
    );
  }
  const types = words as OptionTypeName[];
  if (type !== 'record') {
    return types.length === 0 ? [] : fault('record-types', `"record-types" belong to type record, not to ${type}`);
  }
  if (types.length < 2) return fault('record-types', 'a record has at least two fields: give their types');
  const early = types.find((word, i) => (word === 'string' || word === 'binary') && i < types.length - 1);
  if (early !== undefined) return fault('record-types', `a field of type ${early} can only be the last one`);
  const strange = types.find((word) => word === 'empty' || word === 'internal' || word === 'record');
  if (strange !== undefined) return fault('record-types', `a field can not be of type ${strange}`);
  return types;
}

/** What is wrong with a code, or undefined. */
function checkCode(code: number, space: string): string | undefined {
  if (code > 255) return `option codes go up to 255, not ${code}`;
  if (space === DHCP4_SPACE && code === 0) return 'option code 0 is reserved for PAD';
  if (space === DHCP4_SPACE && code === 255) return 'option code 255 is reserved for END';
  return undefined;
}

/**
 * The option-data of a section, in its order.
 * @param registry the definitions that hold here (those of a class come with it)
 */
export function buildOptions(section: Section, context: BuildContext, registry = context.registry): OptionData[] {
  // Kea fills in the default of csv-format in the global scope only; elsewhere its absence means "as defined".
  const csvDefault = section.scope === 'Dhcp4' ? true : undefined;
  return section
    .sections('option-data')
    .map((item) => buildOption(item, context, registry, csvDefault))
    .filter((option) => option !== undefined);
}

/** One option-data entry; undefined if it is not usable (reported). */
function buildOption(
  section: Section,
  context: BuildContext,
  registry: OptionRegistry,
  csvDefault: true | undefined,
): OptionData | undefined {
  const { issues } = context;
  const name = section.string('name');
  const code = section.integer('code');
  const space = section.or<string>('space');
  const csvFormat = section.boolean('csv-format') ?? csvDefault;
  const fault = (issue: 'config-range' | 'config-missing' | 'config-reference', member: string, message: string) => {
    issues.error(issue, section.positionOf(member), message);
    return undefined;
  };
  if (name === undefined && code === undefined) {
    if (section.mentions('name') || section.mentions('code')) return undefined;
    return fault('config-missing', 'name', 'an option needs a "name" or a "code"');
  }
  if (!NAME.test(space)) return fault('config-range', 'space', `"${space}" is not a name of letters, digits, - and _`);
  const badCode = code === undefined ? undefined : checkCode(code, space);
  if (badCode !== undefined) return fault('config-range', 'code', badCode);

  const definition = findDefinition(registry, space, code ?? name!);
  if (definition === undefined && (code === undefined || csvFormat === true)) {
    return fault('config-reference', name === undefined ? 'code' : 'name', unknownOption(space, name, code, registry));
  }
  if (definition !== undefined && name !== undefined && definition.name !== name) {
    const message = `option ${definition.code} of space ${space} is called ${definition.name}, not ${name}`;
    return fault('config-range', 'name', message);
  }
  const data = encodeData(section, definition, csvFormat ?? definition !== undefined, issues);
  if (data === undefined) return undefined;
  const extension = optionExtension(section, context);
  if (extension.join !== undefined && space === DHCP4_SPACE && VENDOR_IDENTIFYING.has(definition?.code ?? code!)) {
    return fault('config-range', 'code', 'the blocks of vendors in options 124 and 125 are put together already');
  }
  return {
    space,
    code: definition?.code ?? code!,
    name: definition?.name ?? name ?? '',
    data,
    ...(definition?.encapsulates ? { encapsulates: definition.encapsulates } : {}),
    alwaysSend: section.or<boolean>('always-send'),
    neverSend: section.or<boolean>('never-send'),
    clientClasses: section.strings('client-classes').map((item) => item.text),
    ...extension,
  };
}

function unknownOption(
  space: string,
  name: string | undefined,
  code: number | undefined,
  registry: OptionRegistry,
): string {
  if (code !== undefined) {
    return (
      `option ${code} of space ${space} has no definition: add an "option-def", or set "csv-format" to false ` +
      'and write the data in hexadecimal'
    );
  }
  const known = registry.all(space).map((definition) => definition.name);
  const nearest = nearestWord(name!, known);
  const hint = nearest === undefined ? 'add an "option-def", or give its "code"' : `did you mean "${nearest}"?`;
  return `there is no option "${name}" in space ${space}; ${hint}`;
}

function encodeData(
  section: Section,
  definition: OptionDefinition | undefined,
  csvFormat: boolean,
  issues: IssueList,
): Uint8Array | undefined {
  const text = section.string('data') ?? '';
  if (text === '') {
    if (section.mentions('data') && !section.has('data')) return undefined;
    if (section.or<boolean>('never-send') || !needsData(definition)) return new Uint8Array(0);
    issues.error(
      'config-missing',
      section.positionOf('data'),
      `option ${definition!.name} needs "data" (${definition!.type})`,
    );
    return undefined;
  }
  try {
    // A string may hold any octets, so hexadecimal digits need not be text.
    const octets = !csvFormat && definition?.type === 'string';
    return encodeOptionText(octets ? undefined : definition, unicodeOf(text), csvFormat);
  } catch (error) {
    if (!(error instanceof OptionTextError)) throw error;
    const which = definition === undefined ? '' : ` of option ${definition.name} (code ${definition.code})`;
    issues.error('config-range', section.positionOf('data'), `the data${which} does not fit: ${error.message}`);
    return undefined;
  }
}

/** True for types of which exactly one value is sent. */
function needsData(definition: OptionDefinition | undefined): boolean {
  return definition !== undefined && !definition.array && definition.type !== 'empty';
}
