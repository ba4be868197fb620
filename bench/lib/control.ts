/**
 * The scenarios `control` and `bulk`: commands a second beside Kea, and what large answers do to the latency of DHCP.
 * Kea 2.2 has no HTTP of its own: over HTTP its Control Agent is asked, as its operators do.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { getPeer } from '../../tests/lib/peers.js';
import type { ControlLoadReport, ControlLoadRequest } from '../control-load.js';
import { LAST_IN_LINE, runIn, SERVER_SIDE, spawnIn } from './lab.js';
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
  readonly command: object;
}[] = [
  {
    title: 'lease4-get-page, 1000 at a time, of all',
    leases: ({ effort }) => effort.millionLeases,
    command: { command: 'lease4-get-page', arguments: { from: '10.1.128.0', limit: 1000 } },
  },
  { title: 'lease4-get-all', leases: () => ALL_LEASES, command: { command: 'lease4-get-all' } },
];

/** Latency of DHCP in one run, and what was answered meanwhile. */
interface Sample {
  readonly offer: number;
  readonly ack: number;
  readonly lost: number;
  readonly answers: number;
}

/**
 * DHCP's latency at a steady rate while somebody asks for all leases without a pause: of nobody, of lessor, and of
 * another process that answers as much; lessor alone. One server serves all three, one after the other, in each round.
 */
export async function bulk(session: Session): Promise<Table> {
  const rows: (readonly string[])[] = [];
  const data: Record<string, number> = {};
  for (const { title, leases, command } of session.subjects.includes('lessor') ? LARGE : []) {
    const count = leases(session);
    const rounds: (readonly Sample[])[] = [];
    for (let round = 0; round < session.effort.rounds; round++)
      rounds.push(await besideLongAnswers(session, count, command));
    for (const [at, who] of ['nobody', title, 'the same octets of another process'].entries()) {
      const of = (name: keyof Sample): number => median(rounds.map((samples) => samples[at]![name]));
      session.progress(`  ${count} leases, ${who}: OFFER p99 ${of('offer').toFixed(2)} ms`);
      rows.push([
        String(count),
        who,
        of('answers').toFixed(1),
        of('offer').toFixed(2),
        of('ack').toFixed(2),
        `${(100 * of('lost')).toFixed(2)} %`,
      ]);
      data[`${title}, ${who}: offer p99 ms`] = of('offer');
      data[`${title}, ${who}: ack p99 ms`] = of('ack');
    }
  }
  return {
    scenario: 'bulk',
    caption: `DHCP at ${DHCP_PER_SEC} exchanges a second while leases are read by command, milliseconds`,
    columns: ['leases', 'asked without a pause', 'answers/s', 'OFFER p99', 'ACK p99', 'lost'],
    rows,
    data,
  };
}

async function besideLongAnswers(session: Session, leases: number, command: object): Promise<readonly Sample[]> {
  const workload: Workload = { ...PLAIN, addresses: Math.max(PLAIN.addresses, 3 * leases), leases, control: true };
  const samples: Sample[] = [];
  await withControl(session, 'lessor', workload, async (folder) => {
    let clientBlock = 1;
    const run = (periodSec: number) =>
      load({ ratePerSec: DHCP_PER_SEC, periodSec, clients: DHCP_CLIENTS, clientBlock: clientBlock++, latencies: true });
    const measure = async (asking?: Promise<ControlLoadReport>): Promise<ControlLoadReport | undefined> => {
      // Beside a program that asks, not beside one that starts: that alone takes a processor for a tenth of a second.
      if (asking !== undefined) await sleep(warmUpMs(session));
      const { discover, ack, dropShare } = await run(session.effort.periodSec);
      const asked = await asking;
      samples.push({
        offer: quantile(discover.latenciesMs, 0.99),
        ack: quantile(ack.latenciesMs, 0.99),
        lost: dropShare,
        answers: asked?.answersPerSec ?? 0,
      });
      return asked;
    };
    await run(session.effort.warmUpSec);
    await measure();
    const answered = await measure(
      askSocket(session, join(folder, CONTROL_SOCKET), JSON.stringify(command), 1, LAST_IN_LINE),
    );
    const path = join(folder, 'bare');
    const { octetsPerAnswer, answersPerSec } = answered!;
    const program = fileURLToPath(new URL('../control-bare.js', import.meta.url));
    const argv = [process.execPath, program, path, String(Math.round(octetsPerAnswer)), answersPerSec.toFixed(2)];
    const bare = spawnIn(SERVER_SIDE.namespace, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(bare.stdout!, 'data');
      await measure(askSocket(session, path, '{}', 1, LAST_IN_LINE));
    } finally {
      bare.kill('SIGKILL');
      await once(bare, 'exit');
    }
  });
  return samples;
}

function ask(session: Session, folder: string, { door, command, args }: Measurement): Promise<ControlLoadReport> {
  const body = JSON.stringify({ command, service: ['dhcp4'], ...(args !== undefined && { arguments: args }) });
  return askOver(session, folder, door, body, PARALLEL);
}

/** Asks a server by one of its doors. */
function askOver(
  session: Session,
  folder: string,
  door: Door,
  command: string,
  parallel: number,
): Promise<ControlLoadReport> {
  return door === 'unix'
    ? askSocket(session, join(folder, CONTROL_SOCKET), command, parallel)
    : runLoad(session, { port: CONTROL_PORT, login: CONTROL_LOGIN, command, parallel });
}

function askSocket(
  session: Session,
  socketPath: string,
  command: string,
  parallel: number,
  prefix: readonly string[] = [],
): Promise<ControlLoadReport> {
  return runLoad(session, { socketPath, command, parallel }, prefix);
}

/** How long a program asks before its answers count. */
function warmUpMs({ effort }: Session): number {
  return effort.warmUpSec * 500;
}

/** Runs the program that asks, in the namespace of the server. */
async function runLoad(
  session: Session,
  asked: Omit<ControlLoadRequest, 'periodSec' | 'warmUpSec'>,
  prefix: readonly string[] = [],
): Promise<ControlLoadReport> {
  const { periodSec } = session.effort;
  const request: ControlLoadRequest = { ...asked, periodSec, warmUpSec: warmUpMs(session) / 1000 };
  const program = fileURLToPath(new URL('../control-load.js', import.meta.url));
  const argv = [...prefix, process.execPath, program, JSON.stringify(request)];
  const { output } = await runIn(SERVER_SIDE.namespace, argv);
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
      : spawnIn(SERVER_SIDE.namespace, [getPeer('kea-ctrl-agent'), '-c', join(folder, AGENT_FILE)], {
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
