/** Option 50. */

import type { Message4 } from '@lessor/dhcp';
import type { Ipv4 } from '../values.js';

const REQUESTED_ADDRESS = 50;

/** The address asked for (RFC 2132 §9.1), 0 if none or malformed. */
export function requestedAddress(message: Message4): Ipv4 {
  const value = message.option(REQUESTED_ADDRESS);
  if (value === undefined || value.length !== 4) return 0;
  return ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0;
}
