/** The partner as its heartbeats show it: state, clock, how long it has been silent (Kea: communication_state.cc). */

import type { PartnerState } from '../../domain/ha/states.js';
import { KEA_STATES, parsePartnerState } from '../../domain/ha/states.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochMs } from '../../domain/values.js';
import type { Clock } from '../ports.js';
import { UnansweredClients } from './clients.js';

/** Clocks further apart than this can not be worked with (Kea: TERM_CLOCK_SKEW). */
const MAX_SKEW_SEC = 60;
/** A refused client counts for a day (Kea: REJECTED_LEASE_UPDATE_LIFETIME). */
const REJECTED_FOR_MS = 86_400_000;

/** See the head of this file. */
export class PartnerView {
  readonly clients = new UnansweredClients();
  state: PartnerState = 'unavailable';
  scopes: readonly string[] = [];
  /** It was heard at least once. */
  inTouch = false;
  /** It was seen to serve without telling us, since it last was with us. */
  wasAlone = false;
  skewSec = 0;
  #contactAtMs: number;
  /** Counters of updates it has not sent: the last two it told. */
  #unsent: readonly [number, number] = [0, 0];
  readonly #rejected = new Map<string, number>();

  constructor(
    private readonly clock: Pick<Clock, 'now' | 'monotonic'>,
    private readonly parseTime: (text: string) => EpochMs | undefined,
  ) {
    this.#contactAtMs = clock.monotonic();
  }

  /** Takes note of the answer to a heartbeat. @throws Error if it is none */
  heard(result: number, { state, 'date-time': time, scopes, 'unsent-update-count': unsent }: JsonMap): void {
    const told = typeof state === 'string' ? parsePartnerState(state) : undefined;
    const at = typeof time === 'string' ? this.parseTime(time) : undefined;
    if (result !== 0 || told === undefined || at === undefined) throw new Error('the answer is no heartbeat');
    this.state = told;
    this.scopes = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
    this.#unsent = [this.#unsent[1], typeof unsent === 'number' ? unsent : 0];
    if (told === 'partner-down') this.wasAlone = true;
    else if (KEA_STATES[told].updates) this.wasAlone = false;
    this.skewSec = Math.round((at - this.clock.now()) / 1000);
    this.inTouch = true;
    this.poke();
    this.clients.clear();
  }

  /** It was heard by other means than a heartbeat. */
  poke(): void {
    this.#contactAtMs = this.clock.monotonic();
  }

  get silentMs(): number {
    return this.clock.monotonic() - this.#contactAtMs;
  }

  /** It changed leases since and told nobody: they have to be fetched. */
  get hasUnsent(): boolean {
    const [before, last] = this.#unsent;
    return last > 0 && last !== before;
  }

  get tooFarInTime(): boolean {
    return Math.abs(this.skewSec) > MAX_SKEW_SEC;
  }

  /** It refused an update for this client, or took one. */
  rejected(client: string, refused: boolean): void {
    if (refused) this.#rejected.set(client, this.clock.monotonic() + REJECTED_FOR_MS);
    else this.#rejected.delete(client);
  }

  /** Clients it refused updates for in the last day. */
  get rejectedCount(): number {
    const now = this.clock.monotonic();
    for (const [key, until] of this.#rejected) if (until < now) this.#rejected.delete(key);
    return this.#rejected.size;
  }

  forgetRejected(): void {
    this.#rejected.clear();
  }
}
