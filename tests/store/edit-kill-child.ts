/** A server that edit-kill.test.ts kills: `node edit-kill-child.js FOLDER`; says its OMAPI port. */

import { join } from 'node:path';
import { startServer } from 'lessor/internal/main.js';
import { silentLogger } from 'lessor/internal/platform/log.js';

const folder = process.argv[2]!;
const { listening } = await startServer({
  config: { kind: 'file', path: join(folder, 'dhcp4.conf') },
  variables: { KEA_DHCP_DATA_DIR: folder, KEA_CONTROL_SOCKET_DIR: folder, KEA_PIDFILE_DIR: folder },
  logger: silentLogger,
});
const omapi = listening.find((text) => text.startsWith('omapi '));
process.stdout.write(`${/:(\d+)$/.exec(omapi ?? '')![1]}\n`);
