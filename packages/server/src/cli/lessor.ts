/** Entry of the program `lessor`. */

import { processIo } from './io.js';
import { runLessor } from './program.js';

process.exit(await runLessor(process.argv.slice(2), processIo()));
