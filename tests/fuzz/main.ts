/**
 * Long fuzzing: `npm run fuzz -- --packets 10000000 --configs 1000000 --seed 1`. Prints progress, ends with 1 at the first
 * defect. A short run of the same functions is in `npm test`.
 */

import { parseArgs } from 'node:util';
import { fuzzConfigs } from './configs.js';
import { fuzzDoors } from './doors.js';
import { fuzzExchange } from './exchange.js';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '1000000' },
    configs: { type: 'string', default: '100000' },
    doors: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log('usage: npm run fuzz -- [--packets N] [--configs N] [--doors N] [--seed N]');
  process.exit(0);
}

const seed = Number(values.seed);
const packets = Number(values.packets);
const configs = Number(values.configs);
const megabytes = (): string => `${Math.round(process.memoryUsage().rss / 2 ** 20)} MB resident`;

const startedAt = performance.now();
const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`;
const result = await fuzzExchange(packets, seed, (done) =>
  console.log(`${done} packets, ${seconds()}, ${megabytes()}`),
);
console.log(
  `${result.packets} packets: ${result.answers} answers, ${result.leases} leases, ${result.defects.length} defects`,
);
for (const defect of result.defects.slice(0, 10)) console.log(defect);

const SLICE = 10_000;
for (let done = 0; done < configs; done += SLICE) {
  // A defect is thrown: fuzzConfigs lets only ConfigError pass.
  fuzzConfigs(Math.min(SLICE, configs - done), seed + done);
  console.log(`${Math.min(done + SLICE, configs)} configurations, ${seconds()}, ${megabytes()}`);
}
const doors = Number(values.doors);
for (let done = 0; done < doors; done += SLICE) {
  // A defect is thrown: a door that answers what it should not, or no more.
  console.log(JSON.stringify(await fuzzDoors(Math.min(SLICE, doors - done), seed + done)), seconds(), megabytes());
}
if (result.defects.length > 0) process.exitCode = 1;
