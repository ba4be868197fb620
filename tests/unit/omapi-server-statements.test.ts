/** statements: what provisioning systems send is understood, everything else refused by name. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import { Result } from '@lessor/omapi';
import { OmapiRefusal } from 'lessor/internal/control/omapi/object.js';
import { parseStatements } from 'lessor/internal/control/omapi/statements.js';

const parse = (text: string) => parseStatements(text, OptionRegistry.standard());

describe('statements', () => {
  it('of Foreman', () => {
    assert.deepEqual(
      parse(
        'filename = "pxelinux.0"; next-server = 0a:4d:00:09; option host-name = "web1"; option option-150 = 0a:00:00:01;',
      ),
      {
        bootFileName: 'pxelinux.0',
        nextServer: '10.77.0.9',
        hostname: 'web1',
        denyBooting: false,
        optionData: [{ code: 150, 'csv-format': false, data: '0A000001' }],
      },
    );
  });

  it('of pypureomapi', () => {
    assert.deepEqual(
      parse('supersede host-name "X";\n supersede routers 10.0.0.1, 10.0.0.2;\n supersede domain-name "d.example";'),
      {
        hostname: 'X',
        denyBooting: false,
        optionData: [
          { code: 3, 'csv-format': true, data: '10.0.0.1, 10.0.0.2' },
          { code: 15, 'csv-format': true, data: 'd.example' },
        ],
      },
    );
  });

  it('of xCAT and Ansible', () => {
    assert.equal(parse('ddns-hostname "a"; send host-name "b";').hostname, 'b');
    assert.equal(parse('ddns-hostname "a"; send host-name "b";').ddnsHostname, 'a');
    assert.equal(parse('ddns-hostname "a"').hostname, 'a');
    assert.equal(parse('ddns-hostname "a"').ddnsHostname, undefined);
  });

  it('with comments, empty statements and no last semicolon', () => {
    assert.deepEqual(parse('# hello\n;; server-name "s" ; deny booting'), {
      serverHostname: 's',
      denyBooting: true,
      optionData: [],
    });
    assert.equal(parse('deny booting; allow booting;').denyBooting, false);
  });

  it('with escapes in strings', () => {
    assert.equal(parse('filename "a\\"b\\\\c\\101";').bootFileName, 'a"b\\cA');
  });

  for (const [text, named] of [
    ['bogus nonsense;', "'bogus' is not understood"],
    ['option no-such-option "x";', "no option 'no-such-option'"],
    ['option routers;', 'a value is missing'],
    ['option routers 10.0.0.256;', 'option routers 10.0.0.256'],
    ['if option x = 1 { filename "a"; }', "no option 'x'"],
    ['filename "a', 'does not end'],
    ['next-server tftp.example.org;', 'names are not resolved'],
    ['execute("/bin/sh");', "'execute' is not understood"],
    ['include "/etc/passwd";', "'include' is not understood"],
    ['concat domain-name "x";', "'concat' is not understood"],
    ['filename "a"; }', 'no block to end'],
    ['option 150 = 1;', "no option '150'"],
    ['option option-0 = 01:02;', "no option 'option-0'"],
    ['option option-255 = 01:02;', "no option 'option-255'"],
  ] as const) {
    it(`refuses ${text}`, () => {
      assert.throws(
        () => parse(text),
        (error: OmapiRefusal) => {
          assert.ok(error instanceof OmapiRefusal);
          assert.equal(error.result, Result.BADPARSE);
          assert.ok(error.message.includes(named), error.message);
          return true;
        },
      );
    });
  }
});
