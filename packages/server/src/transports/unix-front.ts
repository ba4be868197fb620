/** Binding a unix control socket: its lock, its mode, and connections from system calls or from node:net. */

import { chmodSync, rmSync, unlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { LessorError } from '../errors.js';
import type { UnixArrival } from '../services/ports.js';
import { CONNECTION_BACKLOG, type ListenerDeps } from './listener.js';

/** sun_path of Linux without its final NUL. */
const MAX_PATH_OCTETS = 107;

/** Who is told of connections. Called only after {@link openFront} has resolved. */
export interface FrontHandlers {
  /** A connection as a stream. */
  accept(socket: Socket): void;
  /** A connection that is none yet. */
  arrive(arrival: UnixArrival): void;
}

/** A bound socket. */
export interface UnixFront {
  /** Stops listening and removes the socket and its lock file; connections stay. */
  close(): void;
}

/**
 * Locks `<path>.lock`, removes an old socket and binds under umask 0007, so the mode is 0770.
 * @throws LessorError `socket-open`
 */
export async function openFront(
  path: string,
  deps: Pick<ListenerDeps, 'lock' | 'listenUnix'>,
  handlers: FrontHandlers,
): Promise<UnixFront> {
  if (Buffer.byteLength(path) > MAX_PATH_OCTETS) {
    throw new LessorError('socket-open', `unix socket path is longer than ${MAX_PATH_OCTETS} bytes: ${path}`);
  }
  const lock = takeLock(path, deps);
  try {
    rmSync(path, { force: true });
    const { listenUnix } = deps;
    const close =
      listenUnix === undefined
        ? await listenToStreams(path, (socket) => handlers.accept(socket))
        : withUmask(() => listenUnix(path, CONNECTION_BACKLOG, (arrival) => handlers.arrive(arrival)));
    // The umask made it so on Linux; elsewhere the mode of a socket may come from somewhere else.
    chmodSync(path, 0o770);
    return {
      close() {
        close();
        removeFile(path);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw new LessorError('socket-open', `unable to bind unix socket ${path}: ${(error as Error).message}`);
  }
}

function listenToStreams(path: string, accept: (socket: Socket) => void): Promise<() => void> {
  const server = createServer({ allowHalfOpen: true }, accept);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    withUmask(() =>
      server.listen({ path, backlog: CONNECTION_BACKLOG }, () => {
        server.off('error', reject);
        resolve(() => server.close());
      }),
    );
  });
}

/** Both ways of binding are synchronous, so that the umask of the process is changed for that moment only. */
function withUmask<T>(bind: () => T): T {
  const umask = process.umask(0o007);
  try {
    return bind();
  } finally {
    process.umask(umask);
  }
}

function takeLock(path: string, deps: Pick<ListenerDeps, 'lock'>): { release(): void } {
  const lockPath = `${path}.lock`;
  try {
    const lock = deps.lock(lockPath);
    return {
      release() {
        removeFile(lockPath);
        lock.release();
      },
    };
  } catch (error) {
    throw new LessorError('socket-open', `cannot lock socket lockfile, ${lockPath}: ${(error as Error).message}`);
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already: that is what was wanted.
  }
}
