/** Who is at the other end of a connection between the servers of a pair: by the name in its certificate, exactly. */

import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { HaPeer } from '../domain/ha/config.js';
import { parseAlternativeNames } from './certificate-names.js';

/** Subject alternative names of a certificate, each with its type: `URI:urn:…`, `DNS:…`; none that look like several. */
export function certificateNames({ subjectaltname }: Pick<PeerCertificate, 'subjectaltname'>): readonly string[] {
  return parseAlternativeNames(subjectaltname ?? '');
}

/** Who the other end has to be. */
export type ExpectedPeer = Pick<HaPeer, 'certificateName' | 'pins'>;

/** What is looked at of a certificate. */
export type ShownCertificate = Pick<PeerCertificate, 'subjectaltname'> & Partial<Pick<PeerCertificate, 'raw'>>;

/** Why the certificate is not that of the partner; undefined if it is. It has been verified against the pinned CA. */
export function strangerText(
  certificate: ShownCertificate,
  { certificateName, pins }: ExpectedPeer,
): string | undefined {
  const names = certificateNames(certificate);
  if (!names.includes(certificateName)) {
    return `the certificate is of ${names.length === 0 ? 'nobody' : names.join(', ')}, not of ${certificateName}`;
  }
  const pin = pins.length === 0 || certificate.raw === undefined ? undefined : pinOf(certificate.raw);
  if (pins.length === 0 || (pin !== undefined && pins.includes(pin))) return undefined;
  return `the key of the certificate is ${pin ?? 'not shown'}, which is none of "peer-pins"`;
}

/** SHA-256 of the public key of a certificate (DER), as curl writes it. */
export function pinOf(raw: Uint8Array): string {
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

/** The same of a connection; a plain one has no certificate. */
export function strangerOnSocket(socket: TLSSocket, peer: ExpectedPeer): string | undefined {
  if (!socket.authorized) return 'no certificate of the pinned authority';
  return strangerText(socket.getPeerCertificate(), peer);
}
