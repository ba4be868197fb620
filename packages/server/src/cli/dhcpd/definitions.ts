/** `option NAME code N = TYPE;` and option spaces of dhcpd.conf, as definitions and as entries of option-def. */

import { type OptionDefinition, OptionRegistry, type OptionTypeName } from '@lessor/dhcp';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import type { Notes } from './notes.js';
import { type ConfStatement, type ConfWord, isMark, isWord, wordsText } from './tree.js';

const TOP_SPACE = 'dhcp4';
/** Codes of one octet; dhcpd has enterprise numbers in wider spaces. */
const HIGHEST_CODE = 255;

/** dhcpd's types of one value (dhcp-options(5), "DEFINING NEW OPTIONS"), as Kea calls them. */
const TYPES: Readonly<Record<string, OptionTypeName>> = {
  boolean: 'boolean',
  'integer 8': 'int8',
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
  readonly #json: JsonMap[] = [];

  /** With everything that was defined. */
  get registry(): OptionRegistry {
    return this.#registry;
  }

  /** For `option-def`. */
  get json(): readonly JsonMap[] {
    return this.#json;
  }

  /** The map with every option-data below it as people write it: by name, and without what is so anyway. */
  readable(value: Json): Json {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((item) => this.readable(item));
    const entries = Object.entries(value as JsonMap).map(([name, item]): [string, Json] => {
      if (name !== 'option-data') return [name, this.readable(item)];
      return [name, (item as readonly JsonMap[]).map((option) => this.#byName(option))];
    });
    return Object.fromEntries(entries);
  }

  #byName({ space = TOP_SPACE, code, ...rest }: JsonMap): JsonMap {
    const found =
      OptionRegistry.standard().find(String(space), Number(code)) ?? this.#registry.find(String(space), Number(code));
    const { 'csv-format': csv, ...data } = rest;
    return {
      ...(found === undefined ? { code: code! } : { name: found.name }),
      ...(space === TOP_SPACE ? {} : { space }),
      ...(csv === false ? { 'csv-format': false } : {}),
      ...data,
    };
  }

  /** True for statements that define and set nothing: taken up, or noted. */
  take(statement: ConfStatement, notes: Notes): boolean {
    const [, name, word, code] = statement.words;
    // Spaces need no declaration of their own; `width` of codes and lengths other than 1 is for DHCPv6 and vendors.
    if (isWord(name, 'space')) return true;
    if (!isWord(word, 'code') || name?.kind !== 'text') return false;
    const definition = this.#read(name.text, Number(code?.text), statement.words.slice(4));
    if (definition === undefined) notes.lost(statement, 'this type of option is not known');
    else if (definition.code > HIGHEST_CODE) {
      const space = `vendor-${definition.code}`;
      notes.lost(statement, `options of an enterprise are those of the space "${space}" (option 125, RFC 3925)`);
    } else this.#add(definition);
    return true;
  }

  #read(fullName: string, code: number, rest: readonly ConfWord[]): OptionDefinition | undefined {
    if (!isMark(rest[0], '=') || !Number.isInteger(code)) return undefined;
    const [, space = TOP_SPACE, name = fullName] = /^([^.]+)\.(.+)$/.exec(fullName) ?? [];
    const base = { space, code, name, array: false, recordTypes: [] };
    const words = rest.slice(1);
    if (isWord(words[0], 'encapsulate')) return { ...base, type: 'empty', encapsulates: words[1]?.text ?? '' };
    const array = isWord(words[0], 'array') && isWord(words[1], 'of');
    const value = array ? words.slice(2) : words;
    if (isMark(value[0], '{')) return undefined;
    const type = TYPES[wordsText(value).toLowerCase()];
    return type === undefined ? undefined : { ...base, type, array };
  }

  #add(definition: OptionDefinition): void {
    const { space, code, type, array, encapsulates } = definition;
    const known = OptionRegistry.standard().find(space, code);
    if (known !== undefined && encapsulates === undefined) {
      // Another name for an option that everybody knows: the registered type is the right one.
      this.#registry = this.#registry.with([{ ...known, name: definition.name }]);
      return;
    }
    // Option 43 is what a vendor's own space is put into: it keeps the name by which it is asked for.
    const name = known?.name ?? definition.name;
    this.#registry = this.#registry.with([{ ...definition, name }]);
    this.#json.push({
      name,
      code,
      ...(space === TOP_SPACE ? {} : { space }),
      type,
      ...(array ? { array } : {}),
      ...(encapsulates === undefined ? {} : { encapsulate: encapsulates }),
    });
  }
}
