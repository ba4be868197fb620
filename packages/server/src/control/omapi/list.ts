/**
 * The object `list`, lessor's own: a page of the objects of one type. dhcpd has no such type and no way to list anything.
 * An open with `of`, a type, answers with objects numbered from 1, each a dictionary of handle and attributes, and with
 * `next` if there are more: that is the `after` of the next page. The control object announces it (`extensions`).
 */

import { encodeDictionary, type OutgoingEntry } from '@lessor/omapi';
import { octetsOf } from '../../domain/values.js';
import {
  type AnyRow,
  type Attributes,
  invalidArgument,
  type OmapiContext,
  octetsEntry,
  readUint32,
  uint32Entry,
} from './object.js';

/** Name of the type, and of the extension as the control object announces it. */
export const LIST_TYPE = 'list';
/** Most objects of one page, and how many there are if nothing is asked for. */
const MAX_PAGE = 500;
const DEFAULT_PAGE = 100;
/** Octets at which a page ends early: clients take 64 KiB. */
const PAGE_OCTETS = 48_000;

/** Answers one page. @throws OmapiRefusal INVALIDARG */
export function listPage(
  given: Attributes,
  rows: ReadonlyMap<string, AnyRow>,
  context: OmapiContext,
): readonly OutgoingEntry[] {
  const of = octetsOf(given.get('of') ?? new Uint8Array(0));
  const row = rows.get(of);
  if (row?.list === undefined) {
    const types = [...rows.values()].filter(({ list }) => list !== undefined).map(({ type }) => type);
    throw invalidArgument(`'of' is one of ${types.join(', ')}`);
  }
  const limit = given.get('limit');
  const most = Math.min(Math.max(limit === undefined ? DEFAULT_PAGE : readUint32(limit, 'limit'), 1), MAX_PAGE);
  const entries: OutgoingEntry[] = [];
  let octets = 0;
  let last = '';
  for (const found of row.list(context, octetsOf(given.get('after') ?? new Uint8Array(0)))) {
    if (entries.length === most || octets > PAGE_OCTETS) return [...entries, octetsEntry('next', last)];
    last = row.identity(found);
    const handle = uint32Entry('handle', context.handles.numberOf(row.type, last));
    const object = encodeDictionary([handle, ...row.attributes(found, context)]);
    octets += object.length;
    entries.push([String(entries.length + 1), object]);
  }
  return entries;
}
