/** A password that is stored as a derivation of it: `scrypt$N$r$p$SALT$KEY`, salt and key in base64 (RFC 7914). */

/** What is stored. */
export interface PasswordHash {
  /** N: a power of two. */
  readonly cost: number;
  /** r. */
  readonly blockSize: number;
  /** p. */
  readonly parallelization: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

const PREFIX = 'scrypt$';
/** Memory of one derivation, 128 * N * r octets: more would be a way to exhaust the server by its own configuration. */
const MAX_OCTETS = 64 * 1024 * 1024;
const MAX_PARALLELIZATION = 16;

/** True for text that is meant to be a hash, and not a password. */
export function looksLikeHash(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Reads one; a string says what is wrong with it. */
export function parsePasswordHash(text: string): PasswordHash | string {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (match === null) return 'it is not of the form scrypt$N$r$p$SALT$KEY with salt and key in base64';
  const [cost, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, key] = match.slice(4).map((part) => Buffer.from(part, 'base64')) as [Buffer, Buffer];
  if (cost < 2 || (cost & (cost - 1)) !== 0) return 'N is a power of two';
  if (blockSize < 1 || parallelization < 1 || parallelization > MAX_PARALLELIZATION) {
    return `r is at least 1, p 1 to ${MAX_PARALLELIZATION}`;
  }
  if (128 * cost * blockSize > MAX_OCTETS) return 'N and r take more than 64 MiB of memory for each attempt';
  if (salt.length < 8 || key.length < 16) return 'the salt has at least 8 octets and the key 16';
  return { cost, blockSize, parallelization, salt, key };
}

/** Writes one. */
export function formatPasswordHash({ cost, blockSize, parallelization, salt, key }: PasswordHash): string {
  return `${PREFIX}${cost}$${blockSize}$${parallelization}$${salt.toString('base64')}$${key.toString('base64')}`;
}
