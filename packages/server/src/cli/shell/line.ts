/** Words of a command line, or a line at the prompt, to a command. */

import type { JsonMap, JsonValue } from '@lessor/kea';
import { UsageError } from '../args.js';

/** A command to be sent. */
export interface ShellCommand {
  readonly name: string;
  readonly args: JsonMap | undefined;
}

/** Command and arguments as words: NAME=VALUE each, or one JSON object. @throws UsageError */
export function commandOfWords([name = 'list-commands', ...words]: readonly string[]): ShellCommand {
  if (words.length === 0) return { name, args: undefined };
  if (words[0]!.trimStart().startsWith('{')) return { name, args: jsonObject(words.join(' ')) };
  return { name, args: Object.fromEntries(words.map(argumentOfWord)) };
}

/** A line at the prompt; undefined if it is blank. Quotes as in a shell keep blanks together. @throws UsageError */
export function commandOfLine(line: string): ShellCommand | undefined {
  const [, name, rest] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line)!;
  if (name === undefined || name === '') return undefined;
  if (rest!.startsWith('{')) return { name, args: jsonObject(rest!) };
  return commandOfWords([name, ...splitWords(rest!)]);
}

function argumentOfWord(word: string): [string, JsonValue] {
  const at = word.indexOf('=');
  if (at < 1) throw new UsageError(`'${word}' is no NAME=VALUE`);
  return [word.slice(0, at), argumentValue(word.slice(at + 1))];
}

/** JSON if it is some (a number, true, a list), else the text itself: most values are addresses and names. */
function argumentValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function jsonObject(text: string): JsonMap {
  try {
    return JSON.parse(text) as JsonMap;
  } catch (error) {
    throw new UsageError(`arguments are no JSON: ${(error as Error).message}`);
  }
}

/** Words apart by blanks outside quotes and brackets; single quotes around a word or a value go away. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let depth = 0;
  for (const character of text) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    else if (/\s/.test(character) && depth <= 0) {
      words.push(word);
      word = '';
      continue;
    }
    word += character;
  }
  return [...words, word].filter((each) => each !== '').map((each) => each.replace(/^([^=]+=)?'(.*)'$/s, '$1$2'));
}
