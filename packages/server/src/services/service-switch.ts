/**
 * Whether DHCP clients are served. Several parties can switch the service off, each on its own; it is on when none
 * holds it off any more (Kea: src/lib/dhcpsrv/network_state.cc).
 */

import type { Cancel, Clock } from './ports.js';

/** Kea's numbers of who holds the service off. */
export const ServiceOrigin = {
  /** An operator. */
  user: 1,
  /** HA of this server: 1000 + number of the relation, below 2000. */
  haLocal: 1000,
  /** The HA partner: 2000 + number of the relation, below 3000. */
  haRemote: 2000,
  /** A lost lease database, from 3000 on. */
  store: 3000,
} as const;

/** Who holds the service off, as status-get shows it. Other origins count too but are not listed. */
export interface ServiceState {
  readonly disabled: boolean;
  readonly byUser: boolean;
  readonly byHaLocal: readonly number[];
  readonly byHaRemote: readonly number[];
  readonly byStore: readonly number[];
}

/** The switch. */
export class ServiceSwitch {
  private readonly holders = new Map<number, Cancel | undefined>();

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** True while clients are to be served: on the packet path, so only one comparison. */
  get enabled(): boolean {
    return this.holders.size === 0;
  }

  /** Holds the service off; with `maxPeriodSec` at most so long. Saying it again replaces the period. */
  disable(origin: number, maxPeriodSec?: number): void {
    const running = this.holders.get(origin);
    if (maxPeriodSec === undefined) {
      // A period that runs goes on, as in Kea: only a new one or dhcp-enable ends it.
      this.holders.set(origin, running);
      return;
    }
    running?.();
    this.holders.set(
      origin,
      this.clock.after(maxPeriodSec * 1000, () => this.enable(origin)),
    );
  }

  /** Lets go what this origin held. */
  enable(origin: number): void {
    this.holders.get(origin)?.();
    this.holders.delete(origin);
  }

  get state(): ServiceState {
    const origins = [...this.holders.keys()].sort((a, b) => a - b);
    const between = (from: number, to: number) => origins.filter((origin) => origin >= from && origin < to);
    return {
      disabled: !this.enabled,
      byUser: this.holders.has(ServiceOrigin.user),
      byHaLocal: between(ServiceOrigin.haLocal, ServiceOrigin.haRemote),
      byHaRemote: between(ServiceOrigin.haRemote, ServiceOrigin.store),
      byStore: between(ServiceOrigin.store, Number.POSITIVE_INFINITY),
    };
  }
}
