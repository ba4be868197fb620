/**
 * The OMAPI object `failover-state`: a pair of servers as dhcpd's clients know failover. Its name is that of the
 * relation; states of either protocol are told in dhcpd's numbers. What can be written is that the partner is down.
 */

import { isIPv4 } from 'node:net';
import { FAILOVER_STATES, type OutgoingEntry, Result } from '@lessor/omapi';
import { type HaConfig, sideOfRole } from '../../domain/ha/config.js';
import { type EpochSec, parseIpv4 } from '../../domain/values.js';
import type { HaReport } from '../../services/ha-report.js';
import type { JsonMap } from '../command.js';
import {
  type Attributes,
  findByHandle,
  findByKeys,
  invalidArgument,
  type Lookup,
  type ObjectRow,
  type OmapiContext,
  OmapiRefusal,
  octetsEntry,
  readUint32,
  runCommand,
  sameOctets,
  uint32Entry,
} from './object.js';

/** A pair this server is one of: a hub is one of several. */
interface FoundPair {
  readonly config: HaConfig;
  readonly report: HaReport;
}

/** States of dhcpd for those of a pair of lessors, of Kea's protocol, and of a partner nobody has heard of. */
const STATES: Readonly<Record<string, number>> = {
  starting: FAILOVER_STATES.startup,
  recovering: FAILOVER_STATES.recover,
  normal: FAILOVER_STATES.normal,
  interrupted: FAILOVER_STATES['communications-interrupted'],
  'partner-down': FAILOVER_STATES['partner-down'],
  waiting: FAILOVER_STATES['recover-wait'],
  syncing: FAILOVER_STATES.recover,
  ready: FAILOVER_STATES['recover-done'],
  'load-balancing': FAILOVER_STATES.normal,
  'hot-standby': FAILOVER_STATES.normal,
  'communication-recovery': FAILOVER_STATES['communications-interrupted'],
  'partner-in-maintenance': FAILOVER_STATES['partner-down'],
  'in-maintenance': FAILOVER_STATES.paused,
  terminated: FAILOVER_STATES['potential-conflict'],
};

/** Octets of the buckets of RFC 3074, of which each has one bit. */
const HBA_OCTETS = 32;
/** Bits of the buckets with even numbers, which are the primary's where both serve. */
const EVEN_BUCKETS = 0x55;
const ALL_BUCKETS = 0xff;

/** The row. */
export const FAILOVER_OBJECT: ObjectRow<FoundPair> = {
  type: 'failover-state',
  right: 'shutdown',
  find: (keys, context) => findByKeys(lookups(keys, context), identity),
  identity,
  byIdentity: (text, context) => {
    return pairsOf(context).find((found) => identity(found) === text);
  },
  attributes,
  update,
  *list(context, after) {
    const pairs = pairsOf(context);
    yield* pairs.slice(after === '' ? 0 : pairs.findIndex((found) => identity(found) === after) + 1);
  },
};

function identity({ config }: FoundPair): string {
  return config.relationship;
}

function pairsOf({ services, snapshot }: OmapiContext): FoundPair[] {
  return snapshot.ha.flatMap((config, i) => {
    const report = services.ha[i];
    return report === undefined ? [] : [{ config, report }];
  });
}

function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundPair>[] {
  const [handle, name] = [keys.get('handle'), keys.get('name')];
  const list: Lookup<FoundPair>[] = [];
  if (handle !== undefined) list.push(() => findByHandle(FAILOVER_OBJECT, handle, context));
  if (name !== undefined) {
    list.push(() => {
      return pairsOf(context).find(({ config }) => sameOctets(name, config.relationship));
    });
  }
  return list;
}

/** In dhcpd's order. */
function attributes({ config, report }: FoundPair, { nowSec }: OmapiContext): OutgoingEntry[] {
  const { self, partner, mode, safe, kea } = config;
  const status = report.status();
  const { protocol, state, 'partner-state': partnerState, unconfirmed } = status.lessor as JsonMap;
  const { 'clock-skew': skew } = (status['ha-servers'] as { readonly remote: JsonMap }).remote;
  const isPrimary = sideOfRole(self.role) === 0;
  const withLessor = protocol !== 'kea';
  const [local, other] = [stateNumber(state), stateNumber(partnerState)];
  const since = seenSince(report, [local, other], nowSec);
  return [
    octetsEntry('name', config.relationship),
    addressEntry('partner-address', partner.address),
    uint32Entry('partner-port', partner.port),
    addressEntry('local-address', self.address),
    uint32Entry('local-port', self.port),
    uint32Entry('max-outstanding-updates', withLessor ? 0 : kea.maxUnackedClients),
    uint32Entry('mclt', withLessor ? safe.mcltSec : 0),
    uint32Entry('load-balance-max-secs', withLessor ? safe.neglectedAfterSec : Math.floor(kea.maxAckDelayMs / 1000)),
    ...(isPrimary ? [bucketsEntry(mode)] : []),
    uint32Entry('partner-state', other),
    uint32Entry('local-state', local),
    uint32Entry('partner-stos', since[1]),
    uint32Entry('local-stos', since[0]),
    uint32Entry('hierarchy', isPrimary ? 0 : 1),
    uint32Entry('last-packet-sent', 0),
    uint32Entry('last-timestamp-received', 0),
    uint32Entry('skew', typeof skew === 'number' ? Math.abs(Math.round(skew)) : 0),
    uint32Entry('max-response-delay', Math.ceil((withLessor ? safe.interruptAfterMs : kea.maxResponseDelayMs) / 1000)),
    uint32Entry('cur-unacked-updates', typeof unconfirmed === 'number' ? unconfirmed : 0),
  ];
}

function stateNumber(word: unknown): number {
  return typeof word === 'string' && Object.hasOwn(STATES, word) ? STATES[word]! : FAILOVER_STATES.unknown;
}

function addressEntry(name: string, address: string): OutgoingEntry {
  return isIPv4(address) ? uint32Entry(name, parseIpv4(address)!) : [name, Buffer.from(address)];
}

function bucketsEntry(mode: HaConfig['mode']): OutgoingEntry {
  return ['load-balance-hba', Buffer.alloc(HBA_OCTETS, mode === 'load-balancing' ? EVEN_BUCKETS : ALL_BUCKETS)];
}

/** Since when the states of a pair have been what they are, as far as somebody has looked: a pair keeps no such times. */
const seen = new WeakMap<HaReport, { readonly states: readonly number[]; readonly since: readonly EpochSec[] }>();

function seenSince(
  report: HaReport,
  states: readonly [number, number],
  nowSec: EpochSec,
): readonly [EpochSec, EpochSec] {
  const before = seen.get(report);
  const since = states.map((state, i) => (before?.states[i] === state ? before.since[i]! : nowSec));
  seen.set(report, { states, since });
  return [since[0]!, since[1]!];
}

/** Attributes that are there, of which only one can be written. dhcpd takes the others and does nothing. */
async function update(found: FoundPair, given: Attributes, context: OmapiContext): Promise<FoundPair> {
  const now = new Map(attributes(found, context));
  let down = false;
  for (const [name, value] of given) {
    const is = now.get(name);
    if (is === undefined) throw new OmapiRefusal(Result.NOTFOUND, `failover-state has no attribute ${name}`);
    if (sameOctets(value, is)) continue;
    if (name !== 'local-state') throw new OmapiRefusal(Result.NOPERM, `${name} can not be changed`);
    if (readUint32(value, name) !== FAILOVER_STATES['partner-down']) {
      throw invalidArgument('the state can be set to 4, partner-down: the others follow from what happens');
    }
    down = true;
  }
  if (down) await runCommand('ha-partner-down', { 'server-name': found.config.self.name }, context);
  return found;
}
