/** An object of the server, as it was when it was opened, and what can be done with it. */

import type { RequestOptions } from './connection.js';
import { ProtocolError } from './errors.js';
import { deleteRequest, type Request, readStatus, refreshRequest, updateRequest } from './exchange.js';
import { type Entry, entryMap, type OmapiMessage, Op, opName } from './message.js';
import { decodeAttributes, encodeAttributes, type ObjectInput, type ObjectType, type ObjectValues } from './objects.js';
import { Result, statusError } from './results.js';

/** The connection that an object belongs to: handles mean nothing on another. */
export interface ObjectLink {
  /** @throws StaleHandleError if the connection is gone */
  ask(request: Request, options: RequestOptions): Promise<OmapiMessage>;
}

/** A handle and the attributes that came with it. Does not change: refresh() makes a new one. */
export class OmapiObject<Type extends ObjectType> {
  /** The attributes as values. */
  readonly values: ObjectValues<Type>;
  /** Attributes that have no place in `values`, raw: a lease's variables, octets that do not fit. */
  readonly others: ReadonlyMap<string, Uint8Array>;
  /** All attributes, raw, by their names on the wire, in the server's order. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;

  constructor(
    /** The connection it was opened on. */
    readonly link: ObjectLink,
    readonly type: Type,
    /** Valid on this connection only. */
    readonly handle: number,
    entries: readonly Entry[],
  ) {
    this.attributes = entryMap(entries);
    ({ values: this.values, others: this.others } = decodeAttributes(type, entries));
  }

  /** Reads the object anew. @throws NotFoundError if it is gone; else as request() */
  async refresh(options: RequestOptions = {}): Promise<OmapiObject<Type>> {
    const doing = `refresh ${this.type}`;
    const answer = expectObject(await this.link.ask(refreshRequest(this.handle), options), doing);
    if (answer.handle !== this.handle) throw new ProtocolError(`${doing}: handle ${answer.handle}, not ${this.handle}`);
    return new OmapiObject(this.link, this.type, this.handle, answer.object);
  }

  /**
   * Changes attributes, or raw entries. dhcpd applies them in this order, and keeps those before the first it refuses.
   * @throws StatusError, ValueError; else as request()
   */
  async update(changes: ObjectInput<Type> | readonly Entry[], options: RequestOptions = {}): Promise<void> {
    const entries = toEntries(this.type, changes);
    expectDone(await this.link.ask(updateRequest(this.handle, entries), options), `update ${this.type}`);
  }

  /** Removes the object. @throws StatusError; else as request() */
  async delete(options: RequestOptions = {}): Promise<void> {
    expectDone(await this.link.ask(deleteRequest(this.handle), options), `delete ${this.type}`);
  }
}

/** Raw entries as they are, attributes encoded. @throws ValueError */
export function toEntries<Type extends ObjectType>(
  type: Type,
  attributes: ObjectInput<Type> | readonly Entry[],
): readonly Entry[] {
  return isEntries(attributes) ? attributes : encodeAttributes(type, attributes);
}

function isEntries(attributes: object): attributes is readonly Entry[] {
  return Array.isArray(attributes);
}

/** The answer, if it is an object. @throws StatusError if the server refused, ProtocolError for anything else */
export function expectObject(answer: OmapiMessage, doing: string): OmapiMessage {
  if (answer.op === Op.update) return answer;
  const status = readStatus(answer);
  if (status !== undefined && status.result !== Result.SUCCESS) throw statusError(status.result, status.text, doing);
  throw new ProtocolError(`${doing}: ${opName(answer.op)} (${status?.text ?? 'without text'}) instead of an object`);
}

/** Returns if the answer says done. @throws StatusError if the server refused, ProtocolError for anything else */
export function expectDone(answer: OmapiMessage, doing: string): void {
  const status = readStatus(answer);
  if (status === undefined) throw new ProtocolError(`${doing}: ${opName(answer.op)} instead of a status`);
  if (status.result !== Result.SUCCESS) throw statusError(status.result, status.text, doing);
}
