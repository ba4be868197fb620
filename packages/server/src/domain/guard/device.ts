/** One entry of the inventory: a client that is a management processor, or was seen where those are. */

import type { Ipv4, Octets, SubnetId } from '../values.js';
import type { Evidence } from './identify.js';
import type { Mac } from './mac.js';
import type { GuardRule } from './policy.js';

/** What a client of the inventory is, as far as is known: `unknown` says nothing but asked on a management network. */
export type DeviceKind = 'bmc' | 'power' | 'dpu' | 'host' | 'unknown';

/** What its port looks like. */
export type PortMode = 'dedicated' | 'shared' | 'failed-over' | 'unknown';

/** How often a rule found something, and when last. */
export interface FindingCount {
  count: number;
  lastSec: number;
  score: number;
}

/** One client. Changed in place by its owner, the inventory. */
export interface Device {
  readonly mac: Mac;
  readonly firstSec: number;
  lastSec: number;
  subnetId: SubnetId;
  /** True if that subnet is a management network. */
  management: boolean;
  /** Interface its packets come in by. */
  interfaceName: string;
  /** The relay, 0 if it is on the link. */
  giaddr: Ipv4;
  circuitId: Octets;
  remoteId: Octets;
  kind: DeviceKind;
  product: string;
  /** Serial number out of its name, '' if none. */
  serial: string;
  /** How surely it is a management processor, by what it says: 0..100, the most it ever was. */
  score: number;
  vendorClass: string;
  hostName: string;
  evidence: readonly Evidence[];
  /** Its address, as last leased; 0 = none. */
  address: Ipv4;
  /** When and where it was last on a management network. */
  lastManagement?: { readonly subnetId: SubnetId; readonly sec: number };
  /** It left a management network for a host network, and when. */
  moved?: { readonly from: SubnetId; readonly to: SubnetId; readonly sec: number };
  /** A host with an address next to its own, at the same port. */
  pair?: { readonly mac: Mac; readonly sec: number };
  /** What the presence ping found. */
  presence?: { readonly askedSec: number; readonly answeredSec?: number; readonly text?: string };
  /** Subnet in which it is in quarantine, 0 = in none. */
  quarantine: SubnetId;
  findings: Partial<Record<GuardRule, FindingCount>>;
}

/**
 * What the port of a device looks like: failed over if it came here from a management network, shared if a host is
 * behind the same port, dedicated if it never was anywhere but on management networks.
 */
export function portModeOf({ management, moved, pair }: Device): PortMode {
  if (!management && moved !== undefined) return 'failed-over';
  if (pair !== undefined) return 'shared';
  return management && moved === undefined ? 'dedicated' : 'unknown';
}
