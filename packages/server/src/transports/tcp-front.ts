/** Listening for TCP: connections from system calls where the machine has them, else from node:net. */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { LessorError } from '../errors.js';
import type { BindDevice, ListenTcp, TcpArrival, TcpFront, TcpPlace } from '../services/ports.js';
import { FairTurns, type TurnClock } from './fair-turns.js';

/** What a front works with. */
export interface FrontDeps {
  readonly clock: TurnClock;
  /** By system calls; node:net if absent. */
  readonly listenTcp?: ListenTcp | undefined;
  /** Binds a socket to an interface; needed by node:net where a place names one. */
  readonly bindDevice?: BindDevice | undefined;
}

/** node:net: new connections that are handed on before the loop looks at its packets again. */
const ARRIVALS_PER_TURN = 8;

/**
 * Listens.
 * @throws LessorError `socket-open` with the place and the system's reason
 */
export async function openTcpFront(
  place: TcpPlace,
  { clock, listenTcp, bindDevice }: FrontDeps,
  arrived: (arrival: TcpArrival) => void,
): Promise<TcpFront> {
  const where = `${place.address}:${place.port}${place.device === undefined ? '' : ` on ${place.device}`}`;
  try {
    if (listenTcp !== undefined) return listenTcp(place, arrived);
    if (place.device !== undefined && bindDevice === undefined) {
      throw new Error('sockets can not be bound to interfaces here');
    }
    const turns = new FairTurns(clock, ARRIVALS_PER_TURN);
    const { allowHalfOpen = false } = place;
    const server = createServer({ allowHalfOpen, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      const hand = (): boolean => {
        if (!socket.destroyed) arrived(arrivalOf(socket));
        return false;
      };
      turns.add({ step: hand, rest: () => undefined });
    });
    await listenAt(server, place, bindDevice ?? (() => -1));
    const { address, port } = server.address() as AddressInfo;
    return { address, port, close: () => server.close() };
  } catch (error) {
    throw new LessorError('socket-open', `unable to bind ${where}: ${(error as Error).message}`);
  }
}

/** Resolves when the server listens; rejects if the place can not be had. */
function listenAt(server: Server, { address, port, device, backlog }: TcpPlace, bindDevice: BindDevice): Promise<void> {
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

function arrivalOf(socket: Socket): TcpArrival {
  return {
    source: socket.remoteAddress ?? '',
    adopt() {
      socket.resume();
      return socket;
    },
    refuse: () => socket.destroy(),
  };
}
