/** The objects that Kea's DHCPv4 commands speak of, with the names they have on the wire. */

import type { JsonMap, JsonValue } from './json.js';

/** States of a lease: 0 in use, 1 declined, 2 expired and reclaimed, 3 released (Kea 3.x), 4 registered. */
export type LeaseState = 0 | 1 | 2 | 3 | 4;

/** A lease as lease4-get has it. */
export interface Lease4 {
  readonly 'ip-address': string;
  /** Octets in hex with colons; empty if the client has none. */
  readonly 'hw-address': string;
  readonly 'client-id'?: string;
  readonly 'subnet-id': number;
  readonly 'pool-id'?: number;
  /** When the client was last heard, in seconds since 1970. */
  readonly cltt: number;
  /** Seconds from cltt; 4294967295 is for ever. */
  readonly 'valid-lft': number;
  readonly state: LeaseState;
  readonly hostname: string;
  readonly 'fqdn-fwd': boolean;
  readonly 'fqdn-rev': boolean;
  readonly 'user-context'?: JsonMap;
}

/** A lease to be added or changed. What is absent comes from the subnet. */
export interface Lease4Input {
  readonly 'ip-address': string;
  readonly 'hw-address': string;
  readonly 'client-id'?: string;
  readonly 'subnet-id'?: number;
  readonly 'pool-id'?: number;
  /** End of the lease, in seconds since 1970. */
  readonly expire?: number;
  readonly 'valid-lft'?: number;
  readonly state?: LeaseState;
  readonly hostname?: string;
  readonly 'fqdn-fwd'?: boolean;
  readonly 'fqdn-rev'?: boolean;
  readonly 'user-context'?: JsonMap;
}

/** Which lease: by its address, or by who has it in a subnet. */
export type Lease4Key =
  | { readonly 'ip-address': string }
  | {
      readonly 'subnet-id': number;
      readonly 'identifier-type': 'hw-address' | 'client-id';
      readonly identifier: string;
    };

/** An option of a subnet, pool, class or reservation. */
export interface OptionData {
  readonly name?: string;
  readonly code?: number;
  readonly space?: string;
  readonly data?: string;
  readonly 'csv-format'?: boolean;
  readonly 'always-send'?: boolean;
  readonly 'never-send'?: boolean;
}

/** What a reservation can be known by. */
export type IdentifierType = 'hw-address' | 'duid' | 'circuit-id' | 'client-id' | 'flex-id';

/** A reservation, with exactly one identifier. */
export interface Reservation4 extends Readonly<Partial<Record<IdentifierType, string>>> {
  /** 0 is global. */
  readonly 'subnet-id': number;
  readonly 'ip-address'?: string;
  readonly hostname?: string;
  readonly 'client-classes'?: readonly string[];
  readonly 'option-data'?: readonly OptionData[];
  readonly 'next-server'?: string;
  readonly 'server-hostname'?: string;
  readonly 'boot-file-name'?: string;
  readonly 'user-context'?: JsonMap;
}

/** Which reservation. */
export type ReservationKey =
  | { readonly 'subnet-id': number; readonly 'ip-address': string }
  | { readonly 'subnet-id': number; readonly 'identifier-type': IdentifierType; readonly identifier: string };

/** Where reservations are looked for and changed. */
export interface ReservationTarget {
  readonly 'operation-target'?: 'memory' | 'database' | 'all' | 'default';
}

/** A pool of a subnet, with whatever else Kea's configuration may say of it. */
export interface Pool4 {
  readonly pool: string;
  readonly 'option-data'?: readonly OptionData[];
  readonly [parameter: string]: JsonValue | readonly OptionData[] | undefined;
}

/** A subnet as the configuration has it; parameters that are not named here go by Kea's names. */
export interface Subnet4 {
  readonly id: number;
  readonly subnet: string;
  readonly pools?: readonly Pool4[];
  readonly 'option-data'?: readonly OptionData[];
  readonly 'valid-lifetime'?: number;
  readonly [parameter: string]: JsonValue | readonly OptionData[] | readonly Pool4[] | undefined;
}

/** A subnet in short. */
export interface SubnetSummary {
  readonly id: number;
  readonly subnet: string;
  /** null: in none. Kea 2.2 leaves it out of some answers. */
  readonly 'shared-network-name'?: string | null;
}

/** A shared network as the configuration has it. */
export interface SharedNetwork4 {
  readonly name: string;
  readonly subnet4?: readonly Subnet4[];
  readonly [parameter: string]: JsonValue | readonly Subnet4[] | undefined;
}

/** A client class as the configuration has it. */
export interface ClientClass4 {
  readonly name: string;
  readonly test?: string;
  readonly 'option-data'?: readonly OptionData[];
  readonly [parameter: string]: JsonValue | readonly OptionData[] | undefined;
}

/** Samples of a statistic, newest first: value and time as Kea writes it, in the server's time zone. */
export type Samples = readonly (readonly [value: JsonValue, time: string])[];

/** A table, as stat-lease4-get answers with. */
export interface ResultSet {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly number[])[];
  readonly timestamp: string;
}

/** What status-get says of every daemon; more depends on version and configuration. */
export interface ServerStatus {
  readonly pid: number;
  /** Seconds since the start, and since the last configuration. */
  readonly uptime: number;
  readonly reload: number;
  readonly [member: string]: JsonValue | undefined;
}
