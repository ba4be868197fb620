/** `npm run ha-matrix`: the fault matrix with real processes, and the same faults done to Kea's and dhcpd's pairs. Needs root. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findPeer } from '../lib/peers.js';
import { ROWS } from './rows.js';
import { type Effort, type Outcome, perform, type Row } from './scene.js';
import { PROGRAMS, SYSTEM_NAMES, type SystemName } from './systems.js';

const USAGE = `Usage: npm run ha-matrix -- [options] [ROW ...]

Rows:
${ROWS.map(({ id, title, systems }) => `  ${id.padEnd(24)}${title} (${systems.join(', ')})`).join('\n')}

  A row may be named by its beginning: 7 is 7.50, 7.500 and 7.5000; crash is all crash points.

  --systems LIST   of ${SYSTEM_NAMES.join(', ')}; default: lessor
  --fault SECONDS  how long a fault lasts; 20
  --clients N      simulated clients; 100
  --seed N         of the clients and of what is random in a row; 1
  --keep DIR       keep history and log of every run that violates an invariant there
  --json           print JSON instead of Markdown
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    systems: { type: 'string', default: 'lessor' },
    fault: { type: 'string', default: '20' },
    clients: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function fail(text: string): never {
  process.stderr.write(`ha-matrix: ${text}\n`);
  process.exit(2);
}

/** What of a list is known; anything else ends the program. */
function chosen<T extends string>(words: readonly string[], known: readonly T[], what: string): T[] {
  const unknown = words.find((word) => !(known as readonly string[]).includes(word));
  if (unknown !== undefined) fail(`no ${what} '${unknown}': ${known.join(', ')}`);
  return words as T[];
}

if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (process.getuid?.() !== 0) fail('needs root, to make network namespaces');
const systems = chosen<SystemName>(values.systems.split(','), SYSTEM_NAMES, 'system').filter((name) => {
  const missing = PROGRAMS[name].find((program) => findPeer(program) === undefined);
  if (missing !== undefined) process.stderr.write(`ha-matrix: without ${name}: there is no ${missing}\n`);
  return missing === undefined;
});
/** True for a row that a word of the command line names, by its number or the beginning of it. */
function isNamed({ id }: Row, word: string): boolean {
  return id === word || id.startsWith(`${word}.`);
}

for (const word of positionals) {
  if (!ROWS.some((row) => isNamed(row, word))) fail(`no row '${word}': see --help`);
}
const effort: Effort = {
  clients: Number(values.clients),
  seed: Number(values.seed),
  faultMs: Number(values.fault) * 1000,
};

const outcomes: Outcome[] = [];
for (const row of ROWS.filter((one) => positionals.length === 0 || positionals.some((word) => isNamed(one, word)))) {
  for (const system of systems.filter((name) => row.systems.includes(name))) {
    const outcome = await perform(row, system, effort);
    outcomes.push(outcome);
    const { violations, unheard, waits, acks, notes } = outcome;
    const said = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`;
    process.stderr.write(
      `${row.id} ${system}: ${said}, ${acks} ACKs, silence ${waits.silence} ms, longest wait ${waits.max} ms${notes.map((note) => `; ${note}`).join('')}\n`,
    );
    for (const { invariant, text } of violations.slice(0, 5)) process.stderr.write(`  ${invariant}: ${text}\n`);
    for (const { invariant, text } of unheard.slice(0, 5)) process.stderr.write(`  Kea's ${invariant}: ${text}\n`);
    if (values.keep !== undefined && violations.length > 0) {
      mkdirSync(values.keep, { recursive: true });
      const base = join(values.keep, `${row.id}-${system}-${values.seed}`);
      writeFileSync(`${base}.jsonl`, outcome.history);
      writeFileSync(`${base}.log`, outcome.log);
    }
  }
}

/** A line of the table: what was violated, or how long clients waited. */
function cells({ row, system, violations, waits, acks, notes }: Outcome): readonly (string | number)[] {
  const counts = new Map<string, number>();
  for (const { invariant } of violations) counts.set(invariant, (counts.get(invariant) ?? 0) + 1);
  const broken = [...counts].map(([invariant, count]) => `${invariant}: ${count}`).join(', ');
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  return [
    row,
    system,
    broken || 'none',
    acks,
    seconds(waits.silence),
    seconds(waits.p99),
    seconds(waits.max),
    notes.join('; '),
  ];
}

const HEAD = ['row', 'pair', 'violations', 'ACKs', 'longest silence, s', 'p99 wait, s', 'longest wait, s', 'notes'];
if (values.json) {
  const plain = outcomes.map(({ log: _, history: __, ...rest }) => rest);
  process.stdout.write(`${JSON.stringify(plain, null, 2)}\n`);
} else {
  const line = (parts: readonly (string | number)[]): string => `| ${parts.join(' | ')} |`;
  process.stdout.write(
    `${[line(HEAD), line(HEAD.map(() => '---')), ...outcomes.map((one) => line(cells(one)))].join('\n')}\n`,
  );
}
process.exit(outcomes.some(({ system, violations }) => system === 'lessor' && violations.length > 0) ? 1 : 0);
