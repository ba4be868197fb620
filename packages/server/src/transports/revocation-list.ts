/**
 * Lists of revoked certificates (CRL, RFC 5280 §5), as far as lessor looks into them itself: which serial numbers are in
 * one. That a list is its authority's, and that a certificate is in it, is verified by OpenSSL at every handshake; this is
 * for connections whose handshake was before.
 */

import { readFileSync } from 'node:fs';
import { TLSSocket } from 'node:tls';
import { LessorError } from '../errors.js';
import type { Cancel, Clock } from '../services/ports.js';
import { systemReason } from './system-reason.js';

/** An entry of a list. */
export interface RevokedCertificate {
  /** Upper-case hex without leading zeros, as node writes serial numbers. */
  readonly serial: string;
  /** When it was revoked, in the digits of the list: UTCTime or GeneralizedTime. */
  readonly at: string;
}

const TAG = { integer: 0x02, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 } as const;

/** One value of DER: its tag, and where its contents are. */
interface Value {
  readonly tag: number;
  readonly from: number;
  readonly to: number;
}

/** The entries of every list in a PEM file. @throws LessorError `config-file` if there is none, or one is damaged */
export function revokedIn(pem: string, path: string): RevokedCertificate[] {
  const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g)];
  if (blocks.length === 0) throw new LessorError('config-file', `${path}: there is no X509 CRL in it`);
  return blocks.flatMap(([, text = '']) => {
    const entries = entriesOf(Buffer.from(text, 'base64'));
    if (entries === undefined) throw new LessorError('config-file', `${path}: a list in it is damaged`);
    return entries;
  });
}

/** tbsCertList: version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, extensions? */
function entriesOf(der: Buffer): RevokedCertificate[] | undefined {
  const [list] = valuesIn(der, 0, der.length) ?? [];
  const [body] = list?.tag === TAG.sequence ? (valuesIn(der, list.from, list.to) ?? []) : [];
  const parts = body?.tag === TAG.sequence ? valuesIn(der, body.from, body.to) : undefined;
  if (parts === undefined) return undefined;
  const times = parts.findIndex(({ tag }) => isTime(tag));
  if (times < 0) return undefined;
  const revoked = parts.slice(times).find(({ tag }) => !isTime(tag));
  if (revoked?.tag !== TAG.sequence) return [];
  const rows = valuesIn(der, revoked.from, revoked.to);
  const entries = rows?.map((row) => entryOf(der, row));
  return entries?.every((entry) => entry !== undefined) ? entries : undefined;
}

function entryOf(der: Buffer, { tag, from, to }: Value): RevokedCertificate | undefined {
  const [serial, at] = tag === TAG.sequence ? (valuesIn(der, from, to) ?? []) : [];
  if (serial?.tag !== TAG.integer || at === undefined || !isTime(at.tag)) return undefined;
  const hex = der.toString('hex', serial.from, serial.to).replace(/^0+/, '').toUpperCase();
  return { serial: hex === '' ? '0' : hex, at: der.toString('latin1', at.from, at.to) };
}

/** The values that follow one another in these octets; undefined if they do not end where the octets do. */
function valuesIn(der: Buffer, from: number, to: number): Value[] | undefined {
  const values: Value[] = [];
  for (let at = from; at < to; ) {
    const [tag, first] = [der[at], der[at + 1]];
    if (tag === undefined || first === undefined || at + 2 > to) return undefined;
    let length: number = first;
    let start = at + 2;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      // Up to 4 octets: more than a file of lists has.
      if (octets === 0 || octets > 4 || start + octets > to) return undefined;
      length = der.readUIntBE(start, octets);
      start += octets;
    }
    if (start + length > to) return undefined;
    values.push({ tag, from: start, to: start + length });
    at = start + length;
  }
  return values;
}

function isTime(tag: number): boolean {
  return tag === TAG.utcTime || tag === TAG.generalizedTime;
}

/** The serial numbers in a file of lists. @throws LessorError `config-file` */
export function revokedSerials(path: string): ReadonlySet<string> {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    throw new LessorError('config-file', `load of revocation list '${path}' failed: ${systemReason(error)}`);
  }
  return new Set(revokedIn(text, path).map(({ serial }) => serial));
}

/** Serial number of the certificate the other end of a connection has shown; undefined without one. */
export function serialOf(socket: unknown): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const serial: string | undefined = socket.getPeerCertificate()?.serialNumber;
  return serial?.replace(/^0+/, '').toUpperCase();
}

/** How often the file is looked at. */
const INTERVAL_MS = 5000;

/** Looks at a file of lists now and then, and says when it has become another. */
export class RevocationWatch {
  #timer: Cancel | undefined;
  #content: string | undefined;

  /**
   * @param path the file; undefined while there is none
   * @param onChanged the file has other content than at the last look
   */
  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly path: () => string | undefined,
    private readonly onChanged: () => void,
  ) {}

  /** Looks at once, and then again and again, as long as there is a file. */
  start(): void {
    this.#timer?.();
    if (this.path() === undefined) return;
    this.look();
    this.#timer = this.clock.after(INTERVAL_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.();
  }

  /** Looks at the file now. One that is being replaced can be unreadable for a moment: what was known stays. */
  look(): void {
    const path = this.path();
    if (path === undefined) return;
    let content: string;
    try {
      content = `${path}\n${readFileSync(path, 'latin1')}`;
    } catch {
      return;
    }
    const before = this.#content;
    this.#content = content;
    if (before !== undefined && before !== content) this.onChanged();
  }
}
