/** What an OMAPI object type is to the server: a row, and what its functions are given and may throw. */

import { type OutgoingEntry, type OutgoingValue, Result } from '@lessor/omapi';
import type { Reach } from '../../domain/access/rights.js';
import type { ConfigSnapshot, OmapiRight, Pool } from '../../domain/snapshot.js';
import type { EpochSec, Octets } from '../../domain/values.js';
import { octetsOf } from '../../domain/values.js';
import { LessorError, StoreError } from '../../errors.js';
import type { AuditPort } from '../../services/audit.js';
import type { EditOutcome } from '../../services/edit-batch.js';
import type { Logger } from '../../services/ports.js';
import type { CommandResult, Json, Principal } from '../command.js';
import type { Dispatch } from '../door.js';
import type { ControlServices } from '../services.js';
import type { HandleTable } from './handles.js';

/** A request that is answered with a status other than success. */
export class OmapiRefusal extends Error {
  /**
   * @param result one of {@link Result}
   * @param message what the status says beside the number; '' = nothing
   */
  constructor(
    readonly result: number,
    message = '',
  ) {
    super(message);
  }
}

/** What the objects work on. */
export interface OmapiServices
  extends Pick<ControlServices, 'clock' | 'config' | 'ha' | 'interfaces' | 'leases' | 'ledger' | 'reservations'> {
  /** Runs a command of the table: creating a host is reservation-add, with its checks and its audit record. */
  readonly dispatch: Dispatch;
  readonly audit: AuditPort;
  readonly logger: Logger;
  /** Free addresses of a pool. */
  freeCount(pool: Pool): number;
}

/** Who asks, and what for. */
export interface OmapiContext {
  readonly services: OmapiServices;
  readonly snapshot: ConfigSnapshot;
  readonly nowSec: EpochSec;
  readonly handles: HandleTable;
  readonly principal: Principal;
  /** Name of the listener, for the audit. */
  readonly listener: string;
  /** Asks for something to be done once the answer has left. */
  afterwards(work: () => void): void;
}

/** Attributes of a request by name; of those given twice the last. */
export type Attributes = ReadonlyMap<string, Uint8Array>;

/** One type of object. `Found` is one object as it is now. */
export interface ObjectRow<Found> {
  readonly type: string;
  /** What a key needs to change such objects. */
  readonly right: OmapiRight;
  /**
   * Looks an object up. 'no-keys': nothing in the request is a key.
   * @throws OmapiRefusal KEYCONFLICT, MULTIPLE, INVALIDARG
   */
  find(keys: Attributes, context: OmapiContext): Found | undefined | 'no-keys';
  /** What stays the same of an object as long as it lives. */
  identity(found: Found): string;
  /** The object of an {@link identity}, if it still lives. */
  byIdentity(identity: string, context: OmapiContext): Found | undefined;
  /**
   * Subnets an object is in: rights to change such objects may be limited to some. A row that has this looks itself at
   * the subnets that an object made or moved is to be in (demands.ts). Absent: the right is needed everywhere.
   */
  reach?(found: Found, context: OmapiContext): Reach;
  /** In dhcpd's order. */
  attributes(found: Found, context: OmapiContext): OutgoingEntry[];
  /** Absent: objects of this type can not be made. @throws OmapiRefusal, and nothing was made */
  create?(attributes: Attributes, context: OmapiContext): Promise<Found>;
  /** All or nothing. The object as it is then. @throws OmapiRefusal, and nothing has changed */
  update?(found: Found, attributes: Attributes, context: OmapiContext): Promise<Found>;
  /** Absent: {@link removal} is the answer. @throws OmapiRefusal */
  remove?(found: Found, context: OmapiContext): Promise<void>;
  /** Result where objects can not be removed; 27 if absent. */
  readonly removal?: number;
  /** Result where there is no {@link update}; 6 if absent. */
  readonly refusal?: number;
  /** True: an open without keys finds or makes nothing, and says so with 27 (dhcpd: a dead blank object). */
  readonly needsKeys?: boolean;
  /** All objects behind the one of this identity ('' = from the first), in an order that changes do not upset. */
  list?(context: OmapiContext, after: string): Iterable<Found>;
}

/** A row whose `Found` only its own functions know. */
export type AnyRow = ObjectRow<unknown>;

/** Looks up by one key. @param found by the keys before; a key that may find nothing then hands it on */
export type Lookup<Found> = (found?: Found) => Found | undefined;

/**
 * Combines keys as dhcpd does: the first that is given decides; a later one that finds nothing or something else is a
 * conflict.
 * @throws OmapiRefusal KEYCONFLICT
 */
export function findByKeys<Found>(
  lookups: readonly Lookup<Found>[],
  identity: (found: Found) => string,
): Found | undefined | 'no-keys' {
  const [first, ...others] = lookups;
  if (first === undefined) return 'no-keys';
  const found = first();
  if (found === undefined) return undefined;
  for (const look of others) {
    const other = look(found);
    if (other === undefined || identity(other) !== identity(found)) throw new OmapiRefusal(Result.KEYCONFLICT);
  }
  return found;
}

/** The object a `handle` key names. @throws OmapiRefusal INVALIDARG for another type's */
export function findByHandle<Found>(
  row: Pick<ObjectRow<Found>, 'type' | 'byIdentity'>,
  value: Uint8Array,
  context: OmapiContext,
): Found | undefined {
  const named = context.handles.find(readUint32(value, 'handle'));
  if (named === undefined) return undefined;
  if (named.type !== row.type) throw invalidArgument(`the handle is one of a ${named.type}`);
  return row.byIdentity(named.identity, context);
}

/** @throws OmapiRefusal INVALIDARG unless there are four octets */
export function readUint32(value: Uint8Array, name: string): number {
  if (value.length !== 4) throw invalidArgument(`${name} has ${value.length} octets, not 4`);
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}

/** The hardware type beside a hardware address; Ethernet if it is absent. @throws OmapiRefusal INVALIDARG */
export function readHardwareType(keys: Attributes): number {
  const value = keys.get('hardware-type');
  if (value === undefined) return ETHERNET;
  const type = readUint32(value, 'hardware-type');
  if (type > 255) throw invalidArgument(`hardware-type ${type} is above 255`);
  return type;
}

/** ARP's number of Ethernet, the one hardware type that leases and reservations have (Kea). */
export const ETHERNET = 1;

/** The refusal of a value. */
export function invalidArgument(why: string): OmapiRefusal {
  return new OmapiRefusal(Result.INVALIDARG, why);
}

/** An attribute that is a number, a time or a handle. */
export function uint32Entry(name: string, value: number): OutgoingEntry {
  return [name, Math.min(Math.max(0, value), 0xffff_ffff)];
}

/** An attribute of octets. */
export function octetsEntry(name: string, octets: Octets): OutgoingEntry {
  return [name, octets];
}

/**
 * Does what changes the configuration, as a command would.
 * @throws OmapiRefusal with the text that the command would answer with
 */
export async function performed<T extends EditOutcome>(
  what: string,
  work: () => Promise<T>,
  { services, principal }: OmapiContext,
): Promise<T> {
  try {
    const outcome = await work();
    if (outcome.notWritten !== undefined) {
      services.logger.log('WARN', NOT_WRITTEN, `${what} for ${principal.name}: in memory only: ${outcome.notWritten}`);
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof LessorError) || error instanceof StoreError) throw error;
    throw new OmapiRefusal(RESULT_OF_CODE[error.code] ?? resultOfText(error.message), error.message);
  }
}

const NOT_WRITTEN = 'LESSOR_OMAPI_NOT_WRITTEN';

/** Runs a command in the name of whoever asks. @throws OmapiRefusal with the text of the command's answer */
export async function runCommand(name: string, args: Json, context: OmapiContext): Promise<CommandResult> {
  const { services, principal, listener } = context;
  const receivedAt = services.clock.now();
  const outcome = await services.dispatch({ name, args, service: undefined, principal, listener, receivedAt });
  if (outcome.result !== 0) {
    const text = outcome.text ?? name;
    if (outcome.result === 3) throw new OmapiRefusal(Result.NOTFOUND, text);
    throw new OmapiRefusal((outcome.code && RESULT_OF_CODE[outcome.code]) ?? resultOfText(text), text);
  }
  if (outcome.text?.includes('(in memory only')) {
    services.logger.log('WARN', NOT_WRITTEN, `${name} for ${principal.name}: ${outcome.text}`);
  }
  return outcome;
}

/** Codes of errors.ts that mean something of their own to OMAPI's clients. */
const RESULT_OF_CODE: Readonly<Record<string, number>> = {
  'command-failed': Result.IOERROR,
  'command-conflict': Result.IOERROR,
  'command-denied': Result.NOPERM,
  'command-isolated': Result.NOPERM,
};

/** Kea has one code for whatever is wrong with a reservation; that there is one already its text tells. */
function resultOfText(text: string): number {
  return /\balready\b|duplicate/.test(text) ? Result.EXISTS : Result.INVALIDARG;
}

/** True if a value that was given is the one an attribute has. */
export function sameOctets(given: Uint8Array, now: OutgoingValue): boolean {
  if (typeof now === 'number') return given.length === 4 && readUint32(given, '') === now;
  return octetsOf(given) === (typeof now === 'string' ? now : octetsOf(now));
}
