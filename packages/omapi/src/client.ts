/**
 * THE client: everything that can be done with a DHCP server over OMAPI, by name. Methods with a counterpart in
 * pypureomapi have its name in our spelling; README.md has the table. Every method may throw what
 * ObjectClient.request() throws, and a StatusError if the server refuses.
 */

import type { RequestOptions } from './connection.js';
import { AttributeMissingError, ConnectionError, ValueError } from './errors.js';
import type { Entry } from './message.js';
import type { OmapiObject } from './object.js';
import { type ClientOptions, ObjectClient } from './object-client.js';
import {
  type CONTROL_STATES,
  type FAILOVER_STATES,
  LEASE_FLAGS,
  type LEASE_STATES,
  type ObjectInput,
  type ObjectType,
  type ObjectValues,
} from './objects.js';
import { isStatus } from './results.js';
import { checkDeclarationName, type SupersededOptions, supersede } from './statements.js';
import { encodeIpv4 } from './values.js';

/** Keys of a lookup: attributes, or raw entries for those that are not in the table. */
export type Keys<Type extends ObjectType> = ObjectInput<Type> | readonly Entry[];
/** A binding state. */
export type LeaseState = keyof typeof LEASE_STATES;
/** A state of a failover peer. */
export type FailoverState = keyof typeof FAILOVER_STATES;
/** A state of the server. */
export type ControlState = keyof typeof CONTROL_STATES;

/** A host in short. */
export interface HostSummary {
  readonly ip: string;
  readonly mac: string;
  readonly name: string;
}

/** One address of a walk through leases. */
export interface LeaseOfAddress {
  readonly address: string;
  /** undefined: the address is in no dynamic range. */
  readonly lease: OmapiObject<'lease'> | undefined;
}

/** Longest a server takes to go down; with failover the manual speaks of 25 s. */
const SHUTDOWN_TIMEOUT_MS = 40_000;

/** Lookups a walk keeps under way. */
const WALK_WINDOW = 16;

/** See the head of this file. */
export class OmapiClient extends ObjectClient {
  /** A client that is connected. @throws KeyError; else as OmapiConnection.open */
  static connect(options: ClientOptions = {}, signal?: AbortSignal): Promise<OmapiClient> {
    return new OmapiClient(options).connect(signal);
  }

  // Leases ------------------------------------------------------------------------------------------------------------

  /** A lease by ipAddress, dhcpClientIdentifier or hardwareAddress. @throws MultipleError if several fit */
  lookupByLease(keys: Keys<'lease'>, options?: RequestOptions): Promise<OmapiObject<'lease'>> {
    return this.open('lease', keys, options);
  }

  /** The address leased to a hardware address. @throws MultipleError if it has left old leases behind */
  async lookupIp(mac: string, options?: RequestOptions): Promise<string> {
    return need(await this.lookupByLease({ hardwareAddress: mac }, options), 'ipAddress');
  }

  /** The hardware address that leases an address. @throws AttributeMissingError if nobody ever did */
  async lookupMac(ip: string, options?: RequestOptions): Promise<string> {
    return need(await this.lookupByLease({ ipAddress: ip }, options), 'hardwareAddress');
  }

  /** The host name the client of an address gave. @throws AttributeMissingError if it gave none */
  async lookupHostname(ip: string, options?: RequestOptions): Promise<string> {
    return need(await this.lookupByLease({ ipAddress: ip }, options), 'clientHostname');
  }

  /** Changes a lease. Note what dhcpd does: a change of ends or flags frees an active lease. */
  async updateLease(keys: Keys<'lease'>, changes: ObjectInput<'lease'>, options?: RequestOptions): Promise<void> {
    await (await this.lookupByLease(keys, options)).update(changes, options);
  }

  /** Moves a lease to another binding state, with all that goes with it. */
  setLeaseState(ip: string, state: LeaseState, options?: RequestOptions): Promise<void> {
    return this.updateLease({ ipAddress: ip }, { state }, options);
  }

  /** Gives an address back to its pool. */
  freeLease(ip: string, options?: RequestOptions): Promise<void> {
    return this.setLeaseState(ip, 'free', options);
  }

  /** Sets the end of a lease, in seconds since 1970. dhcpd thereby frees an active lease, whatever the time. */
  setLeaseEnd(ip: string, endsSec: number, options?: RequestOptions): Promise<void> {
    return this.updateLease({ ipAddress: ip }, { ends: endsSec }, options);
  }

  /** Marks an address as reserved for its client, or no longer; other flags stay. dhcpd thereby frees an active lease. */
  async setLeaseReserved(ip: string, reserved: boolean, options?: RequestOptions): Promise<void> {
    const lease = await this.lookupByLease({ ipAddress: ip }, options);
    const others = (lease.values.flags ?? 0) & ~LEASE_FLAGS.reserved;
    await lease.update({ flags: reserved ? others | LEASE_FLAGS.reserved : others }, options);
  }

  /**
   * The leases of addresses, in the order given: the nearest to a listing that OMAPI has. A window of lookups is kept
   * under way, so a walk is not slowed by the distance to the server.
   */
  async *leases(
    addresses: Iterable<string>,
    options?: RequestOptions,
  ): AsyncGenerator<LeaseOfAddress, void, undefined> {
    const waiting: Promise<LeaseOfAddress>[] = [];
    for (const address of addresses) {
      const lookup = this.leaseOf(address, options);
      lookup.catch(() => {}); // whoever reaches it is told; if the walk ends before, nobody needs to be
      waiting.push(lookup);
      if (waiting.length >= WALK_WINDOW) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  }

  /** All leases the server has, free ones with a client's data too. @throws UnsupportedError: dhcpd can not list */
  allLeases(options?: RequestOptions): AsyncGenerator<OmapiObject<'lease'>, void, undefined> {
    return this.list('lease', options);
  }

  private async leaseOf(address: string, options?: RequestOptions): Promise<LeaseOfAddress> {
    try {
      return { address, lease: await this.lookupByLease({ ipAddress: address }, options) };
    } catch (error) {
      if (isStatus(error, 'NOTFOUND')) return { address, lease: undefined };
      throw error;
    }
  }

  /** The pool an address belongs to: how many leases it has, and how many are free. */
  async lookupPool(ip: string, options?: RequestOptions): Promise<OmapiObject<'pool'>> {
    const lease = await this.lookupByLease({ ipAddress: ip }, options);
    return this.openHandle('pool', need(lease, 'pool'), lease, options);
  }

  // Hosts -------------------------------------------------------------------------------------------------------------

  /** A host by name, hardwareAddress, dhcpClientIdentifier; by ipAddress dhcpd finds the host of that address's lease. */
  lookupByHost(keys: Keys<'host'>, options?: RequestOptions): Promise<OmapiObject<'host'>> {
    return this.open('host', keys, options);
  }

  /** The first fixed address of the host with a hardware address. */
  async lookupIpHost(mac: string, options?: RequestOptions): Promise<string> {
    return need(await this.lookupByHost({ hardwareAddress: mac }, options), 'ipAddress')[0]!;
  }

  /** A host by name. @throws AttributeMissingError if it has no fixed or no hardware address */
  async lookupHost(name: string, options?: RequestOptions): Promise<HostSummary> {
    return summary(await this.lookupByHost({ name }, options));
  }

  /** A host by hardware address. @throws AttributeMissingError if it has no fixed address */
  async lookupHostHost(mac: string, options?: RequestOptions): Promise<HostSummary> {
    return summary(await this.lookupByHost({ hardwareAddress: mac }, options));
  }

  /** A host by address; dhcpd goes through the lease of the address, not the fixed address. */
  async lookupHostByIp(ip: string, options?: RequestOptions): Promise<HostSummary> {
    return summary(await this.lookupByHost({ ipAddress: ip }, options));
  }

  /** Declares a host. @throws ExistsError, KeyConflictError (the hardware address is another host's), StatementsError */
  createHost(host: ObjectInput<'host'>, options?: RequestOptions): Promise<OmapiObject<'host'>> {
    if (host.name !== undefined) checkDeclarationName(host.name);
    return this.open('host', host, { ...options, create: true, exclusive: true });
  }

  /** Declares a host with a fixed address; the server makes up a name. */
  async addHost(ip: string, mac: string, options?: RequestOptions): Promise<void> {
    await this.createHost({ hardwareAddress: mac, ipAddress: ip }, options);
  }

  /** Declares a host that is known, and gets its address from a pool. */
  async addHostWithoutIp(mac: string, options?: RequestOptions): Promise<void> {
    await this.createHost({ hardwareAddress: mac }, options);
  }

  /** Declares a host with a fixed address and a name that is also the client's host name. */
  addHostSupersedeName(ip: string, mac: string, name: string, options?: RequestOptions): Promise<void> {
    return this.addHostSupersede(ip, mac, name, { hostname: name }, options);
  }

  /** Declares a host with a fixed address, a name, and options of its own. */
  async addHostSupersede(
    ip: string,
    mac: string,
    name: string,
    superseded: SupersededOptions = {},
    options?: RequestOptions,
  ): Promise<void> {
    const host = { name, hardwareAddress: mac, ipAddress: ip, statements: supersede(superseded) };
    await this.createHost(host as ObjectInput<'host'>, options);
  }

  /** Declares a host with a fixed address in a group that exists. */
  async addHostWithGroup(ip: string, mac: string, group: string, options?: RequestOptions): Promise<void> {
    await this.createHost({ hardwareAddress: mac, ipAddress: ip, group }, options);
  }

  /** Changes a host. In dhcpd name, hardware address and statements can be set only once. @throws ExistsError then */
  async updateHost(keys: Keys<'host'>, changes: ObjectInput<'host'>, options?: RequestOptions): Promise<void> {
    await (await this.lookupByHost(keys, options)).update(changes, options);
  }

  /** Puts a host into another group. dhcpd then forgets the host's own statements. */
  changeGroup(hostName: string, group: string, options?: RequestOptions): Promise<void> {
    return this.updateHost({ name: hostName }, { group }, options);
  }

  /** Removes the host with a hardware address. */
  delHost(mac: string, options?: RequestOptions): Promise<void> {
    return this.deleteHost({ hardwareAddress: mac }, options);
  }

  /** Removes a host. */
  async deleteHost(keys: Keys<'host'>, options?: RequestOptions): Promise<void> {
    await (await this.lookupByHost(keys, options)).delete(options);
  }

  /** All hosts. @throws UnsupportedError: dhcpd can not list */
  hosts(options?: RequestOptions): AsyncGenerator<OmapiObject<'host'>, void, undefined> {
    return this.list('host', options);
  }

  // Groups ------------------------------------------------------------------------------------------------------------

  /** A group by name. */
  lookupGroup(name: string, options?: RequestOptions): Promise<OmapiObject<'group'>> {
    return this.open('group', { name }, options);
  }

  /** Makes a group. @param statements text of dhcpd.conf: `option domain-name "lab.example";` */
  async addGroup(name: string, statements: string, options?: RequestOptions): Promise<void> {
    await this.open(
      'group',
      { name: checkDeclarationName(name), statements },
      { ...options, create: true, exclusive: true },
    );
  }

  /** All groups. @throws UnsupportedError: dhcpd can not list */
  groups(options?: RequestOptions): AsyncGenerator<OmapiObject<'group'>, void, undefined> {
    return this.list('group', options);
  }

  /** Removes a group. Take its hosts out of it first: dhcpd does not. */
  async deleteGroup(name: string, options?: RequestOptions): Promise<void> {
    await (await this.lookupGroup(name, options)).delete(options);
  }

  // Classes -----------------------------------------------------------------------------------------------------------

  /** A class by name: its lease limit and how many leases it uses. */
  lookupClass(name: string, options?: RequestOptions): Promise<OmapiObject<'class'>> {
    return this.open('class', { name }, options);
  }

  /** Makes a class that matches hardware addresses, to have subclasses. @param group whose statements it takes over */
  async addClass(name: string, group?: string, options?: RequestOptions): Promise<void> {
    const matching = { name, match: 'hardware' };
    await this.open('class', group === undefined ? matching : { ...matching, group }, {
      ...options,
      create: true,
      exclusive: true,
    });
  }

  /** Removes a class. */
  async deleteClass(name: string, options?: RequestOptions): Promise<void> {
    await (await this.lookupClass(name, options)).delete(options);
  }

  /** A subclass by class and value; for `match hardware` the value is the hardware type and the address. */
  lookupSubclass(
    name: string,
    hashstring: Uint8Array | string,
    options?: RequestOptions,
  ): Promise<OmapiObject<'subclass'>> {
    return this.open('subclass', { name, hashstring }, options);
  }

  /** Puts a value into a class: `addSubclass('phones', '01:02:00:00:00:00:aa')`. */
  async addSubclass(name: string, hashstring: Uint8Array | string, options?: RequestOptions): Promise<void> {
    await this.open('subclass', { name, hashstring }, { ...options, create: true, exclusive: true });
  }

  /** Takes a value out of a class. */
  async deleteSubclass(name: string, hashstring: Uint8Array | string, options?: RequestOptions): Promise<void> {
    await (await this.lookupSubclass(name, hashstring, options)).delete(options);
  }

  // Failover, interfaces, the server itself ---------------------------------------------------------------------------

  /** A failover peer. */
  lookupByFailoverState(
    keys: Keys<'failover-state'>,
    options?: RequestOptions,
  ): Promise<OmapiObject<'failover-state'>> {
    return this.open('failover-state', keys, options);
  }

  /** One attribute of a failover peer: `lookupFailoverState('fo', 'localState')`. */
  async lookupFailoverState<Name extends keyof ObjectValues<'failover-state'>>(
    name: string,
    attribute: Name,
    options?: RequestOptions,
  ): Promise<NonNullable<ObjectValues<'failover-state'>[Name]>> {
    return need(await this.lookupByFailoverState({ name }, options), attribute);
  }

  /** Orders a failover peer into a state. Meant for one thing: 'partner-down', when the partner is dead for good. */
  async setFailoverState(name: string, state: FailoverState, options?: RequestOptions): Promise<void> {
    await (await this.lookupByFailoverState({ name }, options)).update({ localState: state }, options);
  }

  /** A network interface the server serves. */
  lookupInterface(name: string, options?: RequestOptions): Promise<OmapiObject<'interface'>> {
    return this.open('interface', { name }, options);
  }

  /** Ends DHCP service on an interface, until the server is restarted. */
  async disableInterface(name: string, options?: RequestOptions): Promise<void> {
    await (await this.lookupInterface(name, options)).delete(options);
  }

  /** The state of the server; dhcpd says 'startup' as long as it runs. */
  async lookupControlState(options?: RequestOptions): Promise<ControlState | number> {
    return need(await this.open('control', [], options), 'state');
  }

  /**
   * Shuts the server down and resolves when it has gone, or has said that it will. dhcpd never answers: it stops serving
   * at once, and closes the connection some eleven seconds later.
   */
  async shutdown(options: RequestOptions = {}): Promise<void> {
    const control = await this.open('control', [], options);
    try {
      await control.update({ state: 'shutdown' }, { timeoutMs: SHUTDOWN_TIMEOUT_MS, ...options });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    this.close();
  }
}

/** An attribute that has to be there. @throws AttributeMissingError */
function need<Type extends ObjectType, Name extends keyof ObjectValues<Type>>(
  object: OmapiObject<Type>,
  name: Name,
): NonNullable<ObjectValues<Type>[Name]> {
  const value = object.values[name];
  if (value === undefined || value === null) throw new AttributeMissingError(object.type, String(name));
  return value;
}

function summary(host: OmapiObject<'host'>): HostSummary {
  return { ip: need(host, 'ipAddress')[0]!, mac: need(host, 'hardwareAddress'), name: need(host, 'name') };
}

/** The addresses from one to another, for a walk with {@link OmapiClient.leases}. @throws ValueError */
export function* ipv4Range(first: string, last: string): Generator<string, void, undefined> {
  const [from, to] = [ipv4Number(first), ipv4Number(last)];
  if (from > to) throw new ValueError(`${first} comes after ${last}`);
  for (let address = from; address <= to; address++) {
    yield [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
  }
}

function ipv4Number(address: string): number {
  return encodeIpv4(address).reduce((sum, octet) => sum * 256 + octet, 0);
}
