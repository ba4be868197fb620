/** Reading leases, and reclaiming those that have run out (Kea: libdhcp_lease_cmds, which lessor has built in). */

import type { Lease } from '../../domain/lease.js';
import { leaseToJson } from '../../domain/lease-json.js';
import { type Ipv4, parseIpv4, type SubnetId } from '../../domain/values.js';
import {
  argumentMap,
  boolean,
  CORE_WORDING,
  defineCommand,
  integer,
  invalid,
  memberOf,
  text,
  type Wording,
} from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, Result } from '../command.js';
import { findLease, looksLikeIpv6, readLeaseKey } from '../lease-arguments.js';
import { LeaseList } from '../lease-list.js';
import type { ControlServices } from '../services.js';

/** Leases taken from the table before the loop may look at its packets again. */
const LEASES_PER_TURN = 100;

const wording: Wording = {
  noArguments: (command) => `no parameters specified for the ${command} command`,
  noMap: CORE_WORDING.noMap,
  missing: (member) => `'${member}' parameter not specified`,
  wrongType: (member, type) => `'${member}' parameter must be ${type === 'an integer' ? 'a number' : type}`,
};

/** The rows. */
export const LEASE_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'leases-reclaim',
    access: 'write',
    hook: 'core',
    summary: 'processes every lease that has run out, now; "remove" deletes them instead of keeping them for affinity',
    args: { remove: boolean },
    wording: CORE_WORDING,
    async run({ remove }, { sweeper }) {
      await sweeper.reclaimAll(remove);
      return { result: Result.success, text: 'Reclamation of expired leases is complete.' };
    },
  }),
  {
    name: 'lease4-get',
    access: 'read',
    hook: 'lease_cmds',
    summary: 'one lease, by ip-address, or by subnet-id, identifier-type (hw-address, client-id) and identifier',
    args: {
      'ip-address': { type: 'a string', optional: true },
      'subnet-id': { type: 'an integer', optional: true },
      'identifier-type': { type: 'a string', optional: true },
      identifier: { type: 'a string', optional: true },
    },
    run(command, { leases }) {
      const lease = findLease(leases, readLeaseKey(command, 'Query'));
      return lease === undefined
        ? { result: Result.empty, text: 'Lease not found.' }
        : { result: Result.success, text: 'IPv4 lease found.', arguments: leaseToJson(lease) };
    },
  },
  {
    name: 'lease4-get-all',
    access: 'read',
    hook: 'lease_cmds',
    summary: 'all leases, or those of some subnets, in address order',
    args: { subnets: { type: 'a list of subnet ids', optional: true } },
    async run(command, services) {
      const subnets = readSubnetList(command);
      const bySubnet = new Map(subnets?.map((id) => [id, new LeaseList()]));
      const all = new LeaseList();
      for await (const some of inTurns(services)) {
        if (subnets === undefined) all.add(some);
        else for (const [id, list] of bySubnet) list.add(some.filter(({ subnetId }) => subnetId === id));
      }
      return leaseList(subnets === undefined ? [all] : subnets.map((id) => bySubnet.get(id)!));
    },
  },
  defineCommand({
    name: 'lease4-get-page',
    access: 'read',
    hook: 'lease_cmds',
    summary: 'up to "limit" leases in address order, beginning after the address "from" (or "start")',
    args: { from: text, limit: integer },
    wording,
    async run({ from, limit }, services) {
      if (limit < 0 || limit > 0xffff_ffff) throw invalid("'limit' parameter is not a 32 bit unsigned integer.");
      const after = readFrom(from);
      if (limit === 0) throw invalid("'limit' parameter must not be 0.");
      const page = new LeaseList();
      for await (const some of inTurns(services, after, limit)) page.add(some);
      return leaseList([page], true);
    },
  }),
];

/** Up to `limit` leases in address order with addresses above `after`, some at a time: between, packets are served. */
export async function* inTurns(
  { leases, clock }: Pick<ControlServices, 'leases' | 'clock'>,
  after?: Ipv4,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly Lease[]> {
  let last = after;
  let left = limit;
  for (;;) {
    const wanted = Math.min(left, LEASES_PER_TURN);
    const page = leases.page(last, wanted);
    yield page;
    left -= page.length;
    if (page.length < wanted || left === 0) return;
    last = page.at(-1)!.address;
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
}

/** The answer that lists leases. */
export function leaseList(lists: readonly LeaseList[], withCount = false): CommandResult {
  return LeaseList.answer(lists, (count) => `${count} IPv4 lease(s) found.`, withCount);
}

/** `subnets` of lease4-get-all; undefined if the command has no arguments. */
function readSubnetList(command: ControlCommand): SubnetId[] | undefined {
  const args = argumentMap(command, wording);
  if (args === undefined) return undefined;
  const subnets = memberOf(args, 'subnets');
  if (subnets === undefined) throw invalid(wording.missing('subnets'));
  if (!Array.isArray(subnets)) throw invalid(wording.wrongType('subnets', 'a list'));
  return subnets.map((id) => {
    if (integer.accept(id) === undefined) throw invalid('listed subnet identifiers must be numbers');
    if (Number(id) < 0 || Number(id) > 0xffff_ffff) throw invalid(`out of range subnet identifier ${id}`);
    return Number(id);
  });
}

/** `from` of lease4-get-page: undefined = from the first. 0.0.0.0 means the same, as no lease can have it. */
function readFrom(from: string): Ipv4 | undefined {
  if (from === 'start') return undefined;
  const address = parseIpv4(from);
  if (address !== undefined) return address;
  throw invalid(
    looksLikeIpv6(from)
      ? `'from' parameter value ${from} is not an IPv4 address`
      : "'from' parameter value is neither 'start' keyword nor a valid IPv4 address",
  );
}
