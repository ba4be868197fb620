/** UDP sockets that send and receive through one device alone (socket(7) SO_BINDTODEVICE): for asking clients. */

import { createSocket } from 'node:dgram';
import { formatIpv4, type Ipv4, parseIpv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { PingSocket } from '../services/ports.js';
import { errnoName, errnoText, linuxLibc } from './linux-libc.js';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;

/** See OpenPingSocket of services/ports.ts. */
export function openPingSocket(
  device: string,
  received: (octets: Uint8Array, from: Ipv4, port: number) => void,
): PingSocket {
  const fd = boundDescriptor(device);
  const socket = createSocket('udp4');
  // What can not be sent (no route, nobody answers ARP) is as good as no answer.
  socket.on('error', () => undefined);
  socket.on('message', (octets, { address, port }) => {
    const from = parseIpv4(address);
    if (from !== undefined) received(octets, from, port);
  });
  socket.bind({ fd });
  socket.unref();
  return {
    send: (octets, to, port) => socket.send(octets, port, formatIpv4(to), () => undefined),
    close: () => void socket.close(),
  };
}

function boundDescriptor(device: string): number {
  const libc = linuxLibc();
  const fd = libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(device, 'socket', libc.errno());
  const name = Buffer.from(`${device}\0`);
  if (libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw failure(device, 'SO_BINDTODEVICE', errno);
  }
  const anywhere = Buffer.alloc(16); // struct sockaddr_in: any address, any port
  anywhere.writeUInt16LE(AF_INET, 0);
  if (libc.bind(fd, anywhere, anywhere.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw failure(device, 'bind', errno);
  }
  return fd;
}

function failure(device: string, what: string, errno: number): LessorError {
  return new LessorError(
    'socket-open',
    `UDP on interface ${device}: ${what}: ${errnoText(errno)} (${errnoName(errno)})`,
  );
}
