/** The three TLS files of a control socket. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { revokedIn } from './revocation-list.js';
import { systemReason } from './system-reason.js';

/** The `tls` of a control socket. */
export type TlsFiles = NonNullable<ControlSocketConfig['tls']>;

/** How long a TLS handshake may take (Kea: within the request timeout). */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Loads the files and checks that they fit together.
 * @throws LessorError `config-file`, naming the file
 */
export function loadTls({
  trustAnchor,
  certFile,
  keyFile,
  certRequired,
  minVersion = 'TLSv1.2',
  crlFile,
}: TlsFiles): ServerOptions {
  const options = {
    ca: loadTrustAnchor(trustAnchor),
    cert: loadFile('cert file', certFile),
    key: loadFile('private key file', keyFile),
    ...(crlFile === undefined ? {} : { crl: loadRevocationList(crlFile) }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new LessorError('config-file', `TLS files ${certFile}, ${keyFile}: ${(error as Error).message}`);
  }
  return {
    ...options,
    minVersion,
    requestCert: certRequired,
    rejectUnauthorized: certRequired,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

/** A file of certificates, or a directory of such files. */
function loadTrustAnchor(path: string): Buffer[] {
  try {
    if (!statSync(path).isDirectory()) return [readFileSync(path)];
    const files = readdirSync(path, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
    return [...new Set(files.map(({ name }) => name))].sort().map((name) => readFileSync(join(path, name)));
  } catch (error) {
    throw loadError('trust anchor', path, error);
  }
}

/** Read once more by ourselves: a damaged list must not be found out when somebody connects. */
function loadRevocationList(path: string): Buffer {
  const octets = loadFile('revocation list', path);
  revokedIn(octets.toString('latin1'), path);
  return octets;
}

function loadFile(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw loadError(what, path, error);
  }
}

function loadError(what: string, path: string, error: unknown): LessorError {
  return new LessorError('config-file', `load of ${what} '${path}' failed: ${systemReason(error)}`);
}
