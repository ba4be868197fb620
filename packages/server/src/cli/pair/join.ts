/** `lessor pair join`: the second server gets its certificate and the relation, and writes both. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LessorError } from '../../errors.js';
import { writeAtomically } from '../../platform/config-environment.js';
import { type Io, writeLine } from '../io.js';
import { newKeyPair, pemOfKey } from '../pki/authority.js';
import { joinPartner } from './join-partner.js';
import type { JoinOffer } from './messages.js';
import {
  addressSpaceOf,
  checkConfiguration,
  mustBeAlone,
  type OwnFacts,
  replaceConfiguration,
  shareWithServer,
  withRelation,
} from './relation.js';
import type { JoinToken } from './token.js';

/** What `lessor pair join` was told. */
export interface JoinFacts {
  /** The configuration file. */
  readonly path: string;
  readonly own: OwnFacts;
  /** Where the partner reaches this server; undefined: by the address from which this server reaches the partner. */
  readonly address: string | undefined;
  readonly token: JoinToken;
  /** Take the configuration of the first server. */
  readonly copy: boolean;
}

/** Resolves when both servers have the relation. @throws LessorError, ConfigError; nothing is changed then */
export async function joinPair({ path, own, address, token, copy }: JoinFacts, io: Io): Promise<void> {
  const before = existsSync(path) ? readFileSync(path) : undefined;
  if (before === undefined && !copy) {
    throw new LessorError('pair-setup', `there is no ${path}: make it first, or take the partner's with --copy-config`);
  }
  const keys = newKeyPair();
  const files = [join(own.folder, 'ca.pem'), join(own.folder, `${own.name}.pem`), join(own.folder, `${own.name}.key`)];
  for (const file of files) {
    if (existsSync(file)) throw new LessorError('pair-setup', `${file} is in the way: of another pair?`);
  }
  await joinPartner({
    ...keys,
    token,
    name: own.name,
    address,
    addressSpace: copy ? null : ownAddressSpace(path, io),
    async store({ authority, certificate, relation, configuration }: JoinOffer) {
      const base = configuration === null ? before! : Buffer.from(configuration, 'latin1');
      try {
        mkdirSync(own.folder, { recursive: true, mode: 0o750 });
        const texts = [authority, certificate, pemOfKey(keys.privateKey)];
        for (const [i, file] of files.entries()) writeFileSync(file, texts[i]!, { flag: 'wx', mode: 0o600 });
        for (const file of [own.folder, ...files]) shareWithServer(file, path);
        const text = withRelation(base, relation, own);
        checkConfiguration(path, text, io);
        await replaceConfiguration(path, text);
      } catch (error) {
        removeFiles(files);
        throw error;
      }
    },
    async undo() {
      if (before === undefined) rmSync(path, { force: true });
      else await writeAtomically(path, before, 0o640);
      removeFiles(files);
    },
  });
  writeLine(io.stdout, `This server, ${own.name}, has joined the one at ${token.address}.`);
}

function ownAddressSpace(path: string, io: Io): string {
  const { snapshot } = checkConfiguration(path, undefined, io);
  mustBeAlone(snapshot, path);
  return addressSpaceOf(snapshot);
}

function removeFiles(files: readonly string[]): void {
  for (const file of files) rmSync(file, { force: true });
}
