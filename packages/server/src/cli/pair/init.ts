/** `lessor pair init`: the first server makes the authority, waits for its partner, and writes the relation. */

import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LessorError } from '../../errors.js';
import { bindDeviceSocket } from '../../platform/device-listener.js';
import { type Io, writeLine } from '../io.js';
import { Authority, newKeyPair, pemOfKey } from '../pki/authority.js';
import type { JoinRequest, RelationFacts } from './messages.js';
import {
  addressSpaceOf,
  checkConfiguration,
  mustBeAlone,
  type OwnFacts,
  replaceConfiguration,
  shareWithServer,
  withRelation,
} from './relation.js';
import { formatToken, newSecret } from './token.js';
import { waitForPartner } from './wait-for-partner.js';

/** Nobody renews what nobody sees: as long as the authority. The server warns 30 days before the end. */
const CERTIFICATE_DAYS = 3650;

/** What `lessor pair init` was told. */
export interface InitFacts {
  /** The configuration file. */
  readonly path: string;
  readonly own: OwnFacts;
  readonly address: string;
  readonly port: number;
  readonly mode: RelationFacts['mode'];
  readonly waitMs: number;
}

/** Resolves when both servers have the relation. @throws LessorError, ConfigError; nothing is changed then */
export async function initPair({ path, own, address, port, mode, waitMs }: InitFacts, io: Io): Promise<void> {
  const { snapshot } = checkConfiguration(path, undefined, io);
  mustBeAlone(snapshot, path);
  const authority = authorityIn(own.folder);
  // The certificate by which the partner knows this server for these minutes; the pair's own come with both names.
  const door = newKeyPair();
  const certificate = authority.certify({ commonName: own.name, names: [], use: 'server', days: 1 }, door.publicKey);
  const fingerprint = createHash('sha256').update(new X509Certificate(certificate).raw).digest();
  const secret = newSecret(randomBytes);
  const relationWith = (partner: JoinRequest): RelationFacts => ({
    mode,
    port,
    peers: [
      { name: own.name, address },
      { name: partner.name, address: partner.address },
    ],
  });
  const place =
    own.device === undefined
      ? { host: address, port }
      : { fd: bindDeviceSocket({ address, port, device: own.device }) };
  const waiting = waitForPartner({
    certificate,
    key: pemOfKey(door.privateKey),
    secret,
    place,
    waitMs,
    signal: io.signal,
    offer(partner, publicKey) {
      mustFit(partner, own, addressSpaceOf(snapshot));
      const request = peerRequest(own.name, partner.name, partner.name);
      return {
        authority: readFileSync(join(own.folder, 'ca.pem'), 'utf8'),
        certificate: authority.certify(request, publicKey),
        relation: relationWith(partner),
        configuration: partner.addressSpace === null ? readFileSync(path, 'latin1') : null,
      };
    },
    async stored(partner) {
      const files = authority.issue(own.name, peerRequest(own.name, partner.name, own.name), true);
      const shared = [own.folder, join(own.folder, 'ca.pem'), files.cert, files.key];
      for (const file of shared) shareWithServer(file, path);
      const text = withRelation(readFileSync(path), relationWith(partner), own);
      checkConfiguration(path, text, io);
      await replaceConfiguration(path, text);
    },
    refused: (from, why) => writeLine(io.stderr, `refused ${from}: ${why}`),
  });
  writeLine(io.stdout, 'On the second server, now:\n');
  writeLine(io.stdout, `  lessor pair join ${formatToken({ address, port, fingerprint, secret })} -c FILE\n`);
  const partner = await waiting;
  writeLine(io.stdout, `${partner.name} at ${partner.address} has joined.`);
}

/** One that an earlier, unfinished `init` left is used again: nobody has anything of it. */
function authorityIn(folder: string): Authority {
  if (existsSync(join(folder, 'ca.key'))) return Authority.open(folder, Date.now);
  return Authority.create(folder, 'lessor pair', CERTIFICATE_DAYS, Date.now);
}

/** The certificate of one server of a pair; its name is what the other one looks for (docs/ha.md). */
function peerRequest(primary: string, other: string, whose: string) {
  const names = [`URI:urn:lessor:pair:${primary}-${other}:${whose}`];
  return { commonName: whose, names, use: 'peer' as const, days: CERTIFICATE_DAYS };
}

function mustFit(partner: JoinRequest, own: OwnFacts, addressSpace: string): void {
  if (partner.name === own.name) {
    throw new LessorError('pair-setup', `both servers are called ${own.name}: join with another --name`);
  }
  if (partner.addressSpace === null || partner.addressSpace === addressSpace) return;
  const text = 'the configurations differ in subnets or pools: make them equal, or join with --copy-config';
  throw new LessorError('pair-setup', text);
}
