/** Answers for people: lists of objects as tables, objects as lines, everything else as indented JSON. */

import { type JsonMap, type JsonValue, type KeaAnswer, ResultCode } from '@lessor/kea';
import { formatColumns } from '../table.js';

/** An answer, with its text and whatever it holds. */
export function formatForPeople({ result, text, arguments: args }: KeaAnswer): string {
  const words = Object.entries(ResultCode).find(([, code]) => code === result)?.[0] ?? `result ${result}`;
  const head = result === ResultCode.success ? (text ?? '') : `${words}: ${text ?? ''}`;
  const body = args === undefined ? '' : formatBody(args);
  return `${head === '' ? '' : `${head}\n`}${body}`;
}

/** An answer as one line of JSON. */
export function formatAnswerLine(answer: KeaAnswer): string {
  return `${JSON.stringify(answer, bigints)}\n`;
}

function bigints(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

function formatBody(value: JsonValue): string {
  if (isTexts(value)) return value.map((item) => `${item}\n`).join('');
  if (!isMap(value)) return `${formatIndented(value)}\n`;
  const members = Object.entries(value);
  const [only] = members;
  if (members.length > 0 && members.every(([, item]) => isSamples(item))) return statistics(value);
  const list = members.find(([, item]) => isMaps(item));
  // A list with what describes it: leases and their count.
  if (list !== undefined && members.every((each) => each === list || isScalar(each[1]))) {
    return objects(list[1] as readonly JsonMap[]);
  }
  if (members.length === 1 && isMap(only![1])) {
    const { columns, rows } = only![1];
    if (isTexts(columns) && Array.isArray(rows)) {
      return formatColumns([columns.map(heading), ...(rows as JsonValue[][]).map((row) => row.map(cell))]);
    }
  }
  if (members.every(([, item]) => isScalar(item) || isTexts(item))) {
    return formatColumns(members.map(([name, item]) => [name, cell(item)]));
  }
  return `${formatIndented(value)}\n`;
}

/** Columns that people look for first, in this order; the others follow in the order of the answer. */
const FIRST = ['id', 'subnet-id', 'name', 'ip-address', 'subnet', 'hw-address', 'client-id', 'hostname'];

function objects(list: readonly JsonMap[]): string {
  if (list.length === 0) return '';
  const names = [...new Set(list.flatMap((item) => Object.keys(item)))];
  const columns = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
  return formatColumns([columns.map(heading), ...list.map((item) => columns.map((name) => named(name, item[name])))]);
}

/** When a lease was last renewed means more to people as a time. */
function named(name: string, value: JsonValue | undefined): string {
  if (name === 'cltt' && typeof value === 'number') {
    return new Date(value * 1000).toISOString().replace('T', ' ').slice(0, 19);
  }
  return cell(value);
}

function statistics(map: JsonMap): string {
  const rows = Object.entries(map).map(([name, samples]) => {
    const [value, time] = (samples as JsonValue[][])[0]!;
    return [name, cell(value), cell(time)];
  });
  return formatColumns([['NAME', 'VALUE', 'SINCE'], ...rows]);
}

function heading(name: string): string {
  return name.toUpperCase();
}

function cell(value: JsonValue | undefined): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'object') {
    return isTexts(value) || isEmpty(value) ? value.join(' ') || '-' : JSON.stringify(value, bigints);
  }
  return String(value);
}

function formatIndented(value: JsonValue): string {
  return JSON.stringify(value, bigints, 2);
}

function isMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: JsonValue | undefined): boolean {
  return typeof value !== 'object' || value === null;
}

function isEmpty(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value) && value.length === 0;
}

function isTexts(value: JsonValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function isMaps(value: JsonValue | undefined): value is readonly JsonMap[] {
  return Array.isArray(value) && value.every(isMap);
}

/** Samples of a statistic: [ [ value, time ], ... ]. */
function isSamples(value: JsonValue): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return (value as JsonValue[]).every((sample) => Array.isArray(sample) && sample.length === 2);
}
