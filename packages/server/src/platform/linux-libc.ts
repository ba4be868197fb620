/**
 * The C library, as far as DHCP sockets need it, through koffi. The package is loaded on first use, so that a machine
 * without it (or without Linux) can still run on plain sockets.
 *
 * Pointers to our own memory are passed as numbers (`uintptr_t`): an address in user space fits in 53 bits, and a
 * number costs nothing to pass.
 */

import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';
import { LessorError } from '../errors.js';

/** Calls back while a descriptor is readable, from libuv's own poll; it never reads by itself. */
export interface ReadablePoll {
  start(options: { readable: boolean }, callback: () => void): void;
  stop(): void;
  /** Calls nobody back, but keeps the process alive as a poll does that waits. */
  rest(): void;
  close(): void;
  unref(): void;
  ref(): void;
}

/** The calls of section 2 and 3 of the Linux manual that lessor makes. All return -1 on failure, see {@link errno}. */
export interface LinuxLibc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  recv(fd: number, buffer: Uint8Array, length: number, flags: number): number;
  send(fd: number, octets: Uint8Array, length: number, flags: number): number;
  recvfrom(
    fd: number,
    buffer: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: Uint8Array,
  ): number;
  sendto(
    fd: number,
    octets: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
  recvmmsg(fd: number, headers: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, headers: number, count: number, flags: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: number, length: number, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: number): number;
  epoll_wait(epoll: number, events: number, count: number, timeoutMs: number): number;
  close(fd: number): number;
  getifaddrs(result: Uint8Array): number;
  freeifaddrs(list: number): void;
  /** Number of the last error of this thread; ask at once after the call. */
  errno(): number;
  /** Where in memory an ArrayBuffer is. It never moves, but it must be kept referenced while the kernel may use it. */
  addressOf(buffer: ArrayBuffer): number;
  /** A window on memory that is not ours; valid only until its owner frees it. */
  viewOf(address: number, length: number): DataView;
  /** The text up to the next zero octet. */
  textAt(address: number): string;
  poll(fd: number): ReadablePoll;
}

/** Structure layouts in platform/linux-mmsg.ts hold for 64-bit little-endian Linux; these are the ones Node runs on. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64'];

let loaded: LinuxLibc | undefined;

/** The C library; the same object each time. @throws LessorError socket-open on another system or without koffi. */
export function linuxLibc(): LinuxLibc {
  loaded ??= load();
  return loaded;
}

function load(): LinuxLibc {
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch)) {
    throw new LessorError('socket-open', `no native sockets on ${process.platform}/${process.arch}`);
  }
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (cause) {
    throw new LessorError(
      'socket-open',
      'the package "koffi" can not be loaded: run npm install where lessor is, or set LESSOR_SOCKETS=plain to do without',
      { cause },
    );
  }
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, void *address, uint32_t length)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    recv: library.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)'),
    send: library.func('intptr_t send(int fd, void *octets, size_t length, int flags)'),
    recvfrom: library.func(
      'intptr_t recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *address_length)',
    ),
    sendto: library.func(
      'intptr_t sendto(int fd, void *octets, size_t length, int flags, void *address, uint32_t address_length)',
    ),
    recvmmsg: library.func('int recvmmsg(int fd, uintptr_t headers, uint32_t count, int flags, uintptr_t timeout)'),
    sendmmsg: library.func('int sendmmsg(int fd, uintptr_t headers, uint32_t count, int flags)'),
    listen: library.func('int listen(int fd, int backlog)'),
    accept4: library.func('int accept4(int fd, uintptr_t address, uintptr_t length, int flags)'),
    getsockname: library.func('int getsockname(int fd, void *address, void *length)'),
    epoll_create1: library.func('int epoll_create1(int flags)'),
    epoll_ctl: library.func('int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)'),
    epoll_wait: library.func('int epoll_wait(int epoll, uintptr_t events, int count, int timeout)'),
    close: library.func('int close(int fd)'),
    getifaddrs: library.func('int getifaddrs(void *result)'),
    freeifaddrs: library.func('void freeifaddrs(uintptr_t list)'),
    errno: () => koffi.errno(),
    addressOf: (buffer) => Number(koffi.address(buffer)),
    viewOf: (address, length) => new DataView(koffi.view(BigInt(address), length)),
    textAt: (address) => koffi.decode.string(BigInt(address)),
    poll: (fd) => {
      let handle: ReturnType<typeof koffi.node.poll> | undefined;
      return {
        start: (options, callback) => {
          if (handle === undefined) handle = koffi.node.poll(fd, options, callback);
          else handle.start(options, callback);
        },
        stop: () => handle?.stop(),
        // A socket that listens is never disconnected.
        rest: () => handle?.start({ readable: false, disconnect: true }, () => undefined),
        close: () => handle?.close(),
        unref: () => handle?.unref(),
        ref: () => handle?.ref(),
      };
    },
  };
}

/** Name of an errno number: 11 is EAGAIN. */
export function errnoName(number: number): string {
  return getSystemErrorMap().get(-number)?.[0] ?? `errno ${number}`;
}

/** Text of an errno number: 98 is "address already in use". */
export function errnoText(number: number): string {
  return getSystemErrorMap().get(-number)?.[1] ?? `error ${number}`;
}
