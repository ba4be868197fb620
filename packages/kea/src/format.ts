/** Kea's output text of JSON values. config-hash-get is the SHA-256 of exactly this text. */

import type { JsonMap, JsonValue } from './json.js';

/** Members that are floating point in Kea: their value is written with a fraction (`1.0`) even where it has none. */
export const KEA_REAL_MEMBERS: ReadonlySet<string> = new Set([
  'adaptive-lease-time-threshold',
  'cache-threshold',
  'ddns-ttl-percent',
  'packet-queue-statistics',
  't1-percent',
  't2-percent',
]);

/**
 * Formats a value as Kea does on its sockets: members sorted by name, a blank after `{ [ : ,` and before `} ]`, no
 * newline. Control characters and octets from 0x7f on are written `\u00xx` each, `/` is not escaped.
 * Strings are binary strings; a character above 0xff (which Kea can not have) is written as its UTF-8 octets.
 * Unlike Kea, which rounds floating point to six digits, numbers keep all digits; and names are escaped like values.
 */
export function formatJson(value: JsonValue): string {
  return format(value, false);
}

/**
 * The text of {@link formatJson} in pieces, for answers too long to be formatted at one go. Lists and maps down to
 * `depth` are taken apart; what is deeper comes in one piece.
 */
export function formatJsonPieces(value: JsonValue, depth: number): Generator<string> {
  return formatJsonAround(value, depth, () => false) as Generator<string>;
}

/** The same, but a map whose text the caller has already comes as it is: it stands for that text. */
export function* formatJsonAround(
  value: JsonValue,
  depth: number,
  hasText: (map: JsonMap) => boolean,
): Generator<string | JsonMap> {
  if (depth === 0 || value === null || typeof value !== 'object') {
    yield format(value, false);
  } else if (Array.isArray(value)) {
    let before = '[ ';
    for (const item of value as readonly JsonValue[]) {
      yield before;
      yield* formatJsonAround(item, depth - 1, hasText);
      before = ', ';
    }
    yield value.length === 0 ? '[  ]' : ' ]';
  } else if (hasText(value as JsonMap)) {
    yield value as JsonMap;
  } else if (isFlat(value as JsonMap)) {
    // A lease: to take it apart would cost ten times what its text does.
    yield format(value, false);
  } else {
    const map = value as JsonMap;
    let before = '{ ';
    for (const name of sortedNames(map)) {
      const item = map[name] as JsonValue;
      yield `${before}${quote(name)}: `;
      if (KEA_REAL_MEMBERS.has(name)) yield format(item, true);
      else yield* formatJsonAround(item, depth - 1, hasText);
      before = ', ';
    }
    yield before === '{ ' ? '{  }' : ' }';
  }
}

function isFlat(map: JsonMap): boolean {
  for (const name of Object.keys(map)) if (typeof map[name] === 'object') return false;
  return true;
}

/**
 * Formats a value the way Kea writes its configuration file: two blanks of indentation a level, one member a line,
 * `[ ]` and `{ }` where empty, no newline at the end.
 */
export function formatJsonIndented(value: JsonValue, indent = ''): string {
  const inner = `${indent}  `;
  if (value === null || typeof value !== 'object') return format(value, false);
  if (Array.isArray(value)) {
    if (value.length === 0) return '[ ]';
    const flat = value.every((item) => item === null || typeof item !== 'object');
    const items = value.map((item) => formatJsonIndented(item, inner));
    return flat ? `[ ${items.join(', ')} ]` : `[\n${inner}${items.join(`,\n${inner}`)}\n${indent}]`;
  }
  const map = value as JsonMap;
  const members = sortedNames(map).map((name) => {
    const item = map[name] as JsonValue;
    return `${quote(name)}: ${KEA_REAL_MEMBERS.has(name) ? format(item, true) : formatJsonIndented(item, inner)}`;
  });
  return members.length === 0 ? '{ }' : `{\n${inner}${members.join(`,\n${inner}`)}\n${indent}}`;
}

function format(value: JsonValue, real: boolean): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return formatNumber(value, real);
    case 'object':
      break;
    default:
      return String(value);
  }
  if (Array.isArray(value)) {
    let text = '[ ';
    for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ', ') + format(value[i] as JsonValue, real);
    return `${text} ]`;
  }
  const map = value as JsonMap;
  let text = '{ ';
  for (const name of sortedNames(map)) {
    text += `${text.length === 2 ? '' : ', '}${quote(name)}: ${format(map[name] as JsonValue, KEA_REAL_MEMBERS.has(name))}`;
  }
  return `${text} }`;
}

/** Names of the members in byte order. A member that is undefined is not there. */
function sortedNames(map: Readonly<Record<string, JsonValue | undefined>>): string[] {
  const names = Object.keys(map).filter((name) => map[name] !== undefined);
  // Answers are mostly built in order already, and a look is cheaper than a sort.
  for (let i = 1; i < names.length; i++) {
    if ((names[i - 1] as string) > (names[i] as string)) return names.sort(byOctets);
  }
  return names;
}

/** Names are binary strings, so their code units are octets. */
function byOctets(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function formatNumber(value: number, real: boolean): string {
  if (!Number.isFinite(value)) return 'null'; // JSON has no word for it
  if (!real) return String(value);
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${text.replace(/[^ !#-[\]-~]/gu, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  if (character.length === 1 && character.charCodeAt(0) < 0x100) return escapeOctet(character.charCodeAt(0));
  return Array.from(Buffer.from(character, 'utf8'), escapeOctet).join('');
}

function escapeOctet(octet: number): string {
  return `\\u00${octet.toString(16).padStart(2, '0')}`;
}
