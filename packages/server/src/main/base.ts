/** What the parts of a server are put together from. */

import type { ConfigEnvironment, ConfigSource } from '../config/load.js';
import type { LogTree } from '../platform/log.js';
import type { AuditPort } from '../services/audit.js';
import type { Ending } from '../services/ending.js';
import type { Logger, Random } from '../services/ports.js';
import type { SteadyClock } from '../services/steady-clock.js';
import type { TcpDoors } from './tcp-doors.js';

/** The port of DHCP servers (RFC 2131 §4.1), where -p names no other. */
export const DEFAULT_SERVER_PORT = 67;

/** What to serve and how. */
export interface ServerOptions {
  /** A file in Kea's dialect, or the parsed text of one. */
  readonly config: ConfigSource;
  /** process.env: Kea's variables for directories and early logging. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Port to receive on; 67. Kea's -p. */
  readonly serverPort?: number;
  /** All replies to clients go to this port instead of 68. Kea's -P. */
  readonly clientPort?: number;
  /** -X: restrictions on paths and secrets are warnings. */
  readonly insecure?: boolean;
  /** -d: log everything. */
  readonly verbose?: boolean;
  /** Present: part of another program, which keeps its own log; no PID file is written and no logger is configured. */
  readonly logger?: Logger;
}

/** What there is before the configuration has been read. */
export interface StartBase {
  readonly options: ServerOptions;
  /** Holds, in a server of a pair (services/steady-clock.ts). */
  readonly clock: SteadyClock;
  readonly random: Random;
  readonly logger: Logger;
  /** Undefined when embedded. */
  readonly log: LogTree | undefined;
  readonly ending: Ending;
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
}

/** What every part of a server needs. */
export interface Base extends StartBase {
  readonly audit: AuditPort;
  readonly doors: TcpDoors;
}
