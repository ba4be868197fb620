/** `option NAME code N = TYPE;` and option spaces of dhcpd.conf, as definitions and as entries of option-def. */

import { encodeOptionText, type OptionDefinition, OptionRegistry, type OptionTypeName } from '@lessor/dhcp';
import { formatUpperHex, unicodeOf } from '../../config/values.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { octetsOf } from '../../domain/values.js';
import type { Notes } from './notes.js';
import { type ConfStatement, type ConfWord, isMark, isWord, wordsText } from './tree.js';

const TOP_SPACE = 'dhcp4';
/** Codes of one octet; dhcpd has enterprise numbers in wider spaces. */
const HIGHEST_CODE = 255;
const VENDOR_ENCAPSULATED = 43;
/** The option with a block for each enterprise (RFC 3925), and dhcpd's own name of the space of its blocks. */
const VENDOR_IDENTIFYING = 125;
const VENDOR_IDENTIFYING_SPACE = 'vivso';

/** What a value consists of. */
type ValueType = Pick<OptionDefinition, 'type' | 'array' | 'recordTypes'>;

/**
 * dhcpd's types of one value (dhcp-options(5), "DEFINING NEW OPTIONS"), as Kea calls them. `integer 8` is what octets
 * are declared as, and dhcpd takes 255 for it.
 */
const TYPES: Readonly<Record<string, OptionTypeName>> = {
  boolean: 'boolean',
  'integer 8': 'uint8',
  'integer 16': 'int16',
  'integer 32': 'int32',
  'signed integer 8': 'int8',
  'signed integer 16': 'int16',
  'signed integer 32': 'int32',
  'unsigned integer 8': 'uint8',
  'unsigned integer 16': 'uint16',
  'unsigned integer 32': 'uint32',
  'ip-address': 'ipv4-address',
  'ip6-address': 'ipv6-address',
  text: 'string',
  string: 'binary',
  'domain-name': 'fqdn',
};

/** Definitions found so far. */
export class Definitions {
  #registry = OptionRegistry.standard();
  readonly #own: OptionDefinition[] = [];
  /** Spaces whose options are enterprises: what option 125 encapsulates. */
  readonly #enterprises = new Set([VENDOR_IDENTIFYING_SPACE]);
  /** What Kea calls the spaces that it has other names for. */
  readonly #spaces = new Map<string, string>();
  /** Codes of options that are sent to clients that do not ask for them. */
  readonly #unasked = new Set<number>();

  /** With everything that was defined. */
  get registry(): OptionRegistry {
    return this.#registry;
  }

  /** For `option-def`. */
  get json(): readonly JsonMap[] {
    return this.#own
      .map((definition) => ({ ...definition, space: this.#spaceOf(definition.space) }))
      .filter(({ space, code, encapsulates }) => !isStandard(space, code) || encapsulates !== undefined)
      .map(({ name, code, space, type, array, recordTypes, encapsulates }) => ({
        name,
        code,
        ...(space === TOP_SPACE ? {} : { space }),
        type,
        ...(type === 'record' ? { 'record-types': recordTypes.join(', ') } : {}),
        ...(array ? { array } : {}),
        ...(encapsulates === undefined ? {} : { encapsulate: encapsulates }),
      }));
  }

  /** The map with every option-data below it as people write it: by name, and without what is so anyway. */
  readable(value: Json): Json {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((item) => this.readable(item));
    const entries = Object.entries(value as JsonMap).map(([name, item]): [string, Json] => {
      if (name !== 'option-data') return [name, this.readable(item)];
      const options = item as readonly JsonMap[];
      return [name, [...this.#carriers(options), ...options.map((option) => this.#byName(option))]];
    });
    return Object.fromEntries(entries);
  }

  /** Option 125 for the blocks of enterprises that there are options for, where it is not given whole. */
  #carriers(options: readonly JsonMap[]): JsonMap[] {
    if (options.some(({ space = TOP_SPACE, code }) => space === TOP_SPACE && code === VENDOR_IDENTIFYING)) return [];
    const blocks = options.map(({ space }) => /^vendor-(\d+)$/.exec(this.#spaceOf(String(space)))?.[1]);
    return [...new Set(blocks)].flatMap((number) =>
      number === undefined ? [] : [{ name: 'vivso-suboptions', data: number }],
    );
  }

  #byName({ space: ownSpace = TOP_SPACE, code, ...rest }: JsonMap): JsonMap {
    const space = this.#spaceOf(String(ownSpace));
    const declared = this.#registry.find(String(ownSpace), Number(code));
    const found = OptionRegistry.standard().find(space, Number(code)) ?? declared;
    const { 'csv-format': csv, ...data } = asStandard(rest, declared, found);
    // Octets by the number are understood by every Kea, also by one that does not know the option yet.
    const byNumber = found === undefined || (csv === false && rest['csv-format'] !== false);
    return {
      ...(byNumber ? { code: code! } : { name: found.name }),
      ...(space === TOP_SPACE ? {} : { space }),
      ...(csv === false ? { 'csv-format': false } : {}),
      ...data,
      ...(space === TOP_SPACE && this.#unasked.has(Number(code)) ? { 'always-send': true } : {}),
    };
  }

  #spaceOf(space: string): string {
    return this.#spaces.get(space) ?? space;
  }

  /** Learns what says something of other statements, which may stand before it: so before definitions are taken. */
  learn(statement: ConfStatement): void {
    const { words } = statement;
    for (const code of unaskedCodes(statement) ?? []) this.#unasked.add(code);
    if (isWord(words[0], 'site-option-space') && words[1] !== undefined) this.#spaces.set(words[1].text, TOP_SPACE);
    const [, , , code, , how, space] = words;
    if (!isWord(words[0], 'option') || !isWord(how, 'encapsulate') || space === undefined) return;
    if (Number(code?.text) === VENDOR_IDENTIFYING) this.#enterprises.add(space.text);
  }

  /** True for statements that define and set nothing: taken up, or noted. */
  take(statement: ConfStatement, notes: Notes): boolean {
    const [, name, word, code] = statement.words;
    // Spaces need no declaration of their own; `width` of codes and lengths other than 1 is for DHCPv6 and vendors.
    if (isWord(name, 'space')) return true;
    if (!isWord(word, 'code') || name?.kind !== 'text') return false;
    const definition = readDefinition(name.text, Number(code?.text), statement.words.slice(4));
    const why = definition === undefined ? 'this type of option is not known' : this.#add(definition);
    if (why !== undefined) notes.lost(statement, why);
    return true;
  }

  /** @returns why it can not be, if so */
  #add(definition: OptionDefinition): string | undefined {
    const { space, code, encapsulates } = definition;
    if (this.#enterprises.has(space)) {
      if (encapsulates === undefined) return 'what an enterprise has in option 125 are options of a space of its own';
      this.#spaces.set(encapsulates, `vendor-${code}`);
      return undefined;
    }
    if (code > HIGHEST_CODE) {
      return `options of an enterprise are those of the space "vendor-${code}" (option 125, RFC 3925)`;
    }
    const known = OptionRegistry.standard().find(space, code);
    if (known !== undefined && encapsulates === undefined) {
      // Another name for an option that everybody knows; where the type is another one, values are read by it.
      const type = hasTypeOf(definition, known) ? known : definition;
      this.#registry = this.#registry.with([{ ...type, name: definition.name }]);
      return undefined;
    }
    if (known !== undefined && space === TOP_SPACE && code === VENDOR_IDENTIFYING) return undefined;
    if (known?.encapsulates !== undefined && code !== VENDOR_ENCAPSULATED) {
      this.#spaces.set(definition.encapsulates!, known.encapsulates);
      this.#registry = this.#registry.with([{ ...known, encapsulates: definition.encapsulates! }]);
      return undefined;
    }
    if (known !== undefined && code !== VENDOR_ENCAPSULATED) return `option ${code} encapsulates no space`;
    const before = this.#own.findIndex((own) => own.space === space && own.code === code);
    // Of two names of one option the last is the one it has.
    if (before !== -1) this.#own.splice(before, 1);
    // Option 43 is what a vendor's own space is put into: it keeps the name by which it is asked for.
    const named = { ...definition, name: known?.name ?? definition.name };
    this.#registry = this.#registry.with([named]);
    this.#own.push(named);
    return undefined;
  }
}

const REQUEST_LIST = 'option\\s+dhcp-parameter-request-list';
const UNASKED = new RegExp(
  `^(?:if\\s+exists\\s+dhcp-parameter-request-list\\s*\\{\\s*)?${REQUEST_LIST}\\s*=\\s*` +
    `concat\\s*\\(\\s*${REQUEST_LIST}\\s*((?:[,:]\\s*[0-9a-f]{1,2}\\s*)+)\\)[\\s;}]*$`,
  'i',
);

/**
 * The codes that a statement adds to what the client asks for, as dhcpd.conf of PXELINUX does, with or without `if
 * exists dhcp-parameter-request-list`; undefined for any other statement.
 */
export function unaskedCodes({ text }: ConfStatement): readonly number[] | undefined {
  const list = UNASKED.exec(text.replace(/#[^\n]*/g, ''))?.[1];
  return list?.match(/[0-9a-f]+/gi)?.map((code) => Number.parseInt(code, 16));
}

function isStandard(space: string, code: number): boolean {
  return OptionRegistry.standard().find(space, code) !== undefined;
}

/** True if a value is written the same for both types, so that the standard one can be used. */
function hasTypeOf(declared: OptionDefinition, standard: OptionDefinition): boolean {
  // Octets and text are both in quotes; signs make no octet another one.
  const alike = (type: OptionTypeName): string => (type === 'binary' ? 'string' : type.replace(/^uint/, 'int'));
  return alike(declared.type) === alike(standard.type) && (standard.array || !declared.array);
}

/** Data of a standard option that was given by another type: its octets, as Kea reads it by its own. */
function asStandard(
  option: JsonMap,
  declared: OptionDefinition | undefined,
  standard: OptionDefinition | undefined,
): JsonMap {
  const isText = declared !== undefined && option['csv-format'] === true && option.data !== undefined;
  if (!isText || standard === undefined || hasTypeOf(declared, standard)) return option;
  const octets = octetsOf(encodeOptionText(declared, unicodeOf(String(option.data)), true));
  return { ...option, 'csv-format': false, data: formatUpperHex(octets) };
}

/** What follows `option NAME code N`; undefined if it is not understood. */
function readDefinition(fullName: string, code: number, rest: readonly ConfWord[]): OptionDefinition | undefined {
  if (!isMark(rest[0], '=') || !Number.isInteger(code)) return undefined;
  const [, space = TOP_SPACE, name = fullName] = /^([^.]+)\.(.+)$/.exec(fullName) ?? [];
  const words = rest.slice(1);
  if (isWord(words[0], 'encapsulate')) {
    return { space, code, name, type: 'empty', array: false, recordTypes: [], encapsulates: words[1]?.text ?? '' };
  }
  const type = readType(words);
  return type === undefined ? undefined : { space, code, name, ...type };
}

/** `TYPE`, `array of TYPE`, `{ TYPE, TYPE }`, `array of { TYPE }`, `domain-list`. */
function readType(words: readonly ConfWord[]): ValueType | undefined {
  if (isWord(words[0], 'domain-list')) return { type: 'fqdn', array: true, recordTypes: [] };
  const array = isWord(words[0], 'array') && isWord(words[1], 'of');
  const fields = fieldsOf(array ? words.slice(2) : words).map((field) => TYPES[wordsText(field).toLowerCase()]);
  const types = fields.filter((field) => field !== undefined);
  const [type] = types;
  if (type === undefined || types.length < fields.length) return undefined;
  // Nothing says where a text ends, so that it is the last field and is not repeated.
  const ends = (array ? types : types.slice(0, -1)).every((one) => one !== 'string' && one !== 'binary');
  if (!ends) return undefined;
  if (types.every((one) => one === type) && (array || types.length === 1)) return { type, array, recordTypes: [] };
  return array ? undefined : { type: 'record', array, recordTypes: types };
}

/** The words of each field of a record, or those of the one type there is. */
function fieldsOf(words: readonly ConfWord[]): readonly (readonly ConfWord[])[] {
  if (!isMark(words[0], '{')) return [words];
  const fields: ConfWord[][] = [[]];
  for (const word of words.slice(1)) {
    if (isMark(word, '}')) break;
    if (isMark(word, ',')) fields.push([]);
    else fields.at(-1)!.push(word);
  }
  return fields;
}
