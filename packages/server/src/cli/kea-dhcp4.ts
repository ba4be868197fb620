/** Entry of the program `kea-dhcp4`. */

import { processIo } from './io.js';
import { runKeaDhcp4 } from './kea-program.js';

process.exit(await runKeaDhcp4(process.argv.slice(2), processIo()));
