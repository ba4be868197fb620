/** Debian's perfdhcp as load: what it is asked, and what its report says. */

import { CLIENT_SIDE, runIn, SERVER_SIDE } from './lab.js';

/** One run of perfdhcp. */
export interface LoadRequest {
  /** New four-way exchanges a second. */
  readonly ratePerSec: number;
  readonly periodSec: number;
  /** Distinct clients; perfdhcp goes through them in order and starts again. */
  readonly clients: number;
  /** Tells the clients of one run from those of another: the second and third octet of the hardware address. */
  readonly clientBlock: number;
  /** Also reports every latency (perfdhcp -x t); costs the generator a little. */
  readonly latencies?: boolean;
}

/** One kind of exchange in a report. */
export interface ExchangeReport {
  readonly sent: number;
  readonly received: number;
  /** Milliseconds, in no order; empty unless asked for. */
  readonly latenciesMs: readonly number[];
}

/** What a run came to. */
export interface LoadReport {
  readonly request: LoadRequest;
  readonly discover: ExchangeReport;
  readonly ack: ExchangeReport;
  /** DISCOVERs really sent a second: below the rate asked for when the generator could do no more. */
  readonly offeredPerSec: number;
  /** Exchanges completed (ACK received) a second. */
  readonly completedPerSec: number;
  /** The larger share of messages lost of the two exchanges, 0..1. */
  readonly dropShare: number;
  /**
   * Replies that reached perfdhcp's socket and found its receive buffer full (it has the system's default, room for
   * some 270 messages): lost by the generator, but provoked by a server that answers in large bursts.
   */
  readonly overruns: number;
}

/** How long perfdhcp goes on listening after the last message was sent. */
const EXIT_WAIT_US = 300_000;

/** Runs perfdhcp from the client's end against the server's. @throws Error if its report can not be read. */
export async function load(request: LoadRequest): Promise<LoadReport> {
  const overrunsBefore = await receiveOverruns();
  const block = request.clientBlock.toString(16).padStart(4, '0');
  const { output } = await runIn(CLIENT_SIDE.namespace, [
    'perfdhcp',
    '-4',
    ...['-r', String(Math.round(request.ratePerSec))],
    ...['-R', String(request.clients)],
    ...['-p', String(request.periodSec)],
    ...['-W', String(EXIT_WAIT_US)],
    ...['-b', `mac=02:${block.slice(0, 2)}:${block.slice(2)}:00:00:00`],
    ...(request.latencies === true ? ['-x', 't'] : []),
    SERVER_SIDE.address,
  ]);
  return { ...parseReport(request, output), overruns: (await receiveOverruns()) - overrunsBefore };
}

/** UDP datagrams the client's end has dropped for want of room, since it was made. */
async function receiveOverruns(): Promise<number> {
  const { output } = await runIn(CLIENT_SIDE.namespace, ['cat', '/proc/net/snmp']);
  const [names, values] = output.split('\n').filter((line) => line.startsWith('Udp: '));
  const column = names?.split(' ').indexOf('RcvbufErrors') ?? -1;
  return Number(values?.split(' ')[column] ?? 0);
}

/** Reads perfdhcp's final report. @throws Error if it is none. */
export function parseReport(request: LoadRequest, output: string): Omit<LoadReport, 'overruns'> {
  const discover = parseExchange(section(output, 'DISCOVER-OFFER'));
  const ack = parseExchange(section(output, 'REQUEST-ACK'));
  const lost = ({ sent, received }: ExchangeReport): number => (sent === 0 ? 1 : Math.max(0, sent - received) / sent);
  return {
    request,
    discover,
    ack,
    offeredPerSec: discover.sent / request.periodSec,
    completedPerSec: ack.received / request.periodSec,
    dropShare: Math.max(lost(discover), lost(ack)),
  };
}

function section(output: string, name: string): string {
  // With -x t each exchange has a second section of timestamps under the same kind of title.
  const parts = output.split(/^\*\*\*/m).filter((part) => part.includes(name));
  if (parts.length === 0) throw new Error(`perfdhcp gave no report on ${name}:\n${output.slice(-2000)}`);
  return parts.join('\n');
}

function parseExchange(text: string): ExchangeReport {
  const count = (name: string): number => {
    const match = new RegExp(`^${name} packets: (\\d+)`, 'm').exec(text);
    if (match === null) throw new Error(`perfdhcp's report lacks "${name} packets":\n${text.slice(0, 500)}`);
    return Number(match[1]);
  };
  const latenciesMs = [...text.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)/gm)].map(
    ([, sent, received]) => (Number(received) - Number(sent)) * 1000,
  );
  return { sent: count('sent'), received: count('received'), latenciesMs };
}
