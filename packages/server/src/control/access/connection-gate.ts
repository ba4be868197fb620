/**
 * Who may connect, asked by every door before it reads an octet: source, failures of that source before, connections
 * and their rate. Bounded in memory, whoever knocks.
 */

import { BlockList, isIP } from 'node:net';
import type { AccessLimits, ListenerPolicy } from '../../domain/access/policy.js';
import { type Bucket, charge, fullBucket, take } from '../../domain/access/rate.js';
import type { Clock } from '../../services/ports.js';
import { SourcePenalties, sourceKey } from './source-penalties.js';

/** Sources that are remembered; the one that was heard of longest ago is forgotten first. */
const MAX_SOURCES = 4096;
/** Wrong passwords and certificates that cost nothing: people mistype. */
const FREE_FAILURES = 5;

/** How much more than it may a source can send before it is disconnected: seconds of its rate, and what one read holds. */
const CREDIT_SECONDS = 8;
const READ_OCTETS = 1_048_576;

/** Why a connection is turned away. */
export type Rejection = 'source' | 'client' | 'locked-out' | 'connections' | 'rate' | 'octets';

/** A connection that was admitted. */
export interface Admission {
  /** To be called once, when the connection is closed. */
  release(): void;
}

/** What is known of a source on a listener. */
interface SourceState {
  open: number;
  bucket: Bucket | undefined;
  octets: Bucket | undefined;
}

/** See the head of this file. One for the whole server. */
export class ConnectionGate {
  /** By listener and source, in the order in which they were heard of. */
  private readonly states = new Map<string, SourceState>();
  private readonly openOf = new Map<string, number>();
  private readonly lists = new WeakMap<readonly unknown[], BlockList>();
  /** Connections turned away since the start, by reason. */
  readonly rejected = new Map<Rejection, number>();

  private readonly penalties: SourcePenalties;

  /** @param isClient whether an address (with its zone) is one that clients have, or is reached where they are */
  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly isClient: (source: string) => boolean = () => false,
  ) {
    this.penalties = new SourcePenalties(clock, FREE_FAILURES);
  }

  /** Admits a connection or says why not. Call it before anything is read. */
  admit(listener: ListenerPolicy | undefined, source: string): Admission | Rejection {
    if (listener === undefined || listener.kind === 'kea-unix') return { release: () => undefined };
    const reason = this.objection(listener, plainAddress(source)) ?? this.clientObjection(listener, source);
    if (reason === undefined) return this.open(listener, plainAddress(source));
    this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1);
    return reason;
  }

  /**
   * Counts octets that a source has sent.
   * @returns milliseconds for which nothing more of it is to be read; Infinity: it went on sending all the same, or in
   *   pieces too large for the limit, and is to be disconnected
   */
  spend(listener: ListenerPolicy | undefined, source: string, octets: number): number {
    const perSecond = listener?.limits.octetsPerSecond ?? 0;
    if (listener === undefined || perSecond === 0 || octets === 0) return 0;
    const state = this.stateOf(listener, plainAddress(source));
    const now = this.clock.monotonic();
    const bucket = charge(state.octets ?? fullBucket(perSecond, now), perSecond, now, octets);
    state.octets = bucket;
    if (bucket.tokens >= 0) return 0;
    if (-bucket.tokens <= CREDIT_SECONDS * perSecond + READ_OCTETS) return (-bucket.tokens * 1000) / perSecond;
    this.rejected.set('octets', (this.rejected.get('octets') ?? 0) + 1);
    return Number.POSITIVE_INFINITY;
  }

  /** A wrong password, certificate or signature. @returns milliseconds this source is not listened to from now on */
  failed(listener: ListenerPolicy | undefined, source: string): number {
    return listener === undefined || listener.kind === 'kea-unix' ? 0 : this.penalties.fail(plainAddress(source));
  }

  /** True while a source is not listened to, also on connections it has open. */
  isLockedOut(source: string): boolean {
    return this.penalties.waitMs(plainAddress(source)) > 0;
  }

  /** A proof that was right: what failed before is forgotten. */
  succeeded(source: string): void {
    this.penalties.forgive(plainAddress(source));
  }

  private objection(listener: ListenerPolicy, source: string): Rejection | undefined {
    if (!this.isAllowed(listener, source)) return 'source';
    if (this.penalties.waitMs(source) > 0) return 'locked-out';
    const { connections, connectionsPerSource, connectionsPerSecond }: AccessLimits = listener.limits;
    if (connections > 0 && (this.openOf.get(listener.name) ?? 0) >= connections) return 'connections';
    const state = this.stateOf(listener, source);
    const now = this.clock.monotonic();
    if (connectionsPerSource > 0 && state.open >= connectionsPerSource) return 'connections';
    if (connectionsPerSecond === 0) return undefined;
    const bucket = take(state.bucket ?? fullBucket(connectionsPerSecond, now), connectionsPerSecond, now);
    if (bucket === undefined) return 'rate';
    state.bucket = bucket;
    return undefined;
  }

  /** Clients are no operators: implicitly, and before the list of sources is of any use to them. */
  private clientObjection({ described, allow = [] }: ListenerPolicy, source: string): Rejection | undefined {
    if (!described || allow.includes('client-sources')) return undefined;
    return this.isClient(source) ? 'client' : undefined;
  }

  private isAllowed({ sources }: ListenerPolicy, source: string): boolean {
    if (sources === undefined) return true;
    const family = isIP(source);
    if (family === 0) return false;
    if (sources.length === 0) return source === '::1' || (family === 4 && source.startsWith('127.'));
    let list = this.lists.get(sources);
    if (list === undefined) {
      list = new BlockList();
      for (const { address, prefixLength } of sources) {
        list.addSubnet(address, prefixLength, isIP(address) === 4 ? 'ipv4' : 'ipv6');
      }
      this.lists.set(sources, list);
    }
    return list.check(source, family === 4 ? 'ipv4' : 'ipv6');
  }

  private open(listener: ListenerPolicy, source: string): Admission {
    const state = this.stateOf(listener, source);
    const { name } = listener;
    state.open++;
    this.openOf.set(name, (this.openOf.get(name) ?? 0) + 1);
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        state.open--;
        this.openOf.set(name, this.openOf.get(name)! - 1);
      },
    };
  }

  private stateOf(listener: ListenerPolicy, source: string): SourceState {
    const key = keyOf(listener, source);
    const known = this.states.get(key);
    const state = known ?? { open: 0, bucket: undefined, octets: undefined };
    // Heard of again: last in the order.
    this.states.delete(key);
    this.states.set(key, state);
    if (known === undefined && this.states.size > MAX_SOURCES) this.forgetOne();
    return state;
  }

  /** Never one with open connections. */
  private forgetOne(): void {
    for (const [key, { open }] of this.states) {
      if (open > 0) continue;
      this.states.delete(key);
      return;
    }
  }
}

/** An IPv4 address as it is, also where a socket for both families has it in IPv6's form; no zone. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

function keyOf({ name }: ListenerPolicy, source: string): string {
  return `${name} ${sourceKey(source)}`;
}
