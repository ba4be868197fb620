/** The audit file on disk: append-only, mode 0640, rotated by size; its head in `<file>.head`. */

import { closeSync, existsSync, fsyncSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { type AuditHead, chainLine, EMPTY_HEAD, hashLine, verifyChain } from '../domain/access/audit-chain.js';
import type { AuditFileConfig } from '../domain/access/policy.js';
import type { Cancel, Clock, Logger } from '../services/ports.js';
import { openFresh, openOwn } from './own-files.js';

/** The head is written at most so often: what is cut off of the last moment before a crash is not noticed. */
const HEAD_DELAY_MS = 1000;

/** Writes the chain. Records never throw: what can not be written is logged, at every attempt. */
export class AuditFile {
  private fd: number;
  private octets: number;
  private head: AuditHead;
  private cancelHead: Cancel | undefined;

  /** Opens the file and goes on with its chain. @throws the file system's Error */
  constructor(
    private readonly config: AuditFileConfig,
    private readonly deps: { readonly clock: Pick<Clock, 'after'>; readonly logger: Logger },
  ) {
    const { path } = config;
    const known = readHead(path);
    const lines = existsSync(path) ? linesOf(path) : [];
    const faults = verifyChain(linesOfAll(path), [known]);
    for (const { seq, text } of faults.slice(0, 3)) {
      deps.logger.log('ERROR', 'LESSOR_AUDIT_BROKEN', `${path}: record ${seq} ${text}`);
    }
    this.head = continued(lines.at(-1), known);
    this.fd = openOwn(path, 'append', 0o640);
    this.octets = statSync(path).size;
    this.writeHead();
  }

  /** Appends a record; it is with the system before the answer to its command leaves. */
  record(record: object): void {
    try {
      const { line, head } = chainLine(record, this.head);
      this.octets += writeSync(this.fd, `${line}\n`);
      this.head = head;
      if (this.octets >= this.config.maxSizeOctets) this.rotate();
      this.cancelHead ??= this.deps.clock.after(HEAD_DELAY_MS, () => this.saveHead());
    } catch (error) {
      this.deps.logger.log('ERROR', 'LESSOR_AUDIT_FAILED', `${this.config.path}: ${(error as Error).message}`);
    }
  }

  /** Writes what is left to write and closes the file. */
  close(): void {
    this.cancelHead?.();
    this.saveHead();
    closeSync(this.fd);
  }

  private saveHead(): void {
    this.cancelHead = undefined;
    try {
      fsyncSync(this.fd);
      this.writeHead();
    } catch (error) {
      this.deps.logger.log('ERROR', 'LESSOR_AUDIT_FAILED', `${this.config.path}.head: ${(error as Error).message}`);
    }
  }

  private rotate(): void {
    const { path, maxVersions } = this.config;
    fsyncSync(this.fd);
    closeSync(this.fd);
    const oldest = `${path}.${maxVersions}`;
    const gone = existsSync(oldest) ? linesOf(oldest).length : 0;
    rmSync(oldest, { force: true });
    for (let version = maxVersions - 1; version >= 1; version--) {
      if (existsSync(`${path}.${version}`)) renameSync(`${path}.${version}`, `${path}.${version + 1}`);
    }
    renameSync(path, `${path}.1`);
    this.fd = openOwn(path, 'append', 0o640);
    this.octets = 0;
    this.head = { ...this.head, first: this.head.first + gone };
    this.writeHead();
  }

  private writeHead(): void {
    const { path } = this.config;
    const fd = openFresh(`${path}.head.tmp`, 0o640);
    try {
      writeSync(fd, `${JSON.stringify(this.head)}\n`);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.head.tmp`, `${path}.head`);
  }
}

/** The head beside a file; the empty one if there is none. @throws Error if it can not be read */
export function readHead(path: string): AuditHead {
  return existsSync(`${path}.head`) ? (JSON.parse(readFileSync(`${path}.head`, 'utf8')) as AuditHead) : EMPTY_HEAD;
}

/** The lines of a file and of the full ones before it, the oldest first. */
export function linesOfAll(path: string): string[] {
  const versions: string[] = [];
  for (let version = 1; existsSync(`${path}.${version}`); version++) versions.unshift(`${path}.${version}`);
  return [...versions, ...(existsSync(path) ? [path] : [])].flatMap(linesOf);
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** Where the chain goes on: behind its last line, which may be later than the head that was saved. */
function continued(last: string | undefined, known: AuditHead): AuditHead {
  if (last === undefined) return known;
  try {
    const { seq } = JSON.parse(last) as { seq: number };
    return typeof seq === 'number' && seq >= known.seq ? { seq, hash: hashLine(last), first: known.first } : known;
  } catch {
    return known;
  }
}
