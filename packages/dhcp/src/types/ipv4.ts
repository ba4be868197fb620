/** IPv4 addresses as unsigned 32-bit numbers. */

import { OptionTextError } from '../errors.js';
import type { OptionType } from './option-type.js';

const DOTTED_QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Parses a dotted quad strictly: four decimal numbers, no superfluous zeros. @throws OptionTextError */
export function parseIpv4Address(text: string): number {
  const parts = DOTTED_QUAD.exec(text)?.slice(1) ?? [];
  const valid = parts.length === 4 && parts.every((part) => Number(part) <= 255 && !/^0\d/.test(part));
  if (!valid) throw new OptionTextError(`"${text}" is not an IPv4 address`);
  return parts.reduce((address, part) => address * 256 + Number(part), 0);
}

/** Formats a dotted quad. */
export function formatIpv4Address(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Four octets. */
export const ipv4: OptionType<number> = {
  name: 'ipv4-address',
  octets: 4,
  decode: (reader) => reader.uint32('ipv4-address'),
  encode: (writer, address) => writer.uint32(address),
  parseText: parseIpv4Address,
  formatText: formatIpv4Address,
  toJson: formatIpv4Address,
};
