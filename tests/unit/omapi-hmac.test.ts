/** Signatures are what RFC 2104 says, whichever way they are made; values to be encoded may be numbers and strings. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  ALGORITHMS,
  Authenticator,
  decodeMessage,
  EncodeError,
  encodeDictionary,
  encodeMessage,
  encodeSigned,
  encodeUint32,
  Op,
  StreamDecoder,
} from '@lessor/omapi';
import fc from 'fast-check';

const octets = (maxLength: number) => fc.uint8Array({ maxLength });

describe('signatures', () => {
  for (const algorithm of ALGORITHMS) {
    it(`${algorithm.name} is Node's HMAC, for keys shorter and longer than its block and messages of any length`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 1, maxLength: 300 }),
          octets(300),
          fc.nat(9000),
          (secret, head, more) => {
            const message = Buffer.concat([head, Buffer.alloc(more, 7)]);
            const key = new Authenticator({ name: 'k', algorithm: algorithm.name, secret });
            const expected = createHmac(algorithm.hash, secret).update(message).digest('hex');
            assert.equal(Buffer.from(key.sign(message)).toString('hex'), expected);
          },
        ),
        { numRuns: 60 },
      );
    });

    it(`${algorithm.name} in its message is verified, and not when a bit of it is another`, () => {
      const key = new Authenticator({ name: 'k', algorithm: algorithm.name, secret: Buffer.from('secret') });
      const signed = encodeSigned({ op: Op.open, authid: 7, tid: 3, object: [['name', 'x']] }, key);
      const startup = Buffer.from('0000006400000018', 'hex');
      const verify = (message: Uint8Array): boolean => {
        const decoder = new StreamDecoder();
        decoder.push(Buffer.concat([startup, message]));
        return key.verify(decoder.next()!);
      };
      assert.equal(verify(signed), true);
      for (let at = 8; at < signed.length; at++) {
        // Lengths are elsewhere's: here a message has to stay one.
        if (at >= 24 && at < signed.length - algorithm.signatureOctets) continue;
        const forged = Buffer.from(signed);
        forged[at]! ^= 1;
        assert.equal(verify(forged), false, `octet ${at}`);
      }
    });
  }
});

describe('values to be encoded', () => {
  it('may be octets, numbers and binary strings', () => {
    const name = 'state';
    const same = (value: Uint8Array | number | string): string =>
      Buffer.from(encodeDictionary([[name, value]])).toString('hex');
    assert.equal(same(258), same(encodeUint32(258)));
    assert.equal(same('caf\xe9'), same(Buffer.from('caf\xe9', 'latin1')));
    const { object } = decodeMessage(encodeMessage({ op: Op.update, object: [[name, 0xffff_ffff]] }));
    assert.deepEqual(
      object,
      [[name, Uint8Array.of(255, 255, 255, 255)]].map(([n, v]) => [n, Buffer.from(v as Uint8Array)]),
    );
  });

  it('are refused where they are neither', () => {
    for (const value of [-1, 1.5, 2 ** 32, '\u0100']) {
      assert.throws(() => encodeDictionary([['state', value]]), EncodeError, String(value));
    }
    assert.throws(() => encodeDictionary([['\u0100', 1]]), EncodeError);
  });
});

describe('names', () => {
  it('that look alike to the table of names seen lately stay apart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 40 }),
        (names) => {
          const entries = names.map((name, i) => [name, i] as const);
          const { object } = decodeMessage(encodeMessage({ op: Op.open, object: entries }));
          assert.deepEqual(
            object.map(([name]) => name),
            names,
          );
        },
      ),
    );
  });
});
