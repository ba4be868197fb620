/**
 * Commands and answers as a client has them. Kea keeps octets, not characters: what is sent as UTF-8 comes back as one
 * `\u00xx` an octet. Here strings are text, and this file is where they change.
 */

import { ProtocolError } from './errors.js';
import { formatJson } from './format.js';
import type { JsonMap, JsonValue } from './json.js';
import { parseCommandJson } from './parse.js';

/** A command as a client means it. */
export interface Command {
  readonly command: string;
  readonly arguments?: object | undefined;
  /** Daemons behind a Control Agent; undefined: the one that is asked. */
  readonly service?: readonly string[] | undefined;
}

/** An answer as it came, whatever its result. */
export interface KeaAnswer {
  /** 0 to 5; see ResultCode. */
  readonly result: number;
  readonly text: string | undefined;
  readonly arguments: JsonValue | undefined;
}

/** The octets of a command. Text is sent as UTF-8. */
export function encodeCommand({ command, arguments: args, service }: Command): Buffer {
  const map = {
    command: toOctets(command),
    ...(service !== undefined && { service: service.map(toOctets) }),
    ...(args !== undefined && { arguments: mapStrings(args as JsonMap, toOctets) }),
  };
  return Buffer.from(formatJson(map), 'latin1');
}

/**
 * The answers in what a server sent: a list of them (HTTP) or one alone (unix socket).
 * Strings that are UTF-8 become text; others stay as they are, one character an octet.
 * @throws ProtocolError
 */
export function decodeAnswers(octets: Buffer): KeaAnswer[] {
  const value = decodeJson(octets.toString('latin1'));
  return (Array.isArray(value) ? (value as JsonValue[]) : [value]).map(toAnswer);
}

function toAnswer(value: JsonValue): KeaAnswer {
  const map = value as JsonMap | null;
  if (typeof map !== 'object' || map === null || typeof map.result !== 'number') {
    throw new ProtocolError('answer without a result');
  }
  const text = typeof map.text === 'string' ? map.text : undefined;
  return { result: map.result, text, arguments: map.arguments };
}

/** Digits enough that a number could be beyond 2^53, and octets that could be UTF-8: rare, and slower to read. */
const MAYBE_BIG = /\d{16}/;
const MAYBE_UTF8 = /[\x80-\xff]|\\u00[89a-fA-F]/;

function decodeJson(text: string): JsonValue {
  let value: JsonValue;
  try {
    value = MAYBE_BIG.test(text) ? parseCommandJson(text, { comments: false }) : (JSON.parse(text) as JsonValue);
  } catch (error) {
    throw new ProtocolError(`answer is no JSON: ${(error as Error).message}`, { cause: error });
  }
  return MAYBE_UTF8.test(text) ? mapStrings(value, fromOctets) : value;
}

const ASCII = /^[\0-\x7f]*$/;

function toOctets(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function fromOctets(octets: string): string {
  if (ASCII.test(octets)) return octets;
  try {
    return UTF8.decode(Buffer.from(octets, 'latin1'));
  } catch {
    return octets;
  }
}

/** A copy with every string changed, names of members too. */
function mapStrings(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === 'string') return change(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => mapStrings(item, change));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => [change(name), mapStrings(item, change)]),
  );
}
