/**
 * Types of attribute values: octets to values and back. The wire does not say which type a value has; objects.ts does.
 * Decoding never throws: octets that can not be of the type decode to undefined, and the caller keeps them raw.
 */

import { formatHex, noOctets, uint32At, Writer } from './bytes.js';
import { ValueError } from './errors.js';

/** One type: what it decodes to, and what it can be made from. */
export interface ValueType<Out, In = Out> {
  /** For messages and documentation. */
  readonly name: string;
  decode(octets: Uint8Array): Out | undefined;
  /** @throws ValueError */
  encode(value: In): Uint8Array;
}

/** A number of four octets: ports, counters, handles. */
export const uint32: ValueType<number> = {
  name: 'uint32',
  decode: (octets) => (octets.length === 4 ? uint32At(octets, 0) : undefined),
  encode: encodeUint32,
};

/** Seconds since 1970 UTC. */
export const time: ValueType<number> = { ...uint32, name: 'time' };

/** Bits: one octet from dhcpd, four from others; sent as one. */
export const flags: ValueType<number> = {
  name: 'flags',
  decode: (octets) => (octets.length === 1 ? octets[0] : uint32.decode(octets)),
  encode(value) {
    if (!Number.isInteger(value) || value < 0 || value > 0xff)
      throw new ValueError(`${value} are no flags of one octet`);
    return Uint8Array.of(value);
  },
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A string, UTF-8, never empty. Others stay undecoded. */
export const text: ValueType<string> = {
  name: 'text',
  decode(octets) {
    try {
      return utf8.decode(octets);
    } catch {
      return undefined;
    }
  },
  encode: encodeText,
};

/** Octets as they are, never none; written also as `01:02:aa` or hexadecimal digits in pairs. */
export const data: ValueType<Uint8Array, Uint8Array | string> = {
  name: 'data',
  decode: (octets) => octets,
  encode(value) {
    const octets = typeof value === 'string' ? parseHex(value) : value;
    if (octets.length === 0) throw new ValueError('empty data');
    return octets;
  },
};

/** An IPv4 address, `10.77.0.100`. */
export const ipv4: ValueType<string> = {
  name: 'ipv4',
  decode: (octets) => (octets.length === 4 ? decodeIpv4(octets) : undefined),
  encode: encodeIpv4,
};

/** IPv4 addresses end to end: a host may have several. */
export const ipv4List: ValueType<readonly string[], string | readonly string[]> = {
  name: 'ipv4 list',
  decode(octets) {
    if (octets.length === 0 || octets.length % 4 !== 0) return undefined;
    return Array.from({ length: octets.length / 4 }, (_, i) => decodeIpv4(octets.subarray(4 * i, 4 * i + 4)));
  },
  encode(value) {
    const addresses = typeof value === 'string' ? [value] : value;
    if (addresses.length === 0) throw new ValueError('no address');
    return Buffer.concat(addresses.map(encodeIpv4));
  },
};

/** A hardware address, `02:00:00:00:00:01`; of 6 octets on Ethernet, at most 20. */
export const hardwareAddress: ValueType<string> = {
  name: 'hardware address',
  decode: (octets) => (octets.length > 0 ? formatHex(octets) : undefined),
  encode: encodeHardwareAddress,
};

/** Numbers that have names. A number without one decodes to itself. */
export function enumeration<Name extends string>(
  what: string,
  numbers: Readonly<Record<Name, number>>,
): ValueType<Name | number, Name> {
  const names = new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as Name]));
  return {
    name: what,
    decode(octets) {
      const number = uint32.decode(octets);
      return number === undefined ? undefined : (names.get(number) ?? number);
    },
    encode(value) {
      if (!Object.hasOwn(numbers, value)) {
        throw new ValueError(`'${value}' is no ${what}; there are ${Object.keys(numbers).join(', ')}`);
      }
      return encodeUint32(numbers[value]);
    },
  };
}

/** Four octets. @throws ValueError */
export function encodeUint32(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new ValueError(`${value} is no 32-bit number`);
  const octets = new Uint8Array(4);
  new Writer(octets).uint32(value);
  return octets;
}

/** The octets of a string. @throws ValueError if there are none: an empty value means "unset" on the wire. */
export function encodeText(value: string): Uint8Array {
  if (value === '') throw new ValueError('an empty string');
  return Buffer.from(value, 'utf8');
}

/** Four octets from dotted decimal. @throws ValueError */
export function encodeIpv4(value: string): Uint8Array {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(value)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) throw new ValueError(`'${value}' is no IPv4 address`);
  return Uint8Array.from(parts);
}

/** Dotted decimal. @throws ValueError unless there are four octets */
export function decodeIpv4(octets: Uint8Array): string {
  if (octets.length !== 4) throw new ValueError(`an IPv4 address has 4 octets, not ${octets.length}`);
  return octets.join('.');
}

/** Most octets dhcpd takes in a hardware address. */
const MAX_HARDWARE_OCTETS = 20;

/** Octets from `02:00:0a:..` (or `2:0:a:..`, or with `-`). @throws ValueError */
export function encodeHardwareAddress(value: string): Uint8Array {
  const octets = /^[0-9a-f]{1,2}([:-][0-9a-f]{1,2})+$/i.test(value) ? parseHex(value.replaceAll('-', ':')) : noOctets();
  if (octets.length < 2 || octets.length > MAX_HARDWARE_OCTETS)
    throw new ValueError(`'${value}' is no hardware address`);
  return octets;
}

/** Lower case with colons. */
export function decodeHardwareAddress(octets: Uint8Array): string {
  return formatHex(octets);
}

/** `1:2:aa`, or digits in pairs. */
function parseHex(digits: string): Uint8Array {
  if (!/^([0-9a-f]{1,2}(:[0-9a-f]{1,2})*|([0-9a-f]{2})+)$/i.test(digits)) {
    throw new ValueError(`'${digits}' is no hexadecimal data`);
  }
  const pieces = digits.includes(':') ? digits.split(':') : (digits.match(/..?/g) ?? []);
  return Uint8Array.from(pieces, (piece) => Number.parseInt(piece, 16));
}
