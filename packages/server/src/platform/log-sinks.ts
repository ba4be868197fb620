/**
 * Where log lines go: a console stream, a file with rotation, syslog. Writing never stalls the packet path: lines are
 * queued in memory up to a bound and written by the thread pool, one write in flight per sink. What does not fit is
 * dropped and counted, and the next line that fits says how many were lost.
 */

import { closeSync, existsSync, fstatSync, renameSync, rmSync, write, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Severity } from '../services/ports.js';
import { libc } from './libc.js';
import { openOwn } from './own-files.js';
import { makeDirectory } from './paths.js';

/** Lines kept while the destination is slow: 8 MiB of text, about a minute of a busy server at INFO. */
const QUEUE_BOUND = 8 * 1024 * 1024;
/** Pause before a destination that said "not now" is tried again. */
const RETRY_MS = 50;
/** With `flush: false` lines may wait this long to be written together. */
const UNFLUSHED_MS = 500;
/** Kea: a maxsize below this means no rotation. */
const MIN_ROTATION_OCTETS = 204_800;

/** A destination of laid-out lines. */
export interface LogSink {
  write(line: string, severity: Severity): void;
  /** Writes what is queued before it returns: for the last moments of a crashing process. */
  flushSync(): void;
  /** Resolves when all that was queued has been written (or the destination refused it). */
  drained(): Promise<void>;
  /** Drains, then closes. */
  close(): Promise<void>;
}

/** The part all destinations share: a bounded queue and one asynchronous write in flight. */
abstract class QueuedSink<Entry> implements LogSink {
  #queue: Entry[] = [];
  #queuedOctets = 0;
  #dropped = 0;
  #writing = false;
  #timer: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];

  constructor(private readonly delayMs: number) {}

  /** One queue entry of a line. */
  protected abstract entry(line: string, severity: Severity): Entry;
  /** Writes the entries, then calls `done`. Never called while a write is in flight. */
  protected abstract deliver(entries: readonly Entry[], done: () => void): void;
  /** Writes the entries at once. Must not throw, nor close what a write in flight may be using. */
  protected abstract deliverSync(entries: readonly Entry[]): void;
  /** Closes what was opened; nothing is in flight any more. */
  protected release(): void {}

  write(line: string, severity: Severity): void {
    if (this.#queuedOctets + line.length > QUEUE_BOUND) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const lost = `LOG_LINES_DROPPED ${this.#dropped} log lines were lost: the destination is too slow\n`;
      this.#dropped = 0;
      this.#queue.push(this.entry(lost, 'WARN'));
    }
    this.#queue.push(this.entry(line, severity));
    this.#queuedOctets += line.length;
    if (!this.#writing) this.#schedule(this.delayMs);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#start(), delayMs).unref();
  }

  #takeQueue(): Entry[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#queue;
    this.#queue = [];
    this.#queuedOctets = 0;
    return entries;
  }

  #start(): void {
    if (this.#writing) return;
    const entries = this.#takeQueue();
    if (entries.length === 0) {
      for (const resolve of this.#waiters.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    this.deliver(entries, () => {
      this.#writing = false;
      if (this.#waiters.length > 0) this.#start();
      else if (this.#queue.length > 0) this.#schedule(this.delayMs);
    });
  }

  flushSync(): void {
    const entries = this.#takeQueue();
    if (entries.length > 0) this.deliverSync(entries);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#start();
    });
  }

  async close(): Promise<void> {
    await this.drained();
    this.release();
  }
}

/** A sink over a file descriptor. */
class DescriptorSink extends QueuedSink<string> {
  constructor(
    protected fd: number,
    delayMs: number,
  ) {
    super(delayMs);
  }

  protected entry(line: string): string {
    return line;
  }

  protected deliver(entries: readonly string[], done: () => void): void {
    const octets = Buffer.from(entries.join(''));
    const rest = (from: number): void => {
      write(this.fd, octets, from, octets.length - from, null, (error, written) => {
        // A full pipe (EAGAIN) after a part was written: go on with the rest, else a line would appear twice.
        if (error?.code === 'EAGAIN') setTimeout(() => rest(from), RETRY_MS).unref();
        else if (error !== null || from + written >= octets.length) done();
        else rest(from + written);
      });
    };
    rest(0);
  }

  protected deliverSync(entries: readonly string[]): void {
    const octets = Buffer.from(entries.join(''));
    try {
      for (let from = 0; from < octets.length; ) from += writeSync(this.fd, octets, from);
    } catch {
      // The destination is gone or full; there is nobody left to tell.
    }
  }
}

/** stdout (1) or stderr (2). */
export function createConsoleSink(fd: 1 | 2, flush: boolean): LogSink {
  return new DescriptorSink(fd, flush ? 0 : UNFLUSHED_MS);
}

/** What a file sink is told by the configuration. */
export interface FileSinkOptions {
  readonly path: string;
  /** Rotation when the file would grow beyond; below 204800: never (Kea). */
  readonly maxSizeOctets: number;
  /** How many old files are kept: path.1 is the youngest. */
  readonly maxVersions: number;
  readonly flush: boolean;
}

class FileSink extends DescriptorSink {
  #octets: number;

  constructor(private readonly options: FileSinkOptions) {
    super(openLog(options.path), options.flush ? 0 : UNFLUSHED_MS);
    this.#octets = fstatSync(this.fd).size;
  }

  protected override deliver(entries: readonly string[], done: () => void): void {
    this.#makeRoom(entries);
    super.deliver(entries, done);
  }

  /** Rotates before a write that would make the file too large, as log4cplus does after one. */
  #makeRoom(entries: readonly string[]): void {
    const { maxSizeOctets, path, maxVersions } = this.options;
    const octets = entries.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    if (maxSizeOctets >= MIN_ROTATION_OCTETS && this.#octets > 0 && this.#octets + octets > maxSizeOctets) {
      try {
        rotate(path, maxVersions);
        const fresh = openLog(path);
        closeSync(this.fd);
        this.fd = fresh;
        this.#octets = 0;
      } catch {
        // Full disk or no rights any more: go on with the file that is open.
      }
    }
    this.#octets += octets;
  }

  protected override release(): void {
    closeSync(this.fd);
  }
}

/** 0640: leases and names are nobody's business (Kea's daemons have umask 0027). */
function openLog(path: string): number {
  makeDirectory(dirname(path), 0o750);
  return openOwn(path, 'append', 0o640);
}

/** path.1 -> path.2 and so on, path -> path.1; what exceeds `versions` goes. */
function rotate(path: string, versions: number): void {
  if (versions < 1) {
    rmSync(path, { force: true });
    return;
  }
  rmSync(`${path}.${versions}`, { force: true });
  for (let version = versions - 1; version >= 1; version--) {
    if (existsSync(`${path}.${version}`)) renameSync(`${path}.${version}`, `${path}.${version + 1}`);
  }
  renameSync(path, `${path}.1`);
}

/** Opens the log file for appending, its directory made if needed. @throws Error of the file system. */
export function createFileSink(options: FileSinkOptions): LogSink {
  return new FileSink(options);
}

/** syslog(3) facilities by Kea's (log4cplus's) words. */
const FACILITIES: Readonly<Record<string, number>> = {
  KERN: 0,
  USER: 1,
  MAIL: 2,
  DAEMON: 3,
  AUTH: 4,
  SYSLOG: 5,
  LPR: 6,
  NEWS: 7,
  UUCP: 8,
  CRON: 9,
  AUTHPRIV: 10,
  FTP: 11,
  LOCAL0: 16,
  LOCAL1: 17,
  LOCAL2: 18,
  LOCAL3: 19,
  LOCAL4: 20,
  LOCAL5: 21,
  LOCAL6: 22,
  LOCAL7: 23,
};

/** syslog(3) severities, as log4cplus maps them. */
const SYSLOG_SEVERITY: Readonly<Record<Severity, number>> = { FATAL: 2, ERROR: 3, WARN: 4, INFO: 6, DEBUG: 7 };

const LOG_PID = 1;

/** openlog keeps the pointer it is given, so the name must live as long as the process. */
let syslogName: Buffer | undefined;

class SyslogSink extends QueuedSink<{ readonly priority: number; readonly format: string }> {
  readonly #facility: number;
  readonly #syslog = libc().func('void syslog(int priority, const char *format)');

  constructor(facility: number, program: string) {
    super(0);
    this.#facility = facility;
    if (syslogName === undefined) {
      syslogName = Buffer.from(`${program}\0`);
      libc().func('void openlog(const void *ident, int option, int facility)')(syslogName, LOG_PID, facility << 3);
    }
  }

  protected entry(line: string, severity: Severity): { priority: number; format: string } {
    // The line is the format, with no arguments: a percent sign must be doubled, a NUL would end it.
    const format = line.replace(/\n$/, '').replaceAll('\0', ' ').replaceAll('%', '%%');
    return { priority: (this.#facility << 3) | SYSLOG_SEVERITY[severity], format };
  }

  protected deliver(entries: readonly { priority: number; format: string }[], done: () => void): void {
    const next = (index: number): void => {
      const entry = entries[index];
      if (entry === undefined) done();
      else this.#syslog.async(entry.priority, entry.format, () => next(index + 1));
    };
    next(0);
  }

  protected deliverSync(entries: readonly { priority: number; format: string }[]): void {
    for (const { priority, format } of entries) this.#syslog(priority, format);
  }
}

/** A sink to the system's logger. `facility` is a word like LOCAL0 in any case; an unknown one is taken for LOCAL0. */
export function createSyslogSink(facility: string, program: string): LogSink {
  return new SyslogSink(FACILITIES[facility.toUpperCase()] ?? FACILITIES.LOCAL0!, program);
}
