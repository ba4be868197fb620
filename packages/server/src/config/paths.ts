/**
 * Where files named in a configuration may be: only in the directory of their kind, unless -X (CVE-2025-32801,
 * CVE-2025-32802). A bare name is put into that directory.
 */

import type { SourcePosition } from '../errors.js';
import { trimSlashes } from './environment.js';
import type { IssueList } from './issues.js';
import { unicodeOf } from './values.js';

/** A file name split at its last slash; `directory` is undefined for a bare name. */
export function splitPath(path: string): { readonly directory: string | undefined; readonly name: string } {
  const trimmed = path.trim();
  const slash = trimmed.lastIndexOf('/');
  if (slash === -1) return { directory: undefined, name: trimmed };
  return { directory: slash === 0 ? '/' : trimSlashes(trimmed.slice(0, slash)), name: trimmed.slice(slash + 1) };
}

/** True for two names of one directory: `/var/run` is `/run` on every Linux of today. */
export function sameDirectory(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => path.replace(/^\/var\/run(?=\/|$)/, '/run'));
  return a === b;
}

/**
 * The path a configured file name stands for.
 * @param directory where files of this kind may be
 * @param what the kind, for the message
 * @returns undefined if there is no usable name (reported)
 */
export function restrictedPath(
  path: string,
  directory: string,
  what: string,
  position: SourcePosition,
  issues: IssueList,
  insecure: boolean,
): string | undefined {
  const { directory: given, name } = splitPath(path);
  if (name === '' || name === '.' || name === '..') {
    issues.error('config-range', position, `"${path}" does not name a file`);
    return undefined;
  }
  if (given === undefined || sameDirectory(unicodeOf(given), directory)) return `${directory}/${unicodeOf(name)}`;
  issues.insecure(insecure, position, `${what} may be in ${directory} only, not in ${given}: write ${name}`);
  return unicodeOf(path.trim());
}
