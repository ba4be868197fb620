/**
 * Fetching the leases of a Kea partner, page by page, with its service held off meanwhile as Kea does. Unlike Kea what
 * we have newer is not kept quiet: what the partner has otherwise it is told before it serves again, and what it has
 * not is given to the caller, to be sent (after a split that has healed).
 */

import type { Lease } from '../../domain/lease.js';
import { LeaseState } from '../../domain/lease.js';
import { leaseFromJson } from '../../domain/lease-json.js';
import { holderOf } from '../../domain/pair/record.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import type { Ledger } from '../ledger.js';
import type { IncomingLeases } from './incoming.js';

/** What a synchronisation works with. */
export interface SynchroniseParts {
  readonly ledger: Pick<Ledger, 'leases'>;
  /** Resolves with result code and arguments; rejects without an answer. */
  readonly ask: (command: string, args: JsonMap) => Promise<{ readonly result: number; readonly arguments: JsonMap }>;
  readonly incoming: Pick<IncomingLeases, 'judge' | 'supersededBy' | 'store' | 'remove'>;
  /** Tells the partner what is here of these addresses, and which leases it is to remove. @throws Error if that fails */
  readonly tell: (ours: readonly Ipv4[], over: readonly Lease[]) => Promise<void>;
  readonly pageLimit: number;
  readonly maxPeriodSec: number;
  readonly selfName: string;
  readonly nowSec: () => EpochSec;
  /** A lease of the partner that can not be read is left out. */
  readonly onUnreadable: (error: Error) => void;
}

/** Members that switch the service of the partner: as its Kea 2.2 and 3 understand them, by number and by name. */
const ORIGIN = { 'origin-id': 2000, origin: 'ha-partner' } as const;
const UNSUPPORTED = 2;

/** What a synchronisation found. */
export interface Synchronised {
  readonly received: number;
  readonly taken: number;
  /** Leases of the partner whose clients gave them up, or left them for others. */
  readonly over: number;
  /** Leases in force that the partner does not have, or has older. */
  readonly ours: readonly Lease[];
}

/**
 * Fetches all leases and lets the partner serve again.
 * @throws Error if the partner does not answer or refuses: try again with the next heartbeat
 */
export async function synchronise(parts: SynchroniseParts): Promise<Synchronised> {
  const { ask, pageLimit, maxPeriodSec, selfName } = parts;
  const theirs = new Map<Ipv4, Lease>();
  const found: Findings = { taken: [], conflicts: [], over: [] };
  try {
    let from: string = 'start';
    for (;;) {
      await must(ask('dhcp-disable', { ...ORIGIN, 'max-period': maxPeriodSec }), 'dhcp-disable');
      const { leases, last } = await page(parts, from);
      for (const lease of leases) theirs.set(lease.address, lease);
      await takeIn(parts, leases, found);
      if (last.count < pageLimit || last.address === undefined) break;
      from = last.address;
    }
    found.over.push(...(await leaveBehind(parts, found.taken)));
    await parts.tell(found.conflicts, found.over);
  } catch (error) {
    await ask('dhcp-enable', ORIGIN).catch(() => undefined);
    throw error;
  }
  const done = await ask('ha-sync-complete-notify', { ...ORIGIN, 'server-name': selfName });
  if (done.result === UNSUPPORTED) await ask('dhcp-enable', ORIGIN);
  return {
    received: theirs.size,
    taken: found.taken.length,
    over: found.over.length,
    ours: ourNewer(parts, theirs),
  };
}

/** What became of the partner's leases. */
interface Findings {
  readonly taken: Lease[];
  /** Addresses that another client has here, and had later. */
  readonly conflicts: Ipv4[];
  readonly over: Lease[];
}

async function must(answer: Promise<{ readonly result: number }>, command: string): Promise<void> {
  const { result } = await answer;
  if (result !== 0) throw new Error(`the partner answers ${command} with ${result}`);
}

async function page(
  { ask, pageLimit, onUnreadable }: SynchroniseParts,
  from: string,
): Promise<{
  readonly leases: Lease[];
  readonly last: { readonly count: number; readonly address: string | undefined };
}> {
  const { result, arguments: args } = await ask('lease4-get-page', { from, limit: pageLimit });
  if (result !== 0 && result !== 3) throw new Error(`the partner answers lease4-get-page with ${result}`);
  const list: readonly Json[] = Array.isArray(args.leases) ? args.leases : [];
  const leases: Lease[] = [];
  for (const json of list) {
    try {
      leases.push(leaseFromJson(json as JsonMap));
    } catch (error) {
      onUnreadable(error as Error);
    }
  }
  const end = list.at(-1) as JsonMap | undefined;
  const address = end?.['ip-address'];
  return { leases, last: { count: list.length, address: typeof address === 'string' ? address : undefined } };
}

async function takeIn(
  { ledger, incoming }: SynchroniseParts,
  leases: readonly Lease[],
  found: Findings,
): Promise<void> {
  const newer: Lease[] = [];
  for (const lease of leases) {
    const verdict = incoming.judge(lease);
    if (verdict === 'take') newer.push(lease);
    else if (verdict === 'over') found.over.push(lease);
    else if (verdict === 'keep') {
      const mine = ledger.leases.getByAddress(lease.address);
      if (mine !== undefined && holderOf(mine) !== holderOf(lease)) found.conflicts.push(lease.address);
    }
  }
  if (newer.length > 0) await incoming.store(newer);
  found.taken.push(...newer);
}

/** Removes leases of clients that now have another one from the partner; resolves with them. @throws StoreError */
async function leaveBehind({ incoming }: SynchroniseParts, taken: readonly Lease[]): Promise<Lease[]> {
  const left = taken
    .filter(({ state }) => state === LeaseState.default)
    .flatMap((lease) => incoming.supersededBy(lease));
  for (const { address } of left) await incoming.remove(address);
  return left;
}

function ourNewer({ ledger, nowSec }: SynchroniseParts, theirs: ReadonlyMap<Ipv4, Lease>): Lease[] {
  const ours: Lease[] = [];
  const now = nowSec();
  for (const lease of ledger.leases.all()) {
    if (lease.state !== LeaseState.default || lease.clttSec + lease.validLifetimeSec < now) continue;
    const other = theirs.get(lease.address);
    if (other === undefined || other.clttSec < lease.clttSec) ours.push(lease);
  }
  return ours;
}
