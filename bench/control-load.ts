/**
 * Asks a control channel the same thing over and over, and tells on standard output how often it was answered, as one
 * line of JSON. Run as a program of its own, beside the server: node control-load.js REQUEST, where REQUEST is JSON.
 *
 * Over a unix socket each command takes a connection (Kea closes it after the answer), so several are kept under way;
 * over HTTP there is one connection that is kept, and one command on it at a time.
 */

import { connect } from 'node:net';
import { UnixAsker } from './lib/unix-asker.js';

/** What is asked. */
export interface ControlLoadRequest {
  readonly socketPath?: string;
  readonly port?: number;
  /** HTTP: user and password with a colon between. */
  readonly login?: string;
  /** JSON of the command. */
  readonly command: string;
  readonly periodSec: number;
  /** Asked before anything counts. */
  readonly warmUpSec: number;
  /** Unix: commands under way at a time. */
  readonly parallel: number;
}

/** What came of it. */
export interface ControlLoadReport {
  readonly answers: number;
  readonly answersPerSec: number;
  readonly octetsPerAnswer: number;
  readonly p99Ms: number;
}

async function main(request: ControlLoadRequest): Promise<ControlLoadReport> {
  const latenciesMs: number[] = [];
  const started = performance.now() + request.warmUpSec * 1000;
  const until = started + request.periodSec * 1000;
  let octets = 0;
  const answered = (at: number, received: number): void => {
    if (at < started) return;
    octets += received;
    latenciesMs.push(performance.now() - at);
  };
  const goesOn = (): boolean => performance.now() < until || latenciesMs.length === 0;
  if (request.socketPath === undefined) await loadHttp(request, answered, goesOn);
  else loadUnix(request.socketPath, request, answered, goesOn);
  const seconds = (performance.now() - started) / 1000;
  latenciesMs.sort((a, b) => a - b);
  return {
    answers: latenciesMs.length,
    answersPerSec: latenciesMs.length / seconds,
    octetsPerAnswer: octets / latenciesMs.length,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)]!,
  };
}

/** Tells when a command was sent and how many octets its answer had. */
type Answered = (at: number, octets: number) => void;

/** Keeps so many connections under way, each with one command; whichever was asked first is read first. */
function loadUnix(
  path: string,
  { command, parallel }: ControlLoadRequest,
  answered: Answered,
  goesOn: () => boolean,
): void {
  const asker = new UnixAsker(path, command);
  const pending: { readonly fd: number; readonly at: number }[] = [];
  do {
    while (pending.length < parallel) pending.push({ at: performance.now(), fd: asker.ask() });
    const { fd, at } = pending.shift()!;
    answered(at, asker.read(fd));
  } while (goesOn());
  for (const { fd } of pending) asker.read(fd);
}

async function loadHttp(request: ControlLoadRequest, answered: Answered, goesOn: () => boolean): Promise<void> {
  const ask = await httpAsker(request);
  do {
    const at = performance.now();
    answered(at, await ask());
  } while (goesOn());
}

/** Opens the connection; what it returns asks once on it. */
function httpAsker({ port, login, command }: ControlLoadRequest): Promise<() => Promise<number>> {
  const credentials = login === undefined ? '' : `Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`;
  const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${credentials}Content-Type: application/json\r\nContent-Length: `;
  const request = `${head}${Buffer.byteLength(command)}\r\n\r\n${command}`;
  return new Promise((resolve, reject) => {
    const socket = connect(port!, '127.0.0.1', () => resolve(ask));
    socket.setNoDelay(true);
    let got: (octets: number) => void = () => undefined;
    /** Octets still missing of the body; undefined: the headers are not complete. */
    let missing: number | undefined;
    let header = '';
    let length = 0;
    socket.on('data', (chunk) => {
      let body = chunk.length;
      if (missing === undefined) {
        header += chunk.toString('latin1');
        const end = header.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!header.startsWith('HTTP/1.1 200')) socket.destroy(new Error(header));
        length = Number(/^content-length: (\d+)/im.exec(header)![1]);
        missing = length;
        body = header.length - end - 4;
        header = '';
      }
      missing -= body;
      if (missing > 0) return;
      missing = undefined;
      got(length);
    });
    socket.once('error', reject);
    const ask = (): Promise<number> =>
      new Promise((answered) => {
        got = answered;
        socket.write(request);
      });
  });
}

process.stdout.write(`${JSON.stringify(await main(JSON.parse(process.argv[2]!) as ControlLoadRequest))}\n`);
process.exit(0); // or an HTTP connection keeps it until the server closes that
