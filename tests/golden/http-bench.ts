/** HTTP as it was recorded: raw octets to a port, and the answers taken apart again. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { JsonValue } from '@lessor/kea';
import { settle } from '../lib/until.js';

/** A recorded or received response. */
export interface HttpAnswer {
  /** Code and reason, without the version. */
  readonly status: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly json: JsonValue;
}

/** What came back on a connection. */
export interface HttpOutcome {
  readonly answers: readonly HttpAnswer[];
  /** The server closed it, rather than we. */
  readonly closed: boolean;
}

/** How to reach a port. */
export interface HttpTarget {
  readonly port: number;
  readonly tls?: { readonly folder: string; readonly client: boolean; readonly version?: 'TLSv1.2' };
}

/** How long silence means that nothing more will come, after what is expected has come; and before. */
const QUIET_MS = 80;
const PATIENCE_MS = 3000;

/**
 * Sends the pieces one after the other and collects answers until the server closes, or is silent after as many as are
 * expected. `meanwhile` runs when everything has been sent (a clock is moved).
 */
export function exchange(
  target: HttpTarget,
  pieces: readonly string[],
  expected: { readonly answers: number; readonly closed: boolean },
  meanwhile?: () => Promise<void>,
): Promise<HttpOutcome> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let quiet: NodeJS.Timeout | undefined;
    let looks = 0;
    const socket = open(target);
    const finish = (closed: boolean) => {
      clearTimeout(quiet);
      socket.destroy();
      const answers = parseAnswers(received);
      if (answers === undefined) reject(new Error(`not HTTP: ${received.toString('latin1').slice(0, 300)}`));
      else resolve({ answers, closed });
    };
    const listen = () => {
      clearTimeout(quiet);
      const answers = parseAnswers(received)?.length ?? -1;
      const complete = answers >= expected.answers && (answers > 0 || !expected.closed);
      const mine = ++looks;
      // What came while this process did not get to run is looked at before.
      const isQuiet = () => void settle(0).then(() => mine === looks && finish(false));
      quiet = setTimeout(isQuiet, complete ? QUIET_MS : PATIENCE_MS);
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (quiet !== undefined) listen();
    });
    socket.once('error', () => finish(true));
    socket.once('close', () => finish(true));
    void (async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(Buffer.from(piece, 'latin1'));
        if (pieces.length > 1) await new Promise((next) => setTimeout(next, QUIET_MS));
      }
      if (meanwhile !== undefined) await meanwhile();
      if (!socket.destroyed) listen();
    })();
  });
}

function open({ port, tls }: HttpTarget): Socket {
  if (tls === undefined) return connectTcp({ port, host: '127.0.0.1' });
  const file = (name: string) => readFileSync(join(tls.folder, name));
  return connectTls({
    port,
    host: '127.0.0.1',
    ca: file('ca.crt'),
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['http/1.1'],
    ...(tls.client ? { cert: file('client.crt'), key: file('client.key') } : {}),
    ...(tls.version === undefined ? {} : { minVersion: tls.version, maxVersion: tls.version }),
  });
}

/** The responses in a stream; undefined if it is none, or the last one is cut. */
function parseAnswers(octets: Buffer): HttpAnswer[] | undefined {
  const answers: HttpAnswer[] = [];
  let rest = octets;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    const [start, ...lines] = rest.toString('latin1', 0, Math.max(0, end)).split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3} .*)$/.exec(start ?? '')?.[1];
    if (end === -1 || status === undefined) return undefined;
    const headers = lines.map((line) => line.split(/: ?(.*)/s, 2) as [string, string]);
    const length = Number(headers.find(([name]) => name === 'Content-Length')?.[1] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length);
    // The body of an answer to HEAD is announced and not sent.
    if (body.length > 0 && body.length < length) return undefined;
    answers.push({ status, headers, json: body.length === 0 ? null : JSON.parse(body.toString('latin1')) });
    rest = rest.subarray(end + 4 + body.length);
  }
  return answers;
}

/** Makes the folders, credentials and certificates the recordings' configurations name. */
export function furnish(root: string): void {
  for (const name of ['run', 'etc', 'lib', 'log', 'creds', 'tls']) mkdirSync(join(root, name), { mode: 0o750 });
  chmodSync(join(root, 'run'), 0o750);
  const credentials = { u1: 'admin', p1: 's3cret', up2: 'second:other' };
  for (const [name, text] of Object.entries(credentials)) writeFileSync(join(root, 'creds', name), `${text}\n`);
  const file = (name: string) => join(root, 'tls', name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-days', '2', '-subj', '/CN=ca');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
    const ca = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial'];
    openssl('x509', '-req', '-in', file(`${name}.csr`), ...ca, '-out', file(`${name}.crt`), '-days', '2');
  }
}
