/**
 * One OMAPI connection: octets in, requests served in their order, answers out in the same order. Silence, messages and
 * what waits to be answered are bounded, more tightly before a key has been proved than after.
 */

import type { Socket } from 'node:net';
import { DecodeError, encodeStartup, type Frame, StreamDecoder } from '@lessor/omapi';
import type { OmapiSession, Reaction } from '../control/omapi/session.js';
import type { OmapiConfig } from '../domain/snapshot.js';
import type { Cancel, Clock, Logger } from '../services/ports.js';
import type { FairTurns, Worker } from './fair-turns.js';
import type { InputMeter } from './input-meter.js';

/** Octets of a message before a key has been proved: the opening of a key has some 150. */
const UNPROVED_MESSAGE_OCTETS = 4096;
/** How long we wait for the other side to close after us. */
const LINGER_MS = 1000;

/** What a connection needs of its listener. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns: FairTurns;
  /** Somebody failed to prove a key. */
  readonly onFailure: () => void;
  /** A key was proved. */
  readonly onTrusted: () => void;
  /** Charges what comes in, where that is limited. */
  readonly meter?: InputMeter | undefined;
}

/** Creations of one connection that are under way at the same time. */
const MAX_BESIDE = 64;

/** An answer that is not there yet. */
interface LateAnswer {
  reaction: Reaction | undefined;
}

/** Nothing more can be understood. */
type Lost = Reaction & { readonly close: string };

/** See the head of this file. */
export class OmapiConnection implements Worker {
  private readonly decoder: StreamDecoder;
  private readonly closed: Promise<void>;
  /** Answers that are to be sent together. */
  private answers: Uint8Array[] = [];
  private cancelTimer: Cancel = () => undefined;
  /** Requests under way whose answers are to come, in their order. */
  private readonly late: LateAnswer[] = [];
  /** A message that waits for them. */
  private held: Frame | undefined;
  private settling = false;
  /** When the message that is incomplete now began; undefined: there is none. */
  private partSince: number | undefined;
  /** When the connection last finished something. */
  private restingSince: number;
  /** It waits for its turn. */
  private queued = false;
  /** Requests under way have to be over before the next one is looked at. */
  private blocked = false;
  /** The other side takes its answers too slowly. */
  private stalled = false;
  /** The other side sends no more; what it has sent is served. */
  private inputEnded = false;
  /** No more requests are taken. */
  private ended = false;
  private isTrusted: boolean;

  constructor(
    private readonly socket: Socket,
    private readonly session: OmapiSession,
    private readonly limits: OmapiConfig['limits'],
    private readonly source: string,
    private readonly deps: ConnectionDeps,
  ) {
    this.isTrusted = session.trusted;
    this.decoder = new StreamDecoder(this.isTrusted ? limits.messageOctets : UNPROVED_MESSAGE_OCTETS);
    this.restingSince = deps.clock.monotonic();
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.ended = true;
        this.cancelTimer();
        resolve();
      });
    });
  }

  /** True once a message was well signed, or where none has to be. */
  get trusted(): boolean {
    return this.session.trusted;
  }

  /** Sends our start-up without waiting for theirs, then reads. */
  start(): void {
    this.socket.write(encodeStartup());
    this.partSince = this.restingSince;
    this.arm(this.limits.requestTimeoutMs);
    this.socket.on('data', (chunk: Buffer) => {
      // What comes after the end is thrown away: unread, it would turn our close into a reset.
      if (this.ended) return;
      const { meter } = this.deps;
      if (meter?.charge(chunk.length, this.socket, () => this.readOn()) === false) return;
      this.decoder.push(chunk);
      this.wake();
    });
    this.socket.on('end', () => {
      this.inputEnded = true;
      this.wake();
    });
    this.socket.on('drain', () => {
      this.stalled = false;
      this.cancelTimer();
      this.arm(this.silenceAllowedMs());
      this.wake();
    });
    this.socket.resume();
  }

  /** Closes when the requests under way have been answered; resolves when it is closed. */
  finish(): Promise<void> {
    this.ended = true;
    this.endIfDone();
    return this.closed;
  }

  /** Closes at once. */
  drop(): void {
    this.ended = true;
    this.socket.destroy();
  }

  /** Serves one message, if a whole one has come. */
  step(): boolean {
    this.queued = false;
    if (this.ended || this.blocked || this.stalled) return false;
    const frame = this.held ?? this.read();
    this.held = undefined;
    if (frame === undefined) return false;
    if ('close' in frame) {
      this.take(frame);
      return false;
    }
    // What a client asks behind creations must see them.
    if (this.late.length > 0 && (this.late.length >= MAX_BESIDE || !this.session.mayRunBeside(frame))) {
      this.held = frame;
      this.block();
      return false;
    }
    const reaction = this.react(frame);
    if (reaction instanceof Promise) {
      this.wait(reaction);
      if (!this.session.mayRunBeside(frame)) {
        this.block();
        return false;
      }
    } else if (this.late.length > 0) {
      this.late.push({ reaction });
      if (reaction.close !== undefined) this.ended = true;
    } else this.take(reaction);
    if (this.ended) return false;
    // Of a client that waits for its answer nothing more is there.
    this.queued = this.decoder.bufferedOctets > 0 || this.inputEnded;
    return this.queued;
  }

  /** Sends what can be sent, in one write: many clients read an answer with one read. */
  rest(): void {
    const ready = this.answers;
    if (ready.length > 0 && !this.socket.destroyed) {
      this.answers = [];
      if (!this.socket.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready))) this.stall();
    }
    if (!this.queued) this.watch();
    this.endIfDone();
  }

  /** Answers leave in the order of their requests, those that are there at the same time together. */
  private wait(reaction: Promise<Reaction>): void {
    const slot: LateAnswer = { reaction: undefined };
    this.late.push(slot);
    void reaction.then((late) => {
      slot.reaction = late;
      if (this.settling) return;
      this.settling = true;
      // Behind those that one flush has made possible with this one.
      void Promise.resolve().then(() => this.settle());
    });
  }

  private settle(): void {
    this.settling = false;
    for (let first = this.late[0]; first?.reaction !== undefined; first = this.late[0]) {
      this.late.shift();
      this.take(first.reaction);
    }
    if (this.blocked && this.late.length === 0) this.unblock();
    this.rest();
  }

  private wake(): void {
    if (this.queued || this.blocked || this.stalled) return;
    this.queued = true;
    this.deps.turns.add(this);
  }

  /** The next message, or why there will be none; undefined if no whole one has come. */
  private read(): Frame | Lost | undefined {
    try {
      const frame = this.decoder.next();
      if (frame === undefined) this.ended ||= this.inputEnded;
      else this.partSince = undefined;
      return frame;
    } catch (error) {
      return this.failed(error);
    }
  }

  private react(frame: Frame): Reaction | Promise<Reaction> {
    try {
      const reaction = this.session.react(frame);
      return reaction instanceof Promise ? reaction.catch((error) => this.failed(error)) : reaction;
    } catch (error) {
      return this.failed(error);
    }
  }

  private failed(error: unknown): Lost {
    const { message, stack } = error as Error;
    if (!(error instanceof DecodeError)) {
      this.deps.logger.log('ERROR', 'LESSOR_OMAPI_FAILED', `a connection failed: ${message}`, { stack });
    }
    return { close: message };
  }

  private take({ octets, afterwards = [], close, failed }: Reaction): void {
    if (!this.isTrusted && this.session.trusted) {
      this.isTrusted = true;
      this.decoder.maxMessageOctets = this.limits.messageOctets;
      this.deps.onTrusted();
    }
    this.restingSince = this.deps.clock.monotonic();
    if (octets !== undefined) this.answers.push(octets);
    if (failed === true) this.deps.onFailure();
    if (afterwards.length > 0) {
      // The answer to a shutdown is with the system before the shutdown begins.
      this.rest();
      this.socket.write('', () => {
        for (const work of afterwards) work();
      });
    }
    if (close === undefined) return;
    this.ended = true;
    this.deps.logger.log('WARN', 'LESSOR_OMAPI_CLOSED', `${this.source} is disconnected: ${close}`);
  }

  private block(): void {
    this.blocked = true;
    this.socket.pause();
  }

  private unblock(): void {
    this.blocked = false;
    this.readOn();
    this.wake();
  }

  /** Reads what comes, unless there is still a reason not to. */
  private readOn(): void {
    if (!this.blocked && this.deps.meter?.isWaiting !== true) this.socket.resume();
  }

  private stall(): void {
    this.stalled = true;
    this.cancelTimer();
    this.cancelTimer = this.deps.clock.after(this.limits.requestTimeoutMs, () => this.socket.destroy());
  }

  private endIfDone(): void {
    if (!this.ended || this.late.length > 0 || this.answers.length > 0 || this.socket.destroyed) return;
    if (this.socket.writableEnded) return;
    this.cancelTimer();
    this.socket.resume();
    this.socket.end();
    this.cancelTimer = this.deps.clock.after(LINGER_MS, () => this.socket.destroy());
    this.socket.once('end', () => this.socket.destroySoon());
    if (this.socket.readableEnded) this.socket.destroySoon();
  }

  // -- silence --------------------------------------------------------------------------------------------------------

  /** Notes when an incomplete message began: its time counts for the whole, however its parts come. */
  private watch(): void {
    const incomplete = this.decoder.startup === undefined || this.decoder.bufferedOctets > 0;
    if (!incomplete) {
      this.partSince = undefined;
      return;
    }
    if (this.partSince !== undefined) return;
    this.partSince = this.deps.clock.monotonic();
    this.cancelTimer();
    this.arm(this.limits.requestTimeoutMs);
  }

  private silenceAllowedMs(): number {
    const { idleTimeoutMs, requestTimeoutMs } = this.limits;
    return this.partSince === undefined && this.session.trusted ? idleTimeoutMs : requestTimeoutMs;
  }

  /** One timer for all of them: who has been active meanwhile only sets it again. */
  private arm(delayMs: number): void {
    this.cancelTimer = this.deps.clock.after(delayMs, () => {
      const allowedMs = this.silenceAllowedMs();
      const silentMs = this.deps.clock.monotonic() - (this.partSince ?? this.restingSince);
      const busy = this.late.length > 0;
      // Timers may run a little early.
      if (busy || silentMs < allowedMs - 1) {
        this.arm(busy ? allowedMs : allowedMs - silentMs);
        return;
      }
      this.deps.logger.log('INFO', 'LESSOR_OMAPI_TIMEOUT', `${this.source} was silent for ${allowedMs / 1000} s`);
      void this.finish();
    });
  }
}
