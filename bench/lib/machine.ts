/** Facts about the machine, without which a figure means nothing. */

import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { median, quantile } from './search.js';

/** The facts. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  /** Microseconds of an append of 4 KiB and its flush, where the lease files are. */
  readonly flushMedianUs: number;
  readonly flushP99Us: number;
  /** Runnable processes over the last minute, at the start: a quiet machine is near 0. */
  readonly loadAverage: number;
}

/** Gathers the facts; `folder` is where the lease files will be. */
export function machineFacts(folder: string): MachineFacts {
  const flushes = measureFlushes(folder);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    fileSystem: fileSystemOf(folder),
    flushMedianUs: Math.round(median(flushes)),
    flushP99Us: Math.round(quantile(flushes, 0.99)),
    loadAverage: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}

function measureFlushes(folder: string): number[] {
  const path = join(folder, 'flush-probe');
  const file = openSync(path, 'w');
  const block = Buffer.alloc(4096, 'x');
  const times: number[] = [];
  for (let i = 0; i < 300; i++) {
    const began = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    times.push((performance.now() - began) * 1000);
  }
  closeSync(file);
  rmSync(path);
  return times;
}

/** The type of the file system a folder is on: of the mount points above it, the longest. */
function fileSystemOf(folder: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point !== undefined && `${folder}/`.startsWith(point === '/' ? '/' : `${point}/`));
  const nearest = mounts.sort((a, b) => b[1]!.length - a[1]!.length)[0];
  return nearest === undefined ? 'unknown' : `${nearest[2]} on ${nearest[0]}`;
}
