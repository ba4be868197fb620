/**
 * A fuzzer of the control doors: recorded requests, spoilt and cut, over real sockets, without and with credentials.
 * Whatever comes, the doors answer in their own words or close, let no stranger in, and go on.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JsonMap, parseCommandJson } from '@lessor/kea';
import { startReplayServer } from '../golden/control-bench.js';
import { freePorts } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { seeded } from './seeded.js';

/** Doors, and what is sent before a request's own headers. */
const DOORS = ['unix', 'http', 'http with a password demanded', 'http with the password'] as const;

/** What came of the requests, by door. */
export type DoorFuzzResult = Readonly<Record<(typeof DOORS)[number], { answered: number; closed: number }>>;

const CREDENTIALS = `Authorization: Basic ${Buffer.from('admin:s3cret').toString('base64')}\r\n`;
/** What commands must not do to the fuzzer itself. */
const HARMLESS = /shutdown|config-(set|reload|write)|lease4-write/;
const ANSWER_TIMEOUT_MS = 60_000;

type Below = (bound: number) => number;

/** Every recorded request body, and every recorded HTTP head. */
function loadCorpus(): { readonly bodies: readonly string[]; readonly heads: readonly string[] } {
  const bodies = new Set<string>();
  const heads = new Set<string>();
  for (const name of ['http', 'json-dialect-unix', 'framing-unix', 'lease-cmds', 'core-unix']) {
    const path = repoPath('tests', 'golden', 'transcripts', `kea3.3-${name}.json`);
    const { steps } = JSON.parse(readFileSync(path, 'utf8')) as {
      steps: { request?: JsonMap; request_raw?: string }[];
    };
    for (const { request, request_raw: raw } of steps) {
      const [head, body] = raw?.includes('HTTP/')
        ? raw.split('\r\n\r\n', 2)
        : [undefined, raw ?? JSON.stringify(request ?? {})];
      if (head !== undefined && head.length < 4000) heads.add(head);
      if (body !== undefined && body.length < 4000 && !HARMLESS.test(body)) bodies.add(body);
    }
  }
  return { bodies: [...bodies], heads: [...heads] };
}

/** Pieces that matter to framing, JSON or HTTP. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u00',
  ',',
  ':',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '\xff',
  '/*',
  '#',
  '9'.repeat(60),
];

function spoil(text: string, below: Below): string {
  let spoilt = text;
  for (let left = below(5); left > 0; left--) {
    const at = below(spoilt.length + 1);
    const piece = PIECES[below(PIECES.length)]!;
    switch (below(5)) {
      case 0:
        spoilt = spoilt.slice(0, at) + piece + spoilt.slice(at);
        break;
      case 1:
        spoilt = spoilt.slice(0, at) + spoilt.slice(at + 1 + below(8));
        break;
      case 2:
        spoilt = spoilt.slice(0, at) + String.fromCharCode(below(256)) + spoilt.slice(at + 1);
        break;
      case 3:
        spoilt = spoilt.slice(0, at);
        break;
      default:
        spoilt = spoilt.slice(0, at) + piece.repeat(1 + below(200)) + spoilt.slice(at);
    }
  }
  return spoilt;
}

/** Sends octets in one or two pieces, half-closes, and collects what comes. @throws Error if the door never closes */
function send(
  target: { readonly path: string } | { readonly port: number },
  text: string,
  cut: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ ...target, allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('no end'));
    }, ANSWER_TIMEOUT_MS);
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(Buffer.from(text.slice(0, cut), 'latin1'));
    socket.end(Buffer.from(text.slice(cut), 'latin1'));
  });
}

/**
 * Sends so many requests, each through one of the doors.
 * @throws Error naming seed and iteration where a door answers what it should not, or no more
 */
export async function fuzzDoors(requests: number, seed: number): Promise<DoorFuzzResult> {
  const root = mkdtempSync(join(tmpdir(), 'lessor-doors-'));
  const ports = await freePorts(['open', 'closed']);
  const http = { 'socket-type': 'http', 'socket-address': '127.0.0.1' };
  const authentication = { clients: [{ user: 'admin', password: 's3cret' }] };
  const server = await startReplayServer(
    {
      Dhcp4: {
        'control-sockets': [
          { 'socket-type': 'unix', 'socket-name': `${root}/run` },
          { ...http, 'socket-port': ports.open },
          { ...http, 'socket-port': ports.closed, authentication },
        ],
        subnet4: [{ id: 1, subnet: '192.0.2.0/24' }],
      },
    },
    { root },
  );
  const { bodies, heads } = loadCorpus();
  const result = Object.fromEntries(DOORS.map((door) => [door, { answered: 0, closed: 0 }])) as DoorFuzzResult;
  try {
    for (let iteration = 0; iteration < requests; iteration++) {
      const below = seeded(Math.imul(seed, 0x9e3779b1) ^ iteration);
      const door = DOORS[below(DOORS.length)]!;
      const text =
        door === 'unix' ? spoil(bodies[below(bodies.length)]!, below) : requestOf(door, bodies, heads, below);
      const target = door === 'unix' ? { path: `${root}/run` } : { port: door === 'http' ? ports.open : ports.closed };
      try {
        const answer = await send(target, text, below(text.length + 1));
        judge(door, answer);
        result[door][answer === '' ? 'closed' : 'answered']++;
      } catch (error) {
        throw new Error(`seed ${seed}, iteration ${iteration}, ${door}: ${String(error)}\n${JSON.stringify(text)}`);
      }
    }
    judge('unix', await send({ path: `${root}/run` }, '{"command":"version-get"}', 0));
  } finally {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  }
  return result;
}

function requestOf(door: string, bodies: readonly string[], heads: readonly string[], below: Below): string {
  const body = spoil(bodies[below(bodies.length)]!, below);
  const credentials = door === 'http with the password' ? CREDENTIALS : '';
  if (below(3) === 0) {
    const [start, ...rest] = spoil(heads[below(heads.length)]!, below).split('\r\n');
    return `${start}\r\n${credentials}${rest.join('\r\n')}\r\n\r\n${body}`;
  }
  const type = 'Content-Type: application/json\r\n';
  return `POST / HTTP/1.1\r\n${type}${credentials}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** @throws Error for an answer that is not in the door's words, or that a stranger must not get */
function judge(door: (typeof DOORS)[number], answer: string): void {
  if (answer === '') return;
  if (door === 'unix') {
    if (typeof (parseCommandJson(answer, { comments: false }) as JsonMap).result !== 'number') throw new Error(answer);
    return;
  }
  const status = /^HTTP\/1\.1 (100|200|400|401|403|408|413) /.exec(answer)?.[1];
  if (status === undefined) throw new Error(`not an answer: ${answer.slice(0, 200)}`);
  if (door === 'http with a password demanded' && (status === '200' || status === '100')) throw new Error('let in');
}
