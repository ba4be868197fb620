/** A file with one word in it, replaced as a whole. */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { StoreError } from '../errors.js';

/** See the head of this file. Without a path nothing is kept. */
export class WordFile {
  constructor(private readonly path: string | undefined) {}

  /** The word; undefined if there is no file. @throws StoreError if it can not be read */
  load(): string | undefined {
    if (this.path === undefined) return undefined;
    try {
      return readFileSync(this.path, 'utf8').trim();
    } catch (error) {
      if ((error as { readonly code?: string }).code === 'ENOENT') return undefined;
      throw new StoreError('store-unavailable', `${this.path}: ${(error as Error).message}`);
    }
  }

  /** Replaces it, flushed. @throws StoreError */
  save(word: string): void {
    if (this.path === undefined) return;
    try {
      writeFileSync(`${this.path}.tmp`, `${word}\n`, { mode: 0o640, flush: true });
      renameSync(`${this.path}.tmp`, this.path);
    } catch (error) {
      throw new StoreError('store-unavailable', `${this.path}: ${(error as Error).message}`);
    }
  }
}
