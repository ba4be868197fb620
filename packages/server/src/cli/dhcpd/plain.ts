/** Statements that are no settings of clients: which of them are read elsewhere, and what becomes of the others. */

import type { Notes } from './notes.js';
import { type ConfStatement, wordsText } from './tree.js';

/** What becomes of a statement. `read`: another file of this folder reads it, or it says what holds anyway. */
type Fate = 'read' | 'lost' | 'changed';

/** By how a statement begins; the first row that fits counts. */
const FATES: readonly (readonly [beginning: RegExp, fate: Fate, text?: string])[] = [
  [/^(not )?authoritative$/, 'read'],
  [/^(use-host-decl-names|stash-agent-options|boot-unknown-clients) /, 'read'],
  [/^(allow|deny|ignore) unknown-clients$/, 'read'],
  [/^allow (booting|bootp|duplicates|declines|leasequery)$/, 'read'],
  [/^(omapi-port|omapi-key|range|interface|option space) ?/, 'read'],
  [/^(dynamic|static)$/, 'read'],
  [/^option \S+ code /, 'read'],
  [/^failover peer \S+$/, 'read'],
  [/^ddns-update-style /, 'read'],
  [
    /^(deny|ignore) (bootp|booting|declines|duplicates|leasequery)$/,
    'lost',
    'write a class with this test and DROP it',
  ],
  [/^(ddns-local-address|ddns-guard|ddns-|update-|do-)/, 'lost', 'see docs/dns-updates.md for what there is'],
  [/^ping-/, 'lost', 'addresses are not pinged first; one that a client declines is put aside'],
  [/^(set|unset) /, 'lost', 'there are no variables: a class tests the option itself'],
  [/^log-facility /, 'changed', '"loggers" says where the log goes: to the standard output'],
  [/^(lease|pid)-file-name /, 'changed', 'files are in the data and run directories of the server'],
  [/^local-(address|port) /, 'lost', 'see "interfaces-config", and -p of the command line'],
  [/^(db-time-format|max-ack-delay|delayed-ack|dhcp-cache-threshold) /, 'changed', 'of no meaning here'],
];

/** The same for blocks that are no scopes. */
const BLOCK_FATES: readonly (readonly [beginning: RegExp, fate: Fate, text?: string])[] = [
  [/^key /, 'read'],
  [/^zone /, 'changed', 'for kea-dhcp-ddns: --ddns-output writes its configuration'],
  [/^failover peer /, 'changed', 'two servers become a pair by `lessor pair init` and `lessor pair join`'],
  [/^on /, 'lost', 'nothing is executed; `lessor leases --follow` tells of changes'],
  [/^pool$/, 'read'],
];

/** Notes what becomes of a statement that sets nothing for clients. */
export function notePlain(statement: ConfStatement, notes: Notes): void {
  const text = wordsText(statement.words);
  const rows = statement.body === undefined ? FATES : BLOCK_FATES;
  const [, fate = 'lost', why = 'not known here'] =
    rows.find(([beginning]) => beginning.test(text.toLowerCase())) ?? [];
  if (fate === 'lost') notes.lost(statement, why);
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

/** True if only clients with a host are served; undefined if the scope does not say. */
export function knownOnlyOf(body: readonly ConfStatement[]): boolean | undefined {
  const unknown = body.findLast(({ words }) => /^(allow|deny|ignore) unknown-clients$/i.test(wordsText(words)));
  if (unknown !== undefined) return unknown.words[0]?.text.toLowerCase() !== 'allow';
  const boot = flagOf(body, 'boot-unknown-clients');
  return boot === undefined ? undefined : !boot;
}
