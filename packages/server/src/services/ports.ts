/** Everything the services need from outside, as interfaces. Adapters live in platform/, store/ and transports/. */

import type { Lease } from '../domain/lease.js';
import type { EpochMs, Ipv4, Octets, SubnetId } from '../domain/values.js';

/** Cancels what was scheduled; harmless when it already ran. */
export type Cancel = () => void;

/** Time, handed in so that it can be simulated. */
export interface Clock {
  /** Wall clock. */
  now(): EpochMs;
  /** Milliseconds of a clock that never jumps; only differences mean anything. */
  monotonic(): number;
  /** Runs `fn` once, `delayMs` from now. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): Cancel;
  /** Runs `fn` as soon as the loop has looked at its I/O again. */
  soon(fn: () => void): void;
}

/** Chance, handed in. */
export interface Random {
  /** A uniform integer 0 <= n < bound, bound <= 2^32. */
  below(bound: number): number;
  /** Cryptographically strong octets. */
  bytes(count: number): Uint8Array;
}

/** Looking leases up. All synchronous: a store that is remote loads what a batch needs in `load`. */
export interface LeaseReader {
  getByAddress(address: Ipv4): Lease | undefined;
  /** First lease with this client identifier whose subnet the caller accepts. */
  findByClientId(clientId: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined;
  /** First lease with this hardware address whose subnet the caller accepts. */
  findByHwAddress(hwAddress: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined;
  listByClientId(clientId: Octets): Lease[];
  listByHwAddress(hwAddress: Octets): Lease[];
  /** Case-insensitive. Walks the table. */
  listByHostname(hostname: string): Lease[];
  /** Up to `limit` leases with address > `after` (exclusive), in address order. */
  page(after: Ipv4 | undefined, limit: number): Lease[];
  /** All leases in no order; must not be changed while walking. */
  all(): Iterable<Lease>;
  readonly size: number;
}

/** A change to leases; `delete` of an absent address is harmless. */
export type LeaseChange =
  | { readonly kind: 'put'; readonly lease: Lease }
  | { readonly kind: 'delete'; readonly address: Ipv4 };

/** Whether the store can make leases durable now. */
export type StoreHealth =
  | { readonly ok: true }
  | { readonly ok: false; readonly since: EpochMs; readonly reason: string };

/**
 * Where leases live. Changes are staged by put/delete, which reads see at once, and become durable together in
 * `commit`. There is one writer (the Ledger); commits are serial.
 */
export interface LeaseStore extends LeaseReader {
  /** Loads what is stored. @throws StoreError if it is corrupt beyond what the configuration tolerates. */
  open(): Promise<void>;
  put(lease: Lease): void;
  delete(address: Ipv4): void;
  /**
   * Makes every staged change durable; resolves (or returns) when it is on stable storage.
   * On failure the staged changes are undone, newest first, and StoreError is thrown: afterwards reads answer as
   * before the first staged change.
   */
  commit(): Promise<void> | void;
  /** Drops every staged change. */
  rollback(): void;
  readonly health: StoreHealth;
  /** Compacts in the background (Kea: lease file cleanup). */
  cleanup(): Promise<void>;
  close(): Promise<void>;
}

/** A network interface the DHCP sockets are bound to. */
export interface DhcpInterface {
  readonly name: string;
  readonly index: number;
  /** Ethernet address of the interface, 6 octets, or shorter where it has none. */
  readonly hwAddress: Uint8Array;
  /** The address this socket answers from (its server identifier). */
  readonly address: Ipv4;
  /** All IPv4 addresses of the interface with their prefix lengths. */
  readonly addresses: readonly { readonly address: Ipv4; readonly prefixLength: number }[];
  readonly loopback: boolean;
}

/** One received datagram. `octets` is only valid until the batch handler has returned (or its promise resolved). */
export interface Datagram {
  readonly octets: Buffer;
  readonly interface: DhcpInterface;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
}

/** One reply to send. */
export interface Reply {
  readonly octets: Uint8Array;
  readonly interface: DhcpInterface;
  readonly destination: Ipv4;
  readonly port: number;
  /**
   * Present: the client has no address yet, deliver by link-level frame to this hardware address
   * (IP destination as above). Absent: ordinary UDP.
   */
  readonly hwAddress?: Uint8Array;
}

/** The DHCP sockets of all interfaces. */
export interface DatagramPort {
  /** Called with each batch; reading stops until the returned promise resolves, so the kernel gathers the next batch. */
  onBatch(handler: (batch: readonly Datagram[]) => Promise<void> | void): void;
  send(replies: readonly Reply[]): void;
  readonly interfaces: readonly DhcpInterface[];
  close(): Promise<void>;
}

/** Severity words of Kea's logging. */
export type Severity = 'FATAL' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG';

/** A named logger (Kea: kea-dhcp4.leases). */
export interface Logger {
  /** Cheap test before building an expensive message. */
  enabled(severity: Severity, debugLevel?: number): boolean;
  /** `id` is a stable upper-case message identifier (DHCP4_PACKET_DROPPED); `fields` go to JSON lines as they are. */
  log(severity: Severity, id: string, text: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A logger for a sub-component. */
  child(name: string): Logger;
}
