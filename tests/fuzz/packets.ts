/**
 * A mutation fuzzer for whatever takes DHCPv4 packets: the codec here, the whole exchange path elsewhere. Deterministic: a
 * seed and an iteration number make the same octets every time, so a failure is its own reproduction.
 */

import { readFileSync } from 'node:fs';
import { repoPath } from '../lib/repo.js';

/** What a fuzzed packet is given to. It throws for a finding, and only then. */
export type FuzzTarget = (octets: Uint8Array) => void;

/** A whole number from 0 up to, but not including, a bound. */
type Below = (bound: number) => number;

/** Names and octets of the seed corpus, `tests/fuzz/corpus/packets.txt`. */
export function loadCorpus(): ReadonlyMap<string, Uint8Array> {
  const lines = readFileSync(repoPath('tests', 'fuzz', 'corpus', 'packets.txt'), 'utf8').split('\n');
  const packets = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' '));
  return new Map(packets.map(([name = '', hex = '']) => [name, Uint8Array.from(Buffer.from(hex, 'hex'))]));
}

/** Mulberry32: small, fast, and good enough to spread mutations. */
function pseudoRandom(seed: number): Below {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** Offset of the options; most faults hide behind it. */
const OPTIONS = 240;

/** A position, three times out of four among the options. */
function somewhere(octets: Uint8Array, below: Below): number {
  if (octets.length > OPTIONS && below(4) > 0) return OPTIONS + below(octets.length - OPTIONS);
  return below(Math.max(1, octets.length));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Values that sit on the edges of lengths, codes and counters. */
const EDGES = [0, 1, 2, 3, 4, 16, 17, 52, 53, 63, 64, 82, 127, 128, 192, 254, 255];

/** Offsets of the length octets of options, as far as the packet can still be walked. */
function lengthOffsets(octets: Uint8Array): number[] {
  const offsets: number[] = [];
  let at = OPTIONS;
  while (at + 1 < octets.length && octets[at] !== 255) {
    if (octets[at] !== 0) offsets.push(at + 1);
    at += octets[at] === 0 ? 1 : 2 + octets[at + 1]!;
  }
  return offsets;
}

/** One way to spoil a packet. May change its input; returns the result. */
type Mutation = (octets: Uint8Array, below: Below, other: Uint8Array) => Uint8Array;

/** THE mutations. */
const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flipBit: (octets, below) => {
    if (octets.length > 0) octets[somewhere(octets, below)]! ^= 1 << below(8);
    return octets;
  },
  edgeOctet: (octets, below) => {
    if (octets.length > 0) octets[somewhere(octets, below)] = EDGES[below(EDGES.length)]!;
    return octets;
  },
  truncate: (octets, below) => octets.slice(0, somewhere(octets, below)),
  duplicate: (octets, below) => {
    const start = somewhere(octets, below);
    const end = Math.min(octets.length, start + 1 + below(64));
    return joined(octets.subarray(0, end), octets.subarray(start));
  },
  remove: (octets, below) => {
    const start = somewhere(octets, below);
    return joined(octets.subarray(0, start), octets.subarray(Math.min(octets.length, start + 1 + below(16))));
  },
  splice: (octets, below, other) =>
    joined(octets.subarray(0, somewhere(octets, below)), other.subarray(somewhere(other, below))),
  attackLength: (octets, below) => {
    const offsets = lengthOffsets(octets);
    if (offsets.length > 0) octets[offsets[below(offsets.length)]!] = EDGES[below(EDGES.length)]!;
    return octets;
  },
  attackHlen: (octets, below) => {
    if (octets.length > 2) octets[2] = below(256);
    return octets;
  },
  overload: (octets, below) => {
    if (octets.length <= OPTIONS) return octets;
    const option = Uint8Array.of(52, 1, below(5));
    return joined(octets.subarray(0, OPTIONS), option, octets.subarray(OPTIONS));
  },
  insertOption: (octets, below) => {
    if (octets.length <= OPTIONS) return octets;
    const option = Uint8Array.from({ length: below(40) }, () => below(256));
    const head = Uint8Array.of(1 + below(254), option.length);
    return joined(octets.subarray(0, OPTIONS), head, option, octets.subarray(OPTIONS));
  },
};

/** The packet an iteration makes: a seed packet with one to six mutations. Now and then the seed itself. */
export function fuzzedPacket(iteration: number, seed: number, corpus: readonly Uint8Array[]): Uint8Array {
  const below = pseudoRandom(Math.imul(seed, 0x9e3779b1) ^ iteration);
  const mutations = Object.values(MUTATIONS);
  let octets: Uint8Array = corpus[below(corpus.length)]!.slice();
  for (let left = below(7); left > 0; left--) {
    octets = mutations[below(mutations.length)]!(octets, below, corpus[below(corpus.length)]!);
  }
  return octets.subarray(0, 65_507); // the largest UDP payload
}

/**
 * Gives mutated packets to a target.
 * @throws Error with seed, iteration and octets if the target throws
 */
export function fuzzPackets(iterations: number, seed: number, target: FuzzTarget): void {
  const corpus = [...loadCorpus().values()];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const octets = fuzzedPacket(iteration, seed, corpus);
    try {
      target(octets);
    } catch (error) {
      const hex = Buffer.from(octets).toString('hex');
      throw new Error(`fuzz: seed ${seed}, iteration ${iteration}, packet ${hex}`, { cause: error });
    }
  }
}
