/**
 * What must hold of every run, whatever happened (SAFETY: C-I1 to C-I8), in each relation: looked for in its history, and at the
 * end, when all is healed and quiet, in the two databases. Plans are handed in with the clients of the relation only.
 */

import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import { endOf, isBinding, versionIn } from 'lessor/internal/domain/pair/record.js';
import { compareVersions, formatVersion, strayOf, type Version } from 'lessor/internal/domain/pair/version.js';
import type { Ipv4 } from 'lessor/internal/domain/values.js';
import { type SimClient, short } from './client.js';
import type { Holding, PairHistory } from './history.js';
import { clientOfHwAddress, hwAddressOf } from './message.js';
import type { Plan } from './plan.js';
import type { Seat } from './topology.js';

/** An invariant that was broken. */
export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'defect';
  readonly at: number;
  readonly text: string;
}

/** The world when all is quiet. */
export interface FinalState {
  readonly now: number;
  readonly epochMs: number;
  readonly seats: readonly [Seat, Seat];
  readonly clients: readonly SimClient[];
}

/** Ends are whole seconds, reckoned by two servers and a client: so much they may differ. */
const ROUNDING_SEC = 3;

/** Who has asked for longer than this when all has healed was forgotten. */
const PATIENCE_MS = 40_000;
/** Clocks of the two servers further apart than this give nothing to new clients. */
const MOST_SKEW_MS = 56_000;

/** What the history alone shows. */
export function checkHistory(plan: Plan, history: PairHistory): Violation[] {
  return [
    ...doubleAssignments(history),
    ...refusals(history),
    ...versions(history),
    ...history.differences.map(({ at, text }): Violation => ({ invariant: 'I6', at, text })),
    ...waits(plan, history),
  ];
}

/** What the two databases show at the end. */
export function checkFinally(plan: Plan, history: PairHistory, final: FinalState): Violation[] {
  return [...converged(final), ...remembered(history, final), ...served(plan, history, final)];
}

// --- I1, I7: no address for two; what was given up is reported ---

function doubleAssignments(history: PairHistory): Violation[] {
  const found: Violation[] = [];
  for (const [address, holdings] of groupBy(history.holdings, (holding) => holding.address)) {
    holdings.sort((a, b) => a.from - b.from);
    for (let i = 0; i < holdings.length; i++) {
      for (let j = i + 1; j < holdings.length; j++) {
        const [a, b] = [holdings[i]!, holdings[j]!];
        const [from, until] = [Math.max(a.from, b.from), Math.min(a.until, b.until)];
        if (a.client === b.client || from >= until) continue;
        const text = `${short(address)} belongs to client ${show(a)} and to client ${show(b)}`;
        const met = metAgain(history, from);
        // An operator told a server to use what is the other's, and the two have not met since.
        const excuse = history.untruths.some((at) => at <= from) && met > from;
        if (givenUp(history, address, a, from) || givenUp(history, address, b, from)) continue;
        if (!excuse) found.push({ invariant: 'I1', at: from, text });
        else if (until > met && !reported(history, address, a, b)) {
          found.push({ invariant: 'I7', at: from, text: `${text}, and nobody was told` });
        }
      }
    }
  }
  return found;
}

/**
 * Both servers and an operator know that the client lost the address when the two met, after an operator's untruth, and no
 * server has confirmed it to the client since: it goes on using it only because nothing tells a client before it asks again.
 * Whoever is given the address from then on is not given it by mistake.
 */
function givenUp(history: PairHistory, address: Ipv4, { client, from, ackedAt }: Holding, atMs: number): boolean {
  const holder = `h${hwAddressOf(client)}`;
  return history.alarms.some(
    ({ at, address: lost, dropped }) =>
      lost === address &&
      dropped === holder &&
      from <= at &&
      ackedAt <= at &&
      at <= atMs &&
      history.untruths.some((said) => said <= at),
  );
}

/** When both servers were in normal operation for the first time after an instant. */
function metAgain(history: PairHistory, after: number): number {
  const state = ['starting', 'starting'];
  for (const { at, side, to } of history.states) {
    if (at > after && state[0] === 'normal' && state[1] === 'normal') return after;
    state[side] = to;
    if (at > after && state[0] === 'normal' && state[1] === 'normal') return at;
  }
  return state[0] === 'normal' && state[1] === 'normal' ? after : Number.POSITIVE_INFINITY;
}

/** An alarm said that one of the two loses the address. */
function reported(history: PairHistory, address: Ipv4, a: Holding, b: Holding): boolean {
  const holders = [a, b].map(({ client }) => `h${hwAddressOf(client)}`);
  return history.alarms.some((alarm) => alarm.address === address && holders.includes(alarm.dropped));
}

function show({ client, from, until, server, ended }: Holding): string {
  const end = ended === undefined ? '' : ` (${ended})`;
  return `${client} [${(from / 1000).toFixed(1)}, ${(until / 1000).toFixed(1)} s)${end}, last acknowledged by server ${server}`;
}

// --- I3: no NAK for whom the address belongs to ---

function refusals(history: PairHistory): Violation[] {
  return history.refusals
    .filter(({ entitled, at, address }) => entitled && !wasReported(history, address, at))
    .map(({ at, client, address, server }) => ({
      invariant: 'I3',
      at,
      text: `server ${server} refused client ${client} its ${short(address)}`,
    }));
}

/** It was taken from the client by a merge, as reported, or an operator had told a server to use what is the other's. */
function wasReported(history: PairHistory, address: Ipv4, at: number): boolean {
  return history.untruths.some((said) => said <= at) || history.alarms.some((alarm) => alarm.address === address);
}

// --- I4, I5: versions only rise, one version is one content, nothing that was over comes back in an old version ---

function versions(history: PairHistory): Violation[] {
  const found: Violation[] = [];
  const last = new Map<string, { version: Version; gone: boolean }>();
  const contents = new Map<string, string>();
  const addressOfEvent = new Map<string, Ipv4>();
  for (const { at, side, life, address, after } of history.stored) {
    if (after === undefined) {
      const before = last.get(`${side} ${life} ${address}`);
      if (before !== undefined) before.gone = true;
      continue;
    }
    const version = versionIn(after.userContext);
    const key = `${side} ${life} ${address}`;
    const before = last.get(key);
    const order = before === undefined ? 'newer' : compareVersions(version, before.version);
    const active = isBinding(after);
    // Of what both have forgotten as over one may still have an older row that says so too.
    const harmless = before?.gone === true && !active;
    if ((order === 'older' && !harmless) || (order === 'equal' && before!.gone && active)) {
      const text = `server ${side} ${short(address)}: ${formatVersion(version)} after ${formatVersion(before!.version)}`;
      found.push({ invariant: before!.gone && active ? 'I4' : 'I5', at, text });
    }
    last.set(key, { version, gone: false });
    const content = contentOf(after);
    // What a server that began anew gave is counted again before its partner sees it: until then the number is of that life alone.
    const whose = strayOf(version) === side ? ` on server ${side} in life ${life}` : '';
    const name = `${address} ${formatVersion(version)}${whose}`;
    const known = contents.get(name);
    if (known !== undefined && known !== content) {
      found.push({
        invariant: 'I5',
        at,
        text: `${short(address)} ${formatVersion(version)} is both ${known} and ${content}`,
      });
    }
    contents.set(name, content);
    for (const of of [0, 1] as const) {
      if (version[of] <= 0) continue;
      const event = `${of} ${version[of]}${whose}`;
      const other = addressOfEvent.get(event);
      if (other !== undefined && other !== address) {
        const text = `event ${formatVersion(version)} of server ${of} is of ${short(other)} and of ${short(address)}`;
        found.push({ invariant: 'I5', at, text });
      }
      addressOfEvent.set(event, address);
    }
  }
  return found.slice(0, 5);
}

function contentOf(lease: Lease): string {
  const { state, hwAddress } = lease;
  const over = state !== LeaseState.default && state !== LeaseState.declined;
  return over ? 'over' : `state ${state} of ${nameOf(hwAddress)}`;
}

function nameOf(hwAddress: string): string {
  const client = clientOfHwAddress(hwAddress);
  return client === undefined ? 'nobody' : `client ${client}`;
}

// --- I8: nobody waits long without a reason ---

/** Without a fault a client is answered at once, but for lost packets. */
function waits(plan: Plan, history: PairHistory): Violation[] {
  if (plan.faults.length > 0) return [];
  const enough = (from: number) => plan.settings.poolSize - inProbation(history, from) >= 1.5 * plan.clients.length;
  return history.waits
    .filter(({ from, to }) => from > 15_000 && to - from > 45_000 && enough(from))
    .map(({ client, from, to, kind }) => ({
      invariant: 'I8',
      at: to,
      text: `client ${client} asked ${Math.round((to - from) / 1000)} s (${kind}) though nothing was wrong`,
    }));
}

// --- at the end ---

function groupBy<T, K>(list: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** I6: both are in normal operation and have the same bindings in the same versions. */
function converged({ seats, now }: FinalState): Violation[] {
  const found: Violation[] = [];
  for (const { side, half } of seats) {
    const status = half?.pair.status;
    if (status?.state === 'normal') continue;
    const text = `server ${side} is ${status?.state ?? 'not there'}, connected ${status?.connected}, compared ${status?.compared}`;
    found.push({ invariant: 'I6', at: now, text });
  }
  if (found.length > 0) return found;
  const [a, b] = seats.map((seat) => bindings(seat));
  for (const address of new Set([...a!.keys(), ...b!.keys()])) {
    const [mine, theirs] = [a!.get(address), b!.get(address)];
    if (mine !== theirs) {
      found.push({ invariant: 'I6', at: now, text: `${short(address)}: server 0 has ${mine}, server 1 has ${theirs}` });
    }
  }
  return found;
}

function bindings(seat: Seat): Map<Ipv4, string> {
  const result = new Map<Ipv4, string>();
  for (const lease of seat.leases()) {
    if (isBinding(lease))
      result.set(lease.address, `${formatVersion(versionIn(lease.userContext))} ${contentOf(lease)}`);
  }
  return result;
}

/** I2 and I7: whatever a client may still be using is known to both, or an alarm has said that it was given up. */
function remembered(history: PairHistory, { seats, clients, now, epochMs }: FinalState): Violation[] {
  const found: Violation[] = [];
  for (const { holding, plan } of clients) {
    if (holding === undefined || holding.until <= now + ROUNDING_SEC * 1000) continue;
    if (history.alarms.some(({ address, at }) => address === holding.address && at >= holding.from)) continue;
    for (const seat of seats) {
      const { side, life } = seat;
      const { process } = seat.node;
      // Whoever lost its disk can not know what it alone had promised; that it is not given away is I1.
      if (history.losses.some((loss) => loss.at >= holding.ackedAt)) continue;
      const lease = seat.lease(holding.address);
      const skewMs = process === undefined ? 0 : process.clock.now() - epochMs - now;
      const left = lease === undefined ? 0 : endOf(lease) - (epochMs + now + skewMs) / 1000;
      const own = lease !== undefined && lease.state === LeaseState.default && lease.hwAddress === hwAddressOf(plan.id);
      const wanted = (holding.until - now) / 1000 - ROUNDING_SEC;
      if (own && left >= wanted) continue;
      const what = own ? `${left.toFixed(1)} s of it` : lease === undefined ? 'nothing' : contentOf(lease);
      found.push({
        invariant: history.untruths.length > 0 ? 'I7' : 'I2',
        at: now,
        text: `client ${show(holding)} holds ${short(holding.address)}, server ${side} (life ${life}) knows ${what}`,
      });
    }
  }
  return found;
}

/** I8, after everything has healed: who wants an address has one, as far as there are enough. */
function served({ settings, clients: plans }: Plan, history: PairHistory, final: FinalState): Violation[] {
  const { clients, seats, now } = final;
  if (settings.poolSize - inProbation(history, now - PATIENCE_MS) < 2 * plans.length) return [];
  const [a, b] = seats.map(({ node }) => node.process?.clock.now() ?? 0);
  // Clocks too far apart: known clients only (SAFETY 3.8).
  if (Math.abs(a! - b!) > MOST_SKEW_MS) return [];
  return clients
    .filter(({ lackingSince = now }) => now - lackingSince > PATIENCE_MS)
    .map(({ plan, state }) => ({
      invariant: 'I8',
      at: now,
      text: `client ${plan.id} (${state}) has no address though all is well`,
    }));
}

/** How many addresses were kept from everybody after an instant, because a client had declined them. */
function inProbation({ stored }: PairHistory, afterMs: number): number {
  const declined = new Set<Ipv4>();
  for (const { at, address, after } of stored) {
    if (after?.state === LeaseState.declined && at + after.validLifetimeSec * 1000 > afterMs) declined.add(address);
  }
  return declined.size;
}
