/**
 * One fixed rate, offered to several servers in turn: much cheaper than a search for the sustained rate, and so the way to
 * see what a change of lessor's is worth. Builds to compare are told apart by the command that starts them.
 *
 *   node build/bench/probe.js --rate 24000 --rounds 5 bare lessor old='/other/clone/packages/server/bin/lessor serve -c FILE'
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeLab, removeLab } from './lib/lab.js';
import { type LoadReport, load } from './lib/perfdhcp.js';
import { median, quantile } from './lib/search.js';
import { LESSOR_COMMAND, SUBJECTS, type SubjectName, startSubject } from './lib/subjects.js';
import { PLAIN } from './lib/workloads.js';

/** A server to be probed, by the name it has in the output. */
interface Candidate {
  readonly title: string;
  readonly subject: SubjectName;
  readonly lessorCommand: readonly string[];
}

/** What one run came to. */
interface Probe {
  readonly report: LoadReport;
  readonly cpuUs: number;
  /** Share of the machine that neither the server nor the generator used: with much of it the run says nothing. */
  readonly others: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '24000' },
    rounds: { type: 'string', default: '5' },
    period: { type: 'string', default: '3' },
    latencies: { type: 'boolean', default: false },
  },
});

function candidateOf(word: string): Candidate {
  const [title, command] = word.split(/=(.*)/s) as [string, string | undefined];
  if (command !== undefined) return { title, subject: 'lessor', lessorCommand: command.split(' ') };
  if (!Object.hasOwn(SUBJECTS, title)) {
    throw new Error(`'${title}' is none of ${Object.keys(SUBJECTS).join(', ')}, nor NAME=COMMAND of a lessor`);
  }
  return { title, subject: title as SubjectName, lessorCommand: LESSOR_COMMAND };
}

const ratePerSec = Number(values.rate);
const periodSec = Number(values.period);
const latencies = values.latencies;
const folder = mkdtempSync(join(tmpdir(), 'lsprobe-'));
let clientBlock = 0;
const CLIENTS = 50_000;
const WARM_UP_SEC = 4;
/** Kernel ticks are 10 ms on every Linux user space sees (USER_HZ). */
const TICK_MS = 10;
/** A run beside which others used more of the machine is repeated, so many times. */
const TOLERATED_OTHERS = 0.05;
const REPEATS = 3;

/** Processor time the whole machine has used and had, in kernel ticks. */
function machineTicks(): { readonly used: number; readonly all: number } {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return { used: user + nice + system + irq + softirq, all: fields.reduce((sum, ticks) => sum + ticks, 0) };
}

/** The same of the programs this one has started and that have ended: of generators. */
function endedTicks(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[13]) + Number(fields[14]);
}

/** A server started anew, warmed up at half the rate, then asked. */
async function probe({ subject, lessorCommand }: Candidate): Promise<Probe> {
  const server = await startSubject(subject, PLAIN, folder, { lessorCommand });
  try {
    await load({ ratePerSec: ratePerSec / 2, periodSec: WARM_UP_SEC, clients: CLIENTS, clientBlock: clientBlock++ });
    const before = { server: server.cpuMs(), machine: machineTicks(), ended: endedTicks() };
    const report = await load({ ratePerSec, periodSec, clients: CLIENTS, clientBlock: clientBlock++, latencies });
    const cpuMs = server.cpuMs() - before.server;
    const machine = machineTicks();
    const ours = cpuMs / TICK_MS + endedTicks() - before.ended;
    return {
      report,
      cpuUs: (1000 * cpuMs) / Math.max(1, report.ack.received),
      others: (machine.used - before.machine.used - ours) / (machine.all - before.machine.all),
    };
  } finally {
    await server.stop();
  }
}

function line(title: string, probes: readonly Probe[]): string {
  const middle = (of: (probe: Probe) => number, digits: number): string => median(probes.map(of)).toFixed(digits);
  const latency = (kind: 'discover' | 'ack', share: number): string =>
    middle(({ report }) => quantile(report[kind].latenciesMs, share), 2);
  const times = latencies
    ? `, OFFER ${latency('discover', 0.5)} p99 ${latency('discover', 0.99)} ms, ACK ${latency('ack', 0.5)} p99 ${latency('ack', 0.99)} ms`
    : '';
  return (
    `${title.padEnd(12)} completed ${middle(({ report }) => report.completedPerSec, 0)}/s, lost ` +
    `${middle(({ report }) => 100 * report.dropShare, 2)} %, overruns ${middle(({ report }) => report.overruns, 0)}, ` +
    `CPU ${middle(({ cpuUs }) => cpuUs, 1)} µs, others ${middle(({ others }) => 100 * others, 0)} %${times}`
  );
}

const candidates = positionals.map(candidateOf);
const found = new Map<Candidate, Probe[]>(candidates.map((candidate) => [candidate, []]));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  removeLab();
  rmSync(folder, { recursive: true, force: true });
});
makeLab();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const candidate of candidates) {
    let result = await probe(candidate);
    for (let i = 0; i < REPEATS && result.others > TOLERATED_OTHERS; i++) result = await probe(candidate);
    found.get(candidate)!.push(result);
    process.stderr.write(`${line(candidate.title, [result])}\n`);
  }
}
process.stdout.write(`medians at ${ratePerSec}/s offered:\n`);
for (const [{ title }, probes] of found) process.stdout.write(`${line(title, probes)}\n`);
process.exit(0);
