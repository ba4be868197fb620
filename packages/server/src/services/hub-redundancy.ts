/**
 * The other servers of a hub, as the packet path sees them: each question goes to the relation that the address, or the
 * subnet of the client, belongs to. What belongs to none is not served (Kea: HA_SUBNET4_SELECT_NO_RELATIONSHIP).
 */

import type { RelationIndex } from '../domain/ha/relations.js';
import type { GrantRules } from '../domain/pair/grant-rules.js';
import type { Ipv4 } from '../domain/values.js';
import type { Belonging } from './ledger-parts.js';
import type { AckVerdict, PendingAck, Redundancy } from './redundancy.js';
import type { ServiceSwitch } from './service-switch.js';

/** One relation of a hub. */
export interface HubMember {
  readonly redundancy: Redundancy;
  /** What the relation itself holds off: a spoke that fetches all leases, a state that serves nobody. */
  readonly serviceSwitch: Pick<ServiceSwitch, 'enabled'>;
}

/** Nothing is given that no other server is asked about. */
const NOTHING: GrantRules = {
  mayGive: () => false,
  mayRenew: () => false,
  lifetimeLimitSec: () => 0,
  mayRefuse: () => false,
};

const WITHHELD: AckVerdict = { kind: 'withheld' };

/** Puts the relations together; `belonging` is asked anew every time. */
export function hubRedundancy(members: readonly HubMember[], belonging: () => Belonging): Redundancy {
  const memberOf = (relation: RelationIndex | undefined): HubMember | undefined =>
    relation === undefined ? undefined : members[relation];
  const rulesOf = (address: Ipv4): GrantRules => memberOf(belonging().ofAddress(address))?.redundancy.rules ?? NOTHING;
  const rules: GrantRules = {
    mayGive: (address) => rulesOf(address).mayGive(address),
    mayRenew: (lease, nowSec) => rulesOf(lease.address).mayRenew(lease, nowSec),
    lifetimeLimitSec: (address, ...rest) => rulesOf(address).lifetimeLimitSec(address, ...rest),
    mayRefuse: (address) => rulesOf(address).mayRefuse(address),
  };
  return {
    rules,
    selective: true,
    admit(exchange) {
      const [subnet] = exchange.candidates;
      const member = memberOf(subnet === undefined ? undefined : belonging().ofSubnet(subnet.id));
      if (member === undefined) return 'ha-no-relation';
      if (!member.serviceSwitch.enabled) return 'ha-not-serving';
      return member.redundancy.admit(exchange);
    },
    gate(acks) {
      const verdicts: AckVerdict[] = acks.map(() => WITHHELD);
      const places = new Map<RelationIndex, number[]>();
      for (const [at, { address }] of acks.entries()) {
        const relation = belonging().ofAddress(address);
        if (relation !== undefined) places.set(relation, [...(places.get(relation) ?? []), at]);
      }
      const waiting: Promise<void>[] = [];
      for (const [relation, at] of places) {
        const take = (given: readonly AckVerdict[]): void => {
          for (const [i, verdict] of given.entries()) verdicts[at[i]!] = verdict;
        };
        const given = members[relation]!.redundancy.gate(at.map((i): PendingAck => acks[i]!));
        if (given instanceof Promise) waiting.push(given.then(take));
        else take(given);
      }
      return waiting.length === 0 ? verdicts : Promise.all(waiting).then(() => verdicts);
    },
  };
}
