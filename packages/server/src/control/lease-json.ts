/** A lease as Kea's API shows it (Kea: Lease4::toElement). */

import { JsonSyntaxError, parseCommandJson } from '@lessor/kea';
import type { Lease } from '../domain/lease.js';
import { formatHex, formatIpv4 } from '../domain/values.js';
import type { Json } from './command.js';

/** The JSON of a lease. A client-id, pool-id 0 or user-context it does not have is left out; a hardware address is ''. */
export function leaseToJson(lease: Lease): Json {
  const userContext = parseUserContext(lease.userContext);
  return {
    'ip-address': formatIpv4(lease.address),
    'subnet-id': lease.subnetId,
    ...(lease.poolId === 0 ? {} : { 'pool-id': lease.poolId }),
    'hw-address': formatHex(lease.hwAddress),
    ...(lease.clientId === '' ? {} : { 'client-id': formatHex(lease.clientId) }),
    cltt: lease.clttSec,
    'valid-lft': lease.validLifetimeSec,
    'fqdn-fwd': lease.fqdnFwd,
    'fqdn-rev': lease.fqdnRev,
    hostname: lease.hostname,
    state: lease.state,
    ...(userContext === undefined ? {} : { 'user-context': userContext }),
  };
}

/** A user context that is no JSON (a lease file written by hand) is shown as the text it is. */
function parseUserContext(text: string): Json | undefined {
  if (text === '') return undefined;
  try {
    return parseCommandJson(text, { comments: false });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return text;
    throw error;
  }
}
