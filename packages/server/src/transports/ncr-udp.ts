/** The UDP socket name change requests leave by (Kea: dhcp-ddns, ncr-protocol UDP). */

import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { DdnsConnection } from '../domain/ddns/behaviour.js';
import { LessorError } from '../errors.js';
import type { Clock, NcrLink } from '../services/ports.js';

/**
 * Opens the socket, bound to sender-ip and sender-port.
 * @throws LessorError socket-open
 */
export async function openNcrLink(
  { serverAddress, serverPort, senderAddress, senderPort }: DdnsConnection,
  clock: Pick<Clock, 'soon'>,
): Promise<NcrLink> {
  // A fixed port is taken over from the socket of the configuration before while that one is still open.
  const type = isIPv6(serverAddress) ? 'udp6' : 'udp4';
  const socket = createSocket({ type, reuseAddr: senderPort !== 0 });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      reject(new LessorError('socket-open', `dhcp-ddns: ${senderAddress} port ${senderPort}: ${error.message}`));
    });
    socket.bind({ address: senderAddress, port: senderPort, exclusive: true }, resolve);
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  socket.removeAllListeners('error');
  socket.unref();
  return new ConnectedLink(socket, serverAddress, serverPort, clock);
}

/** Connected, so that the system says when nobody listens there (ICMP port unreachable). */
class ConnectedLink implements NcrLink {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #port: number;
  readonly #clock: Pick<Clock, 'soon'>;
  #connected = false;
  #refusal: Error | undefined;
  #closed = false;

  constructor(socket: Socket, address: string, port: number, clock: Pick<Clock, 'soon'>) {
    this.#socket = socket;
    this.#address = address;
    this.#port = port;
    this.#clock = clock;
    socket.on('error', (error) => {
      this.#refusal = error;
    });
    // The update server answers nothing; what comes is read and thrown away.
    socket.on('message', () => undefined);
  }

  async deliver(datagrams: readonly Uint8Array[]): Promise<void> {
    if (this.#closed) throw new Error('the socket is closed');
    this.#refusal = undefined;
    if (!this.#connected) await this.#connect();
    const errors = await Promise.all(datagrams.map((octets) => this.#send(octets)));
    // A refusal is read from the socket when the loop has looked at it again.
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => this.#clock.soon(resolve));
    const error = this.#refusal ?? errors.find((each) => each !== undefined);
    if (error !== undefined) throw error;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        this.#connected = error === undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#socket.connect(this.#port, this.#address, done);
    });
  }

  #send(octets: Uint8Array): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        this.#socket.send(octets, (error) => resolve(error ?? undefined));
      } catch (error) {
        resolve(error as Error);
      }
    });
  }
}
