/**
 * Passwords of HTTP users, whether stored as they are or as scrypt derivations. A derivation takes some 50 ms of one of
 * the four threads that also flush leases: so one runs at a time, few wait, and a password that was right is known again
 * by a digest under a key of this process.
 */

import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from '../domain/access/password-hash.js';
import { type Authentication, authenticatedUser, credentialsIn } from './http-credentials.js';

/** Derivations that wait for the one that runs. */
const MAX_WAITING = 16;

/** The user whose password it is; none; or it could not be looked at now. */
export type PasswordOutcome = { readonly user: string } | { readonly user?: undefined; readonly busy: boolean };

const NOBODY: PasswordOutcome = { busy: false };
const BUSY: PasswordOutcome = { busy: true };

type Client = Authentication['clients'][number];

/** Derives a key. Rejects with the error of the library. */
export type Derive = (password: Buffer, hash: PasswordHash) => Promise<Buffer>;

const deriveInPool: Derive = (password, { cost, blockSize, parallelization, salt, key }) =>
  new Promise((resolve, reject) => {
    const options = { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize };
    scrypt(password, salt, key.length, options, (error, derived) => (error ? reject(error) : resolve(derived)));
  });

/** See the head of this file. */
export class HttpPasswords {
  private readonly processKey = randomBytes(32);
  /** Digest of the last password that was right, for each client of a configuration. */
  private readonly known = new WeakMap<Client, Buffer>();
  /** Derivations under way and waiting, by what is derived: whoever sends the same twice waits for the same. */
  private readonly pending = new Map<string, Promise<boolean>>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly derive: Derive = deriveInPool) {}

  /** Checks an `authorization` header: at once where nothing has to be derived. */
  check(header: string | undefined, authentication: Authentication): PasswordOutcome | Promise<PasswordOutcome> {
    const plain = authenticatedUser(header, authentication);
    if (plain !== undefined) return { user: plain };
    const hashed = authentication.clients.filter((client) => client.hash !== undefined);
    const given = credentialsIn(header);
    if (hashed.length === 0 || given === undefined) return NOBODY;
    // For a name that nobody has the same work is done, so that time does not tell which names there are.
    const named = hashed.find(({ user }) => user === given.user);
    const client = named ?? hashed[0]!;
    const digest = this.digest(given.password, client.hash!);
    const known = this.known.get(client);
    if (known !== undefined && timingSafeEqual(known, digest) && named !== undefined) return { user: named.user };
    const key = `${digest.toString('base64')} ${given.user}`;
    const work = this.pending.get(key) ?? this.enqueue(key, given.password, client.hash!);
    if (work === undefined) return BUSY;
    return work.then((right) => {
      if (!right || named === undefined) return NOBODY;
      this.known.set(named, digest);
      return { user: named.user };
    });
  }

  private enqueue(key: string, password: Buffer, hash: PasswordHash): Promise<boolean> | undefined {
    if (this.pending.size > MAX_WAITING) return undefined;
    const work = this.last
      .then(() => this.derive(password, hash))
      .then((derived) => timingSafeEqual(derived, hash.key));
    const settled = work.catch(() => false).finally(() => this.pending.delete(key));
    this.last = settled;
    this.pending.set(key, settled);
    return settled;
  }

  private digest(password: Buffer, { salt, key }: PasswordHash): Buffer {
    return createHmac('sha256', this.processKey).update(salt).update(key).update(password).digest();
  }
}
