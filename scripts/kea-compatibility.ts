/** docs/kea-compatibility.md: Kea's commands and what becomes of them here, and every recorded difference with its reason. */

import { readFileSync } from 'node:fs';
import { HOOK_LIBRARIES } from 'lessor/internal/config/hooks.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { DIFFERENCES, NOT_THERE, NOT_THERE_UNRECORDED } from '../tests/golden/control-differences.js';
import { HTTP_DIFFERENCES } from '../tests/golden/http-differences.js';
import { REPLAYED } from '../tests/golden/replay-counts.js';
import { HOOK_DIFFERENCES, VARIABLE_DIFFERENCES } from '../tests/interop/hook-differences.js';
import { API_DIFFERENCES, HARMFUL_TO_KEA, NOT_COMPARED } from '../tests/interop/kea-api-differences.js';
import { repoPath } from '../tests/lib/repo.js';
import { code, page, table } from './markdown.js';

/** A command that Kea's DHCPv4 daemon can have. */
interface KeaCommand {
  readonly name: string;
  readonly since: string;
  /** `core`, or the hook library that has it. */
  readonly hook: string;
  /** False: in libraries that are not open source. */
  readonly open: boolean;
}

/** What a recorded session was about, by the name of its transcript. */
const SESSIONS: Readonly<Record<string, string>> = {
  'core-unix': 'core commands',
  'json-dialect-unix': 'odd JSON',
  'framing-unix': 'framing on unix sockets',
  'lease-cmds': 'leases',
  'stat-cmds': 'statistics',
  'host-cmds': 'reservations',
  'subnet-cmds': 'subnets',
  'class-cmds': 'classes',
};

function readCommands(): KeaCommand[] {
  const lines = readFileSync(repoPath('scripts', 'kea-commands.tsv'), 'utf8').trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [name, since, hook, availability] = line.split('\t') as [string, string, string, string];
    return { name, since, hook, open: availability === 'open' };
  });
}

/** The page. */
export function keaCompatibilityPage(): string {
  const kea = readCommands();
  const ours = new Set(COMMANDS.map(({ name }) => name));
  const known = new Set(kea.map(({ name }) => name));
  const open = kea.filter((row) => row.open);
  const supported = open.filter(({ name }) => ours.has(name));
  const own = COMMANDS.filter(({ name }) => !known.has(name));
  const missingClosed = kea.filter((row) => !row.open && !ours.has(row.name)).length;
  const intro = [
    "lessor speaks Kea 3.3's control channel. Kea's own sessions, recorded, are replayed against it by the tests: every",
    'answer is the recorded one or is below with a reason, and a difference that is no longer one fails the build.',
    'Sessions of Kea 2.2 through its Control Agent are replayed against `lessor-agent`.',
  ].join('\n');
  return page('Compatibility with Kea', 'scripts/kea-compatibility.ts and the tables of tests/golden', intro, [
    `## Commands\n\n${supported.length} of the ${open.length} commands that open-source Kea's DHCPv4 daemon and its hook libraries have, hook`,
    `libraries or not: \`list-commands\` shows them all. A command that is not here answers result 2 (unsupported), as Kea`,
    `does without the library. Of the commands of libraries that are not open source ${missingClosed} are not here.\n`,
    table(
      ['command', 'in lessor', 'in Kea since', "Kea's library", 'differences'],
      open.map((row) => [code(row.name), ours.has(row.name) ? 'yes' : 'no', row.since, row.hook, notesOf(row.name)]),
    ),
    `lessor's own: ${own.map(({ name }) => code(name)).join(', ') || 'none'}.\n`,
    `## Hook libraries\n\nWhat these do in Kea lessor does itself where \`hooks-libraries\` names them, with their parameters; no code is`,
    'loaded. The others are refused by name, so that nobody misses in silence what they were for.\n',
    table(
      ['library', 'in lessor', 'differences'],
      Object.entries(HOOK_LIBRARIES).map(([name, { scope, note, differs }]) => [
        code(`lib${name}.so`),
        scope === undefined ? 'no' : 'yes',
        scope === undefined ? sentence(note ?? '') : (differs ?? ''),
      ]),
    ),
    `Where two of them do otherwise than Debian's Kea (tests/interop compares them):\n`,
    table(['library', 'what', 'why'], differenceRows()),
    `## Recorded sessions\n\nSteps of each session that lessor answers as Kea does (sessions of 2.2: as 2.2, or as 3.3 where the two differ),`,
    `differently with a reason below, and steps left out: commands that are not here, or what another test looks at.`,
    `Sessions of two servers are replayed by tests/golden/ha-replay.test.ts.\n`,
    table(
      ['session', 'same', 'different', 'left out', 'test'],
      REPLAYED.map(({ session, same, different, leftOut, test }) => [
        session,
        String(same),
        String(different),
        String(leftOut),
        `tests/${test}`,
      ]),
    ),
    `## The HTTP sockets\n\nBesides the rows of the table answers carry a \`Connection\` header and always say HTTP/1.1, as RFC 9112 asks;`,
    `bodies are bounded (64 MiB), JSON nests at most 100 deep, and names and passwords are compared in constant time.\n`,
    table(
      ['what', 'why'],
      HTTP_DIFFERENCES.map(({ transcripts, step, reason }) => [stepText(step, sessionOf(transcripts)), reason]),
    ),
    `## Answers to commands\n`,
    table(
      ['what', "Kea's result", "lessor's", 'why'],
      DIFFERENCES.map(({ transcript, step, kea: theirs, lessor, reason }) => [
        stepText(step, SESSIONS[transcript] ?? transcript),
        String(theirs),
        String(lessor),
        reason,
      ]),
    ),
    `## Beside Kea 2.2\n\nBoth are asked the same commands, with arguments left out, spoilt and made by chance`,
    `(tests/interop/kea-api-differential.test.ts). Answers, leases and counters are the same but for this:\n`,
    table(
      ['commands', 'why'],
      API_DIFFERENCES.map(({ command, reason }) => [commandText(command), reason]),
    ),
    `Not compared:\n`,
    table(
      ['what', 'why'],
      NOT_COMPARED.map(({ what, reason }) => [what, reason]),
    ),
    `Kea 2.2 does not survive some commands, or tells no statistics after them. lessor refuses these:\n`,
    table(
      ['command', "Kea's mistake"],
      HARMFUL_TO_KEA.map(({ what, reason }) => [what, reason]),
    ),
  ]);
}

function differenceRows(): string[][] {
  const variables = VARIABLE_DIFFERENCES.map(({ variable, reason }) => {
    return [code('libdhcp_run_script.so'), code(commandText(variable)), reason];
  });
  return [
    ...variables,
    ...HOOK_DIFFERENCES.map(({ library, what, reason }) => [code(`lib${library}.so`), what, reason]),
  ];
}

function sentence(text: string): string {
  return text === '' ? '' : `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/** The commands a pattern means, as people read it. */
function commandText({ source }: RegExp): string {
  return source === '.' ? 'all' : source.replace(/[\^$]/g, '').replaceAll('.*', '…');
}

/** What is said of a command by the rows that name it and nothing else. */
function notesOf(name: string): string {
  const missing = [...NOT_THERE, ...NOT_THERE_UNRECORDED].find(({ command }) => command.test(name));
  if (missing !== undefined) return missing.reason;
  const rows = DIFFERENCES.filter(({ step }) => firstWords(step).includes(name));
  return [...new Set(rows.map(({ reason }) => reason))].join(' ');
}

/** The names of commands with which the steps of a row begin. */
function firstWords(step: RegExp): string[] {
  const [, one, several] = /^\^?(?:([a-z0-9-]+)|\(([a-z0-9-| ]+)\))/.exec(step.source) ?? [];
  return (one ?? several ?? '').split('|').map((part) => part.split(' ')[0]!);
}

function sessionOf(transcripts: RegExp): string {
  const { source } = transcripts;
  if (source.includes('2.2')) return 'agent of Kea 2.2';
  if (source.includes('reconfigure')) return 'changing sockets by command';
  return source.includes('auth') ? 'credentials' : 'HTTP';
}

/** A pattern of step names as people read it. */
function stepText(step: RegExp, session: string): string {
  const text = step.source.replace(/[\^$]/g, '').replace(/\\(.)/g, '$1').replaceAll('.*', '…');
  return `${session}: ${text}`;
}
