/** Class expressions: no text does harm, binding is as told, and regular expressions agree with JavaScript's. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import fc from 'fast-check';
import {
  compileBooleanExpression,
  compileStringExpression,
  ExpressionSyntaxError,
} from 'lessor/internal/domain/classes/compile.js';
import { EvaluationError } from 'lessor/internal/domain/classes/expression.js';
import { compilePattern, PatternError } from 'lessor/internal/domain/classes/pattern.js';
import { recordedPacket } from '../unit/expression-packet.js';

const numRuns = Number(process.env.LESSOR_PROPERTY_RUNS ?? 500);
const options = { registry: OptionRegistry.standard(), isDefined: () => true };

const WORDS = `and or not sand sor == + ( ) [ ] . , * option relay4 relay6 vendor vendor-class member match substring
  split concat ifelse sifelse hexstring addrtotext lcase ucase uint8totext int32totext pkt pkt4 pkt6 mac hlen len src
  hex text exists enterprise data all 'a' 'foo.bar' 'ALL' 0x01 0xabc 1 -1 60 82 4491 192.0.2.1 ::1 host-name`.split(
  /\s+/,
);

test('any text compiles or is refused with a position inside it; any value or EvaluationError comes of it', () => {
  const soup = fc.oneof(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }).map((words) => words.join(' ')),
    fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }).map((words) => words.join('')),
    fc.string({ maxLength: 40, unit: 'binary' }),
  );
  const packets = fc.dictionary(
    fc.constantFrom('43', '60', '82', '124', '125'),
    fc.string({ maxLength: 20, unit: 'grapheme-ascii' }),
  );
  fc.assert(
    fc.property(soup, packets, (text, given) => {
      const packet = recordedPacket({ options: given });
      for (const compile of [compileBooleanExpression, compileStringExpression]) {
        try {
          compile(text, options).evaluate(packet);
        } catch (error) {
          if (error instanceof EvaluationError) continue;
          assert.ok(error instanceof ExpressionSyntaxError, String(error));
          const line = text.split('\n')[error.line - 1];
          assert.ok(line !== undefined && error.column >= 1 && error.column <= line.length + 1, error.location);
        }
      }
    }),
    { numRuns: numRuns * 4 },
  );
});

test('truth follows the binding of the operators', () => {
  // From loosest to tightest; each level is printed without the parentheses it does not need.
  const LEVELS = ['sor', 'or', 'sand', 'and'];
  interface Printed {
    readonly text: string;
    readonly value: boolean;
    readonly level: number;
  }
  const leaf: fc.Arbitrary<Printed> = fc.boolean().map((value) => ({
    text: value ? "option[60].hex == 'MyVendor'" : 'pkt4.hlen == 7',
    value,
    level: LEVELS.length + 1,
  }));
  const wrap = (one: Printed, level: number): string => (one.level < level ? `(${one.text})` : one.text);
  const { tree } = fc.letrec<{ tree: Printed }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      leaf,
      tie('tree').map(
        (one): Printed => ({ text: `not ${wrap(one, LEVELS.length)}`, value: !one.value, level: LEVELS.length }),
      ),
      fc.tuple(fc.nat(3), tie('tree'), tie('tree')).map(
        ([level, left, right]): Printed => ({
          text: `${wrap(left, level)} ${LEVELS[level]} ${wrap(right, level + 1)}`,
          value: level < 2 ? left.value || right.value : left.value && right.value,
          level,
        }),
      ),
    ),
  }));
  fc.assert(
    fc.property(tree, ({ text, value }) => {
      assert.equal(compileBooleanExpression(text, options).evaluate(recordedPacket()), value);
    }),
    { numRuns },
  );
});

test('a regular expression takes what JavaScript says it takes', () => {
  const { regex } = fc.letrec<{ regex: string }>((tie) => ({
    regex: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(
        'a',
        'b',
        'c',
        '.',
        '[ab]',
        '[^a]',
        '\\d',
        '\\w',
        '\\W',
        '\\b',
        '\\B',
        '^',
        '$',
        '',
        '[a-c1]',
        ' ',
      ),
      fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => a + b),
      fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => `(?:${a}|${b})`),
      fc
        .tuple(tie('regex'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'))
        .map(([a, q]) => `(${a})${q}`),
    ),
  }));
  const subject = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '_', '\n') });
  fc.assert(
    fc.property(regex, fc.array(subject, { minLength: 1, maxLength: 12 }), (text, subjects) => {
      const matches = compilePattern(text);
      const expected = new RegExp(`^(?:${text})$`);
      for (const one of subjects) assert.equal(matches(one), expected.test(one), JSON.stringify(one));
    }),
    { numRuns },
  );
});

test('any text is a pattern or refused, and any octets can be put to it', () => {
  const signs = fc
    .array(fc.constantFrom(...'()[]{}*+?|\\^$.:-,=!abw019dDxu'), { maxLength: 16 })
    .map((all) => all.join(''));
  const binary = fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(fc.oneof(signs, binary), binary, (text, subject) => {
      try {
        compilePattern(text)(subject);
      } catch (error) {
        assert.ok(error instanceof PatternError, String(error));
      }
    }),
    { numRuns: numRuns * 4 },
  );
});
