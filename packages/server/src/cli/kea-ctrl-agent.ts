/** Entry of the program `kea-ctrl-agent`. */

import { runAgent } from './agent-program.js';
import { processIo } from './io.js';

process.exit(await runAgent('kea-ctrl-agent', process.argv.slice(2), processIo()));
