/** Leases for people: which ones a filter asks for, and how they look as a table or as JSON. */

import { expiresAtSec, isExpired, type Lease, LeaseState } from '../domain/lease.js';
import { leaseToJson, parseColonHex } from '../domain/lease-json.js';
import { formatHex, formatIpv4, type Ipv4, type Octets, parseIpv4 } from '../domain/values.js';
import { UsageError } from './args.js';
import { formatColumns } from './table.js';

/** The words for what a lease is now. `active` and `expired` are both Kea's state default. */
const STATES = ['active', 'expired', 'declined', 'reclaimed', 'released'] as const;
type StateWord = (typeof STATES)[number];

/** True for leases that are asked for. */
export type LeaseFilter = (lease: Lease, nowSec: number) => boolean;

/** What the options of `lessor leases` ask for; absent = anything. */
export interface LeaseQuery {
  readonly state?: string;
  /** A subnet-id, or a prefix like 192.0.2.0/24. */
  readonly subnet?: string;
  readonly mac?: string;
  readonly ip?: string;
  readonly hostname?: string;
  readonly clientId?: string;
}

/** What a lease is at an instant. */
export function stateWord(lease: Lease, nowSec: number): StateWord {
  if (lease.state === LeaseState.declined) return 'declined';
  if (lease.state === LeaseState.expiredReclaimed) return 'reclaimed';
  if (lease.state === LeaseState.released) return 'released';
  return isExpired(lease, nowSec) ? 'expired' : 'active';
}

/** The filter of a query: all its conditions together. @throws UsageError naming the value that makes no sense. */
export function compileQuery(query: LeaseQuery): LeaseFilter {
  const conditions: LeaseFilter[] = [];
  const { state, subnet, mac, ip, hostname, clientId } = query;
  if (state !== undefined) {
    if (!STATES.some((word) => word === state)) throw new UsageError(`--state is one of ${STATES.join(', ')}`);
    conditions.push((lease, nowSec) => stateWord(lease, nowSec) === state);
  }
  if (subnet !== undefined) conditions.push(subnetCondition(subnet));
  if (mac !== undefined) {
    const octets = hexArgument('--mac', mac);
    conditions.push((lease) => lease.hwAddress === octets);
  }
  if (clientId !== undefined) {
    const octets = hexArgument('--client-id', clientId);
    conditions.push((lease) => lease.clientId === octets);
  }
  if (ip !== undefined) {
    const address = addressArgument('--ip', ip);
    conditions.push((lease) => lease.address === address);
  }
  if (hostname !== undefined) {
    const wanted = hostname.toLowerCase();
    conditions.push((lease) => lease.hostname.toLowerCase().includes(wanted));
  }
  return (lease, nowSec) => conditions.every((condition) => condition(lease, nowSec));
}

function subnetCondition(text: string): LeaseFilter {
  if (/^\d+$/.test(text)) return (lease) => lease.subnetId === Number(text);
  const [prefix, length, ...more] = text.split('/');
  if (length === undefined || more.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32) {
    throw new UsageError(`--subnet '${text}' is neither a subnet-id nor a prefix like 192.0.2.0/24`);
  }
  const size = 2 ** (32 - Number(length));
  const network = Math.floor(addressArgument('--subnet', prefix!) / size);
  return (lease) => Math.floor(lease.address / size) === network;
}

function addressArgument(option: string, text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new UsageError(`${option} '${text}' is not an IPv4 address`);
  return address;
}

/** Hex with or without colons (or dashes, as some systems print hardware addresses). */
function hexArgument(option: string, text: string): Octets {
  const spaced = /^([0-9a-fA-F]{2})+$/.test(text) ? text.match(/../g)!.join(':') : text.replaceAll('-', ':');
  const octets = parseColonHex(spaced);
  if (octets === undefined || octets === '')
    throw new UsageError(`${option} '${text}' is not hex like 02:00:5e:10:00:01`);
  return octets;
}

const COLUMNS = ['ADDRESS', 'STATE', 'HARDWARE ADDRESS', 'CLIENT-ID', 'SUBNET', 'EXPIRES (UTC)', 'HOSTNAME'] as const;

/** One lease as the cells of {@link formatTable}. */
function cells(lease: Lease, nowSec: number): readonly string[] {
  const end = expiresAtSec(lease);
  return [
    formatIpv4(lease.address),
    stateWord(lease, nowSec),
    formatHex(lease.hwAddress) || '-',
    formatHex(lease.clientId) || '-',
    String(lease.subnetId),
    Number.isFinite(end) ? new Date(end * 1000).toISOString().replace('T', ' ').slice(0, 19) : 'never',
    lease.hostname || '-',
  ];
}

/** A table with a heading, columns as wide as their widest cell; '' for no lease. */
export function formatTable(leases: readonly Lease[], nowSec: number): string {
  if (leases.length === 0) return '';
  return formatColumns([COLUMNS, ...leases.map((lease) => cells(lease, nowSec))]);
}

/** One lease in one line, for following. */
export function formatLine(lease: Lease, nowSec: number): string {
  return cells(lease, nowSec).join('  ');
}

/** One lease as lease4-get answers it, in one line of JSON. */
export function formatJsonLine(lease: Lease): string {
  return JSON.stringify(leaseToJson(lease));
}
