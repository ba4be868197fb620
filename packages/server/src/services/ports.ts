/** Everything the services need from outside, as interfaces. Adapters live in platform/, store/ and transports/. */

import type { Socket } from 'node:net';
import type { UnixUser } from '../domain/access/identify.js';
import type { LeakProbe, LinkFact, Route, RouteQuestion } from '../domain/isolation/facts.js';
import type { Lease } from '../domain/lease.js';
import type { ShowLease } from '../domain/lease-view.js';
import type { PairFile } from '../domain/pair/file.js';
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
  /**
   * Runs a slice of long work when packets can spare the time; `endMs`, by `monotonic`, is when it should end. Absent
   * where nobody keeps a pace (services/pace.ts).
   */
  spare?(slice: (endMs: number) => void): void;
  /** True while packets come, and what can wait should ask `spare` for its turns. */
  packetsCome?(): boolean;
}

/** Chance, handed in. */
export interface Random {
  /** A uniform integer 0 <= n < bound, bound <= 2^32. */
  below(bound: number): number;
  /** Cryptographically strong octets. */
  bytes(count: number): Uint8Array;
}

/** Leases remembered by the number of a place (store/lease-ring.ts); a place keeps the last one put there. */
export interface LeasePlaces {
  /** @throws RangeError if a part of the lease is longer than any store takes */
  set(place: number, lease: Lease): void;
  /** The lease of a place that was set. */
  get(place: number): Lease;
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
  /** Shows the leases with address > `after` in address order, without making objects of them, until `show` says false. */
  walk(after: Ipv4 | undefined, show: ShowLease): void;
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
  readonly hwAddress?: Uint8Array | undefined;
}

/** The DHCP sockets of all interfaces. */
export interface DatagramPort {
  /** Called with each batch; reading stops until the returned promise resolves, so the kernel gathers the next batch. */
  onBatch(handler: (batch: readonly Datagram[]) => Promise<void> | void): void;
  send(replies: readonly Reply[]): void;
  readonly interfaces: readonly DhcpInterface[];
  close(): Promise<void>;
}

/** A network interface of this machine, whether DHCP uses it or not. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  /** Link-layer address; empty where the interface has none. */
  readonly hwAddress: Uint8Array;
  /** IPv4 addresses in the kernel's order. */
  readonly addresses: readonly { readonly address: Ipv4; readonly prefixLength: number }[];
  readonly up: boolean;
  /** Up and with carrier. */
  readonly running: boolean;
  readonly loopback: boolean;
  /** Ethernet framing: a client without an address can be reached by its hardware address. */
  readonly ethernet: boolean;
}

/** What the kernel and the socket layer did with datagrams, counted since the socket was opened. */
export interface SocketCounters {
  readonly received: number;
  /** Dropped by the kernel because the receive buffer was full. */
  readonly kernelDrops: number;
  /** Longer than a receive slot; dropped. */
  readonly oversize: number;
  readonly sent: number;
  /** Not sent, by errno name (ENETUNREACH, EAGAIN, ...). */
  readonly sendErrors: ReadonlyMap<string, number>;
  /** Failed reads, by errno name. */
  readonly receiveErrors: ReadonlyMap<string, number>;
}

/** What to open. */
export interface SocketRequest {
  readonly interface: NetworkInterface;
  /**
   * Present: a UDP socket bound to this address of the interface and to no device (Kea: dhcp-socket-type udp).
   * Absent: everything that arrives on the device, broadcast or not, and link-level frames out where it is Ethernet.
   */
  readonly address?: Ipv4;
  readonly port: number;
  /** Replies leave by the routing table, not by the interface the query came in on (Kea: use-routing). */
  readonly useRouting: boolean;
  /** Called from the event loop while datagrams wait and the socket is not paused. */
  readonly onReadable: () => void;
}

/** Takes one datagram. `octets` is valid until the next {@link NetworkStack.recycle}. */
export type TakeDatagram = (octets: Buffer, source: Ipv4, sourcePort: number, destination: Ipv4) => void;

/** One open DHCP socket. Nothing here waits, and nothing throws for a datagram that can not be sent: it is counted. */
export interface InterfaceSocket {
  /** {@link InterfaceSocket.queueFrame} works. */
  readonly framing: boolean;
  /** Hands at most `limit` waiting datagrams to `take`; returns how many it handed over. */
  receive(limit: number, take: TakeDatagram): number;
  /** Queues a UDP datagram; `source` 0 leaves the source address to the kernel. `octets` is copied. */
  queueDatagram(octets: Uint8Array, source: Ipv4, destination: Ipv4, port: number): void;
  /** Queues a UDP datagram in an Ethernet frame of our own making, to `hwAddress` (6 octets). `octets` is copied. */
  queueFrame(octets: Uint8Array, source: Ipv4, destination: Ipv4, port: number, hwAddress: Uint8Array): void;
  /** Sends what is queued. */
  flush(): void;
  /** Stops and restarts calls of onReadable; datagrams keep gathering in the kernel. */
  pause(): void;
  resume(): void;
  close(): void;
  readonly counters: SocketCounters;
}

/** The machine's network, as far as a DHCP server needs it. */
export interface NetworkStack {
  interfaces(): readonly NetworkInterface[];
  /** Calls `changed` some time after an interface or an IPv4 address appeared, changed or went. */
  watch(changed: () => void): Cancel;
  /** @throws LessorError socket-open, with a text that says what to do about it. */
  open(request: SocketRequest): Promise<InterfaceSocket>;
  /** Everything received so far may be overwritten from now on. */
  recycle(): void;
}

/** A directory that only the server's user may read. Names are plain file names. */
export interface PrivateFiles {
  /** Undefined if there is no such file. */
  read(name: string): Promise<Buffer | undefined>;
  /** Replaces the file in one step; resolves when it is on stable storage. Readable by the owner only. */
  write(name: string, octets: Uint8Array): Promise<void>;
  /** Harmless if there is no such file. */
  remove(name: string): Promise<void>;
}

/** A file that is appended to, and now and then replaced. One call at a time. */
export interface JournalFile {
  /** What is in it; undefined if there is none. @throws the system's error */
  read(): Buffer | undefined;
  /**
   * Resolves when the octets are on stable storage behind those before. @throws the system's error, and they are not
   * there; or, if that can not be known, it is no longer {@link sound}
   */
  append(octets: Uint8Array): Promise<void>;
  /** Whether it can be appended to; else it must be replaced first. */
  readonly sound: boolean;
  /** Replaces all of it in one step; resolves when that is on stable storage. @throws the system's error */
  replace(octets: Uint8Array): Promise<void>;
  close(): void;
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

/** Where to listen for TCP. */
export interface TcpPlace {
  /** An IP address. */
  readonly address: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Only what comes in through this interface is accepted. */
  readonly device?: string;
  /** Connections the kernel holds until they are accepted; Node's default if absent. */
  readonly backlog?: number;
  /** Whoever ends his side is still answered: connections are not closed by that. */
  readonly allowHalfOpen?: boolean;
}

/** An address and port of one device. */
export type DevicePlace = TcpPlace & { readonly device: string };

/**
 * Makes a TCP socket that is reached through one device only; its descriptor is for net.Server.listen.
 * @throws LessorError socket-open
 */
export type BindDevice = (place: DevicePlace) => number;

/** As much as is looked at of what a connection has said, by {@link TcpArrival.peek}. */
export const MOST_PEEKED_OCTETS = 8192;

/** Who waits for what a connection has to say. */
export interface ArrivalWaiter {
  /** There is more; `ended`: and there will be no more. */
  ready(ended: boolean): void;
}

/** A TCP connection that the kernel has made and for which nothing is allocated yet. One of the two calls ends it. */
export interface TcpArrival {
  /** Address of the other end as node:net writes it, a link-local one with its zone. */
  readonly source: string;
  /**
   * Tells each time the other end has sent more or closed, until the connection is adopted or refused; absent where that can not be
   * told without a stream. @returns false if it can not be waited for
   */
  whenReadable?(waiter: ArrivalWaiter): boolean;
  /**
   * What has come so far, as much of it as is looked at: a view that is good until anything else is. It stays where it is, and the
   * stream will read it. There where {@link whenReadable} is.
   */
  peek?(): Buffer;
  /** The same connection as a stream, which reads from the next turn of the loop on. */
  adopt(): Socket;
  /** Closes it. */
  refuse(): void;
}

/** A TCP socket that listens. */
export interface TcpFront {
  /** What is bound. */
  readonly address: string;
  /** The port that is bound: where 0 was asked for, the one the system chose. */
  readonly port: number;
  /** Stops listening; connections stay. */
  close(): void;
}

/**
 * Listens and tells of each connection, few of them a turn of the loop and no more than may be spent on strangers; the
 * rest wait in the kernel. @throws LessorError socket-open
 */
export type ListenTcp = (place: TcpPlace, arrived: (arrival: TcpArrival) => void) => TcpFront;

/** A connection to a unix socket whose octets are still taken by system calls, without a stream. */
export interface UnixArrival {
  /**
   * What has come, up to 64 kB: a view that is good until anything else is read. Undefined: nothing yet, or nothing
   * that can be had this way (then {@link adopt} it).
   */
  read(): Buffer | undefined;
  /** The user at the other end. */
  user(): UnixUser | undefined;
  /**
   * Sends what the other side has room for. @returns octets sent; all of them: the connection is closed, and what the
   * other side has sent meanwhile is thrown away
   */
  finish(octets: Buffer): number;
  /** Sends what the other side has room for. @returns octets sent */
  send(octets: Buffer): number;
  /** The same connection as a stream, which owns it from now on; nothing else here may be called afterwards. */
  adopt(): Socket;
  close(): void;
}

/**
 * Binds a unix socket and tells of each connection, a bounded number of them a turn of the loop.
 * @returns stops listening; connections stay. @throws Error of the system
 */
export type ListenUnix = (path: string, backlog: number, arrived: (arrival: UnixArrival) => void) => () => void;

/** Where the file of a pair is kept. */
export interface PairFileStore {
  /** Undefined if there is none. @throws StoreError if it can not be read */
  load(): PairFile | undefined;
  /** Returns when it is on stable storage. @throws StoreError */
  save(file: PairFile): void;
}

/** A UDP socket of one device, for asking clients. */
export interface PingSocket {
  /** Sends one datagram; that it can not be sent is no error. */
  send(octets: Uint8Array, to: Ipv4, port: number): void;
  close(): void;
}

/**
 * Opens one, with a port of the system's choice, that sends and receives through the device alone.
 * @throws LessorError socket-open
 */
export type OpenPingSocket = (
  device: string,
  received: (octets: Uint8Array, from: Ipv4, port: number) => void,
) => PingSocket;

/** A socket for ICMP echoes (RFC 792). */
export interface EchoSocket {
  /** Identifier of the echoes that are sent through it. */
  readonly identifier: number;
  /** Sends one ICMP message. @returns false if it can not be sent: no route, no buffers, the interface is gone */
  send(icmp: Uint8Array, to: Ipv4): boolean;
  close(): void;
}

/**
 * Opens one that sends and receives through the device alone, or without one by the routing table. ICMP messages are
 * handed over without their IP header, each valid until the call returns.
 * @throws LessorError socket-open
 */
export type OpenEchoSocket = (
  device: string | undefined,
  received: (icmp: Uint8Array, from: Ipv4) => void,
) => EchoSocket;

/** The way to the DNS update server (Kea: dhcp-ddns). */
export interface NcrLink {
  /**
   * Resolves when the datagrams have left and nothing has come back that says nobody takes them there.
   * @throws the system's error: none of them may have arrived
   */
  deliver(datagrams: readonly Uint8Array[]): Promise<void>;
  close(): void;
}

/** What is asked of the machine to judge whether a control listener stands apart from the networks of clients. */
export interface MachineNetwork {
  /** All devices. @throws LessorError socket-open, or Error with the kernel's word */
  links(): readonly LinkFact[];
  /** What the kernel would do with a packet, firewalls aside. @throws LessorError socket-open */
  route(question: RouteQuestion): Route;
  /** This machine can talk to a BMC of its own. */
  hasOwnBmc(): boolean;
  /**
   * Sends broadcast frames on the devices of each list and listens on those of the other, for `listenMs`.
   * Never rejects: what could not be done is in the answer.
   */
  probeLeaks(management: readonly LinkFact[], clients: readonly LinkFact[], listenMs: number): Promise<LeakProbe>;
  /** Calls `seen` with the sender's IPv4 address of each answer of a DHCP server on a device. @throws LessorError socket-open */
  watchReplies(device: LinkFact, seen: (source: string) => void): Cancel;
  /** Calls `changed` soon after a device, an address, a route, a rule or forwarding changed. @throws LessorError socket-open */
  watch(changed: () => void): Cancel;
}

/** A program to run, without a shell: its file, arguments and whole environment. */
export interface ProgramCall {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What became of a program. */
export type ProgramEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: string }
  /** It was never begun, or nobody knows. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Runs programs for the server. */
export interface ProgramPort {
  /** Begins to make ready, where that takes time. */
  start(): void;
  /** Runs a program; resolves at its end. Never rejects. */
  run(call: ProgramCall): Promise<ProgramEnd>;
  /** Ends what still runs. */
  close(): Promise<void>;
}
