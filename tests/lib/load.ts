/** Many clients at once, and a record of every promise the server made to them on the wire. */

import assert from 'node:assert/strict';
import { type Path, type Reply, TestClient } from './dhcp-client.js';
import type { Lab } from './lab.js';
import { readLeaseFile, type Server } from './server.js';
import { OPT, option, optionData, TYPE } from './wire.js';

/** A DHCPACK: this client may use that address until then. */
interface Promised {
  readonly mac: string;
  /** Seconds since the epoch when it was seen, and for how long it promises. */
  readonly atSec: number;
  readonly lifetimeSec: number;
}

/** Every DHCPACK seen on a link since it was made. */
export class AckRecord {
  /** The last promise for each address. */
  readonly promises = new Map<string, Promised>();
  /** Addresses promised to two clients. */
  readonly conflicts: string[] = [];
  #count = 0;
  readonly #stop: () => void;

  constructor(lab: Lab) {
    this.#stop = lab.link.listen(({ message, atMs }) => {
      if (message.op !== 2 || optionData(message.options, OPT.messageType)?.[0] !== TYPE.ack) return;
      const lifetimeSec = optionData(message.options, OPT.leaseTime)?.readUInt32BE(0);
      if (lifetimeSec === undefined) return;
      this.#count += 1;
      const held = this.promises.get(message.yiaddr);
      if (held && held.mac !== message.chaddr) {
        this.conflicts.push(`${message.yiaddr} to ${held.mac} and ${message.chaddr}`);
      }
      this.promises.set(message.yiaddr, {
        mac: message.chaddr,
        atSec: (performance.timeOrigin + atMs) / 1000,
        lifetimeSec,
      });
    });
  }

  /** Number of ACKs seen. */
  get count(): number {
    return this.#count;
  }

  stop(): void {
    this.#stop();
  }

  /**
   * Compares what was promised with what a server answers to lease4-get-all and with its lease file.
   * @throws AssertionError that names every promise that is not kept.
   */
  async assertKept(server: Server): Promise<void> {
    const leases = new Map((await server.leases()).map((lease) => [lease['ip-address'] as string, lease]));
    const rows = readLeaseFile(server.leaseFile);
    const broken: string[] = [];
    for (const [address, { mac, atSec, lifetimeSec }] of this.promises) {
      const lease = leases.get(address);
      const row = rows.get(address);
      const end = (lease?.cltt as number) + (lease?.['valid-lft'] as number);
      if (lease === undefined) broken.push(`${address} of ${mac}: no lease`);
      else if (lease['hw-address'] !== mac || lease.state !== 0)
        broken.push(`${address} of ${mac}: ${JSON.stringify(lease)}`);
      // Two seconds: the server's second began before the ACK, which was on its way for a moment.
      else if (end < Math.floor(atSec) + lifetimeSec - 2) broken.push(`${address} of ${mac}: ends ${end}, too early`);
      if (row?.hwaddr !== mac) broken.push(`${address} of ${mac}: lease file has ${JSON.stringify(row)}`);
    }
    assert.deepEqual(broken, [], `of ${this.promises.size} promises ${broken.length} are broken`);
    assert.deepEqual(this.conflicts, [], 'addresses promised twice');
  }
}

/** What `churn` does. */
export interface Churn {
  /** Clients at the same time. */
  readonly clients: number;
  /** Each client stops when this is true. */
  readonly until: () => boolean;
  /** How long a client waits for an answer. */
  readonly timeoutMs?: number;
}

/**
 * Keeps clients busy: each gets a lease, renews it, begins again as another client. Unanswered messages are simply
 * not repeated. Resolves when all have stopped; counts of exchanges with and without answer.
 */
export async function churn(
  path: Path,
  { clients, until, timeoutMs = 400 }: Churn,
): Promise<{ answered: number; lost: number }> {
  const counts = { answered: 0, lost: 0 };
  const count = (reply: Reply | undefined): Reply | undefined => {
    if (reply) counts.answered += 1;
    else if (!until()) counts.lost += 1;
    return reply;
  };
  const worker = async (): Promise<void> => {
    while (!until()) {
      const client = new TestClient(path);
      const offer = count(await client.ask(TYPE.discover, {}, timeoutMs));
      if (!offer || until()) continue;
      const ack = count(await client.ask(TYPE.request, client.selecting(offer), timeoutMs));
      if (ack?.type !== TYPE.ack || until()) continue;
      // In INIT-REBOOT state: a promise renewed, without an ARP entry for each of thousands of addresses.
      count(
        await client.ask(TYPE.request, { options: [option.addresses(OPT.requestedAddress, ack.yiaddr)] }, timeoutMs),
      );
    }
  };
  await Promise.all(Array.from({ length: clients }, worker));
  return counts;
}
