/** Entry of the program `lessor-agent`. */

import { runAgent } from './agent-program.js';
import { processIo } from './io.js';

process.exit(await runAgent('lessor-agent', process.argv.slice(2), processIo()));
