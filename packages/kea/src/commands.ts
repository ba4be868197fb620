/** THE table of typed commands: what each takes, and what `arguments` of its answer holds. */

import type { JsonMap } from './json.js';
import type {
  ClientClass4,
  IdentifierType,
  Lease4,
  Lease4Input,
  Lease4Key,
  LeaseState,
  Reservation4,
  ReservationKey,
  ReservationTarget,
  ResultSet,
  Samples,
  ServerStatus,
  SharedNetwork4,
  Subnet4,
  SubnetSummary,
} from './model.js';

/** One command. */
interface Signature<Args extends object = NoArguments, Answer = undefined> {
  readonly args: Args;
  readonly answer: Answer;
}

/** Takes nothing. */
interface NoArguments {
  readonly [name: string]: undefined;
}

interface Leases {
  readonly leases: readonly Lease4[];
}

interface Hosts {
  readonly hosts: readonly Reservation4[];
}

interface Page {
  readonly count: number;
}

interface Subnets {
  readonly subnets: readonly SubnetSummary[];
}

interface Classes {
  readonly 'client-classes': readonly ClientClass4[];
}

interface NetworkNames {
  readonly 'shared-networks': readonly { readonly name: string }[];
}

interface ConfigHash {
  /** Upper-case hex; Kea 2.2 has none. */
  readonly hash?: string;
}

type StatisticSamples = Readonly<Record<string, Samples>>;
type Dhcp4 = { readonly Dhcp4: object };
type ByHost<Key> = Key & ReservationTarget & { readonly 'subnet-id'?: number };

/** The commands of a DHCPv4 server that are typed here. */
export interface KeaCommands {
  'build-report': Signature;
  'config-get': Signature<NoArguments, { readonly Dhcp4: JsonMap } & ConfigHash>;
  'config-hash-get': Signature<NoArguments, { readonly hash: string }>;
  'config-reload': Signature<NoArguments, ConfigHash | undefined>;
  'config-set': Signature<Dhcp4, ConfigHash | undefined>;
  'config-test': Signature<Dhcp4>;
  'config-write': Signature<{ readonly filename?: string }, { readonly filename: string; readonly size: number }>;
  'dhcp-disable': Signature<{ readonly 'max-period'?: number; readonly origin?: string | number }>;
  'dhcp-enable': Signature<{ readonly origin?: string | number }>;
  'leases-reclaim': Signature<{ readonly remove: boolean }>;
  'list-commands': Signature<NoArguments, readonly string[]>;
  'server-tag-get': Signature<NoArguments, { readonly 'server-tag': string }>;
  shutdown: Signature<{ readonly 'exit-value'?: number }>;
  'status-get': Signature<NoArguments, ServerStatus>;
  'version-get': Signature<NoArguments, { readonly extended: string }>;

  'lease4-add': Signature<Lease4Input>;
  'lease4-del': Signature<Lease4Key & { readonly 'update-ddns'?: boolean }>;
  'lease4-get': Signature<Lease4Key, Lease4>;
  'lease4-get-all': Signature<{ readonly subnets?: readonly number[] }, Leases>;
  'lease4-get-by-client-id': Signature<{ readonly 'client-id': string }, Leases>;
  'lease4-get-by-hostname': Signature<{ readonly hostname: string }, Leases>;
  'lease4-get-by-hw-address': Signature<{ readonly 'hw-address': string }, Leases>;
  'lease4-get-by-state': Signature<{ readonly state: string | LeaseState; readonly 'subnet-id'?: number }, Leases>;
  'lease4-get-page': Signature<{ readonly from: string; readonly limit: number }, Leases & Page>;
  'lease4-resend-ddns': Signature<{ readonly 'ip-address': string }>;
  'lease4-update': Signature<Lease4Input & { readonly 'force-create'?: boolean }>;
  'lease4-wipe': Signature<{ readonly 'subnet-id'?: number }>;
  'lease4-write': Signature<{ readonly filename: string }>;
  'stat-lease4-get': Signature<
    {
      readonly 'subnet-id'?: number;
      readonly 'subnet-range'?: { readonly 'first-subnet-id': number; readonly 'last-subnet-id': number };
    },
    { readonly 'result-set': ResultSet }
  >;

  'reservation-add': Signature<{ readonly reservation: Reservation4 } & ReservationTarget>;
  'reservation-del': Signature<ReservationKey & ReservationTarget>;
  'reservation-get': Signature<ReservationKey & ReservationTarget, Reservation4>;
  'reservation-get-all': Signature<{ readonly 'subnet-id': number } & ReservationTarget, Hosts>;
  'reservation-get-by-address': Signature<ByHost<{ readonly 'ip-address': string }>, Hosts>;
  'reservation-get-by-hostname': Signature<ByHost<{ readonly hostname: string }>, Hosts>;
  'reservation-get-by-id': Signature<
    { readonly 'identifier-type': IdentifierType; readonly identifier: string } & ReservationTarget,
    Hosts
  >;
  'reservation-get-page': Signature<
    {
      readonly limit: number;
      readonly 'subnet-id'?: number;
      readonly from?: number;
      readonly 'source-index'?: number;
    },
    Hosts & Page & { readonly next?: { readonly from: number; readonly 'source-index': number } }
  >;
  'reservation-update': Signature<{ readonly reservation: Reservation4 } & ReservationTarget>;

  'subnet4-add': Signature<{ readonly subnet4: readonly [Subnet4] }, Subnets>;
  'subnet4-del': Signature<{ readonly id: number }, Subnets>;
  'subnet4-delta-add': Signature<{ readonly subnet4: readonly [Subnet4] }, Subnets>;
  'subnet4-delta-del': Signature<{ readonly subnet4: readonly [Subnet4] }, Subnets>;
  'subnet4-get': Signature<
    { readonly id: number } | { readonly subnet: string },
    { readonly subnet4: readonly Subnet4[] }
  >;
  'subnet4-list': Signature<NoArguments, Subnets>;
  'subnet4-update': Signature<{ readonly subnet4: readonly [Subnet4] }, Subnets>;
  'network4-add': Signature<{ readonly 'shared-networks': readonly [SharedNetwork4] }, NetworkNames>;
  'network4-del': Signature<{ readonly name: string; readonly 'subnets-action'?: 'keep' | 'delete' }, NetworkNames>;
  'network4-get': Signature<{ readonly name: string }, { readonly 'shared-networks': readonly SharedNetwork4[] }>;
  'network4-list': Signature<NoArguments, NetworkNames>;
  'network4-subnet-add': Signature<{ readonly name: string; readonly id: number }>;
  'network4-subnet-del': Signature<{ readonly name: string; readonly id: number }>;

  'class-add': Signature<{ readonly 'client-classes': readonly [ClientClass4] }>;
  'class-del': Signature<{ readonly name: string }>;
  'class-get': Signature<{ readonly name: string }, Classes>;
  'class-list': Signature<NoArguments, { readonly 'client-classes': readonly { readonly name: string }[] }>;
  'class-update': Signature<{ readonly 'client-classes': readonly [ClientClass4] }>;

  'statistic-get': Signature<{ readonly name: string }, StatisticSamples>;
  'statistic-get-all': Signature<NoArguments, StatisticSamples>;
  'statistic-reset': Signature<{ readonly name: string }>;
  'statistic-reset-all': Signature;
}

/** Name of a typed command. */
export type KeaCommandName = keyof KeaCommands;
/** What a command takes. */
export type ArgumentsOf<Name extends KeaCommandName> = KeaCommands[Name]['args'];
/** What `arguments` of its answer holds. */
export type AnswerOf<Name extends KeaCommandName> = KeaCommands[Name]['answer'];
