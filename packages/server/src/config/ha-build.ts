/** From the checked parameters of libdhcp_ha to the {@link HaConfig} of the snapshot. */

import type { ListenerPolicy, SourcePrefix } from '../domain/access/policy.js';
import type { HaConfig, HaMode, HaPeer, HaRole, HaTls, KeaTimers, SafePairSettings } from '../domain/ha/config.js';
import { checkSection } from './check.js';
import type { BuildContext } from './context.js';
import { memberPath, positionOf } from './issues.js';
import { reasonOf } from './lexer.js';
import { describedListener, type ListenerFacts } from './listeners.js';
import type { ScopeName } from './schema.js';
import { emptySection, type Section } from './section.js';
import { isLoopback, parseSource } from './sources.js';

/** Part of the free addresses that the second server has, by mode. */
const SHARE_OF_SIDE_1: Readonly<Record<HaMode, number>> = {
  'hot-standby': 0.1,
  'load-balancing': 0.5,
  'passive-backup': 0,
};
/** Kea: DELAYED_UPDATES_LIMIT in load balancing. */
const DELAYED_UPDATES = 100;

/** Names of certificates begin with their type, as node and openssl print them. */
const CERTIFICATE_NAME = /^(URI|DNS):[^\s,]+$/;

/** SHA-256 of a public key, as curl has it. */
const PIN = /^sha256\/\/[A-Za-z0-9+/]{43}=$/;

/** Builds the relations that act. Call it when {@link checkHighAvailability} found nothing. */
export function buildHighAvailability(parameters: Section, context: BuildContext): HaConfig[] {
  const sections = parameters.sections('high-availability');
  const built = sections.map((relation) => buildRelation(relation, sections.length > 1, context));
  return built.filter((relation) => relation !== undefined);
}

/** One relation; undefined if nobody else is in it. */
function buildRelation(relation: Section, ofHub: boolean, context: BuildContext): HaConfig | undefined {
  const { issues } = context;
  const mode = relation.string('mode') as HaMode | undefined;
  const sections = relation.sections('peers');
  const selfName = relation.string('this-server-name')?.trim();
  const self = sections.find((peer) => nameOf(peer) === selfName);
  const others = sections.filter((peer) => peer !== self);
  const partner = self === undefined ? undefined : partnerOf(self, others);
  if (self === undefined || mode === undefined) return undefined;
  if (partner === undefined) {
    issues.warning('config-unsupported', relation.positionOf('peers'), 'there is no other server: nobody gets copies');
    return undefined;
  }
  const own = lessorBlock(relation, 'ha-lessor', context);
  const relationship = own.string('relationship') ?? relationshipOf(sections);
  const device = own.string('interface');
  const crlFile = own.string('crl-file');
  const here = buildPeer(self, relation, relationship, crlFile, context);
  const peers = others.map((peer) => buildPeer(peer, relation, relationship, crlFile, context));
  const isBackup = self.string('role') === 'backup';
  const built = {
    relationship,
    mode,
    self: here,
    partner: peers[others.indexOf(partner)]!,
    backups: isBackup ? [] : peers.filter(({ role }) => role === 'backup'),
    peers,
    device,
    listener: buildDoor(own, ofHub ? `peer ${relationship}` : 'peer', here, peers, context),
    heartbeatDelayMs: own.or<number>('heartbeat-delay'),
    partnerKind: own.or<HaConfig['partnerKind']>('partner'),
    safe: buildSafe(own, mode, context),
    kea: buildKea(relation, self, mode),
  } satisfies HaConfig;
  warnOfOpenDoor(built, relation, context);
  if (crlFile !== undefined && [here, ...peers].every(({ tls }) => tls === undefined)) {
    const message = '"crl-file" is for https: there are no certificates here to be revoked';
    issues.error('config-conflict', own.positionOf('crl-file'), message);
  }
  return built;
}

function nameOf(peer: Section): string {
  return peer.string('name')?.trim() ?? '';
}

/** Who is talked to: the other active server; the first backup where there is none; for a backup the primary. */
function partnerOf(self: Section, others: readonly Section[]): Section | undefined {
  const active = others.find((peer) => peer.string('role') !== 'backup');
  const primary = others.find((peer) => peer.string('role') === 'primary');
  return self.string('role') === 'backup' ? primary : (active ?? others[0]);
}

/** The names of the two active servers, or of all where there is one only. */
function relationshipOf(peers: readonly Section[]): string {
  const active = peers.filter((peer) => peer.string('role') !== 'backup');
  const sorted = [...(active.length === 1 ? peers : active)].sort(
    (a, b) => Number(b.string('role') === 'primary') - Number(a.string('role') === 'primary'),
  );
  return sorted.map(nameOf).join('-');
}

function buildSafe(own: Section, mode: HaMode, { issues }: BuildContext): SafePairSettings {
  const heartbeat = own.or<number>('heartbeat-delay');
  const interruptAfterMs = own.or<number>('interrupt-after');
  if (interruptAfterMs < 2 * heartbeat) {
    const message = `one heartbeat lost would count as a partner lost: at least twice heartbeat-delay (${heartbeat})`;
    issues.error('config-conflict', own.positionOf('interrupt-after'), message);
  }
  return {
    mcltSec: own.or<number>('mclt'),
    ackDeadlineMs: own.or<number>('ack-deadline'),
    interruptAfterMs,
    serveAloneAfterMs: own.or<number>('serve-alone-after'),
    neglectedAfterSec: own.or<number>('neglected-after'),
    acceptsConfiguration: own.or<boolean>('accept-configuration'),
    shareOfSide1: own.real('standby-share') ?? SHARE_OF_SIDE_1[mode],
  };
}

function buildKea(relation: Section, self: Section, mode: HaMode): KeaTimers {
  const delayed = mode === 'load-balancing' ? DELAYED_UPDATES : 0;
  return {
    heartbeatDelayMs: relation.or<number>('heartbeat-delay'),
    maxResponseDelayMs: relation.or<number>('max-response-delay'),
    maxAckDelayMs: relation.or<number>('max-ack-delay'),
    maxUnackedClients: relation.or<number>('max-unacked-clients'),
    maxRejectedLeaseUpdates: relation.or<number>('max-rejected-lease-updates'),
    sendLeaseUpdates: relation.or<boolean>('send-lease-updates'),
    syncLeases: relation.or<boolean>('sync-leases'),
    syncTimeoutMs: relation.or<number>('sync-timeout'),
    syncPageLimit: relation.or<number>('sync-page-limit'),
    delayedUpdatesLimit: relation.integer('delayed-updates-limit') ?? delayed,
    waitBackupAck: relation.or<boolean>('wait-backup-ack'),
    autoFailover: self.or<boolean>('auto-failover'),
    pauses: pausesOf(relation),
  };
}

/** Where the state machine waits for `ha-continue`. */
function pausesOf(relation: Section): KeaTimers['pauses'] {
  const states = relation.section('state-machine')?.sections('states') ?? [];
  return Object.fromEntries(
    states.flatMap((row) => {
      const [state, pause] = [row.string('state'), row.string('pause')?.toLowerCase()];
      return state !== undefined && (pause === 'once' || pause === 'always') ? [[state.toLowerCase(), pause]] : [];
    }),
  );
}

function buildPeer(
  peer: Section,
  relation: Section,
  relationship: string,
  crlFile: string | undefined,
  context: BuildContext,
): HaPeer {
  const { issues } = context;
  const name = nameOf(peer);
  const text = peer.string('url') ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secure = url?.protocol === 'https:';
  const tls = secure ? buildTls(peer, relation, crlFile, context) : undefined;
  const block = lessorBlock(peer, 'ha-peer-lessor', context);
  const given = block.string('peer-san');
  const pins = block.strings('peer-pins').map(({ text: pin }) => pin);
  const odd = pins.find((pin) => !PIN.test(pin));
  if (odd !== undefined) {
    const message = `${odd} is not of the form sha256//BASE64 (44 characters)`;
    issues.error('config-range', block.positionOf('peer-pins'), message);
  }
  if (given !== undefined && !CERTIFICATE_NAME.test(given)) {
    issues.error('config-range', peer.position, `"peer-san" ${given} is not of the form URI:… or DNS:…`);
  }
  return {
    name,
    role: (peer.string('role') ?? 'primary') as HaRole,
    address: (url?.hostname ?? '').replace(/^\[|\]$/g, ''),
    port: url === undefined || url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    tls,
    basicAuth: buildBasicAuth(peer, context),
    pins,
    certificateName: given ?? `URI:urn:lessor:pair:${relationship}:${name}`,
  };
}

/** The files of the peer go before those of the relation; an empty string takes them away. */
function buildTls(
  peer: Section,
  relation: Section,
  crlFile: string | undefined,
  { issues }: BuildContext,
): HaTls | undefined {
  const file = (name: string): string => (peer.has(name) ? peer.string(name) : relation.string(name)) ?? '';
  const files = { trustAnchor: file('trust-anchor'), certFile: file('cert-file'), keyFile: file('key-file') };
  if (Object.values(files).every((path) => path !== '')) {
    return { ...files, ...(crlFile === undefined ? {} : { crlFile }) };
  }
  const message = 'an https url needs "trust-anchor", "cert-file" and "key-file", here or in the relation';
  issues.error('config-missing', peer.positionOf('url'), message);
  return undefined;
}

function buildBasicAuth(peer: Section, context: BuildContext): HaPeer['basicAuth'] {
  const user = secretOf(peer, 'basic-auth-user', context);
  if (user === undefined || user === '') return undefined;
  return { user, password: secretOf(peer, 'basic-auth-password', context) ?? '' };
}

/** A value, or the first line of the file named in its place. */
function secretOf(peer: Section, name: string, { issues, environment }: BuildContext): string | undefined {
  const file = peer.string(`${name}-file`);
  if (file === undefined) return peer.string(name);
  try {
    return environment.readFile(file).split(/\r?\n/, 1)[0]!;
  } catch (error) {
    issues.error('config-file', peer.positionOf(`${name}-file`), `can not read ${file}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** Where the other servers are heard: by their addresses alone unless others are named; on loopback by all there are. */
function buildDoor(
  own: Section,
  name: string,
  self: HaPeer,
  peers: readonly HaPeer[],
  context: BuildContext,
): ListenerPolicy {
  const facts: ListenerFacts = {
    kind: 'peer',
    name,
    address: self.address,
    port: self.port,
    encrypted: self.tls !== undefined,
    identity: [
      ...(self.tls === undefined ? [] : (['certificate'] as const)),
      ...(self.basicAuth === undefined ? [] : (['password'] as const)),
    ],
    sources: peers.flatMap(({ address }) => (isLoopback(address) ? LOOPBACK : (parseSource(address) ?? []))),
  };
  // Which interfaces have clients is looked at when the server starts (check S1): here only the relation is known.
  return describedListener(own, facts, { interfaces: [], subnets: [] }, context);
}

const LOOPBACK: readonly SourcePrefix[] = [
  { address: '127.0.0.0', prefixLength: 8 },
  { address: '::1', prefixLength: 128 },
];

/** Kea takes plain HTTP without a word; whoever can write to that port can write leases. */
function warnOfOpenDoor({ self }: HaConfig, relation: Section, { issues }: BuildContext): void {
  if (self.tls !== undefined) return;
  const who = self.basicAuth === undefined ? 'whoever reaches it' : 'whoever sees or guesses its password';
  const message = `the url of ${self.name} is plain http: ${who} can read and write leases; use https`;
  issues.warning('config-insecure', relation.positionOf('peers'), message);
}

/** `user-context.lessor` of a section, checked; without members if it is absent. */
function lessorBlock(section: Section, scope: ScopeName, { issues }: BuildContext): Section {
  const member = section.userContextNode?.members.get('lessor');
  const path = memberPath(section.path, 'user-context.lessor');
  if (member === undefined) return emptySection(scope, section);
  if (member.value.kind !== 'map') {
    issues.error('config-type', positionOf(member.value.at, path), 'a map is expected');
    return emptySection(scope, section);
  }
  return checkSection(member.value, scope, path, issues);
}
