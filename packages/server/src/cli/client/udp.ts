/** The way to a server as a UDP host: on loopback, or as a relay. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { formatIpv4, type Ipv4 } from '../../domain/values.js';
import { LessorError } from '../../errors.js';
import type { ClientLink } from './link.js';
import type { ClientSettings } from './options.js';

/** Port a relay listens on when it can (RFC 2131 §4.1). */
const RELAY_PORT = 67;

/** Opens a way for settings that name no interface. @throws LessorError socket-open */
export async function openUdpLink(settings: ClientSettings): Promise<ClientLink> {
  const server = settings.server!;
  const address = settings.relay ?? (server >>> 24 === 127 ? 0x7f00_0001 : (settings.requested ?? 0));
  const wanted = settings.clientPort ?? (settings.relay === undefined ? 0 : RELAY_PORT);
  const socket = await bindUdp(address, wanted, settings.clientPort === undefined);
  const { port } = socket.address();
  return {
    description: `${formatIpv4(address)}:${port}`,
    unusualPort: port !== settings.serverPort,
    send(octets) {
      socket.send(octets, settings.serverPort, formatIpv4(server));
      return `${formatIpv4(server)}:${settings.serverPort}`;
    },
    onMessage: (receive) => {
      socket.on('message', (octets, from) => receive(octets, `${from.address}:${from.port}`));
    },
    adopt: () => {},
    close: () => socket.close(),
  };
}

/** Binds the wanted port, or any if it may be another one. */
async function bindUdp(address: Ipv4, wanted: number, mayBeOther: boolean): Promise<Socket> {
  for (const port of mayBeOther && wanted !== 0 ? [wanted, 0] : [wanted]) {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    try {
      socket.bind({ address: formatIpv4(address), port, exclusive: true });
      await once(socket, 'listening');
      // A server that is not there is reported by ICMP; that is no more than no answer.
      socket.on('error', () => {});
      return socket;
    } catch (cause) {
      socket.close();
      const { code, message } = cause as NodeJS.ErrnoException;
      const onlyThisPort = code === 'EACCES' || code === 'EADDRINUSE';
      if (port !== 0 && mayBeOther && onlyThisPort) continue;
      throw new LessorError('socket-open', `${formatIpv4(address)}, port ${port}: ${message}`, { cause });
    }
  }
  throw new LessorError('socket-open', `${formatIpv4(address)}: no port is free`);
}
