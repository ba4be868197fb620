/**
 * The process that runs programs for a server (script-runner.ts starts it). To begin a process a copy of the caller is made,
 * which takes the longer the more memory that has: of a server with a gigabyte of leases a tenth of a second, in which no
 * client is answered. This process is small and has all the time there is.
 *
 * What it starts has the user of the server and no capability beyond what that user has anyway.
 */

import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { ProgramCall, ProgramEnd } from '../services/ports.js';
import { libc } from './libc.js';
import type { HostOrder, HostReport } from './script-host-messages.js';

const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

const running = new Set<ReturnType<typeof spawn>>();

// The server says when it is over; a terminal or a service manager may tell everybody at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
giveUpCapabilities();
yieldToTheServer();

process.on('message', (order: HostOrder) => {
  if (order === 'end') {
    for (const child of running) child.kill('SIGTERM');
    process.disconnect();
    return;
  }
  run(order, (end) => {
    const report: HostReport = { id: order.id, end };
    if (process.connected) process.send?.(report);
  });
});

function run({ file, args, environment }: ProgramCall, done: (end: ProgramEnd) => void): void {
  try {
    const child = spawn(file, args, { env: { ...environment }, stdio: ['ignore', 'inherit', 'inherit'] });
    running.add(child);
    child.once('error', ({ message }) => {
      running.delete(child);
      done({ kind: 'failed', reason: message });
    });
    child.once('exit', (status, signal) => {
      running.delete(child);
      done(signal === null ? { kind: 'exited', status: status ?? 0 } : { kind: 'killed', signal });
    });
  } catch (error) {
    done({ kind: 'failed', reason: (error as Error).message });
  }
}

/** Under systemd the server has what DHCP needs as ambient capabilities, which whatever it starts would inherit. */
function giveUpCapabilities(): void {
  if (process.platform !== 'linux') return;
  const prctl = libc().func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)') as (
    ...numbers: number[]
  ) => number;
  // A kernel without them (before 4.3) has none to give up.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/** Scripts must not take the processor from DHCP. */
function yieldToTheServer(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed here (a filter of system calls): they compete.
  }
}
