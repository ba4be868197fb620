/** Stands where kea-dhcp-ddns would: takes name change requests as datagrams and keeps what is in them. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import type { Netns } from '../lib/netns.js';

/** The members of one request. */
export type Ncr = Readonly<Record<string, unknown>>;

/** One line of hex for each datagram. */
const PROGRAM = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (octets) => console.log(octets.toString('hex')));
  socket.bind(Number(process.argv[1]), '127.0.0.1', () => console.log('ready'));
`;

/** See the head of this file. It runs in the namespace of the server. */
export class NcrCollector {
  readonly #child: ChildProcess;
  readonly #taken: Ncr[] = [];
  ready = false;
  #rest = '';

  constructor(namespace: Pick<Netns, 'spawn'>, port = 53001) {
    this.#child = namespace.spawn([process.execPath, '-e', PROGRAM, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    });
  }

  /** What has come since the last call. */
  drain(): Ncr[] {
    return this.#taken.splice(0);
  }

  /** What has come since {@link drain}, without taking it. */
  get waiting(): readonly Ncr[] {
    return this.#taken;
  }

  /** Ends it. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    if (line === 'ready') {
      this.ready = true;
      return;
    }
    const octets = Buffer.from(line, 'hex');
    assert.equal(octets.readUInt16BE(0), octets.length - 2, 'the length in front');
    this.#taken.push(JSON.parse(octets.subarray(2).toString('utf8')) as Ncr);
  }
}
