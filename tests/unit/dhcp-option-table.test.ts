/** THE option table against its outside truths: Kea's definitions as recorded, and the IANA registry. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { type OptionDefinition, OptionRegistry, STANDARD_OPTIONS } from '@lessor/dhcp';
import { repoPath } from '../lib/repo.js';

/** Rows of Kea's table: space, code, name, type, multiplicity, record types, encapsulated space. */
function keaRows(): string[] {
  const lines = readFileSync(repoPath('tests', 'golden', 'options4.tsv'), 'utf8')
    .replace(/\n$/, '')
    .split('\n')
    .slice(1);
  return lines.map((line) => line.split('\t').slice(0, 7).join('\t'));
}

function asRow(definition: OptionDefinition): string {
  const { space, code, name, type, array, recordTypes, encapsulates } = definition;
  return [space, code, name, type, array ? 'array' : 'single', recordTypes.join(','), encapsulates ?? ''].join('\t');
}

test('the table has exactly the definitions of Kea 3.3', () => {
  assert.deepEqual(STANDARD_OPTIONS.map(asRow), keaRows());
});

test('no code and no name is in a space twice, and every definition says where it is from', () => {
  const seen = new Set<string>();
  for (const { space, code, name, rfc } of STANDARD_OPTIONS) {
    for (const key of [`${space}/${code}`, `${space}/${name}`]) {
      assert.ok(!seen.has(key), key);
      seen.add(key);
    }
    assert.ok(code >= 1 && code <= 254);
    assert.match(rfc ?? '', /^(RFC \d{4}( §[\d.]+)?|CL-SP-CANN-DHCP-Reg)$/, `${space} ${code}`);
  }
});

/** IANA "BOOTP Vendor Extensions and DHCP Options": codes that are unassigned, removed or for private use. */
const NOT_ASSIGNED = [
  84,
  96,
  102,
  103,
  104,
  105,
  106,
  107,
  110,
  111,
  115,
  126,
  127,
  149,
  160,
  ...Array.from({ length: 33 }, (_, i) => 163 + i).filter((code) => code < 175 || code > 177),
  214,
  215,
  216,
  217,
  218,
  219,
  ...Array.from({ length: 33 }, (_, i) => 222 + i),
];

test('no standard option sits on a code that IANA has not assigned', () => {
  for (const { space, code } of STANDARD_OPTIONS) {
    if (space === 'dhcp4') assert.ok(!NOT_ASSIGNED.includes(code), `code ${code}`);
  }
});

/** IANA's lengths ("Data Length" column of the registry), for options of fixed size. */
const IANA_OCTETS: Record<number, number> = {
  1: 4,
  2: 4,
  13: 2,
  16: 4,
  19: 1,
  20: 1,
  22: 2,
  23: 1,
  24: 4,
  26: 2,
  27: 1,
  28: 4,
  29: 1,
  30: 1,
  31: 1,
  32: 4,
  34: 1,
  35: 4,
  36: 1,
  37: 1,
  38: 4,
  39: 1,
  46: 1,
  50: 4,
  51: 4,
  52: 1,
  53: 1,
  54: 4,
  57: 2,
  58: 4,
  59: 4,
  91: 4,
  108: 4,
  116: 1,
  118: 4,
  152: 4,
  153: 4,
  154: 4,
  155: 4,
  156: 1,
  157: 1,
};
const TYPE_OCTETS: Partial<Record<string, number>> = {
  boolean: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  'ipv4-address': 4,
};

test('single values have the sizes IANA registers', () => {
  const registry = OptionRegistry.standard();
  for (const [code, octets] of Object.entries(IANA_OCTETS)) {
    const definition = registry.find('dhcp4', Number(code));
    assert.ok(definition && !definition.array, `code ${code}`);
    assert.equal(TYPE_OCTETS[definition.type], octets, `code ${code}`);
  }
});

test('the registry finds by code and by name', () => {
  const registry = OptionRegistry.standard();
  assert.equal(registry.find('dhcp4', 51)?.name, 'dhcp-lease-time');
  assert.equal(registry.findByName('dhcp-agent-options-space', 'circuit-id')?.code, 1);
  assert.equal(registry.find('dhcp4', 250), undefined);
  assert.equal(registry.findByName('nowhere', 'routers'), undefined);
  assert.deepEqual(registry.spaces(), ['dhcp4', 'dhcp-agent-options-space', 'cablelabs-client-conf', 'vendor-4491']);
  assert.equal(registry.all('vendor-4491').length, 2);
  assert.deepEqual(registry.all('nowhere'), []);
});

test('a registry with more definitions is a new one; the later definition of a code or name stays', () => {
  const standard = OptionRegistry.standard();
  const mine = (code: number, name: string, space = 'dhcp4'): OptionDefinition => {
    return { space, code, name, type: 'uint8', array: false, recordTypes: [] };
  };
  const more = standard.with([mine(250, 'mine'), mine(43, 'other-43'), mine(1, 'first', 'my-space')]);
  assert.equal(standard.find('dhcp4', 250), undefined);
  assert.equal(more.find('dhcp4', 250)?.name, 'mine');
  assert.equal(more.find('dhcp4', 43)?.name, 'other-43');
  assert.equal(more.findByName('dhcp4', 'vendor-encapsulated-options'), undefined);
  assert.equal(more.find('my-space', 1)?.name, 'first');
  assert.equal(more.find('dhcp4', 51), standard.find('dhcp4', 51));
  const renamed = more.with([mine(251, 'mine')]);
  assert.equal(renamed.find('dhcp4', 250), undefined);
  assert.equal(renamed.findByName('dhcp4', 'mine')?.code, 251);
});
