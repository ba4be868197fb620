/** The token that `lessor pair init` prints: where the first server waits, what its certificate is, and a secret. */

import { isIP } from 'node:net';
import { UsageError } from '../args.js';

const FINGERPRINT_OCTETS = 32;
const SECRET_OCTETS = 16;

/** What the second server needs to know. Whoever has it can become the partner, once, while the first one waits. */
export interface JoinToken {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** SHA-256 of the certificate the first server shows, 32 octets: nobody else is talked to. */
  readonly fingerprint: Buffer;
  /** 16 octets by which the second server is known. */
  readonly secret: Buffer;
}

/** `192.0.2.1:8765/…` or `[2001:db8::1]:8765/…`, then 64 characters. */
export function formatToken({ address, port, fingerprint, secret }: JoinToken): string {
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return `${host}:${port}/${Buffer.concat([fingerprint, secret]).toString('base64url')}`;
}

/** The inverse. @throws UsageError */
export function parseToken(text: string): JoinToken {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})\/([A-Za-z0-9_-]{64})$/.exec(text.trim());
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (match === null || isIP(address) === 0 || port < 1 || port > 65_535) {
    throw new UsageError('this is not a token of `lessor pair init`: was all of its line copied?');
  }
  const octets = Buffer.from(match[4]!, 'base64url');
  return {
    address,
    port,
    fingerprint: octets.subarray(0, FINGERPRINT_OCTETS),
    secret: octets.subarray(FINGERPRINT_OCTETS, FINGERPRINT_OCTETS + SECRET_OCTETS),
  };
}

/** A new secret of the right length from strong random octets. */
export function newSecret(random: (octets: number) => Buffer): Buffer {
  return random(SECRET_OCTETS);
}
