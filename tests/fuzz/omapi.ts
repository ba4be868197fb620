/**
 * A mutation fuzzer for whatever reads OMAPI from a stream. Deterministic: a seed and an iteration number make the same
 * octets, cut into the same pieces, every time.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { DecodeError, StreamDecoder } from '@lessor/omapi';
import { repoPath } from '../lib/repo.js';

/** What one side of a connection sends, in the pieces it arrives in. */
export type Stream = readonly Uint8Array[];

/** A whole number from 0 up to, but not including, a bound. */
export type Below = (bound: number) => number;

const STARTUP = Buffer.from('0000006400000018', 'hex');

/** Mulberry32: small, fast, and good enough to spread mutations. */
export function pseudoRandom(seed: number): Below {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** Every recorded message of either direction, start-ups left out. */
export function loadOmapiCorpus(): readonly Uint8Array[] {
  const folder = repoPath('tests', 'golden', 'transcripts', 'omapi');
  const messages = new Set<string>();
  for (const name of readdirSync(folder).sort()) {
    const { steps } = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as {
      steps: { hex?: string; decoded?: { startup?: true } }[];
    };
    for (const { hex, decoded } of steps) {
      if (hex !== undefined && decoded !== undefined && !decoded.startup) messages.add(hex);
    }
  }
  return [...messages].map((hex) => Buffer.from(hex, 'hex'));
}

/** Lengths at the edges of their fields. */
const EDGES = [
  0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xfffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

type Mutation = (octets: Buffer, below: Below, other: Uint8Array) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(octets, below) {
    octets[below(octets.length)]! ^= 1 << below(8);
    return octets;
  },
  function edgeNumber(octets, below) {
    if (octets.length >= 4) octets.writeUInt32BE(EDGES[below(EDGES.length)]!, below(octets.length - 3));
    return octets;
  },
  function edgeLength(octets, below) {
    if (octets.length >= 2) octets.writeUInt16BE(EDGES[below(10)]! & 0xffff, below(octets.length - 1));
    return octets;
  },
  function edgeSignature(octets, below) {
    if (octets.length >= 8) octets.writeUInt32BE(EDGES[below(EDGES.length)]!, 4);
    return octets;
  },
  (octets, below) => octets.subarray(0, 1 + below(octets.length)),
  function repeat(octets, below) {
    const start = below(octets.length);
    const end = start + 1 + below(octets.length - start);
    return Buffer.concat([octets.subarray(0, end), octets.subarray(start)]);
  },
  function remove(octets, below) {
    const start = below(octets.length);
    return Buffer.concat([octets.subarray(0, start), octets.subarray(start + 1 + below(8)), Buffer.of(0)]);
  },
  function splice(octets, below, other) {
    return Buffer.concat([octets.subarray(0, below(octets.length)), other.subarray(below(other.length)), Buffer.of(0)]);
  },
  (octets, _, other) => Buffer.concat([octets, other]),
  function manyEntries(octets, below) {
    const entry = Buffer.from('00016100000000', 'hex');
    return Buffer.concat([
      octets.subarray(0, 24),
      ...Array.from({ length: below(1500) }, () => entry),
      octets.subarray(24),
    ]);
  },
];

/** A message with up to `most` mutations; `corpus` is what others are mixed in from. */
export function mutated(octets: Uint8Array, most: number, below: Below, corpus: readonly Uint8Array[]): Buffer {
  let result = Buffer.from(octets);
  for (let left = below(most + 1); left > 0; left--) {
    result = MUTATIONS[below(MUTATIONS.length)]!(result, below, corpus[below(corpus.length)]!) as Buffer<ArrayBuffer>;
  }
  return result;
}

/** The stream of an iteration: a start-up (now and then a spoilt one), then a recorded message with up to six mutations. */
export function fuzzedStream(iteration: number, seed: number, corpus: readonly Uint8Array[]): Stream {
  const below = pseudoRandom(Math.imul(seed, 0x9e3779b1) ^ iteration);
  const octets = mutated(corpus[below(corpus.length)]!, 6, below, corpus);
  const startup = Buffer.from(STARTUP);
  if (below(16) === 0) startup.writeUInt32BE(EDGES[below(EDGES.length)]!, 4);
  if (below(64) === 0) startup[below(8)]! ^= 1 << below(8);
  return pieces(Buffer.concat([startup, octets]), below);
}

function pieces(octets: Uint8Array, below: Below): Stream {
  if (below(2) === 0) return [octets];
  const cut: Uint8Array[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = 1 + below(below(2) === 0 ? 8 : 200);
    cut.push(octets.slice(at, at + length));
    at += length;
  }
  return cut;
}

/** What became of the streams. */
export interface OmapiFuzzResult {
  readonly messages: number;
  /** Streams that ended in a DecodeError. */
  readonly refused: number;
  /** Most octets that a decoder held beyond the piece it was given. */
  readonly mostHeld: number;
}

/**
 * Gives so many streams to decoders. `use` may look at each message, and throws for a finding.
 * @throws whatever a decoder throws that is no DecodeError, with seed and iteration in the message
 */
export function fuzzDecoder(
  streams: number,
  seed: number,
  maxMessageOctets: number,
  use: (frame: ReturnType<StreamDecoder['next']> & object) => void,
  corpus: readonly Uint8Array[] = loadOmapiCorpus(),
): OmapiFuzzResult {
  let [messages, refused, mostHeld] = [0, 0, 0];
  for (let iteration = 0; iteration < streams; iteration++) {
    const decoder = new StreamDecoder(maxMessageOctets);
    try {
      for (const piece of fuzzedStream(iteration, seed, corpus)) {
        decoder.push(piece);
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          messages++;
          use(frame);
        }
        mostHeld = Math.max(mostHeld, decoder.bufferedOctets);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
      }
      refused++;
    }
  }
  return { messages, refused, mostHeld };
}
