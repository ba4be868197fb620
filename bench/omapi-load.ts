/**
 * A load of signed OMAPI requests, as a program of its own so that it does not share the server's thread:
 * `node omapi-load.js REQUEST`, with an {@link OmapiLoadRequest} in JSON; prints an {@link OmapiLoadReport}.
 * Requests are encoded and signed before the clock starts. Each connection keeps a number of them under way. Of every
 * answer the operation and the transaction are looked at; one in {@link CHECK_EVERY} is decoded and its signature verified.
 */

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import {
  Authenticator,
  type Entry,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  encodeUint32,
  type Frame,
  Op,
  omapiMessage,
  openRequest,
  StreamDecoder,
  wireName,
} from '@lessor/omapi';
import { AnswerScanner } from './lib/omapi-scan.js';

/** What is asked, how often, of whom. */
export interface OmapiLoadRequest {
  readonly address: string;
  readonly port: number;
  readonly key: { readonly name: string; readonly algorithm: string; readonly secret: string };
  /** `lookup`: a lease by its address, in turn. `create`: hosts that were not there. */
  readonly kind: 'lookup' | 'create';
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly depth: number;
  readonly seconds: number;
  /** Signed beforehand; a load of lookups begins again with the first, one of creations ends with the last. */
  readonly requests: number;
  /** Address of the first lease, or of the first host. */
  readonly firstAddress: number;
  /** False: answers are not signed (omapi-bare.ts). */
  readonly verify: boolean;
}

/** What came of it. */
export interface OmapiLoadReport {
  readonly answered: number;
  /** Answers other than an object. */
  readonly refused: number;
  readonly perSec: number;
  /** From request to answer. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

const HARDWARE = 'hardware-address';
const CHECK_EVERY = 64;
const STARTUP_OCTETS = 8;
const OP_AT = 8;
const RID_AT = 20;

/** A request, signed, and its tid. */
interface Signed {
  readonly octets: Uint8Array;
  readonly tid: number;
}

/** One connection with its key opened, and what it still has to ask. */
class Connection {
  private readonly scanner = new AnswerScanner();
  private readonly decoder = new StreamDecoder();
  private onMessage: (octets: Buffer) => void = () => undefined;

  private constructor(
    private readonly socket: Socket,
    /** Of the other side, before its first message. */
    startup: Buffer,
  ) {
    this.decoder.push(startup.subarray(0, STARTUP_OCTETS));
    this.scan(startup.subarray(STARTUP_OCTETS));
    socket.on('data', (chunk: Buffer) => {
      // What is asked next goes out in one piece, however many answers came in one.
      socket.cork();
      this.scan(chunk);
      socket.uncork();
    });
    socket.on('error', (error) => fail(`connection lost: ${error.message}`));
    socket.on('end', () => fail('the server has closed the connection'));
  }

  static async open({ address, port }: OmapiLoadRequest): Promise<Connection> {
    const socket = connect({ host: address, port, noDelay: true });
    socket.write(encodeStartup());
    const startup = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve).once('error', reject);
    });
    socket.removeAllListeners('error');
    return new Connection(socket, startup);
  }

  /** The authid of the key on this connection. */
  async authenticate(key: Authenticator): Promise<number> {
    const open = openRequest('authenticator', [
      ['name', Buffer.from(key.name)],
      ['algorithm', Buffer.from(wireName(key.algorithm))],
    ]);
    const answer = new Promise<Frame>((resolve) => {
      this.onMessage = (octets) => resolve(this.decode(octets));
    });
    this.socket.write(encodeMessage(omapiMessage({ ...open, tid: 1 })));
    const { op, handle } = (await answer).message;
    if (op !== Op.update) fail('the key is refused');
    return handle;
  }

  /** Keeps `depth` requests under way until `next` has no more; resolves when all are answered. */
  run(
    depth: number,
    next: () => Signed | undefined,
    answered: (ms: number, ok: boolean) => void,
    check: (frame: Frame) => void,
  ): Promise<void> {
    return new Promise((resolve) => {
      const sent: { readonly at: number; readonly tid: number }[] = [];
      let first = 0;
      const send = (): void => {
        const request = next();
        if (request === undefined) return;
        sent.push({ at: performance.now(), tid: request.tid });
        this.socket.write(request.octets);
      };
      this.onMessage = (octets) => {
        const { at, tid } = sent[first++]!;
        if (octets.readUInt32BE(RID_AT) !== tid) fail('an answer out of its turn');
        if (first % CHECK_EVERY === 0) check(this.decode(octets));
        answered(performance.now() - at, octets[OP_AT + 3] === Op.update);
        send();
        if (first === sent.length) resolve();
      };
      this.socket.cork();
      for (let i = 0; i < depth; i++) send();
      this.socket.uncork();
    });
  }

  close(): void {
    this.socket.removeAllListeners('end');
    this.socket.destroy();
  }

  private scan(chunk: Buffer): void {
    this.scanner.push(chunk, (octets) => this.onMessage(octets));
  }

  private decode(octets: Buffer): Frame {
    this.decoder.push(Buffer.from(octets));
    return this.decoder.next() ?? fail('an answer that can not be decoded');
  }
}

function fail(why: string): never {
  process.stderr.write(`omapi-load: ${why}\n`);
  process.exit(1);
}

/** Requests number `index` of a load, before they are signed. */
function request({ kind, firstAddress }: OmapiLoadRequest, index: number, salt: Buffer) {
  const address: Entry = ['ip-address', encodeUint32(firstAddress + index)];
  if (kind === 'lookup') return openRequest('lease', [address]);
  const mac = Buffer.concat([salt, Buffer.alloc(3)]);
  mac.writeUIntBE(index, 3, 3);
  const entries: Entry[] = [
    ['name', Buffer.from(`load-${salt.toString('hex')}-${index}`)],
    [HARDWARE, mac],
    ['hardware-type', encodeUint32(1)],
    address,
  ];
  return openRequest('host', entries, { create: true, exclusive: true });
}

async function load(wanted: OmapiLoadRequest): Promise<OmapiLoadReport> {
  const key = new Authenticator(wanted.key);
  const salt = Buffer.from([2, ...randomBytes(2)]);
  const connections: Connection[] = [];
  let authid = 0;
  for (let i = 0; i < wanted.connections; i++) {
    const connection = await Connection.open(wanted);
    authid = await connection.authenticate(key);
    connections.push(connection);
  }
  const signed = Array.from({ length: wanted.requests }, (_, index): Signed => {
    const tid = index + 1;
    return { tid, octets: encodeSigned(omapiMessage({ ...request(wanted, index, salt), tid, authid }), key) };
  });
  const times: number[] = [];
  let [sent, refused] = [0, 0];
  const startedAt = performance.now();
  const until = startedAt + 1000 * wanted.seconds;
  const next = (): Signed | undefined => {
    if (performance.now() >= until || (wanted.kind === 'create' && sent === signed.length)) return undefined;
    return signed[sent++ % signed.length];
  };
  const answered = (ms: number, ok: boolean): void => {
    times.push(ms);
    if (!ok) refused++;
  };
  const check = (frame: Frame): void => {
    if (wanted.verify && !key.verify(frame)) fail('an answer is not signed with the key');
  };
  await Promise.all(connections.map((connection) => connection.run(wanted.depth, next, answered, check)));
  const tookMs = performance.now() - startedAt;
  for (const connection of connections) connection.close();
  times.sort((a, b) => a - b);
  return {
    answered: times.length,
    refused,
    perSec: (1000 * times.length) / tookMs,
    medianMs: times[times.length >>> 1] ?? Number.NaN,
    p99Ms: times[Math.floor(0.99 * times.length)] ?? Number.NaN,
  };
}

process.stdout.write(`${JSON.stringify(await load(JSON.parse(process.argv[2]!) as OmapiLoadRequest))}\n`);
