/**
 * `statements` of hosts and groups: the part of dhcpd.conf's language that provisioning systems send, turned into the
 * members of a reservation or class. All of a text is understood, or it is refused and the refusal names the statement;
 * only a missing last semicolon, empty statements and comments are forgiven.
 */

import { encodeOptionText, type OptionDefinition, type OptionRegistry, OptionTextError } from '@lessor/dhcp';
import { Result } from '@lessor/omapi';
import { formatUpperHex } from '../../config/values.js';
import { formatIpv4, type Octets, parseIpv4 } from '../../domain/values.js';
import type { Json, JsonMap } from '../command.js';
import { OmapiRefusal } from './object.js';

/** What statements come to. */
export interface ParsedStatements {
  readonly nextServer?: string;
  readonly serverHostname?: Octets;
  readonly bootFileName?: Octets;
  readonly hostname?: Octets;
  readonly denyBooting: boolean;
  /** As `option-data` of a configuration. */
  readonly optionData: readonly JsonMap[];
}

/** One word of the language. */
interface Word {
  readonly kind: 'text' | 'string' | 'mark';
  readonly text: Octets;
}

/** While it is being collected. */
interface Collected {
  nextServer?: string;
  serverHostname?: Octets;
  bootFileName?: Octets;
  hostname?: Octets;
  ddnsHostname?: Octets;
  denyBooting: boolean;
  readonly options: Map<number, JsonMap>;
}

/** dhcpd's names of options that Kea calls otherwise. */
const NAMES_IN_KEA: Readonly<Record<string, string>> = {
  'bootfile-name': 'boot-file-name',
  'all-subnets-local': 'all-subnets-local',
  'interface-mtu': 'interface-mtu',
  'dhcp-server-identifier': 'dhcp-server-identifier',
  'user-class': 'user-class',
  vivco: 'vivco-suboptions',
  vivso: 'vivso-suboptions',
};

/** Words that make an option take the place of that of subnet and pool. A reservation's always does. */
const OPTION_WORDS = new Set(['option', 'send', 'supersede']);

const HOST_NAME = 12;

/** @throws OmapiRefusal BADPARSE naming the statement */
export function parseStatements(text: Octets, registry: OptionRegistry): ParsedStatements {
  const collected: Collected = { denyBooting: false, options: new Map() };
  for (const statement of splitStatements(wordsOf(text))) readStatement(statement, registry, collected);
  const { options, ddnsHostname, hostname = ddnsHostname, ...fields } = collected;
  return { ...fields, ...(hostname === undefined ? {} : { hostname }), optionData: [...options.values()] };
}

function readStatement(statement: readonly Word[], registry: OptionRegistry, into: Collected): void {
  const [word, ...rest] = statement;
  if (word?.kind !== 'text') throw refused(statement, 'a statement begins with a word');
  const name = word.text.toLowerCase();
  if (OPTION_WORDS.has(name)) {
    const [option, ...value] = rest;
    if (option?.kind !== 'text') throw refused(statement, 'the name of an option is missing');
    const parameter = /^server\.(.+)$/.exec(option.text)?.[1];
    if (parameter === undefined) readOption(statement, option.text, value, registry, into);
    else readParameter(statement, parameter, value, into);
  } else readParameter(statement, name, rest, into);
}

function readParameter(statement: readonly Word[], name: string, rest: readonly Word[], into: Collected): void {
  switch (name) {
    case 'filename':
      into.bootFileName = onlyString(statement, rest);
      return;
    case 'server-name':
      into.serverHostname = onlyString(statement, rest);
      return;
    case 'ddns-hostname':
      into.ddnsHostname = onlyString(statement, rest);
      return;
    case 'next-server':
      into.nextServer = onlyAddress(statement, rest);
      return;
    case 'allow':
    case 'deny':
      if (rest.length !== 1 || rest[0]!.text !== 'booting') throw refused(statement, 'only booting is understood');
      into.denyBooting = name === 'deny';
      return;
    default:
      throw refused(statement, `'${name}' is not understood`);
  }
}

function readOption(
  statement: readonly Word[],
  name: string,
  rest: readonly Word[],
  registry: OptionRegistry,
  into: Collected,
): void {
  const known = Object.hasOwn(NAMES_IN_KEA, name) ? NAMES_IN_KEA[name]! : name;
  const number = /^option-(\d{1,3})$/.exec(name)?.[1];
  const definition =
    number === undefined ? registry.findByName('dhcp4', known) : registry.find('dhcp4', Number(number));
  const code = definition?.code ?? Number(number);
  if (!(code >= 1 && code <= 254)) throw refused(statement, `there is no option '${name}'`);
  if (code === HOST_NAME) into.hostname = onlyString(statement, rest);
  else into.options.set(code, optionData(statement, code, definition, rest));
}

/** One entry of option-data: as text where the option has a definition, as octets where octets are given. */
function optionData(
  statement: readonly Word[],
  code: number,
  definition: OptionDefinition | undefined,
  rest: readonly Word[],
): JsonMap {
  const expression = isMark(rest[0], '=');
  const values = readValues(statement, expression ? rest.slice(1) : rest);
  const raw = rawOctets(values, definition, expression);
  if (raw !== undefined) return { code, 'csv-format': false, data: formatUpperHex(raw) };
  if (expression) throw refused(statement, 'an expression is octets (0a:4d:00:09), an address or a string');
  if (definition === undefined) throw refused(statement, `option ${code} has no type: give its octets (01:02)`);
  const text = values.map((value) => textValue(value, definition)).join(', ');
  try {
    encodeOptionText(definition, text, true);
  } catch (error) {
    if (error instanceof OptionTextError) throw refused(statement, error.message);
    throw error;
  }
  return { code, 'csv-format': true, data: text };
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
    return expression || asOctets ? value.text : undefined;
  }
  const octets = colonHex(value.text);
  if (octets !== undefined) return octets;
  const address = expression ? parseIpv4(value.text) : undefined;
  return address === undefined ? undefined : addressOctets(address);
}

/** A value as Kea's option text has it. */
function textValue({ kind, text }: Word, { type }: OptionDefinition): Octets {
  if (kind === 'string') return text.replace(/,/g, '\\,');
  if (type !== 'boolean') return text;
  return /^(on|true|1)$/i.test(text) ? 'true' : 'false';
}

/** Values between commas; those of one item (pairs of addresses) follow each other without. */
function readValues(statement: readonly Word[], words: readonly Word[]): Word[] {
  const values: Word[] = [];
  let wanted = true;
  for (const word of words) {
    if (word.kind !== 'mark') {
      values.push(word);
      wanted = false;
    } else if (word.text === ',' && !wanted) wanted = true;
    else throw refused(statement, `'${word.text}' is not understood here`);
  }
  if (wanted) throw refused(statement, 'a value is missing');
  return values;
}

function onlyWord(statement: readonly Word[], rest: readonly Word[]): Word {
  const [word, ...others] = isMark(rest[0], '=') ? rest.slice(1) : rest;
  if (word === undefined || word.kind === 'mark' || others.length > 0)
    throw refused(statement, 'one value is expected');
  return word;
}

function onlyString(statement: readonly Word[], rest: readonly Word[]): Octets {
  const { kind, text } = onlyWord(statement, rest);
  if (kind !== 'string') throw refused(statement, 'a string in double quotes is expected');
  return text;
}

function onlyAddress(statement: readonly Word[], rest: readonly Word[]): string {
  const { kind, text } = onlyWord(statement, rest);
  const octets = kind === 'text' ? colonHex(text) : undefined;
  const address = octets?.length === 4 ? addressOf(octets) : kind === 'text' ? parseIpv4(text) : undefined;
  if (address === undefined) throw refused(statement, 'an IPv4 address is expected (names are not resolved)');
  return formatIpv4(address);
}

function colonHex(text: string): Octets | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2})+$/i.test(text)) return undefined;
  return String.fromCharCode(...text.split(':').map((octet) => Number.parseInt(octet, 16)));
}

function addressOctets(address: number): Octets {
  return String.fromCharCode(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

function addressOf(octets: Octets): number {
  return [...octets].reduce((sum, octet) => sum * 256 + octet.charCodeAt(0), 0);
}

/** Statements between semicolons. Blocks and declarations are none. @throws OmapiRefusal */
function splitStatements(words: readonly Word[]): Word[][] {
  const statements: Word[][] = [];
  let current: Word[] = [];
  for (const word of words) {
    if (isMark(word, '{') || isMark(word, '}')) throw refused([...current, word], 'blocks are not understood');
    if (!isMark(word, ';')) current.push(word);
    else {
      if (current.length > 0) statements.push(current);
      current = [];
    }
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

function isMark(word: Word | undefined, mark: string): boolean {
  return word?.kind === 'mark' && word.text === mark;
}

const WORD = /\s+|#[^\n]*|"((?:[^"\\]|\\[\s\S])*)"|[A-Za-z0-9_.:/+-]+|[\s\S]/y;

/** @throws OmapiRefusal for a string that does not end */
function wordsOf(text: Octets): Word[] {
  const words: Word[] = [];
  WORD.lastIndex = 0;
  for (let match = WORD.exec(text); match !== null; match = WORD.exec(text)) {
    const [whole, string] = match;
    if (string !== undefined) words.push({ kind: 'string', text: withoutEscapes(string) });
    else if (whole === '"') throw new OmapiRefusal(Result.BADPARSE, 'a string does not end');
    else if (/^[A-Za-z0-9_.:/+-]/.test(whole)) words.push({ kind: 'text', text: whole });
    else if (!/^[\s#]/.test(whole)) words.push({ kind: 'mark', text: whole });
  }
  return words;
}

/** Escapes of dhcpd.conf: letters, octal, and itself. */
function withoutEscapes(text: Octets): Octets {
  const letters: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', b: '\b' };
  return text.replace(/\\([0-3][0-7]{2}|x[0-9a-fA-F]{2}|[\s\S])/g, (_, code: string) => {
    if (/^[0-3][0-7]{2}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return letters[code] ?? code;
  });
}

/** How much of a statement a refusal repeats. */
const SHOWN_CHARACTERS = 60;

function refused(statement: readonly Word[], why: string): OmapiRefusal {
  const text = statement.map(({ kind, text }) => (kind === 'string' ? `"${text}"` : text)).join(' ');
  return new OmapiRefusal(Result.BADPARSE, `statement '${text.slice(0, SHOWN_CHARACTERS)}': ${why}`);
}

/** Members of a reservation or class that statements can set, so that new ones take the place of all old ones. */
export const STATEMENT_MEMBERS = ['next-server', 'server-hostname', 'boot-file-name', 'option-data'] as const;

/** Statements as members of a reservation or class. The host name has a place of its own in reservations. */
export function statementMembers(parsed: ParsedStatements): Record<string, Json> {
  const { nextServer, serverHostname, bootFileName, optionData } = parsed;
  return {
    ...(nextServer === undefined ? {} : { 'next-server': nextServer }),
    ...(serverHostname === undefined ? {} : { 'server-hostname': serverHostname }),
    ...(bootFileName === undefined ? {} : { 'boot-file-name': bootFileName }),
    ...(optionData.length === 0 ? {} : { 'option-data': optionData }),
  };
}
