/**
 * What a new configuration would mean for the clients that hold a lease: who loses the address at the next renewal
 * and why, and who keeps it but is told something new. Walks the leases in slices, so packets do not wait.
 */

import { HOST_IDENTIFIERS } from '../domain/identity.js';
import { isAvailable, type Lease, LeaseState } from '../domain/lease.js';
import { ReservationIndex } from '../domain/reservation.js';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Subnet } from '../domain/snapshot.js';
import { contains } from '../domain/topology.js';
import type { EpochSec, Ipv4, SubnetId } from '../domain/values.js';
import type { LeaseReader } from './ports.js';

/** Why a lease could not be renewed. */
export type HomelessReason = 'subnet-removed' | 'outside-subnet' | 'outside-pools' | 'reserved-for-other';

/** A lease that would not be renewed. */
export interface HomelessLease {
  readonly lease: Lease;
  readonly reason: HomelessReason;
}

/** What would become of the leases in force. */
export interface LeaseEffects {
  /** Leases in force that were looked at. */
  readonly checked: number;
  /** How many of them could not be renewed, by reason. */
  readonly homeless: ReadonlyMap<HomelessReason, number>;
  /** The first of those, in order of address. */
  readonly examples: readonly HomelessLease[];
  /** Clients that keep their address and may be told other options or times at the next renewal. */
  readonly retold: number;
}

/** What the walk needs. */
export interface LeaseEffectsInput {
  readonly before: ConfigSnapshot;
  readonly after: ConfigSnapshot;
  /** Reservations of `after`. */
  readonly reservations: ReservationIndex;
  /** Subnets whose clients would be told something else. */
  readonly changedSubnets: ReadonlySet<SubnetId>;
  readonly leases: Pick<LeaseReader, 'page'>;
  readonly nowSec: EpochSec;
}

/** Leases looked at before somebody else may have a turn. */
const PAGE = 200;
const MAX_EXAMPLES = 10;

/** Looks at every lease in force, to be interrupted again and again. */
export function* leaseEffects(input: LeaseEffectsInput): Sliced<LeaseEffects> {
  const { before, after, leases, nowSec, changedSubnets } = input;
  // Needed only for leases that lose their address, which are few.
  let indexBefore: ReservationIndex | undefined;
  const wasHomeless = (lease: Lease, reason: HomelessReason): boolean => {
    indexBefore ??= new ReservationIndex(before.reservations, before.identifierTypes);
    return homelessIn(before, indexBefore, lease) === reason;
  };
  const homeless = new Map<HomelessReason, number>();
  const examples: HomelessLease[] = [];
  let checked = 0;
  let retold = 0;
  let last: Ipv4 | undefined;
  for (;;) {
    const page = leases.page(last, PAGE);
    for (const lease of page) {
      if (lease.state !== LeaseState.default || isAvailable(lease, nowSec)) continue;
      checked++;
      const reason = homelessIn(after, input.reservations, lease);
      if (reason === undefined) {
        if (changedSubnets.has(lease.subnetId)) retold++;
      } else if (!wasHomeless(lease, reason)) {
        homeless.set(reason, (homeless.get(reason) ?? 0) + 1);
        if (examples.length < MAX_EXAMPLES) examples.push({ lease, reason });
      }
    }
    last = page.at(-1)?.address;
    if (page.length < PAGE) return { checked, homeless, examples, retold };
    yield;
  }
}

/** Why a client that asks to renew this lease would not get it; undefined if it would, as far as the lease can tell. */
function homelessIn(
  snapshot: ConfigSnapshot,
  reservations: ReservationIndex,
  lease: Lease,
): HomelessReason | undefined {
  const subnet = snapshot.subnetById.get(lease.subnetId);
  if (subnet === undefined) return 'subnet-removed';
  if (!contains(subnet, lease.address)) return 'outside-subnet';
  const holders = reservations.ofAddress(lease.address, subnet);
  const own = holders.some(({ identifierType, identifier }) => identifier === identifierOf(lease, identifierType));
  // A lease does not say its circuit-id or flexible identifier: a reservation by one of those may be the client's own.
  const unknowable = holders.some(({ identifierType }) => ['circuit-id', 'flex-id'].includes(identifierType));
  if (own || unknowable) return undefined;
  if (holders.length > 0) return 'reserved-for-other';
  return inSomePool(subnet, lease.address) ? undefined : 'outside-pools';
}

function identifierOf(lease: Lease, type: keyof typeof HOST_IDENTIFIERS): string {
  const { hwAddress, clientId } = lease;
  return HOST_IDENTIFIERS[type]({ identity: { hwAddress, clientId }, relaySubOption: () => undefined, flexId: '' });
}

/** Also in another subnet of its shared network: the client is moved there with its address. */
function inSomePool(subnet: Subnet, address: Ipv4): boolean {
  const subnets = subnet.sharedNetwork?.subnets ?? [subnet];
  return subnets.some(({ pools }) => pools.some(({ first, last }) => address >= first && address <= last));
}

/** Subnets of `after` in which a client's answer may be another than in `before`. */
export function subnetsWithOtherAnswers(
  before: ConfigSnapshot,
  after: ConfigSnapshot,
  globally: boolean,
): Set<SubnetId> {
  const changed = new Set<SubnetId>();
  const olds = globally ? undefined : answersBySubnet(before);
  for (const [id, now] of answersBySubnet(after)) if (olds === undefined || olds.get(id) !== now) changed.add(id);
  return changed;
}

/** What of a subnet shows in replies, as a text that is equal for equal things. */
function answersBySubnet({ subnets }: ConfigSnapshot): Map<SubnetId, string> {
  return new Map(
    subnets.map((subnet) => {
      const { options, boot, lifetime, renewTimerSec, rebindTimerSec, t1Percent, t2Percent, calculateTeeTimes } =
        subnet;
      const scopes = [options, subnet.sharedNetwork?.options ?? [], subnet.pools.map((pool) => pool.options)];
      const times = [lifetime, renewTimerSec, rebindTimerSec, t1Percent, t2Percent, calculateTeeTimes];
      return [subnet.id, JSON.stringify([scopes, boot, subnet.sharedNetwork?.boot, times])];
    }),
  );
}
