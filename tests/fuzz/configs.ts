/**
 * A mutation fuzzer for configurations: the golden ones, spoiled as text and as trees. Deterministic: seed and
 * iteration make the same configuration every time. A configuration loads, or is refused by ConfigError; nothing else.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { type ConfigSource, directoriesFrom, loadConfig } from 'lessor/internal/config/load.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { ConfigError } from 'lessor/internal/errors.js';
import { repoPath } from '../lib/repo.js';

/** A whole number from 0 up to, but not including, a bound. */
type Below = (bound: number) => number;

/** Longest time one configuration may take, in milliseconds: far more than any needs, far less than a hang. */
const MAX_MS = 5_000;

const folder = repoPath('tests', 'golden', 'configs');
const texts: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.conf'))
  .map((name) => readFileSync(`${folder}/${name}`, 'latin1'));

/** Mulberry32. */
function pseudoRandom(seed: number): Below {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** Reads includes of the golden files; anything else is missing. */
function readFile(path: string): string {
  if (path === 'fuzzed.conf') throw new Error('given by the fuzzer');
  if (/^pieces\/[a-z]+\.json$/.test(path)) return readFileSync(`${folder}/${path}`, 'latin1');
  throw new Error('no such file');
}

function load(source: ConfigSource, text = ''): JsonMap {
  return loadConfig(source, {
    readFile: (path) => (path === 'fuzzed.conf' ? text : readFile(path)),
    directoryMode: () => 0o750,
    directories: directoriesFrom({ KEA_DHCP_DATA_DIR: '/test/lib', KEA_CONTROL_SOCKET_DIR: '/test/run' }),
    insecure: true,
    generation: 1,
  }).snapshot.tree;
}

/** Pieces that sit on the edges of the syntax and of values. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u00',
  '/*',
  '*/',
  '#',
  '//',
  '<?include "',
  '"?>',
  'null',
  'TRUE',
  '-',
  '.',
  '1e9',
  '18446744073709551616',
  '4294967295',
  '0',
  '""',
  '"x"',
  '{"a":[',
  '\0',
  '\n',
  '\u00ff',
  "'",
  '0x',
  '/33',
  '999.1.1.1',
  'member(',
  'option[',
  ' - ',
  'vendor-',
  '__proto__',
  '[[[[[[[[',
  '"comment": "c",',
];

/** Spoils a text once. */
function spoilText(text: string, below: Below): string {
  const at = below(text.length + 1);
  const length = below(12);
  switch (below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + PIECES[below(PIECES.length)]! + text.slice(at + below(3));
    case 2: {
      const other = texts[below(texts.length)]!;
      const from = below(other.length);
      return text.slice(0, at) + other.slice(from, from + below(400)) + text.slice(at);
    }
    case 3:
      return text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
    default:
      return text.slice(0, at);
  }
}

/** Values that fit nowhere, or only just. */
const VALUES: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  255,
  65536,
  4294967295,
  4294967296,
  2n ** 63n,
  '',
  'x',
  '0.0.0.0',
  '10.0.0.0/0',
  '10.0.0.1',
  "'text'",
  '\u00c3\u00a9',
  'a'.repeat(300),
  [],
  {},
  [[]],
  [null],
  [{}],
  { a: 1 },
  { 'user-context': {} },
  ['KNOWN'],
  [{ name: 'x' }],
];

/** A copy in which one value, chosen with equal chance on each level, is another. */
function spoilTree(value: Json, below: Below, depth = 0): Json {
  if (value === null || typeof value !== 'object' || below(6 + depth) === 0) {
    return depth === 0 ? value : VALUES[below(VALUES.length)]!;
  }
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length === 0) return [VALUES[below(VALUES.length)]!];
    const at = below(items.length);
    if (below(5) === 0) return [...items, items[at]!];
    return items.map((item, i) => (i === at ? spoilTree(item, below, depth + 1) : item));
  }
  const members = Object.entries(value as JsonMap);
  if (members.length === 0) return { x: 1 };
  const at = below(members.length);
  if (below(8) === 0) return Object.fromEntries(members.filter((_, i) => i !== at));
  return Object.fromEntries(
    members.map(([name, item], i) => [name, i === at ? spoilTree(item, below, depth + 1) : item]),
  );
}

/** Trees of the golden files that load, which tree mutations start from. */
const trees: readonly JsonMap[] = texts.flatMap((text) => {
  try {
    return [load({ kind: 'file', path: 'fuzzed.conf' }, text)];
  } catch {
    return [];
  }
});

/** Loads one spoiled configuration. @returns whether it was accepted @throws whatever is no ConfigError */
function fuzzOne(below: Below): boolean {
  const asText = below(2) === 0;
  try {
    if (asText) {
      let text = texts[below(texts.length)]!;
      for (let left = 1 + below(4); left > 0; left--) text = spoilText(text, below);
      load({ kind: 'file', path: 'fuzzed.conf' }, text);
    } else {
      let tree: Json = trees[below(trees.length)]!;
      for (let left = 1 + below(3); left > 0; left--) tree = spoilTree(tree, below);
      load({ kind: 'json', value: { Dhcp4: tree } });
    }
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** How a run went. */
export interface ConfigFuzzResult {
  readonly accepted: number;
  readonly refused: number;
}

/**
 * Loads spoiled configurations.
 * @throws Error with seed and iteration if one throws anything but ConfigError, or takes too long
 */
export function fuzzConfigs(iterations: number, seed: number): ConfigFuzzResult {
  let accepted = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const below = pseudoRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(iteration, 0x85ebca6b));
    const start = process.hrtime.bigint();
    try {
      if (fuzzOne(below)) accepted++;
    } catch (error) {
      throw new Error(`fuzz configs: seed ${seed}, iteration ${iteration}`, { cause: error });
    }
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    if (ms > MAX_MS) throw new Error(`fuzz configs: seed ${seed}, iteration ${iteration} took ${Math.round(ms)} ms`);
  }
  return { accepted, refused: iterations - accepted };
}
