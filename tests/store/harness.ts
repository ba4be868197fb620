/** What the store tests share: a clock that is turned by hand, leases, and a reader of lease files that is not ours. */

import type { Lease } from 'lessor/internal/domain/lease.js';
import { formatHex, formatIpv4 } from 'lessor/internal/domain/values.js';
import type { Cancel, Clock, Logger, Random } from 'lessor/internal/services/ports.js';
import type { FileOps } from 'lessor/internal/store/file-ops.js';
import { MemfileStore } from 'lessor/internal/store/memfile.js';

/** A clock that stands still until it is turned. */
export class ManualClock implements Clock {
  nowMs = 1_700_000_000_000;
  #soon: (() => void)[] = [];
  #timers: { readonly at: number; readonly fn: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  after(delayMs: number, fn: () => void): Cancel {
    const timer = { at: this.nowMs + delayMs, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(fn: () => void): void {
    this.#soon.push(fn);
  }

  /** One turn of the loop: what was to run soon, and timers that are due; then everything promised. */
  async turn(advanceMs = 0): Promise<void> {
    this.nowMs += advanceMs;
    const due = this.#timers.filter((timer) => timer.at <= this.nowMs);
    this.#timers = this.#timers.filter((timer) => timer.at > this.nowMs);
    const soon = this.#soon;
    this.#soon = [];
    for (const fn of soon) fn();
    for (const { fn } of due) fn();
    await settle();
  }
}

/** Lets promises run until none is left that does not wait for the clock or the disk of this machine. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Turns the clock until `work` is done. */
export async function turnUntil<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  finished.catch(() => undefined);
  for (let turns = 0; !done; turns++) {
    if (turns > 100_000) throw new Error('the work never ends');
    await clock.turn();
  }
  return await finished;
}

/** The same octets every time. */
export const fixedRandom: Random = {
  below: (bound) => Math.floor(bound / 2),
  bytes: (count) => new Uint8Array(count).fill(0x5a),
};

/** Keeps what is logged. */
export class RecordingLogger implements Logger {
  readonly lines: { readonly severity: string; readonly id: string; readonly text: string }[] = [];
  enabled(): boolean {
    return true;
  }
  log(severity: string, id: string, text: string): void {
    this.lines.push({ severity, id, text });
  }
  child(): Logger {
    return this;
  }
  /** Texts logged under an identifier. */
  texts(id: string): string[] {
    return this.lines.filter((line) => line.id === id).map((line) => line.text);
  }
}

/** A store under test with everything around it. */
export function newStore(
  fileOps: FileOps,
  clock: Clock,
  options: Partial<ConstructorParameters<typeof MemfileStore>[0]> = {},
): MemfileStore {
  return new MemfileStore({
    path: '/leases/kea-leases4.csv',
    persist: true,
    maxRowErrors: 0,
    fileOps,
    clock,
    random: fixedRandom,
    logger: new RecordingLogger(),
    ...options,
  });
}

/** A lease of client `n`, with what is given instead. */
export function leaseOf(n: number, changes: Partial<Lease> = {}): Lease {
  const mac = String.fromCharCode(2, 0, 0, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  return {
    address: 0xc0000200 + n,
    hwAddress: mac,
    clientId: `\x01${mac}`,
    validLifetimeSec: 3600,
    clttSec: 1_700_000_000,
    subnetId: 1,
    poolId: 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: '',
    state: 0,
    userContext: '',
    ...changes,
  };
}

const HEADER =
  'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id';

/** The row Kea 3 writes for a lease whose texts need no escape. */
export function keaRow(lease: Lease): string {
  const { address, hwAddress, clientId, validLifetimeSec, clttSec, subnetId, fqdnFwd, fqdnRev, hostname, state } =
    lease;
  const flags = `${fqdnFwd ? 1 : 0},${fqdnRev ? 1 : 0}`;
  return `${formatIpv4(address)},${formatHex(hwAddress)},${formatHex(clientId)},${validLifetimeSec},${clttSec + validLifetimeSec},${subnetId},${flags},${hostname},${state},${lease.userContext},${lease.poolId}`;
}

/** A lease file with these rows, as Kea 3 would write it. */
export function keaFile(...rows: string[]): string {
  return `${[HEADER, ...rows].join('\n')}\n`;
}

/**
 * What Kea would make of a set of lease files, by address: the row that counts. Written after Kea's loader, without any
 * of our code, to hold ours to it.
 */
export function keaWouldLoad(read: (suffix: string) => string | undefined): Map<string, string> {
  const completed = read('.completed');
  const files = completed === undefined ? [read('.2'), read('.1'), read('')] : [completed, read('')];
  const leases = new Map<string, string>();
  for (const file of files) {
    if (file === undefined || file === '') continue;
    const [header, ...rows] = file.split('\n');
    if (header !== HEADER) throw new Error(`Kea would refuse the header '${header}'`);
    for (const row of rows) {
      const fields = row.split(',');
      if (fields.length !== 12) continue;
      if (fields[3] === '0') leases.delete(fields[0]!);
      else leases.set(fields[0]!, row);
    }
  }
  return leases;
}
