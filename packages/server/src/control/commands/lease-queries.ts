/** Leases of a client, of a name or in a state (Kea: libdhcp_lease_cmds). */

import type { Lease } from '../../domain/lease.js';
import type { LeaseView } from '../../domain/lease-view.js';
import { lowerCase, type Octets } from '../../domain/values.js';
import { defineCommand, integer, invalid, optional, text, textOrInteger, type Wording } from '../arguments.js';
import type { CommandRow } from '../command.js';
import { parseClientId, parseHwAddress } from '../hex.js';
import { STATE_NAMES } from '../lease-arguments.js';
import { LeaseList } from '../lease-list.js';
import type { ControlServices } from '../services.js';
import type { PagePool } from '../text-pages.js';
import { eachLease, leaseList } from './leases.js';

const wording: Wording = {
  noArguments: () => 'Command arguments missing or a not a map.',
  noMap: () => 'Command arguments missing or a not a map.',
  missing: (member) => `'${member}' parameter not specified`,
  wrongType: (member, type) => `'${member}' parameter must be ${WORDS[type] ?? type}`,
};

const WORDS: Readonly<Record<string, string>> = {
  'an integer': 'a number',
  'a string or a number': 'a number or a string',
};

const hook = 'lease_cmds';

/** The rows. */
export const LEASE_QUERY_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'lease4-get-by-hw-address',
    access: 'read',
    hook,
    summary: 'the leases of a hardware address, in all subnets',
    args: { 'hw-address': text },
    wording,
    run({ 'hw-address': written }, { leases, pages }) {
      if (written === '') throw invalid("'hw-address' parameter must not be empty");
      return leaseList([listOf(pages, leases.listByHwAddress(readOctets('hw-address', parseHwAddress, written)))]);
    },
  }),
  defineCommand({
    name: 'lease4-get-by-client-id',
    access: 'read',
    hook,
    summary: 'the leases of a client identifier, in all subnets',
    args: { 'client-id': text },
    wording,
    run({ 'client-id': written }, { leases, pages }) {
      return leaseList([listOf(pages, leases.listByClientId(readOctets('client-id', parseClientId, written)))]);
    },
  }),
  defineCommand({
    name: 'lease4-get-by-hostname',
    access: 'read',
    hook,
    summary: 'the leases with a host name, whatever its case',
    args: { hostname: text },
    wording,
    async run({ hostname }, services) {
      if (hostname === '') throw invalid("'hostname' parameter is empty");
      const wanted = Buffer.from(lowerCase(hostname), 'latin1');
      return leaseList([await select(services, (lease) => isCalled(lease, wanted))]);
    },
  }),
  defineCommand({
    name: 'lease4-get-by-state',
    access: 'read',
    hook,
    summary: 'the leases in a state, by its name or number, of a subnet or of all',
    args: { state: textOrInteger, 'subnet-id': optional(integer) },
    wording,
    async run({ state: written, 'subnet-id': subnetId = 0 }, services) {
      const state = readState(written);
      if (subnetId < 0 || subnetId > 0xffff_ffff) {
        throw invalid("'subnet-id' parameter must be a 32 bit unsigned integer");
      }
      const found = await select(
        services,
        (lease) => lease.state === state && (subnetId === 0 || lease.subnetId === subnetId),
      );
      const name = STATE_NAMES[state];
      const which = name === undefined ? String(state) : `${name} (${state})`;
      const where = subnetId === 0 ? '' : ` in subnet ${subnetId}`;
      return LeaseList.answer([found], (count) => `${count} IPv4 lease(s) found with state ${which}${where}.`);
    },
  }),
];

/** The leases that fit, looked through in turns with the packets. */
async function select(services: ControlServices, fits: (lease: LeaseView) => boolean): Promise<LeaseList> {
  const found = new LeaseList(services.pages);
  await eachLease(services, undefined, (lease) => {
    if (fits(lease)) found.add(lease);
    return true;
  });
  return found;
}

function isCalled({ octets, hostnameAt, hostnameEnd }: LeaseView, wanted: Buffer): boolean {
  if (hostnameEnd - hostnameAt !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (octets[hostnameAt + i] !== wanted[i]) return false;
  return true;
}

function listOf(pages: PagePool, leases: readonly Lease[]): LeaseList {
  const list = new LeaseList(pages);
  list.addAll(leases.toSorted(byAddress));
  return list;
}

/** A state by its number or by one of its names; `assigned` is another name of `default`. */
function readState(written: string | number): number {
  if (typeof written === 'number') return written;
  if (written === '') throw invalid("'state' parameter is empty");
  const state = STATE_NAMES.indexOf(written === 'assigned' ? 'default' : written);
  if (state === -1) throw invalid(`'state' parameter value (${written}) is not recognized`);
  return state;
}

function readOctets(name: string, parse: (written: string) => Octets, written: string): Octets {
  try {
    return parse(written);
  } catch (error) {
    throw invalid(`bad '${name}' parameter: ${(error as Error).message}`);
  }
}

function byAddress(a: Lease, b: Lease): number {
  return a.address - b.address;
}
