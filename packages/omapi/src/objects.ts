/**
 * The object types and their attributes, as tables; the TypeScript types of both directions follow from them. Order is
 * that of dhcpd's answers.
 */

import { noOctets } from './bytes.js';
import { ValueError } from './errors.js';
import type { Entry } from './message.js';
import { entryMap } from './message.js';
import {
  data,
  enumeration,
  flags,
  hardwareAddress,
  ipv4,
  ipv4List,
  text,
  time,
  uint32,
  type ValueType,
} from './values.js';

/** Binding states of a lease. 8 (reserved) and 9 (bootp) of older manuals have become flags. */
export const LEASE_STATES = { free: 1, active: 2, expired: 3, released: 4, abandoned: 5, reset: 6, backup: 7 } as const;

/** Bits of a lease's flags; others are internal to dhcpd. */
export const LEASE_FLAGS = { bootp: 0x02, reserved: 0x04, nulTerminated: 0x08, unicastBroadcastHack: 0x40 } as const;

/** States of the control object; hibernate and awaken are for dhclient. */
export const CONTROL_STATES = { startup: 0, running: 1, shutdown: 2, hibernate: 3, awaken: 4 } as const;

/** States of a failover peer, as numbered since DHCP 3.1. */
export const FAILOVER_STATES = {
  unknown: 0,
  startup: 1,
  normal: 2,
  'communications-interrupted': 3,
  'partner-down': 4,
  'potential-conflict': 5,
  recover: 6,
  paused: 7,
  'shut-down': 8,
  'recover-done': 9,
  'resolution-interrupted': 10,
  'conflict-done': 11,
  'recover-wait': 254,
} as const;

const leaseState = enumeration('lease state', LEASE_STATES);
const controlState = enumeration('control state', CONTROL_STATES);
const failoverState = enumeration('failover state', FAILOVER_STATES);
const hierarchy = enumeration('failover role', { primary: 0, secondary: 1 });

/** THE objects: the attributes of each type and the types of their values. */
export const OBJECTS = {
  lease: {
    state: leaseState,
    'ip-address': ipv4,
    'dhcp-client-identifier': data,
    'client-hostname': text,
    host: uint32,
    subnet: uint32,
    pool: uint32,
    'billing-class': uint32,
    'hardware-address': hardwareAddress,
    'hardware-type': uint32,
    ends: time,
    starts: time,
    tstp: time,
    tsfp: time,
    atsfp: time,
    cltt: time,
    flags,
  },
  host: {
    'ip-address': ipv4List,
    'dhcp-client-identifier': data,
    name: text,
    'hardware-address': hardwareAddress,
    'hardware-type': uint32,
    group: text,
    statements: text,
    known: uint32,
  },
  group: { name: text, statements: text },
  class: { name: text, match: text, group: text, 'lease-limit': uint32, 'leases-used': uint32 },
  subclass: { name: text, hashstring: data, group: text, 'lease-limit': uint32, 'leases-used': uint32 },
  control: { state: controlState },
  'failover-state': {
    name: text,
    'partner-address': ipv4,
    'partner-port': uint32,
    'local-address': ipv4,
    'local-port': uint32,
    'max-outstanding-updates': uint32,
    mclt: uint32,
    'load-balance-max-secs': uint32,
    'load-balance-hba': data,
    'partner-state': failoverState,
    'local-state': failoverState,
    'partner-stos': time,
    'local-stos': time,
    hierarchy,
    'last-packet-sent': time,
    'last-timestamp-received': time,
    skew: uint32,
    'max-response-delay': uint32,
    'cur-unacked-updates': uint32,
  },
  interface: { name: text, state: text },
  pool: { 'lease-count': uint32, 'free-leases': uint32, 'backup-leases': uint32 },
  subnet: {},
  'shared-network': {},
  authenticator: { name: text, algorithm: text },
} as const;

/** Name of an object type on the wire. */
export type ObjectType = keyof typeof OBJECTS;

type Camel<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Text;
type Decoded<Type> = Type extends ValueType<infer Out, infer _In> ? Out : never;
type Encodable<Type> = Type extends ValueType<infer _Out, infer In> ? In : never;

/** Attributes of an object as values: `ends` in seconds since 1970, handles as numbers, `ip-address` as `ipAddress`. */
export type ObjectValues<Type extends ObjectType> = {
  readonly [Name in keyof (typeof OBJECTS)[Type] & string as Camel<Name>]?: Decoded<(typeof OBJECTS)[Type][Name]>;
};

/** Attributes to look for, or to set. null takes an attribute away, where that can be done: a host's addresses. */
export type ObjectInput<Type extends ObjectType> = {
  readonly [Name in keyof (typeof OBJECTS)[Type] & string as Camel<Name>]?:
    | Encodable<(typeof OBJECTS)[Type][Name]>
    | (Type extends 'host' ? (Name extends 'ip-address' ? null : never) : never);
};

/** The attributes of a type as one table of types, for code that does not know which type it deals with. */
export function attributeTypes(type: string): Readonly<Record<string, ValueType<unknown, never>>> | undefined {
  return Object.hasOwn(OBJECTS, type) ? OBJECTS[type as ObjectType] : undefined;
}

/** What octets of an answer mean. */
export interface DecodedAttributes<Type extends ObjectType> {
  readonly values: ObjectValues<Type>;
  /** Attributes that the table does not have (variables of a lease) or whose octets do not fit their type. */
  readonly others: ReadonlyMap<string, Uint8Array>;
}

/** Decodes the attributes of an answer. */
export function decodeAttributes<Type extends ObjectType>(
  type: Type,
  entries: readonly Entry[],
): DecodedAttributes<Type> {
  const types = attributeTypes(type) ?? {};
  const values: Record<string, unknown> = {};
  const others = new Map<string, Uint8Array>();
  for (const [name, octets] of entryMap(entries)) {
    const value = Object.hasOwn(types, name) ? types[name]!.decode(octets) : undefined;
    if (value === undefined) others.set(name, octets);
    else values[camelCase(name)] = value;
  }
  return { values: values as ObjectValues<Type>, others };
}

/**
 * Encodes attributes in the order given; undefined ones are left out. A hardware address without a type gets Ethernet's
 * (dhcpd looks that up by default, but creates hosts of type 0, which no client matches).
 * @throws ValueError for a value that does not fit, and for empty ones: dhcpd can not bear them
 */
export function encodeAttributes<Type extends ObjectType>(type: Type, input: ObjectInput<Type>): Entry[] {
  const types = attributeTypes(type) ?? {};
  const names = new Map(Object.keys(types).map((name) => [camelCase(name), name]));
  const entries: Entry[] = [];
  for (const [property, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const name = names.get(property);
    if (name === undefined) throw new ValueError(`a ${type} has no attribute '${property}'`);
    entries.push([name, value === null ? removal(type, name) : encodeOne(name, types[name]!, value)]);
  }
  const given = new Set(entries.map(([name]) => name));
  if (given.has('hardware-address') && !given.has('hardware-type'))
    entries.push(['hardware-type', uint32.encode(ETHERNET)]);
  return entries;
}

/** ARP's number of Ethernet. */
const ETHERNET = 1;

function encodeOne(name: string, type: ValueType<unknown, never>, value: unknown): Uint8Array {
  try {
    return type.encode(value as never);
  } catch (error) {
    if (error instanceof ValueError) throw new ValueError(`${name}: ${error.message}`);
    throw error;
  }
}

function removal(type: ObjectType, name: string): Uint8Array {
  if (type === 'host' && name === 'ip-address') return noOctets();
  throw new ValueError(`${name} of a ${type} can not be removed`);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
