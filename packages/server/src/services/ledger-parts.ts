/**
 * The ledger of a hub, in parts: each relation sees the leases of its own subnets, is told of changes of those, gives them
 * their versions, and can change no others, whatever its partner sends.
 */

import type { RelationIndex } from '../domain/ha/relations.js';
import type { Lease } from '../domain/lease.js';
import { formatIpv4, type Ipv4, type SubnetId } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { LeaseObserver, LeaseStamp, LeaseTransaction, LedgerPart } from './ledger.js';
import type { LeaseReader } from './ports.js';

/** Where an address and a subnet belong now. */
export interface Belonging {
  ofAddress(address: Ipv4): RelationIndex | undefined;
  ofSubnet(id: SubnetId): RelationIndex | undefined;
}

/** See the head of this file. Construct it before anything else stamps the ledger. */
export class LedgerParts {
  readonly #stamps = new Map<RelationIndex, LeaseStamp>();
  readonly #observers = new Map<RelationIndex, LeaseObserver[]>();

  constructor(
    private readonly ledger: LedgerPart,
    private readonly belonging: () => Belonging,
  ) {
    ledger.useStamp({
      put: (lease, before) => this.#stampOf(lease.address)?.put(lease, before) ?? lease,
      remove: (before) => this.#stampOf(before.address)?.remove(before),
      committed: () => {
        for (const stamp of this.#stamps.values()) stamp.committed();
      },
      undone: (addresses) => {
        for (const [relation, stamp] of this.#stamps) {
          stamp.undone(addresses.filter((address) => this.belonging().ofAddress(address) === relation));
        }
      },
    });
  }

  /** The part of a relation. */
  of(relation: RelationIndex): LedgerPart {
    const { ledger } = this;
    const isMine = (address: Ipv4): boolean => this.belonging().ofAddress(address) === relation;
    const isMySubnet = (id: SubnetId): boolean => this.belonging().ofSubnet(id) === relation;
    const only =
      (observer: LeaseObserver): LeaseObserver =>
      (address, before, after) => {
        if (isMine(address)) observer(address, before, after);
      };
    const observers: LeaseObserver[] = [];
    this.#observers.set(relation, observers);
    return {
      leases: readerOf(ledger.leases, isMine, isMySubnet),
      get health() {
        return ledger.health;
      },
      observe(observer) {
        observers.push(observer);
        ledger.observe(only(observer));
      },
      observeDurable: (observer) => ledger.observeDurable(only(observer)),
      useStamp: (stamp) => void this.#stamps.set(relation, stamp),
      transact: (work) => ledger.transact((tx) => work(transactionOf(tx, isMine, isMySubnet))),
    };
  }

  /**
   * Other addresses belong to the relations from now on: each is told of the leases it has lost and got, as of changes.
   * `before` is what held until now.
   */
  moved(before: Belonging): void {
    const now = this.belonging();
    for (const lease of this.ledger.leases.all()) {
      const [from, to] = [before.ofAddress(lease.address), now.ofAddress(lease.address)];
      if (from === to) continue;
      for (const observer of observersOf(this.#observers, from)) observer(lease.address, lease, undefined);
      for (const observer of observersOf(this.#observers, to)) observer(lease.address, undefined, lease);
    }
  }

  #stampOf(address: Ipv4): LeaseStamp | undefined {
    const relation = this.belonging().ofAddress(address);
    return relation === undefined ? undefined : this.#stamps.get(relation);
  }
}

function observersOf(
  all: ReadonlyMap<RelationIndex, readonly LeaseObserver[]>,
  relation: RelationIndex | undefined,
): readonly LeaseObserver[] {
  return relation === undefined ? [] : (all.get(relation) ?? []);
}

function readerOf(
  all: LeaseReader,
  isMine: (address: Ipv4) => boolean,
  isMySubnet: (id: SubnetId) => boolean,
): LeaseReader {
  const own = (leases: Lease[]): Lease[] => leases.filter(({ address }) => isMine(address));
  return {
    getByAddress: (address) => (isMine(address) ? all.getByAddress(address) : undefined),
    findByClientId: (id, accept) => all.findByClientId(id, (subnet) => isMySubnet(subnet) && accept(subnet)),
    findByHwAddress: (hw, accept) => all.findByHwAddress(hw, (subnet) => isMySubnet(subnet) && accept(subnet)),
    listByClientId: (id) => own(all.listByClientId(id)),
    listByHwAddress: (hw) => own(all.listByHwAddress(hw)),
    listByHostname: (name) => own(all.listByHostname(name)),
    page(after, limit) {
      const found: Lease[] = [];
      for (let from = after; ; ) {
        const page = all.page(from, limit);
        for (const lease of page) {
          if (isMine(lease.address)) found.push(lease);
          if (found.length === limit) return found;
        }
        if (page.length < limit) return found;
        from = page.at(-1)!.address;
      }
    },
    walk: (after, show) => all.walk(after, (lease) => (isMine(lease.address) ? show(lease) : true)),
    *all() {
      for (const lease of all.all()) if (isMine(lease.address)) yield lease;
    },
    get size() {
      let count = 0;
      for (const { address } of all.all()) if (isMine(address)) count++;
      return count;
    },
  };
}

function transactionOf(
  tx: LeaseTransaction,
  isMine: (address: Ipv4) => boolean,
  isMySubnet: (id: SubnetId) => boolean,
): LeaseTransaction {
  const mustBeMine = (address: Ipv4): void => {
    if (isMine(address)) return;
    throw new CommandError('command-denied', `${formatIpv4(address)} belongs to no subnet of this relation`);
  };
  const reader = readerOf(tx, isMine, isMySubnet);
  return {
    ...reader,
    get size() {
      return reader.size;
    },
    put(lease) {
      mustBeMine(lease.address);
      tx.put(lease);
    },
    delete(address) {
      mustBeMine(address);
      tx.delete(address);
    },
    afterwards: (run) => tx.afterwards(run),
  };
}
