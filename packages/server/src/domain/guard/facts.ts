/** What the guard reads of a packet: plain facts, no judgement. */

import type { Message4 } from '@lessor/dhcp';
import type { Ipv4, Octets } from '../values.js';
import { type Mac, macAt } from './mac.js';
import type { GuardedSubnet } from './policy.js';

/** The packet as the guard sees it. */
export interface GuardedPacket {
  readonly message: Message4;
  readonly messageType: number;
  readonly giaddr: Ipv4;
  readonly interfaceName: string;
  /** Subnets the client may have an address of, the selected one first. */
  readonly candidates: readonly GuardedSubnet[];
  /** Option 82. */
  readonly relayInfoValue: Uint8Array | undefined;
  option(code: number): Octets | undefined;
}

/** Bits of {@link Facts.traits}, and what each says of a client being a host. */
export const HOST_TRAITS = [
  { bit: 1, weight: 50, text: 'option 93 (client architecture): it boots from the network' },
  { bit: 2, weight: 20, text: 'option 94 (network interface of the boot firmware)' },
  { bit: 4, weight: 20, text: 'option 97 (machine identifier)' },
  { bit: 8, weight: 20, text: 'a DUID as client identifier' },
  { bit: 16, weight: 20, text: 'asks for option 121 (routes)' },
  { bit: 32, weight: 50, text: 'asks for option 249 (routes, as Windows does)' },
  { bit: 64, weight: 50, text: 'asks for option 252 (proxy configuration)' },
  { bit: 128, weight: 20, text: 'asks for option 119 (domain search list)' },
] as const;

/** Traits of firmware that boots from the network. */
export const BOOT_TRAITS = 1 | 2 | 4;
/** Traits of an operating system. */
export const SYSTEM_TRAITS = 32 | 64;

const HOST_NAME = 12;
const VENDOR_OPTIONS = 43;
const PARAMETER_LIST = 55;
const VENDOR_CLASS = 60;
const CLIENT_ID = 61;
const USER_CLASS = 77;
const FQDN = 81;
const ARCHITECTURE = 93;
const NETWORK_INTERFACE = 94;
const MACHINE_ID = 97;
const CIRCUIT_ID = 1;
const REMOTE_ID = 2;
const DUID_TYPE = 255;
const CHADDR_AT = 28;
/** Bit of the flags of option 81: the name is in DNS form (RFC 4702 §2.1). */
const FQDN_ENCODED = 4;

/** See the head of this file. */
export interface Facts {
  readonly mac: Mac;
  readonly subnet: GuardedSubnet;
  /** Management network or not; what has no role is a host network. */
  readonly management: boolean;
  /** A number for the relay's port (giaddr, circuit-id, remote-id), or for the interface of a client on the link. */
  readonly port: number;
  /** The port is one a relay told of: few clients share it. */
  readonly relayPort: boolean;
  readonly vendorClass: Octets;
  readonly hostName: Octets;
  readonly vendorOptions: Octets;
  readonly userClass: Octets;
  /** Bits of {@link HOST_TRAITS}. */
  readonly traits: number;
}

/**
 * Reads them. Undefined for a client without an Ethernet address, or without a subnet.
 * @param isTelling whether names that begin with this octet can tell anything: others are not read on a host network
 */
export function readFacts(packet: GuardedPacket, isTelling: (first: number) => boolean): Facts | undefined {
  const { message } = packet;
  const subnet = packet.candidates[0];
  if (subnet === undefined || message.hlen !== 6) return undefined;
  const mac = macAt(message.datagram, CHADDR_AT);
  if (mac === 0) return undefined;
  const management = subnet.role === 'management';
  const port = packet.giaddr === 0 ? 0 : relayPort(packet);
  return {
    mac,
    subnet,
    management,
    port: port === 0 ? mix(packet.giaddr | 0, packet.interfaceName) : port,
    relayPort: port !== 0,
    vendorClass: packet.option(VENDOR_CLASS) ?? '',
    hostName: readName(message, management ? undefined : isTelling),
    vendorOptions: message.octets(VENDOR_OPTIONS) ?? '',
    userClass: message.octets(USER_CLASS) ?? '',
    traits: traitsOf(message),
  };
}

function traitsOf(message: Message4): number {
  let traits = 0;
  const list = message.span(PARAMETER_LIST);
  if (list !== undefined) {
    for (let at = list.start; at < list.end; at++) {
      const code = list.octets[at]!;
      if (code < 119) continue;
      if (code === 121) traits |= 16;
      else if (code === 249) traits |= 32;
      else if (code === 252) traits |= 64;
      else if (code === 119) traits |= 128;
    }
  }
  const id = message.span(CLIENT_ID);
  if (id !== undefined && id.octets[id.start] === DUID_TYPE) traits |= 8;
  if (message.has(ARCHITECTURE)) traits |= 1;
  if (message.has(NETWORK_INTERFACE)) traits |= 2;
  if (message.has(MACHINE_ID)) traits |= 4;
  return traits;
}

function readName(message: Message4, isTelling: ((first: number) => boolean) | undefined): Octets {
  const span = message.span(HOST_NAME);
  if (span === undefined) return nameInFqdn(message);
  return isTelling === undefined || isTelling(span.octets[span.start]!) ? message.octets(HOST_NAME)! : '';
}

/** The first label of the name in option 81, in either of its two forms. */
function nameInFqdn(message: Message4): Octets {
  const span = message.span(FQDN);
  if (span === undefined || span.end - span.start < 4) return '';
  const value = message.octets(FQDN)!;
  if ((value.charCodeAt(0) & FQDN_ENCODED) !== 0) return value.slice(4, 4 + (value.charCodeAt(3) & 63));
  const name = value.slice(3);
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

/** A number for giaddr, circuit-id and remote-id; 0 if there is no circuit-id. */
function relayPort({ giaddr, relayInfoValue: value }: GuardedPacket): number {
  if (value === undefined) return 0;
  let hash = giaddr ^ 0x811c_9dc5;
  let hasCircuit = false;
  for (let at = 0; at + 2 <= value.length; ) {
    const code = value[at]!;
    const end = Math.min(at + 2 + value[at + 1]!, value.length);
    if (code === CIRCUIT_ID || code === REMOTE_ID) {
      hasCircuit ||= code === CIRCUIT_ID;
      // The code and the length are part of it.
      for (; at < end; at++) hash = Math.imul(hash ^ value[at]!, 0x0100_0193);
    }
    at = end;
  }
  return hasCircuit ? hash | 1 : 0;
}

function mix(seed: number, text: string): number {
  let hash = seed ^ 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash | 0;
}
