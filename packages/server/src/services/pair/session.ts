/**
 * Who the partner is and which of its messages count: every message of either direction passes here. A message of an earlier
 * start, one that came before or that its sender has given up, and one from a server that does not know of our start is
 * refused.
 */

import type { JsonMap } from '../../domain/snapshot.js';
import { CommandError } from '../../errors.js';
import type { Clock } from '../ports.js';
import { type Hello, helloFromJson, helloToJson, misfit } from './hello.js';
import { ReplayWindow } from './replay-window.js';

/** What a {@link PairSession} works with. */
export interface SessionParts {
  readonly clock: Clock;
  readonly call: (command: string, args: JsonMap, timeoutMs: number) => Promise<JsonMap>;
  readonly timeoutMs: number;
  /** This server as it is now. */
  readonly hello: () => Hello;
  /** Highest boot number of the partner met by this server, also before it was restarted. */
  readonly metBoot: () => number;
  /** The partner has been started since we last heard of it, or is met for the first time. */
  readonly onStarted: () => void;
  /** Something of the partner is known now, from a message or an answer. */
  readonly onMet: (theirs: Hello) => void;
  readonly onMisfit: (text: string, theirs: Hello) => void;
  /** The configurations differ, and did not differ like that before. */
  readonly onDrift: (theirs: Hello) => void;
}

/** See the head of this file. */
export class PairSession {
  partner: Hello | undefined;
  misfit: string | undefined;
  /** When the last message of the partner came in, on the monotonic clock. */
  heardAtMs: number | undefined;
  readonly #parts: SessionParts;
  readonly #awaited = new Set<number>();
  #window = new ReplayWindow();
  #sequence = 0;
  /** Both fingerprints, while they differ. */
  #drift = '';

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Sends a command; resolves with the answer of the partner as it runs now. @throws whatever keeps it from answering */
  async call(command: string, args: JsonMap): Promise<JsonMap> {
    const { call, timeoutMs } = this.#parts;
    const sequence = ++this.#sequence;
    this.#awaited.add(sequence);
    try {
      const answer = await call(command, { ...args, sequence, ...this.#envelope() }, timeoutMs);
      const theirs = helloFromJson(answer['lessor-pair']);
      if (!this.#meet(theirs)) throw new CommandError('command-conflict', this.misfit ?? 'an old answer');
      this.#heedFloor(answer);
      return answer;
    } finally {
      this.#awaited.delete(sequence);
    }
  }

  /** Looks at a message before it is acted upon. @throws CommandError if it does not count */
  receive(command: string, args: JsonMap): Hello {
    const theirs = helloFromJson(args['lessor-pair']);
    // Nothing of a message that came before is believed; one of another start is counted anew.
    const counted = theirs.boot === this.partner?.boot;
    if (counted) this.#refuseRepeated(args);
    if (!this.#meet(theirs)) {
      if (this.misfit !== undefined) throw new CommandError('command-conflict', this.misfit);
      throw new CommandError('command-denied', `a message of start ${theirs.boot} of the partner, which is over`);
    }
    if (!counted) this.#refuseRepeated(args);
    this.#heedFloor(args);
    const mine = this.#parts.hello();
    if (command !== 'ha-heartbeat') {
      if (theirs.sees !== mine.boot) throw new CommandError('peer-fenced', 'this server was restarted meanwhile');
      // One that went on alone itself has to be heard all the same: then both have, and the two have to be merged.
      const knows = theirs.state === 'recovering' || theirs.state === 'partner-down';
      if (theirs.fence < mine.fence && !knows) {
        throw new CommandError('peer-fenced', 'this server went on alone meanwhile');
      }
    }
    this.heardAtMs = this.#parts.clock.monotonic();
    return theirs;
  }

  /** @throws CommandError command-denied for a repeated message, command-conflict for one nobody waits for any more */
  #refuseRepeated({ sequence }: JsonMap): void {
    const came = typeof sequence === 'number' ? this.#window.accept(sequence) : 'seen';
    if (came === 'seen') throw new CommandError('command-denied', `message ${String(sequence)} was received before`);
    if (came === 'late') throw new CommandError('command-conflict', `message ${String(sequence)} was given up`);
  }

  /** What goes with an answer. */
  sealed(answer: JsonMap): JsonMap {
    return { ...answer, ...this.#envelope() };
  }

  /** Who sends, and the lowest number of a message it still waits to be answered. */
  #envelope(): JsonMap {
    const oldest = this.#awaited.size === 0 ? this.#sequence + 1 : Math.min(...this.#awaited);
    return { oldest, 'lessor-pair': helloToJson(this.#parts.hello()) };
  }

  #heedFloor({ oldest }: JsonMap): void {
    if (typeof oldest === 'number') this.#window.giveUpBelow(oldest);
  }

  /** Takes note of the other server. False if it is not to be talked to. */
  #meet(theirs: Hello): boolean {
    const { hello, metBoot, onStarted, onMet, onMisfit, onDrift } = this.#parts;
    const before = this.partner;
    if (theirs.boot < Math.max(before?.boot ?? 0, metBoot())) return false;
    const mine = hello();
    const text = misfit(mine, theirs);
    if (text !== undefined) {
      if (text !== this.misfit) onMisfit(text, theirs);
      this.misfit = text;
      return false;
    }
    this.misfit = undefined;
    if (before === undefined || theirs.boot !== before.boot) {
      this.#window = new ReplayWindow();
      this.partner = theirs;
      onStarted();
    }
    this.partner = theirs;
    const drift = theirs.configuration === mine.configuration ? '' : `${mine.configuration} ${theirs.configuration}`;
    if (drift !== '' && drift !== this.#drift) onDrift(theirs);
    this.#drift = drift;
    onMet(theirs);
    return true;
  }
}
