/**
 * Log layouts: the `pattern` of Kea's output-options (the PatternLayout of log4cplus), compiled once, and the JSON
 * lines layout that is chosen by the pattern `json`.
 */

import { hostname } from 'node:os';
import type { EpochMs } from '../domain/values.js';
import type { Severity } from '../services/ports.js';

/** One thing that happened, before it is laid out. */
export interface LogEvent {
  readonly at: EpochMs;
  readonly severity: Severity;
  /** Full name of the logger: kea-dhcp4.leases. */
  readonly logger: string;
  readonly id: string;
  readonly text: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Lays one event out as the text that is written, final newline included. */
export type Layout = (event: LogEvent) => string;

/** Kea's pattern for consoles and files. */
export const DEFAULT_PATTERN = '%D{%Y-%m-%d %H:%M:%S.%q} %-5p [%c/%i.%t] %m\n';
/** Kea's pattern for syslog, which adds time and process itself. */
export const DEFAULT_SYSLOG_PATTERN = '%-5p [%c.%t] %m\n';
/** The pattern that asks for JSON lines instead: one object a line, for collectors. Kea would print the word. */
export const JSON_PATTERN = 'json';

/** The layout of a pattern. Conversions nobody knows are kept as they are written, as log4cplus does. */
export function compileLayout(pattern: string): Layout {
  if (pattern === JSON_PATTERN) return jsonLine;
  const pieces: (string | Layout)[] = [];
  const conversion = /%(-?)(\d*)(?:\.(\d+))?([A-Za-z%])(?:\{([^}]*)\})?/g;
  let done = 0;
  for (const match of pattern.matchAll(conversion)) {
    const [whole, left, min, max, letter, argument] = match;
    const convert = CONVERSIONS[letter!];
    // Only some conversions take braces; after the others they are ordinary text.
    const takesArgument = 'dDcEb'.includes(letter!);
    const text = takesArgument || argument === undefined ? whole : whole.slice(0, whole.indexOf('{'));
    pieces.push(pattern.slice(done, match.index));
    pieces.push(
      convert === undefined ? text : pad(convert(argument ?? ''), left === '-', Number(min), Number(max ?? 0)),
    );
    done = match.index + text.length;
    conversion.lastIndex = done;
  }
  pieces.push(pattern.slice(done));
  const parts = pieces.filter((piece) => piece !== '');
  return (event) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : part(event);
    return line;
  };
}

/** One event as a JSON object: time (ISO 8601, UTC), severity, logger, id, text, then the event's own fields. */
function jsonLine(event: LogEvent): string {
  const head = {
    time: new Date(event.at).toISOString(),
    severity: event.severity,
    logger: event.logger,
    pid: process.pid,
    id: event.id,
    text: event.text,
  };
  return `${JSON.stringify({ ...event.fields, ...head }, jsonSafe)}\n`;
}

function jsonSafe(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return value.stack ?? value.message;
  return value;
}

/** log4cplus: %-5.10p is at least 5 characters, to the left, and at most the last 10. */
function pad(layout: Layout, left: boolean, min: number, max: number): Layout {
  if (min === 0 && max === 0) return layout;
  return (event) => {
    let text = layout(event);
    if (max > 0 && text.length > max) text = text.slice(-max);
    return left ? text.padEnd(min) : text.padStart(min);
  };
}

const pid = String(process.pid);

/** What each letter after % stands for; the argument is what stands in braces. */
const CONVERSIONS: Readonly<Record<string, (argument: string) => Layout>> = {
  '%': () => () => '%',
  n: () => () => '\n',
  m: () => (event) => `${event.id} ${event.text}`,
  p: () => (event) => event.severity,
  c: (argument) => loggerName(Number(argument)),
  i: () => () => pid,
  // The thread that decides and logs is the only one there is: on Linux its number is the process's.
  t: () => () => pid,
  T: () => () => pid,
  D: (format) => dateFormat(format, false),
  d: (format) => dateFormat(format, true),
  r: () => () => String(Math.round(process.uptime() * 1000)),
  h: () => () => hostname().split('.')[0]!,
  H: () => () => hostname(),
  E: (name) => () => process.env[name] ?? '',
  // Source positions and diagnostic contexts: Kea's own messages carry none worth having either.
  b: () => () => '',
  F: () => () => '',
  l: () => () => '',
  L: () => () => '',
  M: () => () => '',
  x: () => () => '',
  X: () => () => '',
};

/** %c{2}: only the last two components of the name. */
function loggerName(components: number): Layout {
  if (!(components > 0)) return (event) => event.logger;
  return (event) => event.logger.split('.').slice(-components).join('.');
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** The broken-down time of an instant, in UTC or local time. */
interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  readonly epochSec: number;
  /** Minutes east of UTC. */
  readonly offset: number;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** strftime letters, with log4cplus's own: %q is milliseconds, %Q the same. */
const DATE_PARTS: Readonly<Record<string, (moment: Moment) => string>> = {
  Y: (m) => String(m.year),
  y: (m) => two(m.year % 100),
  C: (m) => two(Math.floor(m.year / 100)),
  m: (m) => two(m.month + 1),
  d: (m) => two(m.day),
  e: (m) => String(m.day).padStart(2),
  H: (m) => two(m.hour),
  I: (m) => two(m.hour % 12 || 12),
  M: (m) => two(m.minute),
  S: (m) => two(m.second),
  p: (m) => (m.hour < 12 ? 'AM' : 'PM'),
  q: (m) => String(m.ms).padStart(3, '0'),
  Q: (m) => `${String(m.ms).padStart(3, '0')}.000`,
  a: (m) => DAYS[m.weekday]!.slice(0, 3),
  A: (m) => DAYS[m.weekday]!,
  w: (m) => String(m.weekday),
  b: (m) => MONTHS[m.month]!.slice(0, 3),
  h: (m) => MONTHS[m.month]!.slice(0, 3),
  B: (m) => MONTHS[m.month]!,
  j: (m) => String(dayOfYear(m)).padStart(3, '0'),
  F: (m) => `${m.year}-${two(m.month + 1)}-${two(m.day)}`,
  T: (m) => `${two(m.hour)}:${two(m.minute)}:${two(m.second)}`,
  R: (m) => `${two(m.hour)}:${two(m.minute)}`,
  D: (m) => `${two(m.month + 1)}/${two(m.day)}/${two(m.year % 100)}`,
  s: (m) => String(m.epochSec),
  z: (m) => `${m.offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(m.offset) / 60))}${two(Math.abs(m.offset) % 60)}`,
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

function dayOfYear(moment: Moment): number {
  return Math.round((Date.UTC(moment.year, moment.month, moment.day) - Date.UTC(moment.year, 0, 1)) / 86_400_000) + 1;
}

/** %D{...} (local time) and %d{...} (UTC); without braces `%Y-%m-%d %H:%M:%S`. */
function dateFormat(format: string, utc: boolean): Layout {
  const parts = (format === '' ? '%Y-%m-%d %H:%M:%S' : format)
    .split(/(%[A-Za-z%])/)
    .map((part) => (part.startsWith('%') ? (DATE_PARTS[part[1]!] ?? part) : part));
  let at = Number.NaN;
  let text = '';
  return (event) => {
    // Lines come many in one millisecond: the text of the last one is worth keeping.
    if (event.at !== at) {
      at = event.at;
      const moment = momentOf(at, utc);
      text = parts.map((part) => (typeof part === 'string' ? part : part(moment))).join('');
    }
    return text;
  };
}

function momentOf(at: EpochMs, utc: boolean): Moment {
  const date = new Date(at);
  const offset = utc ? 0 : -date.getTimezoneOffset();
  // Local time is UTC of an instant shifted by the offset: one set of getters serves both.
  const shifted = new Date(at + offset * 60_000);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth(),
    day: shifted.getUTCDate(),
    weekday: shifted.getUTCDay(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    ms: shifted.getUTCMilliseconds(),
    epochSec: Math.floor(at / 1000),
    offset,
  };
}
