/** Kea's load generator, and what a server has not answered it. */

import assert from 'node:assert/strict';
import type { Netns } from './netns.js';
import { getPeer } from './peers.js';

/** What it is asked to do. */
export interface PerfdhcpLoad {
  /** Four-way exchanges a second: twice as many packets. */
  readonly rate: number;
  readonly seconds: number;
  readonly server: string;
  /** Different clients it plays. */
  readonly clients: number;
}

/** What came of it; of the two exchanges, the worse. */
export interface PerfdhcpOutcome {
  readonly sent: number;
  readonly received: number;
  /** Packets that were not answered, the few included that had not been answered when it ended. */
  readonly missed: number;
  readonly report: string;
}

/** How long it listens when all is sent: a server that has to share the machine answers late. */
const LISTEN_SEC = 3;

/** Runs it in a namespace. @throws AssertionError if it gives no report */
export async function perfdhcp(
  from: Netns,
  { rate, seconds, server, clients }: PerfdhcpLoad,
): Promise<PerfdhcpOutcome> {
  const overrunBefore = await overrun(from);
  const words = ['-4', '-r', rate, '-R', clients, '-p', seconds, '-W', LISTEN_SEC * 1_000_000, server].map(String);
  const { stdout } = await from.run([getPeer('perfdhcp'), ...words], (seconds + 60) * 1000);
  const figures = (name: string) =>
    [...stdout.matchAll(new RegExp(`^${name}: (\\d+)`, 'gm'))].map(([, n]) => Number(n));
  const [sent, received, drops] = ['sent packets', 'received packets', 'drops'].map(figures) as [
    number[],
    number[],
    number[],
  ];
  assert.equal(drops.length, 2, stdout);
  // What has come and found its buffer full was answered: it did not get to run.
  const lost = Math.max(0, Math.max(...drops) - ((await overrun(from)) - overrunBefore));
  return { sent: Math.min(...sent), received: Math.min(...received), missed: lost, report: stdout };
}

/** Datagrams for which there was no room in a socket's buffer, since the namespace was made. */
async function overrun(namespace: Netns): Promise<number> {
  const { stdout } = await namespace.run(['cat', '/proc/net/snmp']);
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Udp: '));
  return Number(values?.split(' ')[names?.split(' ').indexOf('RcvbufErrors') ?? -1] ?? 0);
}
