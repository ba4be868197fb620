/**
 * The presence ping (R9): one datagram to an address that was just leased, through the interface its client is behind,
 * once a day for each; everything else about it is bounded too. Off unless the configuration says so.
 */

import type { PresencePingConfig } from '../../domain/guard/policy.js';
import {
  capabilitiesQuestion,
  describePresence,
  parseCapabilities,
  parsePresencePong,
  presencePing,
  RMCP_PORT,
} from '../../domain/guard/presence-ping.js';
import type { Ipv4 } from '../../domain/values.js';
import type { Cancel, Clock, Logger, OpenPingSocket, PingSocket } from '../ports.js';
import type { Suspect } from './suspect.js';

/** A client takes its address into use some time after it was told of it. */
const DELAY_MS = 4000;
const ANSWER_WITHIN_MS = 4000;
const DAY_MS = 86_400_000;
const SECOND_MS = 1000;
/** Clients remembered as asked. */
const MAX_ASKED = 16_384;
/** Tags of the ping, 0..254: how many can be under way. */
const TAGS = 255;

/** What it needs. */
export interface ProberDependencies {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly logger: Logger;
  readonly open: OpenPingSocket;
}

/** Somebody who was asked and may still answer. */
interface Asked {
  readonly suspect: Suspect;
  readonly capabilities: boolean;
  readonly giveUp: Cancel;
  /** True once the ping was answered. */
  ipmi?: boolean;
}

/** The socket of an interface, open while somebody is asked through it. */
interface Place {
  readonly socket: PingSocket;
  readonly asked: Map<number, Asked>;
}

/** See the head of this file. */
export class PresenceProber {
  readonly #deps: ProberDependencies;
  readonly #places = new Map<string, Place>();
  readonly #askedAt = new Map<string, number>();
  readonly #waiting = new Set<Cancel>();
  #tag = 0;
  #secondBegan = 0;
  #inSecond = 0;
  #answered: (suspect: Suspect, text: string) => void = () => undefined;

  constructor(deps: ProberDependencies) {
    this.#deps = deps;
  }

  /** Calls back for every answer; twice if the capabilities are asked for too. */
  onAnswer(answered: (suspect: Suspect, text: string) => void): void {
    this.#answered = answered;
  }

  /** Asks, some seconds from now. False if the client was asked today, or too many are. */
  ask(suspect: Suspect, config: PresencePingConfig): boolean {
    const { clock } = this.#deps;
    const now = clock.now();
    const key = `${suspect.mac} ${suspect.address}`;
    const last = this.#askedAt.get(key);
    if (last !== undefined && now >= last && now - last < DAY_MS) return false;
    if (!this.#mayAsk(now, config.perSecond)) return false;
    this.#askedAt.delete(key);
    this.#askedAt.set(key, now);
    if (this.#askedAt.size > MAX_ASKED) {
      const [oldest] = this.#askedAt.keys();
      this.#askedAt.delete(oldest!);
    }
    const cancel = clock.after(DELAY_MS, () => {
      this.#waiting.delete(cancel);
      this.#send(suspect, config);
    });
    this.#waiting.add(cancel);
    return true;
  }

  /** Asks nobody any more. */
  close(): void {
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
    for (const [name, { asked }] of this.#places) {
      for (const { giveUp } of asked.values()) giveUp();
      asked.clear();
      this.#closeIfIdle(name);
    }
  }

  #mayAsk(now: number, perSecond: number): boolean {
    if (now < this.#secondBegan || now - this.#secondBegan >= SECOND_MS) {
      this.#secondBegan = now;
      this.#inSecond = 0;
    }
    return this.#inSecond++ < perSecond;
  }

  #send(suspect: Suspect, { capabilities }: PresencePingConfig): void {
    const place = this.#placeOf(suspect.interfaceName);
    const tag = this.#tag;
    if (place === undefined || place.asked.has(tag)) return;
    this.#tag = (this.#tag + 1) % TAGS;
    const giveUp = this.#deps.clock.after(ANSWER_WITHIN_MS, () => this.#forget(suspect.interfaceName, tag));
    place.asked.set(tag, { suspect, capabilities, giveUp });
    place.socket.send(presencePing(tag), suspect.address, RMCP_PORT);
  }

  #placeOf(interfaceName: string): Place | undefined {
    const known = this.#places.get(interfaceName);
    if (known !== undefined) return known;
    try {
      const received = (octets: Uint8Array, from: Ipv4, port: number): void =>
        this.#received(interfaceName, octets, from, port);
      const place = { socket: this.#deps.open(interfaceName, received), asked: new Map<number, Asked>() };
      this.#places.set(interfaceName, place);
      return place;
    } catch (error) {
      this.#deps.logger.log('WARN', 'LESSOR_GUARD_PING', `no presence ping: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Only what was asked for counts: from that address and port, through that interface, with that tag. */
  #received(interfaceName: string, octets: Uint8Array, from: Ipv4, port: number): void {
    const place = this.#places.get(interfaceName);
    if (place === undefined || port !== RMCP_PORT) return;
    const pong = parsePresencePong(octets);
    if (pong !== undefined) {
      const asked = place.asked.get(pong.tag);
      if (asked === undefined || asked.suspect.address !== from || asked.ipmi !== undefined) return;
      asked.ipmi = pong.ipmi;
      this.#answered(asked.suspect, describePresence(pong));
      if (asked.capabilities && pong.ipmi) place.socket.send(capabilitiesQuestion(), from, RMCP_PORT);
      else this.#forget(interfaceName, pong.tag);
      return;
    }
    const capabilities = parseCapabilities(octets);
    if (capabilities === undefined) return;
    for (const [tag, { suspect, ipmi }] of place.asked) {
      if (suspect.address !== from || ipmi === undefined) continue;
      this.#answered(suspect, describePresence({ ipmi }, capabilities));
      this.#forget(interfaceName, tag);
    }
  }

  #forget(interfaceName: string, tag: number): void {
    const place = this.#places.get(interfaceName);
    place?.asked.get(tag)?.giveUp();
    place?.asked.delete(tag);
    this.#closeIfIdle(interfaceName);
  }

  #closeIfIdle(interfaceName: string): void {
    const place = this.#places.get(interfaceName);
    if (place === undefined || place.asked.size > 0) return;
    this.#places.delete(interfaceName);
    place.socket.close();
  }
}
