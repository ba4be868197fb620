/**
 * Sub-options of an option of a reply, added, replaced or removed (Kea: libdhcp_flex_option, `sub-options`). The option is
 * what it is on the wire: octets, which are taken apart and put together again.
 */

import {
  DecodeError,
  decodeSubOptions,
  decodeVendorIdentifying,
  encodeSubOptions,
  encodeVendorIdentifying,
} from '@lessor/dhcp';

/** Where a change acts inside an option. */
export interface SubOptionPlace {
  readonly code: number;
  /** Sub-options of this enterprise in option 125 (RFC 3925 §4); undefined: they are all there is in the option. */
  readonly enterprise: number | undefined;
  /** For `add` and `supersede`: make the option where it is missing. For `remove`: let it go with its last sub-option. */
  readonly container: boolean;
}

/** What is done with one sub-option. */
export type SubOptionAction = 'add' | 'supersede' | 'remove';

/** A block of option 125 says its length in one octet. */
const LONGEST_BLOCK = 255;
const NOTHING = new Uint8Array(0);

/**
 * The option after the change; undefined: there is none. `data` is what goes into the sub-option, and `before` the option,
 * if there is one. Nothing is done to an option 125 without a block of the enterprise, as in Kea.
 */
export function changeSubOption(
  before: Uint8Array | undefined,
  place: SubOptionPlace,
  action: SubOptionAction,
  data: Uint8Array,
): Uint8Array | undefined {
  if (before === undefined && (action === 'remove' || !place.container)) return undefined;
  const { enterprise } = place;
  if (enterprise === undefined) return changeList(before, place, action, data);
  const blocks = before === undefined ? [{ enterprise, data: NOTHING }] : decoded(decodeVendorIdentifying, before);
  const block = blocks?.find((one) => one.enterprise === enterprise);
  if (blocks === undefined || block === undefined) return before;
  const changed = changeList(block.data, place, action, data);
  const rest = blocks.filter((one) => changed !== undefined || one !== block);
  if (rest.length === 0) return undefined;
  const after = rest.map((one) => (one === block ? { enterprise, data: changed ?? NOTHING } : one));
  // A block that has come to hold more than its length can say is given up: the others are sent.
  return encodeVendorIdentifying(after.filter(({ data: all }) => all.length <= LONGEST_BLOCK));
}

function changeList(
  before: Uint8Array | undefined,
  { code, container }: SubOptionPlace,
  action: SubOptionAction,
  data: Uint8Array,
): Uint8Array | undefined {
  // What is no list is text of somebody's own: it stays, and sub-options come behind it.
  const parsed = decoded(decodeSubOptions, before ?? NOTHING);
  const list = parsed ?? [];
  const prefix = parsed === undefined ? (before ?? NOTHING) : NOTHING;
  const present = list.some((one) => one.code === code);
  if (action === 'remove' ? !present : action === 'add' && present) return before;
  const others = list.filter((one) => one.code !== code);
  if (action === 'remove') return others.length === 0 && container ? undefined : encodeSubOptions(others);
  // Kea sends sub-options in the order of their codes.
  const all = [...others, { code, data }].sort((a, b) => a.code - b.code);
  return Buffer.concat([prefix, encodeSubOptions(all)]);
}

/** What is found in octets; undefined if they are not made like that. */
function decoded<Found>(decode: (octets: Uint8Array) => Found, octets: Uint8Array): Found | undefined {
  try {
    return decode(octets);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
