/** The parameter table holds together. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findParameter, type Parameter, SCHEMA, type ScopeName } from 'lessor/internal/config/schema.js';

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  integer: Number.isInteger,
  real: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string',
};

function checkRow(row: Parameter): void {
  const { name, type, default: value, min, max, words, status, note, doc, scope } = row;
  assert.match(name, /^[A-Za-z0-9-]+$/);
  assert.match(doc, /^[A-Za-z].*[^\s]$/, name);
  assert.equal(scope !== undefined, type === 'map' || type === 'maps', name);
  if (status === 'unsupported' || status === 'inactive' || status === 'no-effect') assert.ok(note, `${name} says why`);
  if (value === undefined) return;
  assert.ok(TYPES[type]?.(value), `default of ${name}`);
  if (typeof value === 'number') assert.ok(value >= (min ?? value) && value <= (max ?? value), `default of ${name}`);
  if (words !== undefined) assert.ok(words.includes(value as string), `default of ${name}`);
}

for (const [scope, { parameters, aliases = [], context }] of Object.entries(SCHEMA)) {
  describe(scope, () => {
    it('has sound rows', () => parameters.forEach(checkRow));

    it('has every name once', () => {
      const names = [...parameters.map(({ name }) => name), ...aliases.map(({ name }) => name)];
      if (context) names.push('user-context', 'comment');
      assert.equal(new Set(names).size, names.length, names.join(' '));
    });

    it('aliases lead to parameters', () => {
      for (const { to } of aliases) assert.ok(findParameter(scope as ScopeName, to), to);
    });
  });
}

it('every scope can be reached from the top', () => {
  const reached = new Set<ScopeName>([
    'top',
    'no-hook-parameters',
    'flex-id',
    'flex-option',
    'run-script',
    'ha',
    'ha-lessor',
    'ping-check',
    'subnet-ping-check',
    'limits',
    'ha-peer-lessor',
    'omapi',
    'host-extension',
    'listener',
    'agent-lessor',
    'metrics',
    'access',
    'bmc-guard',
    'network-extension',
    'option-extension',
    'agent-top',
  ]);
  for (const scope of reached) {
    for (const { scope: next } of SCHEMA[scope].parameters) if (next !== undefined) reached.add(next);
  }
  assert.deepEqual([...reached].sort(), Object.keys(SCHEMA).sort());
});
