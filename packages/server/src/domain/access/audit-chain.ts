/**
 * The chain of the audit file. Each line is one JSON object that holds its number and the SHA-256 of the line before it;
 * so a line that is altered, dropped or moved shows. What is cut off at the end shows by the head, which is kept in a
 * file of its own and should be kept elsewhere too (`lessor audit head`): who can write both files can forge both.
 */

import { createHash } from 'node:crypto';

/** How far a chain goes: the number of its last line and the SHA-256 of that line, 64 hex digits. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
  /** Number of the first line that is kept; those before went with files that rotation removed. */
  readonly first: number;
}

/** The head of a chain that has no line yet. */
export const EMPTY_HEAD: AuditHead = { seq: 0, hash: '0'.repeat(64), first: 1 };

/** The next line of a chain, without its line feed, and the head after it. */
export function chainLine(record: object, head: AuditHead): { readonly line: string; readonly head: AuditHead } {
  const seq = head.seq + 1;
  const line = JSON.stringify({ seq, prev: head.hash, ...record });
  return { line, head: { seq, hash: hashLine(line), first: head.first } };
}

/** One thing that is wrong with a chain. */
export interface ChainFault {
  /** Number of the line, as it should be. */
  readonly seq: number;
  readonly text: string;
}

/**
 * Follows a chain and says everything that is wrong with it.
 * @param lines of all files kept, the oldest first, without line feeds
 * @param heads that must be on the chain: the one beside the file, and one that was kept elsewhere
 */
export function verifyChain(lines: readonly string[], heads: readonly AuditHead[]): ChainFault[] {
  const faults: ChainFault[] = [];
  const hashes = new Map<number, string>();
  let expected: { seq: number; prev: string | undefined } = { seq: heads[0]?.first ?? 1, prev: undefined };
  if (expected.seq === 1) expected.prev = EMPTY_HEAD.hash;
  for (const line of lines) {
    const link = readLink(line);
    if (link === undefined) {
      faults.push({ seq: expected.seq, text: 'is not a record' });
      expected = { seq: expected.seq + 1, prev: hashLine(line) };
      continue;
    }
    if (link.seq !== expected.seq) {
      const what = link.seq > expected.seq ? 'is missing, or records were put in another order' : 'comes twice or late';
      faults.push({ seq: expected.seq, text: `${what} (record ${link.seq} stands there)` });
    } else if (expected.prev !== undefined && link.prev !== expected.prev) {
      faults.push({ seq: link.seq, text: 'does not follow from the record before it: one of the two was altered' });
    }
    hashes.set(link.seq, hashLine(line));
    expected = { seq: link.seq + 1, prev: hashLine(line) };
  }
  for (const { seq, hash } of heads) {
    if (seq === 0) continue;
    const found = hashes.get(seq);
    if (found === undefined) faults.push({ seq, text: 'is missing: the file was cut off before it' });
    else if (found !== hash) faults.push({ seq, text: 'is not the one the head was taken from: it was altered' });
  }
  return faults;
}

/** SHA-256 of a line. */
export function hashLine(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

function readLink(line: string): { readonly seq: number; readonly prev: string } | undefined {
  try {
    const { seq, prev } = JSON.parse(line) as { seq?: unknown; prev?: unknown };
    return typeof seq === 'number' && typeof prev === 'string' ? { seq, prev } : undefined;
  } catch {
    return undefined;
  }
}
