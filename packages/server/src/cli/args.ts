/** Command line words to options, by a table; the same table prints the usage. */

import { type ParseArgsConfig, parseArgs } from 'node:util';

/** One option of a program. */
export interface OptionRow {
  /** Name after two dashes. */
  readonly name: string;
  /** Letter after one dash. */
  readonly short?: string;
  /** Name of its value in the usage; absent = a flag. */
  readonly value?: string;
  /** May be given more than once. */
  readonly multiple?: true;
  readonly help: string;
}

/** The words of a command line, sorted. */
export interface ParsedArgs {
  flag(name: string): boolean;
  /** Value of an option, undefined if it was not given. */
  value(name: string): string | undefined;
  /** Values of an option that may be given more than once, in their order. */
  values(name: string): readonly string[];
  readonly positionals: readonly string[];
}

/** The command line does not fit the program: the message is for the user, who should then see the usage. */
export class UsageError extends Error {}

/** Sorts `argv` by the table. @throws UsageError for options the table does not have, and for missing values. */
export function parseOptions(argv: readonly string[], rows: readonly OptionRow[]): ParsedArgs {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const { name, short, value, multiple } of rows) {
    options[name] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short !== undefined && { short }),
      ...(multiple === true && { multiple }),
    };
  }
  let values: Readonly<Record<string, unknown>>;
  let positionals: readonly string[];
  try {
    ({ values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true }));
  } catch (error) {
    // Node's messages go on with advice about "--" that helps nobody here, and an option of one letter is named twice.
    const message = (error as Error).message.split('. ')[0]!;
    throw new UsageError(message.replace(/'(-\w), --\w( <value>)?'/, "'$1$2'"));
  }
  return {
    flag: (name) => values[name] === true,
    value: (name) => values[name] as string | undefined,
    values: (name) => (values[name] as readonly string[] | undefined) ?? [],
    positionals,
  };
}

/** A port number from an option's value; undefined if it was not given. @throws UsageError unless 1..65535. */
export function parsePort(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 65535) {
    throw new UsageError(`Failed to parse ${what} port number: [${text}], 1-65535 allowed.`);
  }
  return Number(text);
}

/** The option part of a usage text, one line each. */
export function formatOptions(rows: readonly OptionRow[]): string {
  const left = rows.map(({ name, short, value }) => {
    const letter = short === undefined ? '    ' : `-${short}, `;
    return `  ${letter}--${name}${value === undefined ? '' : ` ${value}`}`;
  });
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return rows.map(({ help }, index) => `${left[index]!.padEnd(width)}${help}`).join('\n');
}

/** The same for a program whose options are single letters, as Kea's are; what is lessor's own has a long name. */
export function formatShortOptions(rows: readonly OptionRow[]): string {
  return rows
    .map(({ name, short, value, help }) => {
      const word = `${short === undefined ? `--${name}` : `-${short}`}${value === undefined ? '' : ` ${value}`}`;
      return word.length > 10 ? `  ${word}\n${' '.repeat(13)}${help}` : `  ${word.padEnd(11)}${help}`;
    })
    .join('\n');
}
