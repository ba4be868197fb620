/** The first server's part of becoming a pair: waits for the second one, knows it by the secret, certifies its key. */

import { createHash, timingSafeEqual, verify } from 'node:crypto';
import { isIP } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { LessorError } from '../../errors.js';
import { readPublicKey } from '../pki/authority.js';
import { JOIN_CONTEXT, type JoinOffer, type JoinRequest, JsonLines, MAX_REQUEST_OCTETS, textOf } from './messages.js';

/** Wrong secrets after which nobody is listened to any more: the secret can not be guessed, the trying shows. */
const MAX_FAILURES = 5;
/** How long a connection may take to say who it is. */
const REQUEST_MS = 10_000;

/** What the first server waits with. */
export interface Waiting {
  /** Certificate and key it shows, PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly secret: Buffer;
  /** Where it listens: an address and port, or a socket that is bound already. */
  readonly place: { readonly host: string; readonly port: number } | { readonly fd: number };
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** What the partner gets. @throws LessorError with what is wrong, which the partner is told */
  offer(request: JoinRequest, publicKey: ReturnType<typeof readPublicKey>): JoinOffer;
  /** The partner has stored everything: now this side. @throws whatever is wrong, which the partner is told */
  stored(request: JoinRequest): Promise<void>;
  /** Somebody tried and was refused. */
  refused(from: string, why: string): void;
}

/**
 * Resolves with the partner when both sides have stored the relation.
 * @throws LessorError `pair-setup` if nobody comes in time, or too many come with a wrong secret
 */
export function waitForPartner(waiting: Waiting): Promise<JoinRequest> {
  const { certificate, key, place, waitMs, signal } = waiting;
  const server = createServer({ cert: certificate, key, minVersion: 'TLSv1.3' });
  const open = new Set<TLSSocket>();
  let failures = 0;
  let busy = false;
  return new Promise<JoinRequest>((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      server.close();
      for (const socket of open) socket.destroy();
      settle();
    };
    const fail = (text: string): void => end(() => reject(new LessorError('pair-setup', text)));
    const timer = setTimeout(() => fail('no partner came in time'), waitMs);
    signal?.addEventListener('abort', () => fail('interrupted'), { once: true });
    server.on('error', (error) => fail(error.message));
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => open.delete(socket));
      // One at a time: who comes second finds the door busy and can come again.
      if (busy) return void socket.destroy();
      busy = true;
      converse(socket, waiting).then(
        (request) => socket.end(() => end(() => resolve(request))),
        (error: unknown) => {
          busy = false;
          const text = error instanceof Error ? error.message : String(error);
          waiting.refused(socket.remoteAddress ?? 'somebody', text);
          socket.end(`${JSON.stringify({ error: text })}\n`);
          if (error instanceof WrongSecret && ++failures >= MAX_FAILURES) fail('too many came with a wrong secret');
        },
      );
    });
    server.listen(place);
  });
}

class WrongSecret extends LessorError {}

async function converse(socket: TLSSocket, waiting: Waiting): Promise<JoinRequest> {
  const lines = new JsonLines(socket);
  const clock = setTimeout(() => socket.destroy(), REQUEST_MS);
  try {
    const request = requestFrom(await lines.receive(MAX_REQUEST_OCTETS));
    const same = timingSafeEqual(digest(Buffer.from(request.secret, 'base64')), digest(waiting.secret));
    if (!same) throw new WrongSecret('pair-setup', 'the secret is not that of the token');
    const publicKey = readPublicKey(Buffer.from(request.publicKey, 'base64'));
    const material = socket.exportKeyingMaterial(32, JOIN_CONTEXT, Buffer.alloc(0));
    if (!verify('sha256', material, publicKey, Buffer.from(request.proof, 'base64'))) {
      throw new LessorError('pair-setup', 'the key shown is not the key of who shows it');
    }
    lines.send(waiting.offer(request, publicKey));
    // Writing a configuration and reading all of it anew can take a while.
    clock.refresh();
    await lines.receive();
    await waiting.stored(request);
    lines.send({ done: true });
    return request;
  } finally {
    clearTimeout(clock);
  }
}

function requestFrom(map: Readonly<Record<string, unknown>>): JoinRequest {
  const address = textOf(map, 'address');
  if (isIP(address) === 0) throw new LessorError('pair-setup', 'the other side sent no address');
  const name = textOf(map, 'name');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    throw new LessorError('pair-setup', `'${name}' is no server name`);
  return {
    secret: textOf(map, 'secret'),
    name,
    address,
    publicKey: textOf(map, 'publicKey'),
    proof: textOf(map, 'proof'),
    addressSpace: map.addressSpace === null ? null : textOf(map, 'addressSpace'),
  };
}

function digest(octets: Uint8Array): Buffer {
  return createHash('sha256').update(octets).digest();
}
