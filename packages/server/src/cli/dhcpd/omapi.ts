/** Keys and the control port of dhcpd.conf as the `omapi` block of docs/omapi.md. */

import { findAlgorithm } from '@lessor/omapi';
import type { JsonMap } from '../../domain/snapshot.js';
import type { Notes } from './notes.js';
import { type ConfStatement, isWord } from './tree.js';

const MODERN_SIGNATURE_OCTETS = 28;

/** The block; undefined if dhcpd would not listen either. */
export function omapiBlock(tree: readonly ConfStatement[], notes: Notes): JsonMap | undefined {
  const port = tree.findLast(({ words }) => isWord(words[0], 'omapi-port'));
  const key = tree.findLast(({ words }) => isWord(words[0], 'omapi-key'));
  if (port === undefined) return undefined;
  const name = key?.words[1]?.text;
  const declared = tree.find(({ words }) => isWord(words[0], 'key') && words[1]?.text === name);
  const keys = declared === undefined ? [] : [keyOf(declared)];
  const listener = { address: '127.0.0.1', port: Number(port.words[1]?.text) };
  if (keys.length === 0) {
    notes.changed(port, 'without a key it listens on 127.0.0.1 only: see `lessor omapi-keygen`');
    return { listeners: [{ ...listener, 'accept-unsigned': true }] };
  }
  notes.changed(port, 'it listens on 127.0.0.1: give the address and interface of your management network');
  return { listeners: [listener], keys, 'allowed-sources': ['127.0.0.0/8'] };
}

/** A `key` block: the name, and an algorithm and a secret as dhcpd has them, in lower case and in base64. */
export function readKey({ words, body = [] }: ConfStatement): {
  readonly name: string;
  readonly algorithm: string;
  readonly secret: string;
} {
  // The secret is not a word of the language: base64 has signs that are marks there.
  const value = (name: string): string => {
    const text = body.find((each) => isWord(each.words[0], name))?.text ?? '';
    return /^\S+\s+"?([^"\s;]+)/.exec(text)?.[1] ?? '';
  };
  const algorithm = value('algorithm')
    .toLowerCase()
    .replace(/\.sig-alg\.reg\.int\.?$/, '');
  return { name: words[1]?.text ?? '', algorithm, secret: value('secret') };
}

function keyOf(statement: ConfStatement): JsonMap {
  const { name, algorithm, secret } = readKey(statement);
  const weak = (findAlgorithm(algorithm)?.signatureOctets ?? 0) < MODERN_SIGNATURE_OCTETS;
  return { name, algorithm, secret, ...(weak ? { legacy: true } : {}) };
}
