/**
 * Kea's unix control socket: one command per connection, found by its brackets; the answer, then the connection closes.
 * Timeouts, lock file and mode as Kea 3.x has them; unlike Kea the command, the answer's time and the number of
 * connections are bounded.
 *
 * Where the system lets us, a connection that brings its command at once and takes its answer at once never becomes a
 * stream (UnixArrival): that is nearly every one, and saves more than half of what it costs.
 */

import type { Socket } from 'node:net';
import { CommandFramer, JsonSyntaxError, parseCommandJson } from '@lessor/kea';
import type { Principal } from '../control/command.js';
import type { DispatchOutcome } from '../control/dispatcher.js';
import { releaseAnswer, renderAnswer, runCommand } from '../control/door.js';
import type { UnixUser } from '../domain/access/identify.js';
import { FULL_RIGHTS } from '../domain/access/rights.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { spareTurn } from '../services/in-slices.js';
import type { Cancel, UnixArrival } from '../services/ports.js';
import { InputMeter } from './input-meter.js';
import { type ControlListener, type ListenerDeps, LONG_OCTETS, writeAll } from './listener.js';
import { openFront, type UnixFront } from './unix-front.js';

/** Turns of the loop in which a connection may bring its command before it becomes a stream. */
const LOOKS = 2;

/** Who can connect is a matter of the file's mode and directory; whoever can, may do everything (Kea). */
const LOCAL: Principal = { name: 'local', method: 'unix-socket', rights: FULL_RIGHTS };

/** One listening unix socket. */
export class UnixListener implements ControlListener {
  readonly key: string;
  readonly description: string;
  private front: UnixFront | undefined;
  /** How to turn away each connection without a running command; the one that has waited the longest comes first. */
  private readonly waiting = new Map<Socket, (text: string) => void>();
  private readonly connections = new Set<Socket | UnixArrival>();
  private closing = false;
  private whenEmpty: () => void = () => undefined;

  private constructor(
    private config: ControlSocketConfig,
    path: string,
    private readonly deps: ListenerDeps,
  ) {
    this.key = unixKey(path);
    this.description = `unix socket ${path}`;
  }

  /** @throws LessorError `socket-open` */
  static async open(config: ControlSocketConfig, deps: ListenerDeps): Promise<UnixListener> {
    const path = config.path ?? '';
    const listener = new UnixListener(config, path, deps);
    listener.front = await openFront(path, deps, {
      accept: (socket) => listener.accept(socket, deps.access && deps.peerOf?.(socket), undefined),
      arrive: (arrival) => listener.arrive(arrival),
    });
    return listener;
  }

  /** The path is the same, else it would be another listener. */
  async prepare(next: ControlSocketConfig): Promise<() => void> {
    return () => {
      this.config = next;
    };
  }

  /** Stops listening and removes both files at once; connections whose command runs get their answer first. */
  close(): Promise<void> {
    this.closing = true;
    this.front?.close();
    for (const socket of this.waiting.keys()) socket.destroy();
    return new Promise((resolve) => {
      this.whenEmpty = resolve;
      if (this.connections.size === 0) resolve();
    });
  }

  private arrive(arrival: UnixArrival): void {
    this.connections.add(arrival);
    this.look(arrival, this.deps.access && arrival.user(), LOOKS);
  }

  /** Answers a connection that has brought its command; gives it another turn or two, then makes a stream of it. */
  private look(arrival: UnixArrival, user: UnixUser | undefined, looksLeft: number): void {
    if (this.closing) {
      arrival.close();
      this.forget(arrival);
      return;
    }
    const crowded = this.connections.size > this.deps.limits.maxConnections;
    const octets = crowded ? undefined : arrival.read();
    if (octets === undefined && !crowded && looksLeft > 0) {
      this.deps.clock.soon(() => this.look(arrival, user, looksLeft - 1));
      return;
    }
    const framer = new CommandFramer(this.deps.limits.maxCommandOctets);
    if (octets !== undefined && framer.push(octets).state === 'complete') {
      this.answerAtOnce(arrival, framer, this.principalOf(user));
      return;
    }
    // The octets are copied: they are where the next connection's will be.
    this.become(arrival, (socket) => this.accept(socket, user, octets && Buffer.from(octets)));
  }

  private answerAtOnce(arrival: UnixArrival, framer: CommandFramer, principal: Principal): void {
    // Charged as on a stream, of which this would be the only read: it can not be slowed down, only closed.
    const waitMs = this.deps.access?.spend(this.config.policy, principal.name, framer.octets);
    if (waitMs === Number.POSITIVE_INFINITY) {
      arrival.close();
      this.forget(arrival);
      return;
    }
    void this.run(framer.text(), principal).then((outcome) => this.answerArrival(arrival, outcome));
  }

  private async answerArrival(arrival: UnixArrival, outcome: DispatchOutcome): Promise<void> {
    const { clock } = this.deps;
    const buffers = await renderAnswer(outcome, clock);
    for (;;) {
      const octets = buffers[0]!;
      const isLast = buffers.length === 1;
      const sent = isLast ? arrival.finish(octets) : arrival.send(octets);
      if (sent < octets.length) {
        buffers[0] = octets.subarray(sent);
        break;
      }
      if (isLast) {
        releaseAnswer(outcome);
        this.forget(arrival);
        return;
      }
      buffers.shift();
      if (octets.length > LONG_OCTETS) await spareTurn(clock);
    }
    this.become(arrival, (socket) => {
      this.adopt(socket);
      void this.send(socket, buffers, () => releaseAnswer(outcome));
    });
  }

  /** A connection goes on as a stream. */
  private become(arrival: UnixArrival, goOn: (socket: Socket) => void): void {
    const socket = arrival.adopt();
    goOn(socket);
    this.forget(arrival);
  }

  private forget(connection: Socket | UnixArrival): void {
    this.connections.delete(connection);
    if (this.closing && this.connections.size === 0) this.whenEmpty();
  }

  private adopt(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    this.connections.add(socket);
    socket.once('close', () => this.forget(socket));
  }

  /** @param first what has been read of it already */
  private accept(socket: Socket, user: UnixUser | undefined, first: Buffer | undefined): void {
    this.adopt(socket);
    // Who connected is asked at once, while the connection is sure to be there.
    this.receive(socket, this.principalOf(user), first);
    if (this.connections.size <= this.deps.limits.maxConnections) return;
    // There is one: at least the new connection waits.
    const [evicted, turnAway] = this.waiting.entries().next().value!;
    this.connections.delete(evicted);
    turnAway('too many connections to this control socket');
  }

  /** Collects the command; the timer starts anew with every read. */
  private receive(socket: Socket, principal: Principal, first: Buffer | undefined): void {
    const meter = this.meterOf(principal);
    const framer = new CommandFramer(this.deps.limits.maxCommandOctets);
    let cancel: Cancel = () => undefined;
    const stop = () => {
      cancel();
      meter?.stop();
      this.waiting.delete(socket);
      socket.off('data', onData).off('end', onEnd);
    };
    const turnAway = (text: string) => {
      stop();
      const discarded = framer.octets === 0 ? '' : `, discarded partial command of ${framer.octets} bytes`;
      void this.answer(socket, { result: 1, text: `${text}${discarded}` });
    };
    const startTimer = () => {
      cancel();
      cancel = this.deps.clock.after(this.deps.limits.requestTimeoutMs, () =>
        turnAway('Connection over control channel timed out'),
      );
    };
    // Half-closed before the command was complete: nothing can be answered.
    const onEnd = () => socket.destroy();
    const onData = (chunk: Buffer) => {
      startTimer();
      if (meter?.charge(chunk.length, socket) === false) return;
      const result = framer.push(chunk);
      if (result.state === 'more') return;
      stop();
      const work =
        result.state === 'invalid'
          ? Promise.resolve({ result: 1 as const, text: result.text })
          : this.run(framer.text(), principal);
      void work.then((outcome) => this.answer(socket, outcome));
    };
    this.waiting.set(socket, turnAway);
    startTimer();
    socket.once('close', stop).on('end', onEnd).on('data', onData);
    if (first !== undefined) onData(first);
  }

  private principalOf(unixUser: UnixUser | undefined): Principal {
    const { access } = this.deps;
    if (access === undefined) return LOCAL;
    const evidence = unixUser === undefined ? {} : { unixUser };
    const principal = access.identify(evidence, {}, this.config.policy);
    // Two rules that both mean him: he may do nothing, and every attempt is audited.
    return { ...(principal ?? { ...LOCAL, rights: [] }), method: 'unix-socket' };
  }

  /** What a local user sends is charged to him, whatever connection it comes by. */
  private meterOf({ name }: Principal): InputMeter | undefined {
    const { access, clock } = this.deps;
    return access && new InputMeter(access, () => this.config.policy, name, clock);
  }

  private async run(text: string, principal: Principal): Promise<DispatchOutcome> {
    try {
      const json = parseCommandJson(text, { comments: true });
      const origin = { principal, listener: this.key, receivedAt: this.deps.clock.now() };
      return await runCommand(json, origin, this.deps.dispatch);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return { result: 1, text: error.message, code: 'command-malformed' };
      throw error;
    }
  }

  private async answer(socket: Socket, outcome: DispatchOutcome): Promise<void> {
    const buffers = await renderAnswer(outcome, this.deps.clock);
    await this.send(socket, buffers, () => releaseAnswer(outcome));
  }

  private async send(socket: Socket, buffers: Buffer[], done: () => void): Promise<void> {
    const { clock, limits } = this.deps;
    // Closed already it does not say so again: then the pages go to the garbage collector.
    socket.once('close', done);
    // What comes after the command is read and thrown away: unread, it would turn our close into a reset.
    socket.resume();
    // The last one together with our end of the connection: of a short answer that is all of it.
    const last = buffers.pop()!;
    if (!(await writeAll(socket, buffers, clock, limits.idleTimeoutMs))) {
      socket.destroy();
      return;
    }
    socket.end(last);
    // A reader may be as slow with the last octets as with the others, and may have ended his side long ago. When both
    // sides have ended the stream closes by itself.
    let cancel = clock.after(limits.idleTimeoutMs, () => socket.destroy());
    socket
      .once('finish', () => {
        cancel();
        cancel = clock.after(limits.lingerMs, () => socket.destroy());
      })
      .once('close', () => cancel());
  }
}

/** Key of a unix listener. */
export function unixKey(path: string): string {
  return `unix:${path}`;
}
