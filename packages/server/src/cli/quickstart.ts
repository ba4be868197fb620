/** `npm start`: a server on loopback that anybody may run, with all its files below ./var. */

import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningServer } from '../main.js';
import { makeDirectory } from '../platform/paths.js';
import type { Io } from './io.js';

/** The port of examples/quickstart.json's one-line client: unprivileged. */
const SERVER_PORT = 6767;
const CONFIG_FILE = fileURLToPath(new URL('../../../../examples/quickstart.json', import.meta.url));

/** Where the quickstart keeps things. */
export interface Quickstart {
  readonly configFile: string;
  readonly serverPort: number;
  /** The environment with Kea's directories pointing below ./var. */
  readonly variables: Io['env'];
  readonly folder: string;
}

/** Makes ./var and the password of the HTTP control socket if they are not there yet. @throws file system errors. */
export function prepareQuickstart(workingDirectory: string, env: Io['env']): Quickstart {
  const folder = join(workingDirectory, 'var');
  // 0750: Kea, and so lessor, refuses control sockets in directories that everybody can enter.
  makeDirectory(folder, 0o750);
  const passwordFile = join(folder, 'http-password');
  if (!existsSync(passwordFile)) {
    writeFileSync(passwordFile, `quickstart:${randomBytes(12).toString('base64url')}\n`, { mode: 0o600 });
  }
  const variables = {
    ...env,
    KEA_DHCP_DATA_DIR: folder,
    KEA_CONTROL_SOCKET_DIR: folder,
    KEA_LOG_FILE_DIR: folder,
    KEA_PIDFILE_DIR: folder,
    KEA_LOCKFILE_DIR: folder,
  };
  return { configFile: CONFIG_FILE, serverPort: SERVER_PORT, variables, folder };
}

/** What is listening where, and the line that gets a lease. */
export function quickstartGreeting(server: RunningServer, { folder }: Quickstart): string {
  return [
    '',
    'lessor is serving:',
    ...server.listening.map((line) => `  ${line}`),
    `  leases in ${join(folder, 'kea-leases4.csv')}`,
    '',
    'Get a lease:',
    '  npx lessor client --server 127.0.0.1 --port 6767',
    'See the leases:',
    `  npx lessor leases ${join(folder, 'kea-leases4.csv')}`,
    'Stop with Ctrl-C.',
    '',
  ].join('\n');
}
