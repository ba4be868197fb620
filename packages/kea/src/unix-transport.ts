/** A daemon's unix socket: a connection for each command, the answer ends where the connection does. */

import { connect, type Socket } from 'node:net';
import { ConnectionError } from './errors.js';
import { Limiter } from './limiter.js';
import type { Transport } from './transport.js';

/** See the head of this file. */
export class UnixTransport implements Transport {
  private readonly limiter: Limiter;
  private readonly sockets = new Set<Socket>();

  constructor(
    private readonly path: string,
    maxConnections: number,
  ) {
    this.limiter = new Limiter(maxConnections);
  }

  exchange(command: Buffer, _repeatable: boolean, signal: AbortSignal): Promise<Buffer> {
    return this.limiter.run(signal, () => this.converse(command, signal));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private converse(command: Buffer, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(this.path);
      const abort = (): void => {
        reject(signal.reason);
        socket.destroy();
      };
      if (signal.aborted) {
        abort();
        return;
      }
      this.sockets.add(socket);
      signal.addEventListener('abort', abort, { once: true });
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('end', () => resolve(Buffer.concat(chunks)));
      socket.once('error', (error: NodeJS.ErrnoException) => reject(this.failure(error)));
      socket.once('close', () => {
        this.sockets.delete(socket);
        signal.removeEventListener('abort', abort);
        reject(new ConnectionError(`${this.path}: closed before the answer was whole`, undefined));
      });
      socket.write(command);
    });
  }

  private failure(error: NodeJS.ErrnoException): ConnectionError {
    return new ConnectionError(`${this.path}: ${error.message}`, error.code, { cause: error });
  }
}
