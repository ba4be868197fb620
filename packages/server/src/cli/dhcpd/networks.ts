/** Subnets, shared networks and pools of dhcpd.conf. */

import { networkOf } from '../../config/values.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { formatIpv4, parseIpv4 } from '../../domain/values.js';
import type { Classes } from './classes.js';
import type { Definitions } from './definitions.js';
import { ddnsMembers, isDdns } from './dns.js';
import { filled } from './members.js';
import type { Notes } from './notes.js';
import { guardOf } from './permits.js';
import { type PingSettings, pingOf } from './ping.js';
import { authoritativeOf, clientIdMembers, flagOf, knownOnlyOf, notePlain } from './plain.js';
import { isSetting, type LeaseTimes, leaseTimeMembers, leaseTimesOf, readSettings } from './settings.js';
import { type ConfStatement, isWord } from './tree.js';

/** What of the scopes around holds in a scope, beside what Kea's subnets inherit themselves. */
export interface Outer {
  /** Statements of the groups around, outermost first: there are no groups, so what is in them has them all. */
  readonly inherited: readonly ConfStatement[];
  readonly times: LeaseTimes;
  readonly ping: PingSettings;
  readonly useHostDeclNames: boolean;
  /** Only clients with a host are served. */
  readonly knownOnly: boolean;
}

/** A subnet, while pools of its network may still come to it. */
export interface FilledSubnet {
  readonly json: { pools?: readonly JsonMap[]; reservations?: readonly JsonMap[] } & Record<string, Json>;
  readonly first: number;
  readonly last: number;
}

/** What the functions of this file work with. */
export interface Workshop {
  readonly classes: Classes;
  readonly definitions: Definitions;
  readonly notes: Notes;
  /** True for a subnet that was converted before. */
  hasSubnet(first: number, length: number): boolean;
}

/** The scope inside another one. */
export function insideOf(body: readonly ConfStatement[], outer: Outer): Outer {
  return {
    ...outer,
    ping: pingOf(body, outer.ping),
    useHostDeclNames: flagOf(body, 'use-host-decl-names') ?? outer.useHostDeclNames,
    knownOnly: knownOnlyOf(body) ?? outer.knownOnly,
  };
}

/** What a subnet or shared network says of its clients, and what holds in it. */
export function networkMembers(
  body: readonly ConfStatement[],
  outer: Outer,
  name: string,
  { classes, definitions, notes }: Workshop,
): { readonly members: JsonMap; readonly inside: Outer } {
  const settings = readSettings([...outer.inherited, ...body.filter(isSetting)], definitions.registry, notes);
  const times = leaseTimesOf(settings, outer.times);
  const { always, names } = classes.addCases(settings, name, { additional: true });
  const authoritative = authoritativeOf(body);
  return {
    members: {
      ...interfaceOf(body),
      ...leaseTimeMembers(times, outer.times),
      ...(authoritative === undefined ? {} : { authoritative }),
      ...clientIdMembers(body),
      ...ddnsMembers(body, notes),
      ...always,
      ...filled('evaluate-additional-classes', names),
    },
    // What the groups around say is in the members now, and inherited from there.
    inside: insideOf(body, { ...outer, inherited: [], times }),
  };
}

/** `subnet ADDRESS netmask MASK { … }` with its pools; undefined if it is none (noted). */
export function convertSubnet(
  statement: ConfStatement,
  id: number,
  outer: Outer,
  workshop: Workshop,
): { readonly subnet: FilledSubnet; readonly inside: Outer } | undefined {
  const body = statement.body ?? [];
  const [, address, , mask] = statement.words;
  const [first, length] = [parseIpv4(address?.text ?? ''), prefixLength(mask?.text ?? '')];
  if (first === undefined || length === undefined || first !== networkOf(first, length)) {
    workshop.notes.lost(statement, 'this is no subnet');
    return undefined;
  }
  if (workshop.hasSubnet(first, length)) {
    workshop.notes.lost(statement, 'there is this subnet already');
    return undefined;
  }
  const { members, inside } = networkMembers(body, outer, address!.text, workshop);
  const own = rangesOf(body, workshop.notes).map((pool) => ({
    pool,
    ...filled('client-classes', inside.knownOnly ? ['KNOWN'] : []),
  }));
  const blocks = body.filter(isPool).flatMap((pool) => convertPool(pool, address!.text, inside, workshop));
  const json = { id, subnet: `${address!.text}/${length}`, ...members, ...filled('pools', [...own, ...blocks]) };
  return { subnet: { json, first, last: first + 2 ** (32 - length) - 1 }, inside };
}

/** Puts the pools that stand in a shared network itself into the subnets they are in. */
export function placePools(
  body: readonly ConfStatement[],
  name: string,
  inside: Outer,
  subnets: readonly FilledSubnet[],
  workshop: Workshop,
): void {
  for (const pool of body.filter(isPool)) {
    for (const json of convertPool(pool, name, inside, workshop)) {
      const low = parseIpv4(String(json.pool).split(' ')[0]!) ?? -1;
      const home = subnets.find(({ first, last }) => low >= first && low <= last);
      if (home === undefined) workshop.notes.lost(pool, `${String(json.pool)} is in no subnet of this network`);
      else home.json.pools = [...(home.json.pools ?? []), json];
    }
  }
}

/** `pool { … }`: each of its ranges is a pool, with the same guard and options. */
function convertPool({ body = [] }: ConfStatement, scope: string, outer: Outer, workshop: Workshop): JsonMap[] {
  const { classes, definitions, notes } = workshop;
  const ranges = rangesOf(body, notes);
  const name = `${scope}-${ranges[0]?.split(' ')[0] ?? 'pool'}`;
  const guard = guardOf(
    body.filter((each) => isPermit(each) && !isDdns(each)),
    name,
    classes,
    notes,
  );
  const guards = guard.length === 0 && outer.knownOnly ? ['KNOWN'] : guard;
  const settings = readSettings(body.filter(isSetting), definitions.registry, notes);
  const { always, names } = classes.addCases(settings, name, { additional: true });
  const { 'option-data': options, ...boot } = always;
  // A pool has no boot fields of its own: a class that all of its clients are in has.
  const more = Object.keys(boot).length === 0 ? [] : [classes.addAlways(name, boot)];
  convertTimes(body, name, guards[0], leaseTimeMembers(leaseTimesOf(settings, outer.times), outer.times), workshop);
  for (const statement of body) {
    if (isDdns(statement)) continue;
    if (!isSetting(statement) && !isPermit(statement) && !READ_IN_POOL.test(statement.words[0]?.text ?? '')) {
      notePlain(statement, notes, 'a pool');
    }
  }
  return ranges.map((pool) => ({
    pool,
    ...ddnsMembers(body, notes),
    ...filled('client-classes', guards),
    ...(options === undefined ? {} : { 'option-data': options }),
    ...filled('evaluate-additional-classes', [...names, ...more]),
  }));
}

/** A pool has no lease times either; the class it is guarded by can have them, wherever its clients are. */
function convertTimes(
  body: readonly ConfStatement[],
  name: string,
  guard: string | undefined,
  times: JsonMap,
  { classes, notes }: Workshop,
): void {
  const statement = body.find(({ words }) => /-lease-time$/i.test(words[0]?.text ?? ''));
  if (statement === undefined || Object.keys(times).length === 0) return;
  if (guard === undefined) {
    notes.lost(statement, 'a pool for everybody has no lease times of its own: those of its subnet hold');
    return;
  }
  classes.addTimes(name, guard, times);
  notes.changed(statement, `holds for the clients of class ${guard} in every pool`);
}

const READ_IN_POOL = /^(range|failover)$/i;

/** True for `pool { … }`. */
function isPool({ words, body }: ConfStatement): boolean {
  return body !== undefined && isWord(words[0], 'pool');
}

function isPermit({ words }: ConfStatement): boolean {
  return isWord(words[0], 'allow') || isWord(words[0], 'deny');
}

/** `range [dynamic-bootp] LOW [HIGH];` as `LOW - HIGH`. */
function rangesOf(body: readonly ConfStatement[], notes: Notes): string[] {
  return body
    .filter(({ words }) => isWord(words[0], 'range'))
    .flatMap((statement) => {
      // dhcpd takes the ends in either order, and zeros before a number.
      const [one, other = one] = statement.words
        .map(({ text }) => parseIpv4(text.replace(/\b0+(?=\d)/g, '')))
        .filter((address) => address !== undefined);
      if (one !== undefined && other !== undefined) {
        return [`${formatIpv4(Math.min(one, other))} - ${formatIpv4(Math.max(one, other))}`];
      }
      notes.lost(statement, 'a range has one or two addresses');
      return [];
    });
}

/** `interface NAME;` of a subnet or shared network: clients on it are in this network. */
function interfaceOf(body: readonly ConfStatement[]): JsonMap {
  const name = body.findLast(({ words }) => isWord(words[0], 'interface'))?.words[1]?.text;
  return name === undefined ? {} : { interface: name };
}

function prefixLength(mask: string): number | undefined {
  const bits = parseIpv4(mask);
  if (bits === undefined) return undefined;
  const length = Math.clz32(~bits >>> 0);
  return (bits >>> 0).toString(2) === '1'.repeat(length) + '0'.repeat(32 - length) ? length : undefined;
}
