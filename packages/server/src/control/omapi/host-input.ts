/** What a request says of a host: reading the attributes of create and update. */

import { Result } from '@lessor/omapi';
import { formatIpv4, type Ipv4, type Octets, octetsOf } from '../../domain/values.js';
import { type Attributes, ETHERNET, invalidArgument, OmapiRefusal, readHardwareType } from './object.js';

/** Longest hardware address (Kea and dhcpd). */
const MAX_HARDWARE_OCTETS = 20;
/** Addresses that one host may have. */
const MAX_ADDRESSES = 64;

/** Undefined = nothing is said; an identifier or group of '' and an empty list of addresses take away what there is. */
export interface HostInput {
  readonly name?: Octets;
  readonly hardwareAddress?: Octets;
  readonly clientIdentifier?: Octets;
  readonly addresses?: readonly Ipv4[];
  readonly group?: Octets;
  readonly statements?: Octets;
}

type Draft = { -readonly [Name in keyof HostInput]: HostInput[Name] };

/** Reads one attribute. @throws OmapiRefusal */
type ReadAttribute = (into: Draft, value: Uint8Array, given: Attributes) => void;

const nothing: ReadAttribute = () => undefined;

/** THE attributes of a host that may be written. */
const ATTRIBUTES: Readonly<Record<string, ReadAttribute>> = {
  name: (into, value) => {
    into.name = readName(value);
  },
  'hardware-address': (into, value) => {
    into.hardwareAddress = readHardwareAddress(value);
  },
  'hardware-type': (_, __, given) => {
    // 0 is what dhcpd makes of an absent one.
    if (readHardwareType(given) > ETHERNET) throw invalidArgument('only Ethernet (hardware-type 1) is known');
  },
  'dhcp-client-identifier': (into, value) => {
    if (value.length > 255) throw invalidArgument(`dhcp-client-identifier has ${value.length} octets`);
    into.clientIdentifier = octetsOf(value);
  },
  'ip-address': (into, value) => {
    into.addresses = readAddresses(value);
  },
  group: (into, value) => {
    into.group = octetsOf(value);
  },
  statements: (into, value) => {
    into.statements = octetsOf(value);
  },
  handle: nothing,
  known: nothing,
};

/** Reads all attributes. @throws OmapiRefusal UNKNOWNATTRIBUTE, INVALIDARG */
export function readHostInput(given: Attributes): HostInput {
  const input: Draft = {};
  for (const [name, value] of given) {
    const read = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
    if (read === undefined) throw new OmapiRefusal(Result.UNKNOWNATTRIBUTE, `a host has no attribute ${name}`);
    read(input, value, given);
  }
  return input;
}

/** @throws OmapiRefusal for an empty name and for control characters */
function readName(value: Uint8Array): Octets {
  const name = octetsOf(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === '' || name.length > 255 || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalidArgument('a name has 1 to 255 octets, none of them a control character');
  }
  return name;
}

function readHardwareAddress(value: Uint8Array): Octets {
  if (value.length <= MAX_HARDWARE_OCTETS) return octetsOf(value);
  throw invalidArgument(`hardware-address has ${value.length} octets, at most ${MAX_HARDWARE_OCTETS} are possible`);
}

/** Four octets for each address, in the order of preference. */
function readAddresses(value: Uint8Array): readonly Ipv4[] {
  if (value.length % 4 !== 0) throw invalidArgument(`ip-address has ${value.length} octets, no multiple of 4`);
  if (value.length > MAX_ADDRESSES * 4) throw invalidArgument(`a host has at most ${MAX_ADDRESSES} addresses`);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const addresses = Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(i * 4));
  const twice = addresses.find((address, i) => addresses.indexOf(address) < i);
  if (twice !== undefined) throw invalidArgument(`${formatIpv4(twice)} is given twice`);
  return addresses;
}
