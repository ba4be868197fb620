/** The scenarios of the benchmark: each measures its subjects in turn and answers with a table. */

import { attack } from './attack.js';
import { bulk, control } from './control.js';
import { omapi } from './omapi.js';
import { type LoadReport, load } from './perfdhcp.js';
import { findSustained, median, quantile, type Trial } from './search.js';
import type { ScenarioName, Session, Table } from './session.js';
import { PAIR_NAMES, type RunningSubject, SUBJECTS, type SubjectName, startSubject } from './subjects.js';
import { PLAIN, RESERVED_BLOCK, type Workload } from './workloads.js';

/** A rate is held if no more than this share of either exchange is lost. */
const TOLERATED_DROPS = 0.025;
/** Below this share of the rate asked for, it was the generator that gave up. */
const GENERATOR_SHARE = 0.95;
const CLIENTS_PER_RUN = 50_000;

/** One run at a rate. */
interface Attempt extends Trial {
  readonly report: LoadReport;
  /** Processor time of the server per completed exchange, in microseconds. */
  readonly cpuUsPerExchange: number;
}

/** Gives every run clients the server has not seen, unless it is to see the same ones again. */
class ClientBlocks {
  #next = 0;
  constructor(private readonly fixed?: number) {}
  next(): number {
    return this.fixed ?? this.#next++;
  }
}

async function attempt(
  subject: RunningSubject,
  ratePerSec: number,
  clientBlock: number,
  clients: number,
  { effort, progress }: Session,
): Promise<Attempt> {
  const cpuBefore = subject.cpuMs();
  const report = await load({ ratePerSec, periodSec: effort.periodSec, clients, clientBlock });
  const cpuMs = subject.cpuMs() - cpuBefore;
  const cpuUsPerExchange = (1000 * cpuMs) / Math.max(1, report.ack.received);
  const held = report.dropShare <= TOLERATED_DROPS;
  const generatorBound = report.offeredPerSec < GENERATOR_SHARE * ratePerSec;
  progress(
    `    ${ratePerSec}/s: offered ${report.offeredPerSec.toFixed(0)}, completed ${report.completedPerSec.toFixed(0)}, ` +
      `lost ${(100 * report.dropShare).toFixed(2)} % (${report.overruns} by overrun of perfdhcp), CPU ${cpuUsPerExchange.toFixed(0)} µs${held ? '' : ' (not held)'}${generatorBound ? ' (generator bound)' : ''}`,
  );
  return {
    // What counts is what was really offered.
    ratePerSec: generatorBound ? Math.round(report.offeredPerSec) : ratePerSec,
    held,
    generatorBound,
    report,
    cpuUsPerExchange,
  };
}

/** Starts a subject, warms it up and hands it over; stops it whatever happens. */
async function withSubject<T>(
  session: Session,
  name: SubjectName,
  workload: Workload,
  blocks: ClientBlocks,
  work: (subject: RunningSubject) => Promise<T>,
): Promise<T> {
  session.progress(`  ${name}`);
  const subject = await startSubject(name, workload, session.folder, session.options);
  try {
    await warmUp(session, name, blocks.next());
    return await work(subject);
  } finally {
    await subject.stop();
  }
}

/** Lets a server reach its speed (Node compiles what runs often): half the rate it is expected to sustain. */
async function warmUp({ sustained, effort }: Session, name: SubjectName, clientBlock: number): Promise<void> {
  const ratePerSec = (sustained.get(name) ?? SUBJECTS[name].guessPerSec) / 2;
  await load({ ratePerSec, periodSec: effort.warmUpSec, clients: CLIENTS_PER_RUN, clientBlock });
}

/** Searches the sustained rate of every subject once a round; the subjects take turns. */
async function sustainedRates(
  session: Session,
  subjects: readonly SubjectName[],
  workload: Workload,
  settings: { readonly fixedBlock?: number; readonly clients?: number } = {},
): Promise<Map<SubjectName, Attempt[]>> {
  const found = new Map<SubjectName, Attempt[]>(subjects.map((name) => [name, []]));
  for (let round = 0; round < session.effort.rounds; round++) {
    session.progress(`  round ${round + 1} of ${session.effort.rounds}`);
    for (const name of subjects) {
      const blocks = new ClientBlocks(settings.fixedBlock);
      const best = await withSubject(session, name, workload, blocks, async (subject) => {
        const known = found.get(name)!.at(-1)?.ratePerSec ?? session.sustained.get(name);
        const { best } = await findSustained(
          (rate) => attempt(subject, rate, blocks.next(), settings.clients ?? CLIENTS_PER_RUN, session),
          {
            guessPerSec: known ?? SUBJECTS[name].guessPerSec,
            precision: session.effort.precision,
            maxTrials: session.effort.maxTrials,
          },
        );
        return best;
      });
      if (best !== undefined) found.get(name)!.push(best);
    }
  }
  return found;
}

const rates = (attempts: readonly Attempt[]): number[] => attempts.map(({ ratePerSec }) => ratePerSec);
const round = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '-' : Math.round(value).toString();
const times = (value: number, base: number | undefined): string =>
  base === undefined || Number.isNaN(value / base) ? '-' : `${(value / base).toFixed(2)} ×`;

function medians(found: ReadonlyMap<SubjectName, readonly Attempt[]>): Map<SubjectName, number> {
  const measured = [...found].filter(([, attempts]) => attempts.length > 0);
  return new Map(measured.map(([name, attempts]) => [name, median(rates(attempts))]));
}

/** A pair beside a single server and beside a pair of Kea's. What a takeover costs `npm run ha-matrix` measures. */
async function ha(session: Session): Promise<Table> {
  const names = (['lessor', ...PAIR_NAMES] as const).filter(
    (name) => SUBJECTS[name].missing(session.options) === undefined,
  );
  const found = await sustainedRates(session, names, PLAIN);
  const rateOf = medians(found);
  const rows = [...found].map(([name, attempts]) => {
    const rate = rateOf.get(name);
    const durable = SUBJECTS[name].durable ? 'yes' : 'no';
    const [single, kea] = [rateOf.get('lessor'), rateOf.get('kea-pair')];
    const least = attempts.length > 1 ? `${Math.min(...rates(attempts))} to ${Math.max(...rates(attempts))}` : '-';
    return [
      SUBJECTS[name].title,
      round(rate),
      least,
      times(rate ?? Number.NaN, single),
      times(rate ?? Number.NaN, kea),
      durable,
    ];
  });
  return {
    scenario: 'ha',
    caption:
      'Sustained four-way exchanges a second of hot-standby pairs, both servers on the same cores, over plain HTTP',
    columns: ['servers', 'sustained/s', 'range', 'of one lessor', 'of the Kea pair', 'flush before ACK'],
    rows,
    data: Object.fromEntries([...found].map(([name, attempts]) => [name, rates(attempts)])),
  };
}

async function throughput(session: Session): Promise<Table> {
  const found = await sustainedRates(session, session.subjects, PLAIN);
  for (const [name, rate] of medians(found)) session.sustained.set(name, rate);
  const kea = betterKea(session);
  const bare = session.sustained.get('bare');
  const rows = [...found].map(([name, attempts]) => {
    const rate = median(rates(attempts));
    const range = attempts.length > 1 ? `${Math.min(...rates(attempts))} to ${Math.max(...rates(attempts))}` : '-';
    const cpuUs = median(attempts.map(({ cpuUsPerExchange }) => cpuUsPerExchange));
    const durable = SUBJECTS[name].durable ? 'yes' : 'no';
    return [SUBJECTS[name].title, round(rate), range, times(rate, kea), times(rate, bare), round(cpuUs), durable];
  });
  return {
    scenario: 'throughput',
    caption: `Sustained four-way exchanges a second: highest rate offered with at most ${100 * TOLERATED_DROPS} % lost in both exchanges; median of ${session.effort.rounds} rounds`,
    columns: ['server', 'sustained/s', 'range', 'of Kea', 'of bare', 'CPU µs/exchange', 'flush before ACK'],
    rows,
    data: Object.fromEntries([...found].map(([name, attempts]) => [name, rates(attempts)])),
  };
}

function betterKea({ sustained }: Session): number | undefined {
  const figures = [sustained.get('kea-1'), sustained.get('kea-2')].filter((rate) => rate !== undefined);
  return figures.length === 0 ? undefined : Math.max(...figures);
}

/** Sustained rates are needed: finds them if `throughput` was not run before. */
async function needSustained(session: Session): Promise<void> {
  if (session.subjects.some((name) => !session.sustained.has(name))) await throughput(session);
}

const OVERLOAD_FACTOR = 3;

async function overload(session: Session): Promise<Table> {
  await needSustained(session);
  const results = await perRound(session, session.subjects, async (name) => {
    const rate = OVERLOAD_FACTOR * (session.sustained.get(name) ?? SUBJECTS[name].guessPerSec);
    const blocks = new ClientBlocks();
    return withSubject(session, name, PLAIN, blocks, (subject) =>
      attempt(subject, rate, blocks.next(), CLIENTS_PER_RUN, session),
    );
  });
  const rows = [...results].map(([name, attempts]) => {
    const sustained = session.sustained.get(name);
    const offered = median(attempts.map(({ report }) => report.offeredPerSec));
    const completed = median(attempts.map(({ report }) => report.completedPerSec));
    const share = sustained === undefined ? '-' : `${Math.round((100 * completed) / sustained)} %`;
    return [SUBJECTS[name].title, round(sustained), round(offered), round(completed), share];
  });
  return {
    scenario: 'overload',
    caption: `Offered ${OVERLOAD_FACTOR} times the sustained rate (or what the generator can send)`,
    columns: ['server', 'sustained/s', 'offered/s', 'completed/s', 'of sustained'],
    rows,
    data: Object.fromEntries([...results].map(([name, list]) => [name, list.map(({ report }) => brief(report))])),
  };
}

function brief({ offeredPerSec, completedPerSec, dropShare, overruns }: LoadReport): object {
  return { offeredPerSec, completedPerSec, dropShare, overruns };
}

async function perRound<T>(
  session: Session,
  subjects: readonly SubjectName[],
  measure: (name: SubjectName) => Promise<T>,
): Promise<Map<SubjectName, T[]>> {
  const results = new Map<SubjectName, T[]>(subjects.map((name) => [name, []]));
  for (let round = 0; round < session.effort.rounds; round++) {
    for (const name of subjects) results.get(name)!.push(await measure(name));
  }
  return results;
}

const LATENCY_RATE_PER_SEC = 3000;

async function latency(session: Session): Promise<Table> {
  const subjects = session.subjects.filter((name) => name !== 'dhcpd'); // it does not sustain the rate
  const results = await perRound(session, subjects, async (name) => {
    const blocks = new ClientBlocks();
    return withSubject(session, name, PLAIN, blocks, () =>
      load({
        ratePerSec: LATENCY_RATE_PER_SEC,
        periodSec: session.effort.periodSec,
        clients: CLIENTS_PER_RUN,
        clientBlock: blocks.next(),
        latencies: true,
      }),
    );
  });
  const figures = [...results].map(([name, reports]) => {
    const of = (kind: 'discover' | 'ack', share: number): number =>
      median(reports.map((report) => quantile(report[kind].latenciesMs, share)));
    const figure = {
      offer: of('discover', 0.5),
      offerP99: of('discover', 0.99),
      ack: of('ack', 0.5),
      ackP99: of('ack', 0.99),
    };
    return [name, figure] as const;
  });
  return {
    scenario: 'latency',
    caption: `Latency at ${LATENCY_RATE_PER_SEC} exchanges a second, milliseconds`,
    columns: ['server', 'OFFER median', 'OFFER p99', 'ACK median', 'ACK p99'],
    rows: figures.map(([name, { offer, offerP99, ack, ackP99 }]) => [
      SUBJECTS[name].title,
      ...[offer, offerP99, ack, ackP99].map((ms) => ms.toFixed(2)),
    ]),
    data: Object.fromEntries(figures),
  };
}

async function million(session: Session): Promise<Table> {
  const { millionLeases } = session.effort;
  const workload: Workload = {
    ...PLAIN,
    addresses: Math.max(PLAIN.addresses, 3 * millionLeases),
    leases: millionLeases,
  };
  const subjects = session.subjects.filter((name) => SUBJECTS[name].readsLeases);
  await needSustained(session);
  const results = await perRound(session, subjects, async (name) => {
    const blocks = new ClientBlocks();
    session.progress(`  ${name}`);
    const subject = await startSubject(name, workload, session.folder, session.options);
    try {
      const { nowMiB } = subject.memory();
      await warmUp(session, name, blocks.next());
      const { best } = await findSustained((rate) => attempt(subject, rate, blocks.next(), CLIENTS_PER_RUN, session), {
        guessPerSec: session.sustained.get(name) ?? SUBJECTS[name].guessPerSec,
        precision: session.effort.precision,
        maxTrials: session.effort.maxTrials,
      });
      return {
        startMs: subject.firstAnswerMs,
        startMiB: nowMiB,
        peakMiB: subject.memory().peakMiB,
        rate: best?.ratePerSec ?? 0,
      };
    } finally {
      await subject.stop();
    }
  });
  const rows = [...results].map(([name, list]) => {
    const rate = median(list.map((entry) => entry.rate));
    return [
      SUBJECTS[name].title,
      (median(list.map(({ startMs }) => startMs)) / 1000).toFixed(2),
      round(median(list.map(({ startMiB }) => startMiB))),
      round(median(list.map(({ peakMiB }) => peakMiB))),
      round(rate),
      times(rate, session.sustained.get(name)),
    ];
  });
  return {
    scenario: 'million',
    caption: `${millionLeases} leases in the file`,
    columns: ['server', 'first answer after s', 'MiB then', 'MiB at most', 'sustained/s', 'of empty file'],
    rows,
    data: Object.fromEntries(results),
  };
}

async function classes(session: Session): Promise<Table> {
  const workload: Workload = { ...PLAIN, reservations: 1000, classes: 50 };
  const subjects = session.subjects.filter((name) => SUBJECTS[name].readsLeases);
  await needSustained(session);
  const found = await sustainedRates(session, subjects, workload, { fixedBlock: RESERVED_BLOCK });
  return compared(
    'classes',
    '1 000 reservations, which the first 1 000 clients of every run hold, and 50 classes',
    session.sustained,
    found,
  );
}

/** Clients of the big pool, few enough to fit into what is free of it. */
const BIG_POOL_CLIENTS = 20_000;

async function bigPool(session: Session): Promise<Table> {
  const addresses = session.effort.bigPoolAddresses;
  const small: Workload = { ...PLAIN, addresses: 65_536 };
  const big: Workload = { ...PLAIN, addresses, leases: Math.floor(addresses * 0.99) };
  const subjects = session.subjects.filter((name) => name === 'lessor');
  const clients = Math.min(BIG_POOL_CLIENTS, Math.floor((addresses - big.leases) / 2));
  const settings = { fixedBlock: 0, clients };
  session.progress('  an empty /16');
  const before = medians(await sustainedRates(session, subjects, small, settings));
  session.progress(`  ${addresses} addresses, 99 % used`);
  const after = await sustainedRates(session, subjects, big, settings);
  return compared('big-pool', `A pool of ${addresses} addresses, 99 % used, compared with an empty /16`, before, after);
}

function compared(
  scenario: ScenarioName,
  caption: string,
  base: ReadonlyMap<SubjectName, number>,
  found: ReadonlyMap<SubjectName, readonly Attempt[]>,
): Table {
  const rows = [...found].map(([name, attempts]) => {
    const rate = median(rates(attempts));
    const plain = base.get(name);
    return [SUBJECTS[name].title, round(plain), round(rate), times(rate, plain)];
  });
  return {
    scenario,
    caption,
    columns: ['server', 'without, sustained/s', 'with, sustained/s', 'ratio'],
    rows,
    data: Object.fromEntries([...found].map(([name, attempts]) => [name, rates(attempts)])),
  };
}

/** What runs each scenario. */
export const SCENARIOS: Readonly<Record<ScenarioName, (session: Session) => Promise<Table>>> = {
  throughput,
  overload,
  latency,
  million,
  classes,
  'big-pool': bigPool,
  omapi,
  control,
  bulk,
  ha,
  attack,
};
