/** Who is at the other end of a connection between the servers of a pair: by the name in its certificate, exactly. */

import type { PeerCertificate, TLSSocket } from 'node:tls';
import { parseAlternativeNames } from './certificate-names.js';

/** Subject alternative names of a certificate, each with its type: `URI:urn:…`, `DNS:…`; none that look like several. */
export function certificateNames({ subjectaltname }: Pick<PeerCertificate, 'subjectaltname'>): readonly string[] {
  return parseAlternativeNames(subjectaltname ?? '');
}

/** Why the certificate is not that of the partner; undefined if it is. It has been verified against the pinned CA. */
export function strangerText(certificate: Pick<PeerCertificate, 'subjectaltname'>, name: string): string | undefined {
  const names = certificateNames(certificate);
  if (names.includes(name)) return undefined;
  return `the certificate is of ${names.length === 0 ? 'nobody' : names.join(', ')}, not of ${name}`;
}

/** The same of a connection; a plain one has no certificate. */
export function strangerOnSocket(socket: TLSSocket, name: string): string | undefined {
  if (!socket.authorized) return 'no certificate of the pinned authority';
  return strangerText(socket.getPeerCertificate(), name);
}
