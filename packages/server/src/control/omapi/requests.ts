/** What a message asks for, read from its dictionaries: the type, the flags, the keys, and what it may change. */

import { entryMap, type OmapiMessage, Op, Result } from '@lessor/omapi';
import { octetsOf } from '../../domain/values.js';
import { type Attributes, OmapiRefusal } from './object.js';

/** True for requests that may change something. */
export function changesThings({ op, message }: OmapiMessage): boolean {
  if (op !== Op.open) return op === Op.update || op === Op.delete;
  return message.some(([name]) => name === 'create' || name === 'update');
}

/** Attributes that say which host is meant. */
const HOST_KEYS = ['name', 'hardware-address', 'dhcp-client-identifier', 'ip-address'];

/** What the making of a new host is about; undefined for every other request, and if it may change one that is there. */
export function keysOfCreation(message: OmapiMessage): string[] | undefined {
  const { create, exclusive, update } = readFlags(entryMap(message.message));
  if (message.op !== Op.open || !create || !exclusive || update || typeOf(message) !== 'host') return undefined;
  const given = keysOf(message);
  return HOST_KEYS.flatMap((name) => (given.has(name) ? [`${name} ${octetsOf(given.get(name)!)}`] : []));
}

/** True for the making of a new host, which changes nothing that is there. Never throws. */
export function makesOneHost(message: OmapiMessage): boolean {
  try {
    return keysOfCreation(message) !== undefined;
  } catch {
    return false;
  }
}

/** The type an open names; undefined if it names none. */
export function typeOf({ message }: OmapiMessage): string | undefined {
  const value = entryMap(message).get('type');
  return value === undefined || value.length === 0 ? undefined : Buffer.from(value).toString('latin1');
}

/** Attributes of a request. An empty value is an absent one: clients send what they do not know so. */
export function keysOf({ object }: OmapiMessage): Map<string, Uint8Array> {
  return new Map([...entryMap(object)].filter(([, value]) => value.length > 0));
}

/** Parameters of an open. Any number but 0 is true: some clients are little-endian. */
interface Flags {
  readonly create: boolean;
  readonly update: boolean;
  readonly exclusive: boolean;
}

/** @throws OmapiRefusal INVALIDARG for a flag that is no 32-bit number */
export function readFlags(parameters: Attributes): Flags {
  const flag = (name: keyof Flags): boolean => {
    const value = parameters.get(name);
    if (value === undefined || value.length === 0) return false;
    if (value.length !== 4) throw new OmapiRefusal(Result.INVALIDARG, `invalid ${name} flag value`);
    return value.some((octet) => octet !== 0);
  };
  return { create: flag('create'), update: flag('update'), exclusive: flag('exclusive') };
}
