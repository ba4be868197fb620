/** The file dialect: positions, includes, recovery. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IssueList } from 'lessor/internal/config/issues.js';
import { MAX_NESTING, parseConfigText } from 'lessor/internal/config/text.js';
import { type ConfigNode, fromJson, toJson } from 'lessor/internal/config/tree.js';
import { linesOf } from './config-helpers.js';

function parse(text: string, files: Readonly<Record<string, string>> = {}) {
  const issues = new IssueList();
  const node = parseConfigText('f', text, issues, (path) => {
    if (!Object.hasOwn(files, path)) throw new Error('no such file');
    return files[path]!;
  });
  return { node, errors: linesOf(issues.sorted('error')), warnings: linesOf(issues.sorted('warning')) };
}

function valueOfText(text: string): unknown {
  const { node, errors } = parse(text);
  assert.deepEqual(errors, []);
  return toJson(node!);
}

/** The node at a path of member names and indexes. */
function descend(node: ConfigNode | undefined, ...path: (string | number)[]): ConfigNode {
  let at = node!;
  for (const step of path) {
    if (at.kind === 'map') at = at.members.get(step as string)!.value;
    else if (at.kind === 'list') at = at.items[step as number]!;
  }
  return at;
}

describe('parseConfigText', () => {
  it('reads what JSON has', () => {
    assert.deepEqual(valueOfText('{ "a": [ 1, -2.5, true, false, null, "x", {} ], "b": [] }'), {
      a: [1, -2.5, true, false, null, 'x', {}],
      b: [],
    });
  });

  it('takes numbers without digits before or after the point, as Kea does', () => {
    assert.deepEqual(valueOfText('[ .5, -.5, 5., 1e3 ]'), [0.5, -0.5, 5, 1000]);
  });

  it('keeps 64-bit integers exact and refuses longer ones', () => {
    assert.deepEqual(valueOfText('[ 9223372036854775807, -9223372036854775808 ]'), [2n ** 63n - 1n, -(2n ** 63n)]);
    assert.equal(parse('[ 9223372036854775808 ]').errors.length, 1);
  });

  it('takes all three kinds of comment wherever blanks may stand', () => {
    assert.deepEqual(valueOfText('# a\n{ // b "\n "x" /* c\n */ : 1 # }\n }'), { x: 1 });
  });

  it('knows where everything stands', () => {
    const { node } = parse('{\n  "a": [\n\t{ "b": 7 }\n] }');
    assert.deepEqual(descend(node, 'a', 0, 'b').at, { file: 'f', line: 3, column: 9 });
    assert.deepEqual(descend(node, 'a').at, { file: 'f', line: 2, column: 8 });
  });

  it('counts lines inside comments', () => {
    assert.deepEqual(descend(parse('/* 1\n2\n3 */ { "a": 1 }').node, 'a').at, { file: 'f', line: 3, column: 13 });
  });

  it('reads escapes as single octets', () => {
    assert.equal(valueOfText('"\\u0041\\u00e9\\n\\/\\"\\\\"'), 'A\u00e9\n/"\\');
    assert.match(parse('"\\u0100"').errors[0]!, /f:1\.2: unsupported unicode escape/);
  });

  it('warns of extra commas, and refuses leading ones', () => {
    const { node, warnings, errors } = parse('{ "a": [ 1,, 2, ], }');
    assert.deepEqual(toJson(node!), { a: [1, 2] });
    assert.deepEqual(errors, []);
    assert.equal(warnings.length, 3);
    assert.equal(parse('[ , 1 ]').errors.length, 1);
    assert.equal(parse('{ , }').errors.length, 1);
  });

  it('warns of leading zeros and reads them as decimal', () => {
    const { node, warnings } = parse('[ 010, -007 ]');
    assert.deepEqual(toJson(node!), [10, -7]);
    assert.equal(warnings.length, 2);
  });

  it('names both places of a member given twice', () => {
    const { errors } = parse('{ "a": 1,\n  "a": 2 }');
    assert.deepEqual(errors, ['f:2.3: "a" is given twice in the same map, before at f:1.3 (a)']);
  });

  it('reports faults on every level and goes on behind them', () => {
    const { node, errors } = parse('{ "a": TRUE, "b" 2, \'c\': 3, "d": { "e": +1, "f": 6 }, "g": 7 ]');
    assert.deepEqual(toJson(node!), { d: { f: 6 }, g: 7 });
    assert.equal(errors.length, 5);
  });

  it('limits nesting', () => {
    assert.equal(parse('['.repeat(MAX_NESTING) + ']'.repeat(MAX_NESTING)).errors.length, 0);
    const { errors } = parse('['.repeat(50_000) + ']'.repeat(50_000));
    assert.deepEqual(
      errors.map((line) => line.slice(0, 7)),
      ['f:1.101'],
    );
  });

  it('refuses what stands behind the end', () => {
    assert.equal(parse('{} {}').errors.length, 1);
    assert.equal(parse('').errors.length, 1);
  });
});

describe('includes', () => {
  it('put tokens of another file in place, with its positions', () => {
    const { node, errors } = parse('{ <?include "part"?> "z": 1 }', { part: '\n"a": { "b": 2 },\n' });
    assert.deepEqual(errors, []);
    assert.deepEqual(toJson(node!), { a: { b: 2 }, z: 1 });
    assert.deepEqual(descend(node, 'a', 'b').at, { file: 'part', line: 2, column: 13 });
  });

  it('stop when files include each other in a circle', () => {
    const { errors } = parse('[ <?include "loop"?> ]', { loop: '<?include "loop"?>' });
    assert.deepEqual(errors.length, 1);
    assert.match(errors[0]!, /^loop:1\.1: files include each other/);
  });

  it('are ten deep at most', () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, i) => [`f${i}`, i === length - 1 ? '1' : `<?include "f${i + 1}"?>`]),
      );
    assert.deepEqual(parse('[ <?include "f0"?> ]', chain(10)).errors, []);
    assert.equal(parse('[ <?include "f0"?> ]', chain(11)).errors.length, 1);
  });

  it('report directives that are none', () => {
    assert.equal(parse('[ <?import "x"?> ]').errors.length, 1);
    assert.equal(parse('[ <?include "nowhere"?> ]').errors.length, 1);
  });
});

describe('trees', () => {
  it('JSON comes back from its text and from its tree', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const value = JSON.parse(text) as Parameters<typeof fromJson>[0];
        assert.deepEqual(toJson(fromJson(value)), value);
      }),
    );
  });

  it('keep a member called __proto__', () => {
    const value = valueOfText('{ "__proto__": { "x": 1 } }') as object;
    assert.deepEqual(Object.keys(value), ['__proto__']);
  });
});
