/** How long the connections of an HTTP listener may keep it waiting: for a request, for the rest of one, for the next. */

import type { Duplex } from 'node:stream';
import type { Cancel, Clock } from '../services/ports.js';

/** See the head of this file. TLS: a connection is the stream inside. */
export class HttpDeadlines {
  /** Who is first has waited the longest: more time for the same request leaves a connection in its place. */
  private readonly deadlines = new Map<Duplex, Cancel>();
  /** Requests a connection has under way: more than one if the client pipelines. */
  private readonly active = new WeakMap<Duplex, number>();

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Connections that have no request under way. */
  get waiting(): Iterable<Duplex> {
    return this.deadlines.keys();
  }

  /** Gives a connection so much time, from now. */
  set(socket: Duplex, timeoutMs: number, onTimeout: () => void): void {
    this.deadlines.get(socket)?.();
    this.deadlines.set(socket, this.clock.after(timeoutMs, onTimeout));
  }

  cancel(socket: Duplex): void {
    this.deadlines.get(socket)?.();
    this.deadlines.delete(socket);
  }

  /** A request has come: its time is up to the command. */
  begin(socket: Duplex): void {
    this.cancel(socket);
    this.active.set(socket, (this.active.get(socket) ?? 0) + 1);
  }

  /** Its answer has left. @returns true if the connection has no other request under way */
  end(socket: Duplex): boolean {
    const left = (this.active.get(socket) ?? 1) - 1;
    this.active.set(socket, left);
    return left === 0;
  }

  /** Closes the connection that has kept us waiting the longest; false if none waits. */
  evict(): boolean {
    const [longest] = this.deadlines.keys();
    longest?.destroy();
    return longest !== undefined;
  }
}
