/** Class expressions beyond the recorded ones: errors and their places, binding, laziness, bounds, sub-options. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import {
  compileBooleanExpression,
  compileStringExpression,
  ExpressionSyntaxError,
} from 'lessor/internal/domain/classes/compile.js';
import { EvaluationError } from 'lessor/internal/domain/classes/expression.js';
import { type PacketChanges, recordedPacket } from './expression-packet.js';

const registry = OptionRegistry.standard().with([
  { space: 'dhcp4', code: 230, name: 'carrier', type: 'empty', array: false, recordTypes: [], encapsulates: 'inside' },
  { space: 'dhcp4', code: 231, name: 'counted', type: 'uint32', array: false, recordTypes: [], encapsulates: 'inside' },
  { space: 'inside', code: 1, name: 'deeper', type: 'empty', array: false, recordTypes: [], encapsulates: 'deepest' },
  { space: 'deepest', code: 2, name: 'label', type: 'string', array: false, recordTypes: [] },
]);
const options = { registry, isDefined: (name: string): boolean => name !== 'undefined' };

const truth = (text: string, changes?: PacketChanges): boolean =>
  compileBooleanExpression(text, options).evaluate(recordedPacket(changes));
const value = (text: string, changes?: PacketChanges): string =>
  compileStringExpression(text, options).evaluate(recordedPacket(changes));
const octets = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

function refusal(compile: () => unknown): string {
  try {
    compile();
  } catch (error) {
    assert.ok(error instanceof ExpressionSyntaxError, String(error));
    return `${error.location}: ${error.message}`;
  }
  return 'accepted';
}

describe('refusals name the place and what was expected', () => {
  const booleans: readonly (readonly [string, string])[] = [
    ["option[60].hex == 'a' and", '1.26: syntax error, unexpected end of file'],
    ["('a' == 'b'", '1.12: syntax error, unexpected end of file'],
    ["('a'", '1.5: syntax error, unexpected end of file, expecting ) or == or +'],
    ["('a' + 'b')", '1.12: syntax error, unexpected end of file, expecting == or +'],
    ['option[60]', '1.11: syntax error, unexpected end of file, expecting .'],
    ['option.hex', '1.7: syntax error, unexpected ., expecting ['],
    ['option[60].foo', '1.12: Invalid character: f'],
    ['option[60].len == 1', '1.12-14: syntax error, unexpected len, expecting option or text or hex or exists'],
    ['option[82].option[circuit].exists', '1.19-25: syntax error, unexpected option name, expecting integer'],
    ["'a' == 'b'\n  and x", '2.7: Invalid character: x'],
    ["'a' ==\n\n\t'b' 'c'", '3.6-8: syntax error, unexpected constant string, expecting end of file'],
    ["'open", "1.1: Invalid character: '"],
    ['pkt.mac == 1', '1.5-7: syntax error, unexpected mac, expecting iface or src or dst or len'],
    ["substring('a',b,1) == 'a'", '1.15: Invalid character: b'],
    ["substring('a',1,'b') == 'a'", '1.17-19: syntax error, unexpected constant string, expecting all or integer'],
    ["lcase('a' == 'a'", '1.11-12: syntax error, unexpected ==, expecting ) or +'],
    ["concat('a') == 'a'", '1.11: syntax error, unexpected ), expecting "," or +'],
    ["member('undefined')", "1.8-18: Not defined client class 'undefined'"],
    ['vendor[x].exists', '1.8: syntax error, unexpected option name, expecting * or integer'],
    ['vendor[4294967296].exists', '1.8-17: Invalid value in 4294967296. Allowed range: 0..4294967295'],
    ["vendor-class[1].data[256] == ''", '1.22-24: Invalid value in 256. Allowed range: 0..255'],
    ['99999999999999999999 == 1', '1.1-20: Failed to convert 99999999999999999999 to an integer.'],
    ['pkt4.giaddr == 300.0.2.1', '1.16-24: Failed to convert 300.0.2.1 to an IP address.'],
    ["not 'a'", '1.8: syntax error, unexpected end of file, expecting == or +'],
    ["'a' == not 'a'", '1.8-10: syntax error, unexpected not'],
    ["match('(?=a)b','b')", '1.7-14: lookahead'],
    ["match('(a)\\1','aa')", '1.7-13: back-references'],
  ];
  for (const [text, expected] of booleans) {
    test(JSON.stringify(text), () => {
      const actual = refusal(() => compileBooleanExpression(text, options));
      if (/: (lookahead|back-references)$/.test(expected)) {
        const [place, word] = expected.split(': ') as [string, string];
        assert.ok(actual.startsWith(`${place}: invalid regular expression`) && actual.includes(word), actual);
      } else {
        assert.equal(actual, expected);
      }
    });
  }

  test('a boolean is no string expression', () => {
    assert.equal(
      refusal(() => compileStringExpression("'a' == 'b'", options)),
      '1.5-6: syntax error, unexpected ==, expecting end of file',
    );
    assert.match(
      refusal(() => compileStringExpression('option[60].exists', options)),
      /^1\.12-17: syntax error, unexpected exists/,
    );
  });

  test('line and column are there by themselves too', () => {
    assert.throws(() => compileBooleanExpression("'a' ==\n  ?", options), { line: 2, column: 3 });
  });
});

describe('binding', () => {
  test('and before sand before or before sor, not before all', () => {
    const [t, f] = ["'a'=='a'", "'a'=='b'"];
    assert.equal(truth(`${t} or ${f} and ${f}`), true);
    assert.equal(truth(`(${t} or ${f}) and ${f}`), false);
    assert.equal(truth(`${t} sor ${f} or ${f} and ${f}`), true);
    assert.equal(truth(`${t} or ${f} sand ${f}`), true);
    assert.equal(truth(`not ${f} and ${t}`), true);
    assert.equal(truth(`not (${f} and ${t})`), true);
    assert.equal(truth(`not not ${t}`), true);
  });

  test('+ belongs to the string it stands in, on either side of ==', () => {
    assert.equal(truth("'a' + 'b' == 'a' + 'b'"), true);
    assert.equal(truth("('a' + 'b') == ('ab')"), true);
    assert.equal(value("concat('a' + 'b', 'c') + 'd'"), 'abcd');
  });

  test('a parenthesis may begin a string or a boolean', () => {
    assert.equal(truth("(('My') + 'Vendor') == option[60].hex"), true);
    assert.equal(truth("((option[60].hex == ('MyVendor')))"), true);
  });
});

describe('what is evaluated', () => {
  const failing = "addrtotext(substring(option[60].hex,0,3)) == 'x'";

  test('and, or and ifelse stop where the result is known; sand, sor and sifelse do not', () => {
    assert.equal(truth(`'a'=='b' and ${failing}`), false);
    assert.equal(truth(`'a'=='a' or ${failing}`), true);
    assert.equal(truth(`'a'=='b' and 'a'=='a' and ${failing}`), false);
    assert.equal(value("ifelse('a'=='a','x',addrtotext('abc'))"), 'x');
    assert.throws(() => truth(`'a'=='b' sand ${failing}`), EvaluationError);
    assert.throws(() => truth(`'a'=='a' sor ${failing}`), EvaluationError);
    assert.throws(() => value("sifelse('a'=='a','x',addrtotext('abc'))"), EvaluationError);
  });

  test('an expression that always fails compiles', () => {
    const compiled = compileStringExpression("uint8totext('abc')", options);
    assert.throws(() => compiled.evaluate(recordedPacket()), EvaluationError);
    assert.throws(() => value("substring('abc',2147483648,1)"), EvaluationError);
    assert.equal(value("substring('',2147483648,1)"), '');
  });

  test('an equality that always fails is not taken for a constant', () => {
    assert.throws(() => truth("uint8totext('abc') == 'x'"), EvaluationError);
    assert.throws(() => truth("'x' == uint8totext('abc')"), EvaluationError);
  });

  test('memberNames lists classes once, in order', () => {
    const compiled = compileBooleanExpression("member('b') and (member('a') or not member('b'))", options);
    assert.deepEqual(compiled.memberNames, ['b', 'a']);
    assert.equal(compiled.text, "member('b') and (member('a') or not member('b'))");
    assert.equal(compiled.evaluate(recordedPacket({ classes: new Set(['a', 'b']) })), true);
    assert.equal(compiled.evaluate(recordedPacket({ classes: new Set(['b']) })), false);
  });

  test('a long list of addresses, with something else in between', () => {
    const macs = Array.from({ length: 2000 }, (_, i) => `pkt4.mac == 0x0200000${(0x1000 + i).toString(16)}1`);
    macs.splice(1000, 0, "option[60].hex == 'Other'");
    const compiled = compileBooleanExpression(macs.join(' or '), options);
    const of = (mac: string, vendor = 'MyVendor') =>
      compiled.evaluate(recordedPacket({ fields: { chaddr: octets(mac) }, options: { 60: vendor } }));
    assert.equal(of('020000010001'), true);
    assert.equal(of(`0200000${(0x1000 + 1999).toString(16)}1`), true);
    assert.equal(of('020000010002'), false);
    assert.equal(of('020000010002', 'Other'), true);
  });

  test('equalities about different things are not confused', () => {
    const same = (pattern: string) => `ifelse(match('${pattern}',option[60].hex),'y','n') == 'y'`;
    const text = [same('x'), same('y'), same('MyVendor'), same('z')].join(' or ');
    assert.equal(truth(text), true);
    assert.equal(truth(text, { options: { 60: 'q' } }), false);
  });
});

describe('bounds', () => {
  test('deep nesting is refused instead of exhausting the stack', () => {
    const deep = `${'('.repeat(100_000)}'a'=='a'${')'.repeat(100_000)}`;
    assert.match(
      refusal(() => compileBooleanExpression(deep, options)),
      /nested deeper/,
    );
    assert.match(
      refusal(() => compileBooleanExpression(`${'not '.repeat(5000)}'a'=='a'`, options)),
      /nested deeper/,
    );
    assert.equal(truth(`${'('.repeat(150)}'a'=='a'${')'.repeat(150)}`), true);
  });

  test('long chains are not nesting', () => {
    assert.equal(truth(Array(20_000).fill("option[60].hex == 'x'").join(' or ')), false);
    assert.equal(value(Array(5000).fill("'ab'").join(' + ')).length, 10_000);
  });

  test('a value can not grow without bound', () => {
    let text = "'abcdefgh'";
    for (let i = 0; i < 40; i++) text = `hexstring(${text},'::')`;
    assert.throws(() => value(text), EvaluationError);
    let doubled = 'option[60].hex';
    for (let i = 0; i < 14; i++) doubled = `concat(${doubled},'${'x'.repeat(8000)}')`;
    assert.throws(() => value(doubled), EvaluationError);
  });
});

describe('options inside options', () => {
  test('of the spaces that definitions say', () => {
    const options230 = { 230: octets('0106020461626364'), 231: octets('00000007010602047778797a') };
    assert.equal(value('option[230].option[1].option[2].hex', { options: options230 }), 'abcd');
    assert.equal(value('option[carrier].option[1].option[2].text', { options: options230 }), 'abcd');
    assert.equal(value('option[231].option[1].option[2].hex', { options: options230 }), 'wxyz');
    assert.equal(truth('option[230].option[3].exists', { options: options230 }), false);
    assert.equal(truth('option[60].option[77].exists', { options: { 60: octets('4d0161') } }), false);
  });

  test('of option 43, with padding and end', () => {
    const changes = { options: { 43: octets('0000010161ff020162') } };
    assert.equal(value('option[43].option[1].hex', changes), 'a');
    assert.equal(truth('option[43].option[2].exists', changes), false);
  });

  test('cut off sub-options are absent', () => {
    assert.equal(truth('option[43].option[1].exists', { options: { 43: octets('010561') } }), false);
    assert.equal(truth('option[43].option[1].exists', { options: { 43: octets('01') } }), false);
    assert.equal(truth('vendor[*].exists', { options: { 125: octets('0000118b09') } }), false);
    assert.equal(value('vendor.enterprise', { options: { 125: octets('0000') } }), '');
  });

  test('of several vendors in option 125 and 124', () => {
    const changes = {
      options: { 125: octets('0000118b04010278790000000904010241420000118b03020151') },
    };
    assert.equal(value('vendor[9].option[1].hex', changes), 'AB');
    assert.equal(value('vendor[4491].option[2].hex', changes), 'Q');
    assert.equal(value('vendor[*].option[1].hex', changes), 'xy');
    assert.equal(truth('vendor[10].exists', changes), false);
    assert.equal(value('option[125].option[1].hex', changes), 'xy');
    const classes = { options: { 124: octets('0000118b0161000000090162').concat(octets('0000118b0163')) } };
    assert.equal(value('vendor-class[4491].data[1]', classes), 'c');
    assert.equal(value('vendor-class[*].data[1]', classes), 'c');
    assert.equal(value('vendor-class[9].data', classes), 'b');
  });

  test('absent options', () => {
    const none = { options: { 82: undefined, 125: undefined, 124: undefined } };
    assert.equal(value('vendor.enterprise', none), '');
    assert.equal(value('relay4[1].hex', none), '');
    assert.equal(value('relay4[1].text', none), '');
    assert.equal(truth('vendor-class[*].exists', none), false);
  });
});

test('letters outside ASCII are compared as UTF-8 octets', () => {
  assert.equal(truth("option[60].hex == 'é'", { options: { 60: octets('c3a9') } }), true);
  assert.equal(value("lcase(ucase('zé'))"), `z${octets('c3a9')}`);
});

test('addrtotext writes IPv6 as inet_ntop does', () => {
  const cases = {
    '::': '::',
    '::1': '::1',
    '::2:3': '::0.2.0.3',
    '::1:0:0': '::1:0:0',
    '1:0:0:2:0:0:0:3': '1:0:0:2::3',
    '1:0:2:3:4:5:6:7': '1:0:2:3:4:5:6:7',
    'fe80::a:b': 'fe80::a:b',
    '::ffff:192.0.2.1': '::ffff:192.0.2.1',
    '0:0:1::': '0:0:1::',
  };
  for (const [address, text] of Object.entries(cases)) {
    assert.equal(value(`addrtotext(${address})`), text);
  }
});
