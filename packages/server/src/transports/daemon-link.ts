/** One command to a daemon over its unix socket: a connection for each, as Kea's Control Agent does it. */

import { connect } from 'node:net';
import { CommandFramer } from '@lessor/kea';
import type { Clock } from '../services/ports.js';
import { systemReason } from './system-reason.js';

/** Bounds of an exchange. */
export interface DaemonLinkLimits {
  /** How long the daemon may take from one octet to the next (Kea: 60 s). */
  readonly timeoutMs: number;
  /** Longest answer. */
  readonly maxAnswerOctets: number;
}

/** The bounds in use unless a test gives others: a million leases are 300 MB. */
export const DEFAULT_LINK_LIMITS: DaemonLinkLimits = { timeoutMs: 60_000, maxAnswerOctets: 512 * 1024 * 1024 };

/**
 * Sends a command and collects the answer up to the bracket that closes it.
 * @param path of the daemon's socket
 * @param command a binary string
 * @throws Error whose message is the system's or Kea's words for what is wrong
 */
export function askDaemon(
  path: string,
  command: string,
  clock: Pick<Clock, 'after'>,
  limits: DaemonLinkLimits = DEFAULT_LINK_LIMITS,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const framer = new CommandFramer(limits.maxAnswerOctets);
    const socket = connect({ path, allowHalfOpen: true });
    const finish = (error: Error | undefined) => {
      cancel();
      socket.destroy();
      if (error === undefined) resolve(Buffer.from(framer.text(), 'latin1'));
      else reject(error);
    };
    const giveTime = () => clock.after(limits.timeoutMs, () => finish(new Error('Connection timed out')));
    let cancel = giveTime();
    socket.on('data', (chunk) => {
      cancel();
      cancel = giveTime();
      const result = framer.push(chunk);
      if (result.state === 'complete') finish(undefined);
      else if (result.state === 'invalid') finish(new Error(`the answer is not JSON (${result.text})`));
    });
    socket.once('end', () => finish(new Error('End of file')));
    socket.once('error', (error) => finish(new Error(systemReason(error))));
    socket.once('close', () => finish(new Error('End of file')));
    socket.write(Buffer.from(command, 'latin1'));
  });
}
