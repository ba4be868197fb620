/**
 * A load of signed OMAPI requests, as a program of its own so that it does not share the server's thread:
 * `node omapi-load.js REQUEST`, with an {@link OmapiLoadRequest} in JSON; prints an {@link OmapiLoadReport}.
 * Requests are encoded and signed before the clock starts. Each connection keeps a number of them under way.
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
  type OmapiMessage,
  Op,
  omapiMessage,
  openRequest,
  StreamDecoder,
  wireName,
} from '@lessor/omapi';

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

/** One connection with its key opened, and what it still has to ask. */
class Connection {
  private readonly decoder = new StreamDecoder();
  private onMessage: (message: OmapiMessage) => void = () => undefined;
  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.decoder.push(chunk);
      // What is asked next goes out in one piece, however many answers came in one.
      socket.cork();
      for (let frame = this.decoder.next(); frame !== undefined; frame = this.decoder.next()) {
        this.onMessage(frame.message);
      }
      socket.uncork();
    });
    socket.on('error', (error) => fail(`connection lost: ${error.message}`));
    socket.on('end', () => fail('the server has closed the connection'));
  }

  static async open({ address, port }: OmapiLoadRequest): Promise<Connection> {
    const socket = connect({ host: address, port, noDelay: true });
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(encodeStartup());
    return new Connection(socket);
  }

  /** The authid of the key on this connection. */
  async authenticate(key: Authenticator): Promise<number> {
    const open = openRequest('authenticator', [
      ['name', Buffer.from(key.name)],
      ['algorithm', Buffer.from(wireName(key.algorithm))],
    ]);
    const answer = new Promise<OmapiMessage>((resolve) => {
      this.onMessage = resolve;
    });
    this.socket.write(encodeMessage(omapiMessage({ ...open, tid: 1 })));
    const { op, handle } = await answer;
    if (op !== Op.update) fail('the key is refused');
    return handle;
  }

  /** Keeps `depth` requests under way until `next` has no more; resolves when all are answered. */
  run(depth: number, next: () => Uint8Array | undefined, answered: (ms: number, ok: boolean) => void): Promise<void> {
    return new Promise((resolve) => {
      const sentAt: number[] = [];
      let first = 0;
      const send = (): void => {
        const octets = next();
        if (octets === undefined) return;
        sentAt.push(performance.now());
        this.socket.write(octets);
      };
      this.onMessage = ({ op }) => {
        answered(performance.now() - sentAt[first++]!, op === Op.update);
        send();
        if (first === sentAt.length) resolve();
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
  const signed = Array.from({ length: wanted.requests }, (_, index) =>
    encodeSigned(omapiMessage({ ...request(wanted, index, salt), tid: index + 1, authid }), key),
  );
  const times: number[] = [];
  let [sent, refused] = [0, 0];
  const startedAt = performance.now();
  const until = startedAt + 1000 * wanted.seconds;
  const next = (): Uint8Array | undefined => {
    if (performance.now() >= until || (wanted.kind === 'create' && sent === signed.length)) return undefined;
    return signed[sent++ % signed.length];
  };
  const answered = (ms: number, ok: boolean): void => {
    times.push(ms);
    if (!ok) refused++;
  };
  await Promise.all(connections.map((connection) => connection.run(wanted.depth, next, answered)));
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
