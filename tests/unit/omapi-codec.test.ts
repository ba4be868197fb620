/** Keys, results, values, start-up, and the limits of messages: facts of the protocol that no recording shows by itself. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ALGORITHMS,
  Authenticator,
  answersQuery,
  authenticatorRequest,
  DecodeError,
  decodeAttributes,
  decodeHardwareAddress,
  decodeIpv4,
  decodeMessage,
  decodeStartup,
  EncodeError,
  encodeAttributes,
  encodeHardwareAddress,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  encodeUint32,
  entryMap,
  findAlgorithm,
  findEntry,
  isStatus,
  KeyError,
  MAX_ENTRIES,
  NotFoundError,
  Op,
  omapiMessage,
  openRequest,
  opName,
  Result,
  readAuthenticatorRequest,
  resultName,
  resultText,
  StatusError,
  StreamDecoder,
  statusError,
  updateAnswer,
  ValueError,
  wireName,
} from '@lessor/omapi';

const LEASE_OPEN = omapiMessage({
  ...openRequest('lease', encodeAttributes('lease', { ipAddress: '10.77.0.100' })),
  authid: 1,
  tid: 0x6b8b4568,
});

describe('keys', () => {
  /** Of one message (the open of a lease), by each algorithm; the first and fourth are dhcpd's and omshell's own. */
  const signatures: Readonly<Record<string, [secret: string, signature: string]>> = {
    'hmac-md5': ['MDEyMzQ1Njc4OWFiY2RlZg==', 'f515ab15c19ebb27e6ae0fa3d897cb9f'],
    'hmac-sha256': [
      'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
      '58d633f40ba43188363495f1959beca830c2c0e32741a6eb9404bc55c2d9b4c5',
    ],
  };
  for (const [algorithm, [secret, signature]] of Object.entries(signatures)) {
    it(`${algorithm} signs as omshell does`, () => {
      const key = new Authenticator({ name: 'omapi_key', algorithm, secret });
      const octets = encodeSigned(LEASE_OPEN, key);
      assert.equal(Buffer.from(octets.subarray(-signature.length / 2)).toString('hex'), signature);
      assert.ok(key.verify({ octets, headerOctets: 24, message: decodeMessage(octets) }));
    });
  }

  it('are asked for by a name of their own kind', () => {
    assert.deepEqual(
      ALGORITHMS.map((row) => [wireName(row), row.signatureOctets]),
      [
        ['hmac-md5.SIG-ALG.REG.INT.', 16],
        ['hmac-sha1.SIG-ALG.REG.INT.', 20],
        ['hmac-sha224.SIG-ALG.REG.INT.', 28],
        ['hmac-sha256.SIG-ALG.REG.INT.', 32],
        ['hmac-sha384.SIG-ALG.REG.INT.', 48],
        ['hmac-sha512.SIG-ALG.REG.INT.', 64],
      ],
    );
    assert.equal(findAlgorithm('HMAC-MD5.sig-alg.reg.int.')?.name, 'hmac-md5');
    assert.equal(findAlgorithm('hmac-md5.SIG-ALG.REG.INT'), undefined);
  });

  it('a server finds them without regard to case, but not without the suffix', () => {
    const key = new Authenticator({ name: 'Omapi_Key', algorithm: 'HMAC-SHA1', secret: 'AAAA' });
    const query = readAuthenticatorRequest(omapiMessage(authenticatorRequest(key)))!;
    assert.deepEqual(query, { name: 'Omapi_Key', algorithm: 'hmac-sha1.SIG-ALG.REG.INT.' });
    assert.ok(answersQuery(key, { name: 'OMAPI_KEY', algorithm: 'HMAC-SHA1.SIG-ALG.REG.INT.' }));
    for (const wrong of [
      { ...query, name: 'other' },
      { ...query, algorithm: 'hmac-sha1' },
      { ...query, name: undefined },
      { ...query, algorithm: undefined },
    ]) {
      assert.ok(!answersQuery(key, wrong));
    }
    assert.equal(readAuthenticatorRequest(LEASE_OPEN), undefined);
  });

  it('that can not sign are refused', () => {
    for (const [algorithm, secret] of [
      ['hmac-sha3', 'AAAA'],
      ['hmac-md5', 'not base64!'],
      ['hmac-md5', 'AAAAA'],
      ['hmac-md5', ''],
    ] as const) {
      assert.throws(() => new Authenticator({ name: 'k', algorithm, secret }), KeyError);
    }
    assert.ok(
      !JSON.stringify(new Authenticator({ name: 'k', algorithm: 'hmac-md5', secret: 'c2VjcmV0' })).includes('c2Vj'),
    );
  });
});

describe('results', () => {
  it('have the numbers and texts of ISC', () => {
    assert.deepEqual(
      [Result.SUCCESS, Result.NOTFOUND, Result.INVALIDARG, Result.UNKNOWNATTRIBUTE],
      [0, 23, 393_219, 393_248],
    );
    assert.equal(resultText(393_223), 'key conflict');
    assert.equal(resultText(59), 'invalid address format');
    assert.equal(resultText(70), '(result code text not available)');
    assert.equal(resultName(393_249), undefined);
    const codes = Object.values(Result);
    assert.equal(new Set(codes).size, codes.length);
    assert.deepEqual(
      [...codes].sort((a, b) => a - b),
      [...Array(70).keys(), ...Array.from({ length: 33 }, (_, i) => 0x60000 + i)],
    );
  });

  it('each becomes an error that says its name', () => {
    for (const [name, code] of Object.entries(Result)) {
      const error = statusError(code, 'because', 'open host');
      assert.ok(error instanceof StatusError && isStatus(error) && isStatus(error, name as keyof typeof Result));
      assert.equal(error.message, `open host: ${resultText(code)} (because) [${name}]`);
    }
    const unknown = statusError(4711, undefined, 'open host');
    assert.equal(unknown.message, 'open host: (result code text not available) [0x1267]');
    assert.ok(!isStatus(unknown, 'NOTFOUND') && !isStatus(new Error('x')));
    assert.ok(statusError(23, undefined, 'x') instanceof NotFoundError);
  });
});

describe('values', () => {
  it('that do not fit their attribute stay raw, and nothing throws', () => {
    const { values, others } = decodeAttributes('lease', [
      ['state', encodeUint32(99)],
      ['ip-address', Buffer.from('0a4d00', 'hex')],
      ['client-hostname', Buffer.from('ff', 'hex')],
      ['flags', encodeUint32(4)],
      ['my-variable', Buffer.from('acme')],
      ['toString', Buffer.from('x')],
      ['flags', Buffer.of(2)],
    ]);
    assert.deepEqual(values, { state: 99, flags: 2 });
    assert.deepEqual([...others.keys()], ['ip-address', 'client-hostname', 'my-variable', 'toString']);
  });

  it('of hosts: several addresses, or none any more', () => {
    const [entry] = encodeAttributes('host', { ipAddress: null });
    assert.deepEqual(entry, ['ip-address', new Uint8Array(0)]);
    assert.throws(() => encodeAttributes('host', { name: null } as never), ValueError);
    const eight = Buffer.from('0a4d00160a4d0017', 'hex');
    assert.deepEqual(decodeAttributes('host', [['ip-address', eight]]).values.ipAddress, ['10.77.0.22', '10.77.0.23']);
  });

  it('hardware addresses in every spelling; without a type they are Ethernet', () => {
    for (const spelling of ['02:00:0A:00:00:01', '2:0:a:0:0:1', '02-00-0a-00-00-01']) {
      assert.equal(decodeHardwareAddress(encodeHardwareAddress(spelling)), '02:00:0a:00:00:01');
    }
    const names = encodeAttributes('host', { hardwareAddress: '02:00:00:00:00:01' }).map(([name]) => name);
    assert.deepEqual(names, ['hardware-address', 'hardware-type']);
    assert.throws(() => decodeIpv4(Buffer.of(1, 2, 3)), ValueError);
  });
});

describe('messages', () => {
  it('of names given twice the last counts, at the place of the first', () => {
    const entries = [
      ['a', Buffer.of(1)],
      ['b', Buffer.of(2)],
      ['a', Buffer.of(3)],
    ] as const;
    assert.deepEqual(findEntry(entries, 'a'), Buffer.of(3));
    assert.deepEqual([...entryMap(entries).keys()], ['a', 'b']);
    assert.equal(decodeMessage(encodeMessage(omapiMessage({ op: 1, object: entries }))).object.length, 3);
  });

  it('that have no octets are refused', () => {
    const many = Array.from({ length: MAX_ENTRIES + 1 }, (_, i) => [`a${i}`, Buffer.of()] as const);
    for (const fields of [
      { tid: -1 },
      { handle: 2 ** 32 },
      { object: [['', Buffer.of(1)]] as const },
      { object: [['\u0100', Buffer.of(1)]] as const },
      { object: [['x'.repeat(65_536), Buffer.of(1)]] as const },
      { object: many },
    ]) {
      assert.throws(() => encodeMessage(omapiMessage({ op: 1, ...fields })), EncodeError);
    }
  });

  it('octets that are no message are refused, with the place', () => {
    const octets = encodeMessage(LEASE_OPEN);
    for (let length = 0; length < octets.length; length++) {
      assert.throws(() => decodeMessage(octets.subarray(0, length)), DecodeError);
    }
    assert.throws(() => decodeMessage(Buffer.concat([octets, Buffer.of(0)])), /signature at offset/);
  });

  it('an answer to tid 0 has neither handle nor rid', () => {
    const { handle, rid, op } = updateAnswer({ tid: 0 }, 7, 9, []);
    assert.deepEqual({ handle, rid, op }, { handle: 0, rid: 0, op: Op.update });
    assert.deepEqual([opName(3), opName(0)], ['update', 'unknown (0)']);
  });
});

describe('streams', () => {
  it('start-ups that can not be are refused', () => {
    assert.deepEqual(Buffer.from(encodeStartup()), Buffer.from('0000006400000018', 'hex'));
    for (const hex of ['0000006500000018', '0000006400000017', '00000064ffffffff', '00000064']) {
      assert.throws(() => decodeStartup(Buffer.from(hex, 'hex')), DecodeError);
    }
  });

  it('the bound holds for every part of a message, and can be raised between messages', () => {
    const message = encodeMessage(omapiMessage({ op: 1, object: [['statements', Buffer.alloc(500)]] }));
    const signature = encodeMessage(omapiMessage({ op: 1, signature: Buffer.alloc(500) }));
    for (const octets of [message, signature]) {
      const decoder = new StreamDecoder(300);
      decoder.push(Buffer.concat([encodeStartup(), octets]));
      assert.throws(() => decoder.next(), /longer than 300 octets/);
    }
    const raised = new StreamDecoder(300);
    raised.push(encodeStartup());
    assert.equal(raised.next(), undefined);
    raised.maxMessageOctets = 1000;
    raised.push(message);
    assert.equal(raised.next()?.octets.length, message.length);
  });

  it('too many entries are refused in whichever dictionary they stand', () => {
    const dictionary = (count: number): string => `${'00016100000000'.repeat(count)}0000`;
    for (const [first, second, field] of [
      [MAX_ENTRIES, 0, undefined],
      [MAX_ENTRIES, 1, 'dictionary'],
      [0, MAX_ENTRIES + 1, 'dictionary'],
    ] as const) {
      const decoder = new StreamDecoder();
      decoder.push(encodeStartup());
      decoder.push(Buffer.from('00'.repeat(24) + dictionary(first) + dictionary(second), 'hex'));
      if (field === undefined) assert.ok(decoder.next());
      else
        assert.throws(
          () => decoder.next(),
          (error) => error instanceof DecodeError && error.field === field,
        );
    }
  });

  it('what was handed out is not written over by what comes later', () => {
    const decoder = new StreamDecoder();
    const one = encodeMessage(omapiMessage({ op: 1, tid: 1, object: [['name', Buffer.from('first')]] }));
    const two = encodeMessage(omapiMessage({ op: 1, tid: 2, object: [['name', Buffer.from('other')]] }));
    const stream = Buffer.concat([encodeStartup(), one, two, one]);
    decoder.push(stream.subarray(0, 20));
    decoder.push(stream.subarray(20, stream.length - 5));
    const frame = decoder.next()!;
    decoder.next();
    decoder.push(stream.subarray(stream.length - 5));
    assert.equal(Buffer.from(frame.message.object[0]![1]).toString(), 'first');
    assert.equal(decoder.next()?.message.tid, 1);
  });
});
