/**
 * Where OMAPI messages end, and nothing else: a load generator that shares the machine with what it measures must be
 * cheaper than that. Headers have 24 octets.
 */

const HEADER_OCTETS = 24;

/** Cuts a stream into messages. */
export class AnswerScanner {
  private rest: Buffer | undefined;

  /** Calls `take` for each whole message, of which the octets are valid during the call. */
  push(chunk: Buffer, take: (message: Buffer) => void): void {
    const octets = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    let from = 0;
    for (;;) {
      const end = endOf(octets, from);
      if (end === undefined) break;
      take(from === 0 && end === octets.length ? octets : octets.subarray(from, end));
      from = end;
    }
    this.rest = from === octets.length ? undefined : octets.subarray(from);
  }
}

/** Offset behind the message that begins at `from`; undefined if it is not all there. */
function endOf(octets: Buffer, from: number): number | undefined {
  const { length } = octets;
  let at = from + HEADER_OCTETS;
  if (at > length) return undefined;
  for (let dictionaries = 0; dictionaries < 2; ) {
    if (at + 2 > length) return undefined;
    const name = (octets[at]! << 8) | octets[at + 1]!;
    at += 2;
    if (name === 0) {
      dictionaries++;
      continue;
    }
    at += name;
    if (at + 4 > length) return undefined;
    at += 4 + octets.readUInt32BE(at);
  }
  const end = at + octets.readUInt32BE(from + 4);
  return end > length ? undefined : end;
}
