/** Ports for servers that a test starts, in the namespace of everybody. */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below those the kernel gives to connections (Linux: from 32768), any of which could take one before its server does. */
const [FIRST, LAST] = [12_000, 32_000];

const given = new Set<number>();

/** A port nobody uses at this moment, and that no call in this process has returned before. */
export const freePort = (): Promise<number> => freeOf(isFree);

/** The same of UDP. */
export const freeUdpPort = (): Promise<number> => freeOf(isFreeOfUdp);

/** As many as there are names. */
export async function freePorts<N extends string>(names: readonly N[]): Promise<Record<N, number>> {
  const entries = names.map(async (name) => [name, await freePort()] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<N, number>;
}

async function freeOf(isIt: (port: number) => Promise<boolean>): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    if (given.has(port)) continue;
    given.add(port);
    if (await isIt(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

function isFreeOfUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4').once('error', () => resolve(false));
    socket.bind(port, () => socket.close(() => resolve(true)));
  });
}
