/**
 * Writing DER (ITU-T X.690), as much of it as a certificate needs. Written only: certificates are read and verified by
 * Node, so nothing here ever meets octets of somebody else.
 */

/** Encoded octets of one value, tag and length included. */
export type Der = Buffer;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific, primitive and constructed. */
  primitive: 0x80,
  constructed: 0xa0,
} as const;

/** A value of any tag from its contents. */
function value(tag: number, contents: Uint8Array): Der {
  const { length } = contents;
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return Buffer.concat([Buffer.from(head), contents]);
}

/** SEQUENCE of values in order. */
export function sequence(...parts: readonly Der[]): Der {
  return value(TAG.sequence, Buffer.concat(parts));
}

/** SET of one value. */
export function setOf(part: Der): Der {
  return value(TAG.set, part);
}

/** BOOLEAN true; false is the default wherever certificates have one, and then left out. */
export function derTrue(): Der {
  return value(TAG.boolean, Buffer.from([0xff]));
}

/** INTEGER of big-endian octets, taken as positive. */
export function integer(octets: Uint8Array): Der {
  let from = 0;
  while (from < octets.length - 1 && octets[from] === 0) from++;
  const digits = octets.subarray(from);
  return value(TAG.integer, digits[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits);
}

/** OBJECT IDENTIFIER from its dotted text. */
export function objectIdentifier(text: string): Der {
  const [first, second, ...rest] = text.split('.').map(Number) as [number, number, ...number[]];
  return value(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number % 128];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift(0x80 | (rest % 128));
  return digits;
}

/** UTF8String. */
export function utf8String(text: string): Der {
  return value(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** BIT STRING of whole octets, or with so many bits of the last one unused. */
export function bitString(octets: Uint8Array, unused = 0): Der {
  return value(TAG.bitString, Buffer.concat([Buffer.from([unused]), octets]));
}

/** OCTET STRING. */
export function octetString(octets: Uint8Array): Der {
  return value(TAG.octetString, octets);
}

/** An instant as certificates write it: UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function time(instant: Date): Der {
  const digits = `${instant.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  if (digits < '2050') return value(TAG.utcTime, Buffer.from(digits.slice(2)));
  return value(TAG.generalizedTime, Buffer.from(digits));
}

/** [n] around a value of another tag (EXPLICIT). */
export function explicit(number: number, part: Der): Der {
  return value(TAG.constructed | number, part);
}

/** [n] in the place of the tag of a primitive value (IMPLICIT). */
export function implicit(number: number, octets: Uint8Array): Der {
  return value(TAG.primitive | number, octets);
}
