/** What two servers say to each other to become a pair: lines of JSON over TLS, each bounded in length and time. */

import type { Duplex } from 'node:stream';
import { LessorError } from '../../errors.js';

/** Second server to first: who I am. All octets in base64. */
export interface JoinRequest {
  readonly secret: string;
  readonly name: string;
  /** Where its peer listener will be. */
  readonly address: string;
  /** SPKI. */
  readonly publicKey: string;
  /** Signature over keying material of this connection: the key is its own, and this is no recording. */
  readonly proof: string;
  /** Fingerprint of its address space, or null if it wants the configuration of the first server. */
  readonly addressSpace: string | null;
}

/** First server to second: what makes you my partner. */
export interface JoinOffer {
  /** PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly relation: RelationFacts;
  /** Text of the first server's configuration file, if it was asked for. */
  readonly configuration: string | null;
}

/** What both servers write into their configuration. */
export interface RelationFacts {
  readonly mode: 'hot-standby' | 'load-balancing';
  readonly port: number;
  /** First the primary. */
  readonly peers: readonly [PeerFacts, PeerFacts];
}

/** One server of the pair. */
export interface PeerFacts {
  readonly name: string;
  readonly address: string;
}

/** Label under which keying material is taken from the connection, to be signed (RFC 5705, RFC 8446 §7.5). */
export const JOIN_CONTEXT = 'EXPORTER-lessor-pair-join';

const MAX_LINE_OCTETS = 32 * 1024 * 1024;
/** What a stranger may send before the secret is known to be right. */
export const MAX_REQUEST_OCTETS = 16 * 1024;

/** Lines of JSON on a stream, taken one at a time. */
export class JsonLines {
  readonly #stream: Duplex;
  #pending = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Sends one value. */
  send(value: object): void {
    this.#stream.write(`${JSON.stringify(value)}\n`);
  }

  /**
   * The next value.
   * @throws LessorError `pair-setup` if the other side sends an error, no JSON, too much, or ends
   */
  async receive(maxOctets = MAX_LINE_OCTETS): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const end = this.#pending.indexOf(10);
      if (end !== -1) {
        const line = this.#pending.toString('utf8', 0, end);
        this.#pending = this.#pending.subarray(end + 1);
        return parse(line);
      }
      if (this.#pending.length > maxOctets) throw new LessorError('pair-setup', 'the other side sends too much');
      this.#pending = Buffer.concat([this.#pending, await nextChunk(this.#stream)]);
    }
  }
}

function parse(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LessorError('pair-setup', 'the other side does not speak this protocol');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LessorError('pair-setup', 'the other side does not speak this protocol');
  }
  const map = value as Readonly<Record<string, unknown>>;
  if (typeof map.error === 'string') throw new LessorError('pair-setup', `the other server: ${map.error}`);
  return map;
}

function nextChunk(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      stream.removeListener('data', onData).removeListener('end', onEnd).removeListener('close', onEnd);
      stream.removeListener('error', onError);
      stream.pause();
      done();
    };
    const onData = (chunk: Buffer): void => settle(() => resolve(chunk));
    const onEnd = (): void => settle(() => reject(new LessorError('pair-setup', 'the connection ended too early')));
    const onError = (error: Error): void => settle(() => reject(new LessorError('pair-setup', error.message)));
    stream.once('data', onData).once('end', onEnd).once('close', onEnd).once('error', onError);
    stream.resume();
  });
}

/** A member that is a string. @throws LessorError `pair-setup` */
export function textOf(map: Readonly<Record<string, unknown>>, name: string): string {
  const value = map[name];
  if (typeof value === 'string') return value;
  throw new LessorError('pair-setup', `the other side sent no ${name}`);
}
