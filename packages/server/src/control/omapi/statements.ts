/**
 * `statements` of hosts and groups: the part of dhcpd.conf's language that provisioning systems send, turned into the
 * members of a reservation or class. All of a text is understood, or it is refused and the refusal names the statement.
 */

import type { OptionRegistry } from '@lessor/dhcp';
import { Result } from '@lessor/omapi';
import type { OptionJoin } from '../../domain/snapshot.js';
import type { Octets } from '../../domain/values.js';
import type { Json, JsonMap } from '../command.js';
import { OmapiRefusal } from './object.js';
import { keaCondition } from './statement-conditions.js';
import { optionDataOf, readOption, type SetOption, TOP_SPACE, withStatement } from './statement-options.js';
import { addressValue, flagValue, secondsValue, stringValue, wordValue } from './statement-values.js';
import { readStatements, refused, type Statement, type Word } from './statement-words.js';

/** What a packet is answered with. */
export interface StatementSettings {
  readonly nextServer?: string;
  readonly serverHostname?: Octets;
  readonly bootFileName?: Octets;
  readonly alwaysBroadcast?: boolean;
  /** As `option-data` of a configuration. */
  readonly optionData: readonly JsonMap[];
}

/** What statements come to. The settings are those of packets that fulfil no condition. */
export interface ParsedStatements extends StatementSettings {
  readonly hostname?: Octets;
  /** Name in the DNS, where it is another than the one the client is told. */
  readonly ddnsHostname?: Octets;
  /** The name of the host is its host name, if nothing else is. */
  readonly useHostDeclName?: boolean;
  readonly denyBooting: boolean;
  /** Seconds. */
  readonly defaultLeaseTime?: number;
  readonly minLeaseTime?: number;
  readonly maxLeaseTime?: number;
  /** What conditions make of the settings, as Kea expressions; the first that a packet fulfils counts. */
  readonly cases?: readonly (StatementSettings & { readonly test: string })[];
}

/** While it is being collected. */
interface Collected {
  nextServer?: string;
  serverHostname?: Octets;
  bootFileName?: Octets;
  alwaysBroadcast?: boolean;
  hostname?: Octets;
  ddnsHostname?: Octets;
  useHostDeclName?: boolean;
  denyBooting: boolean;
  defaultLeaseTime?: number;
  minLeaseTime?: number;
  maxLeaseTime?: number;
  vendorSpace?: Octets;
  readonly options: Map<string, SetOption>;
}

/** Words before an option: it takes the place of that of group, subnet and pool, or joins it. */
const OPTION_WORDS: ReadonlyMap<string, OptionJoin | undefined> = new Map([
  ['option', undefined],
  ['send', undefined],
  ['supersede', undefined],
  ['append', 'append'],
  ['prepend', 'prepend'],
  ['default', 'default'],
]);
const HOST_NAME = 12;
/** Combinations of conditions that one text may have. */
const MAX_CASES = 64;

/** Reads what follows the name of a parameter. @throws OmapiRefusal BADPARSE */
type ReadParameter = (into: Collected, statement: readonly Word[], rest: readonly Word[]) => void;

const readBooting: ReadParameter = (into, statement, rest) => {
  if (rest.length !== 1 || rest[0]!.text !== 'booting') throw refused(statement, 'only booting is understood');
  into.denyBooting = statement[0]!.text.toLowerCase() !== 'allow';
};

/** THE parameters that are understood; those of `ANYWHERE` within `if` too. */
const PARAMETERS: Readonly<Record<string, ReadParameter>> = {
  filename: (into, ...value) => {
    into.bootFileName = stringValue(...value);
  },
  'server-name': (into, ...value) => {
    into.serverHostname = stringValue(...value);
  },
  'next-server': (into, ...value) => {
    into.nextServer = addressValue(...value);
  },
  'always-broadcast': (into, ...value) => {
    into.alwaysBroadcast = flagValue(...value);
  },
  'vendor-option-space': (into, ...value) => {
    into.vendorSpace = wordValue(...value);
  },
  'ddns-hostname': (into, ...value) => {
    into.ddnsHostname = stringValue(...value);
  },
  'use-host-decl-names': (into, ...value) => {
    into.useHostDeclName = flagValue(...value);
  },
  'default-lease-time': (into, ...value) => {
    into.defaultLeaseTime = secondsValue(...value);
  },
  'min-lease-time': (into, ...value) => {
    into.minLeaseTime = secondsValue(...value);
  },
  'max-lease-time': (into, ...value) => {
    into.maxLeaseTime = secondsValue(...value);
  },
  allow: readBooting,
  deny: readBooting,
  ignore: readBooting,
};

/** Statements without an effect on what a client is told. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['log', 'set', 'unset']);

const ANYWHERE = new Set(['filename', 'server-name', 'next-server', 'always-broadcast', 'vendor-option-space']);

/**
 * Reads a text of statements.
 * @param onPassed is told of statements without an effect on clients (`log`, `set`); without it they are refused
 * @throws OmapiRefusal BADPARSE naming the statement
 */
export function parseStatements(
  text: Octets,
  registry: OptionRegistry,
  onPassed?: (words: readonly Word[]) => void,
): ParsedStatements {
  const combinations = combine(readStatements(text), registry, false).map((one) => ({
    test: one.tests.map((test) => `(${test})`).join(' and '),
    collected: collect(one.statements, registry, onPassed),
  }));
  // Of all combinations the last is the one in which no condition is fulfilled.
  const { collected } = combinations.at(-1)!;
  const { ddnsHostname, hostname = ddnsHostname, useHostDeclName, denyBooting } = collected;
  const { defaultLeaseTime, minLeaseTime, maxLeaseTime } = collected;
  const cases = combinations.slice(0, -1).map((one) => ({ test: one.test, ...settingsOf(one.collected, registry) }));
  return {
    ...settingsOf(collected, registry),
    ...(hostname === undefined ? {} : { hostname }),
    ...(ddnsHostname === undefined || ddnsHostname === hostname ? {} : { ddnsHostname }),
    ...(hostname === undefined && useHostDeclName === true ? { useHostDeclName } : {}),
    denyBooting,
    ...(defaultLeaseTime === undefined ? {} : { defaultLeaseTime }),
    ...(minLeaseTime === undefined ? {} : { minLeaseTime }),
    ...(maxLeaseTime === undefined ? {} : { maxLeaseTime }),
    ...(cases.length === 0 ? {} : { cases }),
  };
}

/** Statements that are carried out together, and the conditions for that. */
interface Combination {
  readonly tests: readonly string[];
  readonly statements: readonly PlacedStatement[];
}

/** A statement, and whether it stands in a block of `if`. */
interface PlacedStatement {
  readonly words: readonly Word[];
  readonly conditional: boolean;
}

/** All ways through the conditions of a text, such that the first whose tests are true is the one that is taken. */
function combine(statements: readonly Statement[], registry: OptionRegistry, conditional: boolean): Combination[] {
  let ways: Combination[] = [{ tests: [], statements: [] }];
  for (const statement of statements) {
    if (statement.kind === 'plain') {
      const placed = { words: statement.words, conditional };
      ways = ways.map((way) => ({ ...way, statements: [...way.statements, placed] }));
      continue;
    }
    const complete = statement.branches.some(({ condition }) => condition === undefined);
    const branches = complete ? statement.branches : [...statement.branches, { condition: undefined, body: [] }];
    const inner = branches.flatMap(({ condition, body }) => {
      const tests = condition === undefined ? [] : [keaCondition(condition, registry)];
      return combine(body, registry, true).map((way) => ({ ...way, tests: [...tests, ...way.tests] }));
    });
    ways = ways.flatMap((way) =>
      inner.map((other) => ({
        tests: [...way.tests, ...other.tests],
        statements: [...way.statements, ...other.statements],
      })),
    );
    if (ways.length > MAX_CASES) throw new OmapiRefusal(Result.BADPARSE, `more than ${MAX_CASES} ways through 'if'`);
  }
  return ways;
}

function collect(
  statements: readonly PlacedStatement[],
  registry: OptionRegistry,
  onPassed?: (words: readonly Word[]) => void,
): Collected {
  const collected: Collected = { denyBooting: false, options: new Map() };
  for (const statement of statements) {
    const { words } = statement;
    if (onPassed !== undefined && WITHOUT_EFFECT.has(words[0]?.text.toLowerCase() ?? '')) onPassed(words);
    else readStatement(statement, registry, collected);
  }
  return collected;
}

function settingsOf(collected: Collected, registry: OptionRegistry): StatementSettings {
  const { nextServer, serverHostname, bootFileName, alwaysBroadcast, options, vendorSpace } = collected;
  return {
    ...(nextServer === undefined ? {} : { nextServer }),
    ...(serverHostname === undefined ? {} : { serverHostname }),
    ...(bootFileName === undefined ? {} : { bootFileName }),
    ...(alwaysBroadcast === undefined ? {} : { alwaysBroadcast }),
    optionData: optionDataOf(options.values(), vendorSpace, registry),
  };
}

function readStatement({ words, conditional }: PlacedStatement, registry: OptionRegistry, into: Collected): void {
  const [word, ...rest] = words;
  if (word?.kind !== 'text') throw refused(words, 'a statement begins with a word');
  const name = word.text.toLowerCase();
  if (!OPTION_WORDS.has(name)) {
    readParameter(words, name, rest, conditional, into);
    return;
  }
  const [option, ...value] = rest;
  if (option?.kind !== 'text') throw refused(words, 'the name of an option is missing');
  const parameter = /^server\.(.+)$/.exec(option.text)?.[1];
  if (parameter !== undefined) {
    readParameter(words, parameter, value, conditional, into);
    return;
  }
  const set = readOption(words, option.text, value, registry);
  const join = OPTION_WORDS.get(name);
  if (set.space !== TOP_SPACE || set.code !== HOST_NAME) {
    const key = `${set.space} ${set.code}`;
    into.options.set(key, withStatement(words, into.options.get(key), set, join));
  } else if (join !== undefined) {
    throw refused(words, 'a host name is given, and not joined to another');
  } else if (conditional) {
    throw refused(words, 'the host name can not depend on a condition');
  } else into.hostname = stringValue(words, value);
}

function readParameter(
  statement: readonly Word[],
  name: string,
  rest: readonly Word[],
  conditional: boolean,
  into: Collected,
): void {
  const read = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
  if (read === undefined) throw refused(statement, `'${name}' is not understood`);
  if (conditional && !ANYWHERE.has(name)) throw refused(statement, `'${name}' can not depend on a condition`);
  read(into, statement, rest);
}

/** Members of a reservation or class that statements can set, so that new ones take the place of all old ones. */
export const STATEMENT_MEMBERS = ['next-server', 'server-hostname', 'boot-file-name', 'option-data'] as const;

/** The same in `user-context`, `lessor`. */
export const STATEMENT_EXTENSIONS = [
  'valid-lifetime',
  'min-valid-lifetime',
  'max-valid-lifetime',
  'always-broadcast',
  'ddns-hostname',
  'cases',
] as const;

/** Statements as members of a reservation or class. The host name has a place of its own in reservations. */
export function statementMembers(settings: StatementSettings): Record<string, Json> {
  const { nextServer, serverHostname, bootFileName, optionData } = settings;
  return {
    ...(nextServer === undefined ? {} : { 'next-server': nextServer }),
    ...(serverHostname === undefined ? {} : { 'server-hostname': serverHostname }),
    ...(bootFileName === undefined ? {} : { 'boot-file-name': bootFileName }),
    ...(optionData.length === 0 ? {} : { 'option-data': optionData }),
  };
}

/** What of statements Kea's reservations and classes have no member for: members of `user-context`, `lessor`. */
export function statementExtensions(parsed: ParsedStatements): JsonMap {
  const { defaultLeaseTime, minLeaseTime, maxLeaseTime, ddnsHostname, cases } = parsed;
  const broadcast = ({ alwaysBroadcast }: StatementSettings): JsonMap =>
    alwaysBroadcast === undefined ? {} : { 'always-broadcast': alwaysBroadcast };
  return {
    ...(defaultLeaseTime === undefined ? {} : { 'valid-lifetime': defaultLeaseTime }),
    ...(minLeaseTime === undefined ? {} : { 'min-valid-lifetime': minLeaseTime }),
    ...(maxLeaseTime === undefined ? {} : { 'max-valid-lifetime': maxLeaseTime }),
    ...broadcast(parsed),
    ...(ddnsHostname === undefined ? {} : { 'ddns-hostname': ddnsHostname }),
    ...(cases === undefined
      ? {}
      : {
          cases: cases.map(({ test, ...settings }) => ({
            test,
            ...statementMembers(settings),
            ...broadcast(settings as StatementSettings),
          })),
        }),
  };
}
