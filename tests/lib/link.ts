/** A test's end of an Ethernet link: sends any frame, sees every DHCP frame, answers ARP for made-up hosts. */

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Netns } from './netns.js';
import { getPeer } from './peers.js';
import { repoPath } from './repo.js';
import {
  addressOctets,
  decodeFrame,
  decodeMessage,
  dotted,
  macOctets,
  type WireFrame,
  type WireMessage,
} from './wire.js';

/** A DHCP message that arrived, with the frame it came in. */
export interface Arrival {
  readonly frame: WireFrame;
  readonly message: WireMessage;
  /** True if this host sent it (only on a link opened to watch). */
  readonly outgoing: boolean;
  /** When it was seen on the link, however late the test hears of it: milliseconds of performance.now(). */
  readonly atMs: number;
}

type Listener = (arrival: Arrival) => void;

/** One interface, driven by tests/lib/dhcp_agent.py inside its namespace. */
export class Link {
  readonly #agent: ChildProcess;
  readonly #listeners = new Set<Listener>();
  readonly #probes: { sender: string; wanted: string }[] = [];
  /** Datagrams to a DHCP port that are no DHCP message, with the reason: a server must not send such. */
  readonly garbage: string[] = [];

  private constructor(agent: ChildProcess) {
    this.#agent = agent;
  }

  /** Starts the agent on an interface and waits until it listens. With `watch`, what this host sends is seen, too. */
  static async open(namespace: Netns, interfaceName: string, watch = false): Promise<Link> {
    const script = repoPath('tests', 'lib', 'dhcp_agent.py');
    const mode = watch ? ['watch'] : [];
    const agent = namespace.spawn([getPeer('python3'), '-u', script, interfaceName, ...mode], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const link = new Link(agent);
    const lines = createInterface({ input: agent.stdout! });
    await new Promise<void>((resolve, reject) => {
      agent.once('exit', () => reject(new Error(`DHCP agent on ${interfaceName} ended`)));
      lines.on('line', (line) => (line === 'r' ? resolve() : link.#onLine(line)));
    });
    return link;
  }

  #onLine(line: string): void {
    const [kind, ...words] = line.split(' ') as [string, ...string[]];
    if (kind === 'q') {
      const [sender, wanted] = words.map((hex) => dotted(Buffer.from(hex, 'hex')));
      this.#probes.push({ sender: sender as string, wanted: wanted as string });
      return;
    }
    const [seenNs, octets] = words as [string, string];
    const frame = decodeFrame(Buffer.from(octets, 'hex'));
    let message: WireMessage;
    try {
      message = decodeMessage(frame.payload);
    } catch (error) {
      this.garbage.push(`${frame.source}: ${(error as Error).message}`);
      return;
    }
    const agoMs = Number(process.hrtime.bigint() - BigInt(seenNs)) / 1e6;
    const arrival = { frame, message, outgoing: kind === 'o', atMs: performance.now() - agoMs };
    for (const listener of this.#listeners) listener(arrival);
  }

  /** Sends a frame. */
  send(frame: Buffer): void {
    this.#agent.stdin!.write(`s ${frame.toString('hex')}\n`);
  }

  /** Answers ARP requests for `address` with `mac`, as a host that has it would. */
  haveAddress(address: string, mac: string): void {
    this.#agent.stdin!.write(`a ${addressOctets(address).toString('hex')} ${macOctets(mac).toString('hex')}\n`);
  }

  /** No longer answers for `address`. */
  loseAddress(address: string): void {
    this.#agent.stdin!.write(`d ${addressOctets(address).toString('hex')}\n`);
  }

  /** From now on the host with this hardware address finds every address in use that it probes for (RFC 5227 §2.1.1). */
  contest(mac: string): void {
    this.#agent.stdin!.write(`c ${macOctets(mac).toString('hex')}\n`);
  }

  /** Ends `contest`. */
  concede(mac: string): void {
    this.#agent.stdin!.write(`e ${macOctets(mac).toString('hex')}\n`);
  }

  /** Calls `listener` with every DHCP message that arrives, until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** ARP requests seen so far. */
  get probes(): readonly { sender: string; wanted: string }[] {
    return this.#probes;
  }

  /** Ends the agent. */
  close(): void {
    this.#agent.removeAllListeners('exit');
    this.#agent.kill('SIGKILL');
  }
}
