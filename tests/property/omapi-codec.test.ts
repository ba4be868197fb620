/** The OMAPI codec for all inputs: what is encoded decodes to itself, however it is cut, and what is signed verifies. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ALGORITHMS,
  Authenticator,
  decodeAttributes,
  decodeMessage,
  type Entry,
  encodeAttributes,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  LEASE_STATES,
  type ObjectInput,
  type OmapiMessage,
  quoteString,
  StreamDecoder,
} from '@lessor/omapi';
import fc from 'fast-check';
import { OmshellLexer } from 'lessor/internal/cli/omshell/lexer.js';

const uint32 = fc.nat({ max: 0xffff_ffff });
const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const latin1 = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((name) => Buffer.from(name).toString('latin1'));
const entries: fc.Arbitrary<Entry[]> = fc.array(fc.tuple(latin1, octets(300)), { maxLength: 12 });

const messages: fc.Arbitrary<OmapiMessage> = fc.record({
  authid: uint32,
  op: uint32,
  handle: uint32,
  tid: uint32,
  rid: uint32,
  message: entries,
  object: entries,
  signature: octets(64),
  headerExtra: fc.constant(new Uint8Array(0)),
});

/** Views and buffers made alike, for comparison. */
function plain({ signature, headerExtra, message, object, ...header }: OmapiMessage): unknown {
  const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
  const dictionary = (list: readonly Entry[]): unknown => list.map(([name, value]) => [name, hex(value)]);
  return {
    ...header,
    message: dictionary(message),
    object: dictionary(object),
    signature: hex(signature),
    headerExtra: hex(headerExtra),
  };
}

describe('messages', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(messages, (message) =>
        assert.deepEqual(plain(decodeMessage(encodeMessage(message))), plain(message)),
      ),
    );
  });

  it('arrive the same however they are cut, behind headers of any size', () => {
    const property = fc.property(
      fc.array(messages, { maxLength: 4 }),
      fc.integer({ min: 24, max: 64 }),
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 }),
      (sent, headerOctets, cuts) => {
        const extended = sent.map((message) => ({
          ...message,
          headerExtra: new Uint8Array(headerOctets - 24).fill(7),
        }));
        const stream = Buffer.concat([encodeStartup({ version: 100, headerOctets }), ...extended.map(encodeMessage)]);
        const decoder = new StreamDecoder();
        const received: unknown[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const length = cuts[cut % cuts.length]!;
          decoder.push(Uint8Array.from(stream.subarray(at, at + length)));
          at += length;
          for (let frame = decoder.next(); frame; frame = decoder.next()) received.push(plain(frame.message));
        }
        assert.deepEqual(received, extended.map(plain));
        assert.equal(decoder.bufferedOctets, 0);
      },
    );
    fc.assert(property);
  });

  it('signed, verify with their key, and with one bit changed anywhere behind the authid do not', () => {
    const secrets = fc.uint8Array({ minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(messages, secrets, fc.constantFrom(...ALGORITHMS), fc.nat(), (message, secret, { name }, bit) => {
        const key = new Authenticator({ name: 'k', algorithm: name, secret });
        const signed = encodeSigned(message, key);
        assert.ok(key.verify({ octets: signed, headerOctets: 24, message: decodeMessage(signed) }));
        // Change any bit but those of the authid, and of lengths (the message would fall apart): header or signature.
        const places = [
          ...Array.from({ length: 16 }, (_, i) => 8 + i),
          ...Array.from({ length: 16 }, (_, i) => signed.length - 1 - i),
        ];
        const spoilt = Uint8Array.from(signed);
        spoilt[places[bit % places.length]!]! ^= 1 << (bit % 8);
        assert.ok(!key.verify({ octets: spoilt, headerOctets: 24, message: decodeMessage(spoilt) }));
      }),
    );
  });
});

describe('attributes', () => {
  const ip = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((address) => address.join('.'));
  const mac = fc
    .uint8Array({ minLength: 6, maxLength: 6 })
    .map((address) => Array.from(address, (octet) => octet.toString(16).padStart(2, '0')).join(':'));
  const text = fc.string({ minLength: 1, unit: 'grapheme' });

  it('of a lease decode to what was encoded', () => {
    const leases = fc.record(
      {
        state: fc.constantFrom(...(Object.keys(LEASE_STATES) as (keyof typeof LEASE_STATES)[])),
        ipAddress: ip,
        clientHostname: text,
        hardwareAddress: mac,
        hardwareType: uint32,
        ends: uint32,
        flags: fc.nat({ max: 255 }),
      },
      { requiredKeys: ['hardwareType'] },
    );
    fc.assert(
      fc.property(leases, (lease) => {
        const { values, others } = decodeAttributes('lease', encodeAttributes('lease', lease));
        assert.deepEqual(values, { ...lease });
        assert.equal(others.size, 0);
      }),
    );
  });

  it('of a host decode to what was encoded', () => {
    const hosts: fc.Arbitrary<ObjectInput<'host'>> = fc.record(
      { name: text, ipAddress: fc.array(ip, { minLength: 1, maxLength: 5 }), statements: text, group: text },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(hosts, (host) =>
        assert.deepEqual(decodeAttributes('host', encodeAttributes('host', host)).values, { ...host }),
      ),
    );
  });
});

it('a quoted string is read back by the lexer of dhcpd.conf, and nothing comes after it', () => {
  // What C strings can not hold is left out: NUL.
  const texts = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
  fc.assert(
    fc.property(texts, (value) => {
      const lexer = new OmshellLexer(quoteString(value));
      const expected = Buffer.from(value, 'utf8').toString('latin1');
      assert.deepEqual(lexer.next(), { kind: 'string', text: expected });
      assert.equal(lexer.next().kind, 'end');
      assert.equal(lexer.complaints, '');
    }),
  );
});
