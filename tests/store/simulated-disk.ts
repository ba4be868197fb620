/**
 * A disk in memory that knows what is durable and what is not, and fails where it is told to.
 *
 * Content becomes durable by dataSync of the file, names by directorySync: nothing else, as POSIX has it. A failed
 * dataSync loses what it was to write for good although reads still show it (Linux marks the pages clean).
 */

import type { FileOps, OpenMode } from 'lessor/internal/store/file-ops.js';

/** Power is gone: thrown by the operation it happens in and by all later ones. */
export class PowerFailure extends Error {}

interface Inode {
  volatile: Buffer;
  durable: Buffer;
  /** Octets a failed dataSync has given up: [from, to). */
  lost: [number, number][];
}

type NameChange = (names: Map<string, Inode>) => void;

/** What may be left on the disk after a power failure. */
export const REMAINS = [
  'only what was synced',
  'everything',
  'all names, synced content',
  'synced names, all content',
  'the last name change alone, synced content',
  'the last name change alone, all content',
  'synced names, content torn in the middle',
] as const;

/** One of {@link REMAINS}. */
export type Remains = (typeof REMAINS)[number];

/** What goes wrong at a step. */
export type Fault =
  /** An error of the operation, for `times` operations of these names (all if undefined) from the step on. */
  | { readonly kind: 'error'; readonly code: string; readonly times: number; readonly only?: ReadonlySet<string> }
  /** A write that takes only a part, without error. */
  | { readonly kind: 'short' };

/** See the head of this file. */
export class SimulatedDisk implements FileOps {
  /** Operations so far that could change something. */
  steps = 0;
  /** Names of those operations. */
  readonly log: string[] = [];
  /** How long an operation that does not block takes: a turn of the clock, if it is set so. */
  later: () => Promise<void> = () => Promise.resolve();
  fault: { readonly atStep: number; readonly fault: Fault } | undefined;
  /** Step at which the power fails, whatever went wrong before. */
  powerFailsAt = Number.POSITIVE_INFINITY;
  #errorsLeft = -1;
  #dead = false;
  readonly #names: Map<string, Inode>;
  #durableNames: Map<string, Inode>;
  #unsynced: NameChange[] = [];
  readonly #open = new Map<number, Inode>();
  #nextFd = 3;

  constructor(names = new Map<string, Inode>()) {
    this.#names = names;
    this.#durableNames = new Map(names);
  }

  /** The power is gone. */
  get isDead(): boolean {
    return this.#dead;
  }

  /** A new disk with what is left of this one. */
  after(remains: Remains): SimulatedDisk {
    const names = new Map(this.#durableNames);
    if (remains === 'everything' || remains === 'all names, synced content') {
      for (const change of this.#unsynced) change(names);
    } else if (remains.startsWith('the last name')) {
      this.#unsynced.at(-1)?.(names);
    }
    const copies = new Map<string, Inode>();
    for (const [name, inode] of names) copies.set(name, fresh(contentAfter(inode, remains)));
    return new SimulatedDisk(copies);
  }

  /** Puts a file there, durable. */
  place(path: string, content: string): void {
    const inode = fresh(Buffer.from(content, 'latin1'));
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  /** Content of a file as reads see it. */
  content(path: string): string | undefined {
    return this.#names.get(path)?.volatile.toString('latin1');
  }

  /** All names as reads see them, sorted. */
  list(): string[] {
    return [...this.#names.keys()].sort();
  }

  open(path: string, mode: OpenMode): number {
    if (mode === 'create') this.#step('create');
    else this.#alive();
    let inode = this.#names.get(path);
    if (mode === 'create') {
      if (inode === undefined) {
        const created = fresh(Buffer.alloc(0));
        inode = created;
        this.#change((names) => names.set(path, created));
      } else {
        inode.volatile = Buffer.alloc(0);
        inode.lost = [];
      }
    }
    if (inode === undefined) throw systemError('ENOENT');
    this.#open.set(this.#nextFd, inode);
    return this.#nextFd++;
  }

  close(fd: number): void {
    this.#alive();
    this.#inode(fd);
    this.#open.delete(fd);
  }

  length(fd: number): number {
    this.#alive();
    return this.#inode(fd).volatile.length;
  }

  read(fd: number, target: Uint8Array, position: number): number {
    this.#alive();
    return this.#inode(fd).volatile.copy(target, 0, position, position + target.length);
  }

  write(fd: number, octets: Uint8Array, position: number): number {
    const inode = this.#inode(fd);
    const half = octets.subarray(0, Math.ceil(octets.length / 2));
    try {
      if (this.#step('write') === 'short') {
        put(inode, half, position);
        return half.length;
      }
    } catch (error) {
      // What fails on the way has written a part.
      put(inode, half, position);
      throw error;
    }
    put(inode, octets, position);
    return octets.length;
  }

  truncate(fd: number, length: number): void {
    this.#step('truncate');
    const inode = this.#inode(fd);
    inode.volatile = inode.volatile.subarray(0, length);
    inode.lost = inode.lost.filter(([from]) => from < length);
  }

  dataSync(fd: number): void {
    const inode = this.#inode(fd);
    this.#syncStep(inode);
    sync(inode);
  }

  async dataSyncLater(fd: number): Promise<void> {
    const inode = this.#inode(fd);
    this.#syncStep(inode);
    const asOfNow = inode.volatile;
    await this.later();
    this.#alive();
    const now = inode.volatile;
    inode.volatile = asOfNow;
    sync(inode);
    inode.volatile = now;
  }

  lengthOf(path: string): number | undefined {
    this.#alive();
    return this.#names.get(path)?.volatile.length;
  }

  rename(from: string, to: string): void {
    this.#step('rename');
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError('ENOENT');
    this.#change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  remove(path: string): void {
    this.#step('remove');
    this.#change((names) => names.delete(path));
  }

  async removeLater(path: string): Promise<void> {
    this.remove(path);
    await this.later();
    this.#alive();
  }

  copy(from: string, to: string): void {
    this.#step('copy');
    const source = this.#names.get(from);
    if (source === undefined) throw systemError('ENOENT');
    if (this.#names.has(to)) throw systemError('EEXIST');
    const inode = fresh(source.volatile);
    this.#change((names) => names.set(to, inode));
  }

  directorySync(): void {
    this.#step('directorySync');
    this.#durableNames = new Map(this.#names);
    this.#unsynced = [];
  }

  async directorySyncLater(): Promise<void> {
    this.#step('directorySync');
    const names = new Map(this.#names);
    const changes = this.#unsynced.length;
    await this.later();
    this.#alive();
    this.#durableNames = names;
    this.#unsynced.splice(0, changes);
  }

  firstLine(path: string): string | undefined {
    return this.content(path)?.split('\n', 1)[0];
  }

  #alive(): void {
    if (this.#dead) throw new PowerFailure();
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd);
    if (inode === undefined) throw systemError('EBADF');
    return inode;
  }

  #change(change: NameChange): void {
    change(this.#names);
    this.#unsynced.push(change);
  }

  #syncStep(inode: Inode): void {
    try {
      this.#step('dataSync');
    } catch (error) {
      if (!this.#dead) inode.lost.push([inode.durable.length, inode.volatile.length]);
      throw error;
    }
  }

  #step(name: string): 'short' | 'whole' {
    this.#alive();
    this.steps++;
    this.log.push(name);
    if (this.steps >= this.powerFailsAt) {
      this.#dead = true;
      throw new PowerFailure();
    }
    if (this.fault === undefined || this.steps < this.fault.atStep) return 'whole';
    const { atStep, fault } = this.fault;
    if (fault.kind === 'short') return this.steps === atStep && name === 'write' ? 'short' : 'whole';
    if (this.#errorsLeft < 0) this.#errorsLeft = fault.times;
    if (this.#errorsLeft === 0 || (fault.only !== undefined && !fault.only.has(name))) return 'whole';
    this.#errorsLeft--;
    throw systemError(fault.code);
  }
}

function fresh(content: Buffer): Inode {
  return { volatile: content, durable: content, lost: [] };
}

function put(inode: Inode, octets: Uint8Array, position: number): void {
  const content = Buffer.alloc(Math.max(inode.volatile.length, position + octets.length));
  inode.volatile.copy(content);
  content.set(octets, position);
  inode.volatile = content;
  // Pages written again are dirty again.
  inode.lost = inode.lost.filter(([from, to]) => to <= position || from >= position + octets.length);
}

function sync(inode: Inode): void {
  inode.durable = Buffer.from(inode.volatile);
  for (const [from, to] of inode.lost) inode.durable.fill(0, from, to);
}

function contentAfter(inode: Inode, remains: Remains): Buffer {
  switch (remains) {
    case 'everything':
    case 'synced names, all content':
    case 'the last name change alone, all content':
      return inode.volatile;
    case 'synced names, content torn in the middle': {
      const common = Math.min(inode.durable.length, inode.volatile.length);
      return inode.volatile.subarray(0, Math.ceil((common + inode.volatile.length) / 2));
    }
    default:
      return inode.durable;
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
