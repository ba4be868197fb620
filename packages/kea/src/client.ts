/**
 * THE client: what is done most with a DHCPv4 server, by name. What is not here goes through `call` (typed) or
 * `command` (anything). Every method may throw what CommandClient.call() throws; a lookup that finds nothing is
 * undefined, or an empty list, and a removal of what is not there is false.
 */

import { CommandClient } from './command-client.js';
import { EmptyError } from './errors.js';
import type { JsonMap } from './json.js';
import type {
  Lease4,
  Lease4Input,
  Lease4Key,
  LeaseState,
  Reservation4,
  ReservationKey,
  ResultSet,
  Subnet4,
  SubnetSummary,
} from './model.js';
import type { CallOptions } from './timers.js';

/** How to go through all leases or reservations. */
export interface PageOptions extends CallOptions {
  /** Objects a command asks for (1000). */
  readonly limit?: number;
  /** Leases: go on behind this address. */
  readonly after?: string;
  /** Reservations: of this subnet only (0: the global ones). */
  readonly subnetId?: number;
}

/** Versions as version-get tells them. */
export interface Version {
  /** `2.2.0` */
  readonly version: string;
  /** Several lines about how it was built. */
  readonly extended: string;
}

/** A configuration that is in use. */
export interface RunningConfig {
  readonly dhcp4: JsonMap;
  /** SHA-256 of it; undefined for Kea before 2.4. */
  readonly hash: string | undefined;
}

/** Counters of the leases of a subnet. */
export interface LeaseCounts {
  readonly subnetId: number;
  readonly total: number;
  readonly assigned: number;
  readonly declined: number;
}

const PAGE_OBJECTS = 1000;

/** See the head of this file. */
export class KeaClient extends CommandClient {
  // The server itself -------------------------------------------------------------------------------------------------

  /** What the server says it is. */
  async version(options?: CallOptions): Promise<Version> {
    const { text = '', arguments: args } = await this.succeed('version-get', undefined, options);
    return { version: text, extended: String((args as JsonMap).extended ?? '') };
  }

  /** The configuration in use. */
  async config(options?: CallOptions): Promise<RunningConfig> {
    const { Dhcp4, hash } = await this.call('config-get', undefined, options);
    return { dhcp4: Dhcp4, hash };
  }

  /** Puts a configuration into use, without touching the server's file. @param dhcp4 without the outer `Dhcp4` */
  async setConfig(dhcp4: object, options?: CallOptions): Promise<void> {
    await this.call('config-set', { Dhcp4: dhcp4 }, options);
  }

  /** Checks a configuration. @throws ResultError with what is wrong */
  async testConfig(dhcp4: object, options?: CallOptions): Promise<void> {
    await this.call('config-test', { Dhcp4: dhcp4 }, options);
  }

  /** The newest value of a statistic; undefined if the server has no such one. */
  async statistic(name: string, options?: CallOptions): Promise<unknown> {
    return (await this.call('statistic-get', { name }, options))[name]?.[0]?.[0];
  }

  // Leases ------------------------------------------------------------------------------------------------------------

  /** A lease by address, or by who has it in a subnet. */
  lease(key: string | Lease4Key, options?: CallOptions): Promise<Lease4 | undefined> {
    const args = typeof key === 'string' ? { 'ip-address': key } : key;
    return orElse(undefined, this.call('lease4-get', args, options));
  }

  /** All leases in the order of their addresses, page by page: the server is not held up, nor is all in memory. */
  async *leases(options: PageOptions = {}): AsyncGenerator<Lease4, void, undefined> {
    for await (const page of this.leasePages(options)) yield* page;
  }

  /** The same in pages. */
  async *leasePages({
    limit = PAGE_OBJECTS,
    after,
    ...options
  }: PageOptions = {}): AsyncGenerator<readonly Lease4[], void, undefined> {
    let from = after ?? 'start';
    for (;;) {
      const { leases } = await orElse(NO_LEASES, this.call('lease4-get-page', { from, limit }, options));
      if (leases.length > 0) yield leases;
      if (leases.length < limit) return;
      from = leases.at(-1)!['ip-address'];
    }
  }

  /** The leases of a hardware address. */
  leasesOfHwAddress(hwAddress: string, options?: CallOptions): Promise<readonly Lease4[]> {
    return leasesIn(this.call('lease4-get-by-hw-address', { 'hw-address': hwAddress }, options));
  }

  /** The leases of a client identifier (hex with colons). */
  leasesOfClientId(clientId: string, options?: CallOptions): Promise<readonly Lease4[]> {
    return leasesIn(this.call('lease4-get-by-client-id', { 'client-id': clientId }, options));
  }

  /** The leases with a host name, in any case of letters. */
  leasesOfHostname(hostname: string, options?: CallOptions): Promise<readonly Lease4[]> {
    return leasesIn(this.call('lease4-get-by-hostname', { hostname }, options));
  }

  /** The leases in a state (Kea from 3.1.5). */
  leasesInState(state: LeaseState, options?: CallOptions): Promise<readonly Lease4[]> {
    return leasesIn(this.call('lease4-get-by-state', { state }, options));
  }

  /** Makes a lease. @throws ConflictError if there is one (Kea 2.x: ResultError) */
  async addLease(lease: Lease4Input, options?: CallOptions): Promise<void> {
    await this.call('lease4-add', lease, options);
  }

  /** Changes a lease; `force-create` makes it if it is not there. @throws EmptyError if it is not */
  async updateLease(lease: Lease4Input & { readonly 'force-create'?: boolean }, options?: CallOptions): Promise<void> {
    await this.call('lease4-update', lease, options);
  }

  /** Removes a lease. The client is not told. */
  deleteLease(key: string | Lease4Key, options?: CallOptions): Promise<boolean> {
    return done(this.call('lease4-del', typeof key === 'string' ? { 'ip-address': key } : key, options));
  }

  /** Counters of the leases of each subnet. */
  async leaseCounts(options?: CallOptions): Promise<LeaseCounts[]> {
    const { 'result-set': table } = await orElse(NO_COUNTS, this.call('stat-lease4-get', undefined, options));
    const column = (row: readonly number[], name: string): number => row[table.columns.indexOf(name)] ?? 0;
    return table.rows.map((row) => ({
      subnetId: column(row, 'subnet-id'),
      total: column(row, 'total-addresses'),
      assigned: column(row, 'assigned-addresses'),
      declined: column(row, 'declined-addresses'),
    }));
  }

  // Subnets -----------------------------------------------------------------------------------------------------------

  /** Numbers and prefixes of all subnets. */
  async subnets(options?: CallOptions): Promise<readonly SubnetSummary[]> {
    return (await orElse({ subnets: [] }, this.call('subnet4-list', undefined, options))).subnets;
  }

  /** A subnet by number or prefix, with everything that is configured for it. */
  async subnet(key: number | string, options?: CallOptions): Promise<Subnet4 | undefined> {
    const args = typeof key === 'number' ? { id: key } : { subnet: key };
    return (await orElse(undefined, this.call('subnet4-get', args, options)))?.subnet4[0];
  }

  /** Adds a subnet. */
  async addSubnet(subnet: Subnet4, options?: CallOptions): Promise<void> {
    await this.call('subnet4-add', { subnet4: [subnet] }, options);
  }

  /** Replaces a subnet. @throws EmptyError if it is not there */
  async updateSubnet(subnet: Subnet4, options?: CallOptions): Promise<void> {
    await this.call('subnet4-update', { subnet4: [subnet] }, options);
  }

  /** Removes a subnet. Its leases stay. */
  deleteSubnet(id: number, options?: CallOptions): Promise<boolean> {
    return done(this.call('subnet4-del', { id }, options));
  }

  // Reservations ------------------------------------------------------------------------------------------------------

  /** A reservation. */
  reservation(key: ReservationKey, options?: CallOptions): Promise<Reservation4 | undefined> {
    return orElse(undefined, this.call('reservation-get', key, options));
  }

  /** All reservations, from every place the server has some, or those of a subnet. */
  async *reservations(options: PageOptions = {}): AsyncGenerator<Reservation4, void, undefined> {
    const { limit = PAGE_OBJECTS, subnetId, signal, timeoutMs } = options;
    const fixed = { limit, ...(subnetId !== undefined && { 'subnet-id': subnetId }) };
    let position = {};
    for (;;) {
      const call = this.call('reservation-get-page', { ...fixed, ...position }, { signal, timeoutMs });
      const { hosts, next } = await orElse(NO_HOSTS, call);
      yield* hosts;
      if (hosts.length === 0 || next === undefined) return;
      position = next;
    }
  }

  /** Makes a reservation, where the server changes reservations unless told otherwise. */
  async addReservation(reservation: Reservation4, options?: CallOptions): Promise<void> {
    await this.call('reservation-add', { reservation }, options);
  }

  /** Replaces a reservation, known by its subnet and identifier. @throws EmptyError if it is not there */
  async updateReservation(reservation: Reservation4, options?: CallOptions): Promise<void> {
    await this.call('reservation-update', { reservation }, options);
  }

  /** Removes a reservation. */
  deleteReservation(key: ReservationKey, options?: CallOptions): Promise<boolean> {
    return done(this.call('reservation-del', key, options));
  }
}

const NO_LEASES = { leases: [], count: 0 } as const;
const NO_HOSTS: { readonly hosts: readonly Reservation4[]; readonly next?: object } = { hosts: [] };
const NO_COUNTS: { readonly 'result-set': Pick<ResultSet, 'columns' | 'rows'> } = {
  'result-set': { columns: [], rows: [] },
};

/** What stands for "nothing found", in place of result 3. */
async function orElse<T, Other>(other: Other, answer: Promise<T>): Promise<T | Other> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof EmptyError) return other;
    throw error;
  }
}

async function leasesIn(answer: Promise<{ readonly leases: readonly Lease4[] }>): Promise<readonly Lease4[]> {
  return (await orElse(NO_LEASES, answer)).leases;
}

async function done(answer: Promise<unknown>): Promise<boolean> {
  return orElse(
    false,
    answer.then(() => true),
  );
}
