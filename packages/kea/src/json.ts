/** What a JSON text of Kea's control channel means in TypeScript. */

/**
 * A JSON value. Strings are binary strings (one character per octet, as Kea keeps them); integers beyond 2^53 are
 * bigint; a floating point number without fraction can not be told from an integer.
 */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonMap;

/** A JSON object. Read members with `Object.hasOwn` where the sender chooses their names. */
export interface JsonMap {
  readonly [member: string]: JsonValue;
}

/** Kea's names of JSON types, as its messages have them. */
export type JsonType = 'null' | 'boolean' | 'integer' | 'bigint' | 'real' | 'string' | 'list' | 'map';

/** The type of a value by Kea's name ('bigint' only beyond 64 bit, as in Kea). */
export function jsonTypeOf(value: JsonValue): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'string':
      return 'string';
    case 'number':
      return Number.isInteger(value) ? 'integer' : 'real';
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? 'integer' : 'bigint';
    default:
      return 'map';
  }
}
