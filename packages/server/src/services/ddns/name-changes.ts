/**
 * Names in the DNS follow leases: what packets, expiry and commands do to a lease becomes requests to the DNS update
 * server once the change is on stable storage. What a partner of a pair did is not looked at: it sends its own.
 */

import type { DdnsBehaviour } from '../../domain/ddns/behaviour.js';
import { asksForNames, isNamed, type NameChange, nameChanges, requestFor } from '../../domain/ddns/name-change.js';
import type { Decision } from '../../domain/dhcp4/decision.js';
import type { Lease } from '../../domain/lease.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { type EpochSec, formatIpv4 } from '../../domain/values.js';
import type { LeaseTransaction } from '../ledger.js';
import type { Logger } from '../ports.js';
import type { NcrQueue } from './ncr-queue.js';

/** Where nothing is known of the lease's subnet any more, or nothing is granted yet: names only go. */
const UNKNOWN = { sendUpdates: false, updateOnRenew: false } as const;

/** See the head of this file. */
export class NameChanges {
  readonly #queue: NcrQueue;
  readonly #logger: Logger;
  #config: () => Pick<ConfigSnapshot, 'subnetById'>;

  /** @param logger kea-dhcp4.ddns */
  constructor(queue: NcrQueue, logger: Logger, config: () => Pick<ConfigSnapshot, 'subnetById'>) {
    this.#queue = queue;
    this.#logger = logger;
    this.#config = config;
  }

  /** True if requests are sent (dhcp-ddns.enable-updates). */
  get enabled(): boolean {
    return this.#queue.enabled;
  }

  /** Requests that wait to be sent. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Takes the configuration in force from there. */
  follow(config: () => Pick<ConfigSnapshot, 'subnetById'>): void {
    this.#config = config;
  }

  /** Notes what a decision means to the DNS. To be called before its changes are staged. */
  decided(decision: Decision, tx: LeaseTransaction, nowSec: EpochSec): void {
    if (!this.enabled) return;
    const changes = decision.changes.flatMap((change): readonly NameChange[] => {
      if (change.kind === 'delete') return nameChanges(tx.getByAddress(change.address), undefined, UNKNOWN, nowSec);
      // An offer that is stored for a while (offer-lifetime) promises no name yet; that of who had the address goes.
      const behaviour = decision.kind === 'offer' ? UNKNOWN : (this.#behaviourOf(change.lease) ?? UNKNOWN);
      return nameChanges(tx.getByAddress(change.lease.address), change.lease, behaviour, nowSec);
    });
    if (changes.length === 0) return;
    // A client that moves takes its name along: the old entry goes first.
    const inOrder = [...changes.filter(isRemoval), ...changes.filter((change) => !isRemoval(change))];
    tx.afterwards(() => this.#request(inOrder));
  }

  /** Notes that a lease is reclaimed or deleted: its name goes. */
  removed(lease: Lease, tx: LeaseTransaction): void {
    if (this.enabled && isNamed(lease)) tx.afterwards(() => this.#request([{ change: 'remove', lease }]));
  }

  /** Asks for the name of a lease again (lease4-resend-ddns), if it has one. */
  resend(lease: Lease): void {
    if (asksForNames(lease)) this.#request([{ change: 'add', lease }]);
  }

  #request(changes: readonly NameChange[]): void {
    for (const change of changes) {
      const request = requestFor(change, this.#behaviourOf(change.lease));
      if (typeof request !== 'string') this.#queue.push(request);
      else {
        this.#queue.countFailed();
        const which = `${change.change} the name of ${formatIpv4(change.lease.address)}`;
        this.#logger.log('ERROR', 'DHCPSRV_QUEUE_NCR_FAILED', `no request to ${which} can be made: ${request}`);
      }
    }
  }

  /** Of the pool the address is in, else of the subnet. */
  #behaviourOf({ subnetId, address }: Lease): DdnsBehaviour | undefined {
    const subnet = this.#config().subnetById.get(subnetId);
    return subnet?.pools.find((pool) => address >= pool.first && address <= pool.last)?.ddns ?? subnet?.ddns;
  }
}

function isRemoval({ change }: NameChange): boolean {
  return change === 'remove';
}
