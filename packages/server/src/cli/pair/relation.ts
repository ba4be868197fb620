/** The relation of a pair in the text of a configuration file. */

import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TreeEdit } from '../../config/edit.js';
import { editText } from '../../config/edit-text.js';
import { type LoadedConfig, loadConfig } from '../../config/load.js';
import { atOnce } from '../../domain/slices.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { LessorError } from '../../errors.js';
import { machineConfigEnvironment, writeAtomically } from '../../platform/config-environment.js';
import { fingerprintsOf } from '../../services/pair/fingerprints.js';
import type { Io } from '../io.js';
import type { RelationFacts } from './messages.js';

/** What differs between the two servers. */
export interface OwnFacts {
  readonly name: string;
  /** Folder of `ca.pem`, `NAME.pem` and `NAME.key`. */
  readonly folder: string;
  /** Interface the partner is reached through; undefined: any. */
  readonly device: string | undefined;
  /** Interfaces on which clients are served here; undefined: those that the text names. */
  readonly interfaces: readonly string[] | undefined;
}

/** The text with the relation in it; everything else in it stays as it is. @throws LessorError `config-edit` */
export function withRelation(text: Buffer, relation: RelationFacts, own: OwnFacts): Buffer {
  const hook = { library: 'libdhcp_ha.so', parameters: { 'high-availability': [relationJson(relation, own)] } };
  const edits: TreeEdit[] = [{ op: 'append', to: ['hooks-libraries'], value: hook }];
  if (own.interfaces !== undefined) {
    edits.push({ op: 'set', at: ['interfaces-config', 'interfaces'], value: [...own.interfaces] });
  }
  return editText(text, edits);
}

function relationJson({ mode, port, peers }: RelationFacts, { name, folder, device }: OwnFacts) {
  return {
    'this-server-name': name,
    mode,
    'trust-anchor': join(folder, 'ca.pem'),
    'cert-file': join(folder, `${name}.pem`),
    'key-file': join(folder, `${name}.key`),
    peers: peers.map((peer, side) => ({
      name: peer.name,
      url: `https://${peer.address.includes(':') ? `[${peer.address}]` : peer.address}:${port}/`,
      role: side === 0 ? 'primary' : mode === 'hot-standby' ? 'standby' : 'secondary',
    })),
    ...(device === undefined ? {} : { 'user-context': { lessor: { interface: device } } }),
  };
}

/** Reads a configuration, or a text that is to become it. @throws ConfigError with everything that is wrong */
export function checkConfiguration(path: string, text: Buffer | undefined, io: Io): LoadedConfig {
  const machine = machineConfigEnvironment({ variables: io.env, insecure: false, checkInterfaces: true });
  const readFile = (file: string): string =>
    file === path && text !== undefined ? text.toString('latin1') : machine.readFile(file);
  return loadConfig({ kind: 'file', path }, { ...machine, readFile, generation: 1 });
}

/** Refuses a configuration that is in a pair already. @throws LessorError `pair-setup` */
export function mustBeAlone({ ha }: ConfigSnapshot, path: string): void {
  if (ha.length === 0) return;
  throw new LessorError('pair-setup', `${path} has a partner already: take libdhcp_ha out of it first`);
}

/** Which addresses there are: equal on both servers of a pair. */
export function addressSpaceOf(snapshot: ConfigSnapshot): string {
  return atOnce(fingerprintsOf(snapshot)).addressSpace;
}

/** Replaces the file; what was there before is kept beside it as FILE.before-pair. */
export async function replaceConfiguration(path: string, text: Buffer): Promise<void> {
  if (existsSync(path)) await writeAtomically(`${path}.before-pair`, readFileSync(path), 0o640);
  await writeAtomically(path, text, 0o640);
}

/**
 * Gives a file, or the folder of the certificates, to whoever owns the configuration, readable by its group unless that is
 * root's: servers often run as a user of their own, in the group of the configuration file.
 */
export function shareWithServer(path: string, configuration: string): void {
  const { uid, gid } = statSync(existsSync(configuration) ? configuration : dirname(configuration));
  const search = statSync(path).isDirectory() ? 0o110 : 0;
  try {
    chownSync(path, uid, gid);
  } catch {
    // An ordinary user can give nothing away; what it makes is its own, as is the server it starts.
    return;
  }
  chmodSync(path, (gid === 0 ? 0o600 : 0o640) | search);
}
