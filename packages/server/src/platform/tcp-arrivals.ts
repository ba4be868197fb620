/**
 * A listening TCP socket by system calls. Node takes all connections that wait at one go and makes an object of each
 * before anybody is asked whether it may come in; in a crowd, packets of clients wait for all of them. Here few are taken
 * a turn, none faster than may be spent on strangers, and one that is turned away costs two system calls.
 */

import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { LessorError } from '../errors.js';
import {
  type ArrivalWaiter,
  type Clock,
  type ListenTcp,
  MOST_PEEKED_OCTETS,
  type TcpArrival,
} from '../services/ports.js';
import { acceptNext, EXHAUSTED_PAUSE_MS } from './accept.js';
import { bindDeviceSocket } from './device-listener.js';
import { addressOfOctets, isLinkLocal } from './ip-octets.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc, type ReadablePoll } from './linux-libc.js';
import { ReadableWatch } from './readable-watch.js';

const AF_INET = 2;
/** Node's. */
const DEFAULT_BACKLOG = 511;
/** struct sockaddr_in6, the larger one. */
const NAME_OCTETS = 28;

const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;

/** Connections taken before the loop looks at its packets again. */
const ARRIVALS_PER_TURN = 2;

/** Kept: one that nobody refers to is collected, and then closed. */
const listening = new Set<ReadablePoll>();

/** Asked before a connection is taken: 0, or milliseconds for which all at this door have to wait. */
export type ArrivalPace = () => number;

/**
 * Listening, at the pace of a door; what is waited for is waited for together.
 * @throws LessorError `socket-open` where there are no native sockets
 */
export function nativeTcp(clock: Pick<Clock, 'after'>): (pace: ArrivalPace) => ListenTcp {
  const libc = linuxLibc();
  const system: System = { libc, watch: new ReadableWatch(libc), room: Buffer.alloc(MOST_PEEKED_OCTETS) };
  const name = new Uint8Array(new ArrayBuffer(NAME_OCTETS));
  const length = new Uint32Array(new ArrayBuffer(4));
  const [nameAt, lengthAt] = [libc.addressOf(name.buffer), libc.addressOf(length.buffer)];
  return (pace) => (place, arrived) => {
    const fd = bindDeviceSocket(place);
    if (libc.listen(fd, place.backlog ?? DEFAULT_BACKLOG) < 0) {
      const error = `${place.address} port ${place.port}: listen: ${errnoText(libc.errno())} (${errnoName(libc.errno())})`;
      libc.close(fd);
      throw new LessorError('socket-open', error);
    }
    const poll = libc.poll(fd);
    listening.add(poll);
    let cancel = (): void => undefined;
    const pause = (ms: number): void => {
      poll.rest();
      cancel = clock.after(ms, () => poll.start({ readable: true }, takeSome));
    };
    const takeSome = (): void => {
      for (let taken = 0; taken < ARRIVALS_PER_TURN; taken++) {
        const waitMs = pace();
        if (waitMs > 0) {
          pause(waitMs);
          return;
        }
        length[0] = NAME_OCTETS;
        const accepted = acceptNext(libc, fd, nameAt, lengthAt);
        if (typeof accepted === 'string') {
          if (accepted === 'exhausted') pause(EXHAUSTED_PAUSE_MS);
          return;
        }
        arrived(new LinuxTcpArrival(system, accepted, sourceIn(name), place.allowHalfOpen ?? false));
      }
    };
    poll.start({ readable: true }, takeSome);
    return {
      ...boundName(libc, fd),
      close: () => {
        cancel();
        listening.delete(poll);
        poll.close();
        libc.close(fd);
      },
    };
  };
}

/** What all of them share. */
interface System {
  readonly libc: LinuxLibc;
  readonly watch: ReadableWatch;
  /** For what is looked at. */
  readonly room: Buffer;
}

class LinuxTcpArrival implements TcpArrival {
  constructor(
    private readonly system: System,
    private readonly fd: number,
    readonly source: string,
    private readonly allowHalfOpen: boolean,
  ) {}

  whenReadable(waiter: ArrivalWaiter): boolean {
    return this.system.watch.add(this.fd, waiter);
  }

  peek(): Buffer {
    const { libc, room } = this.system;
    return room.subarray(0, Math.max(0, libc.recv(this.fd, room, room.length, MSG_PEEK | MSG_DONTWAIT)));
  }

  adopt(): Socket {
    this.system.watch.remove(this.fd);
    return new Socket({ fd: this.fd, allowHalfOpen: this.allowHalfOpen, readable: true, writable: true });
  }

  refuse(): void {
    this.system.watch.remove(this.fd);
    this.system.libc.close(this.fd);
  }
}

/** The address in a struct sockaddr_in or sockaddr_in6, as node:net writes it. */
function sourceIn(name: Uint8Array): string {
  if ((name[0]! | (name[1]! << 8)) === AF_INET) return addressOfOctets(name.subarray(4, 8));
  const octets = name.subarray(8, 24);
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255;
  if (mapped) return `::ffff:${octets.subarray(12).join('.')}`;
  const address = addressOfOctets(octets);
  if (!isLinkLocal(address)) return address;
  const scope = new DataView(name.buffer, name.byteOffset).getUint32(24, true);
  return `${address}%${interfaceOf(scope) ?? scope}`;
}

function interfaceOf(scope: number): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((one) => one.family === 'IPv6' && one.scopeid === scope)) return name;
  }
  return undefined;
}

function boundName(libc: LinuxLibc, fd: number): { readonly address: string; readonly port: number } {
  const name = Buffer.alloc(NAME_OCTETS);
  libc.getsockname(fd, name, Buffer.from([NAME_OCTETS, 0, 0, 0]));
  return { address: sourceIn(name), port: name.readUInt16BE(2) };
}
