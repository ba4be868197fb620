/** Playing a recorded control session to a server: what its steps send, and what the recording did between them. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { formatJson, type JsonMap, type JsonValue } from '@lessor/kea';
import { parseHexOctets } from 'lessor/internal/control/hex.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { repoPath } from '../lib/repo.js';
import { settle } from '../lib/until.js';
import { CONFIG_FILE, type ReplayServer } from './control-bench.js';
import { type ControlDifference, OTHER_STEPS } from './control-differences.js';

/** One step of a session. */
export interface Step {
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

/** Name of a session, without the version of Kea. */
export type TranscriptName = ControlDifference['transcript'];

/** A session as it was recorded of a version of Kea (`2.2`, `3.3`). */
export function readTranscript(
  version: string,
  name: TranscriptName,
): { readonly meta: { readonly config?: JsonMap }; readonly steps: readonly Step[] } {
  return JSON.parse(readFileSync(repoPath('tests', 'golden', 'transcripts', `kea${version}-${name}.json`), 'utf8'));
}

/** Sends a step's octets the way they were recorded. */
export async function exchange(step: Step, server: ReplayServer): Promise<string> {
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
    await settle(50);
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

/**
 * Puts the configuration file down that the recording had at this step.
 * @param config of the recording of the core commands
 */
export function prepareFile(step: Step, server: ReplayServer, config: JsonMap): void {
  const good = formatJson({ Dhcp4: config.Dhcp4 as JsonValue });
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

/**
 * Steps that are no commands: what the recording looked at, or did itself.
 * @returns the row of OTHER_STEPS that says why the step is left out; undefined: it was done
 */
export async function otherStep(step: Step, server: ReplayServer): Promise<(typeof OTHER_STEPS)[number] | undefined> {
  const row = OTHER_STEPS.find((each) => each.step.test(step.name));
  if (row !== undefined) return row;
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
  return undefined;
}

/** What the first two clients of the recording did before the next command. */
export async function declineAndRelease(server: ReplayServer): Promise<void> {
  const noClient = { hwAddress: '', clientId: '', hostname: '' };
  await server.putLease({ address: parseIpv4('192.0.2.10')!, ...noClient, state: 1, validLifetimeSec: 86_400 });
  await server.putLease({ address: parseIpv4('192.0.2.11')!, state: 3, validLifetimeSec: 0 });
}

/** `arguments` without some members; none at all is the same as an empty map. */
export function without(args: JsonValue | undefined, members: readonly string[]): JsonValue {
  const entries = Object.entries((withoutVolatile(args ?? {}) ?? {}) as JsonMap);
  return Object.fromEntries(entries.filter(([name]) => !members.includes(name)));
}

const VOLATILE: ReadonlySet<string> = new Set(['pid', 'uptime', 'reload', 'cltt', 'expire', 'hash', 'size', 'mac']);

/** A copy with what differs from run to run replaced by its kind. */
export function withoutVolatile(value: JsonValue): JsonValue {
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
