/**
 * Finding messages in a stream, without doing any input itself. Works for either side of a connection and for pieces
 * of any size; nothing is scanned twice, and what a peer announces is refused as soon as it is too much, not when it
 * has arrived.
 */

import { uint16At, uint32At } from './bytes.js';
import { DecodeError } from './errors.js';
import { decodeMessage, HEADER_OCTETS, MAX_ENTRIES, type OmapiMessage } from './message.js';
import { decodeStartup, STARTUP_OCTETS, type Startup } from './startup.js';

/** Octets one message may have unless said otherwise. pypureomapi stops at 64 KiB; statements of groups can be long. */
export const DEFAULT_MAX_MESSAGE_OCTETS = 1024 * 1024;

/** One message as it came. */
export interface Frame {
  readonly message: OmapiMessage;
  /** The whole message; it and the message's values are views that live as long as the chunk they came in. */
  readonly octets: Uint8Array;
  /** Size of its header. */
  readonly headerOctets: number;
}

/** Where in a message the scan stands. */
type Part = 'header' | 'name length' | 'value length' | 'value' | 'signature';

/** Collects the octets a peer sends: first its start-up, then messages. */
export class StreamDecoder {
  /** What may be one message; can be changed between messages (a server allows more after authentication). */
  maxMessageOctets: number;

  private peer: Startup | undefined;
  /** Octets received and not yet handed out: `buffer[start..end)`. */
  private buffer: Uint8Array = new Uint8Array(0);
  private start = 0;
  private end = 0;
  /** True if `buffer` is ours to write into, not a chunk of the caller's. */
  private own = false;

  private part: Part = 'header';
  /** Offset in the message of the part that comes next, and how many octets it needs to be looked at. */
  private scanned = 0;
  private needed = HEADER_OCTETS;
  private dictionaries = 0;
  private entries = 0;
  private nameOctets = 0;

  constructor(maxMessageOctets: number = DEFAULT_MAX_MESSAGE_OCTETS) {
    this.maxMessageOctets = maxMessageOctets;
  }

  /** The peer's start-up, as soon as it is there. */
  get startup(): Startup | undefined {
    return this.peer;
  }

  /** Octets held that are not a whole message yet. */
  get bufferedOctets(): number {
    return this.end - this.start;
  }

  /** Takes octets. They are used in place if nothing was waiting; do not write to them afterwards. */
  push(chunk: Uint8Array): void {
    if (this.end === this.start) {
      this.buffer = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.own = false;
      return;
    }
    const held = this.end - this.start;
    if (!this.own || this.end + chunk.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(256, 2 * held, held + chunk.length));
      grown.set(this.buffer.subarray(this.start, this.end));
      this.buffer = grown;
      this.start = 0;
      this.end = held;
      this.own = true;
    }
    this.buffer.set(chunk, this.end);
    this.end += chunk.length;
  }

  /**
   * The next whole message, or undefined until more octets come.
   * @throws DecodeError; the stream is then lost
   */
  next(): Frame | undefined {
    if (this.peer === undefined && !this.readStartup()) return undefined;
    while (this.end - this.start >= this.needed) {
      if (this.advance()) return this.take();
    }
    return undefined;
  }

  private readStartup(): boolean {
    if (this.end - this.start < STARTUP_OCTETS) return false;
    this.peer = decodeStartup(this.buffer.subarray(this.start, this.start + STARTUP_OCTETS));
    this.start += STARTUP_OCTETS;
    this.needed = this.peer.headerOctets;
    return true;
  }

  /** Looks at the part that has arrived and says what comes next. True if the message ends here. */
  private advance(): boolean {
    const at = this.start + this.scanned;
    this.scanned = this.needed;
    switch (this.part) {
      case 'header':
      case 'value':
        return this.expect('name length', 2);
      case 'name length': {
        this.nameOctets = uint16At(this.buffer, at);
        if (this.nameOctets === 0) return this.endDictionary();
        if (++this.entries > MAX_ENTRIES)
          throw new DecodeError('dictionary', this.scanned, `more than ${MAX_ENTRIES} entries`);
        return this.expect('value length', this.nameOctets + 4);
      }
      case 'value length':
        return this.expect('value', uint32At(this.buffer, at + this.nameOctets));
      case 'signature':
        return true;
    }
  }

  private endDictionary(): boolean {
    if (++this.dictionaries < 2) return this.expect('name length', 2);
    return this.expect('signature', uint32At(this.buffer, this.start + 4));
  }

  private expect(part: Part, octets: number): false {
    this.part = part;
    this.needed = this.scanned + octets;
    if (this.needed > this.maxMessageOctets) {
      throw new DecodeError(part, this.scanned, `longer than ${this.maxMessageOctets} octets in all`);
    }
    return false;
  }

  private take(): Frame {
    const headerOctets = this.peer!.headerOctets;
    const octets = this.buffer.subarray(this.start, this.start + this.scanned);
    this.start += this.scanned;
    // What was handed out must not be written over: the next push finds a new buffer.
    this.own = false;
    this.part = 'header';
    this.scanned = 0;
    this.needed = headerOctets;
    this.dictionaries = 0;
    this.entries = 0;
    return { message: decodeMessage(octets, headerOctets), octets, headerOctets };
  }
}
