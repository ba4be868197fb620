/**
 * The steps of one commit of a pair, and either server killed at each of them: with strace, whose injected delay holds
 * the server that takes the step, before or after its system call, until the victim has had its SIGKILL.
 */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getPeer } from '../lib/peers.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { PATIENCE_MS } from '../lib/until.js';
import { seeded } from './clients.js';
import type { Row, Scene } from './scene.js';
import type { Side } from './systems.js';

/** One step: who takes it, by which system call on what, and whether the victim dies before or after the call. */
interface Step {
  readonly title: string;
  readonly actor: Side;
  readonly call: string;
  readonly on: 'clients' | 'journal' | 'partner';
  readonly at: 'enter' | 'exit';
}

/**
 * In the order in which they are seen in the system calls of an ACK. To choose an address takes no system call: its
 * nearest is the write that follows. Nothing is written when an ACK was sent; that the partner has the record is known
 * when its answer was read. Heartbeats go over the same connection as updates and are met instead now and then.
 */
const STEPS: readonly Step[] = [
  { title: 'received', actor: 0, call: 'recvmmsg', on: 'clients', at: 'exit' },
  { title: 'address chosen, nothing written', actor: 0, call: 'pwrite64', on: 'journal', at: 'enter' },
  { title: 'written', actor: 0, call: 'pwrite64', on: 'journal', at: 'exit' },
  { title: 'flushed', actor: 0, call: 'fdatasync', on: 'journal', at: 'exit' },
  { title: 'update sent', actor: 0, call: 'write', on: 'partner', at: 'exit' },
  { title: 'partner has written', actor: 1, call: 'pwrite64', on: 'journal', at: 'exit' },
  { title: 'partner has flushed', actor: 1, call: 'fdatasync', on: 'journal', at: 'exit' },
  { title: 'partner has answered', actor: 1, call: 'write', on: 'partner', at: 'exit' },
  { title: 'answer read', actor: 0, call: 'read', on: 'partner', at: 'exit' },
  { title: 'ACK let go, not sent', actor: 0, call: 'sendmmsg', on: 'clients', at: 'enter' },
  { title: 'ACK sent', actor: 0, call: 'sendmmsg', on: 'clients', at: 'exit' },
];

/** How long the actor is held: less than what a server takes for having been frozen (half of `interrupt-after`). */
const HOLD_MS = 800;

/** What the call must be made on, as strace's -P wants it. */
function targets({ system }: Scene, { actor, on }: Step): string[] {
  const { pid, leaseFile } = system.lab.servers[actor];
  if (on === 'journal') return [leaseFile];
  if (on === 'clients') return [];
  const port = ':223D';
  const established = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', remote = '', state]) => state === '01' && (local + remote).includes(port))
    .map((cells) => cells[9]);
  const own = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return established.map((inode) => `socket:[${inode}]`).filter((name) => own.includes(name));
}

/** Holds the actor at the step; resolves with what lets it go. @throws Error if it never comes to it */
async function holdAt(scene: Scene, step: Step): Promise<() => Promise<void>> {
  const folder = scratchFolder();
  const output = join(folder, 'strace');
  writeFileSync(output, '');
  const pid = String(scene.system.lab.servers[step.actor].pid);
  const filter = targets(scene, step).flatMap((target) => ['-P', target]);
  const hold = `inject=${step.call}:delay_${step.at}=${HOLD_MS * 1000}:when=1`;
  const argv = ['-f', '-qq', '-o', output, '-p', pid, ...filter, '-e', `trace=${step.call}`, '-e', hold];
  const child = spawn(getPeer('strace'), argv, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const release = async (): Promise<void> => {
    child.kill('SIGINT');
    await ended;
    removeScratch(folder);
  };
  const deadline = performance.now() + PATIENCE_MS;
  while (statSync(output).size === 0) {
    if (performance.now() > deadline || child.exitCode !== null) {
      await release();
      throw new Error(`the server did not come to the step '${step.title}'`);
    }
    await sleep(3);
  }
  if (Date.now() - statSync(output).mtimeMs < HOLD_MS / 2) return release;
  // This machine was busy, and the server may have gone on: again.
  await release();
  return holdAt(scene, step);
}

/** Kills a server at a step; starts it again, with its disk or with an empty one. */
async function crash(scene: Scene, step: Step, victim: Side, lost: boolean): Promise<void> {
  const { system, effort } = scene;
  // Not always at the same point of what the clients do.
  await sleep(700 * seeded(effort.seed)());
  const release = await holdAt(scene, step);
  await system.kill(victim);
  await release();
  if (lost) {
    const { leaseFile } = system.lab.servers[victim];
    for (const name of readdirSync(dirname(leaseFile))) rmSync(join(dirname(leaseFile), name));
  }
  await scene.fault(Math.min(effort.faultMs, 2500));
  scene.end();
  await system.start(victim);
  await scene.together();
  await scene.fault(1500);
}

/** A row for each step, victim and fate of its disk. */
export const CRASH_ROWS: readonly Row[] = STEPS.flatMap((step, index) =>
  ([0, 1] as const).flatMap((victim) =>
    [false, true].map(
      (lost): Row => ({
        id: `crash.${index + 1}.${victim === 0 ? 'active' : 'passive'}.${lost ? 'lost' : 'kept'}`,
        title: `${step.title}: the ${victim === 0 ? 'active' : 'passive'} server is killed${lost ? ' and loses its disk' : ''}`,
        systems: ['lessor'],
        habits: { paceMs: 300 },
        run: (scene) => crash(scene, step, victim, lost),
      }),
    ),
  ),
);
