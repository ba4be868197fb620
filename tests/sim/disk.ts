/** The lease store and the pair's file of one simulated server: what was committed survives a crash, nothing else does. */

import type { Lease } from 'lessor/internal/domain/lease.js';
import type { Ipv4, Octets, SubnetId } from 'lessor/internal/domain/values.js';
import { StoreError } from 'lessor/internal/errors.js';
import type { PairFile, PairFileStore } from 'lessor/internal/services/pair/memory.js';
import type { LeaseStore, StoreHealth } from 'lessor/internal/services/ports.js';

/** What a server's disk holds. */
export class SimDisk {
  leases = new Map<Ipv4, Lease>();
  pairFile: PairFile | undefined;
  /** Writes fail (full, or an I/O error). */
  failing = false;
  /** Called after each durable step; may end the process by throwing {@link Crash}. */
  onStep: (step: string) => void = () => undefined;
}

/** The process ended in the middle of an operation. */
export class Crash extends Error {}

/** The pair's file on that disk. */
export class SimPairFileStore implements PairFileStore {
  constructor(private readonly disk: SimDisk) {}
  load(): PairFile | undefined {
    return this.disk.pairFile;
  }
  save(file: PairFile): void {
    if (this.disk.failing) throw new StoreError('store-unavailable', 'simulated: the disk is full');
    this.disk.onStep('before pair file');
    this.disk.pairFile = structuredClone(file);
    this.disk.onStep('after pair file');
  }
}

/** Leases in a map, durable by commit. */
export class SimLeaseStore implements LeaseStore {
  readonly #disk: SimDisk;
  readonly #leases: Map<Ipv4, Lease>;
  #staged: [Ipv4, Lease | undefined][] = [];
  constructor(disk: SimDisk) {
    this.#disk = disk;
    this.#leases = new Map(disk.leases);
  }
  get size(): number {
    return this.#leases.size;
  }
  get health(): StoreHealth {
    return this.#disk.failing ? { ok: false, since: 0, reason: 'simulated' } : { ok: true };
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
    return this.listByHwAddress(hwAddress).find((lease) => accept(lease.subnetId));
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
  commit(): void {
    if (this.#disk.failing) {
      this.rollback();
      throw new StoreError('store-unavailable', 'simulated: the disk is full');
    }
    this.#disk.onStep('before commit');
    for (const [address] of this.#staged) {
      const lease = this.#leases.get(address);
      // A row of lifetime 0 is a removal to whoever reads the file (store/lease-loader.ts).
      if (lease === undefined || lease.validLifetimeSec === 0) this.#disk.leases.delete(address);
      else this.#disk.leases.set(address, lease);
    }
    this.#staged = [];
    this.#disk.onStep('after commit');
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
