/** Keys from files, so that no secret stands on a command line or in a script. */

import { readFileSync, statSync } from 'node:fs';
import { Authenticator, KeyError } from '@lessor/omapi';

/** A key and its secret, decoded. */
export interface FileKey {
  readonly name: string;
  readonly algorithm: string;
  readonly secret: Uint8Array;
}

/**
 * Finds the first key in the text of a dhcpd.conf or of what tsig-keygen writes:
 * `key NAME { algorithm hmac-sha256; secret "BASE64"; };`
 * @throws KeyError
 */
export function parseKeyFile(text: string): FileKey {
  const plain = text.replace(/(^|\s)#.*$/gm, '$1');
  const key = /(?:^|[\s;}])key\s+"?([^\s"{]+)"?\s*\{([^}]*)\}/.exec(plain);
  if (key === null) throw new KeyError('no `key NAME { algorithm ...; secret ...; }` in it');
  const algorithm = /\balgorithm\s+"?([^\s";]+?)\.?"?\s*;/i.exec(key[2]!)?.[1];
  const secret = /\bsecret\s+"?([^\s";]+)"?\s*;/i.exec(key[2]!)?.[1];
  if (algorithm === undefined || secret === undefined) throw new KeyError('the key has no algorithm or no secret');
  const base = algorithm.replace(/\.SIG-ALG\.REG\.INT$/i, '').toLowerCase();
  new Authenticator({ name: key[1]!, algorithm: base, secret }); // says what is wrong, if anything is
  return { name: key[1]!, algorithm: base, secret: Buffer.from(secret, 'base64') };
}

/**
 * Reads a key file. `warning` is for the user: others may read the file as well.
 * @throws KeyError, or the error of the file system
 */
export function readKeyFile(path: string): { readonly key: FileKey; readonly warning: string | undefined } {
  const open = (statSync(path).mode & 0o007) !== 0;
  try {
    const key = parseKeyFile(readFileSync(path, 'utf8'));
    return { key, warning: open ? `${path}: everybody on this machine can read this key` : undefined };
  } catch (error) {
    if (error instanceof KeyError) throw new KeyError(`${path}: ${error.message}`);
    throw error;
  }
}
