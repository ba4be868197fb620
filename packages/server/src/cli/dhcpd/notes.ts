/** What a conversion has to say: each remark with the statement it is about. */

import { type ConfStatement, wordsText } from './tree.js';

/** One remark. */
export interface Note {
  /** `lost`: has no equivalent and is not in what was written. `changed`: is there, and means something else or more. */
  readonly kind: 'lost' | 'changed';
  /** `FILE:LINE`. */
  readonly place: string;
  /** Beginning of the statement. */
  readonly statement: string;
  readonly text: string;
}

/** How much of a statement a note repeats. */
const SHOWN_CHARACTERS = 60;

/** The notes of a conversion, in the order of what they are about. */
export class Notes {
  readonly #notes: Note[] = [];
  readonly #said = new Set<string>();

  /** The statement has no equivalent. */
  lost(statement: ConfStatement, text: string): void {
    this.#add('lost', statement, text);
  }

  /** The statement was converted, and this is to be known about it. */
  changed(statement: ConfStatement, text: string): void {
    this.#add('changed', statement, text);
  }

  get list(): readonly Note[] {
    return this.#notes;
  }

  #add(kind: Note['kind'], { file, line, words }: ConfStatement, text: string): void {
    const note = { kind, place: `${file}:${line}`, statement: wordsText(words).slice(0, SHOWN_CHARACTERS), text };
    // A group's statement is read again for each of its hosts.
    const key = JSON.stringify(note);
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#notes.push(note);
  }
}

/** One line a note. */
export function formatNote({ kind, place, statement, text }: Note): string {
  return `${place}: ${kind === 'lost' ? 'NOT CONVERTED' : 'note'}: ${statement}: ${text}`;
}
