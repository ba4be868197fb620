/**
 * Attacks on a server's doors, from the namespace this program runs in: `node attack-agent.js NAME JSON`. What became of
 * it goes to standard output as JSON. It never stops by itself before it has done what it was told.
 */

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Address to come from. */
  readonly from?: string;
}

/** Outcomes and how often there were. */
export type Tally = Record<string, number>;

/** Request to an HTTP door. */
export interface Knock extends Target {
  readonly authorization?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Paths of PEM files: speak TLS. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

/** The status of one request, or what happened instead. */
export function knock({ host, port, from, authorization, body = '{}', headers = {}, tls }: Knock): Promise<string> {
  const file = (name: 'ca' | 'cert' | 'key') => (tls?.[name] === undefined ? {} : { [name]: readFileSync(tls[name]) });
  return new Promise((resolve) => {
    const sent = (tls === undefined ? request : tlsRequest)({
      host,
      port,
      method: 'POST',
      agent: new Agent(),
      ...(from === undefined ? {} : { localAddress: from }),
      ...(tls === undefined ? {} : { agent: false, ...file('ca'), ...file('cert'), ...file('key') }),
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        ...(authorization === undefined ? {} : { Authorization: authorization }),
        ...headers,
      },
    });
    sent.setTimeout(30_000, () => sent.destroy(new Error('silence')));
    sent.on('response', (response) => {
      response.resume();
      response.once('close', () => resolve(String(response.statusCode)));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(body);
  });
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** One password after the other, several at a time; in the end the right one, and at once something elsewhere. */
async function guess(
  options: Target & { user: string; password: string; tries: number; elsewhere: Knock },
): Promise<Tally & { right: string; elsewhere: string }> {
  const tally: Tally = {};
  let left = options.tries;
  const attempt = async (): Promise<void> => {
    while (left-- > 0) count(tally, await knock({ ...options, authorization: basic(options.user, `guess ${left}`) }));
  };
  await Promise.all(Array.from({ length: 16 }, attempt));
  // One more failure, when it is listened to again: from now on there are seconds in which it is not.
  while ((await knock({ ...options, authorization: basic(options.user, 'again') })) !== '401') await sleep(50);
  const right = await knock({ ...options, authorization: basic(options.user, options.password) });
  const elsewhere = await knock(options.elsewhere);
  return Object.assign(tally, { right, elsewhere }) as Tally & { right: string; elsewhere: string };
}

/** Opens connections, sends something on each, and holds those that stay for a while, if any do. */
async function hold(options: Target & { connections: number; send?: string; seconds: number }): Promise<Tally> {
  const tally: Tally = {};
  const sockets: Socket[] = [];
  const octets = options.send === undefined ? undefined : Buffer.from(options.send, 'base64');
  for (let opened = 0; opened < options.connections; ) {
    const wave: Promise<void>[] = [];
    for (let i = 0; i < 200 && opened < options.connections; i++, opened++) {
      const socket = connect({
        host: options.host,
        port: options.port,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
      });
      sockets.push(socket);
      socket.on('error', () => undefined);
      wave.push(
        new Promise((resolve) => {
          socket.once('close', resolve);
          socket.once('connect', () => {
            if (octets !== undefined) socket.write(octets);
            count(tally, 'connected');
            resolve();
          });
        }),
      );
    }
    // One that is not answered at all does not keep the others.
    await Promise.race([Promise.all(wave), sleep(3000)]);
  }
  const held = () => sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length;
  const until = performance.now() + options.seconds * 1000;
  while (performance.now() < until && held() > 0) await sleep(50);
  tally.held = held();
  for (const socket of sockets) socket.destroy();
  return tally;
}

/** Sends octets as long as the other side takes them, up to a number; how many it took, and what it said. */
function flood(
  options: Target & { head: string; octets: number; piece?: string },
): Promise<{ taken: number; said: string }> {
  const piece = Buffer.alloc(65_536, options.piece ?? ' ');
  return new Promise((resolve) => {
    const socket = connect(options.port, options.host);
    let said = '';
    let sent = 0;
    const more = (): void => {
      while (sent < options.octets && !socket.destroyed) {
        sent += piece.length;
        if (!socket.write(piece)) return;
      }
      if (sent >= options.octets) socket.end();
    };
    socket.on('connect', () => {
      socket.write(options.head);
      more();
    });
    socket.on('drain', more);
    socket.on('data', (chunk) => {
      if (said.length < 2000) said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('close', () => resolve({ taken: socket.bytesWritten, said }));
  });
}

function count(tally: Tally, what: string): void {
  tally[what] = (tally[what] ?? 0) + 1;
}

const ATTACKS = { knock, guess, hold, flood } as const;

/** What each attack is told and tells. */
export type Attacks = {
  readonly [Name in keyof typeof ATTACKS]: {
    readonly told: Parameters<(typeof ATTACKS)[Name]>[0];
    readonly tells: Awaited<ReturnType<(typeof ATTACKS)[Name]>>;
  };
};

const [, program = '', name, json] = process.argv;
if (/attack-agent\.[jt]s$/.test(program)) {
  const attack = ATTACKS[name as keyof typeof ATTACKS] as (options: unknown) => Promise<unknown>;
  process.stdout.write(JSON.stringify(await attack(JSON.parse(json ?? '{}'))), () => process.exit(0));
}
