/** The names in a client certificate that was verified, in the form in which principals are configured. */

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Node's word for each kind of name, and ours. */
const KINDS: readonly (readonly [node: string, ours: string])[] = [
  ['URI:', 'URI:'],
  ['DNS:', 'DNS:'],
  ['email:', 'email:'],
  ['IP Address:', 'IP:'],
];

/**
 * Subject alternative names (RFC 5280 §4.2.1.6), then the common name as `CN:..`, which no rule can name.
 * Undefined: no certificate, or one that was not verified.
 */
export function certificateNames(socket: Socket): readonly string[] | undefined {
  const tls = socket as Partial<TLSSocket>;
  if (tls.authorized !== true) return undefined;
  const certificate = tls.getPeerCertificate?.();
  if (certificate === undefined || certificate.subject === undefined) return undefined;
  const common = certificate.subject.CN as string | readonly string[] | undefined;
  const name = typeof common === 'string' ? common : common?.[0];
  return [...parseAlternativeNames(certificate.subjectaltname ?? ''), ...(name === undefined ? [] : [`CN:${name}`])];
}

/**
 * Splits Node's text of the extension. A name with a comma, a quote or a control character in it is written as a JSON
 * string there; such a one can be meant to look like two, and is left out.
 */
export function parseAlternativeNames(text: string): string[] {
  const items = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return items.flatMap((item) => {
    const written = item.trim();
    const kind = KINDS.find(([node]) => written.startsWith(node));
    if (kind === undefined || written.includes('"')) return [];
    return [`${kind[1]}${written.slice(kind[0].length)}`];
  });
}
