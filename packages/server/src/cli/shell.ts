/** Entry of the program `lessor-shell`. */

import { processIo } from './io.js';
import { runShell } from './shell/program.js';

process.exit(await runShell(process.argv.slice(2), processIo(), process.stdin));
