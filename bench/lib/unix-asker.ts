/**
 * Commands over unix sockets by blocking system calls: a connection of node:net costs more than the command it carries,
 * and the server that is measured must be the limit, not we.
 */

import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_STREAM = 1;

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, void *address, uint32_t length)');
const send = libc.func('intptr_t send(int fd, void *octets, size_t length, int flags)');
const recv = libc.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)');
const close = libc.func('int close(int fd)');

/** Asks one command of one server. */
export class UnixAsker {
  private readonly address: Buffer;
  private readonly command: Buffer;
  private readonly buffer = Buffer.alloc(256 * 1024);

  constructor(path: string, command: string) {
    this.address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path), Buffer.from([0])]);
    this.command = Buffer.from(command);
  }

  /** Opens a connection and sends the command. @returns its descriptor, for {@link read}. @throws Error */
  ask(): number {
    const fd = socket(AF_UNIX, SOCK_STREAM, 0) as number;
    if (fd < 0 || connect(fd, this.address, this.address.length) < 0) throw failure('connect');
    if (send(fd, this.command, this.command.length, 0) !== this.command.length) throw failure('send');
    return fd;
  }

  /** Reads the answer to its end and closes. @returns its octets. @throws Error if there is none */
  read(fd: number): number {
    let octets = 0;
    for (;;) {
      const got = recv(fd, this.buffer, this.buffer.length, 0) as number;
      if (got < 0) throw failure('recv');
      if (got === 0) break;
      octets += got;
    }
    close(fd);
    if (octets === 0) throw new Error('no answer');
    return octets;
  }
}

function failure(call: string): Error {
  return new Error(`${call}: errno ${koffi.errno()}`);
}
