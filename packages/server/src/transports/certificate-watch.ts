/**
 * Watches the certificates of a pair: says 30, 7 and 1 days before one runs out, and notices when the files were
 * replaced, so that new connections use the new ones without a word of an operator.
 */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HaTls } from '../domain/ha/config.js';
import type { EpochMs } from '../domain/values.js';
import type { Cancel, Clock } from '../services/ports.js';

/** What a {@link CertificateWatch} works with. */
export interface WatchParts {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  /** The files in use; undefined without TLS. */
  readonly files: () => HaTls | undefined;
  /** Milliseconds since 1970 of a date as node writes those of certificates; undefined if the text is none. */
  readonly parseTime: (text: string) => EpochMs | undefined;
  /** Someone has to renew a certificate. */
  readonly onAlarm: (text: string) => void;
  /** The files have other content than before. @throws LessorError if they can not be used */
  readonly onReplaced: () => void;
}

/** How often the files are looked at. */
const INTERVAL_MS = 5000;
const MS_A_DAY = 86_400_000;
/** Days before the end at which it is said, the last one first. */
const DAYS = [1, 7, 30] as const;

/** See the head of this file. */
export class CertificateWatch {
  readonly #parts: WatchParts;
  #timer: Cancel | undefined;
  #content: string | undefined;
  /** What was said last of each certificate. */
  readonly #told = new Map<string, string>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Looks at once, and then again and again. */
  start(): void {
    this.look();
    this.#timer = this.#parts.clock.after(INTERVAL_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.();
  }

  /** Looks at the files now. */
  look(): void {
    const { files: filesInUse, onReplaced, onAlarm } = this.#parts;
    const tls = filesInUse();
    if (tls === undefined) return;
    try {
      const files = [tls.certFile, tls.keyFile, tls.trustAnchor, ...(tls.crlFile === undefined ? [] : [tls.crlFile])];
      const content = files.map((file) => readFileSync(file, 'utf8'));
      const [certificate = '', , authority = ''] = content;
      this.#judge('this server', certificate);
      this.#judge('the authority', authority);
      const whole = content.join('');
      const before = this.#content;
      this.#content = whole;
      if (before !== undefined && before !== whole) onReplaced();
    } catch (error) {
      // A file that is being replaced can be unreadable for a moment; the ones in use stay in use.
      this.#tell('files', `the certificates of the pair can not be read: ${(error as Error).message}`, onAlarm);
    }
  }

  /** The certificate that the partner showed, with its end as node has it: `Nov 29 12:00:00 2026 GMT`. */
  partnerShowed(validTo: string): void {
    this.#warn('the partner', validTo);
  }

  #judge(whose: string, pem: string): void {
    if (pem.includes('-----BEGIN CERTIFICATE-----')) this.#warn(whose, new X509Certificate(pem).validTo);
  }

  #warn(whose: string, validTo: string): void {
    const { clock, onAlarm, parseTime } = this.#parts;
    const endMs = parseTime(validTo);
    if (endMs === undefined) return;
    const left = (endMs - clock.now()) / MS_A_DAY;
    const limit = DAYS.find((days) => left <= days);
    if (limit === undefined) {
      this.#told.delete(whose);
      return;
    }
    const text =
      left <= 0
        ? `the certificate of ${whose} has run out: the servers do not talk to each other until it is replaced`
        : `the certificate of ${whose} runs out in ${left < 1 ? 'less than a day' : `${Math.ceil(left)} days`}`;
    this.#tell(whose, text, onAlarm, `${limit} ${left <= 0}`);
  }

  /** Says something once for each step. */
  #tell(whose: string, text: string, say: (text: string) => void, step = text): void {
    if (this.#told.get(whose) === step) return;
    this.#told.set(whose, step);
    say(text);
  }
}
