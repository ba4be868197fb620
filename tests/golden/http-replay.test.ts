/**
 * Kea's recorded HTTP sessions, replayed octet by octet: against the server's own HTTP sockets (Kea 3.3) and against
 * lessor-agent (Kea 2.2's Control Agent). Status, headers, body and who closes are Kea's, apart from volatile values,
 * or are in the table of differences with a reason.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { startAgent } from 'lessor/internal/main/agent.js';
import { silentLogger } from 'lessor/internal/platform/log.js';
import { freePorts } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { settle } from '../lib/until.js';
import { type ReplayServer, startReplayServer } from './control-bench.js';
import { exchange, furnish, type HttpTarget } from './http-bench.js';
import { HTTP_DIFFERENCES, type HttpDifference, type HttpTranscript } from './http-differences.js';
import { recordedDaemon } from './recorded-daemon.js';
import { assertOutcome } from './replay-counts.js';

interface Step {
  readonly name: string;
  readonly transport?: 'unix' | 'http' | 'https';
  readonly request?: JsonMap;
  readonly request_raw?: string;
  readonly response?: JsonMap;
  readonly responses?: readonly { start: string; headers: [string, string][]; json?: JsonValue }[];
  readonly peer_closed?: boolean;
  readonly elapsed_s?: number;
  readonly error?: string;
  readonly socket_error?: string;
  readonly files?: readonly string[];
}

interface Transcript {
  readonly meta: { readonly config: JsonMap };
  readonly steps: readonly Step[];
}

const PORTS = ['8000', '8004', '8443', '8005'] as const;
type Ports = Record<(typeof PORTS)[number], number>;

function read(name: HttpTranscript): Transcript {
  return JSON.parse(readFileSync(repoPath('tests', 'golden', 'transcripts', `kea${name}.json`), 'utf8'));
}

/** Paths and ports of the recording in the place of ours, or the other way round. */
class Names {
  constructor(
    readonly root: string,
    readonly ports: Ports,
  ) {}

  ours<T>(value: T): T {
    let text = JSON.stringify(value).replaceAll('/test/', `${this.root}/`);
    for (const port of PORTS) {
      text = text
        .replaceAll(`-port":${port}`, `-port":${this.ports[port]}`)
        .replaceAll(`:${port}/`, `:${this.ports[port]}/`);
    }
    return JSON.parse(text);
  }

  keas<T>(value: T): T {
    let text = JSON.stringify(value).replaceAll(this.root, '/test');
    for (const port of PORTS) text = text.replaceAll(`-port":${this.ports[port]}`, `-port":${port}`);
    return JSON.parse(text);
  }
}

/** What a transcript is replayed against. */
interface Room {
  readonly names: Names;
  readonly server: ReplayServer | undefined;
  close(): Promise<void>;
}

async function openServer(config: JsonMap): Promise<Room> {
  const names = await furnished();
  const server = await startReplayServer(names.ours(config), { root: names.root });
  return {
    names,
    server,
    async close() {
      await server.close();
      rmSync(names.root, { recursive: true, force: true });
    },
  };
}

/** The recorded agent listened on three ports one after the other; ours are three agents. */
async function openAgents(config: JsonMap, steps: readonly Step[]): Promise<Room> {
  const names = await furnished();
  const daemon = await recordedDaemon(join(names.root, 'run', 'kea4.sock'), recordedAnswers(steps));
  const whole = names.ours(config)['Control-agent'] as JsonMap;
  const { authentication, 'trust-anchor': trust, 'cert-file': cert, 'key-file': key, ...plain } = whole;
  const open = (more: JsonMap) =>
    startAgent({
      config: { kind: 'json', value: { 'Control-agent': { ...plain, ...more } } },
      variables: { KEA_LOG_FILE_DIR: join(names.root, 'log') },
      logger: silentLogger,
    });
  const { ports } = names;
  const agents = [
    await open({ 'http-port': ports['8000'] }),
    await open({ 'http-port': ports['8004'], authentication: authentication! }),
    await open({ 'http-port': ports['8443'], 'trust-anchor': trust!, 'cert-file': cert!, 'key-file': key! }),
  ];
  return {
    names,
    server: undefined,
    async close() {
      for (const agent of agents) await agent.stop();
      await daemon.close();
      rmSync(names.root, { recursive: true, force: true });
    },
  };
}

async function furnished(): Promise<Names> {
  const root = mkdtempSync(join(tmpdir(), 'lessor-http-'));
  furnish(root);
  return new Names(root, await freePorts(PORTS));
}

/** What the recorded daemon behind the agent answered to each command: the last item of each forwarded answer. */
function recordedAnswers(steps: readonly Step[]): ReadonlyMap<string, JsonValue> {
  const answers = new Map<string, JsonValue>();
  for (const { request_raw: raw, responses = [] } of steps) {
    const body = raw?.split('\r\n\r\n', 2)[1] ?? '';
    if (!/"service": ?\["dhcp4"/.test(body)) continue;
    const { command } = JSON.parse(body) as { command: string };
    const [response] = responses;
    if (Array.isArray(response?.json)) answers.set(command, response.json[0]!);
  }
  return answers;
}

const usedRows = new Set<HttpDifference>();
const total = { same: 0, different: 0 };

describe('replay of recorded HTTP', () => {
  const transcripts: readonly HttpTranscript[] = [
    '3.3-http',
    '3.3-http-auth',
    '3.3-https',
    '3.3-http-timeouts',
    '3.3-http-reconfigure',
    '2.2-http',
    '2.2-http-auth',
    '2.2-https',
  ];
  for (const name of transcripts) {
    it(name, async (t) => {
      const { meta, steps } = read(name);
      const room = name.startsWith('3.3') ? await openServer(meta.config) : await openAgents(meta.config, steps);
      const counts = { same: 0, different: 0 };
      try {
        for (const step of steps) counts[await replayStep(name, step, room)]++;
      } finally {
        await room.close();
      }
      t.diagnostic(`${name}: ${JSON.stringify(counts)}`);
      assertOutcome(`kea${name}`, { ...counts, leftOut: 0 });
      total.same += counts.same;
      total.different += counts.different;
      assert.equal(counts.same + counts.different, steps.length);
    });
  }

  it('every row of the table is needed', (t) => {
    t.diagnostic(`all: ${JSON.stringify(total)}`);
    const unused = HTTP_DIFFERENCES.filter((row) => !usedRows.has(row)).map(({ step }) => String(step));
    assert.deepEqual(unused, []);
  });
});

async function replayStep(name: HttpTranscript, step: Step, room: Room): Promise<'same' | 'different'> {
  const kea = recorded(step);
  const ours = normal(room.names.keas(await perform(name, step, room)));
  const row = HTTP_DIFFERENCES.find((each) => each.transcripts.test(name) && each.step.test(step.name));
  if (row === undefined) {
    assert.deepEqual(ours, kea, step.name);
    return 'same';
  }
  usedRows.add(row);
  assert.notDeepEqual(ours, kea, `${step.name} is as in Kea now: the row is stale`);
  assert.match(JSON.stringify(ours), row.lessor, step.name);
  return 'different';
}

/** What a step brought: an HTTP outcome, an answer over unix, or what was seen of sockets. */
type Outcome = JsonValue;

function recorded(step: Step): Outcome {
  if (step.response !== undefined) return normal(step.response as JsonValue);
  if (step.files !== undefined) return step.files as JsonValue;
  if (step.name === 'unix socket is gone') return [];
  const answers = (step.responses ?? []).map(({ start, headers, json }) => ({
    status: start.replace(/^HTTP\/1\.[01] /, ''),
    headers,
    json: json ?? null,
  }));
  return normal({ answers, closed: wasClosed(step) } as unknown as JsonValue);
}

/** A handshake that fails is a connection that is closed, whichever side noticed first. */
function wasClosed(step: Step): boolean {
  return step.peer_closed === true || step.error !== undefined || step.socket_error !== undefined;
}

async function perform(name: HttpTranscript, step: Step, { names, server }: Room): Promise<Outcome> {
  const run = join(names.root, 'run');
  if (step.files !== undefined || step.name === 'unix socket is gone') return readdirSync(run).sort();
  if (step.transport === 'unix') {
    prepareFile(step, names, server!);
    const socket = readdirSync(run).find((file) => file.endsWith('.sock'))!;
    return JSON.parse(await server!.ask(JSON.stringify(names.ours(step.request)), false, join(run, socket)));
  }
  const meanwhile = name === '3.3-http-timeouts' ? () => passTime(server!) : undefined;
  return (await exchange(
    targetOf(name, step, names),
    piecesOf(step),
    { answers: step.responses?.length ?? 0, closed: wasClosed(step) },
    meanwhile,
  )) as unknown as JsonValue;
}

/** Ten seconds for the request, thirty for the one after it. */
async function passTime(server: ReplayServer): Promise<void> {
  for (const ms of [10_000, 30_000]) {
    await settle(50);
    server.clock.advance(ms);
  }
}

/** The configuration file the recording had put down before a config-reload. */
function prepareFile({ name }: Step, names: Names, server: ReplayServer): void {
  const { config } = read('3.3-http-reconfigure').meta;
  const { 'control-sockets': sockets, ...rest } = names.ours(config).Dhcp4 as { readonly 'control-sockets': JsonMap[] };
  const write = (dhcp4: JsonMap) =>
    server.files.set(`${names.root}/etc/kea-dhcp4.conf`, JSON.stringify({ Dhcp4: dhcp4 }));
  if (name === 'singular control-socket in the file') write({ ...rest, 'control-socket': sockets[0]! });
  if (name === 'unknown keyword in the file') {
    write({ ...rest, 'control-sockets': [{ ...sockets[0], bogus: 1 }] });
  }
}

function targetOf(name: HttpTranscript, step: Step, { root, ports }: Names): HttpTarget {
  if (name.endsWith('https')) {
    const version = step.name === 'TLS 1.2' ? ({ version: 'TLSv1.2' } as const) : {};
    const tls = { folder: join(root, 'tls'), client: step.name !== 'without client certificate', ...version };
    return { port: ports['8443'], ...(step.transport === 'https' ? { tls } : {}) };
  }
  return { port: ports[name.endsWith('auth') ? '8004' : '8000'] };
}

/** The octets of a step, in the pieces in which they were sent; what the recording cut is made again. */
function piecesOf({ name, request_raw: raw = '' }: Step): string[] {
  const version = '{"command":"version-get"}';
  const head = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
  const length = (body: string) => `Content-Length: ${body.length}\r\n`;
  switch (name) {
    case '1 MB body': {
      const body = `{"command": "no-such", "arguments": {"x": "${'y'.repeat(1_000_000)}"}}`;
      return [`${head}${length(body)}\r\n${body}`];
    }
    case '200 headers': {
      const lines = Array.from({ length: 200 }, (_, i) => `X-${i}: ${'v'.repeat(100)}\r\n`);
      return [`${head}${length(version)}${lines.join('')}\r\n${version}`];
    }
    case 'header of 100 kB':
      return [`${head}${length(version)}X-Big: ${'v'.repeat(100_000)}\r\n\r\n${version}`];
    case 'two requests on one connection':
      return raw.split(/(?=POST)/);
    case 'request in pieces':
      return [raw.slice(0, 10), raw.slice(10, 60), raw.slice(60, -5), raw.slice(-5)];
    default:
      return raw === '' ? [] : [raw];
  }
}

const VOLATILE: ReadonlySet<string> = new Set(['pid', 'uptime', 'reload', 'hash', 'extended', 'mac']);
/** Date is volatile; Connection is sent as RFC 9112 §9.6 asks, and Kea sends none; the length follows the body. */
const OTHER_HEADERS: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive', 'content-length']);

/** A copy without what differs from run to run, headers in order. */
function normal(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replace(/ ?\(<(wire|string)>:\d+:\d+\)/g, '');
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(normal);
  const map = value as JsonMap;
  const entries = Object.entries(map).map(([name, item]): [string, JsonValue] => {
    if (VOLATILE.has(name)) return [name, `<${name}>`];
    if (name === 'headers' && Array.isArray(item)) return [name, normalHeaders(item as [string, string][])];
    // The version is told in the text beside the extended one.
    if (name === 'text' && isVersion(map.arguments)) return [name, '<version>'];
    return [name, normal(item)];
  });
  return Object.fromEntries(entries);
}

function isVersion(args: JsonValue | undefined): boolean {
  return args !== null && typeof args === 'object' && Object.hasOwn(args, 'extended');
}

function normalHeaders(headers: readonly [string, string][]): JsonValue {
  const kept = headers.filter(([name]) => !OTHER_HEADERS.has(name.toLowerCase()));
  return kept.sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}
