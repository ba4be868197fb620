/**
 * Sub-options of an option of a reply, added, replaced or removed (Kea: libdhcp_flex_option, `sub-options`). The option is
 * what it is on the wire: octets, which are taken apart and put together again.
 */

import type { OptionOctets } from '@lessor/dhcp';

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

/** Octets before the length of a block of option 125. */
const ENTERPRISE_OCTETS = 4;
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
  const blocks = before === undefined ? [{ enterprise, data: NOTHING }] : parseBlocks(before);
  const block = blocks?.find((one) => one.enterprise === enterprise);
  if (blocks === undefined || block === undefined) return before;
  const changed = changeList(block.data, place, action, data);
  const rest = blocks.filter((one) => changed !== undefined || one !== block);
  if (rest.length === 0) return undefined;
  return encodeBlocks(rest.map((one) => (one === block ? { enterprise, data: changed ?? NOTHING } : one)));
}

function changeList(
  before: Uint8Array | undefined,
  { code, container }: SubOptionPlace,
  action: SubOptionAction,
  data: Uint8Array,
): Uint8Array | undefined {
  // What is no list is text of somebody's own: it stays, and sub-options come behind it.
  const parsed = parseSubOptions(before ?? NOTHING);
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

/** Sub-options as code, length and value each; undefined if the octets are no such list. */
export function parseSubOptions(octets: Uint8Array): OptionOctets[] | undefined {
  const list: OptionOctets[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = octets[at + 1];
    if (length === undefined || at + 2 + length > octets.length) return undefined;
    list.push({ code: octets[at]!, data: octets.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return list;
}

/** The reverse; values have up to 255 octets. */
export function encodeSubOptions(list: readonly OptionOctets[]): Uint8Array {
  return Buffer.concat(list.flatMap(({ code, data }) => [Uint8Array.of(code, data.length), data]));
}

interface Block {
  readonly enterprise: number;
  readonly data: Uint8Array;
}

function parseBlocks(octets: Uint8Array): Block[] | undefined {
  const view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const blocks: Block[] = [];
  for (let at = 0; at < view.length; ) {
    const length = view[at + ENTERPRISE_OCTETS];
    const start = at + ENTERPRISE_OCTETS + 1;
    if (length === undefined || start + length > view.length) return undefined;
    blocks.push({ enterprise: view.readUInt32BE(at), data: octets.subarray(start, start + length) });
    at = start + length;
  }
  return blocks;
}

/** A block that has come to hold more than its length can say is given up: the others are sent. */
function encodeBlocks(blocks: readonly Block[]): Uint8Array {
  return Buffer.concat(
    blocks.flatMap(({ enterprise, data }) => {
      if (data.length > 255) return [];
      const head = Buffer.alloc(ENTERPRISE_OCTETS + 1);
      head.writeUInt32BE(enterprise, 0);
      head[ENTERPRISE_OCTETS] = data.length;
      return [head, data];
    }),
  );
}
