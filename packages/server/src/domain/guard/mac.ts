/** Hardware addresses as numbers: 48 bits fit a double exactly, compare and hash fast, and can be subtracted. */

/** An Ethernet address as an unsigned 48-bit number; 0 = none. */
export type Mac = number;

/** The six octets from a place on. */
export function macAt(octets: Uint8Array, at: number): Mac {
  const high = (octets[at]! << 8) | octets[at + 1]!;
  const low = ((octets[at + 2]! << 24) | (octets[at + 3]! << 16) | (octets[at + 4]! << 8) | octets[at + 5]!) >>> 0;
  return high * 0x1_0000_0000 + low;
}

/** Six octets as a binary string; 0 for any other length. */
export function macOf(octets: string): Mac {
  if (octets.length !== 6) return 0;
  let mac = 0;
  for (let i = 0; i < 6; i++) mac = mac * 256 + octets.charCodeAt(i);
  return mac;
}

/** `aa:bb:cc:dd:ee:ff`. */
export function formatMac(mac: Mac, separator = ':'): string {
  return (mac.toString(16).padStart(12, '0').match(/../g) as string[]).join(separator);
}

/** Twelve hexadecimal digits, with or without separators; undefined for anything else. */
export function parseMac(text: string): Mac | undefined {
  const digits = text.replace(/[-:.]/g, '');
  return /^[0-9a-fA-F]{12}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** The registered block: the first three octets, 0..0xffffff. */
export function blockOf(mac: Mac): number {
  return Math.floor(mac / 0x100_0000);
}
