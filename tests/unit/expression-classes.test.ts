/** Class evaluation: which classes a packet gets, in which pass and order. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionRegistry } from '@lessor/dhcp';
import { compileBooleanExpression, compileStringExpression } from 'lessor/internal/domain/classes/compile.js';
import {
  ClassSet,
  escapeClassName,
  evaluateAdditional,
  evaluateAfterHostLookup,
  evaluateEarly,
  evaluateWithReservedClasses,
} from 'lessor/internal/domain/classes/evaluate.js';
import type { ClientClass, ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { type PacketChanges, recordedPacket } from './expression-packet.js';

interface Row {
  readonly name: string;
  readonly test?: string;
  readonly template?: string;
  readonly additional?: boolean;
  readonly late?: boolean;
}

const options = { registry: OptionRegistry.standard(), isDefined: () => true };

function snapshotOf(rows: readonly Row[]): ConfigSnapshot {
  const classes = rows.map(
    (row, index): ClientClass => ({
      name: row.name,
      index,
      rank: 'class',
      ...(row.test === undefined ? {} : { test: compileBooleanExpression(row.test, options) }),
      ...(row.template === undefined ? {} : { templateTest: compileStringExpression(row.template, options) }),
      onlyInAdditionalList: row.additional ?? false,
      dependsOnKnown: row.late ?? false,
      options: [],
    }),
  );
  return { classes, classByName: new Map(classes.map((one) => [one.name, one])) } as unknown as ConfigSnapshot;
}

function packetIn(set: ClassSet, changes: PacketChanges = {}) {
  return recordedPacket({ ...changes, classes: set });
}

describe('first pass', () => {
  const snapshot = snapshotOf([
    { name: 'untested' },
    { name: 'second', test: "not member('late')" },
    { name: 'vendor', test: "substring(option[60].hex,0,2) == 'My' and member('second')" },
    { name: 'never', test: "'a' == 'b'" },
    { name: 'late', test: "member('KNOWN')", late: true },
    { name: 'extra', test: "'a' == 'a'", additional: true },
    { name: 'port', template: 'relay4[1].hex' },
    { name: 'none', template: 'option[250].hex' },
    { name: 'broken', test: "addrtotext('abc') == ''" },
    { name: 'last', test: "member('SPAWN_port_port1') and member('port')" },
  ]);

  test('ALL, the vendor class, then the classes in file order', () => {
    const set = new ClassSet();
    const failures: string[] = [];
    evaluateEarly(set, snapshot, packetIn(set), (name, error) => failures.push(`${name}: ${error.message}`));
    assert.deepEqual(set.names, [
      'ALL',
      'VENDOR_CLASS_MyVendor',
      'second',
      'vendor',
      'SPAWN_port_port1',
      'port',
      'last',
    ]);
    assert.deepEqual(failures, ['broken: addrtotext takes 4 or 16 octets']);
  });

  test('a packet without option 53 is of class BOOTP', () => {
    const set = new ClassSet();
    evaluateEarly(set, snapshotOf([]), packetIn(set, { fields: { messageType: 0 }, options: { 60: undefined } }));
    assert.deepEqual(set.names, ['BOOTP', 'ALL']);
  });

  test('names made from the packet are escaped', () => {
    const set = new ClassSet();
    const changes = { options: { 60: 'a b%c\n\0\0', 82: '\x01\x02,\xff' } };
    evaluateEarly(set, snapshotOf([{ name: 'port', template: 'relay4[1].hex' }]), packetIn(set, changes));
    assert.deepEqual(set.names, ['ALL', 'VENDOR_CLASS_a%20b%%c%0a', 'SPAWN_port_%2c%ff', 'port']);
    assert.notEqual(escapeClassName('%20'), escapeClassName(' '));
  });

  test('nothing but NULs is no vendor class', () => {
    const set = new ClassSet();
    evaluateEarly(set, snapshotOf([]), packetIn(set, { options: { 60: '\0\0' } }));
    assert.deepEqual(set.names, ['ALL']);
  });
});

test('second pass: KNOWN or UNKNOWN, then what depends on it', () => {
  const snapshot = snapshotOf([
    { name: 'early', test: "member('KNOWN')" },
    { name: 'guest', test: "member('UNKNOWN')", late: true },
    { name: 'guest2', test: "member('guest')", late: true },
    { name: 'DROP', test: "member('KNOWN') and not member('early')", late: true },
  ]);
  for (const known of [true, false]) {
    const set = new ClassSet();
    evaluateEarly(set, snapshot, packetIn(set, { options: { 60: undefined } }));
    evaluateAfterHostLookup(set, snapshot, packetIn(set), known);
    assert.deepEqual(set.names, known ? ['ALL', 'KNOWN', 'DROP'] : ['ALL', 'UNKNOWN', 'guest', 'guest2']);
  }
});

test('reserved classes change what the first pass found, and keep what it did not make', () => {
  const snapshot = snapshotOf([
    { name: 'vip' },
    { name: 'ordinary', test: "not member('vip')" },
    { name: 'served', test: "member('vip')" },
  ]);
  const set = new ClassSet();
  const packet = packetIn(set, { options: { 60: undefined } });
  evaluateEarly(set, snapshot, packet);
  assert.deepEqual(set.names, ['ALL', 'ordinary']);
  evaluateWithReservedClasses(set, snapshot, packet, ['vip']);
  assert.deepEqual(set.names, ['ALL', 'vip', 'served']);
});

test('third pass: named classes only, in the order of the list', () => {
  const snapshot = snapshotOf([
    { name: 'a', test: "'x' == 'x'", additional: true },
    { name: 'b', test: "'x' == 'y'", additional: true },
    { name: 'c', additional: true },
    { name: 'd', template: 'relay4[2].hex', additional: true },
    { name: 'unlisted', test: "'x' == 'x'", additional: true },
  ]);
  const set = new ClassSet();
  evaluateAdditional(set, snapshot, packetIn(set), ['d', 'nowhere', 'c', 'b', 'a']);
  assert.deepEqual(set.names, ['SPAWN_d_ab', 'd', 'c', 'a']);
});

describe('ClassSet', () => {
  test('keeps order, small and large', () => {
    const set = new ClassSet();
    const names = Array.from({ length: 40 }, (_, i) => `class-${i}`);
    for (const name of [...names, ...names]) set.add(name);
    assert.deepEqual([...set], names);
    assert.equal(set.size, 40);
    assert.ok(names.every((name) => set.has(name)) && !set.has('other'));
    set.delete('class-3');
    set.delete('class-3');
    assert.ok(!set.has('class-3') && [...set].length === 39);
    set.add('class-3');
    assert.equal(set.names.at(-1), 'class-3');
  });

  test('key tells sets and orders apart, and follows changes', () => {
    const keyOf = (...names: string[]): string => {
      const set = new ClassSet();
      for (const name of names) set.add(name);
      return set.key;
    };
    assert.equal(keyOf('a', 'b'), keyOf('a', 'b', 'a'));
    assert.notEqual(keyOf('a', 'b'), keyOf('b', 'a'));
    assert.notEqual(keyOf('ab'), keyOf('a', 'b'));
    const set = new ClassSet();
    set.add('a');
    assert.equal(set.key, keyOf('a'));
    set.add('b');
    assert.equal(set.key, keyOf('a', 'b'));
    set.delete('a');
    assert.equal(set.key, keyOf('b'));
  });

  test('satisfies guards: one is enough, none lets all through', () => {
    const set = new ClassSet();
    set.add('a');
    assert.equal(set.satisfies([]), true);
    assert.equal(set.satisfies(['b', 'a']), true);
    assert.equal(set.satisfies(['b']), false);
  });
});
