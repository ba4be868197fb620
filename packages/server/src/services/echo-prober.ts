/**
 * Asks whether addresses are in use, by ICMP echo: one check for each address, its requests one after the other. What
 * comes back counts only if it is from the address asked, through the socket it was asked through, with its identifier,
 * a sequence number that was sent and the octets that went along: nobody who has not seen the request can make that up.
 */

import { type EchoAnswer, encodeEchoRequest, parseEchoAnswer } from '../domain/ping/echo.js';
import type { PingRule } from '../domain/ping/rule.js';
import type { Ipv4 } from '../domain/values.js';
import type { Cancel, Clock, EchoSocket, Logger, OpenEchoSocket, Random } from './ports.js';

const NONCE_OCTETS = 16;
/** Sockets nobody has asked through for so long are closed. */
const IDLE_MS = 30_000;
/** A socket that could not be had is not tried for at every offer. */
const RETRY_MS = 10_000;

/** What it needs. */
export interface ProberDependencies {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly random: Random;
  readonly logger: Logger;
  readonly open: OpenEchoSocket;
}

/** What came of a check. `unreachable`: there is a word that nobody is there, or it can not be asked. */
export type ProbeOutcome = 'in-use' | 'silent' | 'unreachable';

/** A check under way. */
interface Probe {
  readonly address: Ipv4;
  readonly place: Place;
  readonly rule: PingRule;
  readonly nonce: Uint8Array;
  readonly firstSequence: number;
  sent: number;
  cancel: Cancel;
  readonly settle: (outcome: ProbeOutcome) => void;
}

/** The socket of an interface, or of the routing table, and how many checks go through it. */
interface Place {
  /** Undefined: there was none to be had. */
  readonly socket: EchoSocket | undefined;
  readonly openedAt: number;
  probes: number;
  cancelIdle: Cancel;
}

/** See the head of this file. */
export class EchoProber {
  readonly #deps: ProberDependencies;
  readonly #probes = new Map<Ipv4, Probe>();
  /** By interface; '' is the routing table. */
  readonly #places = new Map<string, Place>();

  constructor(deps: ProberDependencies) {
    this.#deps = deps;
  }

  /** Checks under way. */
  get size(): number {
    return this.#probes.size;
  }

  /** True while the address is being asked. */
  isAsking(address: Ipv4): boolean {
    return this.#probes.has(address);
  }

  /** True if there is a socket to ask through. Opens it where there is none. */
  canAsk(device: string | undefined): boolean {
    return this.#placeOf(device ?? '').socket !== undefined;
  }

  /**
   * Begins a check of an address that is not being asked.
   * @param device interface the address is on; undefined: the routing table knows
   * @param settle called once, never before this returns
   * @returns false if nothing could be sent: then `settle` is never called
   */
  ask(address: Ipv4, device: string | undefined, rule: PingRule, settle: (outcome: ProbeOutcome) => void): boolean {
    const { random } = this.#deps;
    const place = this.#placeOf(device ?? '');
    const [nonce, firstSequence] = [random.bytes(NONCE_OCTETS), random.below(0x1_0000)];
    const probe: Probe = { address, place, rule, nonce, firstSequence, sent: 0, cancel: () => undefined, settle };
    if (!this.#send(probe)) {
      // The interface may have been made anew: the next one to ask gets a new socket.
      if (place.probes === 0) this.#close(place);
      return false;
    }
    this.#probes.set(address, probe);
    place.probes++;
    place.cancelIdle();
    return true;
  }

  /** Ends every check without an outcome. */
  close(): void {
    for (const { cancel } of this.#probes.values()) cancel();
    this.#probes.clear();
    for (const { socket, cancelIdle } of this.#places.values()) {
      cancelIdle();
      socket?.close();
    }
    this.#places.clear();
  }

  /** Sends the next request of a check. */
  #send(probe: Probe): boolean {
    const { place, address, nonce, firstSequence, rule } = probe;
    if (place.socket === undefined) return false;
    const sequence = (firstSequence + probe.sent) & 0xffff;
    const { identifier } = place.socket;
    if (!place.socket.send(encodeEchoRequest({ identifier, sequence, nonce }), address)) return false;
    probe.sent++;
    probe.cancel = this.#deps.clock.after(rule.replyTimeoutMs, () => this.#timedOut(probe));
    return true;
  }

  #timedOut(probe: Probe): void {
    if (probe.sent >= probe.rule.requests) this.#settle(probe, 'silent');
    else if (!this.#send(probe)) this.#settle(probe, 'unreachable');
  }

  #received(place: Place, icmp: Uint8Array, from: Ipv4): void {
    const answer = parseEchoAnswer(icmp);
    if (answer === undefined) return;
    const probe = this.#probes.get(answer.kind === 'reply' ? from : answer.to);
    if (probe === undefined || probe.place !== place || !isAnswerTo(probe, answer)) return;
    this.#settle(probe, answer.kind === 'reply' ? 'in-use' : 'unreachable');
  }

  #settle(probe: Probe, outcome: ProbeOutcome): void {
    probe.cancel();
    this.#probes.delete(probe.address);
    const { place } = probe;
    place.probes--;
    if (place.probes === 0) place.cancelIdle = this.#deps.clock.after(IDLE_MS, () => this.#close(place));
    probe.settle(outcome);
  }

  #placeOf(name: string): Place {
    const known = this.#places.get(name);
    const now = this.#deps.clock.monotonic();
    if (known !== undefined && (known.socket !== undefined || now - known.openedAt < RETRY_MS)) return known;
    const place: Place = {
      socket: this.#open(name, () => place),
      openedAt: now,
      probes: 0,
      cancelIdle: () => undefined,
    };
    this.#places.set(name, place);
    return place;
  }

  #open(name: string, place: () => Place): EchoSocket | undefined {
    try {
      return this.#deps.open(name === '' ? undefined : name, (icmp, from) => this.#received(place(), icmp, from));
    } catch (error) {
      const text = `addresses are offered without a ping check: ${(error as Error).message}`;
      this.#deps.logger.log('ERROR', 'LESSOR_PING_CHECK_SOCKET', text);
      return undefined;
    }
  }

  #close(place: Place): void {
    for (const [name, each] of this.#places) if (each === place) this.#places.delete(name);
    place.socket?.close();
  }
}

/** True if it has what was sent along. An unreachable destination comes with eight octets of the request at least. */
function isAnswerTo({ place, firstSequence, sent, nonce }: Probe, answer: EchoAnswer): boolean {
  if (answer.identifier !== place.socket?.identifier) return false;
  if (((answer.sequence - firstSequence) & 0xffff) >= sent) return false;
  if (answer.kind === 'reply' && answer.nonce.length !== nonce.length) return false;
  return answer.nonce.subarray(0, nonce.length).every((octet, at) => octet === nonce[at]);
}
