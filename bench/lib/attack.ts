/**
 * The scenario `attack`: DHCP's latency at a steady rate while somebody attacks the control doors without a pause. The
 * doors are plain ones of Kea on loopback, which have no limits but those that every door has: the worst case. The
 * attacker takes processor time of the same machine, so each row has its like beside it: the same attacker, who finds
 * nobody there.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LAST_IN_LINE, SERVER_SIDE, spawnIn } from './lab.js';
import { load } from './perfdhcp.js';
import { median, quantile } from './search.js';
import type { Session, Table } from './session.js';
import { startSubject } from './subjects.js';
import { CONTROL_PORT, PLAIN, type Workload } from './workloads.js';

/** Rate at which DHCP is served meanwhile. */
const DHCP_PER_SEC = 2000;
const DHCP_CLIENTS = 50_000;
/** Nobody listens there. */
const NOBODY_PORT = 8999;
/** Between two attacks of one attacker. */
const PAUSE_MS = 70;

const AGENT = fileURLToPath(new URL('../../tests/interop/attack-agent.js', import.meta.url));
const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** Each attack: a program and what it is told, but the port. */
const ATTACKS: readonly { readonly title: string; readonly argv: readonly [name: string, told: object] }[] = [
  { title: 'guessed passwords, 16 at a time', argv: ['guess', { user: 'bench', password: 'x', tries: 1e9 }] },
  { title: '10 000 connections, held', argv: ['hold', { connections: 10_000, seconds: 600 }] },
  {
    title: 'half a request on each of 2000 connections',
    argv: ['hold', { connections: 2000, seconds: 600, send: Buffer.from(HEAD).toString('base64') }],
  },
  { title: 'a header without end', argv: ['flood', { head: 'POST / HTTP/1.1\r\nX: ', octets: 1e15, piece: 'x' }] },
];

/** What a run came to: milliseconds, and the share of messages lost. */
interface Sample {
  readonly offer: number;
  readonly ack: number;
  readonly lost: number;
}

/** Measures all attacks, each beside the same on nobody. lessor alone. */
export async function attack(session: Session): Promise<Table> {
  const rows: (readonly string[])[] = [];
  const data: Record<string, number> = {};
  const note = (title: string, before: Sample, during: Sample): void => {
    rows.push([
      title,
      ...[before.offer, during.offer, before.ack, during.ack].map((ms) => ms.toFixed(2)),
      percent(during.lost),
    ]);
    data[`${title} offer p99 ms`] = during.offer;
    data[`${title} ack p99 ms`] = during.ack;
  };
  if (session.subjects.includes('lessor')) {
    const quiet = await measured(session, undefined, NOBODY_PORT);
    note('nobody attacks', quiet, quiet);
    for (const { title, argv } of ATTACKS) {
      session.progress(`  ${title}`);
      note(title, await measured(session, argv, NOBODY_PORT), await measured(session, argv, CONTROL_PORT));
    }
  }
  return {
    scenario: 'attack',
    caption: `DHCP at ${DHCP_PER_SEC} exchanges a second under attack, milliseconds; "idle": the same attacker finds nobody`,
    columns: ['attack', 'OFFER p99, idle', 'attacked', 'ACK p99, idle', 'attacked', 'lost'],
    rows,
    data,
  };
}

/** Medians of the rounds. */
async function measured(session: Session, argv: readonly [string, object] | undefined, port: number): Promise<Sample> {
  const workload: Workload = { ...PLAIN, control: true };
  const samples: Sample[] = [];
  for (let round = 0; round < session.effort.rounds; round++) {
    const server = await startSubject('lessor', workload, session.folder, session.options);
    const attacker = argv && startAttack(argv, port);
    try {
      const run = (periodSec: number, clientBlock: number) =>
        load({ ratePerSec: DHCP_PER_SEC, periodSec, clients: DHCP_CLIENTS, clientBlock, latencies: true });
      await run(session.effort.warmUpSec, 1);
      const report = await run(session.effort.periodSec, 2);
      samples.push({
        offer: quantile(report.discover.latenciesMs, 0.99),
        ack: quantile(report.ack.latenciesMs, 0.99),
        lost: report.dropShare,
      });
    } finally {
      attacker?.();
      await server.stop();
    }
  }
  const of = (name: keyof Sample): number => median(samples.map((sample) => sample[name]));
  return { offer: of('offer'), ack: of('ack'), lost: of('lost') };
}

/** Attacks again and again until what it returns is called. */
function startAttack([name, told]: readonly [string, object], port: number): () => void {
  let stopped = false;
  let kill: () => void = () => undefined;
  const again = async (): Promise<void> => {
    while (!stopped) {
      const argv = [
        ...LAST_IN_LINE,
        process.execPath,
        AGENT,
        name,
        JSON.stringify({ host: '127.0.0.1', port, ...told }),
      ];
      const child = spawnIn(SERVER_SIDE.namespace, argv, { stdio: 'ignore' });
      kill = () => void child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      await sleep(PAUSE_MS);
    }
  };
  void again();
  return () => {
    stopped = true;
    kill();
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
