/** What kind of address a text is. */

/** True for an address that only this machine reaches. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}
