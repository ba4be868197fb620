/** The program lessor-shell: kea-shell in a pipe, a shell at a terminal. */

import { LESSOR_VERSION } from '../../version.js';
import { UsageError } from '../args.js';
import { historyFileOf } from '../history.js';
import { ExitCode, type Io, writeLine } from '../io.js';
import { reportingErrors } from '../program.js';
import { commandOfLine, commandOfWords } from './line.js';
import { type Look, parseShellArgs, SHELL_USAGE, type ShellOptions, shellOptions } from './options.js';
import { ShellSession } from './session.js';

/** Standard input, and whether somebody types it. */
export type ShellInput = AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };

/** Runs the program; resolves with its exit code. */
export function runShell(argv: readonly string[], io: Io, input: ShellInput): Promise<number> {
  return reportingErrors('lessor-shell', SHELL_USAGE, io, async () => {
    const args = parseShellArgs(argv);
    if (args.flag('help')) {
      io.stdout.write(SHELL_USAGE);
      return ExitCode.ok;
    }
    if (args.flag('version')) {
      writeLine(io.stdout, LESSOR_VERSION);
      return ExitCode.ok;
    }
    return run(shellOptions(args, io.env), io, input);
  });
}

async function run(options: ShellOptions, io: Io, input: ShellInput): Promise<number> {
  const toPeople = (io.stdout as { isTTY?: boolean }).isTTY === true;
  const session = new ShellSession(options, io, options.look ?? (toPeople ? 'table' : 'raw'));
  try {
    const { words, watchSec } = options;
    if (words.length === 0 && input.isTTY === true && watchSec === undefined) {
      return await interactive(session, options, io);
    }
    if (watchSec !== undefined) return await session.watch(commandOfWords(words), watchSec, toPeople);
    if (words.length > 1 || input.isTTY === true) return await session.run(commandOfWords(words));
    const text = await readAll(input);
    if (session.look === 'raw') return await session.runRaw(keaShellBody(words[0], options.services, text));
    return await session.run({ ...commandOfWords(words), ...argumentsOfInput(text) });
  } finally {
    session.close();
  }
}

/** The command as kea-shell puts it together: what was read goes between braces as it is, right or wrong. */
function keaShellBody(name = 'list-commands', services: readonly string[], args: string): Buffer {
  const service = services.length === 0 ? '' : `, "service": ["${services.join('","')}"]`;
  const body = args.length > 1 ? `, "arguments": { ${args} }` : '';
  return Buffer.from(`{ "command": "${name}"${service}${body} }`, 'utf8');
}

/** Arguments from standard input, without the outer braces as with kea-shell, or with them. @throws UsageError */
function argumentsOfInput(text: string): { args?: never } | { args: Record<string, never> } {
  const trimmed = text.trim();
  if (trimmed === '') return {};
  try {
    return { args: JSON.parse(trimmed.startsWith('{') ? trimmed : `{${trimmed}}`) };
  } catch (error) {
    throw new UsageError(`standard input is no JSON: ${(error as Error).message}`);
  }
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const LOOKS: ReadonlySet<string> = new Set<Look>(['raw', 'json', 'table']);

/** Prompt, command, answer, until the user has had enough. */
async function interactive(session: ShellSession, options: ShellOptions, io: Io): Promise<number> {
  // Loaded only here: the table of commands brings the server's control layer with it.
  const { helpText, terminalLines } = await import('./terminal.js');
  const commands = await session.commandNames();
  const where = options.client.socketPath ?? String(options.client.url);
  if (commands.length === 0) writeLine(io.stderr, `${where} does not answer list-commands`);
  const historyFile = options.historyFile === '' ? historyFileOf('shell', io.env) : options.historyFile;
  for await (const line of terminalLines({ prompt: 'kea> ', historyFile, commands: () => commands })) {
    const [word = '', topic] = line.trim().split(/\s+/);
    if (word === 'quit' || word === 'exit') break;
    if (word === 'help') io.stdout.write(helpText(topic, commands));
    else if (LOOKS.has(word)) session.look = word as Look;
    else await runLine(session, line, io);
    if (io.signal?.aborted) break;
  }
  return ExitCode.ok;
}

async function runLine(session: ShellSession, line: string, io: Io): Promise<void> {
  try {
    const command = commandOfLine(line);
    if (command !== undefined) await session.run(command);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    writeLine(io.stderr, error.message);
  }
}
