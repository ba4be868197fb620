/**
 * Kea's recorded control sessions, replayed over a real unix socket. Every answer is Kea's, apart from volatile values
 * (transcripts/README.md), or is in a table of differences with its reason.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { formatJson, type JsonMap, type JsonValue, parseCommandJson } from '@lessor/kea';
import { parseHexOctets } from 'lessor/internal/control/hex.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { repoPath } from '../lib/repo.js';
import { CONFIG_FILE, type ReplayServer, startReplayServer } from './control-bench.js';
import { type ControlDifference, DIFFERENCES, NOT_THERE, OTHER_STEPS } from './control-differences.js';

interface Step {
  readonly name: string;
  readonly transport?: string;
  readonly request?: { readonly command: string; readonly arguments?: JsonMap };
  readonly request_raw?: string;
  readonly response?: JsonValue;
  readonly response_raw?: string;
  readonly elapsed_s?: number;
  /** The configuration file, put down before the step. */
  readonly file?: string;
  /** What a file was found to hold. */
  readonly content?: string;
  /** Addresses clients got. */
  readonly got?: readonly { readonly address: string }[];
  /** What was seen of the socket and its lock. */
  readonly socket_mode?: string;
  readonly lock_mode?: string;
  readonly lock_size?: number;
  readonly run_dir?: readonly string[];
}

type TranscriptName = ControlDifference['transcript'];

function readTranscript(name: TranscriptName): {
  readonly meta: { readonly config?: JsonMap };
  readonly steps: Step[];
} {
  return JSON.parse(readFileSync(repoPath('tests', 'golden', 'transcripts', `kea3.3-${name}.json`), 'utf8'));
}

const CONFIG = readTranscript('core-unix').meta.config!;
const usedRows = new Set<unknown>();

const TRANSCRIPTS: readonly TranscriptName[] = [
  'core-unix',
  'json-dialect-unix',
  'framing-unix',
  'lease-cmds',
  'stat-cmds',
  'host-cmds',
  'subnet-cmds',
  'class-cmds',
];

describe('replay of recorded Kea', () => {
  for (const name of TRANSCRIPTS) {
    it(name, (t) => replay(name, (line) => t.diagnostic(line)));
  }

  it('every row of the tables is needed', () => {
    for (const row of [...DIFFERENCES, ...NOT_THERE, ...OTHER_STEPS]) assert.ok(usedRows.has(row), row.reason);
  });

  it('our formatter writes every recorded text as Kea did', () => {
    let texts = 0;
    for (const name of TRANSCRIPTS) {
      for (const { response_raw: raw } of readTranscript(name).steps) {
        if (!raw?.startsWith('{')) continue;
        assert.equal(formatJson(parseCommandJson(raw, { comments: false })), raw);
        texts++;
      }
    }
    assert.ok(texts > 50);
  });
});

async function replay(name: TranscriptName, tell: (line: string) => void): Promise<void> {
  const { meta, steps } = readTranscript(name);
  const server = await startReplayServer(meta.config ?? CONFIG);
  const counts = { same: 0, different: 0, 'not there': 0, 'not a command': 0, 'left out': 0 };
  try {
    for (const step of steps) counts[await replayStep(name, step, server)]++;
  } finally {
    await server.close();
  }
  tell(`${name}: ${JSON.stringify(counts)}`);
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    steps.length,
  );
}

type Outcome = 'same' | 'different' | 'not there' | 'not a command' | 'left out';

async function replayStep(name: TranscriptName, step: Step, server: ReplayServer): Promise<Outcome> {
  if (step.transport !== 'unix') return otherStep(step, server);
  prepareFile(step, server);
  if (step.name === 'lease4-get-all after decline and release') await declineAndRelease(server);
  const answer = await exchange(step, server);
  if (step.response === undefined) {
    assert.equal(answer, step.response_raw, step.name);
    return 'same';
  }
  assert.equal(formatJson(parseCommandJson(answer, { comments: false })), answer, 'the text is in canonical form');
  const ours = JSON.parse(answer) as JsonMap;
  const kea = step.response as JsonMap;
  const command = step.request?.command ?? '';

  const missing = NOT_THERE.find((row) => row.command.test(command));
  if (missing !== undefined) {
    usedRows.add(missing);
    assert.deepEqual(ours, { result: 2, text: `'${command}' command not supported.` });
    return 'not there';
  }
  const row = DIFFERENCES.find(
    (each) => each.transcript === name && each.step.test(step.name) && each.kea === kea.result,
  );
  if (row === undefined) {
    assert.deepEqual(withoutVolatile(ours), withoutVolatile(kea), step.name);
    return 'same';
  }
  usedRows.add(row);
  assert.notDeepEqual(withoutVolatile(ours), withoutVolatile(kea), `${step.name} is as in Kea now: the row is stale`);
  assert.equal(ours.result, row.lessor, `${step.name}: ${answer}`);
  if (row.text === undefined) assert.equal(ours.text, kea.text);
  else assert.match(String(ours.text), row.text, step.name);
  for (const command of row.undo ?? []) await server.ask(JSON.stringify(command));
  if (row.members !== undefined) {
    assert.deepEqual(without(ours.arguments, row.members), without(kea.arguments, row.members), step.name);
  }
  return 'different';
}

/** Sends a step's octets the way they were recorded. */
async function exchange(step: Step, server: ReplayServer): Promise<string> {
  const command = '{"command":"version-get"}';
  const request = step.request_raw ?? JSON.stringify(step.request);
  if (step.name === 'three writes') return server.ask(['{"command":', '"version-', 'get"}']);
  if (step.name === 'command of 300 kB') {
    return server.ask(`{"command": "no-such", "arguments": {"x": "${'y'.repeat(300_000)}"}}`);
  }
  if (step.name === 'command while 50 silent connections are open') {
    const silent = await Promise.all(Array.from({ length: 50 }, () => silentConnection(server.socketPath)));
    const answer = await server.ask(command);
    for (const socket of silent) socket.destroy();
    return answer;
  }
  if (step.elapsed_s !== undefined) {
    const answer = server.ask(request);
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.clock.advance(step.elapsed_s * 1000);
    return answer;
  }
  return server.ask(request, step.name.includes('half close'));
}

function silentConnection(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Puts the configuration file down that the recording had at this step. */
function prepareFile(step: Step, server: ReplayServer): void {
  const good = formatJson({ Dhcp4: CONFIG.Dhcp4 as JsonValue });
  switch (step.name) {
    case 'config-reload unknown keyword in file':
      server.files.set(
        CONFIG_FILE,
        server.files.get(CONFIG_FILE)!.replace(/"subnet4"(?=[\s\S]*"subnet4")/, '"subnet4x"'),
      );
      break;
    case 'config-reload truncated file':
      server.files.set(CONFIG_FILE, '{ "Dhcp4": { ');
      break;
    case 'config-reload missing file':
      server.files.delete(CONFIG_FILE);
      break;
    case 'config-reload repaired':
    case 'restored':
      server.files.set(CONFIG_FILE, good);
      break;
    default:
      if (step.file !== undefined) server.files.set(CONFIG_FILE, step.file);
  }
}

/** Steps that are no commands: what the recording looked at, or did itself. */
async function otherStep(step: Step, server: ReplayServer): Promise<Outcome> {
  const row = OTHER_STEPS.find((each) => each.step.test(step.name));
  if (row !== undefined) {
    usedRows.add(row);
    return 'left out';
  }
  switch (step.name) {
    case 'file written by config-write':
      assert.equal(server.files.get(CONFIG_FILE), step.content!.trimEnd());
      break;
    case 'files': {
      const octal = (path: string) => `0o${statSync(path).mode.toString(8)}`;
      assert.equal(octal(server.socketPath), step.socket_mode);
      assert.equal(octal(`${server.socketPath}.lock`), step.lock_mode);
      assert.equal(statSync(`${server.socketPath}.lock`).size, step.lock_size);
      assert.deepEqual(readdirSync(dirname(server.socketPath)).sort(), step.run_dir);
      break;
    }
    case 'four clients through a relay':
      for (const [i, client] of step.got!.entries()) {
        const hwAddress = parseHexOctets(`02:0:0:0:0:${i + 1}`, false);
        const address = parseIpv4(client.address)!;
        await server.putLease({ address, hwAddress, clientId: `\x01${hwAddress}`, hostname: `host${i + 1}` });
      }
      break;
    default:
      assert.fail(`a step nothing is known of: ${step.name}`);
  }
  return 'not a command';
}

/** What the first two clients of the recording did before the next command. */
async function declineAndRelease(server: ReplayServer): Promise<void> {
  const noClient = { hwAddress: '', clientId: '', hostname: '' };
  await server.putLease({ address: parseIpv4('192.0.2.10')!, ...noClient, state: 1, validLifetimeSec: 86_400 });
  await server.putLease({ address: parseIpv4('192.0.2.11')!, state: 3, validLifetimeSec: 0 });
}

/** `arguments` without some members; none at all is the same as an empty map. */
function without(args: JsonValue | undefined, members: readonly string[]): JsonValue {
  const entries = Object.entries((withoutVolatile(args ?? {}) ?? {}) as JsonMap);
  return Object.fromEntries(entries.filter(([name]) => !members.includes(name)));
}

const VOLATILE: ReadonlySet<string> = new Set(['pid', 'uptime', 'reload', 'cltt', 'expire', 'hash', 'size', 'mac']);

/** A copy with what differs from run to run replaced by its kind. */
function withoutVolatile(value: JsonValue): JsonValue {
  if (typeof value === 'string') {
    return value
      .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/, '<time>')
      .replace(/^fe80::.*/, '<link-local>')
      .replace(/ ?\(<wire>:\d+:\d+\)| in <wire>:\d+:\d+/g, '');
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutVolatile);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, VOLATILE.has(name) ? `<${name}>` : withoutVolatile(item)]),
  );
}
