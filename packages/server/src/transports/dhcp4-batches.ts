/** Datagrams of many sockets gathered into batches, one at a time: what arrives during a batch is the next one. */

import type { Ipv4 } from '../domain/values.js';
import type { Clock, Datagram, DhcpInterface, InterfaceSocket, Logger, NetworkStack } from '../services/ports.js';
import { LIMITED_BROADCAST } from './dhcp4-delivery.js';
import type { SocketPlan } from './dhcp4-selection.js';

/** A socket that is open, with the plan it was opened by (or a later one with the same key). */
export interface OpenSocket {
  plan: SocketPlan;
  readonly socket: InterfaceSocket;
}

/** Takes a batch; the next one is read when it has returned or its promise has resolved. */
export type BatchHandler = (batch: readonly Datagram[]) => Promise<void> | void;

/** What a {@link BatchLoop} needs. */
export interface BatchLoopDependencies {
  readonly network: Pick<NetworkStack, 'recycle'>;
  readonly clock: Pick<Clock, 'soon'>;
  readonly logger: Logger;
  /** Most datagrams of one batch. */
  readonly maxBatch: number;
}

/** Reads the sockets that are readable and hands what they hold to one handler. */
export class BatchLoop {
  readonly #network: Pick<NetworkStack, 'recycle'>;
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #logger: Logger;
  readonly #maxBatch: number;
  #handler: BatchHandler | undefined;
  /** Sockets with datagrams waiting. */
  readonly #ready = new Set<OpenSocket>();
  #scheduled = false;
  /** A batch is being handled. */
  #busy = false;

  constructor({ network, clock, logger, maxBatch }: BatchLoopDependencies) {
    this.#network = network;
    this.#clock = clock;
    this.#logger = logger;
    this.#maxBatch = maxBatch;
  }

  /** Sets who gets the batches. What arrived before is handed over now. */
  onBatch(handler: BatchHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  /** To be called when datagrams wait in a socket. */
  readable(open: OpenSocket): void {
    // Nobody to hand it to now: let the kernel gather, and do not let the event loop spin meanwhile.
    if (this.#busy || this.#handler === undefined) open.socket.pause();
    this.#ready.add(open);
    if (!this.#busy) this.#schedule();
  }

  /** Handles now what waits to be handled soon. */
  handleNow(): void {
    if (this.#scheduled && !this.#busy) this.#handleBatch();
  }

  /** The socket is closed: it is not read any more. */
  forget(open: OpenSocket): void {
    this.#ready.delete(open);
  }

  /** All sockets readable in this turn of the loop go into one batch. */
  #schedule(): void {
    if (this.#scheduled || this.#handler === undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      if (!this.#busy) this.#handleBatch();
    });
  }

  #handleBatch(): void {
    const batch = this.#takeBatch();
    if (batch.length === 0 || this.#handler === undefined) return;
    try {
      const handled = this.#handler(batch);
      if (handled === undefined) return;
      this.#busy = true;
      handled
        .catch((error: unknown) => this.#reportFailure(error))
        .finally(() => {
          this.#busy = false;
          if (this.#ready.size > 0) this.#schedule();
        });
    } catch (error) {
      this.#reportFailure(error);
    }
  }

  /** Reads from every ready socket, each up to its share, so that a busy interface does not starve the others. */
  #takeBatch(): Datagram[] {
    this.#network.recycle();
    const batch: Datagram[] = [];
    const ready = [...this.#ready];
    this.#ready.clear();
    let socketsLeft = ready.length;
    for (const open of ready) {
      const share = Math.ceil((this.#maxBatch - batch.length) / socketsLeft--);
      if (share > 0) takeFrom(open, share, batch);
      open.socket.resume(); // what is left makes it readable again in the next turn
    }
    return batch;
  }

  #reportFailure(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger.log('ERROR', 'DHCP4_BATCH_FAILED', `a batch of packets was dropped by a defect: ${text}`);
  }
}

/** Reads one socket into the batch. */
function takeFrom({ plan, socket }: OpenSocket, limit: number, batch: Datagram[]): void {
  const { endpoints, exclusive } = plan;
  const first = endpoints[0]!;
  socket.receive(limit, (octets, source, sourcePort, destination) => {
    let netif: DhcpInterface | undefined = first;
    if (destination !== first.address && destination !== LIMITED_BROADCAST && destination !== 0) {
      netif = endpoints.find(({ address }) => address === destination);
      if (netif === undefined && exclusive && !isDirectedBroadcast(first, destination)) return;
    }
    batch.push({ octets, interface: netif ?? first, source, sourcePort, destination });
  });
}

function isDirectedBroadcast(netif: DhcpInterface, destination: Ipv4): boolean {
  return netif.addresses.some(({ address, prefixLength }) => {
    const host = prefixLength === 0 ? 0xffff_ffff : (0xffff_ffff >>> prefixLength) >>> 0;
    return prefixLength < 31 && (address | host) >>> 0 === destination;
  });
}
