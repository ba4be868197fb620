/** The object around every command and every answer. */

import { formatJson } from './format.js';
import { type JsonMap, type JsonValue, jsonTypeOf } from './json.js';

/** A command object whose members have been checked. */
export interface CommandEnvelope {
  readonly command: string;
  /** As sent, of any type; undefined if the member is absent. */
  readonly arguments: JsonValue | undefined;
  /** As sent; each door has its own rules for it. */
  readonly service: JsonValue | undefined;
}

/** The answer to one command. */
export interface Answer {
  readonly result: number;
  readonly text?: string;
  readonly arguments?: JsonValue;
}

/** JSON that is no command; the message is Kea's, and is an answer of result 1. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
}

const MEMBERS: ReadonlySet<string> = new Set(['command', 'arguments', 'service', 'remote-address']);

/**
 * Checks a command object. `remote-address` is let through (Kea's HTTP server adds it) but means nothing: who the
 * sender is, the door knows.
 * @throws EnvelopeError
 */
export function parseEnvelope(value: JsonValue): CommandEnvelope {
  const type = jsonTypeOf(value);
  if (type !== 'map') {
    throw new EnvelopeError(`invalid command: expected toplevel entry to be a map, got ${type} instead`);
  }
  const map = value as JsonMap;
  if (!Object.hasOwn(map, 'command')) {
    throw new EnvelopeError("invalid command: does not contain mandatory 'command'");
  }
  const stranger = Object.keys(map)
    .sort()
    .find((name) => !MEMBERS.has(name));
  if (stranger !== undefined) throw new EnvelopeError(`invalid command: unsupported parameter '${stranger}'`);
  const command = map.command as JsonValue;
  if (typeof command !== 'string') {
    // Kea names the type of the outer map here; ours is the type of the member.
    throw new EnvelopeError(`invalid command: expected 'command' to be a string, got ${jsonTypeOf(command)} instead`);
  }
  return { command, arguments: own(map, 'arguments'), service: own(map, 'service') };
}

/** The text of an answer as Kea sends it. Members that are undefined are left out. */
export function formatAnswer({ result, text, arguments: args }: Answer): string {
  return formatJson({
    result,
    ...(text === undefined ? {} : { text }),
    ...(args === undefined ? {} : { arguments: args }),
  });
}

function own(map: JsonMap, name: string): JsonValue | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
