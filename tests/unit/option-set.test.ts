import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectOptions, type OptionRequest } from 'lessor/internal/domain/compose/option-set.js';
import type { OptionData } from 'lessor/internal/domain/snapshot.js';

const option = (code: number, data: number[], extra: Partial<OptionData> = {}): OptionData => ({
  space: 'dhcp4',
  code,
  name: `option-${code}`,
  data: Uint8Array.from(data),
  alwaysSend: false,
  neverSend: false,
  clientClasses: [],
  ...extra,
});
const request = (change: Partial<OptionRequest>): OptionRequest => ({
  scopes: [],
  requested: new Uint8Array(0),
  reserved: new Set([53]),
  subnetMask: undefined,
  enterprises: [],
  vendorRequested: new Map(),
  bmcOnly: false,
  isMember: () => false,
  ...change,
});
const sent = (change: Partial<OptionRequest>): [number, number[]][] =>
  collectOptions(request(change)).map(({ code, data }) => [code, [...data]]);

test('the client gets what it lists, in its order (RFC 2132 §9.8)', () => {
  const scopes = [[option(3, [1]), option(15, [2]), option(42, [3]), option(66, [4])]];
  assert.deepEqual(sent({ scopes, requested: Uint8Array.of(42, 15, 3) }), [
    [42, [3]],
    [15, [2]],
    [3, [1]],
  ]);
});

test('routers, name servers and domain name come unasked; others only with always-send', () => {
  const scopes = [[option(3, [1]), option(42, [3]), option(66, [4], { alwaysSend: true })]];
  assert.deepEqual(sent({ scopes }), [
    [3, [1]],
    [66, [4]],
  ]);
});

test('the most specific scope wins, and never-send beats always-send anywhere', () => {
  assert.deepEqual(sent({ scopes: [[option(3, [1])], [option(3, [2])]] }), [[3, [1]]]);
  const scopes = [[option(66, [1], { alwaysSend: true })], [option(66, [2], { neverSend: true })]];
  assert.deepEqual(sent({ scopes, requested: Uint8Array.of(66) }), []);
});

test('a guarded entry counts only for members; others fall through to the next scope', () => {
  const scopes = [[option(3, [1], { clientClasses: ['gold'] })], [option(3, [2])]];
  assert.deepEqual(sent({ scopes }), [[3, [2]]]);
  assert.deepEqual(sent({ scopes, isMember: (name) => name === 'gold' }), [[3, [1]]]);
});

test('what the server sets itself is not taken from the configuration', () => {
  assert.deepEqual(sent({ scopes: [[option(53, [9])]], requested: Uint8Array.of(53) }), []);
});

test('the mask of the subnet is sent with an address, whatever is configured (Kea)', () => {
  const mask = Uint8Array.of(255, 255, 255, 0);
  assert.deepEqual(sent({ subnetMask: mask }), [[1, [255, 255, 255, 0]]]);
  const scopes = [[option(1, [255, 255, 0, 0])]];
  assert.deepEqual(sent({ subnetMask: mask, scopes }), [[1, [255, 255, 255, 0]]]);
  assert.deepEqual(sent({ scopes, requested: Uint8Array.of(1) }), [[1, [255, 255, 0, 0]]]);
});

test('sub-options of an encapsulated space are merged over the scopes', () => {
  const carrier = option(43, [], { encapsulates: 'vendor-encapsulated-options-space', alwaysSend: true });
  const inSpace = (code: number, data: number[]): OptionData =>
    option(code, data, { space: 'vendor-encapsulated-options-space' });
  const scopes = [[inSpace(2, [7])], [carrier, inSpace(1, [8]), inSpace(2, [9])]];
  assert.deepEqual(sent({ scopes }), [[43, [1, 1, 8, 2, 1, 7]]]);
});

test('option 125: an enterprise the client named, its always-send and its requested options (RFC 3925)', () => {
  const inSpace = (code: number, extra: Partial<OptionData> = {}): OptionData =>
    option(code, [code], { space: 'vendor-4491', ...extra });
  const scopes = [[inSpace(1), inSpace(2, { alwaysSend: true }), inSpace(5)]];
  assert.deepEqual(sent({ scopes }), [], 'nobody asked for it');
  assert.deepEqual(sent({ scopes, enterprises: [4491], vendorRequested: new Map([[4491, Uint8Array.of(5)]]) }), [
    [125, [0, 0, 0x11, 0x8b, 6, 2, 1, 2, 5, 1, 5]],
  ]);
});

test('option 125 that is configured and asked for names each of its enterprises, told of or not (Kea)', () => {
  const carrier = (enterprise: number): OptionData => option(125, [0, 0, 0, enterprise]);
  const scopes = [
    [carrier(1), option(7, [9], { space: 'vendor-2', alwaysSend: true })],
    [carrier(2), carrier(1)],
  ];
  assert.deepEqual(sent({ scopes, requested: Uint8Array.of(125) }), [[125, [0, 0, 0, 1, 0, 0, 0, 0, 2, 3, 7, 1, 9]]]);
  assert.deepEqual(sent({ scopes }), []);
});

test('option 124 configured for two enterprises is sent with both', () => {
  const entry = (enterprise: number): OptionData => option(124, [0, 0, 0, enterprise, 1, 65], { alwaysSend: true });
  assert.deepEqual(sent({ scopes: [[entry(1), entry(2)], [entry(1)]] }), [
    [124, [0, 0, 0, 1, 1, 65, 0, 0, 0, 2, 1, 65]],
  ]);
});
