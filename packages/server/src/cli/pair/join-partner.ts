/** The second server's part of becoming a pair: goes to the first one, knows it by its certificate, proves its own key. */

import { createHash, type KeyObject, sign, timingSafeEqual } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { LessorError } from '../../errors.js';
import { JOIN_CONTEXT, type JoinOffer, JsonLines, type PeerFacts, type RelationFacts, textOf } from './messages.js';
import type { JoinToken } from './token.js';

/** How long the first server may take to answer. */
const ANSWER_MS = 30_000;

/** What the second server comes with. */
export interface Joining {
  readonly token: JoinToken;
  readonly name: string;
  /** Where its peer listener will be; undefined: the address from which it reaches the first server. */
  readonly address: string | undefined;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly addressSpace: string | null;
  /** Stores what was offered. @throws whatever is wrong, which the first server is told */
  store(offer: JoinOffer): Promise<void>;
  /** The first server could not store it after all: takes everything back. */
  undo(): Promise<void>;
}

/** Resolves when both servers have stored the relation. @throws LessorError `pair-setup`; nothing is changed then */
export async function joinPartner(joining: Joining): Promise<void> {
  const socket = await open(joining.token);
  try {
    const lines = new JsonLines(socket);
    const material = socket.exportKeyingMaterial(32, JOIN_CONTEXT, Buffer.alloc(0));
    lines.send({
      secret: joining.token.secret.toString('base64'),
      name: joining.name,
      address: joining.address ?? socket.localAddress,
      publicKey: joining.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      proof: sign('sha256', material, joining.privateKey).toString('base64'),
      addressSpace: joining.addressSpace,
    });
    const offer = offerFrom(await lines.receive());
    try {
      await joining.store(offer);
    } catch (error) {
      lines.send({ error: (error as Error).message });
      throw error;
    }
    lines.send({ stored: true });
    try {
      await lines.receive();
    } catch (error) {
      await joining.undo();
      throw error;
    }
  } finally {
    socket.destroy();
  }
}

/** Connects to the server of the token, and to no other. */
function open({ address, port, fingerprint }: JoinToken): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (text: string): void => {
      socket.destroy();
      reject(new LessorError('pair-setup', text));
    };
    // Whom to trust is in the token, by the certificate itself; no authority has a say.
    const socket = connect({ host: address, port, minVersion: 'TLSv1.3', rejectUnauthorized: false });
    socket.setTimeout(ANSWER_MS, () => fail(`${address} port ${port} does not answer`));
    socket.once('error', (error) => fail(`${address} port ${port}: ${error.message}`));
    socket.once('secureConnect', () => {
      const shown = createHash('sha256')
        .update(socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0))
        .digest();
      if (!timingSafeEqual(shown, fingerprint)) return fail('who answers there is not the server that made the token');
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function offerFrom(map: Readonly<Record<string, unknown>>): JoinOffer {
  return {
    authority: textOf(map, 'authority'),
    certificate: textOf(map, 'certificate'),
    relation: relationFrom(map.relation),
    configuration: map.configuration === null ? null : textOf(map, 'configuration'),
  };
}

function relationFrom(value: unknown): RelationFacts {
  const { mode, port, peers } = value as Partial<Record<keyof RelationFacts, unknown>>;
  const [first, second] = Array.isArray(peers) ? (peers as readonly unknown[]) : [];
  if ((mode !== 'hot-standby' && mode !== 'load-balancing') || typeof port !== 'number') {
    throw new LessorError('pair-setup', 'the other side offers no relation that this version knows');
  }
  return { mode, port, peers: [peerFrom(first), peerFrom(second)] };
}

function peerFrom(value: unknown): PeerFacts {
  const map = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { name: textOf(map, 'name'), address: textOf(map, 'address') };
}
