/** Reading members of maps in arguments, with the words of Kea's parser (src/lib/cc/simple_parser.cc). */

import type { CommandError } from '../errors.js';
import { boolean, type Field, integer, invalid, memberOf, text } from './arguments.js';
import type { JsonMap } from './command.js';

/** A string. @throws CommandError if it is absent and has no `fallback`, or is no string */
export function jsonText(map: JsonMap, name: string, fallback?: string): string {
  return member(map, name, text, fallback);
}

/** A boolean. @throws CommandError */
export function jsonBoolean(map: JsonMap, name: string, fallback?: boolean): boolean {
  return member(map, name, boolean, fallback);
}

/** An integer from `min` to `max`. @throws CommandError */
export function jsonInteger(map: JsonMap, name: string, min: number, max: number, fallback?: number): number {
  const value = member(map, name, integer, fallback);
  if (value >= min && value <= max) return value;
  throw invalid(`The '${name}' value (${value}) is not within expected range: (${min} - ${max})`);
}

/** An unsigned integer of so many bits: words of their own for one that is too large. @throws CommandError */
export function jsonUnsigned(map: JsonMap, name: string, bits: 8 | 32, fallback: number): number {
  const value = member(map, name, integer, fallback);
  if (value >= 0 && value < 2 ** bits) return value;
  throw outOfRange(map, name);
}

/** The error of a number that does not fit where it is kept. */
export function outOfRange(map: JsonMap, name: string): CommandError {
  return invalid(`out of range value (${memberOf(map, name)}) specified for parameter '${name}'`);
}

function member<T>(map: JsonMap, name: string, field: Field<T>, fallback: T | undefined): T {
  const given = memberOf(map, name);
  if (given === undefined) {
    if (fallback === undefined) throw invalid(`missing parameter '${name}'`);
    return fallback;
  }
  const value = field.accept(given);
  if (value === undefined) throw invalid(`invalid type specified for parameter '${name}'`);
  return value;
}
