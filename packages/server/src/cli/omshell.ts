/** Entry of the program `lessor-omshell`. */

import { processIo } from './io.js';
import { runOmshell } from './omshell/program.js';

process.exit(await runOmshell(process.argv.slice(2), processIo(), process.stdin));
