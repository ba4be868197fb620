/**
 * The operations of OMAPI over the table of objects: open, refresh, update, delete. Knows nothing of octets on a
 * connection and of keys; that is session.ts.
 */

import { entryMap, type OmapiMessage, Op, type OutgoingEntry, opName, Result } from '@lessor/omapi';
import type { ConfigSnapshot, OmapiRight } from '../../domain/snapshot.js';
import { octetsOf } from '../../domain/values.js';
import { LessorError, StoreError } from '../../errors.js';
import type { Principal } from '../command.js';
import { type FailureOrigin, recordFailure, recordOutcome } from './audit.js';
import { ChangeQueue } from './change-queue.js';
import { CLASS_OBJECT } from './class.js';
import { CONTROL_OBJECT } from './control.js';
import { OmapiDenial, requireChange, requireLook } from './demands.js';
import { FAILOVER_OBJECT } from './failover.js';
import { GROUP_OBJECT } from './group.js';
import { HandleTable } from './handles.js';
import { HOST_OBJECT } from './host.js';
import { INTERFACE_OBJECT } from './interface.js';
import { LEASE_OBJECT } from './lease.js';
import { LIST_TYPE, listPage } from './list.js';
import { type AnyRow, type Attributes, type OmapiContext, OmapiRefusal, type OmapiServices } from './object.js';
import { NETWORK_OBJECT, POOL_OBJECT, SUBNET_OBJECT } from './pool.js';
import { ReplayGuard } from './replay-guard.js';
import { changesThings, keysOf, keysOfCreation, readFlags, typeOf } from './requests.js';
import { SUBCLASS_OBJECT } from './subclass.js';

/** THE objects. */
const ROWS: readonly AnyRow[] = [
  LEASE_OBJECT,
  HOST_OBJECT,
  GROUP_OBJECT,
  CLASS_OBJECT,
  SUBCLASS_OBJECT,
  CONTROL_OBJECT,
  FAILOVER_OBJECT,
  INTERFACE_OBJECT,
  POOL_OBJECT,
  SUBNET_OBJECT,
  NETWORK_OBJECT,
];

/** The same by their types. */
export const OBJECT_ROWS: ReadonlyMap<string, AnyRow> = new Map(ROWS.map((row) => [row.type, row]));

/** Types of dhcpd that can not be looked up. */
const UNSEARCHABLE = new Set([
  'connection',
  'listener',
  'io',
  'generic',
  'protocol',
  'protocol-listener',
  'message',
  'waiter',
  'failover-link',
  'failover-listener',
]);

/** Who asks. */
export interface OmapiCaller {
  readonly principal: Principal;
  readonly rights: ReadonlySet<OmapiRight>;
  readonly listener: string;
}

/** What is answered, before it is signed. */
export type OmapiAnswer =
  | { readonly kind: 'object'; readonly handle: number; readonly object: readonly OutgoingEntry[] }
  | { readonly kind: 'status'; readonly result: number; readonly text?: string };

/** An answer, and what is to be done once it has left. */
export interface Performed {
  readonly answer: OmapiAnswer;
  readonly afterwards: readonly (() => void)[];
}

const DONE: OmapiAnswer = { kind: 'status', result: Result.SUCCESS };

/** Serves all connections. */
export class OmapiServer {
  /** One space of numbers for all connections, keys included. */
  readonly handles = new HandleTable();
  readonly replays = new ReplayGuard();
  private readonly changes = new ChangeQueue();

  constructor(private readonly services: OmapiServices) {}

  /**
   * Performs a request of a caller who may be served: at once, or where it may change something, in its turn; then it
   * resolves when the change is in force and durable. Never throws or rejects.
   */
  perform(message: OmapiMessage, caller: OmapiCaller): Performed | Promise<Performed> {
    const afterwards: (() => void)[] = [];
    const context = this.context(caller, afterwards);
    const changes = changesThings(message);
    const refused = (error: unknown): Performed => {
      const answer = this.refusal(error);
      recordOutcome(() => this.nameOf(message), message, { failure: error }, context);
      return { answer, afterwards: [] };
    };
    let keys: readonly string[] | undefined;
    try {
      requireRight(caller, 'read');
      if (!changes) {
        const answer = this.look(message, context);
        recordOutcome(() => this.nameOf(message), message, {}, context);
        return { answer, afterwards };
      }
      keys = keysOfCreation(message);
    } catch (error) {
      return refused(error);
    }
    return this.changes
      .run(keys, () => this.change(message, caller, context))
      .then((answer) => ({ answer, afterwards }), refused);
  }

  /** Writes down that somebody failed to prove a key. @param key that was to be proved, if one was named */
  recordFailure(reason: string, key: string | undefined, origin: FailureOrigin): void {
    recordFailure(reason, key, origin, this.services);
  }

  /** What a request is called in the audit: `omapi-host-open`. */
  private nameOf(message: OmapiMessage): string {
    const type = typeOf(message) ?? this.handles.find(message.handle)?.type ?? 'handle';
    return `omapi-${OBJECT_ROWS.has(type) || type === LIST_TYPE ? type : 'unknown'}-${opName(message.op)}`;
  }

  /** What changes nothing. */
  private look(message: OmapiMessage, context: OmapiContext): OmapiAnswer {
    if (message.op === Op.refresh) return this.refresh(message.handle, context);
    if (message.op !== Op.open)
      return { kind: 'status', result: Result.NOTIMPLEMENTED, text: 'notify not implemented yet' };
    if (typeOf(message) === LIST_TYPE) return { kind: 'object', handle: 0, object: page(message, context) };
    const row = this.rowOf(message, false);
    if (row === undefined) return this.refresh(message.handle, context);
    requireLook(context.principal, row.type);
    const found = lookUp(row, keysOf(message), context);
    if (found === 'no-keys') throw withoutKeys(row);
    if (found === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'no object matches specification');
    return this.object(row, found, context);
  }

  private async change(message: OmapiMessage, caller: OmapiCaller, context: OmapiContext): Promise<OmapiAnswer> {
    if (message.op === Op.update) return this.update(message, caller, context);
    if (message.op === Op.delete) return this.remove(message.handle, caller, context);
    return this.open(message, caller, context);
  }

  private context({ principal, listener }: OmapiCaller, afterwards: (() => void)[]): OmapiContext {
    return new RequestContext(this.services, this.handles, principal, listener, afterwards);
  }

  /** An open that may make or change its object. */
  private async open(message: OmapiMessage, caller: OmapiCaller, context: OmapiContext): Promise<OmapiAnswer> {
    const flags = readFlags(message.message);
    const row = this.rowOf(message, flags.create);
    if (row === undefined) return this.refresh(message.handle, context);
    requireLook(caller.principal, row.type);
    // Where a right is limited to subnets, those of the object decide once they are known.
    if (flags.create || flags.update) {
      requireChange(caller.principal, row.type, row.reach === undefined ? 'everything' : 'nothing');
    }
    const given = keysOf(message);
    let found = lookUp(row, given, context);
    given.delete('handle');
    if (found === 'no-keys' || (found === undefined && flags.create)) {
      if (!flags.create || row.create === undefined) throw withoutKeys(row);
      requireRight(caller, row.right);
      found = await attempt("can't update object", () => row.create!(given, context));
    } else if (found === undefined) {
      throw new OmapiRefusal(Result.NOTFOUND, 'no object matches specification');
    } else if (flags.create && flags.exclusive) {
      throw new OmapiRefusal(Result.EXISTS, 'specified object already exists');
    } else if (flags.create || flags.update) {
      requireRight(caller, row.right);
      found = await this.apply(row, found, given, context);
    }
    return this.object(row, found, context);
  }

  /** The row of the type an open names; undefined: it means the handle. @throws OmapiRefusal */
  private rowOf(message: OmapiMessage, create: boolean): AnyRow | undefined {
    const type = typeOf(message);
    const row = type === undefined ? undefined : OBJECT_ROWS.get(type);
    if (row !== undefined) return row;
    if (type !== undefined && UNSEARCHABLE.has(type)) {
      throw new OmapiRefusal(Result.NOTIMPLEMENTED, 'unsearchable object type');
    }
    if (create) throw new OmapiRefusal(Result.INVALIDARG, 'type required on create');
    return undefined;
  }

  private refresh(handle: number, context: OmapiContext): OmapiAnswer {
    requireLook(context.principal, this.handles.find(handle)?.type);
    const { row, found } = this.byHandle(handle, context);
    return this.object(row, found, context);
  }

  private async update(message: OmapiMessage, caller: OmapiCaller, context: OmapiContext): Promise<OmapiAnswer> {
    requireChange(caller.principal, this.handles.find(message.handle)?.type, 'nothing');
    const { row, found } = this.byHandle(message.handle, context);
    requireRight(caller, row.right);
    await this.apply(row, found, entryMap(message.object), context);
    return DONE;
  }

  private async apply(row: AnyRow, found: unknown, given: Attributes, context: OmapiContext): Promise<unknown> {
    return attempt("can't update object", async () => {
      if (given.size === 0) throw new OmapiRefusal(Result.INVALIDARG);
      if (row.update === undefined) {
        throw new OmapiRefusal(row.refusal ?? Result.NOPERM, `a ${row.type} can not be changed`);
      }
      requireChange(context.principal, row.type, row.reach?.(found, context) ?? 'everything');
      const changed = await row.update(found, given, context);
      this.handles.rename(row.type, row.identity(found), row.identity(changed));
      return changed;
    });
  }

  private async remove(handle: number, caller: OmapiCaller, context: OmapiContext): Promise<OmapiAnswer> {
    if (this.handles.find(handle)?.type === 'authenticator') {
      throw new OmapiRefusal(Result.NOTIMPLEMENTED, 'no remove method for object');
    }
    requireChange(caller.principal, this.handles.find(handle)?.type, 'nothing');
    const { row, found } = this.byHandle(handle, context);
    requireChange(caller.principal, row.type, row.reach?.(found, context) ?? 'everything');
    if (row.remove === undefined) throw new OmapiRefusal(row.removal ?? Result.NOTIMPLEMENTED);
    requireRight(caller, row.right);
    await row.remove(found, context);
    this.handles.forget(row.type, row.identity(found));
    return DONE;
  }

  /** @throws OmapiRefusal NOTFOUND */
  private byHandle(handle: number, context: OmapiContext): { readonly row: AnyRow; readonly found: unknown } {
    const target = this.handles.find(handle);
    if (target?.type === 'authenticator')
      throw new OmapiRefusal(Result.NOTIMPLEMENTED, 'keys are in the configuration');
    const row = target && OBJECT_ROWS.get(target.type);
    const found = target && row?.byIdentity(target.identity, context);
    if (row !== undefined && found !== undefined) return { row, found };
    if (target !== undefined) this.handles.forget(target.type, target.identity);
    throw new OmapiRefusal(Result.NOTFOUND, 'no matching handle');
  }

  private object(row: AnyRow, found: unknown, context: OmapiContext): OmapiAnswer {
    // The object is numbered before those its attributes refer to.
    const handle = this.handles.numberOf(row.type, row.identity(found));
    return { kind: 'object', handle, object: row.attributes(found, context) };
  }

  private refusal(error: unknown): OmapiAnswer {
    if (error instanceof OmapiRefusal) {
      return { kind: 'status', result: error.result, ...(error.message === '' ? {} : { text: error.message }) };
    }
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof StoreError) return { kind: 'status', result: Result.IOERROR, text };
    this.services.logger.log('ERROR', 'LESSOR_OMAPI_FAILED', text, {
      code: error instanceof LessorError ? error.code : undefined,
      stack: error instanceof Error ? error.stack : undefined,
    });
    return { kind: 'status', result: Result.UNEXPECTED, text: 'the request failed; the log says why' };
  }
}

/** What one request is performed in. */
class RequestContext implements OmapiContext {
  readonly nowSec: number;

  constructor(
    readonly services: OmapiServices,
    readonly handles: HandleTable,
    readonly principal: Principal,
    readonly listener: string,
    private readonly later: (() => void)[],
  ) {
    this.nowSec = Math.floor(services.clock.now() / 1000);
  }

  /** Always the one in force: a request may have waited for others. */
  get snapshot(): ConfigSnapshot {
    return this.services.config.current;
  }

  afterwards(work: () => void): void {
    this.later.push(work);
  }
}

/** A page of a list. @throws OmapiRefusal */
function page({ object }: OmapiMessage, context: OmapiContext): readonly OutgoingEntry[] {
  requireLook(context.principal, octetsOf(entryMap(object).get('of') ?? new Uint8Array(0)) || undefined);
  try {
    return listPage(entryMap(object), OBJECT_ROWS, context);
  } catch (error) {
    throw worded(error, 'object lookup failed');
  }
}

/** @throws OmapiRefusal with dhcpd's words before the reason */
function lookUp(row: AnyRow, given: Attributes, context: OmapiContext): unknown {
  try {
    return row.find(given, context);
  } catch (error) {
    throw worded(error, 'object lookup failed');
  }
}

function withoutKeys(row: AnyRow): OmapiRefusal {
  if (row.create !== undefined) return new OmapiRefusal(Result.INVALIDARG, 'no key specified');
  return new OmapiRefusal(Result.NOTIMPLEMENTED, "can't create new object");
}

/** What a key itself may do; what the rules give its holder is in demands.ts. @throws OmapiDenial */
function requireRight({ rights, principal }: OmapiCaller, right: OmapiRight): void {
  if (!rights.has(right)) throw new OmapiDenial(`right '${right}' of key ${principal.name}`);
}

/** @throws OmapiRefusal with dhcpd's words before the reason */
async function attempt<T>(words: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw worded(error, words);
  }
}

/** Puts dhcpd's words before the reason, so that who greps for them finds them. */
function worded(error: unknown, words: string): unknown {
  if (!(error instanceof OmapiRefusal) || error instanceof OmapiDenial) return error;
  return new OmapiRefusal(error.result, error.message === '' ? words : `${words}: ${error.message}`);
}
