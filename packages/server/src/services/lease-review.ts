/**
 * What becomes of stored leases that do not fit the configuration (Kea: sanity-checks, lease-checks): their subnet-id is
 * unknown, or its subnet does not have their address. Leases are looked at once, when the lease file is loaded.
 */

import type { Lease } from '../domain/lease.js';
import type { ConfigSnapshot, Subnet } from '../domain/snapshot.js';
import { formatIpv4, type Ipv4 } from '../domain/values.js';
import type { Logger } from './ports.js';

/** Leases named in the log one by one; of a file of another network a number says enough. */
const NAMED_LEASES = 20;

/** What is done to a lease that does not fit, by the words of lease-checks. */
interface Treatment {
  /** Gives it the subnet that has its address. */
  readonly fix: boolean;
  /** Drops it where that is not done. */
  readonly drop: boolean;
}

const TREATMENTS: Readonly<Record<Exclude<ConfigSnapshot['leaseChecks'], 'none'>, Treatment>> = {
  warn: { fix: false, drop: false },
  fix: { fix: true, drop: false },
  'fix-del': { fix: true, drop: true },
  del: { fix: false, drop: true },
};

/** Reviews leases by one configuration. */
export class LeaseReview {
  readonly #treatment: Treatment | undefined;
  readonly #subnetById: ConfigSnapshot['subnetById'];
  readonly #subnetOf: (address: Ipv4) => Subnet | undefined;
  readonly #logger: Logger;
  #found = 0;

  constructor(
    { leaseChecks, subnets, subnetById }: Pick<ConfigSnapshot, 'leaseChecks' | 'subnets' | 'subnetById'>,
    logger: Logger,
  ) {
    this.#treatment = leaseChecks === 'none' ? undefined : TREATMENTS[leaseChecks];
    this.#subnetById = subnetById;
    this.#subnetOf = subnetFinder(subnets);
    this.#logger = logger;
  }

  /** The lease, a corrected one, or undefined if it is to be dropped. */
  readonly review = (lease: Lease): Lease | undefined => {
    const named = this.#subnetById.get(lease.subnetId);
    if (this.#treatment === undefined || (named !== undefined && contains(named, lease.address))) return lease;
    const subnetId = this.#subnetOf(lease.address)?.id;
    // Overlapping subnets: the lease may be right though another subnet would be found first.
    if (subnetId === lease.subnetId) return lease;
    const { fix, drop } = this.#treatment;
    if (fix && subnetId !== undefined) {
      this.#report('INFO', 'DHCPSRV_LEASE_SANITY_FIXED', lease, `gets subnet-id ${subnetId}`);
      return { ...lease, subnetId };
    }
    const where = subnetId === undefined ? 'no subnet has its address' : `its address is in subnet ${subnetId}`;
    if (drop) this.#report('INFO', 'DHCPSRV_LEASE_SANITY_FAIL_DISCARD', lease, `is dropped: ${where}`);
    else this.#report('WARN', 'DHCPSRV_LEASE_SANITY_FAIL', lease, `is kept as it is: ${where}`);
    return drop ? undefined : lease;
  };

  /** Logs how many there were if not all have been named. */
  finish(): void {
    if (this.#found <= NAMED_LEASES) return;
    const text = `${this.#found} leases do not fit the subnets; the first ${NAMED_LEASES} have been named`;
    this.#logger.log('WARN', 'LESSOR_LEASE_SANITY_TOTAL', text);
  }

  #report(severity: 'INFO' | 'WARN', id: string, { address, subnetId }: Lease, what: string): void {
    if (++this.#found > NAMED_LEASES) return;
    this.#logger.log(severity, id, `the lease of ${formatIpv4(address)} with subnet-id ${subnetId} ${what}`);
  }
}

/** Addresses of a prefix of this length. */
function sizeOf(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

function contains({ prefix, prefixLength }: Subnet, address: Ipv4): boolean {
  return address >= prefix && address < prefix + sizeOf(prefixLength);
}

/** Finds the first configured subnet that has an address, in one look-up for each prefix length there is. */
function subnetFinder(subnets: readonly Subnet[]): (address: Ipv4) => Subnet | undefined {
  const byLength = new Map<number, Map<Ipv4, Subnet>>();
  for (const subnet of subnets) {
    const byPrefix = byLength.get(subnet.prefixLength) ?? new Map<Ipv4, Subnet>();
    byLength.set(subnet.prefixLength, byPrefix);
    if (!byPrefix.has(subnet.prefix)) byPrefix.set(subnet.prefix, subnet);
  }
  return (address) => {
    let first: Subnet | undefined;
    for (const [length, byPrefix] of byLength) {
      const found = byPrefix.get(address - (address % sizeOf(length)));
      if (found !== undefined && (first === undefined || found.index < first.index)) first = found;
    }
    return first;
  };
}
