/** lessor-shell's parts: words to commands, answers to text, completion, options. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from 'lessor/internal/cli/args.js';
import { commandOfLine, commandOfWords } from 'lessor/internal/cli/shell/line.js';
import { parseShellArgs, shellOptions } from 'lessor/internal/cli/shell/options.js';
import { completeLine, helpText } from 'lessor/internal/cli/shell/terminal.js';
import { formatAnswerLine, formatForPeople } from 'lessor/internal/cli/shell/view.js';

describe('a line at the prompt', () => {
  const LINES: readonly (readonly [line: string, name: string, args: unknown])[] = [
    ['version-get', 'version-get', undefined],
    ['  lease4-get ip-address=192.0.2.1 ', 'lease4-get', { 'ip-address': '192.0.2.1' }],
    ['leases-reclaim remove=true', 'leases-reclaim', { remove: true }],
    ['subnet4-get id=7', 'subnet4-get', { id: 7 }],
    ['x a="b c" d=\'e f\' g=h', 'x', { a: 'b c', d: 'e f', g: 'h' }],
    ['x list=[1, 2] map={"a": "b c"} z=1', 'x', { list: [1, 2], map: { a: 'b c' }, z: 1 }],
    ['config-test {"Dhcp4": {"subnet4": []}}', 'config-test', { Dhcp4: { subnet4: [] } }],
    ['x empty=', 'x', { empty: '' }],
    ['x a=b=c', 'x', { a: 'b=c' }],
  ];
  for (const [line, name, args] of LINES) {
    it(line, () => assert.deepEqual(commandOfLine(line), { name, args }));
  }

  it('blank: nothing', () => assert.equal(commandOfLine('   '), undefined));
  it('a word that is no argument', () => assert.throws(() => commandOfLine('x y'), UsageError));
  it('JSON that is none', () => assert.throws(() => commandOfLine('x {'), UsageError));
  it('no words: list-commands, as kea-shell', () =>
    assert.deepEqual(commandOfWords([]), { name: 'list-commands', args: undefined }));
});

describe('an answer for people', () => {
  const lease = { 'ip-address': '192.0.2.1', hostname: '', cltt: 1_795_321_794, 'subnet-id': 1 };
  const ANSWERS: readonly (readonly [what: string, answer: Parameters<typeof formatForPeople>[0], text: string])[] = [
    ['text alone', { result: 0, text: 'Done.', arguments: undefined }, 'Done.\n'],
    ['a refusal', { result: 4, text: 'in use', arguments: undefined }, 'conflict: in use\n'],
    ['a list of words', { result: 0, text: undefined, arguments: ['a', 'b'] }, 'a\nb\n'],
    [
      'leases',
      { result: 0, text: '1 found', arguments: { count: 1, leases: [lease] } },
      '1 found\nSUBNET-ID  IP-ADDRESS  HOSTNAME  CLTT\n1          192.0.2.1   -         2026-11-22 04:29:54\n',
    ],
    [
      'members of different objects',
      { result: 0, text: undefined, arguments: { x: [{ a: 1 }, { b: [1, 2] }] } },
      'A  B\n1  -\n-  [1,2]\n',
    ],
    [
      'a result set',
      { result: 0, text: undefined, arguments: { 'result-set': { columns: ['subnet-id', 'n'], rows: [[1, 50]] } } },
      'SUBNET-ID  N\n1          50\n',
    ],
    [
      'statistics',
      {
        result: 0,
        text: undefined,
        arguments: {
          'pkt4-received': [
            [5, 'now'],
            [4, 'before'],
          ],
        },
      },
      'NAME           VALUE  SINCE\npkt4-received  5      now\n',
    ],
    ['an object', { result: 0, text: undefined, arguments: { pid: 5, tags: ['a', 'b'] } }, 'pid   5\ntags  a b\n'],
    ['anything else', { result: 0, text: undefined, arguments: { a: { b: 1 } } }, '{\n  "a": {\n    "b": 1\n  }\n}\n'],
    ['nothing found', { result: 3, text: 'none', arguments: { leases: [] } }, 'empty: none\n'],
  ];
  for (const [what, answer, text] of ANSWERS) it(what, () => assert.equal(formatForPeople(answer), text));

  it('as a line of JSON', () =>
    assert.equal(
      formatAnswerLine({ result: 0, text: undefined, arguments: { n: 2n ** 60n } }),
      '{"result":0,"arguments":{"n":1152921504606847000}}\n',
    ));
});

describe('completion', () => {
  const commands = ['lease4-get', 'lease4-get-all', 'version-get'];
  const LINES: readonly (readonly [line: string, candidates: readonly string[], part: string])[] = [
    ['lease4-get-', ['lease4-get-all '], 'lease4-get-'],
    ['he', ['help '], 'he'],
    ['help ver', ['version-get'], 'ver'],
    ['lease4-get ip', ['ip-address='], 'ip'],
    ['lease4-get subnet-id=1 ident', ['identifier-type=', 'identifier='], 'ident'],
    ['lease4-get ip-address=1 ip', [], 'ip'],
    ['no-such-command ', [], ''],
  ];
  for (const [line, candidates, part] of LINES) {
    it(line, () => {
      const [found, replaced] = completeLine(line, commands);
      assert.deepEqual([found.toSorted(), replaced], [candidates, part]);
    });
  }

  it('help tells what a command takes', () => {
    assert.match(helpText('lease4-get', commands), /ip-address=.*may be left out/);
    assert.match(helpText(undefined, commands), /3 commands/);
    assert.match(helpText('nonsense', commands), /no command/);
  });
});

describe('options', () => {
  const parse = (...argv: string[]) => shellOptions(parseShellArgs(argv), { LESSOR_SHELL_PASSWORD: 'env' });

  it("kea-shell's defaults", () => {
    const { client, services, look, words } = parse();
    assert.equal(client.url, 'http://127.0.0.1:8000/');
    assert.equal(client.timeoutMs, 10_000);
    assert.deepEqual([services, look, words], [[], undefined, []]);
  });

  it('services may be repeated, or left empty', () => {
    assert.deepEqual(parse('--service', 'dhcp4', '--service', 'dhcp6').services, ['dhcp4', 'dhcp6']);
    assert.deepEqual(parse('--service', '--port', '1').services, []);
  });

  it('the password from the environment, the command line first', () => {
    assert.equal(parse('--auth-user', 'u').client.password, 'env');
    assert.equal(parse('--auth-user', 'u', '--auth-password', 'p').client.password, 'p');
  });

  it('an IPv6 address gets its brackets', () => {
    assert.equal(parse('--host', '::1', '--path', 'kea').client.url, 'http://[::1]:8000/kea');
  });

  for (const argv of [
    ['--cert', 'x'],
    ['--cert', 'x', '--key', 'y'],
    ['--port', '0'],
    ['--timeout', 'soon'],
    ['--watch', '0'],
    ['--json', '--table'],
    ['--no-such'],
  ]) {
    it(`refuses ${argv.join(' ')}`, () => assert.throws(() => parse(...argv), UsageError));
  }
});
