/**
 * lessor inside another program, above all inside tests: a DHCP server in a few lines.
 *
 * ```ts
 * const server = await createServer({ config: { subnet4: [{ id: 1, subnet: '192.0.2.0/24',
 *   pools: [{ pool: '192.0.2.10 - 192.0.2.20' }] }] }, interface: 'lo', inMemory: true });
 * // ... send packets to server.address ...
 * console.log(server.leases());
 * await server.stop();
 * ```
 */

import { createSocket } from 'node:dgram';
import { leaseToJson } from './domain/lease-json.js';
import type { Json, JsonMap } from './domain/snapshot.js';
import { formatIpv4 } from './domain/values.js';
import { LessorError } from './errors.js';
import { startServer } from './main.js';
import { silentLogger } from './platform/log.js';
import { makeDirectory } from './platform/paths.js';
import type { Logger } from './services/ports.js';

export type { Json, JsonMap } from './domain/snapshot.js';
export { ConfigError, type ConfigIssue, formatIssue, LessorError, type SourcePosition, StoreError } from './errors.js';
export type { Logger, Severity } from './services/ports.js';
export { LESSOR_VERSION } from './version.js';

/** What an embedded server is told. */
export interface EmbeddedServerOptions {
  /**
   * The content of Kea's `Dhcp4` map, or the path of a configuration file. In a map interfaces and lease-database may
   * be left out: `interface`, `inMemory` and `dataDir` say what they would.
   */
  readonly config: JsonMap | string;
  /** Interface to serve if the map names none; 'lo'. On loopback no privileges are needed. */
  readonly interface?: string;
  /** Folder of lease file and control sockets (made if it is not there, in a folder that is); without one leases live in memory. */
  readonly dataDir?: string;
  /** True: leases end with the server, whatever the configuration says. Taken for granted without `dataDir`. */
  readonly inMemory?: boolean;
  /** Port to receive on; 6767. */
  readonly port?: number;
  /** Port replies to clients go to; 68. On loopback they go to where the request came from. */
  readonly clientPort?: number;
  /** Told what the server would log; by default nobody is. */
  readonly logger?: Logger;
}

/** An embedded server that serves. */
export interface EmbeddedServer {
  /** Address and port of the first DHCP socket. */
  readonly address: { readonly address: string; readonly port: number };
  /** All leases as lease4-get answers them, in address order. */
  leases(): readonly JsonMap[];
  /** Answers what is being decided, makes everything durable, closes everything. */
  stop(): Promise<void>;
}

const DEFAULT_PORT = 6767;
const ALL_LEASES = 2 ** 32;

/**
 * Starts a server.
 * @throws ConfigError with every issue of the configuration, or whatever opening sockets and files throws
 */
export async function createServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const { config, dataDir, port = DEFAULT_PORT } = options;
  if (dataDir !== undefined) makeDirectory(dataDir, 0o750);
  const serverPort = port === 0 ? await findFreePort() : port;
  const server = await startServer({
    config:
      typeof config === 'string'
        ? { kind: 'file', path: config }
        : { kind: 'json', value: { Dhcp4: withDefaults(config, options) } },
    variables: dataDir === undefined ? {} : { KEA_DHCP_DATA_DIR: dataDir, KEA_CONTROL_SOCKET_DIR: dataDir },
    serverPort,
    ...(options.clientPort !== undefined && { clientPort: options.clientPort }),
    logger: options.logger ?? silentLogger,
  });
  const [socket] = server.interfaces;
  if (socket === undefined) {
    await server.stop();
    throw new LessorError('socket-open', `no DHCP socket could be opened on port ${serverPort}: is the port in use?`);
  }
  return {
    address: { address: formatIpv4(socket.address), port: serverPort },
    leases: () => server.leases.page(undefined, ALL_LEASES).map(leaseToJson),
    stop: () => server.stop(),
  };
}

/** A UDP port that was free on loopback a moment ago. */
async function findFreePort(): Promise<number> {
  const probe = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.bind(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

/** Adds to a map what the options say about interfaces and storage, where it does not say it itself. */
function withDefaults(config: JsonMap, { interface: name = 'lo', dataDir, inMemory }: EmbeddedServerOptions): JsonMap {
  const given = (config['lease-database'] ?? { type: 'memfile' }) as JsonMap;
  const persist: Json = !(inMemory ?? dataDir === undefined);
  return {
    'interfaces-config': { interfaces: [name], 'dhcp-socket-type': 'udp' },
    ...config,
    'lease-database': { ...given, persist: persist && given.persist !== false },
  };
}
