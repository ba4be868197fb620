/** Faults injected into the system calls of a running server. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { getPeer } from '../lib/peers.js';
import { PATIENCE_MS } from '../lib/until.js';

/**
 * Tampers with system calls of a process from when this resolves; resolves with what ends it.
 * @param inject as in strace(1), without `inject=`
 * @param files calls on these only; all if empty
 * @throws Error if strace can not attach
 */
export async function tamper(pid: number, inject: string, files: readonly string[] = []): Promise<() => Promise<void>> {
  const filter = files.flatMap((file) => ['-P', file]);
  const calls = inject.slice(0, inject.indexOf(':'));
  const argv = ['-f', '-qq', '-o', '/dev/null', '-p', String(pid), ...filter, '-e', `trace=${calls}`];
  const child = spawn(getPeer('strace'), [...argv, '-e', `inject=${inject}`], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTraced(pid)) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`strace does not attach to ${pid}`);
    await sleep(10);
  }
  return async () => {
    child.kill('SIGINT');
    await ended;
  };
}

/** True if every thread of a process is traced. */
function isTraced(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return !/^TracerPid:\s*0$/m.test(status);
  });
}
