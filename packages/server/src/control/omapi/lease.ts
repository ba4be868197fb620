/** The OMAPI object `lease`: every address of a pool, and every other address that has a lease. */

import { LEASE_STATES, type OutgoingEntry, Result } from '@lessor/omapi';
import { declined } from '../../domain/dhcp4/decline.js';
import { expiresAtSec, isAvailable, type Lease, LeaseState } from '../../domain/lease.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { formatIpv4, INFINITE_LIFETIME, type Ipv4, octetsOf } from '../../domain/values.js';
import type { DirectoryEntry } from '../../services/reservation-directory.js';
import { attributesJson, recordChange } from './audit.js';
import { reachOf } from './demands.js';
import { hostIdentity } from './host-identity.js';
import { type FoundHost, hostOfEntry } from './host-reservations.js';
import { flagsOf, readReserved, setReserved } from './lease-flags.js';
import { isAgentOption, readVariable, variableEntries } from './lease-variables.js';
import {
  type Attributes,
  ETHERNET,
  findByHandle,
  findByKeys,
  invalidArgument,
  type Lookup,
  type ObjectRow,
  type OmapiContext,
  OmapiRefusal,
  octetsEntry,
  readHardwareType,
  readUint32,
  sameOctets,
  uint32Entry,
} from './object.js';
import { poolIdentity, poolOf } from './pool.js';

/** An address, and what is known of it. */
export interface FoundLease {
  readonly address: Ipv4;
  /** Undefined: never used, or forgotten. */
  readonly lease: Lease | undefined;
}

/** What dhcpd says of a lease that never ends. */
const NEVER = 0x7fff_ffff;
/** Attributes that are there to be read. dhcpd takes some of them and does nothing. */
const READ_ONLY = new Set([
  'ip-address',
  'pool',
  'starts',
  'dhcp-client-identifier',
  'client-hostname',
  'hostname',
  'host',
  'billing-class',
  'hardware-address',
  'hardware-type',
  'tstp',
  'tsfp',
  'atsfp',
  'cltt',
]);

/** The row. */
export const LEASE_OBJECT: ObjectRow<FoundLease> = {
  type: 'lease',
  right: 'leases',
  find: (keys, context) => findByKeys(lookups(keys, context), identity),
  identity,
  byIdentity: (text, context) => findAddress(Number(text), context),
  reach: ({ address, lease }, { snapshot }) =>
    reachOf([lease?.subnetId ?? poolOf(address, snapshot)?.subnetId ?? 0], snapshot),
  attributes,
  update,
  *list(context, after) {
    for (const address of addressesAfter(after, context)) yield findAddress(address, context)!;
  },
};

function identity({ address }: FoundLease): string {
  return String(address);
}

function findAddress(address: Ipv4, { snapshot, services }: OmapiContext): FoundLease | undefined {
  const lease = services.leases.getByAddress(address);
  return lease !== undefined || poolOf(address, snapshot) !== undefined ? { address, lease } : undefined;
}

/** Leases that are walked through between two looks at the table. */
const WALK_PAGE = 200;

/** Addresses with a lease, in their order; addresses of pools that were never used are not listed. */
function* addressesAfter(after: string, { services }: OmapiContext): Iterable<Ipv4> {
  for (let last = after === '' ? undefined : Number(after); ; ) {
    const page = services.leases.page(last, WALK_PAGE);
    for (const { address } of page) yield address;
    if (page.length < WALK_PAGE) return;
    last = page.at(-1)!.address;
  }
}

/** Keys in dhcpd's order; client-hostname is lessor's own. */
function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundLease>[] {
  const { leases } = context.services;
  const list: Lookup<FoundLease>[] = [];
  const add = (name: string, look: (value: Uint8Array) => FoundLease | undefined) => {
    const value = keys.get(name);
    if (value !== undefined) list.push(() => look(value));
  };
  add('handle', (value) => findByHandle(LEASE_OBJECT, value, context));
  add('ip-address', (value) => findAddress(readUint32(value, 'ip-address'), context));
  add('dhcp-client-identifier', (value) => onlyOne(leases.listByClientId(octetsOf(value))));
  add('hardware-address', (value) =>
    readHardwareType(keys) === ETHERNET ? onlyOne(leases.listByHwAddress(octetsOf(value))) : undefined,
  );
  add('client-hostname', (value) => onlyOne(leases.listByHostname(octetsOf(value))));
  return list;
}

/** @throws OmapiRefusal MULTIPLE, whatever the states of the leases (dhcpd) */
function onlyOne(leases: readonly Lease[]): FoundLease | undefined {
  const [lease, ...others] = leases;
  if (lease === undefined) return undefined;
  if (others.length > 0) throw new OmapiRefusal(Result.MULTIPLE);
  return { address: lease.address, lease };
}

/** Free as soon as another client could have the address, as in a dhcpd without failover. */
function stateOf(lease: Lease | undefined, nowSec: number): number {
  if (isAvailable(lease, nowSec)) return LEASE_STATES.free;
  return lease!.state === LeaseState.declined ? LEASE_STATES.abandoned : LEASE_STATES.active;
}

function attributes({ address, lease }: FoundLease, context: OmapiContext): OutgoingEntry[] {
  const { snapshot, nowSec, handles } = context;
  const state = stateOf(lease, nowSec);
  const active = state === LEASE_STATES.active;
  const entries: OutgoingEntry[] = [uint32Entry('state', state), uint32Entry('ip-address', address)];
  if (lease !== undefined && lease.clientId !== '') entries.push(octetsEntry('dhcp-client-identifier', lease.clientId));
  if (active && lease!.hostname !== '') entries.push(octetsEntry('client-hostname', lease!.hostname));
  const host = active ? hostOf(lease!, context) : undefined;
  if (host !== undefined)
    entries.push(uint32Entry('host', handles.numberOf('host', hostIdentity(host[0].reservation))));
  const pool = poolOf(address, snapshot);
  const subnetId = lease?.subnetId ?? pool?.subnetId;
  if (subnetId !== undefined) entries.push(uint32Entry('subnet', handles.numberOf('subnet', String(subnetId))));
  if (pool !== undefined) entries.push(uint32Entry('pool', handles.numberOf('pool', poolIdentity(pool))));
  if (lease !== undefined && lease.hwAddress !== '') {
    entries.push(octetsEntry('hardware-address', lease.hwAddress), uint32Entry('hardware-type', ETHERNET));
  }
  const ends = endsOf(lease);
  const cltt = lease?.clttSec ?? 0;
  entries.push(
    uint32Entry('ends', ends),
    uint32Entry('starts', cltt),
    // What a partner would be told is the end; from a partner, and acknowledged by it, is nothing: there is no failover.
    uint32Entry('tstp', ends),
    uint32Entry('tsfp', 0),
    uint32Entry('atsfp', 0),
    uint32Entry('cltt', cltt),
    ['flags', Uint8Array.of(flagsOf(lease, context))],
  );
  if (lease !== undefined) entries.push(...variableEntries(lease));
  return entries;
}

function endsOf(lease: Lease | undefined): number {
  if (lease === undefined) return 0;
  const ends = expiresAtSec(lease);
  return ends === Number.POSITIVE_INFINITY ? NEVER : ends;
}

/** The host of the client that holds the lease. */
function hostOf(lease: Lease, { snapshot, services }: OmapiContext): FoundHost | undefined {
  const directory = services.reservations.of(snapshot);
  const byAddress = directory.ofClient('hw-address', lease.hwAddress);
  const byIdentifier = lease.clientId === '' ? [] : directory.ofClient('client-id', lease.clientId);
  if (byAddress.length + byIdentifier.length === 0) return undefined;
  for (const scope of [lease.subnetId, 0]) {
    const inScope = ({ reservation }: DirectoryEntry): boolean => reservation.subnetId === scope;
    const found = byAddress.find(inScope) ?? byIdentifier.find(inScope);
    if (found !== undefined) return hostOfEntry(found, directory);
  }
  return undefined;
}

/** What an address is to become; undefined: without a lease. */
type Draft = Lease | undefined;

/** Reads all attributes first, so that what follows is one transaction or nothing. */
async function update(found: FoundLease, given: Attributes, context: OmapiContext): Promise<FoundLease> {
  const { services, nowSec, snapshot } = context;
  const changes = [...given].flatMap(([name, value]) => readChange(name, value, found, context));
  // Another object changes with this flag: it is done first, because it may be refused.
  const flags = given.get('flags');
  if (flags !== undefined) {
    if (given.size > 1) throw invalidArgument('flags change a host: set them in an update of their own');
    await setReserved(found, readReserved(flags, found.lease), context);
  }
  const { before, after } = await services.ledger.transact((tx) => {
    const before = tx.getByAddress(found.address);
    const after = changes.reduce<Draft>((draft, change) => change(draft, nowSec, snapshot), before);
    if (after === undefined && before !== undefined) tx.delete(found.address);
    else if (after !== undefined && after !== before) tx.put(after);
    return { before, after };
  });
  if (after !== before) {
    const told = () => ({ ...attributesJson(given), 'ip-address': formatIpv4(found.address) });
    recordChange('omapi-lease-update', told, context);
  }
  return findAddress(found.address, context) ?? found;
}

/** What one attribute does to a lease. @throws OmapiRefusal */
type Change = (lease: Draft, nowSec: number, snapshot: ConfigSnapshot) => Draft;

function readChange(name: string, value: Uint8Array, found: FoundLease, context: OmapiContext): Change[] {
  if (name === 'state') return [changeState(readUint32(value, name), found.address)];
  if (name === 'ends') return [changeEnds(readUint32(value, name))];
  if (name === 'flags') return [];
  if (name === 'subnet') throw invalidArgument('the subnet of a lease follows from its address');
  if (READ_ONLY.has(name) || isAgentOption(name)) {
    const [, now] = attributes(found, context).find(([known]) => known === name) ?? [];
    // A key of an open that also updates comes along as an attribute to write: it is what it is.
    if (now !== undefined && sameOctets(value, now)) return [];
    throw new OmapiRefusal(Result.NOPERM, `${name} can not be changed`);
  }
  const set = readVariable(name, octetsOf(value));
  return [
    (lease, nowSec) => {
      if (isAvailable(lease, nowSec))
        throw new OmapiRefusal(Result.NOPERM, 'only a lease that is in force has variables');
      return set(lease!);
    },
  ];
}

function changeState(wanted: number, address: Ipv4): Change {
  if (wanted < LEASE_STATES.free || wanted > LEASE_STATES.backup) throw invalidArgument(`${wanted} is no lease state`);
  return (lease, nowSec, snapshot) => {
    const now = stateOf(lease, nowSec);
    if (wanted === now) return lease;
    if (wanted === LEASE_STATES.abandoned) return abandoned(address, lease, nowSec, snapshot);
    const frees = wanted === LEASE_STATES.free || wanted === LEASE_STATES.expired || wanted === LEASE_STATES.released;
    if (!frees) throw new OmapiRefusal(Result.NOPERM, 'a lease can be made free, expired, released or abandoned');
    return now === LEASE_STATES.free ? lease : freed(lease!, nowSec, snapshot);
  };
}

/** Unlike dhcpd, which frees an active lease whatever the new time: only an end that has come ends it. */
function changeEnds(ends: number): Change {
  return (lease, nowSec, snapshot) => {
    if (ends === endsOf(lease)) return lease;
    const now = stateOf(lease, nowSec);
    if (ends <= nowSec) return now === LEASE_STATES.free ? lease : freed(lease!, nowSec, snapshot);
    if (now !== LEASE_STATES.active) throw new OmapiRefusal(Result.NOPERM, 'only an active lease can be prolonged');
    const never = ends === NEVER || ends === INFINITE_LIFETIME;
    return { ...lease!, validLifetimeSec: never ? INFINITE_LIFETIME : ends - lease!.clttSec };
  };
}

/** As if a client had declined the address: nobody gets it for `decline-probation-period`. */
function abandoned(address: Ipv4, lease: Draft, nowSec: number, snapshot: ConfigSnapshot): Draft {
  const pool = poolOf(address, snapshot);
  const subnetId = lease?.subnetId ?? pool?.subnetId ?? 0;
  const unused: Lease = {
    address,
    hwAddress: '',
    clientId: '',
    validLifetimeSec: 0,
    clttSec: nowSec,
    subnetId,
    poolId: pool?.id ?? 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: '',
    state: LeaseState.default,
    userContext: '',
  };
  return declined(lease ?? unused, snapshot.declineProbationSec, nowSec);
}

/** As if its client had released it: kept for the client's return where the configuration keeps such leases. */
function freed(lease: Lease, nowSec: number, { expiration }: ConfigSnapshot): Draft {
  const { flushReclaimedTimerWaitSec, holdReclaimedSec } = expiration;
  const keep = flushReclaimedTimerWaitSec > 0 && holdReclaimedSec > 0 && lease.validLifetimeSec !== INFINITE_LIFETIME;
  if (!keep || lease.state === LeaseState.declined) return undefined;
  const clttSec = Math.min(lease.clttSec, nowSec);
  return { ...lease, clttSec, validLifetimeSec: 0, state: LeaseState.released };
}
