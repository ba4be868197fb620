/** `lessor upgrade-config`: what is changed in a file of an older Kea, and that all the rest stays. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { upgradeConfig } from 'lessor/internal/config/upgrade.js';
import { ConfigError, LessorError } from 'lessor/internal/errors.js';
import { loadText } from './config-helpers.js';

const noFiles = (path: string): string => {
  throw new Error(`no file ${path}`);
};
const upgraded = (text: string, readFile = noFiles): { readonly text: string; readonly changes: readonly string[] } => {
  const { text: octets, changes } = upgradeConfig('old.conf', Buffer.from(text), readFile);
  return { text: octets.toString(), changes };
};
const subnet = (n: number, more = ''): string => `{ "subnet": "10.0.${n}.0/24"${more} }`;

describe('upgrade-config', () => {
  it('numbers the subnets of shared networks first, passes over numbers that are taken, and keeps comments', () => {
    const { text, changes } = upgraded(`{
  "Dhcp4": {
    // two of our own
    "subnet4": [ ${subnet(1)}, # first
                 ${subnet(2, ', "id": 3')},
                 ${subnet(3, ', "id": 0')} ],
    "shared-networks": [ { "name": "office", "subnet4": [ ${subnet(4)} /* here */, ${subnet(5)} ] } ]
  }
}
`);
    assert.equal(
      text,
      `{
  "Dhcp4": {
    // two of our own
    "subnet4": [ ${subnet(1, ', "id": 4')}, # first
                 ${subnet(2, ', "id": 3')},
                 ${subnet(3, ', "id": 5')} ],
    "shared-networks": [ { "name": "office", "subnet4": [ ${subnet(4, ', "id": 1')} /* here */, ${subnet(5, ', "id": 2')} ] } ]
  }
}
`,
    );
    assert.equal(changes.length, 4);
    assert.equal(changes[0], 'subnet 10.0.4.0/24 has "id": 1, as Kea before 2.7 numbered it');
    assert.equal(loadText(text).snapshot.subnets.length, 5);
  });

  it('moves what dhcp-ddns said of names to the scopes that say it today, unless they do already', () => {
    const { text, changes } = upgraded(`{ "Dhcp4": {
      "dhcp-ddns": { "enable-updates": true, "sender-ip": "", "qualifying-suffix": "old.example.", "generated-prefix": "host",
        "hostname-char-set": "[^a-z]" }, # names
      "ddns-generated-prefix": "dyn" } }`);
    assert.deepEqual(changes, [
      '"generated-prefix" of dhcp-ddns is gone: what counted is "ddns-generated-prefix" of Dhcp4',
      '"qualifying-suffix" of dhcp-ddns is gone: it is "ddns-qualifying-suffix" of Dhcp4',
      '"hostname-char-set" of dhcp-ddns is gone: it is "hostname-char-set" of Dhcp4',
    ]);
    assert.match(text, /# names/);
    const { tree, ddns } = loadText(text).snapshot;
    assert.deepEqual(
      [tree['ddns-qualifying-suffix'], tree['ddns-generated-prefix'], tree['hostname-char-set'], ddns?.senderAddress],
      ['old.example.', 'dyn', '[^a-z]', '0.0.0.0'],
    );
  });

  it('is named where a file has what it moves', () => {
    assert.throws(
      () => loadText('{ "Dhcp4": { "dhcp-ddns": { "enable-updates": true, "qualifying-suffix": "a." } } }'),
      /since Kea 1\.7 it is "ddns-qualifying-suffix" of Dhcp4 \(`lessor upgrade-config` moves it\)/,
    );
  });

  it('writes the flags of today for every reservation-mode there was', () => {
    const modes = ['all', 'out-of-pool', 'global', 'disabled', 'off'];
    const subnets = modes.map((mode, n) => subnet(n, `, "id": ${n + 1}, "reservation-mode": "${mode}"`));
    const { text } = upgraded(`{ "Dhcp4": { "reservation-mode": "global", "subnet4": [ ${subnets.join(', ')} ] } }`);
    assert.deepEqual(
      loadText(text).snapshot.subnets.map((one) => [
        one.reservationsGlobal,
        one.reservationsInSubnet,
        one.reservationsOutOfPool,
      ]),
      [
        [false, true, false],
        [false, true, true],
        [true, false, false],
        [false, false, false],
        [false, false, false],
      ],
    );
  });

  it('moves loggers out of Logging unless there are some in Dhcp4, and leaves those of other daemons behind', () => {
    const logging = '"Logging": { "loggers": [ { "name": "kea-dhcp4" }, { "name": "kea-dhcp6" } ] }';
    assert.equal(
      upgraded(`{ "Dhcp4": { "valid-lifetime": 60 }, ${logging} }`).text,
      '{ "Dhcp4": { "valid-lifetime": 60, "loggers": [ { "name": "kea-dhcp4" } ] } }',
    );
    const both = `{ ${logging}, "Dhcp4": { "loggers": [] } }`;
    assert.equal(upgraded(both).text, '{ "Dhcp4": { "loggers": [] } }');
  });

  it('changes nothing where nothing has to be, once upgraded always', () => {
    const fine = `{ "Dhcp4": { "subnet4": [ ${subnet(1, ', "id": 7')} ] } } // as it is\n`;
    assert.deepEqual(upgraded(fine), { text: fine, changes: [] });
    assert.deepEqual(upgraded('{ "Dhcp6": { } }').changes, []);
  });

  it('refuses what can not be read, and what stands in a file that is included', () => {
    assert.throws(() => upgraded('{ "Dhcp4": { '), ConfigError);
    const text = '{ "Dhcp4": { "subnet4": [ <?include "nets.json"?> ] } }';
    assert.throws(
      () => upgraded(text, () => subnet(1)),
      (error) => error instanceof LessorError && error.code === 'config-edit',
    );
  });

  it('whatever the text, the upgraded one needs no upgrade, or an error says why', () => {
    const member = fc.constantFrom(
      '"id"',
      '"subnet"',
      '"subnet4"',
      '"shared-networks"',
      '"Dhcp4"',
      '"Logging"',
      '"loggers"',
      '"reservation-mode"',
    );
    const word = fc.oneof(
      member,
      fc.constantFrom('{', '}', '[', ']', ':', ',', '1', '0', '"global"', '"10.0.0.0/8"', '// x\n'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        try {
          const { text } = upgraded(`{ "Dhcp4": ${words.join(' ')}`);
          assert.deepEqual(upgraded(text).changes, []);
        } catch (error) {
          assert.ok(error instanceof LessorError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
