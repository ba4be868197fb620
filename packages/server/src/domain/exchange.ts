/**
 * One packet on its way through the stages. An Exchange grows: each stage fills in what the next may read, and the
 * stage signatures (services/exchange4.ts) name the view of it they get.
 */

import type { Message4 } from '@lessor/dhcp';
import { findSubOption } from '@lessor/dhcp';
import { ClassSet } from './classes/class-set.js';
import type { EvaluationContext } from './classes/expression.js';
import type { ReplySource } from './compose/reply.js';
import type { Client } from './dhcp4/decision.js';
import type { ClientIdentity } from './identity.js';
import { identifyClient } from './identity.js';
import type { Subnet } from './snapshot.js';
import type { SubnetQuery } from './topology.js';
import type { Ipv4, Octets } from './values.js';
import { octetsOf } from './values.js';

const SERVER_ID_OVERRIDE = 11;
const LINK_SELECTION = 5;
const RELAY_PORT = 19;
const RELAY_INFO = 82;
const SUBNET_SELECTION = 118;
const MESSAGE_TYPE = 53;
const BROADCAST: Ipv4 = 0xffff_ffff;

/** The datagram's side of a packet. */
export interface Arrival {
  readonly interfaceName: string;
  /** Address the server answers from on that interface. */
  readonly interfaceAddress: Ipv4;
  readonly source: Ipv4;
  readonly destination: Ipv4;
}

/** See the head of this file. */
export class Exchange implements Client, ReplySource, EvaluationContext, SubnetQuery {
  readonly message: Message4;
  readonly arrival: Arrival;
  #optionCache: Map<number, Octets> | undefined;
  /** Filled in by the constructor; a flexible identifier may take the client identifier's place. */
  identity: ClientIdentity;
  readonly classes = new ClassSet();
  /** True for a BOOTP request (no option 53). */
  readonly bootp: boolean;
  /** Option 82 as received, or as recovered from the lease (stash-agent-options). */
  relayInfoValue: Uint8Array | undefined;
  /** True if option 82 was recovered: then it is not echoed and not stored again. */
  stashed = false;
  /** Set by the guard of BMC networks, for this packet alone. */
  trustedBmc = false;
  flexId: Octets = '';
  /** Filled by `localize`: the selected subnet and all the client may have an address of. */
  candidates: readonly Subnet[] = [];

  constructor(message: Message4, arrival: Arrival) {
    this.message = message;
    this.arrival = arrival;
    this.bootp = !message.has(MESSAGE_TYPE);
    this.identity = identifyClient(message);
    this.relayInfoValue = message.option(RELAY_INFO);
  }

  // -- what class expressions see (EvaluationContext)
  get interfaceName(): string {
    return this.arrival.interfaceName;
  }
  get source(): Ipv4 {
    return this.arrival.source;
  }
  get destination(): Ipv4 {
    return this.arrival.destination;
  }
  get length(): number {
    return this.message.length;
  }
  get chaddr(): Octets {
    return this.identity.hwAddress;
  }
  get hlen(): number {
    return this.message.hlen;
  }
  get htype(): number {
    return this.message.htype;
  }
  get ciaddr(): Ipv4 {
    return this.message.ciaddr;
  }
  get giaddr(): Ipv4 {
    return this.message.giaddr;
  }
  get yiaddr(): Ipv4 {
    return this.message.yiaddr;
  }
  get siaddr(): Ipv4 {
    return this.message.siaddr;
  }
  get messageType(): number {
    return this.message.messageType;
  }
  get xid(): number {
    return this.message.xid;
  }
  option(code: number): Octets | undefined {
    // Fifty classes that look at one option must not make its text fifty times.
    const known = this.#optionCache?.get(code);
    if (known !== undefined) return known;
    const value = code === RELAY_INFO ? this.#relayInfoOctets() : this.message.octets(code);
    if (value === undefined) return undefined;
    this.#optionCache ??= new Map();
    this.#optionCache.set(code, value);
    return value;
  }
  relaySubOption(code: number): Octets | undefined {
    const value = this.#relaySubOptionBytes(code);
    return value === undefined ? undefined : octetsOf(value);
  }
  isMember(className: string): boolean {
    return this.classes.has(className);
  }

  // -- what subnet selection sees (SubnetQuery)
  /** Set by `localize`, which knows the compatibility flags. */
  selected: Ipv4 = 0;
  get interfaceAddress(): Ipv4 {
    return this.arrival.interfaceAddress;
  }
  get unicast(): boolean {
    return this.arrival.destination !== BROADCAST;
  }

  /** The address relay sub-option 5 (RFC 3527) or option 118 (RFC 3011) names, 0 if none. */
  selectedAddress(ignoreLinkSelection: boolean): Ipv4 {
    const link = ignoreLinkSelection ? 0 : addressIn(this.#relaySubOptionBytes(LINK_SELECTION));
    return link !== 0 ? link : (this.message.number(SUBNET_SELECTION) ?? 0);
  }

  // -- what deciding and composing see (Client, ReplySource)
  get classNames(): Iterable<string> {
    return this.classes;
  }
  get relayInfo(): Octets {
    return this.stashed ? '' : (this.#relayInfoOctets() ?? '');
  }
  get relayEcho(): Uint8Array | undefined {
    return this.stashed ? undefined : this.relayInfoValue;
  }
  get serverAddress(): Ipv4 {
    return this.arrival.interfaceAddress;
  }
  get serverIdOverride(): Ipv4 {
    return addressIn(this.#relaySubOptionBytes(SERVER_ID_OVERRIDE));
  }
  /** The relay wants its answers at the port it sent from (RFC 8357 §5). */
  get relayPort(): boolean {
    return this.#relaySubOptionBytes(RELAY_PORT) !== undefined;
  }

  #relayInfoOctets(): Octets | undefined {
    return this.relayInfoValue === undefined ? undefined : octetsOf(this.relayInfoValue);
  }

  #relaySubOptionBytes(code: number): Uint8Array | undefined {
    return this.relayInfoValue === undefined ? undefined : findSubOption(this.relayInfoValue, code);
  }
}

function addressIn(value: Uint8Array | undefined): Ipv4 {
  if (value === undefined || value.length !== 4) return 0;
  return ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0;
}
