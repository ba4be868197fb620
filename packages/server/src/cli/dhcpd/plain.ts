/** Statements that are no settings of clients: which of them are read elsewhere, and what becomes of the others. */

import type { JsonMap } from '../../domain/snapshot.js';
import type { Notes } from './notes.js';
import { type ConfStatement, wordsText } from './tree.js';

/**
 * What becomes of a statement. `read`: another file of this folder reads it where it may stand; `holds`: it says what
 * holds anyway.
 */
type Fate = 'read' | 'holds' | 'lost' | 'changed';

/** By how a statement begins; the first row that fits counts. */
const FATES: readonly (readonly [beginning: RegExp, fate: Fate, text?: string])[] = [
  [/^(not )?authoritative$/, 'read'],
  [/^(use-host-decl-names|stash-agent-options|boot-unknown-clients) /, 'read'],
  [/^(allow|deny|ignore) unknown-clients$/, 'read'],
  [/^allow (booting|bootp|duplicates|declines|leasequery)$/, 'holds'],
  [/^(omapi-port|omapi-key|range|interface|option space|site-option-space) ?/, 'read'],
  [/^(dynamic|static)$/, 'read'],
  // Who speaks BOOTP is answered with the library libdhcp_bootp only.
  [/^(deny|ignore) bootp$/, 'holds'],
  [/^ignore-client-uids /, 'read'],
  [/^option \S+ code /, 'holds'],
  [/^failover peer \S+$/, 'read'],
  [/^ddns-update-style /, 'read'],
  [/^(deny|ignore) (booting|declines|duplicates|leasequery)$/, 'lost', 'write a class with this test and DROP it'],
  [/^(ddns-local-address|ddns-guard|ddns-|update-|do-)/, 'lost', 'see docs/dns-updates.md for what there is'],
  [/^ping-(check|timeout|timeout-ms|cltt-secs) /, 'read', 'only the whole file, networks and subnets say it'],
  [/^(set|unset) /, 'lost', 'there are no variables: a class tests the option itself'],
  [/^(if exists|option) dhcp-parameter-request-list/, 'changed', 'clients that do not ask are sent these options too'],
  [/^log /, 'changed', 'packets are not written to the log; `lessor leases --follow` tells of changes'],
  [/^one-lease-per-client /, 'changed', 'a client has one lease in a network'],
  [/^dynamic-bootp-lease-/, 'changed', 'BOOTP clients are answered with the library libdhcp_bootp only'],
  [/^dhcpd_interface /, 'lost', 'name the interfaces by -i'],
  [/^log-facility /, 'changed', '"loggers" says where the log goes: to the standard output'],
  [/^(lease|pid)-file-name /, 'changed', 'files are in the data and run directories of the server'],
  [/^(local|remote)-(address|port) /, 'lost', 'see "interfaces-config", and -p of the command line'],
  [
    /^(db-time-format|max-ack-delay|delayed-ack|dhcp-cache-threshold|always-reply-rfc1048) /,
    'changed',
    'of no meaning here',
  ],
];

/** The same for blocks that are no scopes. */
const BLOCK_FATES: readonly (readonly [beginning: RegExp, fate: Fate, text?: string])[] = [
  [/^key /, 'read'],
  [/^zone /, 'changed', 'for kea-dhcp-ddns: --ddns-output writes its configuration'],
  [/^failover peer /, 'changed', 'two servers become a pair by `lessor pair init` and `lessor pair join`'],
  [/^on /, 'lost', 'nothing is executed; `lessor leases --follow` tells of changes'],
  [/^pool$/, 'read'],
];

/**
 * Notes what becomes of a statement that sets nothing for clients.
 * @param place where nothing of the kind is read: `a pool`
 */
export function notePlain(statement: ConfStatement, notes: Notes, place?: string): void {
  const text = wordsText(statement.words);
  const rows = statement.body === undefined ? FATES : BLOCK_FATES;
  const unknown = place === undefined ? 'not known here' : `not understood in ${place}`;
  const [, fate = 'lost', why = unknown] = rows.find(([beginning]) => beginning.test(text.toLowerCase())) ?? [];
  if (fate === 'lost' || (fate === 'read' && place !== undefined)) notes.lost(statement, why);
  else if (fate === 'changed') notes.changed(statement, why);
}

/** A switch of a scope: the last that it has; undefined without one. */
export function flagOf(body: readonly ConfStatement[], name: string): boolean | undefined {
  const last = body.findLast(({ words }) => words[0]?.text.toLowerCase() === name);
  return last === undefined ? undefined : /^(on|true|1)$/i.test(last.words[1]?.text ?? '');
}

/** `authoritative`, `not authoritative`, or nothing of the kind. */
export function authoritativeOf(body: readonly ConfStatement[]): boolean | undefined {
  const last = body.findLast(({ words }) => /^(not )?authoritative$/i.test(wordsText(words)));
  return last === undefined ? undefined : last.words.length === 1;
}

/** `ignore-client-uids`: whether clients are known by their hardware address alone. */
export function clientIdMembers(body: readonly ConfStatement[]): JsonMap {
  const ignored = flagOf(body, 'ignore-client-uids');
  return ignored === undefined ? {} : { 'match-client-id': !ignored };
}

/** True if only clients with a host are served; undefined if the scope does not say. */
export function knownOnlyOf(body: readonly ConfStatement[]): boolean | undefined {
  const unknown = body.findLast(({ words }) => /^(allow|deny|ignore) unknown-clients$/i.test(wordsText(words)));
  if (unknown !== undefined) return unknown.words[0]?.text.toLowerCase() !== 'allow';
  const boot = flagOf(body, 'boot-unknown-clients');
  return boot === undefined ? undefined : !boot;
}
