/** Option 50. */

import type { Message4 } from '@lessor/dhcp';
import type { Ipv4 } from '../values.js';

const REQUESTED_ADDRESS = 50;

/** The address asked for (RFC 2132 §9.1), 0 if none or malformed. */
export function requestedAddress(message: Message4): Ipv4 {
  return message.number(REQUESTED_ADDRESS) ?? 0;
}
