/**
 * Why a packet got no answer: one row per reason. The row says which of Kea's statistics counts it; the label of the
 * metric `lessor_packets_dropped_total` and the log field `reason` are the key itself.
 */

import type { Statistic, Statistics } from './statistics.js';

/** One row of {@link DROP_REASONS}. */
export interface DropReasonRow {
  /** Kea's statistic for it; undefined where Kea counts none. */
  readonly statistic?: string;
  /** Counted in pkt4-receive-drop too. Kea does not where the packet was in order and there was just nothing to give. */
  readonly receiveDrop: boolean;
  /** One sentence for the log and the manual. */
  readonly text: string;
}

/** The table. */
export const DROP_REASONS = {
  malformed: {
    statistic: 'pkt4-parse-failed',
    receiveDrop: true,
    text: 'the octets are not a DHCP message',
  },
  'not-for-us': {
    statistic: 'pkt4-not-for-us',
    receiveDrop: true,
    text: 'the message is not a request, or not for a server',
  },
  'bootp-not-supported': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'a BOOTP request, and libdhcp_bootp is not configured',
  },
  'no-message-type': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'a DHCP message without option 53',
  },
  'unexpected-message-type': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'a message type that clients do not send',
  },
  'class-drop': {
    statistic: 'pkt4-admin-filtered',
    receiveDrop: true,
    text: 'the client is in class DROP',
  },
  'guard-denied': {
    statistic: 'pkt4-admin-filtered',
    receiveDrop: true,
    text: 'a policy of the guard of BMC networks lets this client have no address here',
  },
  'service-disabled': {
    statistic: 'pkt4-service-disabled',
    receiveDrop: true,
    text: 'the service is switched off (dhcp-disable)',
  },
  'ha-no-relation': {
    receiveDrop: true,
    text: 'its subnet is in no relation of this hub (ha-server-name)',
  },
  'ha-not-serving': {
    statistic: 'pkt4-service-disabled',
    receiveDrop: true,
    text: 'this server of a pair does not serve now (ha status says why)',
  },
  'ha-not-ours': {
    receiveDrop: false,
    text: 'the other server of the pair may have given the address to somebody; nothing is said until that is known',
  },
  'ha-withheld': {
    receiveDrop: false,
    text: 'the other server of the pair has not stored the lease, and it can not be shortened',
  },
  'ha-too-late': {
    receiveDrop: false,
    text: 'a RELEASE or DECLINE waited here so long that the client may have its address anew from the other server of the pair',
  },
  'ha-partners-client': {
    receiveDrop: false,
    text: 'the other server of the pair answers this client',
  },
  'no-subnet': {
    receiveDrop: false,
    text: 'no subnet is configured for where the client is',
  },
  'no-lease': {
    receiveDrop: false,
    text: 'there is no address for this client, or no lease of it',
  },
  'address-limit': {
    receiveDrop: false,
    text: 'its class or subnet has as many leases as it may (address-limit)',
  },
  'address-in-use': {
    receiveDrop: false,
    text: 'somebody answered the ping of the address that was to be offered; it is put aside',
  },
  'address-gone': {
    receiveDrop: false,
    text: 'while the address to be offered was pinged it was leased to somebody else, or the service was switched off',
  },
  'unknown-client': {
    receiveDrop: false,
    text: 'a client not known here asks for its old address, and we are not authoritative',
  },
  'unknown-address': {
    receiveDrop: false,
    text: 'the address asked for is none of ours, and we are not authoritative',
  },
  'missing-requested-address': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'a DHCPDECLINE without option 50',
  },
  'not-the-holder': {
    receiveDrop: false,
    text: 'a DHCPRELEASE or DHCPDECLINE of an address the client does not hold',
  },
  'unexpected-server-id': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'a DHCPDISCOVER with a server identifier',
  },
  partner: {
    statistic: 'pkt4-admin-filtered',
    receiveDrop: true,
    text: 'the client is served by the HA partner',
  },
  'server-id-mismatch': {
    statistic: 'pkt4-not-for-us',
    receiveDrop: true,
    text: 'the message names another server',
  },
  'queue-full': {
    statistic: 'pkt4-queue-full',
    receiveDrop: true,
    text: 'overload: shed so that others can be served',
  },
  'store-unavailable': {
    statistic: 'pkt4-processing-failed',
    receiveDrop: true,
    text: 'the lease could not be made durable, so the reply was withheld',
  },
  duplicate: {
    statistic: 'pkt4-duplicate',
    receiveDrop: true,
    text: 'a message of this client is being handled already',
  },
  'rate-limited': {
    statistic: 'pkt4-limit-exceeded',
    receiveDrop: true,
    text: 'the limit of its class or subnet is used up',
  },
  'no-source': {
    statistic: 'pkt4-rfc-violation',
    receiveDrop: true,
    text: 'there is no address or identifier by which the client could be answered',
  },
  'internal-error': {
    statistic: 'pkt4-processing-failed',
    receiveDrop: true,
    text: 'a defect of lessor; the log has the octets',
  },
} as const satisfies Readonly<Record<string, DropReasonRow>>;

/** A key of {@link DROP_REASONS}. */
export type DropReason = keyof typeof DROP_REASONS;

/** Statistic that counts one reason by itself; not among Kea's, so it is only listed once it has happened. */
export function dropStatisticName(reason: DropReason): string {
  return `lessor-dropped-${reason}`;
}

/** Counts dropped packets: lessor's own counter by reason, and Kea's. */
export class DropCounters {
  private readonly counters = new Map<DropReason, Statistic[]>();

  constructor(private readonly statistics: Statistics) {}

  /** Counts one packet. */
  count(reason: DropReason, nowMs: number): void {
    let counters = this.counters.get(reason);
    if (counters === undefined) {
      const row: DropReasonRow = DROP_REASONS[reason];
      const names = [dropStatisticName(reason)];
      if (row.statistic !== undefined) names.push(row.statistic);
      if (row.receiveDrop) names.push('pkt4-receive-drop');
      counters = names.map((name) => this.statistics.counter(name));
      this.counters.set(reason, counters);
    }
    for (const counter of counters) counter.add(1, nowMs);
  }
}
