/**
 * Names in the DNS: dhcpd enters them itself, lessor asks kea-dhcp-ddns to. So what scopes say of them becomes `ddns-*`
 * parameters, and zones and keys become a configuration of kea-dhcp-ddns.
 */

import type { JsonMap } from '../../domain/snapshot.js';
import { parseIpv4 } from '../../domain/values.js';
import { filled } from './members.js';
import type { Notes } from './notes.js';
import { readKey } from './omapi.js';
import { type ConfStatement, isWord } from './tree.js';

/** A statement as a parameter; undefined if that is not possible, with the reason. */
type Translate = (statement: ConfStatement, notes: Notes) => JsonMap;

const flag = ({ words }: ConfStatement): boolean => /^(on|true|1)$/i.test(words[1]?.text ?? '');

const NOTHING: JsonMap = {};

/** By the first word. What is told is only true where updates are on at all. */
const PARAMETERS: Readonly<Record<string, Translate>> = {
  'ddns-updates': (statement) => ({ 'ddns-send-updates': flag(statement) }),
  'ddns-domainname': (statement, notes) => {
    const name = literal(statement, notes);
    return name === undefined ? NOTHING : { 'ddns-qualifying-suffix': name };
  },
  'ddns-ttl': ({ words }) => ({ 'ddns-ttl': Number(words[1]?.text) }),
  'ddns-rev-domainname': (statement, notes) => {
    const name = literal(statement, notes);
    if (name !== undefined && !/^in-addr\.arpa\.?$/i.test(name)) {
      notes.lost(statement, 'reverse names are in in-addr.arpa');
    }
    return NOTHING;
  },
  'update-optimization': (statement) => ({ 'ddns-update-on-renew': !flag(statement) }),
  'update-conflict-detection': (statement) => ({
    'ddns-conflict-resolution-mode': flag(statement) ? 'check-with-dhcid' : 'no-check-with-dhcid',
  }),
  'update-static-leases': (statement, notes) => {
    if (!flag(statement)) notes.changed(statement, 'reservations have names in the DNS as other leases have');
    return NOTHING;
  },
  'do-forward-updates': (statement, notes) => onlyOn(statement, notes),
  'do-reverse-updates': (statement, notes) => onlyOn(statement, notes),
  allow: () => ({ 'ddns-override-client-update': false }),
  deny: () => ({ 'ddns-override-client-update': true }),
  ignore: () => ({ 'ddns-override-client-update': true }),
};

function onlyOn(statement: ConfStatement, notes: Notes): JsonMap {
  if (!flag(statement)) notes.lost(statement, 'both records are entered, or none');
  return NOTHING;
}

function literal(statement: ConfStatement, notes: Notes): string | undefined {
  const [, value, more] = statement.words;
  if (value !== undefined && more === undefined) return value.text;
  notes.lost(statement, 'names are not computed by expressions');
  return undefined;
}

/** True for a statement that {@link ddnsMembers} reads. */
export function isDdns({ words, body }: ConfStatement): boolean {
  const word = words[0]?.text.toLowerCase() ?? '';
  if (body !== undefined || words[0]?.kind !== 'text' || !Object.hasOwn(PARAMETERS, word)) return false;
  return !/^(allow|deny|ignore)$/.test(word) || isWord(words[1], 'client-updates');
}

/** What a scope says of names in the DNS. */
export function ddnsMembers(body: readonly ConfStatement[], notes: Notes): JsonMap {
  const parts = body.filter(isDdns).map((each) => PARAMETERS[each.words[0]!.text.toLowerCase()]!(each, notes));
  return Object.assign({}, ...parts) as JsonMap;
}

/** `ddns-update-style`: whether names are entered at all. dhcpd does not unless told to. */
export function ddnsSwitch(tree: readonly ConfStatement[], notes: Notes): JsonMap {
  const style = tree.findLast(({ words }) => isWord(words[0], 'ddns-update-style'));
  const word = style?.words[1]?.text.toLowerCase();
  if (style === undefined || word === 'none') return {};
  if (word !== 'standard' && word !== 'interim') {
    notes.lost(style, 'names are entered as of "standard", or not at all');
    return {};
  }
  const markers = word === 'interim' ? '; entries that dhcpd made (with TXT) count as made by hand: remove them' : '';
  notes.changed(style, `names are entered by kea-dhcp-ddns: --ddns-output writes its configuration${markers}`);
  return { 'dhcp-ddns': { 'enable-updates': true } };
}

/** The domain of names where `ddns-domainname` says none: the one clients are told (dhcpd.conf(5)). */
export function defaultDomain(tree: readonly ConfStatement[]): JsonMap {
  const told = tree.findLast(({ words }) => isWord(words[0], 'option') && isWord(words[1], 'domain-name'));
  const [, , value, more] = told?.words ?? [];
  return value?.kind === 'string' && more === undefined ? { 'ddns-qualifying-suffix': value.text } : {};
}

/** Zones and their keys as `DhcpDdns`; undefined if there are none. */
export function updateServer(tree: readonly ConfStatement[], notes: Notes): JsonMap | undefined {
  const zones = tree.filter(({ words, body }) => body !== undefined && isWord(words[0], 'zone'));
  const domains = zones.flatMap((zone) => domainOf(zone, tree, notes));
  if (domains.length === 0) return undefined;
  const used = new Set(domains.map((domain) => domain['key-name']));
  const keys = tree.filter(({ words, body }) => body !== undefined && isWord(words[0], 'key'));
  const reverse = ({ name }: JsonMap): boolean => /\.arpa\.$/i.test(String(name));
  return {
    'ip-address': '127.0.0.1',
    port: 53001,
    'tsig-keys': keys
      .map(readKey)
      .filter(({ name }) => used.has(name))
      .map(({ name, algorithm, secret }) => ({ name, algorithm: algorithm.toUpperCase(), secret })),
    'forward-ddns': filled(
      'ddns-domains',
      domains.filter((domain) => !reverse(domain)),
    ),
    'reverse-ddns': filled('ddns-domains', domains.filter(reverse)),
  };
}

function domainOf(zone: ConfStatement, tree: readonly ConfStatement[], notes: Notes): JsonMap[] {
  const body = zone.body ?? [];
  const name = zone.words[1]?.text ?? '';
  const statementOf = (word: string): ConfStatement | undefined => body.find(({ words }) => isWord(words[0], word));
  const servers = ['primary', 'secondary'].flatMap((word) => {
    const statement = statementOf(word);
    const address = statement?.words[1]?.text ?? '';
    if (statement !== undefined && parseIpv4(address) === undefined) {
      notes.lost(statement, `names are not resolved: give the address of ${address}`);
      return [];
    }
    return statement === undefined ? [] : [{ 'ip-address': address }];
  });
  if (servers.length === 0) {
    notes.lost(zone, 'it has no name server with an IPv4 address');
    return [];
  }
  for (const statement of body) {
    if (!/^(primary|secondary|key)$/i.test(statement.words[0]?.text ?? ''))
      notes.lost(statement, 'not understood in a zone');
  }
  const key = statementOf('key')?.words[1]?.text;
  if (key !== undefined && !tree.some(({ words }) => isWord(words[0], 'key') && words[1]?.text === key)) {
    notes.lost(zone, `there is no key ${key}`);
  }
  const absolute = name.endsWith('.') ? name : `${name}.`;
  return [{ name: absolute, ...(key === undefined ? {} : { 'key-name': key }), 'dns-servers': servers }];
}
