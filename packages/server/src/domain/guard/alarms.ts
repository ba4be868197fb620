/**
 * Alarms of the guard: one for each rule, client and subnet, however often it is found again. A ring of them is kept;
 * what is raised anew (log, event) is bounded in time, what is above the bound is counted and still in the ring.
 */

import type { EpochMs, SubnetId } from '../values.js';
import type { Evidence } from './identify.js';
import { formatMac, type Mac } from './mac.js';
import type { GuardConfig, GuardPolicy, GuardRule } from './policy.js';
import type { Finding, Severity } from './rules.js';

/** One alarm. */
export interface GuardAlarm {
  /** Counts up from 1 as long as the process lives. */
  readonly id: number;
  readonly rule: GuardRule;
  readonly severity: Severity;
  readonly mac: Mac;
  readonly subnetId: SubnetId;
  readonly firstAt: EpochMs;
  readonly lastAt: EpochMs;
  /** How often it was found. */
  readonly count: number;
  readonly score: number;
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** What was done to the client. */
  readonly action: GuardPolicy;
  readonly acknowledged?: { readonly at: EpochMs; readonly who: string };
}

/** Alarms kept. */
export const MAX_ALARMS = 1000;

const MINUTE_MS = 60_000;

/** See the head of this file. */
export class AlarmBook {
  /** By rule, client and subnet, the one not found for the longest first. */
  readonly #alarms = new Map<string, GuardAlarm>();
  readonly #raisedAt = new Map<string, EpochMs>();
  #next = 1;
  #minuteBegan: EpochMs = 0;
  #raisedInMinute = 0;
  #suppressed = 0;

  /** Alarms that were not raised because too many were. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** Newest first. */
  get all(): readonly GuardAlarm[] {
    return [...this.#alarms.values()].sort((a, b) => b.id - a.id);
  }

  /** Alarms nobody has acknowledged. */
  get open(): number {
    let count = 0;
    for (const { acknowledged } of this.#alarms.values()) if (acknowledged === undefined) count++;
    return count;
  }

  /**
   * Notes a finding.
   * @returns the alarm if it is to be raised now: it is new, or was not raised for `repeatSec`, and the bound allows it
   */
  note(
    finding: Finding,
    subnetId: SubnetId,
    action: GuardPolicy,
    now: EpochMs,
    config: Pick<GuardConfig, 'repeatSec' | 'alarmsPerMinute'>,
  ): GuardAlarm | undefined {
    const { rule, severity, subject: mac, score, text, evidence } = finding;
    const key = `${rule} ${formatMac(mac)} ${subnetId}`;
    const known = this.#alarms.get(key);
    const alarm: GuardAlarm = {
      ...{ rule, severity, mac, subnetId, score, text, evidence, action },
      id: known?.id ?? this.#next++,
      firstAt: known?.firstAt ?? now,
      lastAt: now,
      count: (known?.count ?? 0) + 1,
      ...(known?.acknowledged === undefined ? {} : { acknowledged: known.acknowledged }),
    };
    this.#alarms.delete(key);
    this.#alarms.set(key, alarm);
    if (this.#alarms.size > MAX_ALARMS) this.#forgetOldest();
    const raisedAt = this.#raisedAt.get(key);
    if (raisedAt !== undefined && now >= raisedAt && now - raisedAt < 1000 * config.repeatSec) return undefined;
    if (!this.#mayRaise(now, config.alarmsPerMinute)) return undefined;
    this.#raisedAt.set(key, now);
    return alarm;
  }

  /** Notes that somebody has seen it; undefined if there is no such alarm. */
  acknowledge(id: number, who: string, at: EpochMs): GuardAlarm | undefined {
    for (const [key, alarm] of this.#alarms) {
      if (alarm.id !== id) continue;
      const acknowledged: GuardAlarm = { ...alarm, acknowledged: { at, who } };
      this.#alarms.set(key, acknowledged);
      return acknowledged;
    }
    return undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#alarms.keys();
    this.#alarms.delete(oldest!);
    this.#raisedAt.delete(oldest!);
  }

  #mayRaise(now: EpochMs, perMinute: number): boolean {
    if (now < this.#minuteBegan || now - this.#minuteBegan >= MINUTE_MS) {
      this.#minuteBegan = now;
      this.#raisedInMinute = 0;
    }
    if (this.#raisedInMinute >= perMinute) {
      this.#suppressed++;
      return false;
    }
    this.#raisedInMinute++;
    return true;
  }
}
