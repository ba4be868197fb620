/**
 * How much somebody has to say before he is worth a stream: the head of a request, or the first record of a TLS handshake. Until
 * then his octets stay in the kernel. What can not become either is worth one at once, to be refused.
 */

import { MOST_PEEKED_OCTETS } from '../services/ports.js';

/** Of a TLSPlaintext record (RFC 8446, section 5.1): type, version, length. */
const RECORD_HEAD_OCTETS = 5;
const HANDSHAKE = 22;

const [LF, CR] = [10, 13];
/** The end of a request line (RFC 9112, section 3). */
const REQUEST_LINE_END = / HTTP\/\d\.\d\r?$/;

/** True if a server of HTTP has something to do with these first octets. */
export function isWholeHead(octets: Buffer): boolean {
  // Who sends that much without an end gets a stream, and its bounds.
  if (octets.length >= MOST_PEEKED_OCTETS || !beginsAMethod(octets)) return true;
  let line = octets.indexOf(LF);
  if (line < 0) return false;
  if (!REQUEST_LINE_END.test(octets.toString('latin1', Math.max(0, line - 16), line))) return true;
  for (; line >= 0; line = octets.indexOf(LF, line + 1)) {
    const next = octets[line + 1] === CR ? octets[line + 2] : octets[line + 1];
    if (next === LF) return true;
  }
  return false;
}

/** True if a server of TLS has. */
export function isWholeRecord(octets: Buffer): boolean {
  if (octets.length === 0) return false;
  if (octets[0] !== HANDSHAKE) return true;
  if (octets.length < RECORD_HEAD_OCTETS) return false;
  return octets.length >= Math.min(MOST_PEEKED_OCTETS, RECORD_HEAD_OCTETS + octets.readUInt16BE(3));
}

/** A method is in upper case; an empty line before it is passed over. */
function beginsAMethod(octets: Buffer): boolean {
  const first = octets[0];
  return first === undefined || first === LF || first === CR || (first >= 0x41 && first <= 0x5a);
}
