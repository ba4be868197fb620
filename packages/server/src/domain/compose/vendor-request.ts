/** What vendor options a client asks for (RFC 3925; CableLabs' option request as Kea reads it). */

import type { Message4 } from '@lessor/dhcp';
import { decodeVendorIdentifying, findSubOption, type VendorData } from '@lessor/dhcp';
import { Code } from './layout.js';

/** CableLabs, whose option request is the only one Kea reads (enterprise 4491, sub-option 1). */
const CABLE_LABS = 4491;
const CABLE_LABS_ORO = 1;

/** Enterprises a client names, in order, and the vendor options it lists. */
export interface VendorRequest {
  readonly enterprises: readonly number[];
  readonly vendorRequested: ReadonlyMap<number, Uint8Array>;
}

/** A client that asks for none. */
export const NO_VENDOR_REQUEST: VendorRequest = { enterprises: [], vendorRequested: new Map() };

/** Reads options 124 and 125. */
export function vendorRequest(message: Message4): VendorRequest {
  const vendorRequested = new Map<number, Uint8Array>();
  const enterprises = new Set<number>();
  for (const code of [Code.vendorIdentifying, Code.vendorClassIdentifying]) {
    for (const block of vendorBlocks(message.option(code))) {
      enterprises.add(block.enterprise);
      if (code !== Code.vendorIdentifying || block.enterprise !== CABLE_LABS) continue;
      const oro = findSubOption(block.data, CABLE_LABS_ORO);
      if (oro !== undefined) vendorRequested.set(CABLE_LABS, Uint8Array.from(oro));
    }
  }
  return { enterprises: [...enterprises], vendorRequested };
}

function vendorBlocks(value: Uint8Array | undefined): VendorData[] {
  if (value === undefined) return [];
  try {
    return decodeVendorIdentifying(value);
  } catch {
    // A malformed vendor option is the client's own affair: it gets no vendor options, the rest of its request stands.
    return [];
  }
}

/** What of it a reply depends on, as text: serial numbers and the like that clients put there make no difference. */
export function vendorKey({ enterprises, vendorRequested }: VendorRequest): string {
  const asked = [...vendorRequested].map(([enterprise, codes]) => `${enterprise}=${codes.join('.')}`);
  return `${enterprises.join(',')}|${asked.join(';')}`;
}
