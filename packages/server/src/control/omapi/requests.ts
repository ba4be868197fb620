/** What a message asks for, read from its dictionaries: the type, the flags, the keys, and what it may change. */

import { type Entry, findEntry, type OmapiMessage, Op, Result, typeIn } from '@lessor/omapi';
import { octetsOf } from '../../domain/values.js';
import { OmapiRefusal } from './object.js';

/** True for requests that may change something. */
export function changesThings({ op, message }: OmapiMessage): boolean {
  if (op !== Op.open) return op === Op.update || op === Op.delete;
  return message.some(([name]) => name === 'create' || name === 'update');
}

/** Attributes that say which host is meant. */
const HOST_KEYS = ['name', 'hardware-address', 'dhcp-client-identifier', 'ip-address'];

/** What the making of a new host is about; undefined for every other request, and if it may change one that is there. */
export function keysOfCreation(message: OmapiMessage): string[] | undefined {
  if (!isCreation(message)) return undefined;
  const keys: string[] = [];
  for (const name of HOST_KEYS) {
    const value = findEntry(message.object, name);
    if (value !== undefined && value.length > 0) keys.push(`${name} ${octetsOf(value)}`);
  }
  return keys;
}

/** @throws OmapiRefusal INVALIDARG */
function isCreation({ op, message }: OmapiMessage): boolean {
  if (op !== Op.open || typeIn(message) !== 'host') return false;
  const { create, exclusive, update } = readFlags(message);
  return create && exclusive && !update;
}

/** True for the making of a new host, which changes nothing that is there. Never throws. */
export function makesOneHost(message: OmapiMessage): boolean {
  try {
    return isCreation(message);
  } catch {
    return false;
  }
}

/** The type an open names; undefined if it names none. */
export function typeOf({ message }: OmapiMessage): string | undefined {
  const type = typeIn(message);
  return type === '' ? undefined : type;
}

/** Attributes of a request. An empty value is an absent one: clients send what they do not know so. */
export function keysOf({ object }: OmapiMessage): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [name, value] of object) keys.set(name, value);
  for (const [name, { length }] of keys) if (length === 0) keys.delete(name);
  return keys;
}

/** Parameters of an open. Any number but 0 is true: some clients are little-endian. */
interface Flags {
  readonly create: boolean;
  readonly update: boolean;
  readonly exclusive: boolean;
}

/** @throws OmapiRefusal INVALIDARG for a flag that is no 32-bit number */
export function readFlags(parameters: readonly Entry[]): Flags {
  const flag = (name: keyof Flags): boolean => {
    const value = findEntry(parameters, name);
    if (value === undefined || value.length === 0) return false;
    if (value.length !== 4) throw new OmapiRefusal(Result.INVALIDARG, `invalid ${name} flag value`);
    return value.some((octet) => octet !== 0);
  };
  return { create: flag('create'), update: flag('update'), exclusive: flag('exclusive') };
}
