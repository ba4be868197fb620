/** Edits of a configuration: the same in the tree and in the text, and nothing else of the text changes. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editTree, type TreeEdit } from 'lessor/internal/config/edit.js';
import { editText } from 'lessor/internal/config/edit-text.js';
import { parseConfigText } from 'lessor/internal/config/text.js';
import { toJson } from 'lessor/internal/config/tree.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';

/** Edits a text and checks that the text says what the tree says. */
function edit(text: string, ...edits: TreeEdit[]): string {
  const after = editText(Buffer.from(text, 'utf8'), edits);
  assert.deepEqual(read(after.toString('latin1')), editTree(read(Buffer.from(text, 'utf8').toString('latin1')), edits));
  return after.toString('utf8');
}

function read(text: string): JsonMap {
  return (toJson(parseConfigText('f', text)!) as { Dhcp4: JsonMap }).Dhcp4;
}

const LISTED = `{ "Dhcp4": {
  # subnets of the house
  "subnet4": [
    { "id": 1, "subnet": "192.0.2.0/24" },   // ground floor
    {
      /* first floor */
      "id": 2,
      "subnet": "198.51.100.0/24"  # dmz, {not} a "list"]
    }  # the last one
  ]
  // the end
} }
`;

describe('editing the text of a configuration', () => {
  it('appends behind the comment of the last item, in its indentation', () => {
    const after = edit(LISTED, { op: 'append', to: ['subnet4'], value: { id: 3, pools: [{ pool: '10.0.0.0/24' }] } });
    assert.equal(
      after,
      LISTED.replace(
        '}  # the last one\n',
        `},  # the last one
    {
      "id": 3,
      "pools": [
        {
          "pool": "10.0.0.0/24"
        }
      ]
    }
`,
      ),
    );
  });

  it('removes an item with the comment in its line, and the comma before a last one', () => {
    assert.equal(edit(LISTED, { op: 'remove', at: ['subnet4', 0] }), LISTED.replace(/ {4}\{ "id": 1.*\n/, ''));
    assert.equal(
      edit(LISTED, { op: 'remove', at: ['subnet4', 1] }),
      LISTED.replace(/ {4}\{\n[\s\S]*# the last one\n/, '').replace('},   // ground', '}   // ground'),
    );
  });

  it('replaces a value in its place and leaves an equal one as it is written', () => {
    assert.equal(edit(LISTED, { op: 'set', at: ['subnet4', 1, 'id'], value: 7 }), LISTED.replace('"id": 2', '"id": 7'));
    const spaced = '{"Dhcp4": {"pools": [ {"pool" :  "a"} ], "x": 1 }}';
    assert.equal(edit(spaced, { op: 'set', at: ['pools'], value: [{ pool: 'a' }] }), spaced);
  });

  it('adds a member, and a list that is not there yet', () => {
    assert.equal(
      edit(LISTED, { op: 'append', to: ['subnet4', 1, 'reservations'], value: { hostname: 'a' } }),
      LISTED.replace(
        '"198.51.100.0/24"  # dmz, {not} a "list"]\n',
        `"198.51.100.0/24",  # dmz, {not} a "list"]
      "reservations": [
        {
          "hostname": "a"
        }
      ]
`,
      ),
    );
    assert.equal(
      edit('{"Dhcp4": {"a": 1}}', { op: 'append', to: ['subnet4'], value: { id: 1 } }),
      '{"Dhcp4": {"a": 1, "subnet4": [ { "id": 1 } ]}}',
    );
  });

  it('fills an empty list and keeps what is said in it', () => {
    assert.equal(
      edit('{ "Dhcp4": {\n\t"subnet4": [ # none yet\n\t]\n} }', { op: 'append', to: ['subnet4'], value: { id: 1 } }),
      '{ "Dhcp4": {\n\t"subnet4": [ # none yet\n\t\t{\n\t\t\t"id": 1\n\t\t}\n\t]\n} }',
    );
    assert.equal(
      edit('{ "Dhcp4": { } }', { op: 'append', to: ['subnet4'], value: { id: 1 } }),
      '{ "Dhcp4": {\n  "subnet4": [\n    {\n      "id": 1\n    }\n  ]\n} }',
    );
  });

  it('moves an item with all that is in it', () => {
    const text = LISTED.replace('// the end', ', "shared-networks": [ { "name": "n" } ]');
    const after = edit(text, { op: 'move', from: ['subnet4', 1], to: ['shared-networks', 0, 'subnet4'] });
    assert.ok(after.includes('/* first floor */') && after.includes('# dmz'));
  });

  it('lives with trailing and double commas', () => {
    for (const text of ['{"Dhcp4": {"l": [1, 2,,]}}', '{"Dhcp4": {"l": [1,,2,],}}', '{"Dhcp4": {"l": [1,2\n,\n],}}']) {
      edit(text, { op: 'append', to: ['l'], value: 3 });
      edit(text, { op: 'remove', at: ['l', 1] });
      edit(text, { op: 'remove', at: ['l', 0] }, { op: 'remove', at: ['l', 0] }, { op: 'append', to: ['l'], value: 9 });
      edit(text, { op: 'set', at: ['new'], value: true });
    }
  });

  it('writes text that is UTF-8 as it is, and other octets as escapes', () => {
    const binary = Buffer.from('Büro "1"\\', 'utf8').toString('latin1');
    const after = edit('{"Dhcp4": {"a": 1}}', { op: 'set', at: ['b'], value: binary });
    assert.equal(after, '{"Dhcp4": {"a": 1, "b": "Büro \\"1\\"\\\\"}}');
    assert.ok(
      edit('{"Dhcp4": {"a": 1}}', { op: 'set', at: ['b'], value: '\xff\x01\n' }).includes('"\\u00ff\\u0001\\u000a"'),
    );
  });

  it('refuses to edit beside an include directive, not elsewhere', () => {
    const text = '{ "Dhcp4": { "subnet4": [ <?include "s.json"?> ], "reservations": [ ] } }';
    const append = (to: string): TreeEdit => ({ op: 'append', to: [to], value: {} });
    assert.throws(() => editText(Buffer.from(text), [append('subnet4')]), {
      code: 'config-edit',
      message: /include directive/,
    });
    const after = editText(
      Buffer.from(text),
      [append('subnet4x')].map(() => append('other')),
    );
    assert.match(after.toString(), /"other": \[/);
    assert.throws(() => editText(Buffer.from('<?include "all"?>'), [append('subnet4')]), { code: 'config-edit' });
  });

  it('says which place there is not', () => {
    const remove: TreeEdit = { op: 'remove', at: ['subnet4', 9] };
    assert.throws(() => editTree(read(LISTED), [remove]), { code: 'config-edit' });
    assert.throws(() => editText(Buffer.from(LISTED), [remove]), { code: 'config-edit', message: /subnet4\[9\]/ });
  });

  it('text and tree stay the same whatever is done to them', () => {
    const blank = fc.constantFrom('', ' ', '\n', ' # c, [{"\n', ' // }\n', '/* ] " */', '\n  ');
    const value = fc.constantFrom<JsonMap>({ a: 1 }, { b: 'x"\\', c: [1, 2] }, {});
    const run = fc.record({ op: fc.constantFrom('append', 'remove', 'set', 'member', 'move'), at: fc.nat(5), value });
    fc.assert(
      fc.property(fc.array(blank, { minLength: 12, maxLength: 12 }), fc.array(run, { maxLength: 12 }), (b, runs) => {
        let text =
          `${b[0]}{${b[1]}"Dhcp4"${b[2]}:${b[3]}{${b[4]}"l":[${b[5]}{"a":1${b[6]}}${b[7]},${b[8]}2${b[9]}]${b[10]},` +
          `"m":[]${b[11]}}}`;
        for (const { op, at, value: item } of runs) {
          const length = (read(text).l as readonly unknown[]).length;
          const place = ['l', at % Math.max(1, length)];
          const edits: Record<string, TreeEdit | undefined> = {
            append: { op: 'append', to: ['l'], value: item },
            remove: length === 0 ? undefined : { op: 'remove', at: place },
            set: length === 0 ? undefined : { op: 'set', at: place, value: item },
            member: { op: 'set', at: [`n${at}`], value: item },
            move: length === 0 ? undefined : { op: 'move', from: place, to: ['m'] },
          };
          const one = edits[op];
          if (one !== undefined) text = edit(text, one);
        }
      }),
      { numRuns: Number(process.env.LESSOR_PROPERTY_RUNS ?? 300) },
    );
  });
});
