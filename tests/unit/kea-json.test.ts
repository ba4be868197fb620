/** @lessor/kea: the JSON dialect of commands, its output text, the framing of unix sockets, the envelope. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CommandFramer,
  EnvelopeError,
  formatAnswer,
  formatJson,
  formatJsonIndented,
  formatJsonPieces,
  JsonSyntaxError,
  type JsonValue,
  jsonTypeOf,
  parseCommandJson,
  parseEnvelope,
} from '@lessor/kea';

const unix = (text: string) => parseCommandJson(text, { comments: true });
const http = (text: string) => parseCommandJson(text, { comments: false });

describe('parseCommandJson', () => {
  const accepted: readonly [what: string, text: string, value: JsonValue][] = [
    ['plain values', '[true, false, null, 0, -7, 1.5, 1e3, .5, "x"]', [true, false, null, 0, -7, 1.5, 1000, 0.5, 'x']],
    ['trailing comma in a list', '[1,2,]', [1, 2]],
    ['the last of two equal members', '{"a":1,"a":2}', { a: 2 }],
    ['raw control characters', '"a\tb\u0001\u0000"', 'a\tb\u0001\u0000'],
    ['escapes', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u0000"', '"\\/\b\f\n\r\t\u00e9\u0000'],
    ['integers beyond 2^53 exactly', '[9007199254740993]', [9007199254740993n]],
    ['integers of 128 bit', '170141183460469231731687303715884105727', 2n ** 127n - 1n],
    ['minus zero', '-0', 0],
    ['empty containers and blanks', ' \t\r\n\b\f{ "a" : [ ] , "b":{ } } ', { a: [], b: {} }],
  ];
  for (const [what, text, value] of accepted) it(`takes ${what}`, () => assert.deepEqual(unix(text), value));

  const refused: readonly [text: string, message: RegExp][] = [
    ['{"a":1,}', /^String expected in <wire>:0:8$/],
    ['[,1]', /^error: unexpected character , in <wire>:0:2$/],
    ['{"a" 1}', /^'1' read, one of ":" expected in <wire>:0:6$/],
    ['{"a":1]', /^']' read, one of ",}" expected/],
    ['[1', /^EOF read, one of ",]" expected/],
    ['{', /^Unterminated map/],
    ['"abc', /^Unterminated string/],
    ['[01]', /^Illegal leading zeros in '01' in <wire>:0:1$/],
    ['[-01]', /^Illegal leading zeros in '-01'/],
    ['TRUE', /^error: unexpected character T/],
    ['[tRUE]', /^Bad boolean value: tRUE/],
    ['nil', /^Bad null value: nil/],
    ['+1', /^error: unexpected character \+/],
    ['1e999', /^Number overflow .* to double/],
    ['1-2', /^Number overflow/],
    ['170141183460469231731687303715884105728', /^Number overflow .* to int128/],
    [`[${'9'.repeat(100_000)}]`, /^Number overflow/],
    ['"\\u0100"', /^Unsupported unicode escape/],
    ['"\\u00g0"', /^Not hexadecimal/],
    ['"\\q"', /^Bad escape/],
    ['', /^nothing read$/],
    ['1 2', /^Extra data/],
  ];
  for (const [text, message] of refused) {
    it(`refuses ${text.slice(0, 30)}`, () =>
      assert.throws(
        () => unix(text),
        (error) => error instanceof JsonSyntaxError && message.test(error.message),
      ));
  }

  it('takes comments on unix sockets only', () => {
    const text = '# a\n{ // b\n "x" /* c * / */ : "#//" }';
    assert.deepEqual(unix(text), { x: '#//' });
    assert.throws(() => http(text), /unexpected character # in <string>:1:2/);
  });

  it('takes 100 levels and not one more', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    assert.doesNotThrow(() => unix(nested(100)));
    assert.throws(() => unix(nested(101)), /nested too deeply/);
    assert.throws(() => unix('['.repeat(1_000_000)), /nested too deeply/);
  });

  it('makes members of names that mean something to JavaScript', () => {
    const value = unix('{"__proto__": {"polluted": true}, "constructor": 1}');
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.deepEqual(Object.keys(value as object).sort(), ['__proto__', 'constructor']);
    assert.equal(formatJson(value), '{ "__proto__": { "polluted": true }, "constructor": 1 }');
  });

  it('reads a configuration of 10 000 subnets in well under a second', () => {
    const subnets = Array.from({ length: 10_000 }, (_, i) => ({
      id: i + 1,
      subnet: `10.${i >> 8}.${i & 255}.0/24`,
      pools: [{ pool: `10.${i >> 8}.${i & 255}.10 - 10.${i >> 8}.${i & 255}.200`, 'option-data': [] }],
      'option-data': [{ name: 'routers', data: `10.${i >> 8}.${i & 255}.1`, 'always-send': false }],
    }));
    const text = formatJson({ Dhcp4: { subnet4: subnets } });
    const before = process.hrtime.bigint();
    const value = unix(text);
    const milliseconds = Number(process.hrtime.bigint() - before) / 1e6;
    assert.deepEqual(value, { Dhcp4: { subnet4: subnets } });
    assert.ok(milliseconds < 2000, `${text.length} octets took ${milliseconds} ms`);
  });
});

describe('formatJson', () => {
  const cases: readonly [value: JsonValue, text: string][] = [
    [{ b: 1, a: [true, null] }, '{ "a": [ true, null ], "b": 1 }'],
    [[], '[  ]'],
    [{}, '{  }'],
    ['a/b"c\\d\n\u007f', '"a/b\\"c\\\\d\\n\\u007f"'],
    ['\u00c3\u00a9', '"\\u00c3\\u00a9"'],
    [2n ** 64n, '18446744073709551616'],
    [{ 't1-percent': 1, other: 1 }, '{ "other": 1, "t1-percent": 1.0 }'],
    [{ 'packet-queue-statistics': [0, 0.5] }, '{ "packet-queue-statistics": [ 0.0, 0.5 ] }'],
    [{ B: 1, a: 2, A: 3, '': 4 }, '{ "": 4, "A": 3, "B": 1, "a": 2 }'],
  ];
  for (const [value, text] of cases) it(text, () => assert.equal(formatJson(value), text));

  it('writes what Kea could not have as the octets of UTF-8', () => {
    assert.equal(formatJson('€😀'), '"\\u00e2\\u0082\\u00ac\\u00f0\\u009f\\u0098\\u0080"');
  });

  it('gives the same text in pieces of any depth', () => {
    const value: JsonValue = { arguments: { leases: [{ a: 1 }, { b: [] }], 't1-percent': 1 }, e: {}, l: [], result: 0 };
    for (const depth of [0, 1, 2, 3, 9]) {
      assert.equal([...formatJsonPieces(value, depth)].join(''), formatJson(value), `depth ${depth}`);
    }
  });

  it('indents as Kea writes its file', () => {
    assert.equal(
      formatJsonIndented({ Dhcp4: { empty: [], list: [{ a: 1 }], 't1-percent': 1, words: ['x', 'y'] } }),
      '{\n  "Dhcp4": {\n    "empty": [ ],\n    "list": [\n      {\n        "a": 1\n      }\n    ],\n    "t1-percent": 1.0,\n    "words": [ "x", "y" ]\n  }\n}',
    );
  });
});

describe('CommandFramer', () => {
  const push = (text: string, max?: number) => {
    const framer = new CommandFramer(max);
    return { framer, result: framer.push(Buffer.from(text, 'latin1')) };
  };

  it('ends at the bracket that closes the first one and ignores the rest', () => {
    const { framer, result } = push('# {\n {"a": "}]\\"}", "b": [/* ] */ 1] // }\n} {"c": 1}');
    assert.equal(result.state, 'complete');
    assert.deepEqual(unix(framer.text()), { a: '}]"}', b: [1] });
  });

  it('gives the same whatever the chunks are', () => {
    const text = ' /* x */ [{"a": "\\\\"}, // ]\n 2]tail';
    for (let size = 1; size <= text.length; size++) {
      const framer = new CommandFramer();
      let state = 'more';
      for (let at = 0; at < text.length && state === 'more'; at += size) {
        state = framer.push(Buffer.from(text.slice(at, at + size), 'latin1')).state;
      }
      assert.equal(state, 'complete');
      assert.equal(framer.octets, text.length - 'tail'.length);
      assert.deepEqual(unix(framer.text()), [{ a: '\\' }, 2]);
    }
  });

  const invalid: readonly [string, string][] = [
    ['GET /', 'invalid first character G'],
    ['"x"', 'invalid first character "'],
    [' x', 'invalid character x'],
    ['/x', 'invalid characters /x'],
    ['{/x', 'invalid characters /x'],
  ];
  for (const [text, message] of invalid) {
    it(`says ${message}`, () => assert.deepEqual(push(text).result, { state: 'invalid', text: message }));
  }

  it('takes no more than its bound', () => {
    assert.equal(push(`["${'x'.repeat(95)}"]`, 99).result.state, 'complete');
    assert.deepEqual(push(`["${'x'.repeat(96)}"]`, 99).result, {
      state: 'invalid',
      text: 'command is longer than 99 bytes',
    });
    const framer = new CommandFramer(1000);
    for (let i = 0; i < 100; i++) framer.push(Buffer.alloc(100, 0x20));
    assert.equal(framer.text().length, 0, 'nothing is kept of a command refused');
  });
});

describe('the envelope', () => {
  it('gives name, arguments and service as sent', () => {
    assert.deepEqual(parseEnvelope({ command: 'x', arguments: null, service: 'y', 'remote-address': 'z' }), {
      command: 'x',
      arguments: null,
      service: 'y',
    });
  });

  const refused: readonly [JsonValue, string][] = [
    [[], 'invalid command: expected toplevel entry to be a map, got list instead'],
    [{}, "invalid command: does not contain mandatory 'command'"],
    [{ command: 'x', foo: 1 }, "invalid command: unsupported parameter 'foo'"],
    [{ command: 5 }, "invalid command: expected 'command' to be a string, got integer instead"],
  ];
  for (const [value, message] of refused) {
    it(message, () => assert.throws(() => parseEnvelope(value), new EnvelopeError(message)));
  }

  it('has no command in the prototype of the map', () => {
    assert.throws(() => parseEnvelope(Object.create({ command: 'x' })), /mandatory 'command'/);
  });

  it('leaves out what an answer has not', () => {
    assert.equal(formatAnswer({ result: 0 }), '{ "result": 0 }');
    assert.equal(
      formatAnswer({ text: 'a', result: 3, arguments: [] }),
      '{ "arguments": [  ], "result": 3, "text": "a" }',
    );
  });

  it('names types as Kea does', () => {
    const types = [null, true, 1, 2n ** 63n - 1n, 2n ** 63n, 1.5, 'x', [], {}].map((value) => jsonTypeOf(value));
    assert.deepEqual(types, ['null', 'boolean', 'integer', 'integer', 'bigint', 'real', 'string', 'list', 'map']);
  });
});
