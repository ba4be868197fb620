/**
 * What a script of libdhcp_run_script is told: the name of the hook point as its one argument, and environment variables.
 * Names and formats are those of Kea (ARM "Run Script Support for External Hook Scripts"; seen of Kea 2.2). Each table says
 * one kind of thing; a prefix tells which thing of that kind it is.
 */

import type { Lease } from '../lease.js';
import { LeaseState } from '../lease.js';
import type { Subnet } from '../snapshot.js';
import { formatHex, formatIpv4, type Ipv4, type Octets } from '../values.js';

/** The hook points of DHCPv4 at which Kea's library calls the script. */
export type HookPoint =
  | 'lease4_renew'
  | 'lease4_expire'
  | 'lease4_recover'
  | 'leases4_committed'
  | 'lease4_release'
  | 'lease4_decline';

/** Environment variables of a script: no others are there, as with Kea. */
export type ScriptEnvironment = Readonly<Record<string, string>>;

/** One call of the script. */
export interface ScriptCall {
  readonly hookPoint: HookPoint;
  readonly environment: ScriptEnvironment;
}

/** What of a packet a script is told. */
export interface ScriptQuery {
  readonly messageType: number;
  readonly xid: number;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
  readonly interfaceIndex: number;
  readonly interfaceName: string;
  readonly hops: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly hwAddress: Octets;
  readonly htype: number;
  /** Option 82, as received or as remembered; undefined if there is none. */
  readonly relayInfo: Octets | undefined;
  relaySubOption(code: number): Octets | undefined;
}

/** A lease as a script is told of it. */
export interface ScriptLease {
  readonly lease: Lease;
  /** Hardware type. Leases are kept without it: it is known while the client itself is at hand, else taken for Ethernet. */
  readonly htype: number;
}

/** What follows a prefix, and its value; undefined: the variable is not there. */
type Row<T> = readonly [suffix: string, value: (of: T) => string | number | undefined];

/** Ethernet (IANA hardware types). */
export const ETHERNET = 1;

const MESSAGE_NAMES: readonly string[] = [
  'UNKNOWN',
  'DHCPDISCOVER',
  'DHCPOFFER',
  'DHCPREQUEST',
  'DHCPDECLINE',
  'DHCPACK',
  'DHCPNAK',
  'DHCPRELEASE',
  'DHCPINFORM',
];

const STATE_NAMES: Readonly<Record<LeaseState, string>> = {
  [LeaseState.default]: 'default',
  [LeaseState.declined]: 'declined',
  [LeaseState.expiredReclaimed]: 'expired-reclaimed',
  [LeaseState.released]: 'released',
};

/** Sub-options of option 82 that have a variable of their own: circuit-id and remote-id (RFC 3046 §2.0). */
const CIRCUIT_ID = 1;
const REMOTE_ID = 2;
const BROADCAST: Ipv4 = 0xffff_ffff;

const QUERY: readonly Row<ScriptQuery>[] = [
  ['TYPE', ({ messageType }) => MESSAGE_NAMES[messageType] ?? MESSAGE_NAMES[0]],
  ['TXID', ({ xid }) => xid],
  ['LOCAL_ADDR', ({ destination }) => formatIpv4(destination)],
  ['LOCAL_PORT', ({ destinationPort }) => destinationPort],
  ['REMOTE_ADDR', ({ source }) => formatIpv4(source)],
  ['REMOTE_PORT', ({ sourcePort }) => sourcePort],
  ['IFACE_INDEX', ({ interfaceIndex }) => interfaceIndex],
  ['IFACE_NAME', ({ interfaceName }) => interfaceName],
  ['HOPS', ({ hops }) => hops],
  ['SECS', ({ secs }) => secs],
  ['FLAGS', ({ flags }) => flags],
  ['CIADDR', ({ ciaddr }) => formatIpv4(ciaddr)],
  ['SIADDR', ({ siaddr }) => formatIpv4(siaddr)],
  ['YIADDR', ({ yiaddr }) => formatIpv4(yiaddr)],
  ['GIADDR', ({ giaddr }) => formatIpv4(giaddr)],
  ['RELAYED', ({ giaddr }) => String(giaddr !== 0 && giaddr !== BROADCAST)],
  ['HWADDR', ({ hwAddress }) => formatHex(hwAddress)],
  ['HWADDR_TYPE', ({ htype }) => htype],
  // Packets come from UDP sockets, which tell nothing of the link: empty, as in Kea with dhcp-socket-type udp.
  ['LOCAL_HWADDR', () => ''],
  ['LOCAL_HWADDR_TYPE', () => ''],
  ['REMOTE_HWADDR', () => ''],
  ['REMOTE_HWADDR_TYPE', () => ''],
  ['OPTION_82', ({ relayInfo }) => prefixedHex(relayInfo)],
  ['OPTION_82_SUB_OPTION_1', (query) => prefixedHex(query.relaySubOption(CIRCUIT_ID))],
  ['OPTION_82_SUB_OPTION_2', (query) => prefixedHex(query.relaySubOption(REMOTE_ID))],
];

const SUBNET: readonly Row<Subnet>[] = [
  ['ID', ({ id }) => id],
  ['NAME', ({ prefix, prefixLength }) => `${formatIpv4(prefix)}/${prefixLength}`],
  ['PREFIX', ({ prefix }) => formatIpv4(prefix)],
  ['PREFIX_LEN', ({ prefixLength }) => prefixLength],
];

const LEASE: readonly Row<ScriptLease>[] = [
  ['ADDRESS', ({ lease }) => formatIpv4(lease.address)],
  ['CLTT', ({ lease }) => lease.clttSec],
  ['HOSTNAME', ({ lease }) => Buffer.from(lease.hostname, 'latin1').toString('utf8')],
  ['HWADDR', ({ lease }) => formatHex(lease.hwAddress)],
  ['HWADDR_TYPE', ({ htype }) => htype],
  ['STATE', ({ lease }) => STATE_NAMES[lease.state]],
  ['SUBNET_ID', ({ lease }) => lease.subnetId],
  ['VALID_LIFETIME', ({ lease }) => lease.validLifetimeSec],
  ['CLIENT_ID', ({ lease }) => formatHex(lease.clientId)],
];

/** `QUERY4_…`: the packet. */
export function queryVariables(query: ScriptQuery): ScriptEnvironment {
  return variables('QUERY4', QUERY, query);
}

/** `SUBNET4_…`: the subnet of a lease that is renewed. */
export function subnetVariables(subnet: Subnet): ScriptEnvironment {
  return variables('SUBNET4', SUBNET, subnet);
}

/** `PKT4_…`: who renews. `clientId` is empty where the subnet does not go by it (match-client-id), as in Kea. */
export function clientVariables(clientId: Octets, { hwAddress, htype }: ScriptQuery): ScriptEnvironment {
  return { PKT4_CLIENT_ID: formatHex(clientId), PKT4_HWADDR: formatHex(hwAddress), PKT4_HWADDR_TYPE: String(htype) };
}

/** `LEASE4_…`: a lease. */
export function leaseVariables(lease: ScriptLease): ScriptEnvironment {
  return variables('LEASE4', LEASE, lease);
}

/** `LEASES4_…` or `DELETED_LEASES4_…`: how many leases there are, and each of them by its place from 0 on. */
export function listVariables(
  prefix: 'LEASES4' | 'DELETED_LEASES4',
  leases: readonly ScriptLease[],
): ScriptEnvironment {
  return Object.assign(
    { [`${prefix}_SIZE`]: String(leases.length) },
    ...leases.map((lease, at) => variables(`${prefix}_AT${at}`, LEASE, lease)),
  );
}

function variables<T>(prefix: string, rows: readonly Row<T>[], of: T): ScriptEnvironment {
  const found: Record<string, string> = {};
  for (const [suffix, valueIn] of rows) {
    const value = valueIn(of);
    if (value !== undefined) found[`${prefix}_${suffix}`] = upToNul(String(value));
  }
  return found;
}

/** A variable ends at its first NUL: that is how the kernel takes it. */
function upToNul(value: string): string {
  const end = value.indexOf('\0');
  return end < 0 ? value : value.slice(0, end);
}

/** `0x0A0B`, or nothing at all for no octets. */
function prefixedHex(octets: Octets | undefined): string | undefined {
  if (octets === undefined) return undefined;
  return octets === '' ? '' : `0x${formatHex(octets, '').toUpperCase()}`;
}
