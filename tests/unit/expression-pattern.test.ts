/** Regular expressions of match(): what they take, what is refused, and that none can hold the server up. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compilePattern, MAX_SUBJECT, PatternError } from 'lessor/internal/domain/classes/pattern.js';

describe('the whole text must match', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['', [''], ['a']],
    ['a', ['a'], ['', 'b', 'aa', 'ba']],
    ['foo.*', ['foo', 'foobar'], ['xfoo', 'foo\nbar']],
    ['a|bc|', ['a', 'bc', ''], ['b', 'abc']],
    ['(ab)*', ['', 'ab', 'abab'], ['aba']],
    ['(?:a|b)+c?', ['a', 'abbac'], ['c', '']],
    ['a{3}', ['aaa'], ['aa', 'aaaa']],
    ['a{2,}', ['aa', 'aaaaa'], ['a']],
    ['a{1,3}?b', ['ab', 'aaab'], ['b', 'aaaab']],
    ['(a{0,2}b){2}', ['bb', 'aabab'], ['b', 'aaabb']],
    ['^foo$', ['foo'], ['foo\n']],
    ['a^b', [], ['ab', 'a^b']],
    ['(^a|b)c', ['ac', 'bc'], ['c']],
    ['[0-9a-f]+', ['09af'], ['G', '']],
    ['[^0-9]', ['x', '\n', '\xff'], ['5']],
    ['[]', [], ['', 'a']],
    ['[^]', ['a', '\n'], ['']],
    ['[a-]', ['a', '-'], ['b']],
    ['[\\d.-]+', ['1.2-3'], ['a']],
    ['[[:alpha:]_]+', ['ab_Z'], ['a1']],
    ['[[:xdigit:]]{2}', ['aF'], ['ag']],
    ['[\\]\\\\]', [']', '\\'], ['[']],
    ['\\d\\D\\w\\W\\s\\S', ['1a_- x'], ['aa_- x']],
    ['\\x41\\u0042\\cJ\\0\\n\\t', ['AB\n\0\n\t'], ['AB']],
    ['\\.\\*\\/', ['.*/'], ['a*/']],
    ['foo\\b.*', ['foo', 'foo bar'], ['foobar']],
    ['\\bfoo\\B.+', ['foobar'], ['foo bar', 'foo']],
    ['.*\\b', ['foo', 'a b'], ['', 'foo ']],
    ['(a*)*', ['', 'aaa'], ['b']],
    ['(()|a)+', ['', 'aa'], ['b']],
    ['a**', ['', 'aa'], ['b']],
    [']}', [']}'], []],
    ['[\\b]', ['\b'], ['b']],
    ['\xc3\xa9+', ['\xc3\xa9\xa9'], ['\xc3']],
  ];
  for (const [regex, takes, leaves] of cases) {
    test(JSON.stringify(regex), () => {
      const matches = compilePattern(regex);
      for (const text of takes) assert.equal(matches(text), true, `should take ${JSON.stringify(text)}`);
      for (const text of leaves) assert.equal(matches(text), false, `should leave ${JSON.stringify(text)}`);
    });
  }
});

describe('refused', () => {
  const cases: Readonly<Record<string, RegExp>> = {
    '(': /Mismatched/,
    'a)': /Mismatched/,
    '(?=a)': /lookahead/,
    '(?!a)': /lookahead/,
    '(?<n>a)': /group/,
    '(a)\\1': /back-reference/,
    '*a': /nothing to repeat/,
    'a|+': /nothing to repeat/,
    'a{': /range/,
    'a{2,1}': /range/,
    '[z-a]': /range/,
    '[\\d-z]': /range/,
    '[a': /missing/,
    '[[:nope:]]': /no character class/,
    '[[.a.]]': /not supported/,
    '\\': /end after/,
    '\\x4': /too few/,
    '\\u1234': /more than one octet/,
    '(a{100}){100}': /too large/,
    'a{999999}': /too large/,
    '((((a{9}){9}){9}){9}){9}': /too large/,
    [`${'('.repeat(5000)}a${')'.repeat(5000)}`]: /nested/,
  };
  for (const [regex, message] of Object.entries(cases)) {
    test(JSON.stringify(regex.slice(0, 30)), () => {
      assert.throws(
        () => compilePattern(regex),
        (error: unknown) => error instanceof PatternError && message.test(error.message),
      );
    });
  }
});

test('patterns that make a backtracking matcher hang cost little here', () => {
  const subject = `${'a'.repeat(MAX_SUBJECT - 1)}!`;
  for (const regex of ['(a+)+b', '(a|a)*b', '(a|aa)+$', '(.*)*x', '.*.*.*.*.*x', '(a?){200}a{200}']) {
    const matches = compilePattern(regex);
    // Of this process: how long others have the machine meanwhile is no matter.
    const before = process.cpuUsage();
    assert.equal(matches(subject), false);
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000;
    assert.ok(ms < 250, `${regex}: ${ms} ms`);
  }
});

test('an automaton with exponentially many states stays within its memory', () => {
  // "the 14th octet from the end is an a" needs 2^14 states if all of them are met.
  const matches = compilePattern(`.*a.{13}`);
  let seed = 1;
  let subject = '';
  for (let i = 0; i < MAX_SUBJECT; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    subject += (seed >>> 16) % 2 === 0 ? 'a' : 'b';
  }
  for (let end = MAX_SUBJECT - 20; end <= MAX_SUBJECT; end++) {
    const text = subject.slice(0, end);
    assert.equal(matches(text), text[end - 14] === 'a');
  }
});
