/** `option NAME VALUE` of statements, as entries of option-data. */

import {
  encodeOptionText,
  encodeSubOptions,
  type OptionDefinition,
  type OptionRegistry,
  OptionTextError,
  type OptionTypeName,
} from '@lessor/dhcp';
import { Result } from '@lessor/omapi';
import { formatUpperHex, unicodeOf } from '../../config/values.js';
import type { OptionJoin } from '../../domain/snapshot.js';
import { bytesOf, type Octets, octetsOf, parseIpv4 } from '../../domain/values.js';
import type { JsonMap } from '../command.js';
import { OmapiRefusal } from './object.js';
import { addressOctets, colonHex, listValue } from './statement-values.js';
import { isMark, refused, type Word } from './statement-words.js';

/** Option space of everything that is no sub-option. */
export const TOP_SPACE = 'dhcp4';
const VENDOR_ENCAPSULATED = 43;
const PARAMETER_REQUEST_LIST = 55;
/** What the server sets itself: a configured value would never be sent. */
const SERVER_SET: ReadonlySet<number> = new Set([50, 51, 52, 53, 57, 61, 82, 118]);

/** Names of options that Kea calls otherwise: dhcpd's own, and those that dhcpd.conf of provisioning systems declare. */
const NAMES_IN_KEA: Readonly<Record<string, string>> = {
  'bootfile-name': 'boot-file-name',
  'pxe-system-type': 'client-system',
  'client-architecture': 'client-system',
  arch: 'client-system',
  'pxe-interface-id': 'client-ndi',
  'pxe-client-id': 'uuid-guid',
  'user-class-identifier': 'user-class',
  'client-arch': 'client-system',
  'default-url': 'v4-captive-portal',
  vivco: 'vivco-suboptions',
  vivso: 'vivso-suboptions',
};

/** An option that a statement names. */
export interface NamedOption {
  readonly space: string;
  readonly code: number;
  readonly definition: OptionDefinition | undefined;
}

/** One option that a statement sets. */
export interface SetOption extends NamedOption {
  /** How it joins what group, pool and subnet say; undefined: it takes the place of that. */
  readonly join?: OptionJoin | undefined;
  /** As an entry of option-data. */
  readonly json: JsonMap;
  /** Its value, for options that are packed into another one. */
  readonly octets: Octets;
}

/** Finds an option by `NAME`, `option-NNN` or `SPACE.NAME`. @throws OmapiRefusal BADPARSE */
export function findOption(statement: readonly Word[], name: string, registry: OptionRegistry): NamedOption {
  const [, space = TOP_SPACE, option = name] = /^([^.]+)\.(.+)$/.exec(name) ?? [];
  const known = space === TOP_SPACE && Object.hasOwn(NAMES_IN_KEA, option) ? NAMES_IN_KEA[option]! : option;
  const number = /^option-(\d{1,3})$/.exec(option)?.[1];
  const definition = registry.findByName(space, option) ?? registry.findByName(space, known);
  const byNumber = number === undefined ? undefined : registry.find(space, Number(number));
  const found = definition ?? byNumber;
  const code = found?.code ?? Number(number);
  const most = space === TOP_SPACE ? 254 : 255;
  const least = space === TOP_SPACE ? 1 : 0;
  const isSpace = space === TOP_SPACE || registry.all(space).length > 0;
  if (!isSpace || !(code >= least && code <= most)) {
    throw refused(statement, `there is no option '${name}' (an option-def would make it)`);
  }
  return { space, code, definition: found };
}

/**
 * Reads the value of an option: in the words of its definition, or after `=` as octets, address or string.
 * @throws OmapiRefusal BADPARSE
 */
export function readOption(
  statement: readonly Word[],
  name: string,
  rest: readonly Word[],
  registry: OptionRegistry,
): SetOption {
  const option = findOption(statement, name, registry);
  const { space, code, definition } = option;
  if (space === TOP_SPACE && code === PARAMETER_REQUEST_LIST)
    throw refused(statement, 'what is to be sent unasked has "always-send"');
  if (space === TOP_SPACE && SERVER_SET.has(code)) throw refused(statement, `the server sets '${name}' itself`);
  const place: JsonMap = space === TOP_SPACE ? { code } : { space, code };
  const expression = isMark(rest[0], '=');
  const values = listValue(statement, expression ? rest.slice(1) : rest);
  const raw = rawOctets(values, definition, expression);
  if (raw === '' && definition?.type === 'string') throw refused(statement, 'an option of this type has a value');
  if (raw !== undefined) {
    if (definition !== undefined && definition.type !== 'string') checkOctets(statement, definition, raw);
    return { ...option, octets: raw, json: { ...place, 'csv-format': false, data: formatUpperHex(raw) } };
  }
  if (expression) throw refused(statement, 'an expression is octets (0a:4d:00:09), an address or a string');
  if (definition === undefined) throw refused(statement, `option ${code} has no type: give its octets (01:02)`);
  const text = values.map((value, at) => textValue(value, typeOfField(definition, at))).join(', ');
  try {
    const octets = octetsOf(encodeOptionText(definition, unicodeOf(text), true));
    return { ...option, octets, json: { ...place, 'csv-format': true, data: text } };
  } catch (error) {
    if (error instanceof OptionTextError) throw refused(statement, error.message);
    throw error;
  }
}

/** @throws OmapiRefusal BADPARSE for octets that are no value of the option's type */
function checkOctets(statement: readonly Word[], definition: OptionDefinition, octets: Octets): void {
  try {
    encodeOptionText(definition, formatUpperHex(octets), false);
  } catch (error) {
    if (error instanceof OptionTextError) throw refused(statement, error.message);
    throw error;
  }
}

/** Options with a block for each vendor, which nothing can be joined to. */
const VENDOR_BLOCKS: ReadonlySet<number> = new Set([124, 125]);

/**
 * Carries out a statement about an option after those before it, as dhcpd does within one scope.
 * @param before what they have made of the option
 * @throws OmapiRefusal BADPARSE for joins that one option-data can not say
 */
export function withStatement(
  statement: readonly Word[],
  before: SetOption | undefined,
  set: SetOption,
  join: OptionJoin | undefined,
): SetOption {
  if (join === undefined) return set;
  if (set.space === TOP_SPACE && VENDOR_BLOCKS.has(set.code)) throw refused(statement, `nothing can be joined to it`);
  if (before === undefined) {
    const context: JsonMap = { lessor: { join } };
    return { ...set, join, json: { ...set.json, 'user-context': context } };
  }
  // What has a value for certain needs no other; what only others may give a value can still be joined by theirs.
  if (join === 'default' && before.join === undefined) return before;
  if (before.join !== undefined && before.join !== join)
    throw refused(statement, `it is joined by '${before.join}' too`);
  if (join === 'default') return before;
  const octets = join === 'append' ? before.octets + set.octets : set.octets + before.octets;
  return { ...before, octets, json: { ...before.json, 'csv-format': false, data: formatUpperHex(octets) } };
}

/**
 * Options as option-data. Those of a space need something that carries them: option 43 for the space that
 * `vendor-option-space` names, else the option whose definition encapsulates the space.
 */
export function optionDataOf(
  options: Iterable<SetOption>,
  vendorSpace: string | undefined,
  registry: OptionRegistry,
): JsonMap[] {
  const all = [...options];
  const spaces = new Set(all.map(({ space }) => space).filter((space) => space !== TOP_SPACE));
  const set = new Set(all.filter(({ space }) => space === TOP_SPACE).map(({ code }) => code));
  const data = all.filter(({ space }) => !isPacked(space, vendorSpace, registry)).map(({ json }) => json);
  for (const space of spaces) {
    if (isPacked(space, vendorSpace, registry)) {
      const joins = all.find((option) => option.space === space && option.join !== undefined);
      if (joins !== undefined) {
        const why = `option ${space}.${joins.code} can not be joined: option 43 is not defined to encapsulate the space`;
        throw new OmapiRefusal(Result.BADPARSE, why);
      }
      const packed = all
        .filter((option) => option.space === space)
        .sort((a, b) => a.code - b.code)
        .map(({ code, octets }) => ({ code, data: bytesOf(octets) }));
      const octets = octetsOf(encodeSubOptions(packed));
      if (!set.has(VENDOR_ENCAPSULATED)) {
        data.push({ code: VENDOR_ENCAPSULATED, 'csv-format': false, data: formatUpperHex(octets) });
      }
      continue;
    }
    const carrier = carrierOf(space, registry);
    if (carrier !== undefined && !set.has(carrier)) data.push({ code: carrier });
  }
  return data;
}

/** Where option 43 is not defined to encapsulate the vendor's space, its value is made once and for all. */
function isPacked(space: string, vendorSpace: string | undefined, registry: OptionRegistry): boolean {
  return space === vendorSpace && carrierOf(space, registry) === undefined;
}

/** Code of the option that is defined to encapsulate a space. */
export function carrierOf(space: string, registry: OptionRegistry): number | undefined {
  return registry.all(TOP_SPACE).find(({ encapsulates }) => encapsulates === space)?.code;
}

/** Strings that option text takes as they are. */
const PLAIN_TEXT = /^[!-+\--[\]-~]([ -+\--[\]-~]*[!-+\--[\]-~])?$/;

/** Octets where the value says them itself; undefined where the definition of the option is needed. */
function rawOctets(
  values: readonly Word[],
  definition: OptionDefinition | undefined,
  expression: boolean,
): Octets | undefined {
  const [value, ...others] = values;
  if (value === undefined || others.length > 0) return undefined;
  if (value.kind === 'string') {
    const isText = definition?.type === 'string' && !definition.array;
    const asOctets = definition === undefined || (isText && !PLAIN_TEXT.test(value.text));
    return expression || asOctets || definition.type === 'binary' ? value.text : undefined;
  }
  const octets = colonHex(value.text);
  if (octets !== undefined) return octets;
  if (expression && /^[0-9a-f]{2}$/i.test(value.text)) return String.fromCharCode(Number.parseInt(value.text, 16));
  const address = expression ? parseIpv4(value.text) : undefined;
  return address === undefined ? undefined : addressOctets(address);
}

/** The type of a value: of a list always the same, of a record that of its field. */
function typeOfField({ type, recordTypes }: OptionDefinition, at: number): OptionTypeName {
  return recordTypes[Math.min(at, recordTypes.length - 1)] ?? type;
}

/** A value as Kea's option text has it. */
function textValue({ kind, text }: Word, type: OptionTypeName): Octets {
  if (kind === 'string') return text.replace(/,/g, '\\,');
  if (type === 'boolean') return /^(on|true|1)$/i.test(text) ? 'true' : 'false';
  return /^-?[0-9]+$/.test(text) ? ofSign(Number(text), type) : text;
}

/** dhcpd takes for a number with or without sign what fits its octets either way. */
function ofSign(value: number, type: OptionTypeName): string {
  const [, unsigned, bits] = /^(u?)int(8|16|32)$/.exec(type) ?? [];
  const range = 2 ** Number(bits ?? 0);
  if (bits === undefined || value < -range / 2 || value >= range) return String(value);
  if (unsigned === 'u') return String(value < 0 ? value + range : value);
  return String(value >= range / 2 ? value - range : value);
}
