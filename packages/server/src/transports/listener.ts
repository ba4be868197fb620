/** What every control listener is and needs, whatever its wire. */

import type { Socket } from 'node:net';
import type { AccessControl } from '../control/access/access-control.js';
import type { StrangerBudget } from '../control/access/stranger-budget.js';
import type { Dispatch, RequestHandler } from '../control/door.js';
import type { UnixUser } from '../domain/access/identify.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import type { EventBus } from '../services/events.js';
import { spareTurn } from '../services/in-slices.js';
import type { BindDevice, Clock, ListenTcp, ListenUnix, Logger } from '../services/ports.js';
import type { Authenticate } from './http-authenticate.js';

/** An open listener. */
export interface ControlListener {
  /** What makes it the same listener in the next configuration: path, or address and port. */
  readonly key: string;
  /** For people: 'http 127.0.0.1:8000'. */
  readonly description: string;
  /**
   * Loads what another configuration of the same key needs (certificates); the function it returns swaps it in.
   * Open connections stay. @throws LessorError, and nothing has changed
   */
  prepare(next: ControlSocketConfig): Promise<() => void>;
  /** Stops listening at once. Connections close when the answers under way have left; resolves then. */
  close(): Promise<void>;
}

/** Bounds. Times as Kea has them (section 3 and 4 of its control channel), the others lessor's. */
export interface ListenerLimits {
  /** Octets of one command or HTTP body. */
  readonly maxCommandOctets: number;
  /**
   * Connections of one listener. One more takes the place of the one that has kept us waiting for a command the
   * longest, so that idlers and slow writers lock nobody out; while all have commands under way it is turned away.
   */
  readonly maxConnections: number;
  /** Silence while a command is awaited or incomplete. */
  readonly requestTimeoutMs: number;
  /** HTTP: silence between requests. Both: how long a reader may take to make room for more of an answer. */
  readonly idleTimeoutMs: number;
  /** How long we wait for the other side to close after the answer. */
  readonly lingerMs: number;
}

/** The bounds in use unless a test gives others. */
export const DEFAULT_LIMITS: ListenerLimits = {
  maxCommandOctets: 64 * 1024 * 1024,
  maxConnections: 8192,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  lingerMs: 1000,
};

/** Connections the system may hold until we take them (Linux: at most net.core.somaxconn). */
export const CONNECTION_BACKLOG = 4096;

/**
 * Takes an exclusive lock on a file, made with mode 0600 if it is not there (flock LOCK_EX | LOCK_NB).
 * @throws Error if another process has it
 */
export type LockFile = (path: string) => { release(): void };

/** What listeners are given. */
export interface ListenerDeps {
  readonly dispatch: Dispatch;
  /** HTTP: what a request is answered with; `dispatch` as a server does it (serverHandler) if absent. */
  readonly handle?: RequestHandler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lock: LockFile;
  readonly limits: ListenerLimits;
  /** HTTP: what GET /events streams; not served if absent. */
  readonly events?: EventBus;
  /** Who may connect, and who somebody is; Kea's rules if absent. */
  readonly access?: AccessControl;
  /** Binds a socket to an interface; needed where a listener names one. */
  readonly bindDevice?: BindDevice;
  /** TCP: takes connections by system calls; node:net if absent. */
  readonly listenTcp?: ListenTcp | undefined;
  /** What may be spent on those who prove nothing; no bound if absent. */
  readonly strangers?: StrangerBudget;
  /** Unix: takes connections by system calls; node:net if absent. */
  readonly listenUnix?: ListenUnix;
  /** The user at the other end of a unix socket, where the system tells. */
  readonly peerOf?: (socket: Socket) => UnixUser | undefined;
  /** HTTP: who the sender of a request is; Kea's rules if absent. */
  readonly authenticate?: Authenticate;
}

/** What takes so long to be copied to a socket that packets get a turn afterwards. */
export const LONG_OCTETS = 4096;

/** Something octets are written to: a socket, an HTTP response. */
interface Sink {
  write(octets: Buffer): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
  readonly destroyed: boolean;
}

/**
 * Writes buffers one after the other, waiting for room in between.
 * Resolves to false if the other side went away or made no room in time.
 */
export async function writeAll(
  sink: Sink | Socket,
  buffers: readonly Buffer[],
  clock: Pick<Clock, 'after' | 'soon' | 'spare'>,
  stallMs: number,
): Promise<boolean> {
  for (const buffer of buffers) {
    if (sink.destroyed) return false;
    const hasRoom = sink.write(buffer);
    if (!hasRoom && !(await drained(sink, clock, stallMs))) return false;
    if (buffer.length > LONG_OCTETS) await spareTurn(clock);
  }
  return !sink.destroyed;
}

function drained(sink: Sink, clock: Pick<Clock, 'after'>, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (made: boolean) => {
      cancel();
      sink.off('drain', onDrain);
      sink.off('close', onClose);
      resolve(made);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const cancel = clock.after(stallMs, onClose);
    sink.once('drain', onDrain);
    sink.once('close', onClose);
  });
}
