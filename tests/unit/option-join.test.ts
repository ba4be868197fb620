/** append, prepend and default: what a value comes to with those of less specific scopes, as dhcpd carries it out. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import { OmapiRefusal } from 'lessor/internal/control/omapi/object.js';
import { parseStatements } from 'lessor/internal/control/omapi/statements.js';
import { collectOptions } from 'lessor/internal/domain/compose/option-set.js';
import type { OptionData, OptionJoin } from 'lessor/internal/domain/snapshot.js';
import { issuesOf, loadDhcp4 } from './config-helpers.js';

function option(data: string, join?: OptionJoin): OptionData {
  const plain = {
    space: 'dhcp4',
    code: 15,
    name: 'domain-name',
    alwaysSend: false,
    neverSend: false,
    clientClasses: [],
  };
  return { ...plain, data: Buffer.from(data), ...(join === undefined ? {} : { join }) };
}

/** What is sent as option 15, of scopes from the most to the least specific. */
function sent(...scopes: OptionData[][]): string | undefined {
  const options = collectOptions({
    scopes,
    requested: Uint8Array.of(15),
    reserved: new Set(),
    subnetMask: undefined,
    enterprises: [],
    vendorRequested: new Map(),
    bmcOnly: false,
    isMember: () => false,
  });
  const found = options.find(({ code }) => code === 15);
  return found && Buffer.from(found.data).toString();
}

describe('values that join', () => {
  it('stand behind or before that of the next less specific scope, and alone without one', () => {
    assert.equal(sent([option('h', 'append')], [option('s')], [option('g')]), 'sh');
    assert.equal(sent([option('h', 'prepend')], [], [option('g')]), 'hg');
    assert.equal(sent([option('h', 'append')], []), 'h');
    assert.equal(sent([option('h', 'append')], [option('s', 'append')], [option('g')]), 'gsh');
    assert.equal(sent([option('h', 'prepend')], [option('s', 'append')], [option('g')]), 'hgs');
    assert.equal(sent([option('h', 'append')], [option('s', 'prepend')]), 'sh');
  });

  it('that are defaults count where no other does', () => {
    assert.equal(sent([option('h', 'default')], [option('s')]), 's');
    assert.equal(sent([option('h', 'default')], []), 'h');
    assert.equal(sent([option('h', 'append')], [option('s', 'default')], [option('g')]), 'gh');
    assert.equal(sent([option('h', 'append')], [option('s', 'default')], []), 'sh');
  });

  it('do not reach what a more specific scope gives', () => {
    assert.equal(sent([option('h')], [option('s', 'append')], [option('g')]), 'h');
  });
});

const registry = OptionRegistry.standard();
const data = (text: string) => parseStatements(text, registry).optionData;

describe('statements that join', () => {
  it('say so in the user-context of the option', () => {
    const join = (how: string) => ({ 'user-context': { lessor: { join: how } } });
    assert.deepEqual(data('append domain-name-servers 10.0.0.9;'), [
      { code: 6, 'csv-format': true, data: '10.0.0.9', ...join('append') },
    ]);
    assert.deepEqual(data('prepend domain-name "a.";'), [
      { code: 15, 'csv-format': true, data: 'a.', ...join('prepend') },
    ]);
    assert.deepEqual(data('default domain-name "a";'), [
      { code: 15, 'csv-format': true, data: 'a', ...join('default') },
    ]);
  });

  it('of one text are carried out one after the other', () => {
    const hex = (text: string) => data(text).map((one) => one.data);
    const [both] = ['0A0000010A000002'];
    assert.deepEqual(hex('option domain-name-servers 10.0.0.1; append domain-name-servers 10.0.0.2;'), [both]);
    assert.deepEqual(hex('option domain-name-servers 10.0.0.2; prepend domain-name-servers 10.0.0.1;'), [both]);
    assert.deepEqual(hex('append domain-name-servers 10.0.0.1; append domain-name-servers 10.0.0.2;'), [both]);
    assert.deepEqual(hex('append domain-name "x"; supersede domain-name "y";'), ['y']);
    assert.deepEqual(hex('option domain-name "x"; default domain-name "y";'), ['x']);
  });

  for (const [text, why] of [
    ['append domain-name "x"; prepend domain-name "y";', /joined by 'append' too/],
    ['append host-name "x";', /host name/],
    ['append vivco 00:00:00:09:01:02;', /joined/],
  ] as const) {
    it(`are refused where it can not be done: ${text}`, () => {
      assert.throws(
        () => parseStatements(text, registry),
        (error) => error instanceof OmapiRefusal && why.test(error.message),
      );
    });
  }

  it('use-host-decl-names is for who has no host name otherwise', () => {
    assert.equal(parseStatements('use-host-decl-names on;', registry).useHostDeclName, true);
    assert.equal(parseStatements('use-host-decl-names off;', registry).useHostDeclName, undefined);
    const named = parseStatements('use-host-decl-names on; option host-name "n";', registry);
    assert.deepEqual([named.useHostDeclName, named.hostname], [undefined, 'n']);
  });
});

it('a configuration says how an option joins, and nothing that can not be done', () => {
  const of = (code: number, join: string) => ({
    'option-data': [{ code, 'csv-format': false, data: '00000009', 'user-context': { lessor: { join } } }],
  });
  assert.equal(loadDhcp4(of(6, 'append')).snapshot.options[0]!.join, 'append');
  assert.ok(issuesOf(() => loadDhcp4(of(6, 'behind'))).length > 0);
  assert.ok(issuesOf(() => loadDhcp4(of(124, 'append'))).length > 0);
});
