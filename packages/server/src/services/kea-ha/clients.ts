/** Whether the partner answers its clients, seen from how long they have been asking (Kea: communication_state.cc). */

import type { Exchange } from '../../domain/exchange.js';

/** See the head of this file. */
export class UnansweredClients {
  readonly #seen = new Set<string>();
  readonly #unanswered = new Set<string>();
  /** Packets looked at since the partner was last heard. */
  analyzed = 0;

  /** Clients of the partner that were seen, and those that have waited too long. */
  get connecting(): number {
    return this.#seen.size;
  }
  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Looks at a packet of one of the partner's clients while the partner is silent. */
  look({ identity, message }: Pick<Exchange, 'identity' | 'message'>, maxAckDelayMs: number): void {
    this.analyzed++;
    const key = `${identity.hwAddress}/${identity.clientId}`;
    this.#seen.add(key);
    if (secondsOf(message.secs) * 1000 > maxAckDelayMs) this.#unanswered.add(key);
  }

  /** The partner was heard: all are forgotten. */
  clear(): void {
    this.#seen.clear();
    this.#unanswered.clear();
    this.analyzed = 0;
  }
}

/** Some Windows clients send `secs` in the wrong order of octets: then its low octet is 0 (Kea does the same). */
function secondsOf(secs: number): number {
  return secs > 255 && (secs & 0xff) === 0 ? secs >> 8 : secs;
}
