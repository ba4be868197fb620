/** A configuration that is changed by command on a disk that fails where it is told to, and what a restart makes of it. */

import type { JsonMap } from '@lessor/kea';
import type { ConfigPatch, ConfigState } from 'lessor/internal/config/change.js';
import type { ConfigEnvironment } from 'lessor/internal/config/environment.js';
import { patchNetworks } from 'lessor/internal/config/patch-networks.js';
import { changeReservations, makeReservation } from 'lessor/internal/config/patch-reservations.js';
import { mapsIn } from 'lessor/internal/config/places.js';
import { atOnce } from 'lessor/internal/domain/slices.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { ConfigService } from 'lessor/internal/services/config-service.js';
import type { EditOutcome } from 'lessor/internal/services/edit-batch.js';
import { EditJournal } from 'lessor/internal/services/edit-journal.js';
import { loadWithEdits } from 'lessor/internal/services/edit-replay.js';
import { type ConfigFiles, WriteThrough } from 'lessor/internal/services/write-through.js';
import type { FileOps } from 'lessor/internal/store/file-ops.js';
import { DiskJournalFile } from 'lessor/internal/store/journal-file.js';
import { testEnvironment } from '../unit/config-helpers.js';
import { type ManualClock, RecordingLogger } from './harness.js';

export const CONFIG_FILE = '/etc/kea-dhcp4.conf';
export const JOURNAL_FILE = `${CONFIG_FILE}.edits`;
export const REJECTED_FILE = `${CONFIG_FILE}.edits.rejected`;

/** The file as an operator wrote it. */
export const WRITTEN = `{ "Dhcp4": {
  // one remark
  "subnet4": [
    { "id": 1, "subnet": "192.0.2.0/24" }, # another
    { "id": 2, "subnet": "198.51.100.0/24", "reservations": [
      { "hw-address": "02:00:00:00:00:99", "ip-address": "198.51.100.99" } // was always there
    ] }
  ]
} }
`;

/** The calls of the configuration service on a simulated disk, in the steps of the real ones. */
function filesOn(ops: FileOps): ConfigFiles {
  const read = (path: string): Buffer => {
    const length = ops.lengthOf(path);
    if (length === undefined) throw new Error(`ENOENT: ${path}`);
    const octets = Buffer.alloc(length);
    const fd = ops.open(path, 'read');
    ops.read(fd, octets, 0);
    ops.close(fd);
    return octets;
  };
  return {
    read: async (path) => read(path),
    async writeAtomically(path, octets) {
      const fd = ops.open(`${path}.tmp`, 'create');
      try {
        for (let at = 0; at < octets.length; ) at += ops.write(fd, octets.subarray(at), at);
        await ops.dataSyncLater(fd);
      } finally {
        ops.close(fd);
      }
      ops.rename(`${path}.tmp`, path);
      await ops.directorySyncLater(path);
    },
    stamp: (path) => (ops.lengthOf(path) === undefined ? undefined : read(path).toString('latin1')),
  };
}

/** A server as far as its configuration is concerned. */
export interface EditBench {
  readonly config: ConfigService;
  readonly file: WriteThrough;
  readonly journal: EditJournal;
  readonly logger: RecordingLogger;
  /** Gives a client an address, or takes it away. */
  reserve(subnetId: number, client: number, address: string | undefined): Promise<EditOutcome>;
  addClass(name: string): Promise<EditOutcome>;
}

/** Starts on what is on a disk, as main/start-configuration.ts does. @throws what reading and writing throws */
export async function startOn(ops: FileOps, clock: ManualClock): Promise<EditBench> {
  const files = filesOn(ops);
  const logger = new RecordingLogger();
  const environment = () => ({ ...testEnvironment(), readFile: (path: string) => readLatin1(ops, path) });
  const source = { kind: 'file', path: CONFIG_FILE } as const;
  const { journal, damaged } = EditJournal.open(new DiskJournalFile(JOURNAL_FILE, ops));
  if (damaged.length > 0) throw new Error(`damaged: ${JSON.stringify(damaged)}`);
  const work = loadWithEdits(CONFIG_FILE, { ...environment(), generation: 1 }, (octets) => journal.missingIn(octets));
  const replayed = atOnce(work);
  const file = new WriteThrough(CONFIG_FILE, files, replayed.base.loaded, { journal, clock, logger });
  if (journal.pending.length > 0) await file.adopt(replayed);
  const config = new ConfigService({ initial: replayed.loaded, source, environment, files, clock, file });
  return {
    config,
    file,
    journal,
    logger,
    reserve: (subnetId, client, address) =>
      config.edit((state, env) => reservationPatch(state, subnetId, client, address, env)),
    addClass: (name) =>
      config.edit((state, env) =>
        patchNetworks(state, [{ op: 'append', to: ['client-classes'], value: { name } }], env),
      ),
  };
}

function readLatin1(ops: FileOps, path: string): string {
  const octets = Buffer.alloc(ops.lengthOf(path) ?? 0);
  const fd = ops.open(path, 'read');
  ops.read(fd, octets, 0);
  ops.close(fd);
  return octets.toString('latin1');
}

const macOf = (client: number): string => `02:00:00:00:00:${client.toString(16).padStart(2, '0')}`;

function reservationPatch(
  state: ConfigState,
  subnetId: number,
  client: number,
  address: string | undefined,
  environment: ConfigEnvironment,
): ConfigPatch {
  const written: JsonMap = { 'hw-address': macOf(client), 'ip-address': address ?? '0.0.0.0' };
  const made = address === undefined ? [] : [makeReservation(written, subnetId, state.snapshot, environment)];
  const old = state.snapshot.reservations.filter(
    (one) => one.subnetId === subnetId && one.identifier.charCodeAt(5) === client,
  );
  return changeReservations(state, old, made);
}

/** What a configuration says, as far as the benches change it: `subnet/client` and addresses, and classes. */
export function saidBy(snapshot: ConfigSnapshot): Map<string, string> {
  const said = new Map<string, string>();
  for (const { subnetId, identifier, address } of snapshot.reservations) {
    said.set(`${subnetId}/${identifier.charCodeAt(5)}`, address === undefined ? '' : formatIpv4(address));
  }
  for (const { name } of mapsIn(snapshot.tree, 'client-classes')) said.set(`class ${String(name)}`, 'there');
  return said;
}
