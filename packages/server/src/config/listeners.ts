/**
 * Listeners: one description for every door, from the `lessor` block that each of them may have, and the rules that
 * keep one from being exposed by oversight.
 *
 * The description is in the configuration file, in `user-context` where Kea does not look, and not in a file of its own:
 * a listener and its sources change together, under one `config-test`, one reload and one history, and the file stays one
 * that Kea can serve by. A control socket without such a block means what it means to Kea; nothing of it is refused here
 * and the server says at its start whom it is exposed to (listener-exposure.ts).
 */

import { isFamily } from '../domain/access/families.js';
import type { AccessLimits, ListenerPolicy, SourcePrefix } from '../domain/access/policy.js';
import { zoneOf } from '../domain/isolation/facts.js';
import type { InterfaceSelector, Subnet } from '../domain/snapshot.js';
import { parseIpv4 } from '../domain/values.js';
import { checkSection } from './check.js';
import type { PartContext } from './context.js';
import { memberPath, positionOf } from './issues.js';
import type { ScopeName } from './schema.js';
import type { LISTENER_EXCEPTIONS } from './schema-access.js';
import { emptySection, type Section } from './section.js';
import { buildSources, isLoopback, isWildcard } from './sources.js';
import { type ConfigNode, KIND_NAMES } from './tree.js';
import { formatPrefix, inPrefix } from './values.js';

/** What of a listener follows from the door it is. */
export interface ListenerFacts extends Pick<ListenerPolicy, 'kind' | 'address' | 'port' | 'encrypted' | 'identity'> {
  /** Its name where the block gives none. */
  readonly name: string;
  /** Sources that hold where the block gives none. */
  readonly sources?: readonly SourcePrefix[];
  /** What to write to have this door encrypted; undefined where its protocol can not be. */
  readonly encryption?: string;
}

const NO_LIMITS: AccessLimits = {
  connections: 0,
  connectionsPerSource: 0,
  connectionsPerSecond: 0,
  commandsPerSecond: 0,
  octetsPerSecond: 0,
};

/** Where clients are: no place for a listener, and none for who uses it. */
export interface ClientSide {
  readonly interfaces: readonly InterfaceSelector[];
  readonly subnets: readonly Pick<Subnet, 'id' | 'prefix' | 'prefixLength'>[];
}

type Exception = (typeof LISTENER_EXCEPTIONS)[number];

/** A listener that has no block, as Kea has them: everybody, everything, no bounds beside those of the door. */
export function plainListener(facts: ListenerFacts): ListenerPolicy {
  const { encryption: _, sources: __, ...known } = facts;
  return { ...known, plane: 'management', limits: NO_LIMITS, isolation: 'warn', described: false };
}

/** A listener with its block; what exposes it and is not allowed in words is reported. */
export function describedListener(
  section: Section,
  facts: ListenerFacts,
  clients: ClientSide,
  context: PartContext,
): ListenerPolicy {
  const allowed = new Set(section.strings('allow').map(({ text }) => text as Exception));
  const sources = section.mentions('sources') ? buildSources(section, 'sources', context.issues) : facts.sources;
  const { encryption: _, ...known } = facts;
  const device = section.string('interface') ?? zoneOf(facts.address);
  const ownBmc = section.string('own-bmc') as ListenerPolicy['ownBmc'];
  const names = commandsOf(section);
  const policy: ListenerPolicy = {
    ...known,
    name: (facts.kind === 'peer' ? undefined : section.string('name')) ?? facts.name,
    plane: planeOf(section),
    ...(device === undefined ? {} : { interface: device }),
    ...(allowed.has('any-source') ? {} : { sources: sources ?? [] }),
    ...(names === undefined ? {} : { commands: names }),
    limits: limitsOf(section),
    isolation: isolationOf(section, facts, device, allowed, context),
    ...(allowed.size === 0 ? {} : { allow: [...allowed] }),
    ...(ownBmc === undefined ? {} : { ownBmc }),
    described: true,
  };
  checkZone(section, policy, context);
  if (policy.kind !== 'kea-unix') checkExposure(section, { facts, policy, sources, allowed, clients }, context);
  return policy;
}

/** The `lessor` block of a section's `user-context`, checked; undefined if there is none. */
export function blockOf(parent: Section, scope: ScopeName, names: readonly string[], context: PartContext) {
  let node: ConfigNode | undefined = parent.userContextNode;
  for (const name of names) node = node?.kind === 'map' ? node.members.get(name)?.value : undefined;
  if (node === undefined) return undefined;
  const path = memberPath(parent.path, ['user-context', ...names].join('.'));
  if (node.kind === 'map') return checkSection(node, scope, path, context.issues);
  context.issues.error('config-type', positionOf(node.at, path), `${KIND_NAMES[node.kind]} where a map is expected`);
  return undefined;
}

/** A zone that is another interface than the one named would bind it to neither. */
function checkZone(section: Section, { address, interface: device }: ListenerPolicy, { issues }: PartContext): void {
  const zone = zoneOf(address);
  if (zone === undefined || zone === device) return;
  const message = `${address} is an address of ${zone}, and "interface" is "${device}": they must be the same`;
  issues.error('config-conflict', section.positionOf('interface'), message);
}

/** What the rules look at. */
interface Exposure {
  readonly facts: ListenerFacts;
  readonly policy: ListenerPolicy;
  readonly sources: readonly SourcePrefix[] | undefined;
  readonly allowed: ReadonlySet<Exception>;
  readonly clients: ClientSide;
}

/** THE rules: what exposes a listener, and what to write instead. */
const RULES: readonly {
  readonly exception: Exception;
  readonly member: string;
  /** What is wrong and what to write; undefined if nothing is. */
  complaint(exposure: Exposure): string | undefined;
}[] = [
  {
    exception: 'wildcard-address',
    member: 'address',
    complaint: ({ facts: { address } }) =>
      isWildcard(address)
        ? `${address} is every address of this machine, that of clients' networks too: give the one address of the management network`
        : undefined,
  },
  {
    exception: 'any-source',
    member: 'sources',
    complaint: ({ facts: { address }, sources }) =>
      !isLoopback(address) && (sources === undefined || sources.length === 0)
        ? `nobody could reach ${address} but this machine, since no sources are named: give "sources": ["192.0.2.0/28"] with the prefixes of your operators`
        : undefined,
  },
  {
    exception: 'shared-device',
    member: 'interface',
    complaint: ({ policy, clients }) => {
      const device = policy.interface;
      const shared =
        device !== undefined &&
        device !== 'lo' &&
        clients.interfaces.find(({ name }) => name === device || name === '*');
      return shared
        ? `DHCP clients are served on ${device} ("${shared.name}" in interfaces-config): give the interface of a network that has no clients`
        : undefined;
    },
  },
  {
    exception: 'client-sources',
    member: 'sources',
    complaint: ({ sources = [], clients: { subnets } }) => {
      for (const source of sources) {
        const subnet = isLoopback(source.address) ? undefined : subnets.find((one) => liesIn(source, one));
        if (subnet === undefined) continue;
        const served = formatPrefix({ address: subnet.prefix, length: subnet.prefixLength });
        return `${source.address}/${source.prefixLength} lies in subnet ${subnet.id} (${served}), whose addresses are leased to clients: name the addresses of operators`;
      }
      return undefined;
    },
  },
  {
    exception: 'plain-text',
    member: 'plain-text',
    complaint: ({ facts: { address, encrypted, encryption } }) =>
      !encrypted && encryption !== undefined && !isLoopback(address)
        ? `passwords and answers would cross the network in clear text: ${encryption}`
        : undefined,
  },
];

function checkExposure(section: Section, exposure: Exposure, { issues, environment }: PartContext): void {
  for (const { exception, member, complaint } of RULES) {
    const text = exposure.allowed.has(exception) ? undefined : complaint(exposure);
    if (text === undefined) continue;
    const position = section.mentions(member) ? section.positionOf(member) : section.position;
    issues.error('config-insecure', position, `${text}; or "allow": ["${exception}"] if you mean it`);
  }
  const device = exposure.policy.interface;
  if (device !== undefined && environment.interfaceNames?.includes(device) === false) {
    const message = `there is no interface "${device}"; there are ${environment.interfaceNames.join(', ')}`;
    issues.error('config-reference', section.positionOf('interface'), message);
  }
}

/** True if every address of a source may be a client's. */
function liesIn(source: SourcePrefix, { prefix, prefixLength }: Pick<Subnet, 'prefix' | 'prefixLength'>): boolean {
  const address = parseIpv4(source.address);
  const within = source.prefixLength >= prefixLength;
  return within && address !== undefined && inPrefix(address, { address: prefix, length: prefixLength });
}

function isolationOf(
  section: Section,
  { address, kind }: ListenerFacts,
  device: string | undefined,
  allowed: ReadonlySet<Exception>,
  { issues }: PartContext,
): ListenerPolicy['isolation'] {
  const given = section.string('isolation') as ListenerPolicy['isolation'] | undefined;
  if (given === 'enforce' && device === undefined && kind !== 'kea-unix' && !isLoopback(address)) {
    const message = 'without an "interface" it is reached through all of them: name the one it belongs to';
    issues.error('config-conflict', section.positionOf('isolation'), message);
  }
  if (given !== undefined) return given;
  return device === undefined || allowed.has('shared-device') ? 'warn' : 'enforce';
}

function planeOf(section: Section): ListenerPolicy['plane'] {
  // Metrics have no plane of their own to choose.
  if (section.scope === 'ha-lessor') return 'peer';
  return section.scope === 'metrics' || section.scope === 'agent-lessor'
    ? 'management'
    : section.or<ListenerPolicy['plane']>('plane');
}

/** Where commands are not chosen: there are none, or they are those of a pair. */
const WITHOUT_COMMANDS: readonly ScopeName[] = ['metrics', 'ha-lessor'];

/** Families and single commands; which commands there are is not known here, so a wrong one lets nothing through. */
function commandsOf(section: Section): string[] | undefined {
  if (WITHOUT_COMMANDS.includes(section.scope) || !section.mentions('commands')) return undefined;
  return section.strings('commands').map(({ text }) => (isFamily(text) ? text : text.trim()));
}

function limitsOf(section: Section): AccessLimits {
  // OMAPI has bounds of its own, made for provisioning systems that hold many connections, and a pair needs few.
  const own = section.scope === 'omapi-listeners' || section.scope === 'ha-lessor';
  if (own && !section.mentions('limits')) return NO_LIMITS;
  const limits = section.section('limits') ?? emptySection('listener-limits', section);
  return {
    connections: limits.or<number>('connections'),
    connectionsPerSource: limits.or<number>('connections-per-source'),
    connectionsPerSecond: limits.or<number>('connections-per-second'),
    commandsPerSecond: limits.or<number>('commands-per-second'),
    octetsPerSecond: limits.or<number>('octets-per-second'),
  };
}
