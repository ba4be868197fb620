/** Reading leases, and reclaiming those that have run out (Kea: libdhcp_lease_cmds, which lessor has built in). */

import { isIPv6 } from 'node:net';
import { leaseToJson } from '../../domain/lease-json.js';
import type { ShowLease } from '../../domain/lease-view.js';
import type { Sliced } from '../../domain/slices.js';
import { type Ipv4, parseIpv4, type SubnetId } from '../../domain/values.js';
import { inSlices } from '../../services/in-slices.js';
import type { LeaseReader } from '../../services/ports.js';
import {
  argumentMap,
  boolean,
  CORE_WORDING,
  defineCommand,
  integer,
  invalid,
  memberOf,
  readArguments,
  text,
  type Wording,
} from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, Result } from '../command.js';
import { findLease, readLeaseKey } from '../lease-arguments.js';
import { LeaseList } from '../lease-list.js';
import type { ControlServices } from '../services.js';

/** Leases looked at between two looks at the clock. */
const LEASES_PER_STEP = 16;

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
      const bySubnet = new Map(subnets?.map((id) => [id, new LeaseList(services.pages)]));
      const all = new LeaseList(services.pages);
      await eachLease(services, undefined, (lease) => {
        const list = subnets === undefined ? all : bySubnet.get(lease.subnetId);
        list?.add(lease);
        return true;
      });
      return leaseList(subnets === undefined ? [all] : subnets.map((id) => bySubnet.get(id)!));
    },
  },
  {
    name: 'lease4-get-page',
    access: 'read',
    hook: 'lease_cmds',
    summary: 'up to "limit" leases in address order, beginning after the address "from" (or "start")',
    args: { from: { type: text.type, optional: false }, limit: { type: integer.type, optional: false } },
    async run(command, services) {
      // One after the other: Kea complains of all that is wrong with `from` before it looks at `limit`.
      const after = readFrom(readArguments(command, { from: text }, wording).from);
      const { limit } = readArguments(command, { limit: integer }, wording);
      if (limit < 0 || limit > 0xffff_ffff) throw invalid("'limit' parameter is not a 32 bit unsigned integer.");
      if (limit === 0) throw invalid("'limit' parameter must not be 0.");
      const page = new LeaseList(services.pages);
      await eachLease(services, after, (lease) => {
        page.add(lease);
        return page.length < limit;
      });
      return leaseList([page], true);
    },
  },
];

/** Shows the leases with addresses above `after` in address order until `show` says false; in between, packets are served. */
export function eachLease(
  { leases, clock }: Pick<ControlServices, 'leases' | 'clock'>,
  after: Ipv4 | undefined,
  show: ShowLease,
): Promise<void> {
  return inSlices(walkSliced(leases, after, show), clock);
}

function* walkSliced(leases: Pick<LeaseReader, 'walk'>, after: Ipv4 | undefined, show: ShowLease): Sliced<void> {
  for (let last = after, more = true; more; ) {
    let left = LEASES_PER_STEP;
    more = false;
    leases.walk(last, (lease) => {
      last = lease.address;
      if (!show(lease)) return false;
      more = --left === 0;
      return !more;
    });
    yield;
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
    isIPv6(from)
      ? `'from' parameter value ${from} is not an IPv4 address`
      : "'from' parameter value is neither 'start' keyword nor a valid IPv4 address",
  );
}
