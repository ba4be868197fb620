/** A certificate authority for tests, by openssl: certificates with exactly the names a test wants. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getPeer } from './peers.js';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** See the head of this file. */
export class Authority {
  /** The certificate of the authority itself. */
  readonly ca: string;

  /** Makes one whose files are in `folder`. */
  constructor(
    private readonly folder: string,
    private readonly name = 'ca',
  ) {
    this.ca = join(folder, `${name}.pem`);
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', this.#key, '-out', this.ca);
  }

  get #key(): string {
    return join(this.folder, `${this.name}.key`);
  }

  /**
   * Issues a certificate for servers and clients alike.
   * @param file base name of its files
   * @param names lines of openssl's section for subjectAltName: `URI.1 = urn:x`; none: only the common name
   */
  issue(file: string, names: readonly string[], commonName = file): CertificateFiles {
    const path = (suffix: string): string => join(this.folder, `${file}.${suffix}`);
    const usage = 'extendedKeyUsage = serverAuth,clientAuth\n';
    const alternative = names.length === 0 ? '' : `subjectAltName = @names\n[names]\n${names.join('\n')}\n`;
    writeFileSync(path('ext'), usage + alternative);
    openssl('req', ...NEW_KEY, '-subj', `/CN=${commonName}`, '-keyout', path('key'), '-out', path('csr'));
    const by = ['-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-days', '2', '-extfile', path('ext')];
    openssl('x509', '-req', '-in', path('csr'), ...by, '-out', path('pem'));
    return { cert: path('pem'), key: path('key') };
  }
}

function openssl(...args: string[]): void {
  execFileSync(getPeer('openssl'), args, { stdio: 'pipe' });
}
