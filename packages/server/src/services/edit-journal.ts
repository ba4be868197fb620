/**
 * The journal of changes by command: what has been acknowledged and is not in the configuration file yet. A change is in
 * force once its line is on stable storage here; the file follows some seconds later, and the journal is emptied.
 *
 * A line is `SUM JSON`; SUM tells whether it is whole. The first line, and each that says that the file has caught up,
 * names the digest of the file that holds all changes up to a number; the others are changes with their numbers. So
 * whichever of two crashes came between writing the file and emptying the journal, it is known what is in the file.
 */

import { createHash } from 'node:crypto';
import { formatJson, parseCommandJson } from '@lessor/kea';
import { type EditRecord, recordFromJson, recordToJson } from '../config/edit-record.js';
import { digestOfFile } from '../config/load.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { JournalFile } from './ports.js';

/** Written into the journal, so that a later lessor knows what it reads. */
const FORMAT = 'lessor-edits-1';
/** Hex digits of a line's sum. */
const SUM_DIGITS = 16;

/** A change, and its number. */
export interface NumberedRecord {
  readonly number: number;
  readonly record: EditRecord;
}

/** That a file with this digest holds all changes up to a number. */
interface Mark {
  readonly digest: string;
  readonly upTo: number;
}

/** What a journal said that could not be understood. */
export interface DamagedLine {
  readonly text: string;
  readonly reason: string;
}

/** What was found in a journal. */
export interface FoundEdits {
  /** Those that a file with the digest asked for does not hold, in their order. */
  readonly records: readonly EditRecord[];
  /** The file is one that the journal knows: nobody has changed it by hand since. */
  readonly exact: boolean;
}

/** See the head of this file. Calls may overlap: each waits for those before. */
export class EditJournal {
  private records: NumberedRecord[] = [];
  private marks: readonly Mark[] = [];
  private last = 0;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(private readonly file: JournalFile) {}

  /**
   * Reads what is there. A last line that is torn was never acknowledged, and is dropped; one that is damaged before a
   * whole one is told.
   * @throws the system's error
   */
  static open(file: JournalFile): { readonly journal: EditJournal; readonly damaged: readonly DamagedLine[] } {
    const journal = new EditJournal(file);
    const damaged: DamagedLine[] = [];
    const lines = (file.read()?.toString('latin1') ?? '').split('\n');
    // Behind the last newline there is nothing, or half a line.
    lines.pop();
    for (const [at, line] of lines.entries()) {
      const reason = journal.take(line);
      if (reason !== undefined && at < lines.length - 1) damaged.push({ text: line, reason });
    }
    return { journal, damaged };
  }

  /** Changes that are not known to be in the file, in their order. */
  get pending(): readonly NumberedRecord[] {
    return this.records;
  }

  /** What a configuration file with these octets does not hold. */
  missingIn(octets: Uint8Array): FoundEdits {
    if (this.records.length === 0) return { records: [], exact: true };
    const digest = digestOfFile(octets);
    const mark = this.marks.findLast((one) => one.digest === digest);
    const from = mark?.upTo ?? 0;
    return {
      records: this.records.filter(({ number }) => number > from).map(({ record }) => record),
      exact: mark !== undefined,
    };
  }

  /**
   * Keeps a change. Resolves when it is on stable storage.
   * @param digestNow of the file that holds all that is not pending, asked when the change's turn comes
   * @throws the system's error, and the change is not kept
   */
  append(record: EditRecord, digestNow: () => string): Promise<void> {
    return this.inTurn(async () => {
      const number = this.last + 1;
      const mark = { digest: digestNow(), upTo: (this.records[0]?.number ?? number) - 1 };
      const marked = this.marks.some(({ digest }) => digest === mark.digest);
      const marks = marked ? this.marks : [...this.marks, mark];
      const lines = [...(marked ? [] : [lineOfMark(mark)]), lineOfRecord({ number, record })];
      await this.write(lines, () => [...marks.map(lineOfMark), ...this.records.map(lineOfRecord), lines.at(-1)!]);
      this.last = number;
      this.marks = marks;
      this.records.push({ number, record });
    });
  }

  /** Notes that a file with a digest, which is about to be written, holds all changes up to a number. */
  mark(digest: string, upTo: number): Promise<void> {
    return this.inTurn(async () => {
      const marks = [...this.marks, { digest, upTo }];
      await this.write([lineOfMark({ digest, upTo })], () => [
        ...marks.map(lineOfMark),
        ...this.records.map(lineOfRecord),
      ]);
      this.marks = marks;
    });
  }

  /**
   * The file with a digest is in place: forgets what it holds. @throws the system's error; it is forgotten here
   * nevertheless, and a mark on the disk says so
   */
  settle(digest: string, upTo: number): Promise<void> {
    return this.inTurn(async () => {
      this.records = this.records.filter(({ number }) => number > upTo);
      const marks = [{ digest, upTo }];
      await this.file.replace(Buffer.concat([...marks.map(lineOfMark), ...this.records.map(lineOfRecord)]));
      this.marks = marks;
    });
  }

  /** Resolves when all that was begun is over, and closes the file. */
  close(): Promise<void> {
    return this.inTurn(async () => this.file.close());
  }

  /** Appends lines; where that can not be, writes all of the journal anew. */
  private write(lines: readonly Buffer[], all: () => readonly Buffer[]): Promise<void> {
    return this.file.sound ? this.file.append(Buffer.concat(lines)) : this.file.replace(Buffer.concat(all()));
  }

  /** Takes a line. Why it can not be, if so. */
  private take(line: string): string | undefined {
    const json = line.slice(SUM_DIGITS + 1);
    if (line.slice(0, SUM_DIGITS) !== sumOf(json)) return 'its sum is wrong';
    try {
      const { file, upTo, number, edit } = parseCommandJson(json, { comments: false }) as JsonMap;
      if (typeof file === 'string' && typeof upTo === 'number') {
        this.marks = [...this.marks, { digest: file, upTo }];
        this.last = Math.max(this.last, upTo);
      } else {
        this.records.push({ number: Number(number), record: recordFromJson(edit) });
        this.last = Math.max(this.last, Number(number));
      }
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(work);
    this.turn = turn.catch(() => undefined);
    return turn;
  }
}

function lineOfMark({ digest, upTo }: Mark): Buffer {
  return lineOf({ format: FORMAT, file: digest, upTo });
}

function lineOfRecord({ number, record }: NumberedRecord): Buffer {
  return lineOf({ number, edit: recordToJson(record) });
}

function lineOf(json: Json): Buffer {
  const text = textOf(json);
  return Buffer.from(`${sumOf(text)} ${text}\n`, 'latin1');
}

/** In the order of the members, as they are to be written into the file; only JSON.stringify knows no big numbers. */
function textOf(json: Json): string {
  try {
    return JSON.stringify(json);
  } catch {
    return formatJson(json);
  }
}

function sumOf(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, SUM_DIGITS);
}
