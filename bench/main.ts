/** `npm run bench`: lessor beside its peers on one machine, in one run. Needs root (network namespaces). */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeLab, removeLab } from './lib/lab.js';
import { type MachineFacts, machineFacts } from './lib/machine.js';
import { SCENARIOS } from './lib/scenarios.js';
import { type Effort, SCENARIO_NAMES, type ScenarioName, type Session, type Table } from './lib/session.js';
import { LESSOR_COMMAND, PAIR_NAMES, SUBJECTS, type SubjectName } from './lib/subjects.js';

const USAGE = `Usage: npm run bench -- [options] [SCENARIO ...]

Scenarios (default: all): ${SCENARIO_NAMES.join(', ')}

  --subjects LIST    of ${Object.keys(SUBJECTS).join(', ')}; default all that are installed
  --lessor COMMAND   how to start lessor; FILE stands for its configuration file
  --rounds N         rounds, of which the median counts; 3
  --period SECONDS   length of one run; 5
  --quick            a smoke run: one round, short, coarse, small
  --folder DIR       where the servers keep their files; must be on a disk for the
                     flushes to mean something; default: the system's temporary folder
  --json             print JSON instead of Markdown
`;

const THOROUGH: Effort = {
  rounds: 3,
  periodSec: 5,
  warmUpSec: 3,
  precision: 0.03,
  maxTrials: 14,
  millionLeases: 1_000_000,
  bigPoolAddresses: 15_000_000,
};

const QUICK: Effort = {
  rounds: 1,
  periodSec: 1,
  warmUpSec: 1,
  precision: 0.2,
  maxTrials: 6,
  millionLeases: 50_000,
  bigPoolAddresses: 200_000,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    subjects: { type: 'string' },
    lessor: { type: 'string' },
    rounds: { type: 'string' },
    period: { type: 'string' },
    quick: { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function fail(text: string): never {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(2);
}

function scenariosOf(words: readonly string[]): readonly ScenarioName[] {
  const unknown = words.find((word) => !(SCENARIO_NAMES as readonly string[]).includes(word));
  if (unknown !== undefined) fail(`no scenario '${unknown}': ${SCENARIO_NAMES.join(', ')}`);
  return words.length === 0 ? SCENARIO_NAMES : (words as ScenarioName[]);
}

/** Pairs are measured by the scenario `ha` alone. */
function isPair(name: string): boolean {
  return (PAIR_NAMES as readonly string[]).includes(name);
}

function subjectsOf(list: string | undefined, lessorCommand: readonly string[]): SubjectName[] {
  const wanted = list?.split(',') ?? Object.keys(SUBJECTS).filter((name) => !isPair(name));
  const unknown = wanted.find((word) => !Object.hasOwn(SUBJECTS, word));
  if (unknown !== undefined) fail(`no subject '${unknown}': ${Object.keys(SUBJECTS).join(', ')}`);
  return (wanted as SubjectName[]).filter((name) => {
    const missing = SUBJECTS[name].missing({ lessorCommand });
    if (missing !== undefined) process.stderr.write(`bench: without ${name}: ${missing}\n`);
    return missing === undefined;
  });
}

function markdown(facts: MachineFacts, tables: readonly Table[]): string {
  const machine = [
    `${facts.cores} × ${facts.cpu}, ${facts.memoryGiB} GiB, Linux ${facts.kernel}, Node.js ${facts.node};`,
    `lease files on ${facts.fileSystem}, where 4 KiB and a flush take ${facts.flushMedianUs} µs (p99 ${facts.flushP99Us} µs);`,
    `load average at the start ${facts.loadAverage}. Generator and server share the cores.`,
  ].join('\n');
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const text = tables.map(({ scenario, caption, columns, rows }) =>
    [`### ${scenario}`, '', `${caption}.`, '', line(columns), line(columns.map(() => '---')), ...rows.map(line)].join(
      '\n',
    ),
  );
  return `${machine}\n\n${text.join('\n\n')}\n`;
}

if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (process.getuid?.() !== 0) fail('needs root, to make network namespaces');
const effort: Effort = {
  ...(values.quick ? QUICK : THOROUGH),
  ...(values.rounds !== undefined && { rounds: Number(values.rounds) }),
  ...(values.period !== undefined && { periodSec: Number(values.period) }),
};
const lessorCommand = values.lessor?.split(' ') ?? LESSOR_COMMAND;
const scenarios = scenariosOf(positionals);
const folder = mkdtempSync(join(values.folder, 'lsbench-'));
const session: Session = {
  effort,
  subjects: subjectsOf(values.subjects, lessorCommand),
  folder,
  options: { lessorCommand },
  sustained: new Map(),
  progress: (text) => void process.stderr.write(`${text}\n`),
};
const facts = machineFacts(folder);
const tables: Table[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  removeLab();
  rmSync(folder, { recursive: true, force: true });
});
makeLab();
for (const name of scenarios) {
  session.progress(`${name}:`);
  tables.push(await SCENARIOS[name](session));
}
process.stdout.write(values.json ? `${JSON.stringify({ facts, effort, tables }, null, 2)}\n` : markdown(facts, tables));
process.exit(0);
