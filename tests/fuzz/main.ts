/**
 * Long fuzzing: `npm run fuzz -- --packets 10000000 --configs 1000000 --omapi 10000000 --seed 1`. Prints progress, ends
 * with 1 if there was a defect. 0 leaves a part out. A short run of the same functions is in `npm test`.
 */

import { parseArgs } from 'node:util';
import { fuzzConfigs } from './configs.js';
import { fuzzDoors } from './doors.js';
import { fuzzExchange } from './exchange.js';
import { fuzzOmapiServer } from './omapi-server.js';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '1000000' },
    configs: { type: 'string', default: '100000' },
    doors: { type: 'string', default: '10000' },
    omapi: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log('usage: npm run fuzz -- [--packets N] [--configs N] [--doors N] [--omapi N] [--seed N]');
  process.exit(0);
}

const seed = Number(values.seed);
const packets = Number(values.packets);
const configs = Number(values.configs);
const omapi = Number(values.omapi);
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

const mebibytes = (octets: number): string => `${Math.round(octets / 2 ** 20)} MB`;
const served =
  omapi === 0
    ? undefined
    : await fuzzOmapiServer(omapi, seed, (done) => console.log(`${done} OMAPI messages, ${seconds()}, ${megabytes()}`));
if (served !== undefined) {
  const { handled, authenticated, conversations, defects, settledOctets, peakOctets } = served;
  console.log(
    `${handled} OMAPI messages on ${conversations} connections, ${authenticated} with a key: ${defects.length} defects, ` +
      `${mebibytes(settledOctets)} resident after a tenth, at most ${mebibytes(peakOctets)} after that`,
  );
  for (const defect of defects) console.log(defect);
}
if (result.defects.length + (served?.defects.length ?? 0) > 0) process.exitCode = 1;
