/** Option values as text: `option-data.data` of a Kea configuration, both ways. */

import type { OptionDefinition } from './definition.js';
import { DecodeError, EncodeError, OptionTextError } from './errors.js';
import { formatHex, parseHex, utf8Encode } from './text.js';
import { codecOf } from './types/table.js';

/** `routers (dhcp4 code 3, list of ipv4-address)`: what an operator needs to find and correct the entry. */
function nameOf(definition: OptionDefinition): string {
  const fields = definition.type === 'record' ? `record of ${definition.recordTypes.join(', ')}` : definition.type;
  const type = definition.array ? `list of ${fields}` : fields;
  return `option ${definition.name} (space ${definition.space}, code ${definition.code}, ${type})`;
}

/** Runs a conversion and names the option in whatever goes wrong. */
function explain<T>(definition: OptionDefinition, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OptionTextError || error instanceof EncodeError || error instanceof DecodeError) {
      throw new OptionTextError(`${nameOf(definition)}: ${error.message}`);
    }
    throw error;
  }
}

/** `'text'` in single quotes as its UTF-8 octets (blanks at its ends dropped, as Kea does), anything else as hexadecimal. */
function encodeRaw(text: string): Uint8Array {
  const quoted = /^\s*'(.*)'\s*$/s.exec(text)?.[1]?.trim();
  // An empty quotation is hexadecimal for Kea too, and fails as such; the empty option is written as "".
  return quoted === undefined || quoted === '' ? parseHex(text) : utf8Encode(quoted);
}

/**
 * Octets of an option's value from its text.
 *
 * `csvFormat` true: fields by the definition, separated by commas (`\,` is a comma). `csvFormat` false: octets, as
 * hexadecimal or quoted text; they must fit the definition if there is one. Without a definition only the second is
 * possible. Empty octets are always taken: Kea sends the empty option.
 * @throws OptionTextError
 */
export function encodeOptionText(
  definition: OptionDefinition | undefined,
  text: string,
  csvFormat: boolean,
): Uint8Array {
  if (definition === undefined) {
    if (csvFormat)
      throw new OptionTextError('comma-separated values need an option definition; set csv-format to false');
    return encodeRaw(text);
  }
  return explain(definition, () => {
    const codec = codecOf(definition);
    if (csvFormat) return codec.encode(codec.parseText(text));
    const octets = encodeRaw(text);
    if (octets.length > 0 && definition.type !== 'empty') codec.decode(octets);
    return octets;
  });
}

/**
 * Text of an option's value, in csv form: the inverse of {@link encodeOptionText} with `csvFormat` true. Sub-options
 * behind the value are not shown. Without a definition: hexadecimal, the form for `csvFormat` false.
 * @throws DecodeError if the octets do not fit the definition
 */
export function formatOptionText(definition: OptionDefinition | undefined, data: Uint8Array): string {
  if (definition === undefined) return formatHex(data);
  const codec = codecOf(definition);
  return codec.formatText(codec.decode(data));
}
