/** The name of a client for one subnet, pool and reservation. */

import type { ClientName } from '../client-name.js';
import { NO_NAME, nameClient, withGeneratedName } from '../client-name.js';
import type { ConfigSnapshot, Pool, Reservation, Subnet } from '../snapshot.js';
import type { Ipv4 } from '../values.js';
import type { Client } from './decision.js';

const HOST_NAME = 12;
const FQDN = 81;

/** Decides name and DNS flags. The pool's DDNS parameters win over the subnet's (Kea: DdnsParams). */
export function clientNameFor(
  client: Client,
  subnet: Subnet,
  pool: Pool | undefined,
  host: Reservation | undefined,
  address: Ipv4,
  snapshot: ConfigSnapshot,
): ClientName {
  const behaviour = pool?.ddns ?? subnet.ddns;
  const hostName = client.message.octets(HOST_NAME);
  const fqdn = client.message.option(FQDN);
  const told = host?.hostname ?? '';
  const reservedName = host?.ddnsHostname ?? told;
  if (hostName === undefined && fqdn === undefined && reservedName === '') {
    // By far the most packets of a busy network end here.
    if (behaviour.replaceClientName === 'never' || behaviour.replaceClientName === 'when-present') return NO_NAME;
  }
  const updatesEnabled = snapshot.ddns !== undefined && behaviour.sendUpdates;
  const name = nameClient({ hostName, fqdn, reservedName, behaviour, updatesEnabled });
  // dhcpd: the client is told one name, and another is entered in the DNS (ddns-hostname).
  if (reservedName !== told && told !== '' && name.hostNameOption !== undefined) {
    return { ...name, hostNameOption: told };
  }
  return withGeneratedName(name, address, behaviour);
}
