/** Everything the rows of the command table work on, as one interface. main.ts puts it together. */

import type { EpochMs } from '../domain/values.js';
import type { ConfigServiceApi } from '../services/config-service.js';
import type { Clock, LeaseReader, LeaseStore } from '../services/ports.js';
import type { ServiceSwitch } from '../services/service-switch.js';
import type { Statistics } from '../services/statistics.js';

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
  /** Whether every socket the configuration asks for is open. */
  readonly socketStatus: {
    readonly status: 'ready' | 'retrying' | 'failed';
    readonly errors: readonly string[];
  };
}

/** What rows may use. */
export interface ControlServices {
  readonly clock: Clock;
  readonly config: ConfigServiceApi;
  readonly leases: LeaseReader;
  readonly store: Pick<LeaseStore, 'health' | 'cleanup'>;
  /** Reclaims every lease that has run out; `remove` deletes them too (services/sweeper.ts). */
  readonly sweeper: { reclaimAll(remove: boolean): unknown };
  readonly statistics: Statistics;
  readonly serviceSwitch: ServiceSwitch;
  readonly process: ProcessInfo;
  readonly interfaces: InterfaceService;
  /** Stops the server in order, then the process ends with this value. Returns at once. */
  shutdown(exitValue: number): void;
}
