/** Answers of DHCP servers that are seen on management devices: one of ours there means that the networks are joined. */

import { isIPv4 } from 'node:net';
import type { LinkFact, StrayReply } from '../domain/isolation/facts.js';
import { parseIpv4 } from '../domain/values.js';
import type { Cancel, Clock, MachineNetwork } from './ports.js';

/** How long one that was seen counts: longer than it takes until the next leak probe. */
const REMEMBER_MS = 900_000;

/** See the head of this file. */
export class StrayReplies {
  readonly #watches = new Map<number, Cancel>();
  #clients: readonly LinkFact[] = [];
  /** The last one of each device. */
  readonly #last = new Map<string, StrayReply>();
  #failure: string | undefined;

  /** @param found called when the first of a device is seen */
  constructor(
    private readonly parts: { readonly network: MachineNetwork; readonly clock: Pick<Clock, 'now'> },
    private readonly found: () => void,
  ) {}

  /** Listens on these devices, and no others, for servers in the networks of those. */
  follow(management: readonly LinkFact[], clients: readonly LinkFact[]): void {
    this.#clients = clients;
    const wanted = new Set(management.map(({ index }) => index));
    for (const [index, cancel] of this.#watches) {
      if (wanted.has(index)) continue;
      cancel();
      this.#watches.delete(index);
    }
    this.#failure = undefined;
    for (const link of management) {
      if (this.#watches.has(link.index) || !link.ethernet) continue;
      try {
        this.#watches.set(
          link.index,
          this.parts.network.watchReplies(link, (source) => this.#note(link.name, source)),
        );
      } catch (error) {
        this.#failure = `nobody listens on ${link.name}: ${(error as Error).message}`;
      }
    }
  }

  /** What was seen of late, or why nothing can be. */
  seen(): readonly StrayReply[] | string {
    const oldest = this.parts.clock.now() - REMEMBER_MS;
    for (const [device, { at }] of this.#last) if (at < oldest) this.#last.delete(device);
    const list = [...this.#last.values()];
    return list.length === 0 && this.#failure !== undefined ? this.#failure : list;
  }

  close(): void {
    for (const cancel of this.#watches.values()) cancel();
    this.#watches.clear();
  }

  /** A server of another network may well answer here; one of a clients' network may not. */
  #note(device: string, source: string): void {
    if (!this.#clients.some(({ addresses }) => addresses.some((own) => isBeside(source, own)))) return;
    const first = !this.#last.has(device);
    this.#last.set(device, { device, source, at: this.parts.clock.now() });
    if (first) this.found();
  }
}

/** True if an IPv4 address is in the network of another. */
function isBeside(address: string, own: { readonly address: string; readonly prefixLength: number }): boolean {
  if (!isIPv4(own.address)) return false;
  const [a, b] = [parseIpv4(address), parseIpv4(own.address)];
  if (a === undefined || b === undefined) return false;
  const size = 2 ** (32 - own.prefixLength);
  return Math.floor(a / size) === Math.floor(b / size);
}
