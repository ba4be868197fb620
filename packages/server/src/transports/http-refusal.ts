/** What is said where a request gets no answer of a command: a status, and Kea's bare object as body. */

import type { Duplex } from 'node:stream';
import { formatAnswer } from '@lessor/kea';

/** Reason phrases of the statuses we answer with, as Kea has them. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Content Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** The words that go with a status. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? 'Error';
}

/** The body of a refusal: a bare object, not in a list as answers of commands are. */
export function errorBody(status: number): Buffer {
  return Buffer.from(formatAnswer({ result: status, text: reasonOf(status) }), 'latin1');
}

/** Answers where there is no request object, and closes. */
export function refuseRaw(socket: Duplex, status: number): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = errorBody(status);
  const head = [
    `HTTP/1.1 ${status} ${reasonOf(status)}`,
    `Content-Length: ${body.length}`,
    'Content-Type: application/json',
    'Connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]), () => socket.destroy());
}
