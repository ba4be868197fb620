/** What `lessor client` needs of a way to a server. */

import type { Ipv4 } from '../../domain/values.js';

/** What arrived, and from where: 192.0.2.1:67. */
export type ReceiveMessage = (octets: Uint8Array, peer: string) => void;

/** A way to a server. */
export interface ClientLink {
  /** Where it sends from, for the reader. */
  readonly description: string;
  /** True if answers come to a port that a server could not guess: a relay must say so (RFC 8357). */
  readonly unusualPort: boolean;
  /** Sends to everybody (0) or to one server. Returns where to, for the reader. */
  send(octets: Uint8Array, server: Ipv4): string;
  onMessage(receive: ReceiveMessage): void;
  /** From now on this machine answers for the address (ARP), as a client with a lease does. */
  adopt(address: Ipv4): void;
  close(): void;
}
