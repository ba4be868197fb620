/**
 * The network through Node's own dgram: for systems that are not Linux, or where koffi is not wanted
 * (LESSOR_SOCKETS=plain). Without SO_BINDTODEVICE a socket is known by the address it is bound to, so only unicast is
 * received (relayed clients, renewals), and nothing is sent at link level. The portable 80 %, not the best.
 */

import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { formatIpv4, type Ipv4, parseIpv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type {
  Cancel,
  Clock,
  InterfaceSocket,
  NetworkInterface,
  NetworkStack,
  SocketCounters,
  SocketRequest,
  TakeDatagram,
} from '../services/ports.js';

/** Datagrams one socket holds while a batch is being handled; more are dropped and counted as kernelDrops. */
const QUEUE_LIMIT = 4096;
/** Without a kernel that tells, ask now and then. */
const WATCH_INTERVAL_MS = 5000;

/** The network of any machine Node runs on. `clock` paces the watch. */
export function plainNetworkStack(clock: Clock): NetworkStack {
  return {
    interfaces: listPlainInterfaces,
    watch: (changed) => watchByAsking(changed, clock),
    open: openPlainSocket,
    recycle: () => {},
  };
}

/** Interfaces with an IPv4 address, as Node knows them; the index is only a number that tells them apart. */
export function listPlainInterfaces(): readonly NetworkInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos], index) => {
    const inet = (infos ?? []).filter((info) => info.family === 'IPv4');
    const first = inet[0];
    if (first === undefined) return [];
    const mac = Buffer.from(first.mac.replaceAll(':', ''), 'hex');
    return {
      name,
      index: index + 1,
      hwAddress: mac.every((octet) => octet === 0) ? new Uint8Array(0) : mac,
      addresses: inet.flatMap(({ address, cidr }) => {
        const parsed = parseIpv4(address);
        return parsed === undefined ? [] : { address: parsed, prefixLength: Number(cidr?.split('/')[1] ?? 32) };
      }),
      up: true,
      running: true,
      loopback: first.internal,
      ethernet: false,
    };
  });
}

function watchByAsking(changed: () => void, clock: Clock): Cancel {
  let known = JSON.stringify(listPlainInterfaces());
  let cancel: Cancel;
  const ask = (): void => {
    const now = JSON.stringify(listPlainInterfaces());
    if (now !== known) changed();
    known = now;
    cancel = clock.after(WATCH_INTERVAL_MS, ask);
  };
  cancel = clock.after(WATCH_INTERVAL_MS, ask);
  return () => cancel();
}

async function openPlainSocket(request: SocketRequest): Promise<InterfaceSocket> {
  const address = request.address ?? request.interface.addresses[0]?.address ?? 0;
  const socket = createSocket({ type: 'udp4', reuseAddr: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: formatIpv4(address), port: request.port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.setBroadcast(true);
  } catch (cause) {
    socket.close();
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new LessorError('socket-open', `${formatIpv4(address)}, port ${request.port}: ${text}`, { cause });
  }
  return new PlainSocket(socket, address, request.onReadable);
}

interface Waiting {
  readonly octets: Buffer;
  readonly source: Ipv4;
  readonly sourcePort: number;
}

class PlainSocket implements InterfaceSocket {
  readonly framing = false;
  readonly #socket: Socket;
  readonly #address: Ipv4;
  #queue: Waiting[] = [];
  #paused = false;
  #received = 0;
  #dropped = 0;
  #sent = 0;
  readonly #sendErrors = new Map<string, number>();
  readonly #receiveErrors = new Map<string, number>();
  readonly #onReadable: () => void;

  constructor(socket: Socket, address: Ipv4, onReadable: () => void) {
    this.#socket = socket;
    this.#address = address;
    this.#onReadable = onReadable;
    socket.on('error', (error: NodeJS.ErrnoException) => count(this.#receiveErrors, error));
    socket.on('message', (octets, { address: from, port }) => {
      if (this.#queue.length >= QUEUE_LIMIT) {
        this.#dropped++;
        return;
      }
      this.#queue.push({ octets, source: parseIpv4(from) ?? 0, sourcePort: port });
      if (!this.#paused) onReadable();
    });
  }

  get counters(): SocketCounters {
    return {
      received: this.#received,
      kernelDrops: this.#dropped,
      oversize: 0,
      sent: this.#sent,
      sendErrors: this.#sendErrors,
      receiveErrors: this.#receiveErrors,
    };
  }

  receive(limit: number, take: TakeDatagram): number {
    const taken = this.#queue.slice(0, limit);
    this.#queue = this.#queue.slice(limit);
    for (const { octets, source, sourcePort } of taken) take(octets, source, sourcePort, this.#address);
    this.#received += taken.length;
    if (this.#queue.length > 0 && !this.#paused) queueMicrotask(this.#onReadable);
    return taken.length;
  }

  queueDatagram(octets: Uint8Array, _source: Ipv4, destination: Ipv4, port: number): void {
    // dgram keeps the octets until they are sent; ours may be overwritten before.
    this.#socket.send(Buffer.from(octets), port, formatIpv4(destination), (error) => {
      if (error === null) this.#sent++;
      else count(this.#sendErrors, error);
    });
  }

  queueFrame(octets: Uint8Array, source: Ipv4, destination: Ipv4, port: number): void {
    this.queueDatagram(octets, source, destination, port);
  }

  flush(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#queue.length > 0) this.#onReadable();
  }

  close(): void {
    this.#socket.close();
  }
}

function count(counts: Map<string, number>, error: NodeJS.ErrnoException): void {
  const name = error.code ?? 'unknown';
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
