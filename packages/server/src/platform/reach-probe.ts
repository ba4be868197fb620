/** Trying a TCP door from one device and address of this machine. */

import { Socket } from 'node:net';
import type { Clock } from '../services/ports.js';
import { bindDeviceSocket } from './device-listener.js';

/** What became of an attempt. `turned-away`: accepted, and closed before an octet was exchanged. */
export type Attempt = 'open' | 'turned-away' | 'refused' | 'silent' | 'unreachable' | { readonly impossible: string };

/** Where to and whence. */
export interface Doorstep {
  readonly address: string;
  readonly port: number;
  readonly device: string;
  readonly source: string;
}

/** How long an answer is waited for, and how long a door that opened may take to turn us away. */
const ANSWER_MS = 700;
const TURNED_AWAY_MS = 150;

/** Connects through the device (SO_BINDTODEVICE) from the address and says what became of it. Never rejects. */
export function tryDoor({ address, port, device, source }: Doorstep, clock: Pick<Clock, 'after'>): Promise<Attempt> {
  return new Promise((resolve) => {
    let fd: number;
    try {
      fd = bindDeviceSocket({ address: source, port: 0, device });
    } catch (error) {
      resolve({ impossible: (error as Error).message });
      return;
    }
    const socket = new Socket({ fd });
    let cancel = clock.after(ANSWER_MS, () => settle('silent'));
    const settle = (attempt: Attempt): void => {
      cancel();
      socket.destroy();
      resolve(attempt);
    };
    let connected = false;
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (connected) settle('turned-away');
      else settle(code === 'ECONNREFUSED' ? 'refused' : code === 'ETIMEDOUT' ? 'silent' : 'unreachable');
    });
    socket.once('close', () => settle('turned-away'));
    // The address of a link has a meaning with the device only.
    const host = /^fe[89ab]/i.test(address) ? `${address.replace(/%.*$/, '')}%${device}` : address;
    socket.connect({ host, port }, () => {
      connected = true;
      cancel();
      cancel = clock.after(TURNED_AWAY_MS, () => settle('open'));
      socket.once('end', () => settle('turned-away'));
      socket.resume();
    });
  });
}
