/** X.509 certificates (RFC 5280) of the few shapes that the management plane and a pair need, signed by ECDSA with SHA-256. */

import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  type Der,
  derTrue,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.js';

/** What a certificate may be used for. */
export type CertificateUse = 'authority' | 'server' | 'client' | 'peer';

/** What is to be certified. */
export interface CertificateRequest {
  /** Common name, for people; nothing decides by it. */
  readonly commonName: string;
  /** Subject alternative names with their types: `URI:…`, `DNS:…`, `IP:…`, `email:…`. */
  readonly names: readonly string[];
  readonly publicKey: KeyObject;
  readonly use: CertificateUse;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Who signs. */
export interface Issuer {
  readonly commonName: string;
  /** An elliptic curve key, as {@link CertificateRequest} keys are. */
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Object identifiers of what is written here. */
export const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Purposes of each use (RFC 5280 §4.2.1.12): a server of a pair is server and client. */
const PURPOSES: Readonly<Record<CertificateUse, readonly string[]>> = {
  authority: [],
  server: [OID.serverAuth],
  client: [OID.clientAuth],
  peer: [OID.serverAuth, OID.clientAuth],
};

/** Bits of keyUsage (RFC 5280 §4.2.1.3) with the number of unused ones: keyCertSign and cRLSign, or digitalSignature. */
const KEY_USAGE = { authority: bitString(Buffer.from([0x06]), 1), other: bitString(Buffer.from([0x80]), 7) } as const;

/** Choices of GeneralName (RFC 5280 §4.2.1.6). */
const NAME_CHOICES: Readonly<Record<string, { readonly choice: number; octets(text: string): Uint8Array }>> = {
  email: { choice: 1, octets: ascii },
  DNS: { choice: 2, octets: ascii },
  URI: { choice: 6, octets: ascii },
  IP: { choice: 7, octets: ipOctets },
};

/** A name that can not stand in a certificate. */
export class NameError extends Error {}

/**
 * Makes a certificate; one of use `authority` is signed by itself if `issuer` has the same key.
 * @returns DER
 * @throws NameError if a name is not of the form TYPE:TEXT with a type of {@link CertificateRequest.names}
 */
export function makeCertificate(request: CertificateRequest, issuer: Issuer): Buffer {
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    ALGORITHM,
    distinguishedName(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    distinguishedName(request.commonName),
    spki(request.publicKey),
    explicit(3, sequence(...extensions(request, issuer))),
  );
  return signed(body, issuer);
}

/** The signature algorithm of everything written here. */
export const ALGORITHM: Der = sequence(objectIdentifier(OID.ecdsaWithSha256));

/** A certificate or a list of revoked ones: what is said, the algorithm, and the signature. */
export function signed(body: Der, { privateKey }: Pick<Issuer, 'privateKey'>): Der {
  return sequence(body, ALGORITHM, bitString(sign('sha256', body, privateKey)));
}

/** The PEM text of DER octets (RFC 7468). */
export function toPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function extensions({ use, publicKey, names }: CertificateRequest, issuer: Issuer): Der[] {
  const isAuthority = use === 'authority';
  // An authority of ours signs no other authority: path length 0.
  const constraints = isAuthority ? sequence(derTrue(), integer(Buffer.from([0]))) : sequence();
  const purposes = PURPOSES[use].map(objectIdentifier);
  return [
    extension(OID.basicConstraints, constraints, true),
    extension(OID.keyUsage, isAuthority ? KEY_USAGE.authority : KEY_USAGE.other, true),
    ...(purposes.length > 0 ? [extension(OID.extendedKeyUsage, sequence(...purposes))] : []),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
    authorityKeyIdentifier(issuer),
    ...(names.length > 0 ? [extension(OID.subjectAltName, sequence(...names.map(generalName)))] : []),
  ];
}

/** Whose signature it is: of several authorities of one name, by the key. */
export function authorityKeyIdentifier({ publicKey }: Pick<Issuer, 'publicKey'>): Der {
  return extension(OID.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(publicKey))));
}

/** An extension (RFC 5280 §4.2, §5.2). */
export function extension(oid: string, contents: Der, critical = false): Der {
  return sequence(objectIdentifier(oid), ...(critical ? [derTrue()] : []), octetString(contents));
}

function generalName(name: string): Der {
  const at = name.indexOf(':');
  const row = Object.hasOwn(NAME_CHOICES, name.slice(0, at)) ? NAME_CHOICES[name.slice(0, at)] : undefined;
  const text = name.slice(at + 1);
  if (row === undefined || text === '') {
    throw new NameError(`'${name}' is not a name of a certificate: ${Object.keys(NAME_CHOICES).join(':…, ')}:…`);
  }
  return implicit(row.choice, row.octets(text));
}

function ascii(text: string): Uint8Array {
  // A comma or a quote would let one name be read as two where names are listed as text.
  if (!/^[!#-+\--~]+$/.test(text)) throw new NameError(`'${text}': letters, digits and signs of ASCII but , and "`);
  return Buffer.from(text, 'latin1');
}

function ipOctets(text: string): Uint8Array {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split('.').map(Number));
    case 6:
      return ipv6Octets(text);
    default:
      throw new NameError(`'${text}' is not an IP address`);
  }
}

function ipv6Octets(text: string): Uint8Array {
  // URL writes every address in one way; what is left to do is the gap.
  const words = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = '', tail] = words.split('::');
  const parts = (list: string): number[] =>
    list === '' ? [] : list.split(':').map((word) => Number.parseInt(word, 16));
  const [before, after] = [parts(head), tail === undefined ? [] : parts(tail)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** A name of one part: the common name. */
export function distinguishedName(commonName: string): Der {
  return sequence(setOf(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
}

function spki(key: KeyObject): Der {
  return key.export({ type: 'spki', format: 'der' });
}

/** SHA-1 over the key's own octets (RFC 5280 §4.2.1.2); of an uncompressed P-256 point these are the last 65. */
function keyIdentifier(key: KeyObject): Uint8Array {
  return createHash('sha1').update(spki(key).subarray(-65)).digest();
}

/** 16 random octets (RFC 5280 §4.1.2.2: unique, positive, at most 20). */
function serialNumber(): Uint8Array {
  const octets = randomBytes(16);
  octets[0] = (octets[0]! & 0x7f) | 0x40;
  return octets;
}
