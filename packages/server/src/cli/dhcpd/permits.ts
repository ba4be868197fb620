/** `allow` and `deny` of a pool: one class whose members the pool is for. */

import type { Classes } from './classes.js';
import type { Notes } from './notes.js';
import { type ConfStatement, wordsText } from './tree.js';

/** Permits that hold for everybody here, so that allowing them says nothing. */
const EVERYBODY = /^(all clients|dynamic bootp clients|bootp clients|authenticated clients)$/;
/** Who gets no address anyway: clients of BOOTP have none without the library libdhcp_bootp. */
const NOBODY = /bootp clients$/;

/**
 * The classes a pool is guarded by; empty: everybody may have its addresses. With an `allow` only those who are allowed,
 * without those who are denied (dhcpd.conf(5), "ADDRESS POOLS").
 */
export function guardOf(statements: readonly ConfStatement[], pool: string, classes: Classes, notes: Notes): string[] {
  const allowed: string[] = [];
  const denied: string[] = [];
  let everybody = false;
  for (const statement of statements) {
    const allow = statement.words[0]?.text.toLowerCase() === 'allow';
    const who = wordsText(statement.words.slice(1)).toLowerCase();
    if (allow && EVERYBODY.test(who)) {
      everybody = true;
      continue;
    }
    if (!allow && NOBODY.test(who)) continue;
    const test = testOf(statement);
    if (test === undefined) notes.lost(statement, 'this permit is not known');
    else (allow ? allowed : denied).push(test);
  }
  if (denied.length === 0 && (everybody || allowed.length === 0)) return [];
  const parts = everybody || allowed.length === 0 ? [] : [any(allowed)];
  const test = [...parts, ...denied.map((one) => `not (${one})`)].join(' and ');
  const [, only] = /^member\('([^']+)'\)$/.exec(test) ?? [];
  return [only ?? classes.addTest(`${pool}-clients`, test)];
}

function testOf({ words }: ConfStatement): string | undefined {
  const who = wordsText(words.slice(1)).toLowerCase();
  if (/^(all|authenticated) clients$/.test(who)) return "member('ALL')";
  if (/^known([ -]clients)?$/.test(who)) return "member('KNOWN')";
  if (/^unknown([ -]clients)?$/.test(who)) return "member('UNKNOWN')";
  const last = words.at(-1);
  return /^members of /.test(who) && last !== undefined ? `member('${last.text}')` : undefined;
}

function any(tests: readonly string[]): string {
  return tests.length === 1 ? tests[0]! : `(${tests.join(' or ')})`;
}
