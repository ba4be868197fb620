/**
 * Where lessor answers control commands otherwise than Kea 3.3 did when it was recorded, and why.
 * control-replay.test.ts holds each row to what lessor really answers; the manual's page is made from these tables.
 */

import type { JsonMap } from '@lessor/kea';

/** A difference: every answer to a step whose name fits, and where Kea's result is `kea`. */
export interface ControlDifference {
  /** Transcript, without version and extension. */
  readonly transcript:
    | 'core-unix'
    | 'json-dialect-unix'
    | 'framing-unix'
    | 'lease-cmds'
    | 'stat-cmds'
    | 'host-cmds'
    | 'subnet-cmds'
    | 'class-cmds';
  readonly step: RegExp;
  /** Kea's result code. */
  readonly kea: number;
  /** lessor's. */
  readonly lessor: number;
  /** What lessor's text is like; undefined where the difference is in `arguments` and the text is Kea's. */
  readonly text?: RegExp;
  /** Members of `arguments` that differ or that only one of the two has; the others are Kea's. */
  readonly members?: readonly string[];
  /** Commands that bring back what Kea's state was, where lessor did something and Kea nothing. */
  readonly undo?: readonly { readonly command: string; readonly arguments?: JsonMap }[];
  readonly reason: string;
}

const CONFIG_WORDS =
  'All errors are told, not only the first, each with where it is: file, line and column, or the JSON path. ' +
  "The words are lessor's own.";

const NO_THREADS =
  'One loop serves all packets: there is no thread pool to tell of (multi-threading-enabled is false, as in a Kea ' +
  "without threads). lease-store is lessor's own: whether leases can be made durable now.";

const THREAD_MEMBERS: readonly string[] = [
  'lease-store',
  'multi-threading-enabled',
  'packet-queue-size',
  'packet-queue-statistics',
  'thread-pool-size',
];

const MEMORY_IS_DEFAULT =
  'Kea changes reservations in a database unless told otherwise, and fails where there is none. lessor has them in ' +
  'memory and in the configuration file, so that is what no operation-target means.';

/** The differences. The first row that fits counts. */
export const DIFFERENCES: readonly ControlDifference[] = [
  {
    transcript: 'core-unix',
    step: /^list-commands/,
    kea: 0,
    lessor: 0,
    reason: 'It lists what lessor has, whichever hook libraries the configuration names.',
  },
  {
    transcript: 'core-unix',
    step: /^build-report$/,
    kea: 0,
    lessor: 0,
    text: /lessor/,
    reason: 'It tells of this build.',
  },
  {
    transcript: 'core-unix',
    step: /^status-get/,
    kea: 0,
    lessor: 0,
    members: THREAD_MEMBERS,
    reason: NO_THREADS,
  },
  {
    transcript: 'core-unix',
    step: /^config-test: (lease|log) file elsewhere$/,
    kea: 0,
    lessor: 1,
    text: /may be in \/test\/(lib|log) only/,
    reason: 'Kea notices only when the configuration is applied; a test that passes should mean that it can be.',
  },
  {
    transcript: 'core-unix',
    step: /^config-test: comment and user-context$/,
    kea: 1,
    lessor: 0,
    text: /^Configuration seems sane/,
    reason: 'A comment in Dhcp4 is taken by command as it is in files: what a file may say a command may say.',
  },
  {
    transcript: 'core-unix',
    step: /^config-test Dhcp4 plus hash member$/,
    kea: 1,
    lessor: 0,
    text: /^Configuration seems sane/,
    reason: 'config-get answers with a hash beside Dhcp4; what was got can be tested and set as it is.',
  },
  {
    transcript: 'core-unix',
    step: /^config-test: t1 above t2$/,
    kea: 0,
    lessor: 0,
    members: ['warnings'],
    reason: 'The answer carries warnings, as the member `warnings` of its arguments.',
  },
  {
    transcript: 'core-unix',
    step: /^config-test string arguments$/,
    kea: 1,
    lessor: 1,
    text: /^arguments for the 'config-test' command must be a map$/,
    reason: 'Kea tells of its parser here, lessor of the command.',
  },
  { transcript: 'core-unix', step: /^config-(test|set): /, kea: 1, lessor: 1, text: /\(.+\)$/, reason: CONFIG_WORDS },
  {
    transcript: 'core-unix',
    step: /^(config-reload .* file|file dialect: .*)$/,
    kea: 1,
    lessor: 1,
    text: /^Config reload failed: configuration error using file '\/test\/etc\/kea-dhcp4\.conf': \/test\/etc\/kea-dhcp4\.conf:\d+\.\d+: /,
    reason: CONFIG_WORDS,
  },
  {
    transcript: 'core-unix',
    step: /^file dialect: (trailing comma|double comma|leading zero)/,
    kea: 0,
    lessor: 0,
    members: ['warnings'],
    reason: 'The answer carries warnings, as the member `warnings` of its arguments.',
  },
  {
    transcript: 'lease-cmds',
    step: /^lease4-add list arguments$/,
    kea: 1,
    lessor: 1,
    text: /^arguments for the 'lease4-add' command must be a map$/,
    reason: 'Kea tells of its parser here, lessor of the command.',
  },
  {
    transcript: 'lease-cmds',
    step: /^wipe at the end$/,
    kea: 0,
    lessor: 0,
    text: /^Deleted 5 IPv4 lease/,
    reason:
      'Kea reads its lease file again when it is reconfigured, and a released lease is a removal there. lessor keeps ' +
      'it: whose address it was is still known.',
  },
  {
    transcript: 'stat-cmds',
    step: /^statistic-get-all after clients$/,
    kea: 0,
    lessor: 0,
    reason: 'The recording’s clients have not been at this server: its statistics are at zero.',
  },
  {
    transcript: 'stat-cmds',
    step: /^status-get$/,
    kea: 0,
    lessor: 0,
    members: THREAD_MEMBERS,
    reason: NO_THREADS,
  },
  {
    transcript: 'host-cmds',
    step: /^reservation-add default target$/,
    kea: 1,
    lessor: 0,
    text: /^Host added\.$/,
    undo: [
      {
        command: 'reservation-del',
        arguments: { 'subnet-id': 1, 'identifier-type': 'hw-address', identifier: '1a:1b:1c:1d:1e:20' },
      },
      { command: 'config-reload' },
    ],
    reason: MEMORY_IS_DEFAULT,
  },
  {
    transcript: 'host-cmds',
    step: /^reservation-add target default$/,
    kea: 1,
    lessor: 1,
    text: /as this host has already been added$/,
    reason: MEMORY_IS_DEFAULT,
  },
  {
    transcript: 'host-cmds',
    step: /^reservation-update default target$/,
    kea: 1,
    lessor: 1,
    text: /^Host not updated \(not found\)\.$/,
    reason: MEMORY_IS_DEFAULT,
  },
  {
    transcript: 'host-cmds',
    step: /^reservation-del default target$/,
    kea: 1,
    lessor: 0,
    text: /^Host deleted\.$/,
    undo: [
      {
        command: 'reservation-add',
        arguments: {
          reservation: { 'subnet-id': 1, 'hw-address': '1a:1b:1c:1d:1e:22', 'ip-address': '192.0.2.202' },
        },
      },
    ],
    reason: MEMORY_IS_DEFAULT,
  },
  {
    transcript: 'host-cmds',
    step: /^reservation-add (no identifier|unknown member)$/,
    kea: 1,
    lessor: 1,
    text: /\(reservation.*\)$/,
    reason: CONFIG_WORDS,
  },
  {
    transcript: 'subnet-cmds',
    step: /^subnet4-add (without id|id 0|unknown member|pool outside)$/,
    kea: 1,
    lessor: 1,
    text: /\(subnet4\[0\].*\)$/,
    reason: CONFIG_WORDS,
  },
  {
    transcript: 'subnet-cmds',
    step: /^subnet4-delta-del$/,
    kea: 1,
    lessor: 1,
    text: /\(subnet4\[0\]\.renew-timer\)$/,
    reason: CONFIG_WORDS,
  },
  {
    transcript: 'subnet-cmds',
    step: /^network4-add empty name$/,
    kea: 0,
    lessor: 1,
    text: /must not be empty/,
    reason: 'A shared network without a name can not be told from none: subnet4-list of Kea shows null for both.',
  },
  {
    transcript: 'class-cmds',
    step: /^class-add (bad expression|unknown dependency|without name)$/,
    kea: 1,
    lessor: 1,
    text: /\(client-classes\[2\].*\)$/,
    reason: CONFIG_WORDS,
  },
  {
    transcript: 'json-dialect-unix',
    step: /^command not a string$/,
    kea: 1,
    lessor: 1,
    text: /expected 'command' to be a string, got integer instead$/,
    reason: 'Kea names the type of the whole command here, lessor that of the member.',
  },
  {
    transcript: 'json-dialect-unix',
    step: /^huge integer$/,
    kea: 1,
    lessor: 1,
    text: /^Number overflow while trying to cast '9+' to int64 and subsequently to int128 in /,
    reason: 'Kea appends the words of two libraries.',
  },
];

/** Commands in the transcripts that lessor has not (yet); it answers result 2. */
export const NOT_THERE: readonly { readonly command: RegExp; readonly reason: string }[] = [
  { command: /^lease6-/, reason: 'The daemon serves DHCPv4; Kea answers here because the hook library is loaded.' },
  { command: /^libreload$/, reason: 'Gone from Kea 3.3 too: there are no hook libraries to load again.' },
];

/** Commands of Kea that no recorded session sends and that are not there, for the page: each needs a reason. */
export const NOT_THERE_UNRECORDED: typeof NOT_THERE = [
  { command: /^subnet4o6-select-test$/, reason: 'Comes with DHCPv4 over DHCPv6, which lessor does not serve.' },
  { command: /^cache-/, reason: 'Reservations come from no database, so there is nothing to keep a copy of.' },
  {
    command: /^sflq-/,
    reason: 'For free-lease queues that several servers share in one database: lessor has none.',
  },
  {
    command: /^extended-info4-upgrade$/,
    reason: 'Relay information is looked up as it was stored (store-extended-info): there is no second table to build.',
  },
  {
    command: /^perfmon-/,
    reason: 'The time packets take is not measured by stage.',
  },
];

/** Steps that are no commands, and what is done with them here. */
export const OTHER_STEPS: readonly { readonly step: RegExp; readonly reason: string }[] = [
  { step: /^(file written by lease4-write|lease file)/, reason: 'Lease files are the matter of the store’s tests.' },
];
