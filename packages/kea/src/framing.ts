/**
 * Finding where a command ends on a stream that has no other framing (Kea's unix socket): brackets are counted outside
 * strings and comments. No newline and no half-close is needed, and what follows the object is ignored.
 */

/** Octets one command may have: a configuration of 100 000 subnets has about 40 MB. */
export const DEFAULT_MAX_COMMAND_OCTETS = 64 * 1024 * 1024;

/** What is known of the command after another chunk. `text` of 'invalid' is Kea's answer to the sender. */
export type FramingResult =
  | { readonly state: 'more' }
  | { readonly state: 'complete' }
  | { readonly state: 'invalid'; readonly text: string };

const MORE: FramingResult = { state: 'more' };
const COMPLETE: FramingResult = { state: 'complete' };

type State = 'start' | 'blank' | 'inner' | 'string' | 'escape' | 'slash' | 'line-comment' | 'block-comment' | 'star';

/** Collects the octets of one command until its outermost bracket closes. */
export class CommandFramer {
  private state: State = 'start';
  private depth = 0;
  private readonly chunks: Buffer[] = [];
  private received = 0;
  private result: FramingResult = MORE;

  constructor(private readonly maxOctets: number = DEFAULT_MAX_COMMAND_OCTETS) {}

  /** Octets received so far (of the command only, once it is complete). */
  get octets(): number {
    return this.received;
  }

  /** Takes what was read. After 'complete' or 'invalid' further octets are ignored. */
  push(chunk: Buffer): FramingResult {
    if (this.result !== MORE) return this.result;
    const used = this.scan(chunk);
    this.received += used;
    if (this.received > this.maxOctets) {
      this.chunks.length = 0;
      this.result = { state: 'invalid', text: `command is longer than ${this.maxOctets} bytes` };
    } else if (this.result.state !== 'invalid') {
      this.chunks.push(used === chunk.length ? chunk : chunk.subarray(0, used));
    }
    return this.result;
  }

  /** The command as a binary string, for parseCommandJson with comments. */
  text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  /** Runs the state machine over a chunk; returns how many octets belong to the command. */
  private scan(chunk: Buffer): number {
    for (let i = 0; i < chunk.length; i++) {
      const octet = chunk[i] as number;
      switch (this.state) {
        case 'string':
          if (octet === 0x22) this.state = 'inner';
          else if (octet === 0x5c) this.state = 'escape';
          break;
        case 'escape':
          this.state = 'string';
          break;
        case 'inner':
          this.inner(octet);
          if (this.depth === 0) {
            this.result = COMPLETE;
            return i + 1;
          }
          break;
        case 'start':
        case 'blank':
          if (!this.before(octet)) return i + 1;
          break;
        default:
          if (!this.comment(octet)) return i + 1;
      }
    }
    return chunk.length;
  }

  private inner(octet: number): void {
    if (octet === 0x7b || octet === 0x5b) this.depth++;
    else if (octet === 0x7d || octet === 0x5d) this.depth--;
    else if (octet === 0x22) this.state = 'string';
    else if (octet === 0x23) this.state = 'line-comment';
    else if (octet === 0x2f) this.state = 'slash';
  }

  /** Before the object: blanks, comments, then a bracket. False if the octet can not stand here. */
  private before(octet: number): boolean {
    const first = this.state === 'start';
    if (octet === 0x7b || octet === 0x5b) {
      this.depth = 1;
      this.state = 'inner';
    } else if (octet === 0x20 || octet === 0x09 || octet === 0x0a || octet === 0x0d) this.state = 'blank';
    else if (octet === 0x23) this.state = 'line-comment';
    else if (octet === 0x2f) this.state = 'slash';
    else return this.invalid(`invalid ${first ? 'first ' : ''}character ${String.fromCharCode(octet)}`);
    return true;
  }

  private comment(octet: number): boolean {
    if (this.state === 'slash') {
      if (octet === 0x2f) this.state = 'line-comment';
      else if (octet === 0x2a) this.state = 'block-comment';
      else return this.invalid(`invalid characters /${String.fromCharCode(octet)}`);
    } else if (this.state === 'line-comment') {
      if (octet === 0x0a) this.state = this.depth === 0 ? 'blank' : 'inner';
    } else if (octet === 0x2a) {
      this.state = 'star';
    } else if (this.state === 'star') {
      this.state = octet !== 0x2f ? 'block-comment' : this.depth === 0 ? 'blank' : 'inner';
    }
    return true;
  }

  private invalid(text: string): false {
    this.chunks.length = 0;
    this.result = { state: 'invalid', text };
    return false;
  }
}
