/**
 * The connections at the door where the partner is heard, before they are HTTP. There are two rooms: one for the addresses
 * of the servers of the relation and one for whoever else may come, so that strangers take room from strangers only. In
 * both who has waited the longest without having shown who he is makes room for who comes.
 */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Admission } from '../control/access/connection-gate.js';
import { STRANGER_COST, type StrangerBudget } from '../control/access/stranger-budget.js';
import type { Clock, TcpArrival } from '../services/ports.js';
import type { TurnClock } from './fair-turns.js';
import { SilentConnections } from './silent-connections.js';

/** What a {@link PeerDoor} works with. */
export interface PeerDoorParts {
  readonly clock: Pick<Clock, 'after'> & TurnClock;
  /** What may be spent on those who do not show that they are of the relation; no bound if absent. */
  readonly strangers?: StrangerBudget | undefined;
  /** Whether somebody has said enough to be read from. */
  readonly enough: (octets: Buffer) => boolean;
  /** He has. */
  readonly entered: (socket: Socket) => void;
}

/** Connections in one room: a server of the relation needs a handful. */
const PLACES = 64;
/** How long somebody may be silent. */
const SILENCE_MS = 5000;

/** See the head of this file. */
export class PeerDoor {
  readonly #parts: PeerDoorParts;
  readonly #ours: Room;
  readonly #others: Room;

  constructor(parts: PeerDoorParts) {
    this.#parts = parts;
    this.#ours = new Room(parts);
    this.#others = new Room(parts);
  }

  /** Somebody has come. @param isOurs his address is that of a server of the relation */
  arrive(arrival: TcpArrival, admission: Admission, isOurs: boolean): void {
    (isOurs ? this.#ours : this.#others).arrive(arrival, admission);
  }

  /** He is of the relation: what he cost comes back, and nobody takes his place. Of a TLS connection the stream inside. */
  prove(socket: Socket): void {
    const endpoint = endpointOf(socket);
    if (!this.#ours.prove(endpoint) && !this.#others.prove(endpoint)) return;
    const { arrival, connection, handshake } = STRANGER_COST;
    this.#parts.strangers?.refund(arrival + connection + (socket instanceof TLSSocket ? handshake : 0));
  }

  /** Closes all connections; resolves when they are. */
  async close(): Promise<void> {
    await Promise.all([this.#ours.close(), this.#others.close()]);
  }
}

class Room {
  readonly #parts: PeerDoorParts;
  readonly #silent: SilentConnections;
  /** By the other end; in the order in which they spoke up. */
  readonly #unproved = new Map<string, Socket>();
  readonly #proved = new Map<string, Socket>();

  constructor(parts: PeerDoorParts) {
    this.#parts = parts;
    this.#silent = new SilentConnections(parts.clock, SILENCE_MS, {
      enough: parts.enough,
      spoke: (arrival, admission) => this.#enter(arrival, admission),
      expired: (arrival, admission) => turnAway(arrival, admission),
    });
  }

  arrive(arrival: TcpArrival, admission: Admission): void {
    const full = this.#silent.size + this.#unproved.size + this.#proved.size >= PLACES;
    if (full && !this.#makeRoom()) turnAway(arrival, admission);
    else if (!this.#silent.add(arrival, admission)) this.#enter(arrival, admission);
  }

  /** True if that is news of one of these connections. */
  prove(endpoint: string): boolean {
    const socket = this.#unproved.get(endpoint);
    if (socket === undefined) return false;
    this.#unproved.delete(endpoint);
    this.#proved.set(endpoint, socket);
    return true;
  }

  async close(): Promise<void> {
    this.#silent.close();
    const open = [...this.#unproved.values(), ...this.#proved.values()];
    await Promise.all(open.map(closed));
  }

  #enter(arrival: TcpArrival, admission: Admission | undefined): void {
    const socket = arrival.adopt();
    socket.on('error', () => socket.destroy());
    // An ACK to a client waits for what is said here.
    socket.setNoDelay(true);
    this.#parts.strangers?.charge(STRANGER_COST.connection);
    const endpoint = endpointOf(socket);
    this.#unproved.set(endpoint, socket);
    socket.once('close', () => {
      admission?.release();
      this.#unproved.delete(endpoint);
      this.#proved.delete(endpoint);
    });
    this.#parts.entered(socket);
  }

  #makeRoom(): boolean {
    if (this.#silent.evict()) return true;
    const [longest] = this.#unproved;
    if (longest === undefined) return false;
    const [endpoint, socket] = longest;
    this.#unproved.delete(endpoint);
    socket.destroy();
    return true;
  }
}

/** Closes a connection; resolves when it is. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()).destroy());
}

function turnAway(arrival: TcpArrival, admission: Admission | undefined): void {
  admission?.release();
  arrival.refuse();
}

/** The other end of a connection; of its TLS stream the same. */
function endpointOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
