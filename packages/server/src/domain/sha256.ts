/** SHA-256 of something short, at once. */

import * as crypto from 'node:crypto';

/** The object of createHash costs more than the digest of a short text. Node has this since 20.12. */
const atOnce: typeof crypto.hash | undefined = crypto.hash;

/** The digest of octets, or of the UTF-8 of a text, as lower-case hex. */
export function sha256(data: string | Buffer): string {
  return atOnce === undefined ? crypto.createHash('sha256').update(data).digest('hex') : atOnce('sha256', data, 'hex');
}
