/** The decoder against hostile streams: nothing but DecodeError, and never more held than was allowed. */

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Authenticator,
  attributeTypes,
  decodeAttributes,
  describeMessage,
  encodeMessage,
  OBJECTS,
  type ObjectType,
  readAuthenticatorRequest,
  readStatus,
  StreamDecoder,
} from '@lessor/omapi';
import { fuzzDecoder, fuzzedStream, loadOmapiCorpus } from '../fuzz/omapi.js';

const key = new Authenticator({ name: 'k', algorithm: 'hmac-sha256', secret: 'c2VjcmV0' });
const types = Object.keys(OBJECTS) as ObjectType[];

const streams = Number(process.env.FUZZ_ITERATIONS ?? 20_000);
const MAX_OCTETS = 8192;

test(`${streams} mutated streams make the decoder throw nothing but DecodeError`, () => {
  const result = fuzzDecoder(streams, 1, MAX_OCTETS, (frame) => {
    // Whatever was accepted has the octets it came in, and can be asked anything.
    assert.deepEqual(Buffer.from(encodeMessage(frame.message)), Buffer.from(frame.octets));
    assert.ok(frame.octets.length <= MAX_OCTETS);
    key.verify(frame);
    describeMessage(frame.message);
    readStatus(frame.message);
    readAuthenticatorRequest(frame.message);
    const type = types[frame.message.tid % types.length]!;
    const { values, others } = decodeAttributes(type, frame.message.object);
    assert.ok(attributeTypes(type) && Object.keys(values).length + others.size >= 0);
  });
  assert.ok(result.messages > streams / 5, `only ${result.messages} messages: the mutations are too coarse`);
  assert.ok(result.refused > streams / 20, `only ${result.refused} refused: the mutations are too tame`);
  assert.ok(result.mostHeld <= 2 * MAX_OCTETS, `${result.mostHeld} octets were held`);
});

test('a value that is announced is refused before it has come', () => {
  const decoder = new StreamDecoder(4096);
  decoder.push(Buffer.from(`0000006400000018${'00'.repeat(24)}000161ffffffff`, 'hex'));
  assert.throws(() => decoder.next(), /value at offset 31: longer than 4096 octets in all/);
});

test('a seed and an iteration make the same stream every time', () => {
  const corpus = loadOmapiCorpus();
  assert.ok(corpus.length > 500, `${corpus.length}`);
  for (let i = 0; i < 50; i++) assert.deepEqual(fuzzedStream(i, 7, corpus), fuzzedStream(i, 7, corpus));
  assert.notDeepEqual(fuzzedStream(0, 8, corpus), fuzzedStream(0, 7, corpus));
});

test('a finding names seed and iteration', () => {
  const finding = (): void => {
    fuzzDecoder(100, 3, MAX_OCTETS, () => {
      throw new TypeError('defect');
    });
  };
  assert.throws(finding, /seed 3, iteration \d+: TypeError: defect/);
});
