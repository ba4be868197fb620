/** The generated pages of docs: each is a table of the program, written as Markdown. */

import { type OptionDefinition, STANDARD_OPTIONS } from '@lessor/dhcp';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { type Parameter, SCHEMA, type Scope } from 'lessor/internal/config/schema.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { ERRORS } from 'lessor/internal/errors.js';
import { DROP_REASONS, type DropReasonRow } from 'lessor/internal/services/drop-reasons.js';
import { COMMAND_EXAMPLES, recordedAnswers, shortened } from './command-examples.js';
import { keaCompatibilityPage } from './kea-compatibility.js';
import { code, page, table } from './markdown.js';

/** One page: path from docs/reference and its text. */
export interface ReferencePage {
  readonly file: string;
  readonly text: string;
}

/** All pages. */
export function referencePages(): ReferencePage[] {
  return [
    { file: 'parameters.md', text: parametersPage() },
    { file: 'options.md', text: optionsPage() },
    { file: 'errors.md', text: errorsPage() },
    { file: 'commands.md', text: commandsPage() },
    { file: '../kea-compatibility.md', text: keaCompatibilityPage() },
  ];
}

// -- parameters --------------------------------------------------------------------------------------------------------

const STATUS_TEXT: Readonly<Record<NonNullable<Parameter['status']>, string>> = {
  supported: '',
  kept: 'Checked and given back; acts with the feature it belongs to.',
  inactive: 'Not active yet: a value other than the default is a warning.',
  'no-effect': 'Has no effect: a value other than the default is a warning.',
  unsupported: 'Refused.',
};

function parametersPage(): string {
  const scopes = Object.entries(SCHEMA).map(([name, scope]) => scopeSection(name, scope));
  return page(
    'Configuration parameters',
    'packages/server/src/config/schema.ts',
    "What may stand where in a configuration file. The words are Kea's; `lessor check FILE` names the line of every mistake.",
    scopes,
  );
}

function scopeSection(name: string, scope: Scope): string {
  const rows = scope.parameters.map((parameter) => [
    code(parameter.name),
    typeText(parameter),
    defaultText(parameter),
    [parameter.doc, STATUS_TEXT[parameter.status ?? 'supported'], parameter.note ?? ''].filter(Boolean).join(' '),
  ]);
  const aliases = (scope.aliases ?? []).map(({ name: old, to, doc }) => [
    code(old),
    '',
    '',
    `Read as ${code(to)}. ${doc}`,
  ]);
  const notes = [
    scope.context ? 'Takes `user-context` and `comment`.' : '',
    scope.open ? 'Takes any other member too.' : '',
  ].filter(Boolean);
  const heading = `## ${name}\n\n${scope.title === name ? '' : `${scope.title}. `}${notes.join(' ')}`.trim();
  return `${heading}\n\n${table(['parameter', 'type', 'default', 'meaning'], [...rows, ...aliases])}`;
}

function typeText({ type, scope, min, max, words }: Parameter): string {
  const kind = type === 'maps' ? 'list of maps' : type === 'strings' ? 'list of strings' : type;
  const range = min === undefined && max === undefined ? '' : ` ${min ?? ''}..${max ?? ''}`;
  const choice = words === undefined ? '' : `: ${words.map(code).join(', ')}`;
  const link = scope === undefined ? '' : ` ([${scope}](#${scope.toLowerCase()}))`;
  return `${kind}${range}${choice}${link}`;
}

function defaultText({ mandatory, default: value }: Parameter): string {
  if (mandatory) return 'mandatory';
  return value === undefined ? '' : code(JSON.stringify(value));
}

// -- options -----------------------------------------------------------------------------------------------------------

function optionsPage(): string {
  const spaces = [...new Set(STANDARD_OPTIONS.map(({ space }) => space))];
  const sections = spaces.map((space) => {
    const rows = STANDARD_OPTIONS.filter((option) => option.space === space).map((option) => [
      String(option.code),
      code(option.name),
      optionType(option),
      option.encapsulates === undefined ? '' : code(option.encapsulates),
      option.rfc ?? '',
    ]);
    return `## Space ${code(space)}\n\n${table(['code', 'name', 'type', 'holds options of', 'source'], rows)}`;
  });
  return page(
    'Standard options',
    'packages/dhcp/src/v4/options.ts',
    'Options that `option-data` knows by name without an `option-def`.',
    sections,
  );
}

function optionType({ type, recordTypes, array }: OptionDefinition): string {
  const name = type === 'record' ? `record of ${recordTypes.join(', ')}` : type;
  return array ? `list of ${name}` : name;
}

// -- errors ------------------------------------------------------------------------------------------------------------

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([name, { kind, meaning, remedy }]) => [code(name), kind, meaning, remedy]);
  const drops = Object.entries(DROP_REASONS).map(([name, row]: [string, DropReasonRow]) => [
    code(name),
    row.text,
    row.statistic === undefined ? '' : code(row.statistic),
  ]);
  return page(
    'Error codes and drop reasons',
    'packages/server/src/errors.ts and services/drop-reasons.ts',
    'What logs, answers and metrics call a failure.',
    [
      `## Errors\n\n${table(['code', 'kind', 'meaning', 'what to do'], rows)}`,
      `## Why a packet got no answer\n\n${table(['reason', 'meaning', "Kea's statistic"], drops)}`,
    ],
  );
}

// -- commands ----------------------------------------------------------------------------------------------------------

function commandsPage(): string {
  const rows = COMMANDS.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, access, hook, summary, args }) => [
    code(name),
    access,
    hook === 'core' ? '' : hook,
    summary,
    Object.entries(args ?? {})
      .map(([member, { type, optional }]) => `${code(member)}: ${type}${optional ? ', optional' : ''}`)
      .join('; '),
  ]);
  return page(
    'Control commands',
    'packages/server/src/control/commands',
    "Every command of the control sockets. Arguments and answers are Kea's.",
    [table(['command', 'access', "Kea's hook library", 'what it does', 'arguments'], rows), ...examplesSection()],
  );
}

function examplesSection(): string[] {
  const answers = recordedAnswers();
  const shown = COMMAND_EXAMPLES.flatMap((example, i) => (example.hidden ? [] : [{ example, answer: answers[i]! }]));
  const names = [...new Set(shown.map(({ example }) => example.command))].sort();
  const intro = [
    '## Examples',
    '',
    'A session with one server, told by command; `tests/interop/command-examples.test.ts` has it with a real server and',
    'compares the answers. Times, hashes and process ids stand for those of the day, and long answers are cut at `...`.',
    'Over HTTP the answer is the one item of a list.',
    '',
  ].join('\n');
  const sections = names.map((name) => {
    const blocks = shown
      .filter(({ example }) => example.command === name)
      .map(
        ({ example: { hidden: _, ...request }, answer }) =>
          `${jsonBlock(request)}\n\n${jsonBlock(shortened(answer))}\n`,
      );
    return `### ${name}\n\n${blocks.join('\n')}`;
  });
  return [intro, ...sections];
}

/** A value as people write it: short things on one line. */
function jsonBlock(value: JsonValue): string {
  return `\`\`\`json\n${formatWide(value, '')}\n\`\`\``;
}

const WIDTH = 110;

/** Members in the order they have: a command before its arguments. */
function formatFlat(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value as JsonMap).map(
    ([name, item]) => `${JSON.stringify(name)}: ${formatFlat(item)}`,
  );
  const [parts, open, close] = Array.isArray(value) ? [value.map(formatFlat), '[', ']'] : [entries, '{', '}'];
  return parts.length === 0 ? `${open}${close}` : `${open} ${parts.join(', ')} ${close}`;
}

function formatWide(value: JsonValue, indent: string): string {
  const flat = formatFlat(value);
  if (flat.length + indent.length <= WIDTH || value === null || typeof value !== 'object') return flat;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => formatWide(item, inner))
    : Object.entries(value as JsonMap).map(([name, item]) => `${JSON.stringify(name)}: ${formatWide(item, inner)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}
