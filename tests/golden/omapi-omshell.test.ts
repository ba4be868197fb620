/**
 * lessor-omshell in the place of the omshell that was recorded: the recorded server's octets are played to it. Whatever it
 * sends, prints and complains of must be what omshell sent, printed and complained of, to the octet.
 */

import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { runOmshellLines } from 'lessor/internal/cli/omshell/program.js';
import { Omshell, readLines } from 'lessor/internal/cli/omshell/shell.js';
import { loadTranscripts, type Step, type Transcript } from './omapi-transcripts.js';

/** omshell's generator of transaction ids has no seed: it always begins here. */
const OMSHELL_FIRST_TID = 1804289383;

/** Plays the server's side of a conversation. Resolves with what the client sent instead of what was recorded, if so. */
class RecordedServer {
  /** The first difference. */
  difference: string | undefined;
  private readonly server: Server;
  private readonly connections = new Map<number, Step[]>();

  constructor({ steps }: Transcript) {
    for (const step of steps) {
      const connection = step.connection ?? 1;
      this.connections.set(connection, [...(this.connections.get(connection) ?? []), step]);
    }
    const scripts = [...this.connections.values()];
    this.server = createServer((socket) => this.play(socket, scripts.shift() ?? []));
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => resolve((this.server.address() as { port: number }).port));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private play(socket: Socket, script: Step[]): void {
    let received = Buffer.alloc(0);
    const advance = (): void => {
      for (let step = script[0]; step !== undefined; step = script[0]) {
        const octets = Buffer.from(step.hex ?? '', 'hex');
        if (step.event !== undefined && step.dir === 'c2s') return;
        if (step.event !== undefined) socket.end();
        else if (step.dir === 's2c') socket.write(octets);
        else if (received.length < octets.length) return;
        else {
          const got = received.subarray(0, octets.length);
          if (!got.equals(octets)) this.difference ??= `sent ${got.toString('hex')}\nnot  ${step.hex} (${step.note})`;
          received = received.subarray(octets.length);
        }
        script.shift();
      }
    };
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      advance();
    });
    socket.on('close', () => {
      if (received.length > 0) this.difference ??= `sent ${received.toString('hex')} more`;
    });
    advance();
  }
}

class Collector extends Writable {
  private text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }

  get collected(): string {
    return this.text;
  }
}

async function* octets(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}

async function replay(transcript: Transcript): Promise<void> {
  const server = new RecordedServer(transcript);
  const port = await server.listen();
  // The port is the only thing that can not be as it was.
  const input = transcript.clientInput!.replace(/port 791[12](;?)$/gm, `port ${port}$1`);
  const shell = new Omshell({ firstTid: OMSHELL_FIRST_TID });
  const [stdout, stderr] = [new Collector(), new Collector()];
  await runOmshellLines(shell, readLines(octets(input)), { stdout, stderr, env: {} });
  await server.close();
  assert.equal(server.difference, undefined);
  assert.equal(stdout.collected, transcript.clientOutput!.stdout);
  assert.equal(stderr.collected, transcript.clientOutput!.stderr);
}

const conversations = loadTranscripts().filter(({ client }) => client.startsWith('omshell'));

describe('omshell, as recorded', () => {
  for (const transcript of conversations) it(transcript.name, () => replay(transcript));
  it('all of them are here', () => assert.ok(conversations.length >= 37, `${conversations.length}`));
});
