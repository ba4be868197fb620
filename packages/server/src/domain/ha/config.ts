/** What a configuration says of redundancy, built from the parameters of Kea's libdhcp_ha (KEA: hooks/dhcp/high_availability). */

import type { ListenerPolicy } from '../access/policy.js';

/** Who serves whom. */
export type HaMode = 'hot-standby' | 'load-balancing' | 'passive-backup';

/** A server's part: the primary is side 0 of a pair, the other one side 1; a backup gets copies and serves nobody. */
export type HaRole = 'primary' | 'secondary' | 'standby' | 'backup';

/** Files of TLS, by path. */
export interface HaTls {
  readonly trustAnchor: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM file of revoked certificates. */
  readonly crlFile?: string | undefined;
}

/** One of the two servers. */
export interface HaPeer {
  readonly name: string;
  readonly role: HaRole;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** Undefined: plain HTTP. */
  readonly tls: HaTls | undefined;
  /** What the listener of this server demands of whoever talks to it. */
  readonly basicAuth: { readonly user: string; readonly password: string } | undefined;
  /** The name that its certificate has to carry, as a subject alternative name with its type: `URI:…` or `DNS:…`. */
  readonly certificateName: string;
  /** Its public key has to be one of these (`sha256//…`); any is good if there are none. */
  readonly pins: readonly string[];
}

/** One relation of two servers. */
export interface HaConfig {
  /** Name of the relation, the same on both servers. */
  readonly relationship: string;
  readonly mode: HaMode;
  readonly self: HaPeer;
  /** Who is talked to: the other active server; in passive-backup the first backup, for a backup the primary. */
  readonly partner: HaPeer;
  /** Servers that get copies of every change of this one. In passive-backup the partner is among them. */
  readonly backups: readonly HaPeer[];
  /** All servers of the relation but this one. */
  readonly peers: readonly HaPeer[];
  /** The interface through which the partner comes; undefined: any. */
  readonly device: string | undefined;
  /** The door it comes through. */
  readonly listener: ListenerPolicy;
  readonly heartbeatDelayMs: number;
  /** What the partner is: with a lessor the safe protocol is spoken, with a Kea Kea's; `auto`: its heartbeats show it. */
  readonly partnerKind: 'auto' | 'lessor' | 'kea';
  readonly safe: SafePairSettings;
  readonly kea: KeaTimers;
}

/** Parameters of Kea's own protocol, which hold with a Kea partner. */
export interface KeaTimers {
  readonly heartbeatDelayMs: number;
  readonly maxResponseDelayMs: number;
  readonly maxAckDelayMs: number;
  readonly maxUnackedClients: number;
  readonly maxRejectedLeaseUpdates: number;
  readonly sendLeaseUpdates: boolean;
  readonly syncLeases: boolean;
  readonly syncTimeoutMs: number;
  readonly syncPageLimit: number;
  /** Load balancing: updates kept for a partner that is away; 0: it counts as gone at once. */
  readonly delayedUpdatesLimit: number;
  /** In passive-backup an ACK waits for the backups. */
  readonly waitBackupAck: boolean;
  /** Take over for a partner that is down. */
  readonly autoFailover: boolean;
  /** States in which the state machine waits for `ha-continue`. */
  readonly pauses: Readonly<Record<string, 'once' | 'always'>>;
}

/** Settings of the protocol between two lessors (`user-context.lessor` of the relation). */
export interface SafePairSettings {
  /** Maximum client lead time, seconds: how far a promise may reach beyond what the partner has stored. */
  readonly mcltSec: number;
  /** How long an ACK waits for the partner. */
  readonly ackDeadlineMs: number;
  /** Silence after which the partner counts as gone. */
  readonly interruptAfterMs: number;
  /** A start without contact: after so long this server serves alone; 0 = not before an operator says so. */
  readonly serveAloneAfterMs: number;
  /** A client of the partner is answered when it has been asking for so long. */
  readonly neglectedAfterSec: number;
  /** A configuration that the partner pushes is taken. */
  readonly acceptsConfiguration: boolean;
  /** Part of the free addresses that belongs to the secondary or standby, 0..1. */
  readonly shareOfSide1: number;
}

/** Side of a role in a pair. */
export function sideOfRole(role: HaRole): 0 | 1 {
  return role === 'primary' ? 0 : 1;
}
