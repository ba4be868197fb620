/**
 * ConfigSnapshot: everything the packet path reads of the configuration, with inheritance already resolved.
 * Built once by config/build.ts, deeply frozen by convention (all readonly), swapped in one assignment.
 */

import type { OptionRegistry } from '@lessor/dhcp';
import type { Authenticator } from '@lessor/omapi';
import type { PasswordHash } from './access/password-hash.js';
import type { AccessPolicy, ListenerPolicy } from './access/policy.js';
import type { CompiledExpression } from './classes/expression.js';
import type { OptionRule } from './compose/computed-options.js';
import type { DdnsBehaviour, DdnsConnection } from './ddns/behaviour.js';
import type { GuardConfig, NetworkGuard } from './guard/policy.js';
import type { HaConfig } from './ha/config.js';
import type { Limits } from './limits/limits.js';
import type { PingRule } from './ping/rule.js';
import type { Ipv4, Octets, SubnetId } from './values.js';

/** A JSON value as Kea's configuration has it. Integers beyond 2^53 are bigint. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonMap;
/** A JSON object. */
export interface JsonMap {
  readonly [key: string]: Json;
}

/** One lifetime with its bounds, in seconds (Kea: valid-lifetime, min-, max-). */
export interface LifetimeTriplet {
  readonly defaultSec: number;
  readonly minSec: number;
  readonly maxSec: number;
}

/** One `option-data` entry, its value already encoded. */
export interface OptionData {
  readonly space: string;
  readonly code: number;
  readonly name: string;
  /** Encoded value, without sub-options of an encapsulated space. */
  readonly data: Uint8Array;
  /** Space whose configured options are appended as sub-options when this one is sent. */
  readonly encapsulates?: string;
  readonly alwaysSend: boolean;
  readonly neverSend: boolean;
  /** Guard: sent only if the client is in one of these; empty = no guard. */
  readonly clientClasses: readonly string[];
  /** Only for clients with the fingerprint of a BMC that are on a management network (`user-context.lessor`). */
  readonly bmcOnly?: true;
  /** Absent: the value takes the place of all of less specific scopes (`user-context.lessor`). */
  readonly join?: OptionJoin;
}

/**
 * How the value of an option comes together with that which less specific scopes give it: behind it, before it, or only
 * where they give none (dhcpd: append, prepend, default).
 */
export type OptionJoin = 'append' | 'prepend' | 'default';

/** The three boot header fields; undefined = not set at this level. */
export interface BootFields {
  readonly nextServer?: Ipv4;
  readonly serverHostname?: string;
  readonly bootFileName?: string;
}

/** Kinds of host identifier, by Kea's names. */
export type IdentifierType = 'hw-address' | 'duid' | 'circuit-id' | 'client-id' | 'flex-id';

/** One identifier of a client. */
export interface ClientKey {
  readonly identifierType: IdentifierType;
  readonly identifier: Octets;
}

/** What a host or group says of lease times itself, in seconds; what it does not say is inherited (dhcpd). */
export interface OwnLifetime {
  readonly defaultSec?: number;
  readonly minSec?: number;
  readonly maxSec?: number;
}

/** What of lessor's own a host or group may have beside options and boot fields (`user-context.lessor`). */
export interface HostParameters {
  readonly ownLifetime?: OwnLifetime;
  /** Replies are broadcast even if the client can take them by unicast (dhcpd: always-broadcast). */
  readonly alwaysBroadcast?: boolean;
}

/** What a reservation is for packets that fulfil a condition. */
export interface ReservationCase {
  /** Undefined = always. */
  readonly test?: CompiledExpression<boolean>;
  readonly reservation: Reservation;
}

/** A host reservation (OMAPI: host). `subnetId` 0 = global. */
export interface Reservation extends BootFields, HostParameters, ClientKey {
  readonly subnetId: SubnetId;
  /** Other identifiers of the client: each of them finds the reservation (`user-context.lessor.identifiers`). */
  readonly aliases?: readonly ClientKey[];
  /** The first that fits the packet replaces options and boot fields (`user-context.lessor.cases`). */
  readonly cases?: readonly ReservationCase[];
  readonly address?: Ipv4;
  readonly hostname: string;
  /** Name in the DNS, if it is another (`user-context.lessor.ddns-hostname`). */
  readonly ddnsHostname?: string;
  readonly clientClasses: readonly string[];
  readonly options: readonly OptionData[];
  readonly userContext?: JsonMap;
  /** Where it came from: the configuration file or the store of run-time changes. */
  readonly origin: 'config' | 'store';
}

/** One address range of a subnet. */
export interface Pool {
  /** Kea's pool-id (statistics). */
  readonly id: number;
  /** Position in ConfigSnapshot.pools: a dense index for per-pool run-time state. */
  readonly index: number;
  readonly subnetId: SubnetId;
  readonly first: Ipv4;
  readonly last: Ipv4;
  /** Guard: the client must be in one of them; empty = all. */
  readonly clientClasses: readonly string[];
  readonly additionalClasses: readonly string[];
  readonly options: readonly OptionData[];
  readonly ddns: DdnsBehaviour;
}

/** Names of allocators. */
export type AllocatorName = 'iterative' | 'random' | 'flq';

/** One subnet with everything inherited already resolved. */
export interface Subnet extends NetworkGuard {
  readonly id: SubnetId;
  /** Position in ConfigSnapshot.subnets: a dense index for caches. */
  readonly index: number;
  readonly prefix: Ipv4;
  readonly prefixLength: number;
  /** The network it is in, or undefined. */
  readonly sharedNetwork?: SharedNetwork;
  readonly interface?: string;
  readonly relayAddresses: readonly Ipv4[];
  readonly pools: readonly Pool[];
  readonly clientClasses: readonly string[];
  readonly additionalClasses: readonly string[];
  readonly options: readonly OptionData[];
  readonly boot: BootFields;
  readonly lifetime: LifetimeTriplet;
  readonly renewTimerSec?: number;
  readonly rebindTimerSec?: number;
  readonly calculateTeeTimes: boolean;
  readonly t1Percent: number;
  readonly t2Percent: number;
  readonly offerLifetimeSec: number;
  readonly cacheThreshold: number;
  readonly cacheMaxAgeSec?: number;
  readonly adaptiveLeaseTimeThreshold: number;
  readonly matchClientId: boolean;
  readonly authoritative: boolean;
  readonly allocator: AllocatorName;
  readonly storeExtendedInfo: boolean;
  readonly reservationsGlobal: boolean;
  readonly reservationsInSubnet: boolean;
  readonly reservationsOutOfPool: boolean;
  readonly ddns: DdnsBehaviour;
  /** How its addresses are pinged before they are offered (libdhcp_ping_check); absent: they are not. */
  readonly pingCheck?: PingRule;
  readonly limits?: Limits;
  readonly userContext?: JsonMap;
}

/** A shared network: subnets that are interchangeable for allocation. */
export interface SharedNetwork extends NetworkGuard {
  readonly name: string;
  readonly index: number;
  /** In configuration order. */
  readonly subnets: readonly Subnet[];
  readonly interface?: string;
  readonly relayAddresses: readonly Ipv4[];
  readonly clientClasses: readonly string[];
  readonly additionalClasses: readonly string[];
  readonly options: readonly OptionData[];
  readonly boot: BootFields;
  readonly userContext?: JsonMap;
}

/** See {@link ClientClass.rank}. */
export type ClassRank = 'group' | 'subclass' | 'matched' | 'class';

/** A client class, its expression compiled. */
export interface ClientClass extends BootFields, HostParameters {
  readonly name: string;
  /**
   * How near to the host its options rank. `class`: as Kea's, behind pool and subnet. Classes that OMAPI made rank as
   * dhcpd's, before pool and subnet: `group`, of hosts, directly behind the host's own; then `subclass`, one subclass
   * with statements of its own; then `matched`, a class with subclasses.
   */
  readonly rank: ClassRank;
  /** Position in ConfigSnapshot.classes (file order = evaluation order). */
  readonly index: number;
  /** Boolean expression; undefined = never matches by itself. */
  readonly test?: CompiledExpression<boolean>;
  /** String expression of a template class; excludes `test`. */
  readonly templateTest?: CompiledExpression<Octets>;
  readonly onlyInAdditionalList: boolean;
  /** True if the test depends, directly or through other classes, on KNOWN or UNKNOWN: evaluated after host lookup. */
  readonly dependsOnKnown: boolean;
  readonly options: readonly OptionData[];
  /** Class-private definitions (codes 43, 224..254), undefined if none. */
  readonly optionRegistry?: OptionRegistry;
  readonly lifetime?: LifetimeTriplet;
  readonly offerLifetimeSec?: number;
  readonly limits?: Limits;
}

/** One `interfaces-config.interfaces` entry. */
export interface InterfaceSelector {
  /** Name, or '*'. */
  readonly name: string;
  readonly address?: Ipv4;
}

/** Kea's interfaces-config. */
export interface InterfacesConfig {
  readonly selectors: readonly InterfaceSelector[];
  readonly socketType: 'raw' | 'udp';
  readonly outboundInterface: 'same-as-inbound' | 'use-routing';
  readonly reDetect: boolean;
  readonly requireAll: boolean;
  readonly maxRetries: number;
  readonly retryWaitMs: number;
}

/** Kea's expired-leases-processing. */
export interface ExpirationConfig {
  readonly reclaimTimerWaitSec: number;
  readonly flushReclaimedTimerWaitSec: number;
  readonly holdReclaimedSec: number;
  readonly maxReclaimLeases: number;
  readonly maxReclaimTimeMs: number;
  readonly unwarnedReclaimCycles: number;
}

/** Kea's lease-database for memfile. `path` is resolved (data directory applied). */
export interface LeaseDatabaseConfig {
  readonly persist: boolean;
  readonly path: string;
  readonly lfcIntervalSec: number;
  readonly maxRowErrors: number;
}

/** One `loggers` entry. */
export interface LoggerConfig {
  readonly name: string;
  readonly severity: 'FATAL' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG' | 'NONE';
  readonly debugLevel: number;
  readonly outputs: readonly {
    readonly output: string;
    readonly maxSizeOctets: number;
    readonly maxVersions: number;
    readonly flush: boolean;
    readonly pattern: string;
  }[];
}

/** One `control-sockets` entry, credentials resolved. */
export interface ControlSocketConfig {
  readonly type: 'unix' | 'http' | 'https';
  /** unix: absolute path. */
  readonly path?: string;
  /** http(s): address literal and port. */
  readonly address?: string;
  readonly port?: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Basic authentication; undefined = none demanded. */
  readonly authentication?: {
    readonly realm: string;
    readonly clients: readonly {
      readonly user: string;
      /** '' where there is a hash. */
      readonly password: string;
      readonly hash?: PasswordHash;
    }[];
  };
  readonly tls?: {
    readonly trustAnchor: string;
    readonly certFile: string;
    readonly keyFile: string;
    readonly certRequired: boolean;
    /** PEM file of revoked certificates. */
    readonly crlFile?: string;
    /** TLSv1.2 if absent: what a plain Kea file asks for. */
    readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  };
  /** Who may connect, and what for; absent only where a socket is made without a configuration. */
  readonly policy?: ListenerPolicy;
}

/** What an OMAPI key may do: look everything up, change hosts and groups, change leases, stop the server. */
export type OmapiRight = 'read' | 'hosts' | 'leases' | 'shutdown';

/** A key of the OMAPI listeners. */
export interface OmapiKey {
  readonly authenticator: Authenticator;
  readonly rights: ReadonlySet<OmapiRight>;
  /** A change that was signed before, octet for octet, is refused. */
  readonly refusesReplays: boolean;
}

/** Where OMAPI is served. */
export interface OmapiListenerConfig {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** Interface through which alone it is reached; undefined = any. */
  readonly device?: string;
  readonly policy: ListenerPolicy;
}

/** The `omapi` block (`user-context.lessor.omapi`). */
export interface OmapiConfig {
  readonly listeners: readonly OmapiListenerConfig[];
  /** None: messages are taken unsigned, on loopback only. */
  readonly keys: readonly OmapiKey[];
  /** Who may connect; empty = everybody. */
  readonly allowedSources: readonly { readonly address: string; readonly prefixLength: number }[];
  readonly limits: {
    readonly connections: number;
    readonly messageOctets: number;
    readonly idleTimeoutMs: number;
    readonly requestTimeoutMs: number;
    /** Failures to prove a key after which a source has to wait; 0 = never. */
    readonly failuresPerSource: number;
  };
  /** The same for configurations whose keys, sources and limits are the same. */
  readonly fingerprint: string;
}

/** The parameters of libdhcp_run_script. */
export interface RunScriptConfig {
  /** Absolute path of the script. */
  readonly path: string;
}

/** The run-time view of one configuration. */
export interface ConfigSnapshot {
  /** 1 for the first configuration of the process, then counting up. */
  readonly generation: number;
  /** Upper-case hex SHA-256 over Kea's text of `tree` (config-hash-get). */
  readonly hash: string;
  /** The `Dhcp4` map as config-get returns it. */
  readonly tree: JsonMap;

  readonly interfaces: InterfacesConfig;
  readonly subnets: readonly Subnet[];
  readonly subnetById: ReadonlyMap<SubnetId, Subnet>;
  readonly sharedNetworks: readonly SharedNetwork[];
  /** All pools of all subnets, by Pool.index. */
  readonly pools: readonly Pool[];
  readonly classes: readonly ClientClass[];
  readonly classByName: ReadonlyMap<string, ClientClass>;
  readonly registry: OptionRegistry;
  /** Global option-data. */
  readonly options: readonly OptionData[];
  readonly reservations: readonly Reservation[];

  readonly echoClientId: boolean;
  readonly authoritative: boolean;
  readonly stashAgentOptions: boolean;
  readonly declineProbationSec: number;
  /** Offers that may wait for a ping at the same time (Kea: parked-packet-limit). */
  readonly parkedOfferLimit: number;
  readonly earlyGlobalReservationsLookup: boolean;
  readonly reservationsLookupFirst: boolean;
  readonly ipReservationsUnique: boolean;
  /** Order of host lookups (host-reservation-identifiers, 'auto' expanded). */
  readonly identifierTypes: readonly IdentifierType[];
  /** From a libdhcp_flex_id hook entry, if any. */
  readonly flexIdentifier?: { readonly expression: CompiledExpression<Octets>; readonly replaceClientId: boolean };
  /** From a libdhcp_flex_option hook entry, in the order of their codes. */
  readonly optionRules: readonly OptionRule[];
  /** libdhcp_limits is configured: leases remember the classes of their clients. */
  readonly limits: boolean;
  /** From a libdhcp_run_script hook entry, if any. */
  readonly runScript?: RunScriptConfig;
  readonly compatibility: {
    readonly lenientOptionParsing: boolean;
    readonly ignoreDhcpServerIdentifier: boolean;
    readonly ignoreRaiLinkSelection: boolean;
    readonly excludeFirstLast24: boolean;
  };
  /** The DNS update server; undefined unless dhcp-ddns.enable-updates. */
  readonly ddns?: DdnsConnection;
  /** libdhcp_bootp hook entry present. */
  readonly bootpEnabled: boolean;
  readonly leaseDatabase: LeaseDatabaseConfig;
  readonly leaseChecks: 'none' | 'warn' | 'fix' | 'fix-del' | 'del';
  readonly extendedInfoChecks: 'none' | 'fix' | 'strict' | 'pedantic';
  readonly expiration: ExpirationConfig;
  readonly loggers: readonly LoggerConfig[];
  readonly controlSockets: readonly ControlSocketConfig[];
  readonly serverTag: string;
  readonly statisticSampleCount: number;
  readonly statisticSampleAgeSec: number;
  /** Principals and their rights; undefined = whoever a listener lets in may do everything, as with Kea. */
  readonly access?: AccessPolicy;
  /** Every door there is, described in one way. */
  readonly listeners: readonly ListenerPolicy[];
  /** The guard of BMC networks; undefined = no packet is looked at. */
  readonly guard?: GuardConfig;
  /** OMAPI; undefined = not served. */
  readonly omapi?: OmapiConfig;
  /** hooks-libraries as given, for list-commands, status-get and `-T`. */
  readonly hooks: readonly { readonly library: string; readonly parameters?: JsonMap }[];
  /** The relations with other servers: none, or one, of a hub several. */
  readonly ha: readonly HaConfig[];
  /** The `user-context.lessor` extension block and everything else global that later capabilities read. */
  readonly userContext?: JsonMap;
}
