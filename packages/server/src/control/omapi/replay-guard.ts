/**
 * OMAPI has nothing that ties a message to its connection or its time: who recorded one can send it again and again. A
 * server can notice that by the signature, if no client signs the same octets twice. pypureomapi and lessor's draw their
 * transaction numbers at random; omshell and dhcpctl begin each session with the same one, so for their keys it is off.
 */

/** Signatures that are remembered; a message older than so many changes can be sent again. */
const MAX_SIGNATURES = 65_536;

/** See the head of this file. One for the whole server. */
export class ReplayGuard {
  /** In the order in which they came. */
  private readonly seen = new Set<string>();

  constructor(private readonly limit = MAX_SIGNATURES) {}

  /** True if a message with this signature was here before; from now on it was. */
  isReplay(signature: Uint8Array): boolean {
    const text = Buffer.from(signature.subarray(0, 32)).toString('latin1');
    if (this.seen.has(text)) return true;
    this.seen.add(text);
    if (this.seen.size > this.limit) this.seen.delete(this.seen.values().next().value!);
    return false;
  }
}
