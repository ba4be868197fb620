/**
 * THE error table: every failure lessor can report, once. A code is what logs, answers and documentation have in common.
 * A test demands that every code is raised somewhere and documented.
 */

/** One row of the error table. */
export interface ErrorRow {
  /** Which class of error carries the code. */
  readonly kind: 'decode' | 'config' | 'command' | 'store' | 'socket' | 'setup' | 'invariant';
  readonly meaning: string;
  readonly remedy: string;
}

/** The table. Keys are the codes. */
export const ERRORS = {
  'config-syntax': {
    kind: 'config',
    meaning: 'The text is not in the JSON dialect of Kea configuration files.',
    remedy: 'Correct the text at the position given.',
  },
  'config-unknown': {
    kind: 'config',
    meaning: 'A parameter is not known in this place.',
    remedy: 'Check the spelling and the scope; docs/reference/parameters.md lists what each scope takes.',
  },
  'config-type': {
    kind: 'config',
    meaning: 'A value has the wrong JSON type.',
    remedy: 'Give the type the message names.',
  },
  'config-range': {
    kind: 'config',
    meaning: 'A value is outside its range, or not one of the words allowed.',
    remedy: 'Give a value the message names.',
  },
  'config-missing': { kind: 'config', meaning: 'A mandatory parameter is missing.', remedy: 'Add it.' },
  'config-duplicate': {
    kind: 'config',
    meaning: 'Something that must be unique is given twice.',
    remedy: 'Remove or rename one of the two.',
  },
  'config-conflict': {
    kind: 'config',
    meaning: 'Two parameters contradict each other.',
    remedy: 'Remove one, as the message says.',
  },
  'config-reference': {
    kind: 'config',
    meaning: 'A name refers to something that does not exist.',
    remedy: 'Define it, or correct the name.',
  },
  'config-unsupported': {
    kind: 'config',
    meaning: 'Kea knows this parameter, lessor has no function behind it.',
    remedy: 'Remove it; the message says what to use instead where there is something.',
  },
  'config-insecure': {
    kind: 'config',
    meaning: 'The setting would expose the server or a secret.',
    remedy: 'Do what the message says, or start with -X if you mean it.',
  },
  'config-edit': {
    kind: 'config',
    meaning: 'A change by command can not be written into the configuration file.',
    remedy:
      'Make the change in the file and reload it; or let changes stay in memory until config-write: user-context, lessor, write-through false.',
  },
  'config-file': {
    kind: 'config',
    meaning: 'A file named in the configuration can not be read.',
    remedy: 'Check path and permissions.',
  },
  'store-unavailable': {
    kind: 'store',
    meaning: 'The lease store can not make changes durable now (full disk, I/O error).',
    remedy: 'Free space or repair the disk; service resumes by itself.',
  },
  'store-corrupt': {
    kind: 'store',
    meaning: 'The lease file holds rows that can not be read.',
    remedy: 'Repair the rows named (the file was kept as it is), or raise max-row-errors.',
  },
  'store-locked': {
    kind: 'store',
    meaning: 'Another process uses this lease file.',
    remedy: 'Stop the other process.',
  },
  privileges: {
    kind: 'setup',
    meaning: 'The process can not become the user it was told to be.',
    remedy:
      'Start it as root on Linux, and name a user that there is; or start it as that user, with the capabilities.',
  },
  'file-not-own': {
    kind: 'setup',
    meaning: 'A file that would be written to is a link that another user made, or belongs to another user.',
    remedy: 'Remove it, or give it to the user the server runs as.',
  },
  'listener-shared': {
    kind: 'socket',
    meaning: 'A control listener that is to stand apart from clients does not.',
    remedy: 'Do what the message says for each check, or give "isolation": "warn".',
  },
  'socket-open': {
    kind: 'socket',
    meaning: 'A socket can not be opened.',
    remedy:
      'Check the address, the port and the privileges (DHCP on port 67 needs CAP_NET_BIND_SERVICE and CAP_NET_RAW).',
  },
  'command-malformed': {
    kind: 'command',
    meaning: 'The text received is not a command.',
    remedy: 'Send one JSON object with a member "command".',
  },
  'command-unknown': { kind: 'command', meaning: 'No such command.', remedy: 'See list-commands.' },
  'command-invalid': {
    kind: 'command',
    meaning: 'The arguments do not fit the command.',
    remedy: 'See docs/reference/commands.md.',
  },
  'command-denied': {
    kind: 'command',
    meaning: 'The sender may not do this.',
    remedy: 'Use an identity that has the right.',
  },
  'command-isolated': {
    kind: 'command',
    meaning: 'The listener has come to be shared with clients, so that nothing is changed through it.',
    remedy: 'Ask isolation-check why, and part the networks; or use another listener.',
  },
  'command-limited': {
    kind: 'command',
    meaning: 'The sender asks for more than its limits, or too many such commands are under way.',
    remedy: 'Wait and send it again; limits are in user-context, lessor of the listener.',
  },
  'command-second-person': {
    kind: 'command',
    meaning: 'The command was noted: it runs when a second principal sends it too.',
    remedy: 'Ask somebody else who has the right to send the same command in time.',
  },
  'command-conflict': {
    kind: 'command',
    meaning: 'The command does not fit what there is: a lease, a subnet, or a file changed by somebody else.',
    remedy: 'The text says what is in the way.',
  },
  'peer-fenced': {
    kind: 'command',
    meaning:
      'A server of a pair sent what it may not send before it has noticed that the other was restarted or went on alone.',
    remedy: 'Nothing: it notices with the next heartbeat, and fetches what it missed.',
  },
  'command-failed': {
    kind: 'command',
    meaning: 'The command could not be carried out; nothing was changed.',
    remedy: 'The text says why.',
  },
  pki: {
    kind: 'setup',
    meaning: 'A certificate or an authority can not be made or read.',
    remedy: 'The text says what is in the way; `lessor pki --help` shows how they are made.',
  },
  'pair-setup': {
    kind: 'setup',
    meaning: 'Two servers could not be made a pair; nothing was changed on either of them.',
    remedy: 'Do what the text says and begin again with `lessor pair init`.',
  },
  'dhcpd-syntax': {
    kind: 'setup',
    meaning: 'A file of dhcpd is not in its language.',
    remedy: 'Correct it at the line given: `dhcpd -t -cf FILE` says the same.',
  },
  invariant: { kind: 'invariant', meaning: 'A defect of lessor.', remedy: 'Report it with the log line.' },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** A key of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Base of every error lessor throws on purpose. */
export class LessorError extends Error {
  override readonly name: string = 'LessorError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Where in a configuration something is: file, line and column from 1, JSON path as subnet4[0].pools[1]. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

/** One finding about a configuration. */
export interface ConfigIssue {
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  readonly message: string;
  readonly position: SourcePosition;
}

/** A configuration that can not be used: carries every error found, not only the first. */
export class ConfigError extends LessorError {
  override readonly name = 'ConfigError';
  constructor(readonly issues: readonly ConfigIssue[]) {
    super(issues[0]?.code ?? 'config-syntax', issues.map(formatIssue).join('\n'));
  }
}

/** `file:line.column: message (path)`, the way compilers and Kea print it. */
export function formatIssue(issue: ConfigIssue): string {
  const { file, line, column, path } = issue.position;
  return `${file}:${line}.${column}: ${issue.severity === 'warning' ? 'warning: ' : ''}${issue.message}${path === '' ? '' : ` (${path})`}`;
}

/** A lease store failure. */
export class StoreError extends LessorError {
  override readonly name = 'StoreError';
}

/** A command that can not be carried out. */
export class CommandError extends LessorError {
  override readonly name = 'CommandError';
  constructor(
    code: ErrorCode,
    message: string,
    /** Kea result code of the answer. */
    readonly result: 1 | 2 | 3 | 4 | 5 = 1,
  ) {
    super(code, message);
  }
}

/** Throws an invariant error unless the condition holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new LessorError('invariant', message);
}
