/**
 * The `flags` of a lease. Of dhcpd's bits lessor has one, `reserved`: the address is kept for its client. That is what a
 * host does, so the bit is set where there is such a host, and setting it makes one.
 */

import { LEASE_FLAGS, Result } from '@lessor/omapi';
import { markOf } from '../../config/omapi-mark.js';
import type { Lease } from '../../domain/lease.js';
import { clientKeys } from '../../domain/reservation.js';
import { formatHex, formatIpv4, type Ipv4 } from '../../domain/values.js';
import type { DirectoryEntry } from '../../services/reservation-directory.js';
import type { JsonMap } from '../command.js';
import { replaceReservations, type ScopedReservation } from '../commands/reservations.js';
import { recordChange } from './audit.js';
import { withMark } from './host-identity.js';
import { invalidArgument, type OmapiContext, OmapiRefusal, performed } from './object.js';

/** The bits that dhcpd lets be written: BOOTP, reserved, NUL at the end of strings, unicast. */
const WRITABLE = 0x4e;

/** The flags of a lease, as read. */
export function flagsOf(lease: Lease | undefined, context: OmapiContext): number {
  return lease !== undefined && holderOf(lease, context) !== undefined ? LEASE_FLAGS.reserved : 0;
}

/** The reservation that keeps the address of a lease for its client. */
function holderOf(lease: Lease, { services, snapshot }: OmapiContext): DirectoryEntry | undefined {
  return services.reservations
    .of(snapshot)
    .ofAddress(lease.address)
    .find(({ reservation }) =>
      clientKeys(reservation).some(({ identifierType, identifier }) =>
        identifierType === 'hw-address'
          ? identifier === lease.hwAddress
          : identifierType === 'client-id' && identifier === lease.clientId,
      ),
    );
}

/**
 * Reads flags that are to be written: is the address to be reserved?
 * @throws OmapiRefusal INVALIDARG, NOPERM for bits that lessor does not have
 */
export function readReserved(value: Uint8Array, lease: Lease | undefined): boolean {
  if (value.length !== 1 && value.length !== 4) throw invalidArgument(`flags have ${value.length} octets, not 1 or 4`);
  const flags = (value.at(-1) ?? 0) & WRITABLE;
  const others = flags & ~LEASE_FLAGS.reserved;
  if (others !== 0) throw new OmapiRefusal(Result.NOPERM, 'of the flags only reserved (4) can be set');
  if (flags !== 0 && lease === undefined) throw new OmapiRefusal(Result.NOPERM, 'the address has no client');
  return flags !== 0;
}

/** Makes or removes the host. @throws OmapiRefusal */
export async function setReserved(
  { address, lease }: { readonly address: Ipv4; readonly lease: Lease | undefined },
  wanted: boolean,
  context: OmapiContext,
): Promise<void> {
  const holder = lease && holderOf(lease, context);
  if (lease === undefined || wanted === (holder !== undefined)) return;
  const made = wanted ? [reservationFor(lease)] : [];
  if (holder !== undefined && markOf(holder.reservation.userContext).reserved === undefined) {
    throw new OmapiRefusal(Result.NOPERM, 'a host has this address: change or delete the host');
  }
  const gone = holder === undefined ? [] : [holder.reservation];
  await performed('omapi-lease-update', () => replaceReservations(context.services, gone, made), context);
  recordChange('omapi-lease-update', () => ({ 'ip-address': formatIpv4(address), reserved: wanted }), context);
}

/** @throws OmapiRefusal NOPERM for a lease that belongs to nobody */
function reservationFor(lease: Lease): ScopedReservation {
  const { address, subnetId, hwAddress, clientId } = lease;
  if (hwAddress === '' && clientId === '') throw new OmapiRefusal(Result.NOPERM, 'the lease has no client');
  const client: JsonMap =
    hwAddress === '' ? { 'client-id': formatHex(clientId) } : { 'hw-address': formatHex(hwAddress) };
  const name = `reserved-${formatIpv4(address)}`;
  const written = {
    ...client,
    'ip-address': formatIpv4(address),
    'user-context': withMark(undefined, { name, reserved: 'yes' }),
  };
  return { subnetId, written };
}
