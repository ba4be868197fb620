/**
 * The whole OMAPI server over TCP against hostile clients, before a key is proved and after: conversations of many
 * requests, made up or recorded, some mutated before they are signed and some after. A seed and the number of a
 * conversation make the same octets every time.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Authenticator,
  DecodeError,
  type Entry,
  encodeMessage,
  encodeStartup,
  Op,
  omapiMessage,
  openRequest,
  Result,
  readStatus,
  StreamDecoder,
  wireName,
} from '@lessor/omapi';
import { startServer } from 'lessor/internal/main.js';
import type { Logger } from 'lessor/internal/services/ports.js';
import { type Below, loadOmapiCorpus, mutated, pseudoRandom } from './omapi.js';

/** What a run came to. */
export interface OmapiServerFuzzResult {
  readonly conversations: number;
  /** Messages that were answered, or that ended their connection. */
  readonly handled: number;
  /** Of those the ones on connections that had proved a key. */
  readonly authenticated: number;
  /** What the server must never do, with the conversation that made it do it. */
  readonly defects: readonly string[];
  /** Resident octets of server and fuzzer after a tenth of the run, and the most seen from then on. */
  readonly settledOctets: number;
  readonly peakOctets: number;
}

const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const KEY = new Authenticator({ name: 'fuzz', algorithm: 'hmac-sha256', secret: SECRET });
const AUTHID_OCTETS = 4;
const MESSAGES_PER_CONVERSATION = 64;
const CONCURRENT = 8;
/** A conversation that is neither answered nor closed by then is a defect. */
const PATIENCE_MS = 20_000;

const TYPES = ['lease', 'host', 'group', 'control', 'failover-state', 'pool', 'subnet', 'authenticator', 'class', 'x'];
const NAMES = [
  ...['name', 'ip-address', 'hardware-address', 'hardware-type', 'dhcp-client-identifier', 'client-hostname'],
  ...['statements', 'group', 'state', 'ends', 'flags', 'handle', 'starts', 'algorithm', 'known', 'subnet'],
];
const text = (words: string): Uint8Array => Buffer.from(words, 'latin1');
const hex = (digits: string): Uint8Array => Buffer.from(digits, 'hex');
/** Few enough that hosts stay few however long the run. */
const VALUES: readonly Uint8Array[] = [
  ...['', '00', '00000001', '00000002', '0a4d0064', '0a4d0065', '0a4d0015', '0a4d00640a4d0065', 'ffffffff'].map(hex),
  ...['020000000021', '020000000022', '0102', '7fffffff'].map(hex),
  ...['lab', 'a b', 'filename "a"; option routers 10.0.0.1;', 'deny booting;', 'option domain-name "x', '{{{{'].map(
    text,
  ),
  text(`filename "${'x'.repeat(300)}";`),
];

/** Runs until so many messages were handled. `tell` hears now and then how many it has been. */
export async function fuzzOmapiServer(
  messages: number,
  seed: number,
  tell: (handled: number) => void = () => undefined,
): Promise<OmapiServerFuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), 'lessor-fuzz-'));
  const defects: string[] = [];
  const server = await startServer({
    config: { kind: 'file', path: writeConfig(folder) },
    variables: { KEA_DHCP_DATA_DIR: folder, KEA_CONTROL_SOCKET_DIR: folder },
    logger: failureLogger(defects),
  });
  try {
    const port = Number(/:(\d+)$/.exec(server.listening.find((line) => line.startsWith('omapi ')) ?? '')?.[1]);
    const tally = { next: 0, handled: 0, authenticated: 0, settledOctets: 0, peakOctets: 0 };
    const corpus = loadOmapiCorpus();
    const TELL_EVERY = Math.max(1, Math.ceil(messages / 20));
    let told = 0;
    const client = async (): Promise<void> => {
      while (tally.handled < messages && defects.length < 10) {
        const number = tally.next++;
        const conversation = new Conversation(number, seed, corpus);
        const { handled, complaint } = await conversation.hold(port);
        tally.handled += handled;
        if (conversation.signs) tally.authenticated += handled;
        if (complaint !== undefined) defects.push(`seed ${seed}, conversation ${number}: ${complaint}`);
        if (tally.handled >= messages / 10) {
          const { rss } = process.memoryUsage();
          tally.settledOctets ||= rss;
          tally.peakOctets = Math.max(tally.peakOctets, rss);
        }
        if (tally.handled - told >= TELL_EVERY) {
          told = tally.handled;
          tell(told);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, client));
    const { next, ...counted } = tally;
    return { conversations: next, defects, ...counted };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeConfig(folder: string): string {
  const path = join(folder, 'dhcp4.conf');
  const omapi = {
    listeners: [{ port: 0 }],
    keys: [{ name: KEY.name, algorithm: KEY.algorithm.name, secret: SECRET, rights: ['read', 'hosts', 'leases'] }],
    limits: { 'message-octets': 16_384 },
  };
  const dhcp4 = {
    'interfaces-config': { interfaces: [] },
    'lease-database': { type: 'memfile', persist: true, name: 'leases.csv' },
    subnet4: [{ id: 1, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.100-10.77.0.119' }] }],
    'user-context': { lessor: { omapi } },
  };
  writeFileSync(path, JSON.stringify({ Dhcp4: dhcp4 }));
  return path;
}

/** Keeps nothing but what must not happen. */
function failureLogger(defects: string[]): Logger {
  const logger: Logger = {
    enabled: () => true,
    log: (severity, id, message, fields) => {
      const failed = id === 'LESSOR_OMAPI_FAILED' || id === 'LESSOR_CONTROL_COMMAND_FAILED' || severity === 'FATAL';
      if (failed && defects.length < 10) defects.push(`${id}: ${message} ${JSON.stringify(fields)}`);
    },
    child: () => logger,
  };
  return logger;
}

/** How a conversation went. */
interface Held {
  readonly handled: number;
  readonly complaint?: string;
}

/** One connection: all its messages, sent without waiting, and everything that is answered. */
class Conversation {
  readonly signs: boolean;
  private readonly below: Below;
  private readonly decoder = new StreamDecoder();

  constructor(
    number: number,
    seed: number,
    private readonly corpus: readonly Uint8Array[],
  ) {
    this.below = pseudoRandom(Math.imul(seed, 0x9e3779b1) ^ number);
    this.signs = this.below(2) === 0;
  }

  /** Resolves when the server has closed, or has not although it should. */
  hold(port: number): Promise<Held> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let [answers, sent] = [0, 0];
    return new Promise((resolve) => {
      const end = (complaint?: string): void => {
        clearTimeout(timer);
        socket.destroy();
        // What ended the connection was handled too; the opening of the key is not counted.
        const handled = answers + (answers < sent ? 1 : 0);
        resolve(complaint === undefined ? { handled } : { handled, complaint });
      };
      const timer = setTimeout(() => end(`neither answered nor closed: ${answers} of ${sent}`), PATIENCE_MS);
      const send = (authid: number): void => {
        for (; sent < MESSAGES_PER_CONVERSATION; sent++) socket.write(this.message(authid));
        socket.end();
      };
      socket.on('error', () => undefined);
      socket.on('close', () => end());
      socket.on('data', (chunk: Buffer) => {
        try {
          this.decoder.push(chunk);
          for (let frame = this.decoder.next(); frame !== undefined; frame = this.decoder.next()) {
            if (this.signs && sent === 0) send(frame.message.handle);
            else answers++;
            if (readStatus(frame.message)?.result === Result.UNEXPECTED) end('an unexpected error was answered');
          }
        } catch (error) {
          end(`an answer that can not be decoded: ${String(error)}`);
          if (!(error instanceof DecodeError)) throw error;
        }
      });
      socket.write(encodeStartup());
      if (this.signs) openKey(socket);
      else send(0);
    });
  }

  /** The next message: mostly well formed, so that many are looked at before one ends the connection. */
  private message(authid: number): Buffer {
    const { below, corpus } = this;
    const recorded = below(8) === 0;
    const plain = recorded ? Buffer.from(corpus[below(corpus.length)]!) : Buffer.from(encodeMessage(this.request()));
    if (recorded) plain.writeUInt32BE(0, 20);
    if (!this.signs || below(64) === 0) return below(32) === 0 ? mutated(plain, 4, below, corpus) : unsigned(plain);
    const signed = sign(below(32) === 0 ? mutated(unsigned(plain), 4, below, corpus) : unsigned(plain), authid);
    return below(64) === 0 ? mutated(signed, 2, below, corpus) : signed;
  }

  private request() {
    const { below } = this;
    const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
    const number = (value: number): Uint8Array => Uint8Array.of(0, 0, 0, value);
    const parameters: Entry[] = below(8) === 0 ? [] : [['type', text(one(TYPES))]];
    for (const flag of ['create', 'exclusive', 'update'] as const) {
      if (below(6) === 0) parameters.push([flag, below(10) === 0 ? one(VALUES) : number(1)]);
    }
    const entries = Array.from({ length: below(6) }, (): Entry => [one(NAMES), one(VALUES)]);
    return omapiMessage({
      op: below(50) === 0 ? below(9) : one([Op.open, Op.open, Op.open, Op.refresh, Op.update, Op.delete]),
      handle: below(3) === 0 ? 0 : below(40),
      tid: below(20),
      message: parameters,
      object: entries,
    });
  }
}

function openKey(socket: Socket): void {
  const open = openRequest('authenticator', [
    ['name', text(KEY.name)],
    ['algorithm', text(wireName(KEY.algorithm))],
  ]);
  socket.write(encodeMessage(omapiMessage({ ...open, tid: 1 })));
}

/** Without an authid and a signature that nobody could verify. */
function unsigned(octets: Buffer): Buffer {
  if (octets.length < 24) return octets;
  const announced = octets.readUInt32BE(4);
  const body = octets.subarray(0, announced > octets.length - 28 ? octets.length : octets.length - announced);
  body.writeUInt32BE(0, 0);
  body.writeUInt32BE(0, 4);
  return body;
}

/** Signs whatever octets there are, well formed or not. */
function sign(octets: Buffer, authid: number): Buffer {
  if (octets.length < 24) return octets;
  octets.writeUInt32BE(authid, 0);
  octets.writeUInt32BE(KEY.algorithm.signatureOctets, 4);
  return Buffer.concat([octets, KEY.sign(octets.subarray(AUTHID_OCTETS))]);
}
