/**
 * A certificate authority in a folder, for the management plane of a few servers: `ca.pem`, `ca.key` (0600), and a
 * certificate and a key for each name it issued. No service, no database: copy the folder to move it, delete it to end it.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LessorError } from '../../errors.js';
import { revokedIn } from '../../transports/revocation-list.js';
import { type CertificateUse, type Issuer, makeCertificate, toPem } from './certificate.js';
import { instantOf, makeRevocationList, type Revoked } from './revocation.js';

const MS_A_DAY = 86_400_000;
/** Validity begins a little in the past: clocks of two machines differ. */
const BACKDATED_MS = 5 * 60_000;

/** What is to be issued. */
export interface IssueRequest {
  readonly commonName: string;
  /** See {@link CertificateRequest.names}. */
  readonly names: readonly string[];
  readonly use: Exclude<CertificateUse, 'authority'>;
  readonly days: number;
}

/** One certificate of a folder. */
export interface IssuedCertificate {
  readonly file: string;
  readonly certificate: X509Certificate;
}

/** See the head of this file. */
export class Authority {
  readonly #issuer: Issuer;
  readonly #now: () => number;

  private constructor(
    readonly folder: string,
    readonly certificate: X509Certificate,
    privateKey: KeyObject,
    now: () => number,
  ) {
    this.#issuer = { commonName: commonNameOf(certificate), privateKey, publicKey: certificate.publicKey };
    this.#now = now;
  }

  /** Makes an authority. @throws LessorError if the folder has one */
  static create(folder: string, commonName: string, days: number, now: () => number): Authority {
    if (existsSync(join(folder, 'ca.key')) || existsSync(join(folder, 'ca.pem'))) {
      throw new LessorError('pki', `${folder} has an authority already (ca.pem, ca.key)`);
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { publicKey, privateKey } = newKeyPair();
    const issuer = { commonName, privateKey, publicKey };
    const der = makeCertificate(
      { commonName, names: [], publicKey, use: 'authority', ...validity(days, now()) },
      issuer,
    );
    writeNew(join(folder, 'ca.key'), pemOfKey(privateKey), 0o600);
    writeNew(join(folder, 'ca.pem'), toPem(der), 0o644);
    const made = new Authority(folder, new X509Certificate(der), privateKey, now);
    // There from the beginning, so that servers can be configured with it before it is needed.
    made.#writeList([]);
    return made;
  }

  /** Opens an authority. @throws LessorError if the folder has none, or one whose key is another */
  static open(folder: string, now: () => number): Authority {
    const read = (name: string): Buffer => {
      try {
        return readFileSync(join(folder, name));
      } catch (error) {
        throw new LessorError('pki', `no authority in ${folder}: ${(error as Error).message}`);
      }
    };
    const [certificate, key] = [new X509Certificate(read('ca.pem')), createPrivateKey(read('ca.key'))];
    if (!certificate.checkPrivateKey(key)) {
      throw new LessorError('pki', `${join(folder, 'ca.key')} is not the key of ${join(folder, 'ca.pem')}`);
    }
    return new Authority(folder, certificate, key, now);
  }

  /** Certifies a key. @returns PEM @throws NameError */
  certify(request: IssueRequest, publicKey: KeyObject): string {
    const { days, ...rest } = request;
    const { notBefore, notAfter } = validity(days, this.#now());
    const last = new Date(this.certificate.validTo);
    const until = notAfter > last ? last : notAfter;
    return toPem(makeCertificate({ ...rest, publicKey, notBefore, notAfter: until }, this.#issuer));
  }

  /**
   * Makes a key and its certificate as NAME.pem and NAME.key (0600) in the folder, or elsewhere.
   * @throws LessorError if a file is there and `renew` is false; NameError
   */
  issue(name: string, request: IssueRequest, renew: boolean, folder = this.folder): { cert: string; key: string } {
    const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    for (const file of Object.values(files)) {
      if (!renew && existsSync(file)) throw new LessorError('pki', `${file} exists: choose another name, or --renew`);
    }
    const { publicKey, privateKey } = newKeyPair();
    const certificate = this.certify(request, publicKey);
    if (!existsSync(this.listFile)) this.#writeList([]);
    const write = renew ? overwrite : writeNew;
    write(files.key, pemOfKey(privateKey), 0o600);
    write(files.cert, certificate, 0o644);
    return files;
  }

  /** The list of what was revoked; to be copied to every server. */
  get listFile(): string {
    return join(this.folder, 'crl.pem');
  }

  /** What has been revoked so far. @throws LessorError if the list is damaged */
  revoked(): Revoked[] {
    if (!existsSync(this.listFile)) return [];
    const entries = revokedIn(readFileSync(this.listFile, 'latin1'), this.listFile);
    return entries.map(({ serial, at }) => ({ serial, at: instantOf(at) }));
  }

  /**
   * Revokes certificates: the list is written anew. @throws LessorError if one of them is not of this authority, or is the
   * authority's own; then nothing has been revoked
   */
  revoke(certificates: readonly IssuedCertificate[]): void {
    const known = this.revoked();
    const serials = new Set(known.map(({ serial }) => serial));
    for (const { file, certificate } of certificates) {
      const ours = certificate.verify(this.certificate.publicKey) && certificate.checkIssued(this.certificate);
      if (!ours || certificate.ca) throw new LessorError('pki', `${file} is none that this authority can revoke`);
      const serial = serialOf(certificate);
      if (!serials.has(serial)) known.push({ serial, at: new Date(this.#now()) });
      serials.add(serial);
    }
    this.#writeList(known);
  }

  #writeList(revoked: readonly Revoked[]): void {
    const now = this.#now();
    const list = { revoked, thisUpdate: new Date(now - BACKDATED_MS), nextUpdate: new Date(this.certificate.validTo) };
    // In one step: servers look at it every few seconds.
    const temporary = `${this.listFile}.new`;
    writeFileSync(temporary, toPem(makeRevocationList(list, this.#issuer), 'X509 CRL'), { mode: 0o644 });
    renameSync(temporary, this.listFile);
  }

  /** The certificates of the folder, that of the authority first. */
  list(): IssuedCertificate[] {
    const files = readdirSync(this.folder).filter(
      (name) => name.endsWith('.pem') && !['ca.pem', 'crl.pem'].includes(name),
    );
    return ['ca.pem', ...files.sort()].map((name) => {
      const file = join(this.folder, name);
      return { file, certificate: new X509Certificate(readFileSync(file)) };
    });
  }
}

/** A new key pair: P-256, which every TLS library takes. */
export function newKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS #8. */
export function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A public key from its SPKI octets. @throws LessorError unless it is one of {@link newKeyPair}'s kind */
export function readPublicKey(spki: Buffer): KeyObject {
  try {
    const key = createPublicKey({ key: spki, type: 'spki', format: 'der' });
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // Told below: what it was instead helps nobody.
  }
  throw new LessorError('pki', 'the public key is not one of the curve P-256');
}

/** The serial number as lists of revoked certificates are compared by. */
export function serialOf({ serialNumber }: X509Certificate): string {
  return serialNumber.replace(/^0+/, '').toUpperCase();
}

/** The common name of the subject; the whole subject where it has none. */
export function commonNameOf({ subject }: X509Certificate): string {
  return /(?:^|\n)CN=(.*)/.exec(subject)?.[1] ?? subject;
}

function validity(days: number, nowMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + days * MS_A_DAY) };
}

function writeNew(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { flag: 'wx', mode });
}

/** In place, so that owner and mode stay what an operator made them. */
function overwrite(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { mode });
}
