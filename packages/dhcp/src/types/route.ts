/** Classless static routes, option 121 (RFC 3442): `10.0.0.0/8 - 10.0.0.1, 0.0.0.0/0 - 192.0.2.1` in text. */

import type { Reader, Writer } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { parseInteger } from './integer.js';
import { formatIpv4Address, parseIpv4Address } from './ipv4.js';
import type { OptionType } from './option-type.js';

/** One route. Addresses are unsigned 32-bit numbers. */
export interface StaticRoute {
  readonly destination: number;
  /** 0..32. */
  readonly prefixLength: number;
  readonly router: number;
}

/** How many octets of the destination are sent: only those the prefix reaches (RFC 3442, "destination descriptor"). */
function significantOctets(prefixLength: number): number {
  return Math.ceil(prefixLength / 8);
}

function decode(reader: Reader): StaticRoute {
  const prefixLength = reader.uint8('route prefix length');
  if (prefixLength > 32) throw new DecodeError(reader.offset - 1, 'route prefix length', `is ${prefixLength}, over 32`);
  const destination = reader
    .take(significantOctets(prefixLength), 'route destination')
    .reduce((address, octet, i) => (address | (octet << (24 - 8 * i))) >>> 0, 0);
  return { destination, prefixLength, router: reader.uint32('route router') };
}

function encode(writer: Writer, route: StaticRoute): void {
  if (!(route.prefixLength >= 0 && route.prefixLength <= 32)) {
    throw new EncodeError('route', `prefix length ${route.prefixLength} is not in 0..32`);
  }
  writer.uint8(route.prefixLength);
  for (let i = 0; i < significantOctets(route.prefixLength); i++) writer.uint8(route.destination >>> (24 - 8 * i));
  writer.uint32(route.router);
}

function parseText(text: string): StaticRoute {
  const [, destination, length, router] = /^([^/-]+)\/([^/-]+)-([^/-]+)$/.exec(text.replaceAll(/\s/g, '')) ?? [];
  if (destination === undefined || length === undefined || router === undefined) {
    throw new OptionTextError(`"${text}" is not a route (like 10.229.0.128/25 - 10.229.0.1)`);
  }
  return {
    destination: parseIpv4Address(destination),
    prefixLength: parseInteger(length, 0, 32),
    router: parseIpv4Address(router),
  };
}

function formatText(route: StaticRoute): string {
  return `${formatIpv4Address(route.destination)}/${route.prefixLength} - ${formatIpv4Address(route.router)}`;
}

/** One route of option 121. Host bits within the last octet sent are kept, as Kea keeps them. */
export const staticRoute: OptionType<StaticRoute> = {
  name: 'internal',
  decode,
  encode,
  parseText,
  formatText,
  toJson: (route) => ({
    destination: `${formatIpv4Address(route.destination)}/${route.prefixLength}`,
    router: formatIpv4Address(route.router),
  }),
};
