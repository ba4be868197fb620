/** Collecting what is wrong with a configuration, so that all of it is reported and not only the first. */

import type { ConfigIssue, ErrorCode, SourcePosition } from '../errors.js';

/** A place in a text: file, line and column from 1 (0, 0 for values that came by command). Columns count octets. */
export interface TextPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** More than this many errors help nobody, and bound the time a hostile file can take. */
const MAX_ISSUES = 1000;

/** The findings about one configuration, in the order they were made. */
export class IssueList {
  private readonly found: ConfigIssue[] = [];

  /** Notes an error: the configuration will be refused. */
  error(code: ErrorCode, position: SourcePosition, message: string): void {
    this.add({ severity: 'error', code, message, position });
  }

  /** Notes something the operator should know. */
  warning(code: ErrorCode, position: SourcePosition, message: string): void {
    this.add({ severity: 'warning', code, message, position });
  }

  /** Notes what is an error, or only a warning where the operator has asked for no restrictions (-X). */
  insecure(allowed: boolean, position: SourcePosition, message: string): void {
    if (allowed) this.warning('config-insecure', position, `${message} (allowed by -X)`);
    else this.error('config-insecure', position, message);
  }

  /** True if there is an error among them. */
  get hasErrors(): boolean {
    return this.found.some((issue) => issue.severity === 'error');
  }

  /** All errors, or all warnings, by file (in order of first mention), line and column. */
  sorted(severity: 'error' | 'warning'): ConfigIssue[] {
    const files = [...new Set(this.found.map((issue) => issue.position.file))];
    return this.found
      .filter((issue) => issue.severity === severity)
      .sort(
        (a, b) =>
          files.indexOf(a.position.file) - files.indexOf(b.position.file) ||
          a.position.line - b.position.line ||
          a.position.column - b.position.column,
      );
  }

  private add(issue: ConfigIssue): void {
    if (this.found.length < MAX_ISSUES) this.found.push(issue);
  }
}

/** The position of something with its JSON path, for an issue. */
export function positionOf(at: TextPosition, path: string): SourcePosition {
  return { file: at.file, line: at.line, column: at.column, path };
}

/** `path.member`, or the member alone at the top. */
export function memberPath(path: string, member: string): string {
  return path === '' ? member : `${path}.${member}`;
}
