/**
 * GET /events of an HTTP control socket: the event bus as server-sent events (WHATWG HTML, "Server-sent events"). Each
 * event has an id; who comes back with it in Last-Event-ID gets what it missed, or a `gap` event if that is lost. A
 * reader that is slow is not waited for: what it misses stays in the ring of the bus, and nothing is kept for it alone.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatJson } from '@lessor/kea';
import { eventToJson } from '../control/event-json.js';
import type { EventBus, ServerEvent } from '../services/events.js';
import type { Cancel, Clock } from '../services/ports.js';

/** The path of the stream. */
export const EVENTS_PATH = '/events';

/** Events written before the loop looks at its I/O again. */
const BURST = 64;
/** Octets waiting for a reader; beyond it nothing is written until it has taken them. */
const MAX_BUFFERED_OCTETS = 64 * 1024;
/** A comment is sent after so much silence, so that proxies and readers see that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is cut off; it may come back with Last-Event-ID. */
const STALL_MS = 60_000;
/** Streams of one listener at a time. */
export const MAX_STREAMS = 64;

/** True for a request of the stream. */
export function asksForEvents({ method, url }: IncomingMessage): boolean {
  return method === 'GET' && (url === EVENTS_PATH || url?.startsWith(`${EVENTS_PATH}?`) === true);
}

/** Where a reader wants to begin: Last-Event-ID, or `?after=ID` for those who can set no header. */
export function lastEventId({ headers, url }: IncomingMessage): string | undefined {
  const header = headers['last-event-id'];
  if (typeof header === 'string' && header !== '') return header;
  return new URLSearchParams(url?.split('?')[1] ?? '').get('after') ?? undefined;
}

/**
 * Writes the stream until the reader goes away or is cut off. Without `after` it begins with what comes next; with it
 * after that event, or with a `gap` event and the oldest there is.
 * @returns ends the stream
 */
export function streamEvents(
  response: ServerResponse,
  events: EventBus,
  after: string | undefined,
  clock: Pick<Clock, 'after' | 'soon'>,
): () => void {
  const stream = new EventStream(response, events, clock);
  stream.begin(after);
  return () => stream.end();
}

class EventStream {
  /** Sequence number of the last event written. */
  private place: number;
  private scheduled = false;
  private ended = false;
  private cancelTimer: Cancel = () => undefined;
  private readonly unfollow: () => void;

  constructor(
    private readonly response: ServerResponse,
    private readonly events: EventBus,
    private readonly clock: Pick<Clock, 'after' | 'soon'>,
  ) {
    this.place = events.last;
    this.unfollow = events.follow(() => this.schedule());
    response.on('drain', () => this.schedule());
    response.once('close', () => this.end());
  }

  begin(after: string | undefined): void {
    this.response.writeHead(200, 'OK', { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    // Where the stream begins, so that a reader can come back even if nothing happened.
    const place = after === undefined ? undefined : this.events.placeOf(after);
    if (after !== undefined && place === undefined) {
      this.place = 0;
      this.write(this.gap());
    } else {
      this.place = place ?? this.events.last;
      this.write(`id: ${this.events.idOf(this.place)}\n: follow\n\n`);
    }
    this.rest();
    this.schedule();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.unfollow();
    this.cancelTimer();
    this.response.end();
  }

  /** Publishing never writes: that happens when the packets of this turn have been served. */
  private schedule(): void {
    if (this.scheduled || this.ended) return;
    this.scheduled = true;
    this.clock.soon(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    if (this.ended || this.isFull || this.place >= this.events.last) return;
    const { events, gap } = this.events.after(this.place, BURST);
    const texts = events.map((event) => this.format(event));
    this.place = events.at(-1)?.sequence ?? this.place;
    this.write(`${gap ? this.gap() : ''}${texts.join('')}`);
    this.rest();
    this.schedule();
  }

  private get isFull(): boolean {
    return this.response.writableLength > MAX_BUFFERED_OCTETS;
  }

  /** Something was written: the next thing to happen by itself is a heartbeat, or the end of a reader that stalls. */
  private rest(): void {
    this.cancelTimer();
    this.cancelTimer = this.clock.after(HEARTBEAT_MS, () => {
      if (!this.isFull) this.write(': \n\n');
      if (this.response.writableLength === 0) this.rest();
      else this.cancelTimer = this.clock.after(STALL_MS - HEARTBEAT_MS, () => this.cutOffIfStalled());
    });
  }

  private cutOffIfStalled(): void {
    if (this.response.writableLength === 0) {
      this.rest();
      return;
    }
    this.end();
    this.response.destroy();
  }

  private write(text: string): void {
    this.response.write(Buffer.from(text, 'latin1'));
  }

  private format(event: ServerEvent): string {
    const id = this.events.idOf(event.sequence);
    return `id: ${id}\nevent: ${event.kind}\ndata: ${formatJson(eventToJson(event, id))}\n\n`;
  }

  /** Without an id of its own: a reader that comes back now still has the gap. */
  private gap(): string {
    return 'event: gap\ndata: {"kind": "gap", "text": "events before the next one are lost"}\n\n';
  }
}
