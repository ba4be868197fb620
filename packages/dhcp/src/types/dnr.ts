/**
 * Encrypted DNS resolvers, option 162 (RFC 9463 §5.1). In text, Kea's notation: instances separated by `|`, each
 * `priority, name[, addresses[, parameters]]`, as in `10, dot1.example.org., 10.0.2.3 10.3.4.5, alpn=dot\,doq port=853`.
 */

import { Reader, Writer } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { escapeField, splitEscaped, utf8Decode, utf8Encode } from '../text.js';
import { fqdn } from './fqdn.js';
import { parseInteger } from './integer.js';
import { formatIpv4Address, parseIpv4Address } from './ipv4.js';
import type { OptionType } from './option-type.js';

/** One resolver. Without addresses it is "ADN-only": the client looks the name up itself (RFC 9463 §3.1). */
export interface EncryptedResolver {
  readonly priority: number;
  /** Authentication domain name, absolute. */
  readonly name: string;
  readonly addresses: readonly number[];
  /** Service parameters by key number, ascending (RFC 9460 §2.2). */
  readonly parameters: readonly ServiceParameter[];
}

/** One service parameter; the value is in its text form. */
export interface ServiceParameter {
  readonly key: number;
  readonly value: string;
}

/** How a service parameter looks on the wire and in text. */
interface ParameterForm {
  readonly name: string;
  encode(writer: Writer, value: string): void;
  decode(reader: Reader): string;
}

/** The parameters Kea lets a resolver have; ipv4hint and ipv6hint RFC 9463 §3.1.8 forbids. */
const PARAMETERS: Readonly<Record<number, ParameterForm>> = {
  1: {
    name: 'alpn',
    encode: (writer, value) => {
      for (const protocol of value.split(',')) writer.counted(utf8Encode(protocol), 1, 'alpn');
    },
    decode: (reader) => {
      const protocols: string[] = [];
      while (reader.remaining > 0) protocols.push(utf8Decode(reader.take(reader.uint8('alpn'), 'alpn'), 'alpn'));
      return protocols.join(',');
    },
  },
  3: {
    name: 'port',
    encode: (writer, value) => writer.uint16(parseInteger(value, 0, 0xffff)),
    decode: (reader) => String(reader.uint16('port')),
  },
  7: {
    name: 'dohpath',
    encode: (writer, value) => writer.bytes(utf8Encode(value)),
    decode: (reader) => utf8Decode(reader.rest(), 'dohpath'),
  },
};

function formOf(key: number, offset: number): ParameterForm {
  const form = PARAMETERS[key];
  if (form === undefined) throw new DecodeError(offset, 'service parameter', `key ${key} is not alpn, port or dohpath`);
  return form;
}

function decodeParameters(reader: Reader): ServiceParameter[] {
  const parameters: ServiceParameter[] = [];
  while (reader.remaining > 0) {
    const start = reader.offset;
    const key = reader.uint16('service parameter');
    if (key <= (parameters.at(-1)?.key ?? -1)) throw new DecodeError(start, 'service parameter', 'is out of order');
    const octets = reader.take(reader.uint16('service parameter length'), 'service parameter');
    parameters.push({ key, value: formOf(key, start).decode(new Reader(octets)) });
  }
  return parameters;
}

function decode(outer: Reader): EncryptedResolver {
  const reader = new Reader(outer.take(outer.uint16('resolver length'), 'resolver'));
  const priority = reader.uint16('resolver priority');
  const nameOctets = reader.take(reader.uint8('resolver name length'), 'resolver name');
  const name = fqdn.decode(new Reader(nameOctets));
  if (reader.remaining === 0) return { priority, name, addresses: [], parameters: [] };
  const start = reader.offset;
  const octets = reader.take(reader.uint8('resolver addresses length'), 'resolver addresses');
  if (octets.length === 0 || octets.length % 4 !== 0) {
    throw new DecodeError(start, 'resolver addresses', `have ${octets.length} octets, not a multiple of 4`);
  }
  const list = new Reader(octets);
  const addresses = Array.from({ length: octets.length / 4 }, () => list.uint32('resolver address'));
  return { priority, name, addresses, parameters: decodeParameters(reader) };
}

function encode(outer: Writer, resolver: EncryptedResolver): void {
  const name = new Writer();
  fqdn.encode(name, resolver.name);
  const writer = new Writer();
  writer.uint16(resolver.priority);
  writer.counted(name.finish(), 1, 'resolver name');
  if (resolver.addresses.length > 0) {
    const addresses = new Writer();
    for (const address of resolver.addresses) addresses.uint32(address);
    writer.counted(addresses.finish(), 1, 'resolver addresses');
    for (const { key, value } of resolver.parameters) {
      const form = PARAMETERS[key];
      if (form === undefined) throw new EncodeError('service parameter', `key ${key} is not alpn, port or dohpath`);
      const octets = new Writer();
      form.encode(octets, value);
      writer.uint16(key);
      writer.counted(octets.finish(), 2, 'service parameter');
    }
  }
  outer.counted(writer.finish(), 2, 'resolver');
}

function parseParameter(pair: string): ServiceParameter {
  const [name, ...value] = pair.split('=');
  const key = Object.keys(PARAMETERS).find((candidate) => PARAMETERS[Number(candidate)]?.name === name);
  if (key === undefined || value.length === 0 || value[0] === '') {
    throw new OptionTextError(`"${pair}" is not a service parameter (alpn=..., port=... or dohpath=...)`);
  }
  return { key: Number(key), value: value.join('=') };
}

function parseParameters(text: string): ServiceParameter[] {
  const parameters = words(text).map(parseParameter);
  parameters.sort((a, b) => a.key - b.key);
  if (new Set(parameters.map(({ key }) => key)).size < parameters.length) {
    throw new OptionTextError(`"${text}" has a service parameter twice`);
  }
  for (const { key, value } of parameters) PARAMETERS[key]?.encode(new Writer(), value);
  const http = parameters.some(({ key, value }) => key === 1 && /(^|,)(h2|h3|http\/)/.test(value));
  if (http && !parameters.some(({ key }) => key === 7)) {
    throw new OptionTextError(`"${text}" offers HTTP but has no dohpath (RFC 9461 §5)`);
  }
  return parameters;
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

function parseText(text: string): EncryptedResolver {
  const fields = splitEscaped(text, ',').map((field) => field.trim());
  const [priority, name, addresses, parameters] = fields;
  if (priority === undefined || name === undefined || fields.length > 4) {
    throw new OptionTextError(`"${text}" is not "priority, name[, addresses[, parameters]]"`);
  }
  if (addresses === '') throw new OptionTextError(`"${text}" has an empty list of addresses`);
  return {
    priority: parseInteger(priority, 0, 0xffff),
    name: fqdn.parseText(name).toLowerCase(), // as Kea sends it
    addresses: words(addresses ?? '').map(parseIpv4Address),
    parameters: parseParameters(parameters ?? ''),
  };
}

function formatText(resolver: EncryptedResolver): string {
  const parameters = resolver.parameters.map(({ key, value }) => `${PARAMETERS[key]?.name}=${value}`).join(' ');
  const fields = [String(resolver.priority), resolver.name];
  if (resolver.addresses.length > 0) fields.push(resolver.addresses.map(formatIpv4Address).join(' '));
  if (parameters !== '') fields.push(parameters);
  return fields.map((field) => escapeField(field, ',')).join(', ');
}

/** One resolver of option 162. */
export const encryptedResolver: OptionType<EncryptedResolver> = {
  name: 'internal',
  decode,
  encode,
  parseText,
  formatText,
  toJson: (resolver) => ({
    priority: resolver.priority,
    name: resolver.name,
    addresses: resolver.addresses.map(formatIpv4Address),
    parameters: Object.fromEntries(resolver.parameters.map(({ key, value }) => [PARAMETERS[key]?.name ?? key, value])),
  }),
};

/** Kea's name of a service parameter key. */
export function parameterName(key: number): string {
  return PARAMETERS[key]?.name ?? `key${key}`;
}
