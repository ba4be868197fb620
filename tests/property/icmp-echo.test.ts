/** ICMP echoes (RFC 792): whatever comes in is read without a throw, and only whole answers are any. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type EchoMark,
  encodeEchoRequest,
  icmpOfPacket,
  internetChecksum,
  parseEchoAnswer,
} from 'lessor/internal/domain/ping/echo.js';

const mark: fc.Arbitrary<EchoMark> = fc.record({
  identifier: fc.nat(0xffff),
  sequence: fc.nat(0xffff),
  nonce: fc.uint8Array({ maxLength: 40 }),
});

/** An ICMP message of that type with a right checksum. */
function icmp(type: number, code: number, rest: Uint8Array): Uint8Array {
  const octets = Uint8Array.from([type, code, 0, 0, ...rest]);
  const sum = internetChecksum(octets);
  octets.set([sum >>> 8, sum & 0xff], 2);
  return octets;
}

/** An IPv4 packet around a payload, with options of so many words. */
function packet(payload: Uint8Array, { from = 0, to = 0, words = 0, protocol = 1, trailing = 0 } = {}): Uint8Array {
  const header = 20 + words * 4;
  const octets = Buffer.alloc(header + payload.length + trailing);
  octets[0] = 0x40 | (header / 4);
  octets.writeUInt16BE(header + payload.length, 2);
  octets[9] = protocol;
  octets.writeUInt32BE(from, 12);
  octets.writeUInt32BE(to, 16);
  octets.set(payload, header);
  return octets;
}

const echoReply = (sent: Uint8Array): Uint8Array => icmp(0, 0, sent.subarray(4));

test('what is answered is what was asked', () => {
  fc.assert(
    fc.property(mark, (asked) => {
      const request = encodeEchoRequest(asked);
      assert.equal(internetChecksum(request), 0);
      const answer = parseEchoAnswer(echoReply(request));
      assert.equal(answer?.kind, 'reply');
      assert.deepEqual({ ...answer, nonce: [...answer!.nonce] }, { kind: 'reply', ...asked, nonce: [...asked.nonce] });
    }),
  );
});

test('an unreachable destination tells which request it is about, by its first eight octets alone', () => {
  const to = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(mark, to, fc.nat(10), fc.nat(5), fc.nat(60), (asked, address, words, code, cut) => {
      const sent = packet(encodeEchoRequest(asked), { to: address, words });
      const back = sent.subarray(0, Math.max(20 + words * 4 + 8, sent.length - cut));
      const answer = parseEchoAnswer(icmp(3, code, Uint8Array.from([0, 0, 0, 0, ...back])));
      assert.ok(answer?.kind === 'unreachable');
      assert.deepEqual([answer.to, answer.identifier, answer.sequence], [address, asked.identifier, asked.sequence]);
      assert.deepEqual([...answer.nonce], [...asked.nonce.subarray(0, answer.nonce.length)]);
    }),
  );
});

test('a damaged answer is none', () => {
  fc.assert(
    fc.property(mark, fc.nat(47), fc.integer({ min: 1, max: 255 }), (asked, at, flip) => {
      const octets = echoReply(encodeEchoRequest(asked));
      octets[at % octets.length]! ^= flip;
      assert.equal(parseEchoAnswer(octets), undefined);
    }),
  );
});

test('a request is no answer, nor is what is too short, of another type or about another protocol', () => {
  const asked = { identifier: 1, sequence: 2, nonce: Uint8Array.of(3) };
  const request = encodeEchoRequest(asked);
  const about = (sent: Uint8Array): Uint8Array => icmp(3, 1, Uint8Array.from([0, 0, 0, 0, ...sent]));
  assert.equal(parseEchoAnswer(request), undefined);
  assert.equal(parseEchoAnswer(icmp(11, 0, Uint8Array.from([0, 0, 0, 0, ...packet(request)]))), undefined);
  assert.equal(parseEchoAnswer(about(packet(request, { protocol: 17 }))), undefined);
  assert.equal(parseEchoAnswer(about(packet(echoReply(request)))), undefined);
  assert.equal(parseEchoAnswer(about(packet(request).subarray(0, 27))), undefined);
});

test('of a packet the message is found, without what a link put behind it', () => {
  fc.assert(
    fc.property(mark, fc.nat(0xffff_ffff), fc.nat(10), fc.nat(30), (asked, from, words, trailing) => {
      const request = encodeEchoRequest(asked);
      const found = icmpOfPacket(packet(request, { from, words, trailing }));
      assert.deepEqual([found?.from, [...found!.icmp]], [from, [...request]]);
      assert.equal(icmpOfPacket(packet(request, { protocol: 6, words })), undefined);
    }),
  );
});

test('no octets make a parser throw', () => {
  const octets = fc.uint8Array({ maxLength: 120 });
  const near = fc.tuple(fc.constantFrom(0x45, 0x46, 0x4f, 0x65, 0x40), octets).map(([first, rest]) => {
    const whole = Uint8Array.from([first, ...rest]);
    if (whole.length > 9) whole[9] = 1;
    return whole;
  });
  const summed = octets.map((rest) => icmp(3, 1, rest));
  fc.assert(
    fc.property(fc.oneof(octets, near, summed), (any) => {
      parseEchoAnswer(any);
      icmpOfPacket(any);
    }),
    { numRuns: 5000 },
  );
});
