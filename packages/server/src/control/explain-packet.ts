/** The packet explain4 is asked about: as octets, or as a description of which the rest is a plain Ethernet client's. */

import { encodeMessage4, encodeOptionText, encodeSubOptions, type OptionOctets, OptionTextError } from '@lessor/dhcp';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { bytesOf, type Ipv4, parseIpv4 } from '../domain/values.js';
import type { Datagram, DhcpInterface } from '../services/ports.js';
import { boolean, integer, invalid, memberOf, text } from './arguments.js';
import type { ArgumentDescription } from './command.js';
import { parseHexOctets } from './hex.js';

/** Types of message by the word after DHCP. */
const TYPES: Readonly<Record<string, number>> = {
  discover: 1,
  request: 3,
  decline: 4,
  release: 7,
  inform: 8,
  bootp: 0,
};
/** What most clients ask for (option 55), so that the answer shows what they would get. */
const USUAL_REQUEST = Uint8Array.of(1, 3, 6, 12, 15, 28, 42, 51, 54, 58, 59, 119, 121);
const BROADCAST: Ipv4 = 0xffff_ffff;
const BROADCAST_FLAG = 0x8000;
const ETHERNET = 1;

const optionalText = (type: string): ArgumentDescription => ({ type, optional: true });

/** Arguments of explain4. */
export const PACKET_ARGUMENTS: Readonly<Record<string, ArgumentDescription>> = {
  packet: optionalText('a string: the whole DHCP message in hex; instead of all that describes one'),
  'message-type': optionalText('a string: DISCOVER (default), REQUEST, DECLINE, RELEASE, INFORM, BOOTP'),
  'hw-address': optionalText('a string'),
  'client-id': optionalText('a string in hex'),
  relay: optionalText('an IPv4 address (giaddr)'),
  'circuit-id': optionalText('a string: hex with 0x or colons, or text'),
  'remote-id': optionalText('a string: likewise'),
  'requested-address': optionalText('an IPv4 address'),
  'server-id': optionalText('an IPv4 address'),
  'client-address': optionalText('an IPv4 address (ciaddr)'),
  options: optionalText('a list of maps: code or name, and data as in option-data'),
  broadcast: optionalText('a boolean'),
  interface: optionalText('a string; default: the first one that is served'),
  source: optionalText('an IPv4 address'),
  destination: optionalText('an IPv4 address'),
};

/** The datagram a command describes. @throws CommandError */
export function readPacket(args: JsonMap, interfaces: readonly DhcpInterface[], snapshot: ConfigSnapshot): Datagram {
  const stranger = Object.keys(args).find((name) => !Object.hasOwn(PACKET_ARGUMENTS, name));
  if (stranger !== undefined) throw invalid(`Unsupported '${stranger}' parameter.`);
  const netif = interfaceOf(args, interfaces);
  const hex = read(args, 'packet', text);
  const octets = hex === undefined ? describedOctets(args, snapshot) : hexOctets('packet', hex);
  const { relay, ciaddr } = { relay: address(args, 'relay'), ciaddr: address(args, 'client-address') };
  // A relay and a client that renews send to the server's address, everybody else broadcasts.
  const renewing = relay === undefined && ciaddr !== undefined;
  const unicast = relay !== undefined || renewing;
  return {
    octets,
    interface: netif,
    source: address(args, 'source') ?? relay ?? ciaddr ?? 0,
    sourcePort: relay === undefined ? 68 : 67,
    destination: address(args, 'destination') ?? (unicast ? netif.address : BROADCAST),
  };
}

function interfaceOf(args: JsonMap, interfaces: readonly DhcpInterface[]): DhcpInterface {
  const name = read(args, 'interface', text);
  const netif = name === undefined ? interfaces[0] : interfaces.find((one) => one.name === name);
  if (netif !== undefined) return netif;
  throw invalid(name === undefined ? 'DHCP is served on no interface' : `DHCP is not served on interface ${name}`);
}

function describedOctets(args: JsonMap, snapshot: ConfigSnapshot): Buffer {
  const word = (read(args, 'message-type', text) ?? 'discover').toLowerCase().replace(/^dhcp/, '');
  const type = Object.hasOwn(TYPES, word) ? TYPES[word]! : undefined;
  if (type === undefined) throw invalid(`'message-type' must be one of ${Object.keys(TYPES).join(', ').toUpperCase()}`);
  const mac = hexOctets('hw-address', read(args, 'hw-address', text) ?? '');
  if (mac.length === 0 && read(args, 'client-id', text) === undefined)
    throw invalid("give a 'packet' or an 'hw-address'");
  if (mac.length > 16) throw invalid("'hw-address' has more than 16 octets");
  const options = optionsOf(args, type, snapshot);
  const { octets } = encodeMessage4({
    op: 1,
    htype: ETHERNET,
    hlen: mac.length,
    hops: args.relay === undefined ? 0 : 1,
    xid: 1,
    secs: 0,
    flags: read(args, 'broadcast', boolean) === true ? BROADCAST_FLAG : 0,
    ciaddr: address(args, 'client-address') ?? 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: address(args, 'relay') ?? 0,
    chaddr: mac,
    options,
  });
  return Buffer.from(octets);
}

/** Option 82 is the last, as relays add it (RFC 3046 §2.1). */
function optionsOf(args: JsonMap, type: number, snapshot: ConfigSnapshot): OptionOctets[] {
  const options: OptionOctets[] = type === 0 ? [] : [{ code: 53, data: Uint8Array.of(type) }];
  const add = (code: number, data: Uint8Array | undefined): void => {
    if (data !== undefined) options.push({ code, data });
  };
  const clientId = read(args, 'client-id', text);
  add(61, clientId === undefined ? undefined : hexOctets('client-id', clientId));
  add(50, quad(address(args, 'requested-address')));
  add(54, quad(address(args, 'server-id')));
  const given = memberOf(args, 'options') ?? [];
  if (!Array.isArray(given)) throw invalid("'options' must be a list");
  for (const one of given as readonly Json[]) options.push(optionOf(one, snapshot));
  if (type !== 0 && !options.some(({ code }) => code === 55)) add(55, USUAL_REQUEST);
  const [circuit, remote] = [read(args, 'circuit-id', text), read(args, 'remote-id', text)];
  const sub = [
    ...(circuit === undefined ? [] : [{ code: 1, data: hexOrText(circuit) }]),
    ...(remote === undefined ? [] : [{ code: 2, data: hexOrText(remote) }]),
  ];
  if (sub.length > 0) add(82, encodeSubOptions(sub));
  return options;
}

/** `{"code": 60, "data": "PXEClient"}` as option-data has it; `csv-format` false: data is hex. */
function optionOf(value: Json, { registry }: ConfigSnapshot): OptionOctets {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid("'options' must be maps");
  const map = value as JsonMap;
  const code = read(map, 'code', integer);
  const name = read(map, 'name', text);
  const definition =
    code !== undefined
      ? registry.find('dhcp4', code)
      : name === undefined
        ? undefined
        : registry.findByName('dhcp4', name);
  const number = code ?? definition?.code;
  if (number === undefined || number < 1 || number > 254) throw invalid(`no option is named '${name ?? code ?? ''}'`);
  const data = read(map, 'data', text) ?? '';
  const asText = read(map, 'csv-format', boolean) ?? definition !== undefined;
  if (!asText || definition === undefined) return { code: number, data: hexOctets('data', data) };
  try {
    return { code: number, data: encodeOptionText(definition, data, true) };
  } catch (error) {
    if (error instanceof OptionTextError) throw invalid(`option ${definition.name}: ${error.message}`);
    throw error;
  }
}

function read<T>(
  map: JsonMap,
  name: string,
  field: { readonly type: string; accept(value: Json): T | undefined },
): T | undefined {
  const given = memberOf(map, name);
  if (given === undefined) return undefined;
  const value = field.accept(given);
  if (value === undefined) throw invalid(`'${name}' parameter expected to be ${field.type}.`);
  return value;
}

function address(map: JsonMap, name: string): Ipv4 | undefined {
  const given = read(map, name, text);
  if (given === undefined) return undefined;
  const parsed = parseIpv4(given);
  if (parsed === undefined) throw invalid(`'${name}' ${given} is not an IPv4 address`);
  return parsed;
}

function hexOctets(name: string, value: string): Buffer {
  try {
    return Buffer.from(bytesOf(parseHexOctets(value, true)));
  } catch (error) {
    throw invalid(`'${name}': ${(error as Error).message}`);
  }
}

function hexOrText(value: string): Uint8Array {
  return /^0x|^([0-9a-f]{1,2}:)+[0-9a-f]{1,2}$/i.test(value)
    ? hexOctets('circuit-id', value)
    : Buffer.from(value, 'latin1');
}

function quad(value: Ipv4 | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
