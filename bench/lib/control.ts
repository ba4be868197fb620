/**
 * The scenarios `control` and `bulk`: commands a second beside Kea, and what large answers do to the latency of DHCP.
 * Kea 2.2 has no HTTP of its own: over HTTP its Control Agent is asked, as its operators do.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ControlLoadReport, ControlLoadRequest } from '../control-load.js';
import { runIn, SERVER_SIDE, spawnIn } from './lab.js';
import { load } from './perfdhcp.js';
import { median, quantile } from './search.js';
import type { Session, Table } from './session.js';
import { AGENT_FILE, SUBJECTS, type SubjectName, startSubject } from './subjects.js';
import { CONTROL_LOGIN, CONTROL_PORT, CONTROL_SOCKET, PLAIN, type Workload } from './workloads.js';

const SUBNETS = 10_000;
const LEASES = 1000;
/** Rate at which DHCP is served beside large answers. */
const DHCP_PER_SEC = 2000;
const DHCP_CLIENTS = 50_000;
/** Leases of lease4-get-all. */
const ALL_LEASES = 100_000;
/** Commands under way on unix sockets. */
const PARALLEL = 4;

type Door = 'unix' | 'http';

/** One measurement of `control`. */
interface Measurement {
  readonly title: string;
  readonly door: Door;
  readonly command: string;
  readonly args?: object;
}

const LEASE4_GET = { command: 'lease4-get', args: { 'ip-address': '10.1.0.7' } };

const MEASUREMENTS: readonly Measurement[] = [
  { title: 'lease4-get, unix, a connection each', door: 'unix', ...LEASE4_GET },
  { title: 'lease4-get, HTTP, one connection', door: 'http', ...LEASE4_GET },
  { title: `config-get of ${SUBNETS} subnets, unix`, door: 'unix', command: 'config-get' },
  { title: `config-get of ${SUBNETS} subnets, HTTP`, door: 'http', command: 'config-get' },
];

/** Commands a second, each measurement on a server that does nothing else. */
export async function control(session: Session): Promise<Table> {
  const subjects = session.subjects.filter((name) => name === 'kea-1' || name === 'lessor');
  const workload: Workload = { ...PLAIN, leases: LEASES, subnets: SUBNETS, control: true };
  const found = new Map<string, number[]>();
  for (let round = 0; round < session.effort.rounds; round++) {
    for (const name of subjects) {
      session.progress(`  ${name}`);
      await withControl(session, name, workload, async (folder) => {
        for (const measurement of MEASUREMENTS) {
          const report = await ask(session, folder, measurement);
          const key = `${measurement.title} ${name}`;
          found.set(key, [...(found.get(key) ?? []), report.answersPerSec]);
          session.progress(`    ${measurement.title}: ${report.answersPerSec.toFixed(1)}/s`);
        }
      });
    }
  }
  const rate = (title: string, name: SubjectName): number => median(found.get(`${title} ${name}`) ?? []);
  return {
    scenario: 'control',
    caption: 'Commands answered a second; Kea over HTTP through its Control Agent',
    columns: ['command', ...subjects.map((name) => SUBJECTS[name].title), 'of Kea'],
    rows: MEASUREMENTS.map(({ title }) => [
      title,
      ...subjects.map((name) => rate(title, name).toFixed(1)),
      subjects.length < 2 ? '-' : `${(rate(title, 'lessor') / rate(title, 'kea-1')).toFixed(1)} ×`,
    ]),
    data: Object.fromEntries(found),
  };
}

/** What is asked, over and over, while DHCP is measured. */
const LARGE: readonly {
  readonly title: string;
  readonly leases: (session: Session) => number;
  readonly command?: object;
}[] = [
  { title: 'nothing', leases: ({ effort }) => effort.millionLeases },
  {
    title: 'lease4-get-page, 1000 at a time, of all',
    leases: ({ effort }) => effort.millionLeases,
    command: { command: 'lease4-get-page', arguments: { from: '10.1.128.0', limit: 1000 } },
  },
  { title: 'nothing', leases: () => ALL_LEASES },
  { title: 'lease4-get-all', leases: () => ALL_LEASES, command: { command: 'lease4-get-all' } },
];

/** DHCP's latency at a steady rate while somebody asks for all leases without a pause. lessor alone. */
export async function bulk(session: Session): Promise<Table> {
  const rows: (readonly string[])[] = [];
  const data: Record<string, number> = {};
  for (const { title, leases, command } of session.subjects.includes('lessor') ? LARGE : []) {
    const count = leases(session);
    const workload: Workload = {
      ...PLAIN,
      addresses: Math.max(PLAIN.addresses, 3 * count),
      leases: count,
      control: true,
    };
    const samples: { offer: number; ack: number; answers: number; lost: number }[] = [];
    for (let round = 0; round < session.effort.rounds; round++) {
      await withControl(session, 'lessor', workload, async (folder) => {
        const run = (periodSec: number, clientBlock: number) =>
          load({ ratePerSec: DHCP_PER_SEC, periodSec, clients: DHCP_CLIENTS, clientBlock, latencies: true });
        await run(session.effort.warmUpSec, 1);
        const asking = command === undefined ? undefined : askOver(session, folder, 'unix', JSON.stringify(command), 1);
        const report = await run(session.effort.periodSec, 2);
        samples.push({
          offer: quantile(report.discover.latenciesMs, 0.99),
          ack: quantile(report.ack.latenciesMs, 0.99),
          answers: (await asking)?.answersPerSec ?? 0,
          lost: report.dropShare,
        });
      });
    }
    const of = (name: keyof (typeof samples)[number]): number => median(samples.map((sample) => sample[name]));
    session.progress(`  ${count} leases, ${title}: OFFER p99 ${of('offer').toFixed(2)} ms`);
    rows.push([
      String(count),
      title,
      of('answers').toFixed(1),
      of('offer').toFixed(2),
      of('ack').toFixed(2),
      `${(100 * of('lost')).toFixed(2)} %`,
    ]);
    data[`${count} ${title} offer p99 ms`] = of('offer');
    data[`${count} ${title} ack p99 ms`] = of('ack');
  }
  return {
    scenario: 'bulk',
    caption: `DHCP at ${DHCP_PER_SEC} exchanges a second while leases are read by command, milliseconds`,
    columns: ['leases', 'asked without a pause', 'answers/s', 'OFFER p99', 'ACK p99', 'lost'],
    rows,
    data,
  };
}

function ask(session: Session, folder: string, { door, command, args }: Measurement): Promise<ControlLoadReport> {
  const body = JSON.stringify({ command, service: ['dhcp4'], ...(args !== undefined && { arguments: args }) });
  return askOver(session, folder, door, body, PARALLEL);
}

/** Runs the program that asks, in the namespace of the server. */
async function askOver(
  { effort }: Session,
  folder: string,
  door: Door,
  command: string,
  parallel: number,
): Promise<ControlLoadReport> {
  const request: ControlLoadRequest = {
    ...(door === 'unix' ? { socketPath: join(folder, CONTROL_SOCKET) } : { port: CONTROL_PORT, login: CONTROL_LOGIN }),
    command,
    parallel,
    periodSec: effort.periodSec,
    warmUpSec: effort.warmUpSec / 2,
  };
  const program = fileURLToPath(new URL('../control-load.js', import.meta.url));
  const { output } = await runIn(SERVER_SIDE.namespace, [process.execPath, program, JSON.stringify(request)]);
  return JSON.parse(output) as ControlLoadReport;
}

/** Runs a server, before Kea also its Control Agent, for as long as the work takes. */
async function withControl(
  session: Session,
  name: SubjectName,
  workload: Workload,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = join(session.folder, name);
  const subject = await startSubject(name, workload, session.folder, session.options);
  const agent =
    name === 'lessor'
      ? undefined
      : spawnIn(SERVER_SIDE.namespace, ['kea-ctrl-agent', '-c', join(folder, AGENT_FILE)], {
          stdio: 'ignore',
          env: { ...process.env, KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder },
        });
  try {
    if (agent !== undefined) await sleep(500); // it has no other sign of being there
    await work(folder);
  } finally {
    if (agent !== undefined) {
      agent.kill('SIGTERM');
      await once(agent, 'exit');
    }
    await subject.stop();
  }
}
