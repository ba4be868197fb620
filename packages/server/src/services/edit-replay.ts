/** Doing the changes of a journal to a configuration file that does not hold them: after a crash, or a hand-made change. */

import { describeRecord, type EditRecord, editsOfRecords } from '../config/edit-record.js';
import { editTextSliced } from '../config/edit-text.js';
import { type ConfigEnvironment, type LoadedConfig, loadConfigSliced } from '../config/load.js';
import type { Sliced } from '../domain/slices.js';
import { ConfigError, LessorError } from '../errors.js';
import type { FoundEdits } from './edit-journal.js';

/** A change that does not fit the file any more. */
export interface RejectedEdit {
  readonly record: EditRecord;
  /** What it is about, and why it does not fit. */
  readonly text: string;
}

/** A configuration file with the changes that fit. */
export interface ReplayedFile {
  readonly octets: Buffer;
  readonly loaded: LoadedConfig;
  readonly rejected: readonly RejectedEdit[];
  /** The file before them. */
  readonly base: { readonly octets: Buffer; readonly loaded: LoadedConfig };
}

/** Reads a text as if it were the configuration file's. @throws ConfigError */
export type LoadText = (octets: Buffer) => Sliced<LoadedConfig>;

/**
 * Does the changes, all at once where they fit; else those that do, in their order, so that one that does not costs
 * nothing but itself.
 * @throws ConfigError if the file is no usable configuration without them
 */
export function* replayEdits(octets: Buffer, { records, exact }: FoundEdits, load: LoadText): Sliced<ReplayedFile> {
  const base = { octets, loaded: yield* load(octets), rejected: [] };
  const { rejected, ...file } = records.length === 0 ? base : yield* fit(base, records, exact, load);
  return { ...file, rejected, base };
}

type Fitted = Omit<ReplayedFile, 'base'>;

function* fit(base: Fitted, records: readonly EditRecord[], exact: boolean, load: LoadText): Sliced<Fitted> {
  try {
    const { edits } = editsOfRecords(base.loaded.source, records, exact);
    const octets = edits.length === 0 ? base.octets : yield* editTextSliced(base.octets, edits);
    return { ...base, octets, loaded: edits.length === 0 ? base.loaded : yield* load(octets) };
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof LessorError)) throw error;
    const [record, ...others] = records;
    if (others.length === 0) {
      const text = `${describeRecord(record!)}: ${error.message}`;
      return { ...base, rejected: [...base.rejected, { record: record!, text }] };
    }
  }
  const half = records.length >>> 1;
  const first = yield* fit(base, records.slice(0, half), false, load);
  return yield* fit(first, records.slice(half), false, load);
}

/**
 * Reads a configuration file, and does to it what it does not hold.
 * @param missingIn what is to be done to a file with these octets
 * @throws ConfigError as loadConfig does
 */
export function* loadWithEdits(
  path: string,
  environment: ConfigEnvironment,
  missingIn: (octets: Buffer) => FoundEdits,
): Sliced<ReplayedFile> {
  const source = { kind: 'file', path } as const;
  const octets = octetsOfFile(path, environment);
  if (octets === undefined) {
    // The loader knows the words for it.
    const base = { octets: Buffer.alloc(0), loaded: yield* loadConfigSliced(source, environment) };
    return { ...base, rejected: [], base };
  }
  return yield* replayEdits(octets, missingIn(octets), (text) => {
    const readFile = (other: string): string =>
      other === path ? text.toString('latin1') : environment.readFile(other);
    return loadConfigSliced(source, { ...environment, readFile });
  });
}

function octetsOfFile(path: string, { readFile }: ConfigEnvironment): Buffer | undefined {
  try {
    return Buffer.from(readFile(path), 'latin1');
  } catch {
    return undefined;
  }
}
