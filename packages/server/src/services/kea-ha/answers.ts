/** What a Kea partner may ask of this server, a row a command (Kea: the command set of its dedicated listener). */

import { type Lease, LeaseState } from '../../domain/lease.js';
import { leaseToJson } from '../../domain/lease-json.js';
import type { ConfigSnapshot, Json, JsonMap } from '../../domain/snapshot.js';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { HaReport } from '../ha-report.js';
import type { LeaseReader } from '../ports.js';
import { ServiceOrigin, type ServiceSwitch } from '../service-switch.js';
import type { KeaHaService } from './kea-ha-service.js';
import { leaseOfUpdate } from './lease-wire.js';
import { type OperatorParts, runKeaCommand } from './operator.js';

/** An answer as Kea has it. */
export interface PeerAnswer {
  readonly result: number;
  readonly text: string;
  readonly arguments?: Json;
}

/** What the rows work with. */
export interface KeaAnswerParts {
  readonly service: KeaHaService;
  readonly leases: LeaseReader;
  readonly serviceSwitch: Pick<ServiceSwitch, 'disable' | 'enable'>;
  readonly snapshot: () => ConfigSnapshot;
  readonly operator: OperatorParts;
  readonly report: () => HaReport;
}

type Row = (args: JsonMap, parts: KeaAnswerParts) => PeerAnswer | Promise<PeerAnswer>;

/** Not 4, "conflict": ten of those end a pair with Kea 3. */
const ERROR = 1;
const EMPTY = 3;
const MAX_PAGE = 10_000;

/** The rows; what operators may send too is in operator.ts. */
const ROWS: Readonly<Record<string, Row>> = {
  'dhcp-disable'({ 'max-period': period }, { serviceSwitch }) {
    const seconds = typeof period === 'number' && period > 0 ? period : undefined;
    serviceSwitch.disable(ServiceOrigin.haRemote, seconds);
    return done(`DHCPv4 service disabled${seconds === undefined ? '' : ` for ${seconds} seconds`}`);
  },
  'dhcp-enable'(_, { serviceSwitch }) {
    serviceSwitch.enable(ServiceOrigin.haRemote);
    return done('DHCP service successfully enabled');
  },
  async 'lease4-update'(args, { service, snapshot }) {
    const lease = leaseOfUpdate(args);
    checkPlace(lease, snapshot());
    if (await service.incoming.update(lease)) return done('IPv4 lease updated.');
    return { result: ERROR, text: `${formatIpv4(lease.address)} was given or given up here later` };
  },
  async 'lease4-del'(args, { service }) {
    // Operators name no more than the address.
    const removed = args.expire === undefined ? undefined : leaseOfUpdate(args);
    const there = await service.incoming.giveUp(addressOf(args), removed);
    return there ? done('IPv4 lease deleted.') : { result: EMPTY, text: 'IPv4 lease not found.' };
  },
  'lease4-get-page'({ from, limit }, { leases, service }) {
    const after = from === 'start' ? undefined : typeof from === 'string' ? parseIpv4(from) : undefined;
    if (after === undefined && from !== 'start') throw new CommandError('command-invalid', "'from' is no address");
    if (from === 'start') service.partnerFetches();
    const count = typeof limit === 'number' && limit > 0 ? Math.min(limit, MAX_PAGE) : MAX_PAGE;
    return found(pageForKea(leases, after, count));
  },
  'lease4-get-all': (_, { leases }) => found(pageForKea(leases, undefined, MAX_PAGE)),
  'status-get': (_, { report }) => done('', { 'high-availability': [report().status()] }),
  'list-commands': () => ({ result: 0, text: '', arguments: [...Object.keys(ROWS), ...FROM_PARTNERS].sort() }),
};

/** Commands of operator.ts that a partner sends. */
const FROM_PARTNERS = ['ha-heartbeat', 'ha-maintenance-notify', 'ha-reset', 'ha-sync-complete-notify'];

/** Answers a command of the partner; the caller has made sure that it is the partner. @throws CommandError, StoreError */
export async function answerKea(command: string, args: JsonMap, parts: KeaAnswerParts): Promise<PeerAnswer> {
  if (FROM_PARTNERS.includes(command)) return await runKeaCommand(command, args, parts.operator);
  const row = Object.hasOwn(ROWS, command) ? ROWS[command] : undefined;
  if (row === undefined) throw new CommandError('command-denied', `'${command}' is nothing a partner may ask`);
  return await row(args, parts);
}

function found(page: readonly Lease[]): PeerAnswer {
  const answer = { leases: page.map((lease) => leaseToJson(lease)), count: page.length };
  return { ...done(`${page.length} IPv4 lease(s) found.`, answer), result: page.length === 0 ? EMPTY : 0 };
}

/**
 * Leases that were given up are left out: Kea 2.2 deletes what is released, and of a client with a second row of any kind
 * it can find that first, and refuse the address the client has.
 */
function pageForKea(leases: LeaseReader, after: Ipv4 | undefined, limit: number): Lease[] {
  const page: Lease[] = [];
  let last = after;
  while (page.length < limit) {
    const more = leases.page(last, limit - page.length);
    if (more.length === 0) break;
    page.push(...more.filter((lease) => !wasGivenUp(lease)));
    last = more.at(-1)?.address;
  }
  return page;
}

function wasGivenUp({ state, validLifetimeSec }: Lease): boolean {
  return state === LeaseState.released || (state === LeaseState.expiredReclaimed && validLifetimeSec === 0);
}

/** As Kea does: the subnet must be there, and the address in it. */
function checkPlace({ address, subnetId }: Lease, { subnetById }: ConfigSnapshot): void {
  const subnet = subnetById.get(subnetId);
  if (subnet === undefined) {
    throw new CommandError(
      'command-invalid',
      `Invalid subnet-id: No IPv4 subnet with subnet-id=${subnetId} currently configured.`,
    );
  }
  const mask = subnet.prefixLength === 0 ? 0 : (~0 << (32 - subnet.prefixLength)) >>> 0;
  if ((address & mask) >>> 0 !== subnet.prefix) {
    throw new CommandError(
      'command-invalid',
      `The address ${formatIpv4(address)} does not belong to subnet ${subnetId}`,
    );
  }
}

function addressOf({ 'ip-address': text }: JsonMap): Ipv4 {
  const address = typeof text === 'string' ? parseIpv4(text) : undefined;
  if (address === undefined) throw new CommandError('command-invalid', "'ip-address' is missing or no address");
  return address;
}

function done(text: string, args?: JsonMap): PeerAnswer {
  return { result: 0, text, ...(args === undefined ? {} : { arguments: args }) };
}
