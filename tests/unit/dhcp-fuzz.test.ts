/** The codec against hostile packets: nothing but DecodeError, whatever is asked of a message. */

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  codecOf,
  DecodeError,
  decodeClientFqdn,
  decodeMessage4,
  decodeSubOptions,
  decodeVendorIdentifying,
  describeOption,
  findSubOption,
  formatOptionText,
  OptionRegistry,
} from '@lessor/dhcp';
import { fuzzedPacket, fuzzPackets, loadCorpus } from '../fuzz/packets.js';

const registry = OptionRegistry.standard();

/** Runs work that may refuse its octets. True if it did not. */
function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** Everything that can be asked about one option. */
function readOption(code: number, data: Uint8Array): void {
  const definition = registry.find('dhcp4', code);
  accepts(() => formatOptionText(definition, data));
  describeOption(definition, code, data, registry);
  if (definition === undefined) return;
  const codec = codecOf(definition);
  accepts(() => codec.toJson(codec.decode(data)));
}

/** Decodes and reads all of a message; checks what must hold for every message that is accepted. */
function readMessage(octets: Uint8Array, lenient: boolean): void {
  const message = decodeMessage4(octets, lenient);
  assert.ok(message.hlen <= 16 && message.chaddr.length === message.hlen);
  assert.equal(message.sname.length + message.file.length, 192);
  for (const code of message.optionCodes()) {
    const data = message.option(code);
    assert.equal(message.has(code), data !== undefined);
    assert.equal(message.octets(code), data === undefined ? undefined : Buffer.from(data).toString('latin1'));
    if (data !== undefined) readOption(code, data);
  }
  assert.equal(message.messageType, message.number(53) ?? 0);
  const relay = message.option(82) ?? new Uint8Array(0);
  if (accepts(() => decodeSubOptions(relay))) {
    for (const { code } of decodeSubOptions(relay)) assert.ok(findSubOption(relay, code));
  }
  accepts(() => decodeSubOptions(message.option(43) ?? relay, true));
  for (const code of [124, 125]) accepts(() => decodeVendorIdentifying(message.option(code) ?? relay));
  accepts(() => decodeClientFqdn(message.option(81) ?? relay));
}

const iterations = Number(process.env.FUZZ_ITERATIONS ?? 20_000);

test(`${iterations} mutated packets make the codec throw nothing but DecodeError`, () => {
  let accepted = 0;
  fuzzPackets(iterations, 1, (octets) => {
    if (accepts(() => readMessage(octets, false))) accepted++;
    accepts(() => readMessage(octets, true));
  });
  assert.ok(accepted > iterations / 10, `only ${accepted} packets got past the header: the mutations are too coarse`);
  assert.ok(accepted < iterations * 0.9, `${accepted} packets were accepted: the mutations are too tame`);
});

test('a seed and an iteration make the same packet every time', () => {
  const corpus = [...loadCorpus().values()];
  const once = Array.from({ length: 50 }, (_, i) => fuzzedPacket(i, 7, corpus));
  const again = Array.from({ length: 50 }, (_, i) => fuzzedPacket(i, 7, corpus));
  assert.deepEqual(again, once);
  assert.notDeepEqual(
    Array.from({ length: 50 }, (_, i) => fuzzedPacket(i, 8, corpus)),
    once,
  );
});

test('a finding names seed, iteration and octets', () => {
  const finding = (): void =>
    fuzzPackets(10, 3, () => {
      throw new TypeError('defect');
    });
  assert.throws(finding, /seed 3, iteration 0, packet [0-9a-f]+/);
});
