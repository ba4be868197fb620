/** The body of a request to a control socket: what its headers say of it, and reading it within bounds. */

import type { IncomingMessage } from 'node:http';
import { JsonSyntaxError, type JsonValue, parseCommandJson } from '@lessor/kea';
import type { HttpDeadlines } from './http-deadlines.js';
import type { InputMeter } from './input-meter.js';
import type { ListenerLimits } from './listener.js';

/** `application/json` in any case, with any parameters (Kea takes none). */
export function isJson({ headers }: IncomingMessage): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

/** True if there is a body, or one of no octets. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Octets of a request before its body, near enough. */
export function headerOctets({ url = '', rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, { length }) => sum + length + 2, url.length + 16);
}

/** Octets the body is said to have; without a length more than any bound. */
export function bodyLength({ headers }: IncomingMessage): number {
  return headers['content-length'] === undefined ? Number.POSITIVE_INFINITY : Number(headers['content-length']);
}

/**
 * The body as a binary string, or the status to refuse it with. The timer starts anew with every read.
 * Rejects with the error of the connection.
 */
export function readBody(
  request: IncomingMessage,
  deadlines: HttpDeadlines,
  { maxCommandOctets, requestTimeoutMs }: ListenerLimits,
  meter?: InputMeter,
): Promise<string | number> {
  const { socket, headers } = request;
  const chunks: Buffer[] = [];
  let octets = 0;
  if (headers['content-length'] !== undefined && bodyLength(request) > maxCommandOctets) return Promise.resolve(413);
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (body: string | number) => {
      // The request closes when its answer has left: the connection's deadline is another one's by then.
      if (settled) return;
      settled = true;
      deadlines.cancel(socket);
      resolve(body);
    };
    const giveTime = () => deadlines.set(socket, requestTimeoutMs, () => settle(408));
    giveTime();
    request.on('data', (chunk: Buffer) => {
      if (settled) return;
      octets += chunk.length;
      if (octets > maxCommandOctets) {
        chunks.length = 0;
        settle(413);
      } else {
        giveTime();
        chunks.push(chunk);
        meter?.charge(chunk.length, request);
      }
    });
    request.on('end', () => settle(Buffer.concat(chunks).toString('latin1')));
    request.on('error', reject);
    request.on('close', () => settle(400));
  });
}

/** The JSON of a body; undefined: it is none. No octets at all are null, which the caller tells apart. */
export function parseBody(body: string): JsonValue | undefined {
  if (body === '') return null;
  try {
    return parseCommandJson(body, { comments: false });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
