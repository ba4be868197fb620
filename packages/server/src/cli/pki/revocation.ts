/** The list of the certificates an authority has revoked (CRL, RFC 5280 §5), as OpenSSL and node take it. */

import {
  ALGORITHM,
  authorityKeyIdentifier,
  distinguishedName,
  extension,
  type Issuer,
  OID,
  signed,
} from './certificate.js';
import { type Der, explicit, integer, sequence, time } from './der.js';

/** A certificate that counts no more. */
export interface Revoked {
  /** Hex, as node writes serial numbers. */
  readonly serial: string;
  readonly at: Date;
}

/** What a list says. */
export interface RevocationList {
  readonly revoked: readonly Revoked[];
  readonly thisUpdate: Date;
  /** Whoever verifies refuses everybody after that, until there is a newer list. */
  readonly nextUpdate: Date;
}

/** Makes a list; DER. */
export function makeRevocationList({ revoked, thisUpdate, nextUpdate }: RevocationList, issuer: Issuer): Der {
  // Each list has a greater number than the one before: seconds do.
  const number = Math.floor(thisUpdate.getTime() / 1000).toString(16);
  const extensions = sequence(authorityKeyIdentifier(issuer), extension(OID.cRLNumber, integer(hexOctets(number))));
  return signed(
    sequence(
      integer(Buffer.from([1])),
      ALGORITHM,
      distinguishedName(issuer.commonName),
      time(thisUpdate),
      time(nextUpdate),
      // RFC 5280 §5.1.2.6: a list of nothing is left out.
      ...(revoked.length === 0 ? [] : [sequence(...revoked.map(entry))]),
      explicit(0, extensions),
    ),
    issuer,
  );
}

function entry({ serial, at }: Revoked): Der {
  return sequence(integer(hexOctets(serial)), time(at));
}

function hexOctets(hex: string): Buffer {
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

/** The instant that digits of a list mean: UTCTime has two digits of the year, from 1950 on (RFC 5280 §4.1.2.5.1). */
export function instantOf(digits: string): Date {
  const year = digits.length === 13 ? `${digits < '50' ? '20' : '19'}${digits}` : digits;
  const [y = '', mo = '', d = '', h = '', mi = '', s = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(year)?.slice(1) ?? [];
  return new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
}
