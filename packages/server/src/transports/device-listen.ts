/** Listening on an address, or on an address of one device only. Any server of node:net, node:http or node:https. */

import type { Server } from 'node:net';
import type { BindDevice } from '../services/ports.js';

/** Where to listen. */
export interface ListenPlace {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** Only what comes in through this interface is accepted. */
  readonly device?: string;
  /** Connections the kernel holds until they are accepted; Node's default if absent. */
  readonly backlog?: number;
}

/**
 * Resolves when a server listens.
 * @throws LessorError socket-open or the system's error if the place can not be had
 */
export function listenAt(
  server: Server,
  { address, port, device, backlog }: ListenPlace,
  bindDevice: BindDevice,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // The kernel itself binds a link-local address to the interface that is its zone.
    const plain = device === undefined || address.endsWith(`%${device}`);
    const where = plain ? { host: address, port } : { fd: bindDevice({ address, port, device }) };
    server.once('error', reject);
    server.listen({ ...where, ...(backlog === undefined ? {} : { backlog }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
