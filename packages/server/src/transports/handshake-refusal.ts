/** Why a TLS handshake came to nothing, and from where: node ends a connection with a bad certificate without a word of that. */

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** The plain connection below; node has no public name for it, and where it is missing the address is not known. */
type Wrapped = TLSSocket & { readonly _parent?: Socket | null };

/** What can be told of a handshake that failed (event `tlsClientError` of a server). */
export interface HandshakeRefusal {
  /** OpenSSL's word for what is wrong with the certificate that was shown, CERT_REVOKED for example; undefined if it is not that. */
  readonly certificate: string | undefined;
  readonly address: string | undefined;
}

/** Tells it. */
export function handshakeRefusal(socket: TLSSocket): HandshakeRefusal {
  // A string, whatever the types say; null or undefined where the certificate was not what failed.
  const { authorizationError } = socket as { readonly authorizationError?: unknown };
  const certificate = typeof authorizationError === 'string' ? authorizationError : undefined;
  return { certificate, address: socket.remoteAddress ?? (socket as Wrapped)._parent?.remoteAddress };
}
