/** What is thrown when an expression can not be read. */

/**
 * A range of an expression's text. Lines and columns count from 1 and `endColumn` is the last column of the range,
 * as Kea prints them.
 */
export interface TextRange {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** `1.5` for one character, `1.5-7` for several, `1.5-2.3` over lines: the form Kea's messages have. */
export function formatTextRange(range: TextRange): string {
  const start = `${range.line}.${range.column}`;
  if (range.endLine !== range.line) return `${start}-${range.endLine}.${range.endColumn}`;
  return range.endColumn > range.column ? `${start}-${range.endColumn}` : start;
}

/** An expression outside the language. `message` says what is wrong in the words Kea uses, without the position. */
export class ExpressionSyntaxError extends Error {
  override readonly name = 'ExpressionSyntaxError';
  /** Line of the expression text, from 1. */
  readonly line: number;
  /** Column in that line, from 1. */
  readonly column: number;
  /** Line and columns as Kea prints them: `1.5-7`. */
  readonly location: string;

  constructor(message: string, range: TextRange) {
    super(message);
    this.line = range.line;
    this.column = range.column;
    this.location = formatTextRange(range);
  }
}
