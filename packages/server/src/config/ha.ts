/** The parameters of libdhcp_ha: what Kea demands of roles, names and urls. Acting on them comes with HA itself. */

import { RelationMap, SERVER_NAME_LABEL } from '../domain/ha/relations.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { parseIpv4 } from '../domain/values.js';
import type { IssueList } from './issues.js';
import type { Section } from './section.js';
import { looksLikeIpv6 } from './values.js';

const TLS_FILES = ['trust-anchor', 'cert-file', 'key-file'] as const;

/** Which roles a mode has to have exactly once, and which it must not have. */
const ROLES: Readonly<Record<string, { readonly once: readonly string[]; readonly never: readonly string[] }>> = {
  'load-balancing': { once: ['primary', 'secondary'], never: ['standby'] },
  'hot-standby': { once: ['primary', 'standby'], never: ['secondary'] },
  'passive-backup': { once: ['primary'], never: ['secondary', 'standby'] },
};

/** Checks that every subnet of a hub is in one of its relations; one that is in none is not served. */
export function checkRelations(
  root: Section,
  snapshot: Pick<ConfigSnapshot, 'subnets' | 'sharedNetworks' | 'ha'>,
  issues: IssueList,
): void {
  if (snapshot.ha.length < 2) return;
  const map = new RelationMap(snapshot);
  for (const fault of map.faults) issues.error('config-conflict', root.positionOf('subnet4'), fault);
  const left = snapshot.subnets.filter(({ id }) => map.ofSubnet(id) === undefined);
  if (left.length === 0) return;
  const message =
    `subnets ${left.map(({ id }) => id).join(', ')} have no "${SERVER_NAME_LABEL}" in their user-context (nor their shared ` +
    'network): they are in no relation, and their clients are not served';
  issues.warning('config-unsupported', root.positionOf('subnet4'), message);
}

/** Checks the parameters of the library. */
export function checkHighAvailability(parameters: Section, issues: IssueList): void {
  const relations = parameters.sections('high-availability');
  if (relations.length === 0 && parameters.has('high-availability')) {
    issues.error(
      'config-missing',
      parameters.positionOf('high-availability'),
      '"high-availability" needs one relation at least',
    );
  }
  const names = new Map<string, Section>();
  for (const relation of relations) {
    checkRelation(relation, issues);
    if (relations.length > 1 && relation.string('mode') !== 'hot-standby' && relation.has('mode')) {
      issues.error(
        'config-conflict',
        relation.positionOf('mode'),
        'several relations are possible in mode hot-standby only',
      );
    }
    for (const peer of relation.sections('peers')) checkPeer(peer, names, issues);
  }
  checkDoors(relations, issues);
}

/** Each relation of a hub is heard at an address and port of its own. */
function checkDoors(relations: readonly Section[], issues: IssueList): void {
  const doors = new Map<string, string>();
  for (const relation of relations) {
    const name = relation.string('this-server-name')?.trim();
    const own = relation.sections('peers').find((peer) => peer.string('name')?.trim() === name);
    const url = own?.string('url');
    if (own === undefined || url === undefined || !URL.canParse(url)) continue;
    const { host, protocol } = new URL(url);
    const door = /:\d+$/.test(host) ? host : `${host}:${protocol === 'https:' ? 443 : 80}`;
    const earlier = doors.get(door);
    if (earlier !== undefined) {
      const message = `${door} is already where ${earlier} is heard: every relation needs an address or port of its own`;
      issues.error('config-conflict', own.positionOf('url'), message);
    } else doors.set(door, name ?? '');
  }
}

function checkRelation(relation: Section, issues: IssueList): void {
  const mode = relation.string('mode');
  const peers = relation.sections('peers');
  const self = relation.string('this-server-name');
  if (self !== undefined && !peers.some((peer) => peer.string('name') === self)) {
    const position = relation.positionOf('this-server-name');
    issues.error(
      'config-reference',
      position,
      `"${self}" is none of the peers: ${peers.map((peer) => peer.string('name')).join(', ')}`,
    );
  }
  checkTls(relation, issues);
  if (mode === undefined) return;
  const { once, never } = ROLES[mode]!;
  for (const role of once) {
    const count = peers.filter((peer) => peer.string('role') === role).length;
    if (count !== 1) {
      issues.error(
        'config-conflict',
        relation.positionOf('peers'),
        `mode ${mode} has exactly one ${role}, not ${count}`,
      );
    }
  }
  for (const peer of peers) {
    const role = peer.string('role');
    if (role !== undefined && never.includes(role)) {
      issues.error('config-conflict', peer.positionOf('role'), `mode ${mode} has no ${role}`);
    }
  }
  if (mode !== 'passive-backup' && relation.boolean('wait-backup-ack') === true) {
    const message = '"wait-backup-ack" is for mode passive-backup only';
    issues.error('config-conflict', relation.positionOf('wait-backup-ack'), message);
  }
  if (mode !== 'load-balancing' && (relation.integer('delayed-updates-limit') ?? 0) > 0) {
    const message = '"delayed-updates-limit" is for mode load-balancing only';
    issues.error('config-conflict', relation.positionOf('delayed-updates-limit'), message);
  }
}

function checkPeer(peer: Section, names: Map<string, Section>, issues: IssueList): void {
  const name = peer.string('name');
  const earlier = name === undefined ? undefined : names.get(name);
  if (earlier !== undefined) {
    issues.error('config-duplicate', peer.positionOf('name'), `"${name}" is already the name of ${earlier.path}`);
  } else if (name !== undefined) names.set(name, peer);
  const url = peer.string('url');
  const fault = url === undefined ? undefined : urlFault(url);
  if (fault !== undefined) issues.error('config-range', peer.positionOf('url'), fault);
  for (const what of ['user', 'password']) {
    if (peer.mentions(`basic-auth-${what}`) && peer.mentions(`basic-auth-${what}-file`)) {
      const message = `"basic-auth-${what}" and "basic-auth-${what}-file" exclude each other`;
      issues.error('config-conflict', peer.positionOf(`basic-auth-${what}-file`), message);
    }
  }
  checkTls(peer, issues);
}

function checkTls(section: Section, issues: IssueList): void {
  const given = TLS_FILES.filter((name) => (section.string(name) ?? '') !== '');
  if (given.length === 0 || given.length === TLS_FILES.length) return;
  const missing = TLS_FILES.filter((name) => !given.includes(name)).map((name) => `"${name}"`);
  issues.error(
    'config-missing',
    section.position,
    `TLS needs all of ${TLS_FILES.join(', ')}: ${missing.join(' and ')} is missing`,
  );
}

/** What is wrong with the url of a peer: it has an address, no name, so that HA does not hang on DNS. */
function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return `"${text}" is not a url: http://192.0.2.1:8000/`;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `"${text}" does not begin with http:// or https://`;
  const written = /^https?:\/\/(\[[^\]]*\]|[^:/?#]*)/.exec(text)?.[1] ?? '';
  const host = written.replace(/^\[|\]$/g, '');
  return parseIpv4(host) !== undefined || looksLikeIpv6(host)
    ? undefined
    : `"${host}" is not an IP address (names are not taken)`;
}
