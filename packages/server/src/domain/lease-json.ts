/**
 * Lease <-> the JSON object of Kea's API and HA updates (lease4-get, lease4-update): one row a member.
 * Optional members as Kea 3.3 prints them; what is absent there when empty is absent here.
 */

import { formatJson, JsonSyntaxError, parseCommandJson } from '@lessor/kea';
import { CommandError } from '../errors.js';
import { isMap } from './json.js';
import { type Lease, LeaseState } from './lease.js';
import type { Json, JsonMap } from './snapshot.js';
import { formatHex, formatIpv4, lowerCase, type Octets, parseIpv4 } from './values.js';

/** A lease whose members are being collected. */
type MutableLease = { -readonly [Key in keyof Lease]: Lease[Key] };

/** One member of the object. */
interface LeaseField {
  readonly name: string;
  /** Throws a CommandError if the member is absent. */
  readonly required: boolean;
  /** undefined: left out. */
  toJson(lease: Lease): Json | undefined;
  fromJson(value: Json, lease: MutableLease): void;
}

function invalid(text: string): CommandError {
  return new CommandError('command-invalid', text);
}

function integer(name: string, value: Json, max: number): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    throw invalid(`${name} is not present in the parsed lease or it is not an integer`);
  }
  if (number < 0 || number > max) throw invalid(`${name} ${number} must be in range [0..${max}]`);
  return number;
}

function text(name: string, value: Json): string {
  if (typeof value !== 'string') throw invalid(`${name} is not a string in the parsed lease`);
  return value;
}

function flag(name: string, value: Json): boolean {
  if (typeof value !== 'boolean') {
    throw invalid(`${name} is not present in the parsed lease or it is not a boolean value`);
  }
  return value;
}

/**
 * Octets of colon separated hex as Kea reads it: one or two digits an octet, one octet may stand alone, '' is none.
 * Undefined if the text is anything else.
 */
export function parseColonHex(value: string): Octets | undefined {
  if (value === '') return '';
  let octets = '';
  for (const part of value.split(':')) {
    if (!/^[0-9a-fA-F]{1,2}$/.test(part)) return undefined;
    octets += String.fromCharCode(Number.parseInt(part, 16));
  }
  return octets;
}

function identifier(name: string, what: string, value: Json, maxOctets: number): Octets {
  const given = text(name, value);
  const octets = parseColonHex(given);
  if (octets === undefined || octets.length > maxOctets) throw invalid(`invalid ${what} ${given} in the parsed lease`);
  return octets;
}

const U32_MAX = 0xffff_ffff;

/** Kea's HWAddr::MAX_HWADDR_LEN. */
export const MAX_HW_ADDRESS_OCTETS = 20;
/** The longest option 61 (RFC 2132 §9.14): one option's length octet. */
export const MAX_CLIENT_ID_OCTETS = 255;

/** A user context that is no JSON (a lease file written by hand) is shown as the text it is. */
export function readUserContext(context: string): Json {
  try {
    return parseCommandJson(context, { comments: false });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return context;
    throw error;
  }
}

/** THE table, in the order in which Kea looks for the members (which decides what it complains of first). */
const FIELDS: readonly LeaseField[] = [
  {
    name: 'user-context',
    required: false,
    toJson: (lease) => (lease.userContext === '' ? undefined : readUserContext(lease.userContext)),
    fromJson: (value, lease) => {
      if (!isMap(value)) throw invalid('user context is not a map');
      lease.userContext = formatJson(value);
    },
  },
  {
    name: 'ip-address',
    required: true,
    toJson: (lease) => formatIpv4(lease.address),
    fromJson: (value, lease) => {
      const address = typeof value === 'string' ? parseIpv4(value) : undefined;
      if (address === undefined)
        throw invalid(`ip-address ${String(value)} is not an IPv4 address in the parsed lease`);
      lease.address = address;
    },
  },
  {
    name: 'subnet-id',
    required: true,
    toJson: (lease) => lease.subnetId,
    fromJson: (value, lease) => {
      lease.subnetId = integer('subnet-id', value, U32_MAX);
      if (lease.subnetId === 0) throw invalid('subnet-id 0 is not a positive integer');
    },
  },
  {
    name: 'pool-id',
    required: false,
    toJson: (lease) => (lease.poolId === 0 ? undefined : lease.poolId),
    fromJson: (value, lease) => {
      lease.poolId = integer('pool-id', value, U32_MAX);
    },
  },
  {
    name: 'hw-address',
    required: true,
    toJson: (lease) => formatHex(lease.hwAddress),
    fromJson: (value, lease) => {
      lease.hwAddress = identifier('hw-address', 'hardware address', value, MAX_HW_ADDRESS_OCTETS);
    },
  },
  {
    name: 'client-id',
    required: false,
    toJson: (lease) => (lease.clientId === '' ? undefined : formatHex(lease.clientId)),
    fromJson: (value, lease) => {
      lease.clientId = identifier('client-id', 'client identifier', value, MAX_CLIENT_ID_OCTETS);
    },
  },
  {
    name: 'cltt',
    required: true,
    toJson: (lease) => lease.clttSec,
    fromJson: (value, lease) => {
      lease.clttSec = integer('cltt', value, U32_MAX);
      if (lease.clttSec === 0) throw invalid('cltt 0 is not a positive integer in the parsed lease');
    },
  },
  {
    name: 'valid-lft',
    required: true,
    toJson: (lease) => lease.validLifetimeSec,
    fromJson: (value, lease) => {
      lease.validLifetimeSec = integer('valid-lft', value, U32_MAX);
    },
  },
  {
    name: 'fqdn-fwd',
    required: true,
    toJson: (lease) => lease.fqdnFwd,
    fromJson: (value, lease) => {
      lease.fqdnFwd = flag('fqdn-fwd', value);
    },
  },
  {
    name: 'fqdn-rev',
    required: true,
    toJson: (lease) => lease.fqdnRev,
    fromJson: (value, lease) => {
      lease.fqdnRev = flag('fqdn-rev', value);
    },
  },
  {
    name: 'hostname',
    required: true,
    toJson: (lease) => lease.hostname,
    fromJson: (value, lease) => {
      lease.hostname = lowerCase(text('hostname', value));
    },
  },
  {
    name: 'state',
    required: true,
    toJson: (lease) => lease.state,
    fromJson: (value, lease) => {
      lease.state = integer('state', value, LeaseState.released) as LeaseState;
    },
  },
];

/** The members by name: that is how they are written, and sorting what is sorted costs nothing. */
const WRITTEN: readonly LeaseField[] = FIELDS.toSorted((a, b) => (a.name < b.name ? -1 : 1));

const KNOWN_MEMBERS: ReadonlySet<string> = new Set([...FIELDS.map((field) => field.name), 'expire']);

/**
 * The lease as lease4-get answers it (`arguments`, or one element of `leases`; Kea: Lease4::toElement). A client-id,
 * pool-id 0 or user-context it does not have is left out; a hardware address is ''.
 */
export function leaseToJson(lease: Lease): JsonMap {
  const json: Record<string, Json> = {};
  for (const field of WRITTEN) {
    const value = field.toJson(lease);
    if (value !== undefined) json[field.name] = value;
  }
  return json;
}

/**
 * The lease an object in that form describes (Kea: Lease4::fromElement, as HA partners send it). `expire` may stand
 * in for `cltt`, as in lease4-add. Members it does not know are ignored, as Kea ignores them.
 * @throws CommandError command-invalid naming the member.
 */
export function leaseFromJson(json: JsonMap): Lease {
  const lease: MutableLease = {
    address: 0,
    hwAddress: '',
    clientId: '',
    validLifetimeSec: 0,
    clttSec: 0,
    subnetId: 0,
    poolId: 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: '',
    state: LeaseState.default,
    userContext: '',
  };
  for (const field of FIELDS) {
    const value = json[field.name];
    if (value !== undefined) field.fromJson(value, lease);
    else if (field.required && !(field.name === 'cltt' && json.expire !== undefined)) {
      throw invalid(`${field.name} is not present in the parsed lease`);
    }
  }
  const expire = json.expire;
  if (expire !== undefined && json.cltt === undefined) {
    lease.clttSec = integer('expire', expire, 2 * U32_MAX) - lease.validLifetimeSec;
    if (lease.clttSec <= 0) throw invalid('expiration time must be positive for the lease');
    if (lease.clttSec > U32_MAX) throw invalid('expiration time is too large for the lease');
  }
  return lease;
}

/** True for a member name {@link leaseFromJson} understands: commands refuse others by this. */
export function isLeaseMember(name: string): boolean {
  return KNOWN_MEMBERS.has(name);
}
