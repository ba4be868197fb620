/** Small syntaxes inside strings, and typos. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IssueList, positionOf } from 'lessor/internal/config/issues.js';
import { restrictedPath } from 'lessor/internal/config/paths.js';
import { editDistance, nearestWord } from 'lessor/internal/config/spelling.js';
import {
  formatPrefix,
  formatRange,
  looksLikeIpv6,
  networkOf,
  parseOctets,
  parsePrefix,
  parseRange,
} from 'lessor/internal/config/values.js';
import { formatIpv4 } from 'lessor/internal/domain/values.js';

const address = fc.integer({ min: 0, max: 0xffff_ffff });

describe('prefixes and ranges', () => {
  it('every prefix comes back from its text', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 32 }), (bits, length) => {
        const prefix = parsePrefix(`${formatIpv4(bits)}/${length}`);
        assert.deepEqual(prefix, { address: networkOf(bits, length), length });
        assert.deepEqual(parsePrefix(formatPrefix(prefix as Exclude<typeof prefix, string>)), prefix);
      }),
    );
  });

  it('every range comes back from its text, whichever form it takes', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        const range = { first: Math.min(a, b), last: Math.max(a, b) };
        if (range.first !== 0 || range.last !== 0xffff_ffff) assert.deepEqual(parseRange(formatRange(range)), range);
      }),
    );
  });

  it('a range that is a prefix is written as one', () => {
    assert.equal(formatRange({ first: 0xc0000200, last: 0xc00002ff }), '192.0.2.0/24');
    assert.equal(formatRange({ first: 0xc0000201, last: 0xc0000201 }), '192.0.2.1/32');
    assert.equal(formatRange({ first: 0xc0000201, last: 0xc0000202 }), '192.0.2.1-192.0.2.2');
  });

  for (const text of ['10.0.0.0', '10.0.0/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8x', '/8', '']) {
    it(`"${text}" is no prefix`, () => assert.equal(typeof parsePrefix(text), 'string'));
  }
  for (const text of ['10.0.0.2-10.0.0.1', '10.0.0.1/8', '0.0.0.0/0', '10.0.0.1', '10.0.0.1 to 10.0.0.2', '-', '']) {
    it(`"${text}" is no pool`, () => assert.equal(typeof parseRange(text), 'string'));
  }
});

describe('octets', () => {
  const cases: readonly [string, string | undefined][] = [
    ["'text'", 'text'],
    ["' '", ' '],
    ["''", undefined],
    ['1a:2:ff', '\x1a\x02\xff'],
    ['1a 2 ff', '\x1a\x02\xff'],
    ['0xabc', '\x0a\xbc'],
    ['ABCD', '\xab\xcd'],
    ['1:2 3', undefined],
    ['123:1', undefined],
    ['xyz', undefined],
    ['', undefined],
  ];
  for (const [text, octets] of cases) it(JSON.stringify(text), () => assert.equal(parseOctets(text), octets));
});

describe('IPv6 literals', () => {
  for (const text of ['::', '::1', '2001:db8::1', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1']) {
    it(text, () => assert.ok(looksLikeIpv6(text)));
  }
  for (const text of [
    '10.0.0.1',
    'localhost',
    '1:2',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '::10.0.0',
    'fe80::1%lo',
  ]) {
    it(`not ${text}`, () => assert.ok(!looksLikeIpv6(text)));
  }
});

describe('restricted paths', () => {
  const position = positionOf({ file: 'f', line: 1, column: 1 }, 'x');
  const check = (path: string, insecure: boolean) => {
    const issues = new IssueList();
    const result = restrictedPath(path, '/var/lib/kea', 'it', position, issues, insecure);
    return { result, errors: issues.sorted('error').length, warnings: issues.sorted('warning').length };
  };

  it('puts bare names in their directory', () => {
    assert.deepEqual(check('a.csv', false), { result: '/var/lib/kea/a.csv', errors: 0, warnings: 0 });
    assert.deepEqual(check('/var/lib/kea//a.csv', false), { result: '/var/lib/kea/a.csv', errors: 0, warnings: 0 });
  });

  it('refuses other directories, and with -X only warns', () => {
    for (const path of ['/etc/a', 'sub/a', '/var/lib/kea/../a', '/a', './a']) {
      assert.equal(check(path, false).errors, 1, path);
      assert.deepEqual(check(path, true), { result: path, errors: 0, warnings: 1 });
    }
  });

  it('wants a name', () => {
    for (const path of ['', '/', '/var/lib/kea/', '.', '..', '/var/lib/kea/..'])
      assert.equal(check(path, true).errors, 1, path);
  });
});

describe('typos', () => {
  it('finds the word meant', () => {
    const words = ['valid-lifetime', 'option-data', 'option-def', 'id'];
    assert.equal(nearestWord('Valid_Lifetime', words), 'valid-lifetime');
    assert.equal(nearestWord('optoin-data', words), 'option-data');
    assert.equal(nearestWord('xyzzy', words), undefined);
  });

  it('distance is a metric', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        assert.equal(editDistance(a, a), 0);
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
      }),
    );
  });
});
