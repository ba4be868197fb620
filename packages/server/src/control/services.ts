/** Everything the rows of the command table work on, as one interface. main.ts puts it together. */

import type { InterfaceSelector } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import type { ChangeControlApi } from '../services/change-control.js';
import type { ConfigServiceApi } from '../services/config-service.js';
import type { NameChanges } from '../services/ddns/name-changes.js';
import type { EventBus } from '../services/events.js';
import type { Explainer } from '../services/explain4.js';
import type { Guard } from '../services/guard/guard.js';
import type { HaReport } from '../services/ha-report.js';
import type { IsolationMonitor } from '../services/isolation.js';
import type { Ledger } from '../services/ledger.js';
import type { Clock, LeaseReader, LeaseStore } from '../services/ports.js';
import type { ReservationDirectories } from '../services/reservation-directory.js';
import type { ServiceSwitch } from '../services/service-switch.js';
import type { Statistics } from '../services/statistics.js';
import type { SubnetLeaseCounts } from '../services/subnet-lease-counts.js';
import type { PagePool } from './text-pages.js';

/** What does not change while the process lives. */
export interface ProcessInfo {
  readonly pid: number;
  readonly startedAt: EpochMs;
  /** lessor's version, as `version-get` and `-v` say it. */
  readonly version: string;
  /** Several lines: version, Node, platform, lease backends (version-get, -V). */
  readonly extendedVersion: string;
  /** Several lines: what this build is made of (build-report, -W). */
  readonly buildReport: string;
  /** Path of the configuration file, if there is one. */
  readonly configFile?: string;
}

/** A network interface, as interface-list shows it. */
export interface InterfaceInfo {
  readonly name: string;
  readonly index: number;
  /** Lower-case hex with colons. */
  readonly mac: string;
  /** ARPHRD number of linux/if_arp.h: 1 Ethernet, 772 loopback. */
  readonly type: number;
  /** IPv4 then IPv6, without prefix lengths. */
  readonly addresses: readonly string[];
  readonly loopback: boolean;
  readonly up: boolean;
  readonly running: boolean;
  readonly multicast: boolean;
  readonly broadcast: boolean;
  /** True if DHCP is served on it. */
  readonly inUse: boolean;
}

/** The DHCP sockets, as far as commands ask. */
export interface InterfaceService {
  list(): readonly InterfaceInfo[];
  /** Looks at the machine's interfaces again and opens sockets on those the configuration names and that are new. */
  redetect(): Promise<void>;
  /**
   * Serves on these as well, until the next configuration is set. @throws CommandError for one that is selected
   * already, LessorError socket-open; then nothing has changed
   */
  add(selectors: readonly InterfaceSelector[]): Promise<void>;
  /** Whether every socket the configuration asks for is open. */
  readonly socketStatus: {
    readonly status: 'ready' | 'retrying' | 'failed';
    readonly errors: readonly string[];
  };
}

/** Writing leases to files (lease4-write). */
export interface LeaseExporter {
  /** The one directory files may be in (Kea: the data directory), absolute. */
  readonly directory: string;
  /** -X: files may be anywhere. */
  readonly anywhere: boolean;
  /** Resolves when the file is on stable storage. @throws the system's error, LessorError for the lease file in use */
  write(path: string): Promise<unknown>;
}

/** What rows may use. */
export interface ControlServices {
  readonly clock: Clock;
  readonly config: ConfigServiceApi;
  /** Confirmation, history and rollback of configurations. */
  readonly changes: ChangeControlApi;
  readonly events: EventBus;
  /** What would be answered to a packet. */
  readonly explainer: Pick<Explainer, 'explain' | 'interfaces'>;
  readonly leases: LeaseReader;
  /** What long answers are written on. */
  readonly pages: PagePool;
  /** The single writer of leases. */
  readonly ledger: Pick<Ledger, 'transact'>;
  readonly leaseCounts: Pick<SubnetLeaseCounts, 'of'>;
  readonly leaseExporter: LeaseExporter;
  readonly reservations: Pick<ReservationDirectories, 'of'>;
  readonly store: Pick<LeaseStore, 'health' | 'cleanup'>;
  /** Reclaims every lease that has run out; `remove` deletes them too (services/sweeper.ts). */
  readonly sweeper: { reclaimAll(remove: boolean): unknown };
  readonly statistics: Statistics;
  readonly serviceSwitch: ServiceSwitch;
  /** The relations with other servers; none of a server that is alone, several of a hub. */
  readonly ha: readonly HaReport[];
  /** Names in the DNS. */
  readonly names: Pick<NameChanges, 'enabled' | 'removed' | 'resend'>;
  /** Devices and alarms of the guard of BMC networks. */
  readonly guard: Pick<Guard, 'inventory' | 'alarms'>;
  readonly process: ProcessInfo;
  /** Whether control listeners stand apart from clients. */
  readonly isolation: Pick<IsolationMonitor, 'states' | 'check'>;
  readonly interfaces: InterfaceService;
  /** Stops the server in order, then the process ends with this value. Returns at once. */
  shutdown(exitValue: number): void;
}
