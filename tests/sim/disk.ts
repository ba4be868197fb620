/**
 * The disk of one simulated server: lease rows and the file of each pair it is in. What was flushed survives the process; of a
 * commit that was under way a part of the rows may, as a torn write leaves them.
 */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { type ShowLease, showLeases } from 'lessor/internal/domain/lease-view.js';
import type { Ipv4, Octets, SubnetId } from 'lessor/internal/domain/values.js';
import { StoreError } from 'lessor/internal/errors.js';
import type { PairFile, PairFileStore } from 'lessor/internal/services/pair/memory.js';
import type { LeaseStore, StoreHealth } from 'lessor/internal/services/ports.js';

/** What a server's disk holds. */
export class SimDisk {
  /** Undefined: there is no lease file. */
  leases: Map<Ipv4, Lease> | undefined;
  /** By relation. */
  readonly pairFiles: (PairFile | undefined)[] = [];
  /** Writes fail (full, or an I/O error). */
  failing = false;
  /** Milliseconds of a flush. */
  flushMs = 0;
  /** Rows reach the disk so much later than is said of them. */
  lateMs = 0;
  /** By relation: one more each time something of it was lost. */
  readonly lives: number[] = [0, 0];
  /** One more each time anything was lost. */
  get life(): number {
    return this.lives.reduce((sum, life) => sum + life, 0);
  }
}

/** The process ended in the middle of an operation. */
export class Crash extends Error {}

/** What a process does to its disk. */
export interface DiskUser {
  readonly disk: SimDisk;
  /** Ends the process here if that is planned, or if it has ended already. @throws Crash */
  step(step: string): void;
  after(delayMs: number, run: () => void): void;
  /** How many of some rows a torn write leaves. */
  torn(rows: number): number;
}

/** The file of a pair on that disk: replaced as a whole or not at all. */
export class SimPairFileStore implements PairFileStore {
  constructor(
    private readonly user: DiskUser,
    private readonly relation: RelationIndex = 0,
  ) {}
  load(): PairFile | undefined {
    return this.user.disk.pairFiles[this.relation];
  }
  save(file: PairFile): void {
    const { user } = this;
    user.step('before pair file');
    if (user.disk.failing) throw new StoreError('store-unavailable', 'simulated: the disk is full');
    user.disk.pairFiles[this.relation] = structuredClone(file);
    user.step('after pair file');
  }
}

/** Leases in a map, durable by commit. */
export class SimLeaseStore implements LeaseStore {
  readonly #user: DiskUser;
  readonly #leases: Map<Ipv4, Lease>;
  #staged: [Ipv4, Lease | undefined][] = [];

  constructor(user: DiskUser) {
    this.#user = user;
    user.disk.leases ??= new Map();
    this.#leases = new Map(user.disk.leases);
  }
  get size(): number {
    return this.#leases.size;
  }
  get health(): StoreHealth {
    return this.#user.disk.failing ? { ok: false, since: 0, reason: 'simulated' } : { ok: true };
  }
  async open(): Promise<void> {}
  async cleanup(): Promise<void> {}
  async close(): Promise<void> {}
  getByAddress(address: Ipv4): Lease | undefined {
    return this.#leases.get(address);
  }
  findByClientId(clientId: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    return this.listByClientId(clientId).find((lease) => accept(lease.subnetId));
  }
  findByHwAddress(hwAddress: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    for (const lease of this.#leases.values()) {
      if (lease.hwAddress === hwAddress && accept(lease.subnetId)) return lease;
    }
    return undefined;
  }
  listByClientId(clientId: Octets): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.clientId === clientId);
  }
  listByHwAddress(hwAddress: Octets): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.hwAddress === hwAddress);
  }
  listByHostname(): Lease[] {
    return [];
  }
  page(after: Ipv4 | undefined, limit: number): Lease[] {
    return [...this.#leases.values()]
      .filter((lease) => after === undefined || lease.address > after)
      .sort((a, b) => a.address - b.address)
      .slice(0, limit);
  }
  walk(after: Ipv4 | undefined, show: ShowLease): void {
    showLeases(this.page(after, Number.POSITIVE_INFINITY), show);
  }
  all(): Iterable<Lease> {
    return this.#leases.values();
  }
  put(lease: Lease): void {
    this.#staged.push([lease.address, this.#leases.get(lease.address)]);
    this.#leases.set(lease.address, lease);
  }
  delete(address: Ipv4): void {
    this.#staged.push([address, this.#leases.get(address)]);
    this.#leases.delete(address);
  }
  commit(): Promise<void> | void {
    const { disk } = this.#user;
    this.#user.step('before commit');
    const rows = this.#staged.map(([address]) => [address, this.#leases.get(address)] as const);
    if (disk.flushMs === 0) return this.#finish(rows);
    return new Promise((resolve, reject) => {
      this.#user.after(disk.flushMs, () => {
        try {
          this.#finish(rows);
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }
  #finish(rows: readonly (readonly [Ipv4, Lease | undefined])[]): void {
    const { disk } = this.#user;
    if (disk.failing) {
      this.rollback();
      throw new StoreError('store-unavailable', 'simulated: the disk is full');
    }
    const { life } = disk;
    try {
      this.#user.step('in commit');
    } catch (error) {
      // Unless the disk went with the process.
      if (disk.life === life) write(disk, rows.slice(0, this.#user.torn(rows.length)));
      throw error;
    }
    if (disk.lateMs === 0) write(disk, rows);
    else this.#user.after(disk.lateMs, () => write(disk, rows));
    this.#staged = [];
    this.#user.step('after commit');
  }
  rollback(): void {
    for (let i = this.#staged.length - 1; i >= 0; i--) {
      const [address, before] = this.#staged[i]!;
      if (before === undefined) this.#leases.delete(address);
      else this.#leases.set(address, before);
    }
    this.#staged = [];
  }
}

function write(disk: SimDisk, rows: readonly (readonly [Ipv4, Lease | undefined])[]): void {
  disk.leases ??= new Map();
  for (const [address, lease] of rows) {
    // A row of lifetime 0 is a removal to whoever reads the file (store/lease-loader.ts).
    if (lease === undefined || lease.validLifetimeSec === 0) disk.leases.delete(address);
    else disk.leases.set(address, lease);
  }
}
