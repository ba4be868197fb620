/**
 * TCP sockets of one device, for doors that must not be reached through any other: Linux takes a packet for each of
 * its addresses on whichever interface it comes in, so an address alone keeps nobody out (ip(7), socket(7)
 * SO_BINDTODEVICE). Node can not ask for that itself; it takes a bound socket by its descriptor.
 */

import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { LessorError } from '../errors.js';
import type { TcpPlace } from '../services/ports.js';
import { isLinkLocal, octetsOfIpv6 } from './ip-octets.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc } from './linux-libc.js';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;

/**
 * A TCP socket bound to a place and not listening yet: for net.Server.listen({ fd }), which owns it from then on.
 * @throws LessorError socket-open, with what to do about it
 */
export function bindDeviceSocket({ address, port, device }: TcpPlace): number {
  const libc = linuxLibc();
  const place = `${address} port ${port}${device === undefined ? '' : ` on interface ${device}`}`;
  const name = isIPv4(address) ? socketName4(address, port) : socketName6(address, port, device);
  const fd = libc.socket(isIPv4(address) ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(place, 'socket', libc.errno());
  try {
    // As Node does: a port whose last connections are still waiting out their time can be taken again.
    setOption(libc, fd, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]), place);
    if (device !== undefined) setOption(libc, fd, SO_BINDTODEVICE, Buffer.from(`${device}\0`), place);
    if (libc.bind(fd, name, name.length) < 0) throw failure(place, 'bind', libc.errno());
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function setOption(libc: LinuxLibc, fd: number, option: number, value: Buffer, place: string): void {
  if (libc.setsockopt(fd, SOL_SOCKET, option, value, value.length) < 0) {
    const name = option === SO_BINDTODEVICE ? 'SO_BINDTODEVICE' : 'SO_REUSEADDR';
    throw failure(place, name, libc.errno());
  }
}

/** struct sockaddr_in. */
function socketName4(address: string, port: number): Buffer {
  const name = Buffer.alloc(16);
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address.split('.').map(Number), 4);
  return name;
}

/** struct sockaddr_in6; the scope of a link-local address is the device. */
function socketName6(address: string, port: number, device: string | undefined): Buffer {
  const name = Buffer.alloc(28);
  name.writeUInt16LE(AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name.set(octetsOfIpv6(address), 8);
  const zone = address.split('%')[1] ?? device ?? '';
  const own = networkInterfaces()[zone]?.find((one) => one.family === 'IPv6' && one.scopeid !== 0);
  if (isLinkLocal(address)) name.writeUInt32LE(own?.scopeid ?? 0, 24);
  return name;
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
  EPERM: 'this needs root or CAP_NET_RAW',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'the address is not on this machine',
  ENODEV: 'there is no such interface',
};

function failure(place: string, what: string, errno: number): LessorError {
  const name = errnoName(errno);
  const hint = ADVICE[name];
  const text = `${place}: ${what}: ${errnoText(errno)} (${name})${hint === undefined ? '' : `; ${hint}`}`;
  return new LessorError('socket-open', text);
}
