/** Hosts of dhcpd.conf as reservations. */

import { STATEMENT_MEMBERS, statementExtensions, statementMembers } from '../../control/omapi/statements.js';
import type { JsonMap } from '../../domain/snapshot.js';
import { formatHex, parseIpv4 } from '../../domain/values.js';
import type { Definitions } from './definitions.js';
import type { Notes } from './notes.js';
import { notePlain } from './plain.js';
import { isSetting, readSettings } from './settings.js';
import { type ConfStatement, type ConfWord, isMark, isWord, wordsText } from './tree.js';

/** A host, to be put where its address belongs. */
export interface ConvertedHost {
  readonly statement: ConfStatement;
  /** Without address. */
  readonly json: JsonMap;
  /** Each as text: what no two hosts of a subnet can both be known by. */
  readonly identifiers: readonly string[];
  readonly addresses: readonly string[];
}

/** What holds for hosts by the scopes they are in. */
export interface HostScope {
  /** Statements of groups, outermost first. */
  readonly inherited: readonly ConfStatement[];
  readonly useHostDeclNames: boolean;
  /** Statements of the groups that have a name, for hosts that say `group NAME`. */
  readonly groups: ReadonlyMap<string, readonly ConfStatement[]>;
}

/** `host NAME { … }`; undefined if it names no client (noted). */
export function convertHost(
  statement: ConfStatement,
  { inherited, useHostDeclNames, groups }: HostScope,
  definitions: Definitions,
  notes: Notes,
): ConvertedHost | undefined {
  const name = statement.words[1]?.text ?? '';
  const body = statement.body ?? [];
  const identifiers = body.flatMap((each) => identifierOf(each, notes));
  if (identifiers.length === 0) {
    notes.lost(statement, 'it has neither "hardware ethernet" nor a client identifier');
    return undefined;
  }
  const own = body.filter((each) => isSetting(each) && !isIdentifier(each));
  const named = body
    .filter(({ words }) => isWord(words[0], 'group'))
    .flatMap(({ words }) => groups.get(words[1]?.text ?? '') ?? []);
  const settings = readSettings([...inherited, ...named, ...own], definitions.registry, notes);
  const booting = body.some(({ words }) => /^(deny|ignore) booting$/i.test(wordsText(words)));
  const hostname = settings.hostname ?? (useHostDeclNames ? name : undefined);
  const [first, ...others] = identifiers;
  noteLost(body, notes);
  return {
    statement,
    identifiers: identifiers.map((each) => JSON.stringify(each)),
    addresses: body.flatMap((each) => addressesOf(each, notes)),
    json: {
      ...first,
      ...(hostname === undefined ? {} : { hostname }),
      ...(booting ? { 'client-classes': ['DROP'] } : {}),
      ...statementMembers(settings),
      'user-context': {
        lessor: {
          omapi: { name },
          ...statementExtensions(settings),
          ...(others.length === 0 ? {} : { identifiers: others }),
        },
      },
    },
  };
}

const CLIENT_ID = /^(dhcp-client-identifier|option-61)$/;

function isIdentifier({ words }: ConfStatement): boolean {
  return isWord(words[0], 'option') && CLIENT_ID.test(words[1]?.text ?? '');
}

/** An identifier as a member of a reservation: hardware address, client identifier, or circuit identifier. */
function identifierOf(statement: ConfStatement, notes: Notes): JsonMap[] {
  const { words } = statement;
  if (isWord(words[0], 'hardware')) {
    if (isWord(words[1], 'ethernet')) return octets(words[2], 'hw-address');
    notes.lost(statement, 'hardware other than Ethernet is not known');
    return [];
  }
  if (isIdentifier(statement)) return octets(isMark(words[2], '=') ? words[3] : words[2], 'client-id');
  if (!isWord(words[0], 'host-identifier')) return [];
  if (words[2]?.text === 'agent.circuit-id') return octets(words[3], 'circuit-id');
  notes.lost(statement, 'a host is known by hardware address, client identifier or circuit identifier');
  return [];
}

function octets(word: ConfWord | undefined, type: string): JsonMap[] {
  if (word === undefined) return [];
  if (word.kind === 'string') return [{ [type]: formatHex(word.text) }];
  return [
    {
      [type]: word.text
        .split(':')
        .map((octet) => octet.padStart(2, '0'))
        .join(':')
        .toLowerCase(),
    },
  ];
}

function addressesOf(statement: ConfStatement, notes: Notes): string[] {
  if (!isWord(statement.words[0], 'fixed-address')) return [];
  return statement.words.slice(1).flatMap(({ kind, text }) => {
    if (kind === 'mark') return [];
    if (parseIpv4(text) !== undefined) return [text];
    notes.lost(statement, `names are not resolved: give the address of ${text}`);
    return [];
  });
}

/** The reservation of a host that has no address. Kea wants it to give something: what every host is given anyway. */
export function withoutAddress({ json }: ConvertedHost): JsonMap {
  const gives = ['hostname', 'client-classes', ...STATEMENT_MEMBERS].some((name) => Object.hasOwn(json, name));
  return gives ? json : { ...json, 'client-classes': ['KNOWN'] };
}

/** Words of a host that are read above, or say what holds anyway. */
const READ: ReadonlySet<string> = new Set([
  'hardware',
  'host-identifier',
  'fixed-address',
  'dynamic',
  'group',
  'allow',
  'deny',
  'ignore',
]);

function noteLost(body: readonly ConfStatement[], notes: Notes): void {
  for (const statement of body) {
    const word = statement.words[0]?.text.toLowerCase() ?? '';
    if (!isSetting(statement) && !READ.has(word)) notePlain(statement, notes, 'a host');
  }
}
