/** The codec against every recorded message: decoded as the recorder did, encoded to the same octets, signatures verified. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Authenticator,
  DecodeError,
  decodeMessage,
  decodeStartup,
  type Entry,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  type Frame,
  StreamDecoder,
} from '@lessor/omapi';
import { type DecodedStep, loadTranscripts, type Step, type Transcript } from './omapi-transcripts.js';

const transcripts = loadTranscripts();

function octetsOf(step: Step): Buffer {
  return Buffer.from(step.hex ?? '', 'hex');
}

function hexEntries(entries: readonly Entry[]): (readonly [string, string])[] {
  return entries.map(([name, value]) => [name, Buffer.from(value).toString('hex')]);
}

/** Signed messages whose signatures are wrong on purpose, by transcript. */
const WRONG_SIGNATURES = new Set([
  'auth-authid-of-other-connection',
  'auth-authid-zero-with-signature-bytes',
  'auth-bad-signature',
  'auth-on-server-without-omapi-key',
  'auth-short-signature',
  'auth-unknown-authid',
  'auth-wrong-secret-omshell',
  'auth-wrong-secret-pypureomapi',
]);

function keyOf({ key }: Transcript): Authenticator | undefined {
  return key ? new Authenticator({ ...key, secret: key.secretBase64 }) : undefined;
}

function checkMessage(octets: Buffer, decoded: DecodedStep): Frame {
  const message = decodeMessage(octets);
  const { authid, op, handle, tid, rid } = decoded;
  assert.deepEqual(
    { authid: message.authid, op: message.op, handle: message.handle, tid: message.tid, rid: message.rid },
    { authid, op, handle, tid, rid },
  );
  assert.deepEqual(hexEntries(message.message), decoded.message);
  assert.deepEqual(hexEntries(message.object), decoded.object);
  assert.equal(Buffer.from(message.signature).toString('hex'), decoded.signature ?? '');
  assert.deepEqual(Buffer.from(encodeMessage(message)), octets);
  return { message, octets, headerOctets: 24 };
}

/** Octets of one direction of one connection, in order. */
function streams({ steps }: Transcript): Buffer[] {
  const joined = new Map<string, Buffer[]>();
  for (const step of steps.filter(({ hex }) => hex !== undefined)) {
    const name = `${step.dir} ${step.connection ?? 1}`;
    joined.set(name, [...(joined.get(name) ?? []), octetsOf(step)]);
  }
  return [...joined.values()].map((parts) => Buffer.concat(parts));
}

/** What a stream holds when it arrives in pieces: messages re-encoded, and the error it ends with. */
function receive(stream: Buffer, pieceOctets: number): { messages: string[]; error: string | undefined } {
  const decoder = new StreamDecoder();
  const messages: string[] = [];
  try {
    for (let at = 0; at < stream.length; at += pieceOctets) {
      decoder.push(Buffer.from(stream.subarray(at, at + pieceOctets)));
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        messages.push(Buffer.from(encodeMessage(frame.message)).toString('hex'));
      }
    }
    return { messages, error: undefined };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { messages, error: error.field };
  }
}

describe('recorded messages', () => {
  let signed = 0;
  for (const transcript of transcripts) {
    it(transcript.name, () => {
      const authenticator = keyOf(transcript);
      for (const step of transcript.steps) {
        if (step.decoded === undefined) continue;
        if (step.decoded.startup) {
          const startup = decodeStartup(octetsOf(step));
          assert.deepEqual(startup, { version: step.decoded.version, headerOctets: step.decoded.headerSize });
          assert.deepEqual(Buffer.from(encodeStartup(startup)), octetsOf(step));
          continue;
        }
        const frame = checkMessage(octetsOf(step), step.decoded);
        if (authenticator === undefined || frame.message.signature.length === 0) continue;
        if (WRONG_SIGNATURES.has(transcript.name)) continue;
        signed++;
        assert.ok(authenticator.verify(frame), step.note);
        assert.deepEqual(Buffer.from(encodeSigned(frame.message, authenticator)), octetsOf(step));
      }
    });
  }
  it('most of them are signed', () => assert.ok(signed > 500, `${signed}`));
});

describe('recorded streams', () => {
  for (const transcript of transcripts) {
    it(`${transcript.name}: pieces of any size make the same messages`, () => {
      for (const stream of streams(transcript)) {
        const whole = receive(stream, stream.length);
        for (const pieceOctets of [1, 7, 24, 1460]) assert.deepEqual(receive(stream, pieceOctets), whole);
      }
    });
  }

  const refused: Readonly<Record<string, { messages: number; field: string | undefined }>> = {
    'malformed-version-99': { messages: 0, field: 'version' },
    'malformed-version-101': { messages: 0, field: 'version' },
    'malformed-http': { messages: 0, field: 'version' },
    'malformed-header-size-20': { messages: 0, field: 'header size' },
    'malformed-value-length-ffffffff': { messages: 0, field: 'value' },
    'malformed-truncated': { messages: 0, field: undefined },
    // The garbage could still become a message: it is its authid that a server refuses.
    'malformed-garbage-after-message': { messages: 1, field: undefined },
    'framing-header-size-32': { messages: 1, field: undefined },
    'framing-long-value': { messages: 1, field: undefined },
    'framing-pipelined': { messages: 3, field: undefined },
  };
  for (const [name, expected] of Object.entries(refused)) {
    it(`${name}: ${expected.messages} messages, then ${expected.field ?? 'nothing'}`, () => {
      const transcript = transcripts.find((candidate) => candidate.name === name);
      assert.ok(transcript);
      const client = transcript.steps.filter(({ dir, hex }) => dir === 'c2s' && hex !== undefined).map(octetsOf);
      const { messages, error } = receive(Buffer.concat(client), 1 << 20);
      assert.deepEqual({ messages: messages.length, field: error }, expected);
    });
  }
});

it('the crashing conversations and the one that gets past authentication are not here', () => {
  const names = transcripts.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => name.startsWith('crash-') || name.includes('without-signature')),
    [],
  );
  assert.ok(names.length >= 100, `${names.length}`);
});
