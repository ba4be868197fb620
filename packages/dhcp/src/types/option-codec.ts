/** From field types to whole options: a single value, a list, or a record whose last field may repeat. */

import { Reader, Writer } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { escapeField, splitEscaped } from '../text.js';
import type { OptionType, ValueJson } from './option-type.js';

/** Both directions of the value of a whole option. `Value` is what the data types make of its fields. */
export interface OptionCodec<Value> {
  /** @throws DecodeError */
  decode(data: Uint8Array): Value;
  /** @throws EncodeError */
  encode(value: Value): Uint8Array;
  /** Reads `option-data.data` in csv form. @throws OptionTextError */
  parseText(text: string): Value;
  /** Inverse of `parseText`, except for blanks around a field, which csv form can not keep. */
  formatText(value: Value): string;
  toJson(value: Value): ValueJson;
}

/** Fields of csv text, trimmed. */
function fieldsOf(text: string): string[] {
  return splitEscaped(text, ',').map((field) => field.trim());
}

/** Octets of values, one after the other. */
function encodeAll<Value>(types: readonly OptionType<Value>[], values: readonly Value[]): Uint8Array {
  const writer = new Writer();
  values.forEach((value, i) => {
    (types[i] ?? types.at(-1)!).encode(writer, value);
  });
  return writer.finish();
}

/** Nothing may be left, unless it is sub-options. */
function expectEnd(reader: Reader, subOptionsFollow: boolean, field: string): void {
  if (reader.remaining > 0 && !subOptionsFollow) {
    throw new DecodeError(reader.offset, field, `${reader.remaining} octets more than the type has`);
  }
}

/**
 * One value. Further csv fields are ignored, as Kea ignores them: `example.org, example.com` is `example.org`.
 */
export function single<Value>(type: OptionType<Value>, subOptionsFollow = false): OptionCodec<Value> {
  return {
    decode: (data) => {
      const reader = new Reader(data);
      const value = type.decode(reader);
      expectEnd(reader, subOptionsFollow, type.name);
      return value;
    },
    encode: (value) => encodeAll([type], [value]),
    parseText: (text) => {
      const field = fieldsOf(text)[0];
      if (field === undefined && type.name !== 'empty') throw new OptionTextError('no value is given');
      return field === undefined ? type.decode(new Reader(new Uint8Array(0))) : type.parseText(field);
    },
    formatText: (value) => escapeField(type.formatText(value), ','),
    toJson: (value) => type.toJson(value),
  };
}

/** Values to the end of the option; none at all is a list too. */
export function list<Value>(type: OptionType<Value>): OptionCodec<readonly Value[]> {
  return {
    decode: (data) => {
      const reader = new Reader(data);
      const values: Value[] = [];
      while (reader.remaining > 0) values.push(type.decode(reader));
      return values;
    },
    encode: (values) => encodeAll([type], values),
    parseText: (text) => fieldsOf(text).map((field) => type.parseText(field)),
    formatText: (values) => values.map((value) => escapeField(type.formatText(value), ',')).join(', '),
    toJson: (values) => values.map((value) => type.toJson(value)),
  };
}

/** Fields of different types. If `lastRepeats`, more values of the last type may follow. */
export function record<Value>(
  types: readonly OptionType<Value>[],
  lastRepeats: boolean,
  subOptionsFollow = false,
): OptionCodec<readonly Value[]> {
  const typeOf = (i: number): OptionType<Value> => types[i] ?? types.at(-1)!;
  const expectFields = (count: number, fault: (problem: string) => Error): void => {
    if (count < types.length) throw fault(`has ${count} of ${types.length} fields`);
  };
  return {
    decode: (data) => {
      const reader = new Reader(data);
      const values = types.map((type) => type.decode(reader));
      while (lastRepeats && reader.remaining > 0) values.push(typeOf(values.length).decode(reader));
      expectEnd(reader, subOptionsFollow, 'record');
      return values;
    },
    encode: (values) => {
      expectFields(values.length, (problem) => new EncodeError('record', problem));
      return encodeAll(types, values);
    },
    parseText: (text) => {
      const fields = fieldsOf(text);
      expectFields(fields.length, (problem) => new OptionTextError(`"${text}" ${problem}`));
      return fields.slice(0, lastRepeats ? undefined : types.length).map((field, i) => typeOf(i).parseText(field));
    },
    formatText: (values) => values.map((value, i) => escapeField(typeOf(i).formatText(value), ',')).join(', '),
    toJson: (values) => values.map((value, i) => typeOf(i).toJson(value)),
  };
}

/** A list whose text is split at a separator of its own, its fields untouched (Kea's `internal` options). */
export function listSeparatedBy<Value>(separator: string, type: OptionType<Value>): OptionCodec<readonly Value[]> {
  return {
    ...list(type),
    parseText: (text) => {
      const parts = text.split(separator).filter((part) => part.trim() !== '');
      if (parts.length === 0) throw new OptionTextError('no value is given');
      return parts.map((part) => type.parseText(part.trim()));
    },
    formatText: (values) =>
      values.map((value) => type.formatText(value)).join(separator === ',' ? ', ' : ` ${separator} `),
  };
}
