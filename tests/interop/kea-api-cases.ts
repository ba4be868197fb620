/**
 * Commands made by chance, for two servers to answer alike: every argument left out, given well, given badly and given
 * twice. What a command may be given is a table; how it is spoilt is the same for all.
 */

import { formatJson, type JsonValue, jsonTypeOf } from '@lessor/kea';

/** One command as it is sent. */
export interface Case {
  readonly command: string;
  /** The whole of it, in JSON. */
  readonly text: string;
}

/** What an argument is given: values that fit its meaning, and some that nearly do. */
interface Argument {
  readonly good: readonly JsonValue[];
  readonly bad: readonly JsonValue[];
}

/** What a command is given, and how often the chance of a sequence takes it. */
interface CommandTable {
  readonly arguments: Readonly<Record<string, Argument>>;
  /** Sets of arguments that go together; those that are not named are left out. Default: all at once. */
  readonly forms?: readonly (readonly string[])[];
  readonly weight?: number;
}

/** Values of every type and of every edge, for each argument. */
const STRANGE: readonly JsonValue[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  255,
  256,
  4_294_967_295,
  4_294_967_296,
  9_223_372_036_854_775_807n,
  '',
  ' ',
  'x',
  '1',
  'ÿ',
  [],
  [1],
  ['x'],
  {},
  { x: 1 },
];

/** In the place of all arguments. */
const STRANGE_ARGUMENTS: readonly JsonValue[] = [null, true, 1, '', 'x', [], [1], [{}], {}, { unknown: 1 }];

/** Arguments with which shutdown does not end the server. */
const NO_SHUTDOWN: readonly JsonValue[] = [
  true,
  1,
  'x',
  [],
  ...[null, true, 1.5, '', '1', [1], {}].map((value) => ({ 'exit-value': value })),
];

const ADDRESS: Argument = {
  good: ['10.1.0.10', '10.1.0.11', '10.1.0.12', '10.1.0.50', '10.2.0.10', '10.3.0.10', '10.4.0.1'],
  bad: [
    '10.9.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '10.1.0',
    '10.1.0.256',
    '10.1.0.010',
    ' 10.1.0.10',
    '2001:db8::1',
    'a:b',
  ],
};
/** Addresses of which the first has no lease. */
const NEW_ADDRESS: Argument = { good: ['10.1.0.50', ...ADDRESS.good], bad: ADDRESS.bad };
const HW_ADDRESS: Argument = {
  good: ['1a:1b:1c:1d:1e:10', '1a:1b:1c:1d:1e:11', '1A:1B:1C:1D:1E:12', '1:2:3:4:5:6'],
  bad: [
    '1a1b1c1d1e10',
    '1a-1b-1c-1d-1e-10',
    '1a 1b 1c 1d 1e 10',
    '1a:1b:',
    ':1a',
    '1a::1b',
    '1a:1bb',
    '1g:00',
    '0x1a1b',
    '00',
    Array.from({ length: 20 }, () => '0a').join(':'),
    Array.from({ length: 21 }, () => '0a').join(':'),
  ],
};
const CLIENT_ID: Argument = {
  good: ['01:02:03:04', '01:1a:1b:1c:1d:1e:10', '01 02 03 05', '01020306', '0x01020307'],
  bad: [
    '01',
    '01-02',
    '01:',
    '1:2',
    '01::02',
    'xyz',
    '010',
    '0x',
    '01: 02',
    Array.from({ length: 255 }, () => '0a').join(':'),
    Array.from({ length: 256 }, () => '0a').join(':'),
  ],
};
const HOSTNAME: Argument = {
  good: ['host1.example.org', 'HOST2.Example.Org.', 'urania'],
  bad: ['a..b', '.', 'a b', 'a,b', 'ü', 'a'.repeat(64), `${'a.'.repeat(150)}b`],
};
const SUBNET_ID: Argument = { good: [1, 2, 3, 4], bad: [9, 4_294_967_294] };
const STATE: Argument = { good: [0, 1, 2], bad: [3, 4, 5] };
const BOOLEAN: Argument = { good: [true, false], bad: ['true'] };
const CONTEXT: Argument = {
  good: [{ a: 1 }, { comment: 'c' }, { ISC: { 'relay-agent-info': '0x0102' } }],
  bad: [{ ISC: { 'relay-agent-info': { 'sub-options': '0x0102' } } }],
};

const LEASE = {
  'ip-address': ADDRESS,
  'hw-address': HW_ADDRESS,
  'subnet-id': { good: [1], bad: [2, 9] },
  'client-id': CLIENT_ID,
  'valid-lft': { good: [1000, 60], bad: [4_294_967_294] },
  expire: { good: [4_102_444_800], bad: [100, 1000, 8_589_934_590, -9_223_372_036_854_775_807n] },
  'fqdn-fwd': BOOLEAN,
  'fqdn-rev': BOOLEAN,
  hostname: HOSTNAME,
  state: STATE,
  'user-context': CONTEXT,
  comment: { good: ['a comment'], bad: [] },
};
const LEASE_FORMS: readonly (readonly string[])[] = [
  Object.keys(LEASE).filter((name) => name !== 'comment'),
  ['ip-address', 'hw-address'],
  ['ip-address', 'client-id', 'comment'],
  ['ip-address', 'hw-address', 'subnet-id', 'hostname', 'fqdn-fwd'],
  ['ip-address', 'hw-address', 'client-id', 'valid-lft', 'state'],
];
const KEY = {
  'ip-address': ADDRESS,
  'subnet-id': SUBNET_ID,
  'identifier-type': {
    good: ['hw-address', 'client-id'],
    bad: ['duid', 'address', 'HW-ADDRESS', 'flex-id', 'circuit-id'],
  },
  identifier: { good: [...HW_ADDRESS.good, ...CLIENT_ID.good], bad: [...HW_ADDRESS.bad, ...CLIENT_ID.bad] },
};
const KEY_FORMS: readonly (readonly string[])[] = [
  ['ip-address'],
  ['subnet-id', 'identifier-type', 'identifier'],
  Object.keys(KEY),
];
const NAME: Argument = {
  good: ['pkt4-received', 'subnet[1].assigned-addresses', 'subnet[2].declined-addresses', 'declined-addresses'],
  bad: ['none', 'subnet[99].assigned-addresses', 'PKT4-RECEIVED', 'subnet[1]'],
};
/** No gauge: one that was reset Kea's lease4-wipe puts right, while lessor goes on counting from there. */
const COUNTER: Argument = { good: ['pkt4-received', 'v4-allocation-fail'], bad: ['none', ''] };
const ORIGIN: Argument = { good: ['user', 'ha-partner', 1, 2, 2000], bad: ['USER', 'ha', 3, 1000, 2999, 3000] };

/** Every command both servers have, by name. */
export const COMMANDS: Readonly<Record<string, CommandTable>> = {
  'lease4-add': { arguments: { ...LEASE, 'ip-address': NEW_ADDRESS }, forms: LEASE_FORMS, weight: 12 },
  'lease4-update': {
    arguments: { ...LEASE, 'force-create': BOOLEAN },
    forms: [...LEASE_FORMS, ...LEASE_FORMS.map((form) => [...form, 'force-create'])],
    weight: 12,
  },
  'lease4-del': {
    arguments: { ...KEY, 'update-ddns': BOOLEAN },
    forms: [...KEY_FORMS, ...KEY_FORMS.map((form) => [...form, 'update-ddns'])],
    weight: 6,
  },
  'lease4-get': { arguments: KEY, forms: KEY_FORMS, weight: 6 },
  'lease4-get-all': {
    arguments: {
      subnets: {
        good: [[1], [1, 2], [2, 1], [3, 3], [9, 1], []],
        bad: [[0], [-1], ['1'], [null], [1.5], [4_294_967_296]],
      },
    },
  },
  'lease4-get-page': {
    arguments: {
      from: {
        good: ['start', '0.0.0.0', '10.1.0.10', '10.1.0.11', '10.1.0.13', '10.3.0.255', '255.255.255.255'],
        bad: ['START', '10.1.0', '::', '2001:db8::1'],
      },
      limit: { good: [1, 2, 3, 100], bad: [] },
    },
    weight: 4,
  },
  'lease4-get-by-hw-address': { arguments: { 'hw-address': HW_ADDRESS }, weight: 2 },
  'lease4-get-by-client-id': { arguments: { 'client-id': CLIENT_ID }, weight: 2 },
  'lease4-get-by-hostname': { arguments: { hostname: HOSTNAME }, weight: 2 },
  'lease4-wipe': { arguments: { 'subnet-id': SUBNET_ID } },
  'lease4-resend-ddns': { arguments: { 'ip-address': ADDRESS }, weight: 2 },
  'stat-lease4-get': {
    arguments: {
      'subnet-id': SUBNET_ID,
      'subnet-range': {
        good: [
          { 'first-subnet-id': 1, 'last-subnet-id': 2 },
          { 'first-subnet-id': 2, 'last-subnet-id': 99 },
        ],
        bad: [
          { 'first-subnet-id': 1 },
          { 'last-subnet-id': 1 },
          { 'first-subnet-id': 2, 'last-subnet-id': 1 },
          { 'first-subnet-id': 3, 'last-subnet-id': 3 },
          { 'first-subnet-id': 0, 'last-subnet-id': 1 },
          { 'first-subnet-id': -1, 'last-subnet-id': 1 },
          { 'first-subnet-id': '1', 'last-subnet-id': 2 },
          { 'first-subnet-id': 1, 'last-subnet-id': null },
          { 'first-subnet-id': 1, 'last-subnet-id': 4_294_967_296 },
          { 'first-subnet-id': 50, 'last-subnet-id': 60 },
        ],
      },
    },
    forms: [['subnet-id'], ['subnet-range'], ['subnet-id', 'subnet-range'], []],
    weight: 3,
  },
  'statistic-get': { arguments: { name: NAME }, weight: 3 },
  'statistic-reset': { arguments: { name: COUNTER } },
  'statistic-remove': { arguments: { name: { ...NAME, good: ['none'] } } },
  'statistic-sample-age-set': { arguments: { name: NAME, duration: { good: [1, 3600], bad: [] } } },
  'statistic-sample-count-set': { arguments: { name: NAME, 'max-samples': { good: [1, 100], bad: [] } } },
  'statistic-sample-age-set-all': { arguments: { duration: { good: [3600], bad: [] } } },
  'statistic-sample-count-set-all': { arguments: { 'max-samples': { good: [20], bad: [] } } },
  'statistic-get-all': { arguments: {} },
  'config-get': { arguments: {} },
  'config-test': { arguments: { Dhcp4: { good: [{}, { 'valid-lifetime': 1 }], bad: [] } } },
  'config-set': { arguments: { Dhcp4: { good: [], bad: [] } } },
  'config-write': { arguments: { filename: { good: [], bad: ['/nowhere/at/all'] } } },
  'config-backend-pull': { arguments: {} },
  'dhcp-disable': {
    arguments: { 'max-period': { good: [1, 60], bad: [0, -5] }, origin: ORIGIN },
    forms: [['max-period'], ['origin'], ['max-period', 'origin'], []],
  },
  'dhcp-enable': { arguments: { origin: ORIGIN }, forms: [['origin'], []] },
  'leases-reclaim': { arguments: { remove: BOOLEAN } },
  'list-commands': { arguments: {} },
  'server-tag-get': { arguments: {} },
  'status-get': { arguments: {} },
  'version-get': { arguments: {} },
  'build-report': { arguments: {} },
  'no-such-command': { arguments: {} },
  // At the end and in no sequence: see COUNTER.
  'statistic-reset-all': { arguments: {}, weight: 0 },
};

/** A bounded choice: a number from 0 up to, but not including, the bound. */
export type Chance = (bound: number) => number;

type Members = readonly (readonly [name: string, value: JsonValue])[];

/** Each argument of each command left out, spoilt and given twice, with the others of a form well given. */
export function* spoiltOnce(): Generator<Case> {
  for (const args of NO_SHUTDOWN) yield written('shutdown', formatJson(args));
  for (const [command, table] of Object.entries(COMMANDS)) {
    yield written(command, undefined);
    for (const args of STRANGE_ARGUMENTS) yield written(command, formatJson(args));
    const spoilt = new Set<string>();
    for (const form of formsOf(table)) {
      const members = wellGiven(table, form);
      yield written(command, formatMembers(members));
      yield written(command, formatMembers([...members, ['unknown', 1]]));
      for (const name of form) {
        const others = members.filter(([other]) => other !== name);
        yield written(command, formatMembers(others));
        if (spoilt.has(name)) continue;
        spoilt.add(name);
        const { good, bad } = table.arguments[name]!;
        for (const value of [...good, ...bad, ...strangeFor(command)]) {
          yield written(command, formatMembers([...others, [name, value]]));
        }
        const [twice] = good;
        if (twice !== undefined) yield written(command, formatMembers([[name, null], ...others, [name, twice]]));
      }
    }
  }
}

/** The next of a sequence: mostly well given, so that it does something. */
export function chosen(chance: Chance): Case {
  const command = WEIGHTED[chance(WEIGHTED.length)]!;
  const table = COMMANDS[command]!;
  const pick = <T>(from: readonly T[]): T => from[chance(from.length)]!;
  if (chance(40) === 0) return written(command, formatJson(pick(STRANGE_ARGUMENTS)));
  const form = pick(formsOf(table));
  const members: [string, JsonValue][] = [];
  for (const name of form) {
    const { good, bad } = table.arguments[name]!;
    const lot = chance(40);
    const strange = strangeFor(command).filter((value) => lasts(name, value));
    if (lot > 3 && good.length > 0) members.push([name, pick(good)]);
    else if (lot > 1) members.push([name, pick([...bad, ...strange])]);
    else if (lot > 0) members.push([name, pick(strange)]);
  }
  return written(command, formatMembers(members));
}

const WEIGHTED: readonly string[] = Object.entries(COMMANDS).flatMap(([command, { weight = 1 }]) =>
  Array<string>(weight).fill(command),
);

/**
 * False for a lease that ends at once: leases-reclaim of the same second takes it in Kea, where the second of the end
 * counts as after it, and not in lessor. No sequence is to depend on the clock.
 */
function lasts(name: string, value: JsonValue): boolean {
  return name !== 'valid-lft' || (value !== 0 && value !== 1);
}

/** The strange values, without those that would give the server another configuration, or write it elsewhere. */
function strangeFor(command: string): readonly JsonValue[] {
  switch (command) {
    case 'config-set':
      return STRANGE.filter((value) => jsonTypeOf(value) !== 'map');
    case 'config-write':
      return STRANGE.filter((value) => typeof value !== 'string');
    default:
      return STRANGE;
  }
}

function formsOf({ arguments: args, forms = [Object.keys(args)] }: CommandTable): readonly (readonly string[])[] {
  return forms;
}

/** The arguments of a form, each the first that is good; without those of which none is. */
function wellGiven(table: CommandTable, form: readonly string[]): Members {
  return form.flatMap((name): Members => {
    const [value] = table.arguments[name]!.good;
    return value === undefined ? [] : [[name, value]];
  });
}

function formatMembers(members: Members): string {
  return `{ ${members.map(([name, value]) => `${JSON.stringify(name)}: ${formatJson(value)}`).join(', ')} }`;
}

function written(command: string, args: string | undefined): Case {
  return { command, text: `{ "command": "${command}"${args === undefined ? '' : `, "arguments": ${args}`} }` };
}
