/**
 * The scenario `omapi`: lookups and creations a second beside dhcpd, and beside what no server of Node could exceed; and
 * what OMAPI does to the latency of DHCP. The generator is a process of its own on the same cores.
 */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import type { OmapiLoadReport, OmapiLoadRequest } from '../omapi-load.js';
import { CLIENT_SIDE, LAST_IN_LINE, runIn, SERVER_SIDE, spawnIn } from './lab.js';
import { load } from './perfdhcp.js';
import { median, quantile } from './search.js';
import type { Session, Table } from './session.js';
import { SUBJECTS, type SubjectName, startSubject } from './subjects.js';
import { OMAPI_KEY, OMAPI_PORT, PLAIN, type Workload } from './workloads.js';

const LEASES = 1000;
const WORKLOAD: Workload = { ...PLAIN, leases: LEASES, omapi: true };
/** Hosts are reserved outside the pool. */
const FIRST_HOST = parseIpv4('10.128.0.0')!;
/** Rate at which DHCP is served beside OMAPI. */
const DHCP_PER_SEC = 2000;
const DHCP_CLIENTS = 50_000;
/** What a program is given to start before its load counts, in seconds. */
const START_SEC = 1;
/** Where the server of constant answers listens beside lessor. */
const OTHER_PORT = OMAPI_PORT + 1;

/** One measurement of the table. */
interface Measurement extends Pick<OmapiLoadRequest, 'kind' | 'connections' | 'depth'> {
  readonly title: string;
  readonly requests: number;
  /** dhcpd drops the connection. */
  readonly notDhcpd?: boolean;
}

const MEASUREMENTS: readonly Measurement[] = [
  { title: 'lookups, 1 connection, one at a time', kind: 'lookup', connections: 1, depth: 1, requests: LEASES },
  { title: 'lookups, 1 connection, 8 under way', kind: 'lookup', connections: 1, depth: 8, requests: LEASES },
  { title: 'lookups, 50 connections', kind: 'lookup', connections: 50, depth: 1, requests: LEASES },
  { title: 'creations, 1 connection, one at a time', kind: 'create', connections: 1, depth: 1, requests: 40_000 },
  {
    title: 'creations, 1 connection, 32 under way',
    ...{ kind: 'create', connections: 1, depth: 32, requests: 80_000, notDhcpd: true },
  },
  { title: 'creations, 50 connections', kind: 'create', connections: 50, depth: 1, requests: 80_000 },
];
const LOOKUPS_OF_MANY = MEASUREMENTS[2]!;
const CREATIONS_OF_MANY = MEASUREMENTS[5]!;

/** Runs it. DHCP's latency is measured for lessor alone: dhcpd does not sustain the rate. */
export async function omapi(session: Session): Promise<Table> {
  const subjects = session.subjects.filter((name) => name === 'dhcpd' || name === 'lessor');
  const found = new Map<string, Map<SubjectName, OmapiLoadReport[]>>();
  for (let round = 0; round < session.effort.rounds; round++) {
    for (const name of subjects) {
      for (const measurement of MEASUREMENTS) {
        if (measurement.notDhcpd === true && name === 'dhcpd') continue;
        const report = await measure(session, name, measurement, round);
        const of = found.get(measurement.title) ?? new Map<SubjectName, OmapiLoadReport[]>();
        of.set(name, [...(of.get(name) ?? []), report]);
        found.set(measurement.title, of);
      }
    }
  }
  const ceilings = await measureBare(session);
  const latency = subjects.includes('lessor') ? await latencies(session) : [];
  const perSec = (title: string, name: SubjectName): number =>
    median((found.get(title)?.get(name) ?? []).map((report) => report.perSec));
  return {
    scenario: 'omapi',
    caption: `Signed OMAPI requests a second (hmac-sha256, ${LEASES} leases), every creation flushed before its answer`,
    columns: ['requests', ...subjects.map((name) => SUBJECTS[name].title), 'of dhcpd', 'constant answers'],
    rows: [
      ...MEASUREMENTS.map(({ title }) => {
        const rates = subjects.map((name) => perSec(title, name));
        const ratio =
          rates.some(Number.isNaN) || rates.length < 2
            ? '-'
            : `${(perSec(title, 'lessor') / perSec(title, 'dhcpd')).toFixed(1)} ×`;
        return [
          title,
          ...rates.map((rate) => (Number.isNaN(rate) ? '-' : rate.toFixed(0))),
          ratio,
          ceilings.get(title)?.toFixed(0) ?? '-',
        ];
      }),
      ...latency.map(({ title, p99Ms }) => [
        title,
        ...subjects.map((name) => (name === 'lessor' ? `${p99Ms.toFixed(2)} ms` : '-')),
        '-',
        '-',
      ]),
    ],
    data: { rates: Object.fromEntries([...found].map(([title, of]) => [title, Object.fromEntries(of)])), latency },
  };
}

async function measure(session: Session, name: SubjectName, wanted: Measurement, round: number) {
  const subject = await startSubject(name, WORKLOAD, session.folder, session.options);
  try {
    const report = await askOmapi(session, wanted, round);
    const { perSec, medianMs, p99Ms, refused } = report;
    const text = `${perSec.toFixed(0)}/s, median ${medianMs.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`;
    session.progress(`  ${name}: ${wanted.title}: ${text}${refused > 0 ? `, ${refused} REFUSED` : ''}`);
    return report;
  } finally {
    await subject.stop();
  }
}

async function askOmapi(
  { effort }: Session,
  { kind, connections, depth, requests }: Measurement,
  round: number,
  {
    seconds = effort.periodSec,
    verify = true,
    prefix = [],
    port = OMAPI_PORT,
  }: {
    readonly seconds?: number;
    readonly verify?: boolean;
    readonly prefix?: readonly string[];
    readonly port?: number;
  } = {},
): Promise<OmapiLoadReport> {
  const request: OmapiLoadRequest = {
    ...{ address: SERVER_SIDE.address, port, key: OMAPI_KEY, kind, connections, depth, requests, seconds },
    verify,
    firstAddress: kind === 'lookup' ? WORKLOAD.firstAddress : FIRST_HOST + round * 0x20000,
  };
  const program = fileURLToPath(new URL('../omapi-load.js', import.meta.url));
  const { status, output } = await runIn(CLIENT_SIDE.namespace, [
    ...prefix,
    process.execPath,
    program,
    JSON.stringify(request),
  ]);
  if (status !== 0) throw new Error(`the load ended with ${status}: ${output}`);
  return JSON.parse(output) as OmapiLoadReport;
}

/** What a server of Node reaches that answers every request with the same octets: generator, kernel and sockets alone. */
async function measureBare(session: Session): Promise<ReadonlyMap<string, number>> {
  const rates = new Map<string, number>();
  const stop = await startBare(OMAPI_PORT);
  try {
    for (const measurement of MEASUREMENTS.filter(({ kind }) => kind === 'lookup')) {
      const { perSec } = await askOmapi(session, measurement, 0, { verify: false });
      rates.set(measurement.title, perSec);
      session.progress(`  constant answers: ${measurement.title}: ${perSec.toFixed(0)}/s`);
    }
  } finally {
    stop();
  }
  return rates;
}

/** Starts it; returns how it is stopped. */
async function startBare(port: number): Promise<() => void> {
  const program = fileURLToPath(new URL('../omapi-bare.js', import.meta.url));
  const argv = [process.execPath, program, String(port), SERVER_SIDE.address];
  const child = spawnIn(SERVER_SIDE.namespace, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return () => child.kill('SIGKILL');
}

/** The p99 of DHCP's ACKs without OMAPI, and under each kind of load; the same server serves both. */
async function latencies(session: Session): Promise<{ title: string; p99Ms: number }[]> {
  const { effort } = session;
  const figures = new Map<string, number[]>();
  const loads: readonly [string, Measurement | undefined, elsewhere?: boolean][] = [
    [`p99 of ACK at ${DHCP_PER_SEC}/s, no OMAPI`, undefined],
    [`p99 of ACK at ${DHCP_PER_SEC}/s, lookups on 50 connections`, LOOKUPS_OF_MANY],
    [`p99 of ACK at ${DHCP_PER_SEC}/s, creations on 50 connections`, CREATIONS_OF_MANY],
    // What three programs on the same cores do to each other, whatever lessor does.
    [`p99 of ACK at ${DHCP_PER_SEC}/s, lookups of another process (constant answers)`, LOOKUPS_OF_MANY, true],
  ];
  let block = 0;
  for (let round = 0; round < effort.rounds; round++) {
    const subject = await startSubject('lessor', WORKLOAD, session.folder, session.options);
    try {
      await load({
        ratePerSec: DHCP_PER_SEC,
        periodSec: effort.warmUpSec,
        clients: DHCP_CLIENTS,
        clientBlock: block++,
      });
      for (const [title, measurement, elsewhere = false] of loads) {
        const stop = elsewhere ? await startBare(OTHER_PORT) : undefined;
        // The generator has the processor perfdhcp and the server leave: elsewhere it is another machine.
        const asking =
          measurement &&
          askOmapi(session, measurement, round, {
            seconds: effort.periodSec + 2 * START_SEC,
            prefix: LAST_IN_LINE,
            ...(elsewhere ? { port: OTHER_PORT, verify: false } : {}),
          });
        if (asking !== undefined) await sleep(1000 * START_SEC);
        const request = { ratePerSec: DHCP_PER_SEC, periodSec: effort.periodSec, clients: DHCP_CLIENTS };
        const report = await load({ ...request, clientBlock: block++, latencies: true });
        const beside = await asking;
        stop?.();
        const p99Ms = quantile(report.ack.latenciesMs, 0.99);
        figures.set(title, [...(figures.get(title) ?? []), p99Ms]);
        const rate = beside === undefined ? '' : ` beside ${beside.perSec.toFixed(0)} requests/s`;
        session.progress(`  ${title}: ${p99Ms.toFixed(2)} ms${rate}, ${(100 * report.dropShare).toFixed(2)} % lost`);
      }
    } finally {
      await subject.stop();
    }
  }
  return [...figures].map(([title, values]) => ({ title, p99Ms: median(values) }));
}
