/** A lease as Kea's API shows it (Kea: Lease4::toElement). */

import { JsonSyntaxError, parseCommandJson } from '@lessor/kea';
import type { Lease } from '../domain/lease.js';
import { formatHex, formatIpv4 } from '../domain/values.js';
import type { Json, JsonMap } from './command.js';

/** The JSON of a lease. A client-id, pool-id 0 or user-context it does not have is left out; a hardware address is ''. */
export function leaseToJson(lease: Lease): JsonMap {
  // In the order of their names: that is how they are written, and sorting what is sorted costs nothing.
  const json: Record<string, Json> = {};
  if (lease.clientId !== '') json['client-id'] = formatHex(lease.clientId);
  json.cltt = lease.clttSec;
  json['fqdn-fwd'] = lease.fqdnFwd;
  json['fqdn-rev'] = lease.fqdnRev;
  json.hostname = lease.hostname;
  json['hw-address'] = formatHex(lease.hwAddress);
  json['ip-address'] = formatIpv4(lease.address);
  if (lease.poolId !== 0) json['pool-id'] = lease.poolId;
  json.state = lease.state;
  json['subnet-id'] = lease.subnetId;
  const userContext = parseUserContext(lease.userContext);
  if (userContext !== undefined) json['user-context'] = userContext;
  json['valid-lft'] = lease.validLifetimeSec;
  return json;
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
