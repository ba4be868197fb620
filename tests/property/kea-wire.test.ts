/** Whatever octets come, the parsers of the control channel answer or refuse; they neither break nor grow. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandFramer, formatJson, JsonSyntaxError, type JsonValue, parseCommandJson } from '@lessor/kea';
import fc from 'fast-check';

const numRuns = Number(process.env.LESSOR_PROPERTY_RUNS ?? 2000);

/** Octet strings that are often almost JSON. */
const almostJson = fc
  .array(
    fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', '/', '*', '#', '\n', ' ', '0', '-1', '1.5e', '99999999999999999999'],
      ...['true', 'null', '\\u00', '\\u00ff', '"command"', '"__proto__"', '\u0000', '\u00ff', '//', '/*', '*/'],
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));
const anyOctets = fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets).toString('latin1'));
const octets = fc.oneof(almostJson, anyOctets);

const jsonString = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((text) => Buffer.from(text, 'utf8').toString('latin1'));
const { value: jsonValue } = fc.letrec<{ value: JsonValue; leaf: JsonValue }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.bigInt({ min: 2n ** 60n, max: 2n ** 127n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
    jsonString,
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(jsonString, tie('value'), { maxKeys: 4 }),
  ),
}));

describe('the wire of the control channel', () => {
  it('what formatJson writes, parseCommandJson reads back', () => {
    fc.assert(
      fc.property(jsonValue, fc.boolean(), (value, comments) => {
        assert.deepEqual(plain(parseCommandJson(formatJson(value), { comments })), plain(value));
      }),
      { numRuns },
    );
  });

  it('the text is plain ASCII, sorted, and JSON to everybody else too', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const text = formatJson(value);
        assert.match(text, /^[ -~]*$/);
        JSON.parse(text);
      }),
      { numRuns },
    );
  });

  it('any octets are JSON or a JsonSyntaxError', () => {
    fc.assert(
      fc.property(octets, fc.boolean(), (text, comments) => {
        try {
          parseCommandJson(text, { comments });
        } catch (error) {
          assert.ok(error instanceof JsonSyntaxError, `${error}`);
        }
      }),
      { numRuns: 2 * numRuns },
    );
  });

  it('the framer says the same of any octets, however they are cut', () => {
    fc.assert(
      fc.property(octets, fc.array(fc.nat({ max: 30 }), { maxLength: 10 }), (text, cuts) => {
        const whole = Buffer.from(text, 'latin1');
        const atOnce = new CommandFramer(100);
        const expected = atOnce.push(whole);
        const inPieces = new CommandFramer(100);
        let at = 0;
        let result = inPieces.push(Buffer.alloc(0));
        for (const size of [...cuts, whole.length]) {
          result = inPieces.push(whole.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(result, expected);
        assert.equal(inPieces.text(), atOnce.text());
        assert.ok(inPieces.text().length <= 100, 'no more is kept than the bound');
      }),
      { numRuns },
    );
  });

  it('what the framer calls complete has its outermost bracket at both ends', () => {
    fc.assert(
      fc.property(almostJson, (text) => {
        const framer = new CommandFramer();
        if (framer.push(Buffer.from(text, 'latin1')).state !== 'complete') return;
        assert.match(framer.text(), /[[{][\s\S]*[\]}]$/);
      }),
      { numRuns },
    );
  });
});

/** Comparable: without prototypes, and with bigints where a number could be either. */
function plain(value: JsonValue): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}n`;
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return approximately(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.entries(value)
    .map(([name, item]) => [name, plain(item as JsonValue)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** A double beyond 2^53 is written as the integer it is, or with an exponent. */
function approximately(value: number): string {
  return String(value).includes('e') ? String(value) : `${BigInt(String(value))}n`;
}
