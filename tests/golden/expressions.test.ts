/** Every expression whose value Kea 3.3 was asked for (transcripts/kea3.3-expressions.json), computed by lessor. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import {
  compileBooleanExpression,
  compileStringExpression,
  ExpressionSyntaxError,
} from 'lessor/internal/domain/classes/compile.js';
import { EvaluationError } from 'lessor/internal/domain/classes/expression.js';
import { repoPath } from '../lib/repo.js';
import { recordedPacket } from '../unit/expression-packet.js';
import { assertOutcome } from './replay-counts.js';

interface Recorded {
  readonly expression: string;
  readonly error?: string;
}
interface Transcript {
  readonly strings: readonly (Recorded & { readonly hex?: string; readonly 'evaluation-error'?: boolean })[];
  readonly booleans: readonly (Recorded & { readonly value?: boolean })[];
}

const transcript = JSON.parse(
  readFileSync(repoPath('tests/golden/transcripts/kea3.3-expressions.json'), 'utf8'),
) as Transcript;
const options = {
  registry: OptionRegistry.standard(),
  isDefined: (name: string): boolean => ['ALL', 'KNOWN', 'UNKNOWN'].includes(name),
};
const packet = recordedPacket();

test('string expressions have the values Kea computes', async (t) => {
  for (const { expression, hex, error, ...rest } of transcript.strings) {
    await t.test(expression === '' ? '(empty)' : expression, () => {
      if (error !== undefined) {
        assert.equal(
          errorOf(() => compileStringExpression(expression, options), expression),
          keaError(error),
        );
        return;
      }
      const compiled = compileStringExpression(expression, options);
      if (rest['evaluation-error'] === true) assert.throws(() => compiled.evaluate(packet), EvaluationError);
      else assert.equal(Buffer.from(compiled.evaluate(packet), 'latin1').toString('hex'), hex);
    });
  }
});

test('boolean expressions have the values Kea computes', async (t) => {
  for (const { expression, value, error } of transcript.booleans) {
    await t.test(expression === '' ? '(empty)' : expression, () => {
      if (error !== undefined) {
        assert.equal(
          errorOf(() => compileBooleanExpression(expression, options), expression),
          keaError(error),
        );
      } else {
        assert.equal(compileBooleanExpression(expression, options).evaluate(packet), value);
      }
    });
  }
});

test('the transcript is the whole one', () => {
  assert.ok(transcript.strings.length + transcript.booleans.length >= 165);
});

/** Our refusal in Kea's form. Kea gives no position for a bad regular expression, we do. */
function errorOf(compile: () => unknown, expression: string): string {
  try {
    compile();
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    const position = error.message.startsWith('invalid regular expression') ? '' : `<string>:${error.location}: `;
    return `expression: [${expression}] error: ${position}${error.message}`;
  }
  return 'accepted';
}

/** Kea's refusal without the position in the file. */
function keaError(text: string): string {
  return text.replace(/ at \(<wire>:\d+:\d+\)$/, '');
}

test('all of them are counted', () => {
  assertOutcome('kea3.3-expressions', {
    same: transcript.strings.length + transcript.booleans.length,
    different: 0,
    leftOut: 0,
  });
});
