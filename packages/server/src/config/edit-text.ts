/**
 * Edits of config/edit.ts made to the text of a configuration file. Everything else stays as it is, octet for octet:
 * comments, order, white space. What is written new takes the indentation of its neighbours.
 */

import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { atOnce, type Sliced } from '../domain/slices.js';
import type { Json } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { formatPlace, type Place, type TreeEdit } from './edit.js';
import { IssueList } from './issues.js';
import {
  closeOf,
  type Extent,
  endOfLine,
  entryAt,
  findValue,
  membersOf,
  type Neighbours,
  skipBlank,
  skipComment,
  startOfLine,
} from './outline.js';
import { parseConfigText } from './text.js';
import { isList, toJson } from './tree.js';

const TAB = 0x09;
const RETURN = 0x0d;
const BLANK = 0x20;
const HASH = 0x23;
const SLASH = 0x2f;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/** How far into a file its indentation is looked for. */
const HEAD_OCTETS = 4096;

/** What indentation is one step deeper where the file does not show one. */
const STEP = '  ';

/**
 * The file after the edits, which are places below the `Dhcp4` map. A comment in the line of a removed entry goes with
 * it; comments in lines of their own stay.
 * @throws LessorError `config-edit` if a place is not in the text itself but in a file it includes
 */
export function editText(text: Buffer, edits: readonly TreeEdit[]): Buffer {
  return atOnce(editTextSliced(text, edits));
}

/** {@link editText}, to be interrupted after every walk through the text. */
export function* editTextSliced(text: Buffer, edits: readonly TreeEdit[]): Sliced<Buffer> {
  let edited = text;
  for (let at = 0; at < edits.length; ) {
    const appends = appendsFrom(edits, at);
    edited = appends.length > 1 ? yield* appendAll(edited, appends) : editOnce(edited, edits[at]!);
    at += Math.max(1, appends.length);
    yield;
  }
  return edited;
}

type Append = Extract<TreeEdit, { readonly op: 'append' }>;

/** The edits from one on that append to one list. */
function appendsFrom(edits: readonly TreeEdit[], from: number): Append[] {
  const found: Append[] = [];
  for (let at = from; at < edits.length; at++) {
    const edit = edits[at]!;
    if (edit.op !== 'append' || (found.length > 0 && !isDeepStrictEqual(edit.to, found[0]!.to))) break;
    found.push(edit);
  }
  return found;
}

/** Several items at once: the text is walked twice, to see how they are to look and to put them in, however many they are. */
function* appendAll(text: Buffer, appends: readonly Append[]): Sliced<Buffer> {
  const { to } = appends[0]!;
  let layout: Layout = { indent: '', step: '', lines: false };
  appendTo(text, to, (found) => {
    layout = found;
    return '';
  });
  yield;
  const items: string[] = [];
  for (const { value } of appends) {
    items.push(formatValue(value, layout));
    yield;
  }
  const joined = items.join(layout.lines ? `,\n${layout.indent}` : ', ');
  return appendTo(text, to, () => joined);
}

function editOnce(text: Buffer, edit: TreeEdit): Buffer {
  switch (edit.op) {
    case 'set':
      return setValue(text, edit.at, edit.value);
    case 'remove':
      return removeEntry(text, edit.at);
    case 'append':
      return appendTo(text, edit.to, (layout) => formatValue(edit.value, layout));
    case 'move':
      return moveEntry(text, edit.from, edit.to);
  }
}

// -- the edits --------------------------------------------------------------------------------------------------------

function setValue(text: Buffer, at: Place, value: Json): Buffer {
  const open = openOf(text, at.slice(0, -1));
  const step = at[at.length - 1]!;
  const { here } = findEntry(text, open, step);
  if (here !== undefined) {
    const from = findValue(text, open, step)!;
    if (isDeepStrictEqual(readPiece(text.toString('latin1', from, here.end)), value)) return text;
    return splice(text, from, here.end, formatValue(value, layoutAt(text, here.start)));
  }
  if (typeof step !== 'string') throw missing(at);
  return addEntry(text, open, (layout) => `${quote(step)}: ${formatValue(value, layout)}`);
}

function appendTo(text: Buffer, to: Place, format: (layout: Layout) => string): Buffer {
  const open = openOf(text, to.slice(0, -1));
  const name = to[to.length - 1]!;
  const list = findValue(text, open, name);
  if (list !== undefined) {
    if (text[list] !== OPEN_BRACKET) throw missing(to);
    return addEntry(text, list, format);
  }
  if (typeof name !== 'string') throw missing(to);
  return addEntry(text, open, (layout) => {
    if (!layout.lines) return `${quote(name)}: [ ${format(layout)} ]`;
    const inner = { ...layout, indent: layout.indent + layout.step };
    return `${quote(name)}: [\n${inner.indent}${format(inner)}\n${layout.indent}]`;
  });
}

function moveEntry(text: Buffer, from: Place, to: Place): Buffer {
  const { here } = findEntry(text, openOf(text, from.slice(0, -1)), from[from.length - 1]!);
  if (here === undefined) throw missing(from);
  const moved = text.toString('latin1', here.start, here.end);
  const depth = startOfLineIndent(text, here.start);
  const added = appendTo(text, to, ({ indent, lines }) => (lines ? reindent(moved, depth, indent) : moved));
  return removeEntry(added, from);
}

/** The file without a member that stands beside the `Dhcp4` map. @throws LessorError `config-edit` if there is none */
export function removeBeside(text: Buffer, name: string): Buffer {
  return removeFrom(text, skipBlank(text, 0), [name]);
}

function removeEntry(text: Buffer, at: Place): Buffer {
  return removeFrom(text, openOf(text, at.slice(0, -1)), at);
}

/** @param open where the map or list opens that the last step of `at` is in */
function removeFrom(text: Buffer, open: number, at: Place): Buffer {
  const { before, here } = findEntry(text, open, at[at.length - 1]!);
  if (here === undefined) throw missing(at);
  const { from, to } = extentOf(text, here);
  const removed = splice(text, from, to, '');
  // The last one takes the comma before it along, so that none trails.
  if (here.comma !== -1 || before === undefined || before.comma === -1) return removed;
  return splice(removed, before.comma, before.comma + 1, '');
}

/** What goes with an entry: its comma, a comment behind it in the same line, and the whole line if it has it alone. */
function extentOf(text: Buffer, entry: Extent): { readonly from: number; readonly to: number } {
  let to = entry.comma === -1 ? entry.end : entry.comma + 1;
  const line = startOfLine(text, entry.start);
  const alone = text.toString('latin1', line, entry.start).trim() === '';
  const tail = afterComments(text, to);
  if (alone && tail === endOfLine(text, to)) return { from: line, to: Math.min(tail + 1, text.length) };
  while (text[to] === BLANK) to++;
  return { from: entry.start, to };
}

/** Adds an entry behind the last one of a map or list. */
function addEntry(text: Buffer, open: number, format: (layout: Layout) => string): Buffer {
  const last = entryAt(text, open, Number.POSITIVE_INFINITY).before;
  if (last === undefined) return addFirst(text, open, format);
  const layout = layoutAt(text, last.start);
  const line = startOfLine(text, last.start);
  const ownLine = text.toString('latin1', line, last.start).trim() === '';
  const end = last.comma === -1 ? last.end : last.comma + 1;
  const comma = last.comma === -1 ? ',' : '';
  if (!ownLine) return splice(text, end, end, `${comma} ${format({ ...layout, lines: false })}`);
  // Behind the comment of the last entry, which is about that and not about the new one.
  const tail = afterComments(text, end);
  const added = splice(text, tail, tail, `\n${layout.indent}${format({ ...layout, lines: true })}`);
  return splice(added, end, end, comma);
}

function addFirst(text: Buffer, open: number, format: (layout: Layout) => string): Buffer {
  const close = closeOf(text, open);
  const outer = startOfLineIndent(text, open);
  const step = stepOf(text);
  const layout = { indent: outer + step, step, lines: true };
  // Comments in an otherwise empty list stay before the first entry.
  const comments = text.toString('latin1', open + 1, close).trimEnd();
  return splice(text, open + 1, close, `${comments}\n${layout.indent}${format(layout)}\n${outer}`);
}

/** Offset behind blanks and comments of the rest of this line; a comment that goes on in the next line is left. */
function afterComments(text: Buffer, from: number): number {
  const end = endOfLine(text, from);
  let at = from;
  let behind = from;
  while (at < end) {
    const octet = text[at];
    if (octet === BLANK || octet === TAB || octet === RETURN) at++;
    else if (octet === HASH || octet === SLASH) {
      const close = skipComment(text, at);
      if (close > end) return behind;
      at = close;
      behind = at;
    } else return behind;
  }
  return end;
}

// -- finding ----------------------------------------------------------------------------------------------------------

/** The entry of a member by its name, or of an item by its position. */
function findEntry(text: Buffer, open: number, step: string | number): Neighbours {
  if (typeof step === 'number') return entryAt(text, open, step);
  let before: Extent | undefined;
  for (const member of membersOf(text, open)) {
    if (member.name === step) return { before, here: member };
    before = member;
  }
  return { before, here: undefined };
}

/** Offset of the bracket that opens the map or list at a place of the `Dhcp4` map. */
function openOf(text: Buffer, place: Place): number {
  let open = skipBlank(text, 0);
  for (const step of ['Dhcp4', ...place]) {
    const value = findValue(text, open, step);
    if (value === undefined || (text[value] !== OPEN_BRACE && text[value] !== OPEN_BRACKET)) throw missing(place);
    open = value;
  }
  return open;
}

function missing(place: Place): LessorError {
  return new LessorError('config-edit', `the file has no ${formatPlace(place)} of its own`);
}

// -- writing ----------------------------------------------------------------------------------------------------------

/** How something new is laid out. */
interface Layout {
  /** White space its lines begin with, the first one excepted. */
  readonly indent: string;
  /** What one level more adds. */
  readonly step: string;
  /** False: all in one line. */
  readonly lines: boolean;
}

function layoutAt(text: Buffer, at: number): Layout {
  const indent = startOfLineIndent(text, at);
  return { indent, step: stepOf(text), lines: true };
}

function startOfLineIndent(text: Buffer, at: number): string {
  return /^[ \t]*/.exec(text.toString('latin1', startOfLine(text, at), at))![0];
}

/** One level of indentation as the file has it: that of its first indented line. */
function stepOf(text: Buffer): string {
  return /\n([ \t]+)"/.exec(text.toString('latin1', 0, HEAD_OCTETS))?.[1] ?? STEP;
}

/** A value as text: maps one member a line, lists of scalars in one line. */
function formatValue(value: Json, layout: Layout): string {
  if (value === null || typeof value !== 'object') return formatScalar(value);
  const inner = { ...layout, indent: layout.indent + layout.step };
  const flat = !layout.lines || (isList(value) && value.every((item) => item === null || typeof item !== 'object'));
  const parts = isList(value)
    ? value.map((item) => formatValue(item, inner))
    : Object.entries(value).map(([name, item]) => `${quote(name)}: ${formatValue(item, inner)}`);
  const [open, close] = isList(value) ? ['[', ']'] : ['{', '}'];
  if (parts.length === 0) return `${open} ${close}`;
  if (flat) return `${open} ${parts.join(', ')} ${close}`;
  return `${open}\n${inner.indent}${parts.join(`,\n${inner.indent}`)}\n${layout.indent}${close}`;
}

function formatScalar(value: null | boolean | number | bigint | string): string {
  return typeof value === 'string' ? quote(value) : String(value);
}

/** Text that is UTF-8 is written as it is, other octets and controls as escapes. */
function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  const special = isUtf8(Buffer.from(text, 'latin1')) ? /[^ !#-[\]-~\u0080-\u00ff]/g : /[^ !#-[\]-~]/g;
  return `"${text.replace(special, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\u00${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Lines of a moved value at their new depth. Strings hold no newlines, so every line begins with white space. */
function reindent(moved: string, from: string, to: string): string {
  const [first, ...rest] = moved.split('\n');
  return [first, ...rest.map((line) => (line.startsWith(from) ? to + line.slice(from.length) : line))].join('\n');
}

/** The value a piece of the file stands for; undefined if it can not be told (an include directive in it). */
function readPiece(piece: string): Json | undefined {
  const issues = new IssueList();
  const node = parseConfigText('', piece, issues);
  return node === undefined || issues.hasErrors ? undefined : toJson(node);
}

function splice(text: Buffer, from: number, to: number, replacement: string): Buffer {
  return Buffer.concat([text.subarray(0, from), Buffer.from(replacement, 'latin1'), text.subarray(to)]);
}
