/** What the configuration says of listeners and of those who use them, as the server reads it. */

import type { Right } from './rights.js';

/** Addresses that may connect. */
export interface SourcePrefix {
  /** IPv4 or IPv6. */
  readonly address: string;
  readonly prefixLength: number;
}

/** Bounds of one listener; 0 = none. */
export interface AccessLimits {
  /** Open connections of all sources. */
  readonly connections: number;
  /** Open connections of one source address. */
  readonly connectionsPerSource: number;
  /** New connections a second of one source address; twice as many may come at once. */
  readonly connectionsPerSecond: number;
  /** Commands a second of one principal; twice as many may come at once. */
  readonly commandsPerSecond: number;
  /** Octets a second that one source may send, measured over some seconds. */
  readonly octetsPerSecond: number;
}

/** One door, whatever it speaks. */
export interface ListenerPolicy {
  /** What rights, audit and log call it. */
  readonly name: string;
  readonly kind: 'kea-unix' | 'kea-http' | 'kea-https' | 'agent' | 'omapi' | 'peer' | 'metrics';
  /** Whose traffic belongs here: operators', or the partner's of a redundant pair. */
  readonly plane: 'management' | 'peer';
  /** Network interface it is bound to (SO_BINDTODEVICE), not only to an address of it. */
  readonly interface?: string;
  /** IP address, or path of a unix socket. */
  readonly address: string;
  /** TCP port; 0 for a unix socket and for any free port. */
  readonly port: number;
  /** Who may connect; none = this machine by loopback; undefined = everybody (a plain Kea socket, or `allow: ["any-source"]`). */
  readonly sources?: readonly SourcePrefix[];
  readonly encrypted: boolean;
  /** How senders are known; empty = not at all. */
  readonly identity: readonly ('unix-user' | 'password' | 'certificate' | 'omapi-key')[];
  /** Families and commands it lets through; undefined = all. */
  readonly commands?: readonly string[];
  readonly limits: AccessLimits;
  /** What is done when it turns out not to stand apart from clients: administration stops, it is told, or nothing. */
  readonly isolation: 'enforce' | 'warn' | 'off';
  /** What exposes it and is meant (LISTENER_EXCEPTIONS of config/schema-access.ts). */
  readonly allow?: readonly string[];
  /** How this machine's own BMC is connected, as the operator has looked it up (check S7). */
  readonly ownBmc?: 'dedicated' | 'shared' | 'failover';
  /** True if it has a `lessor` block: then what would expose it was refused, or allowed in words. */
  readonly described: boolean;
}

/** How a principal may show who it is: any one of these. */
export interface Proofs {
  /** Names or numbers of local users. */
  readonly unixUsers: readonly string[];
  readonly unixGroups: readonly string[];
  /** Users of HTTP basic authentication. */
  readonly httpUsers: readonly string[];
  /** Subject alternative names of client certificates: `URI:urn:..`, `DNS:name`, `email:..`, `IP:..`. Exact. */
  readonly certificates: readonly string[];
  readonly omapiKeys: readonly string[];
}

/** Somebody who may do something. */
export interface PrincipalRule {
  readonly name: string;
  readonly proofs: Proofs;
  readonly rights: readonly Right[];
}

/** Commands that two people must ask for. */
export interface SecondPersonRule {
  readonly commands: readonly string[];
  /** How long the first waits for the second. */
  readonly withinSec: number;
}

/** Where the audit goes beside the log. */
export interface AuditFileConfig {
  readonly path: string;
  readonly maxSizeOctets: number;
  /** Full files that are kept beside the one in use. */
  readonly maxVersions: number;
}

/** The `access` block (`user-context.lessor.access`). */
export interface AccessPolicy {
  /** Undefined: whoever a listener lets in may do everything, as with Kea. */
  readonly principals?: readonly PrincipalRule[];
  readonly secondPerson?: SecondPersonRule;
  readonly audit?: AuditFileConfig;
}
