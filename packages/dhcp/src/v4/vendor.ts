/** Options 124 and 125: data of several vendors in one option, each under its enterprise number (RFC 3925 §3, §4). */

import { Reader, Writer } from '../bytes.js';

/** The data of one enterprise. In option 125 they are sub-options, in option 124 they are opaque. */
export interface VendorData {
  /** IANA enterprise number, unsigned 32 bits. */
  readonly enterprise: number;
  readonly data: Uint8Array;
}

/** Splits the value of option 124 or 125; data are views. @throws DecodeError if the last one is cut short */
export function decodeVendorIdentifying(data: Uint8Array): VendorData[] {
  const reader = new Reader(data);
  const list: VendorData[] = [];
  while (reader.remaining > 0) {
    const enterprise = reader.uint32('enterprise number');
    list.push({ enterprise, data: reader.take(reader.uint8('vendor data length'), 'vendor data') });
  }
  return list;
}

/** Joins the value of option 124 or 125. @throws EncodeError if one vendor has more than 255 octets */
export function encodeVendorIdentifying(list: readonly VendorData[]): Uint8Array {
  const writer = new Writer();
  for (const { enterprise, data } of list) {
    writer.uint32(enterprise);
    writer.counted(data, 1, `data of enterprise ${enterprise}`);
  }
  return writer.finish();
}
