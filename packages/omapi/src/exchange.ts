/** What the two sides say to each other: requests, answers, and the opening of an authenticator, for either side. */

import { type Authenticator, wireName } from './authenticator.js';
import { latin1At, noOctets } from './bytes.js';
import {
  type Entry,
  findEntry,
  type OmapiMessage,
  Op,
  type OutgoingEntry,
  type OutgoingMessage,
  opName,
} from './message.js';
import { Result } from './results.js';
import { encodeUint32, uint32 } from './values.js';

/** What an open may ask for besides looking up. */
export interface OpenFlags {
  /** Make the object if it is not found. */
  readonly create?: boolean;
  /** With create: refuse if it is found. */
  readonly exclusive?: boolean;
  /** Apply the attributes to an object that is found. */
  readonly update?: boolean;
}

/** A request without the fields that its connection fills in: tid, authid, signature. */
export type Request = Pick<OmapiMessage, 'op' | 'handle' | 'message' | 'object'>;

function textEntry(name: string, value: string): Entry {
  return [name, Buffer.from(value, 'utf8')];
}

/** Opens an object by its keys. Entries of the message dictionary go out in the order omshell has. */
export function openRequest(type: string, object: readonly Entry[], flags: OpenFlags = {}): Request {
  const message: Entry[] = (['create', 'update', 'exclusive'] as const)
    .filter((name) => flags[name] === true)
    .map((name) => [name, encodeUint32(1)]);
  return { op: Op.open, handle: 0, message: [...message, textEntry('type', type)], object };
}

/** Asks for the current attributes of an object. */
export function refreshRequest(handle: number): Request {
  return { op: Op.refresh, handle, message: [], object: [] };
}

/** Changes attributes of an object. */
export function updateRequest(handle: number, object: readonly Entry[]): Request {
  return { op: Op.update, handle, message: [], object };
}

/** Removes an object. */
export function deleteRequest(handle: number): Request {
  return { op: Op.delete, handle, message: [], object: [] };
}

/** True if a message answers another. */
export function isResponse(answer: OmapiMessage, request: Pick<OmapiMessage, 'tid'>): boolean {
  return answer.rid === request.tid;
}

/** What a status says. */
export interface Status {
  /** 0 = done. */
  readonly result: number;
  readonly text: string | undefined;
}

/** Reads a status; undefined for other messages. A status without a result is an unexpected error, as in omshell. */
export function readStatus(answer: OmapiMessage): Status | undefined {
  if (answer.op !== Op.status) return undefined;
  const result = uint32.decode(findEntry(answer.message, 'result') ?? noOctets());
  const text = findEntry(answer.message, 'message');
  return { result: result ?? Result.UNEXPECTED, text: text && Buffer.from(text).toString('utf8') };
}

/** The request that opens a key. Its answer is an update whose handle is the authid. */
export function authenticatorRequest({ name, algorithm }: Pick<Authenticator, 'name' | 'algorithm'>): Request {
  return openRequest('authenticator', [textEntry('name', name), textEntry('algorithm', wireName(algorithm))]);
}

/** A key that a client wants to open; a server finds it among its own, case ignored. */
export interface AuthenticatorQuery {
  /** undefined: absent or empty. */
  readonly name: string | undefined;
  /** As on the wire: a base name without suffix is not one. */
  readonly algorithm: string | undefined;
}

/** Reads the opening of an authenticator; undefined for other messages. */
export function readAuthenticatorRequest(request: OmapiMessage): AuthenticatorQuery | undefined {
  if (request.op !== Op.open || typeIn(request.message) !== 'authenticator') return undefined;
  return { name: textOf(request.object, 'name'), algorithm: textOf(request.object, 'algorithm') };
}

/** True if a key is the one a client asks for: names and algorithms compare without regard to case. */
export function answersQuery(key: Pick<Authenticator, 'name' | 'algorithm'>, query: AuthenticatorQuery): boolean {
  if (query.name === undefined || query.algorithm === undefined) return false;
  return (
    key.name.toLowerCase() === query.name.toLowerCase() &&
    wireName(key.algorithm).toLowerCase() === query.algorithm.toLowerCase()
  );
}

/** A server's answer with an object, to be signed by the caller. A request of tid 0 gets neither handle nor rid (as from dhcpd). */
export function updateAnswer(
  request: Pick<OmapiMessage, 'tid'>,
  tid: number,
  handle: number,
  object: readonly OutgoingEntry[],
): OutgoingMessage {
  return { op: Op.update, handle: request.tid === 0 ? 0 : handle, tid, rid: request.tid, object };
}

/** A server's answer without an object, to be signed by the caller. */
export function statusAnswer(request: Pick<OmapiMessage, 'tid'>, tid: number, status: Status): OutgoingMessage {
  const message: OutgoingEntry[] = [['result', status.result]];
  if (status.text !== undefined) message.push(textEntry('message', status.text));
  return { op: Op.status, tid, rid: request.tid, message };
}

/** The attributes of a key, as the answer to its opening has them. */
export function authenticatorAttributes(key: Pick<Authenticator, 'name' | 'algorithm'>): Entry[] {
  return [textEntry('name', key.name), textEntry('algorithm', wireName(key.algorithm))];
}

/** One line that tells what a message is, for logs: no values of statements, no signature. */
export function describeMessage(message: OmapiMessage): string {
  const names = (entries: readonly Entry[]): string => entries.map(([name]) => name).join(' ');
  const type = textOf(message.message, 'type');
  const status = readStatus(message);
  return [
    opName(message.op),
    type === undefined ? '' : `type=${type}`,
    status === undefined ? '' : `result=${status.result}`,
    `handle=${message.handle} tid=${message.tid} rid=${message.rid}`,
    message.authid === 0 ? 'unsigned' : `authid=${message.authid}`,
    `{${names(message.object)}}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** The type an open names, as a binary string; '' if it names none. */
export function typeIn(message: readonly Entry[]): string {
  const value = findEntry(message, 'type');
  return value === undefined ? '' : latin1At(value, 0, value.length);
}

function textOf(entries: readonly Entry[], name: string): string | undefined {
  const value = findEntry(entries, name);
  return value === undefined || value.length === 0 ? undefined : Buffer.from(value).toString('utf8');
}
