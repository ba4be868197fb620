/**
 * The `Dhcp4` map as config-get returns it: exactly Kea 3.3's form, with defaults filled in and some parameters
 * copied down, others not. Rendered from a configuration without errors, so sections and what was built from them
 * correspond one to one.
 */

import { mapSliced, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { formatIpv4, parseIpv4 } from '../domain/values.js';
import { canonicalDefinitions, canonicalOptions } from './canonical-options.js';
import type { BuiltClass } from './classes.js';
import type { BuiltSocket } from './control-sockets.js';
import { formatIdentifier } from './identifiers.js';
import { COPIED_DOWN, Inheritance, lifetimeTriplet } from './inherit.js';
import { formatSelector } from './interfaces.js';
import { IssueList } from './issues.js';
import { isStream } from './loggers.js';
import type { BuiltSubnet, Topology } from './networks.js';
import type { BuiltPool } from './pools.js';
import type { BuiltReservation } from './reservations.js';
import { defaultsOf, type Parameter, SCHEMA, type ScopeName } from './schema.js';
import type { Section } from './section.js';
import { jsonMap } from './tree.js';
import { binaryOf, formatPrefix, formatRange } from './values.js';

/** What the tree is rendered from. */
export interface CanonicalParts {
  readonly root: Section;
  readonly topology: Topology;
  readonly globalReservations: readonly BuiltReservation[];
  readonly classes: readonly BuiltClass[];
  readonly controlSockets: readonly BuiltSocket[];
  readonly snapshot: Pick<ConfigSnapshot, 'interfaces' | 'loggers' | 'registry' | 'options' | 'identifierTypes'>;
}

type Members = (readonly [string, Json | undefined])[];

/** Renders the tree, to be interrupted after every subnet and reservation. */
export function* canonicalTree(parts: CanonicalParts): Sliced<JsonMap> {
  const { root, topology, snapshot } = parts;
  const { registry } = snapshot;
  const byNetwork = subnetsByNetwork(topology.subnets);
  const subnetsOf = (network: Section | undefined): Sliced<JsonMap[]> =>
    mapSliced(byNetwork.get(network) ?? [], (built) => canonicalSubnet(built, registry));
  const networks: JsonMap[] = [];
  for (const built of topology.networks) {
    networks.push(canonicalNetwork(built, root, yield* subnetsOf(built.section), registry));
  }
  const subnet4 = yield* subnetsOf(undefined);
  const reservations = yield* mapSliced(parts.globalReservations, (built) => canonicalReservation(built, registry));
  return jsonMap([
    ...scalars(root, ({ default: value }) => value),
    ['user-context', root.userContext],
    ['client-classes', nonEmpty(parts.classes.map((built) => canonicalClass(built, registry)))],
    ['compatibility', flags(root.section('compatibility'))],
    ['config-control', configControl(root)],
    ['control-sockets', nonEmpty(canonicalSockets(parts.controlSockets))],
    ['dhcp-ddns', withDefaults(root, 'dhcp-ddns')],
    ['dhcp-queue-control', withDefaults(root, 'dhcp-queue-control')],
    ['expired-leases-processing', withDefaults(root, 'expired-leases-processing')],
    ['hooks-libraries', root.sections('hooks-libraries').map(asConfigured)],
    ['host-reservation-identifiers', [...snapshot.identifierTypes]],
    ['interfaces-config', canonicalInterfaces(root, snapshot.interfaces)],
    ['lease-database', leaseDatabase(root)],
    ['loggers', nonEmpty(canonicalLoggers(root, snapshot.loggers))],
    ['multi-threading', withDefaults(root, 'multi-threading')],
    ['option-data', canonicalOptions(root, snapshot.options, registry)],
    ['option-def', canonicalDefinitions(root)],
    ['reservations', nonEmpty(reservations)],
    ['sanity-checks', withDefaults(root, 'sanity-checks')],
    ['shared-networks', networks],
    ['subnet4', subnet4],
  ]);
}

type Registry = ConfigSnapshot['registry'];

/** Subnets by the section of their shared network; those without one by undefined. */
function subnetsByNetwork(subnets: readonly BuiltSubnet[]): Map<Section | undefined, BuiltSubnet[]> {
  const lists = new Map<Section | undefined, BuiltSubnet[]>();
  for (const built of subnets) {
    const list = lists.get(built.network);
    if (list === undefined) lists.set(built.network, [built]);
    else list.push(built);
  }
  return lists;
}

/** A section as it was configured, nothing filled in. */
export function asConfigured(section: Section): JsonMap {
  const members = SCHEMA[section.scope].parameters.map((parameter): readonly [string, Json | undefined] => {
    const { name } = parameter;
    if (!section.has(name)) return [name, undefined];
    switch (parameter.type) {
      case 'strings':
        return [name, texts(section, name)];
      case 'map':
        return [name, asConfigured(section.section(name)!)];
      case 'maps':
        return [name, section.sections(name).map(asConfigured)];
      case 'json':
        return [name, section.json(name)];
      default:
        return [name, section.scalar(name)];
    }
  });
  return jsonMap([...section.others, ...members, ['user-context', section.userContext]]);
}

/** A map of the global scope with every default filled in, also where it was not given at all. */
function withDefaults(root: Section, scope: ScopeName): JsonMap {
  const section = root.section(scope);
  return { ...Object.fromEntries(defaultsOf(scope)), ...(section === undefined ? {} : asConfigured(section)) };
}

/** Scalar members of a section: what it says, else what `fallback` says. */
function scalars(section: Section, fallback: (parameter: Parameter) => Json | undefined = () => undefined): Members {
  return SCHEMA[section.scope].parameters
    .filter(({ type }) => type === 'integer' || type === 'real' || type === 'boolean' || type === 'string')
    .map((parameter) => [parameter.name, section.scalar(parameter.name) ?? fallback(parameter)]);
}

function texts(section: Section, name: string): Json[] {
  return section.strings(name).map((item) => item.text);
}

function nonEmpty(list: readonly Json[]): readonly Json[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** What networks and subnets have in common. */
function networkMembers(section: Section, inheritance: Inheritance, relays: readonly number[]): Members {
  const lifetime = lifetimeTriplet((name) => inheritance.number(name), section, new IssueList())!;
  const nextServer = section.string('next-server');
  return [
    ...scalars(section),
    ...COPIED_DOWN.map((name): readonly [string, Json | undefined] => [name, inheritance.scalar(name)]),
    ['valid-lifetime', lifetime.defaultSec],
    ['min-valid-lifetime', lifetime.minSec],
    ['max-valid-lifetime', lifetime.maxSec],
    ['interface', section.string('interface') || undefined],
    ['next-server', nextServer ? formatIpv4(parseIpv4(nextServer)!) : undefined],
    ['server-hostname', section.string('server-hostname') || undefined],
    ['boot-file-name', section.string('boot-file-name') || undefined],
    ['relay', { 'ip-addresses': relays.map(formatIpv4) }],
    ['client-classes', nonEmpty(texts(section, 'client-classes'))],
    ['evaluate-additional-classes', nonEmpty(texts(section, 'evaluate-additional-classes'))],
    ['user-context', section.userContext],
  ];
}

function canonicalNetwork(
  { section, network }: Topology['networks'][number],
  root: Section,
  subnet4: readonly JsonMap[],
  registry: Registry,
): JsonMap {
  return present([
    ...networkMembers(section, new Inheritance([section, root]), network.relayAddresses),
    ['name', network.name],
    ['option-data', canonicalOptions(section, network.options, registry)],
    ['subnet4', subnet4],
  ]);
}

function canonicalSubnet(built: BuiltSubnet, registry: Registry): JsonMap {
  const { section, inheritance, prefix, subnet, pools, reservations } = built;
  return present([
    ...networkMembers(section, inheritance, subnet.relayAddresses),
    ['id', subnet.id],
    ['subnet', formatPrefix(prefix)],
    ['4o6-interface', section.or<string>('4o6-interface')],
    ['4o6-interface-id', section.or<string>('4o6-interface-id')],
    ['4o6-subnet', section.or<string>('4o6-subnet')],
    ['option-data', canonicalOptions(section, subnet.options, registry)],
    ['pools', pools.map((pool) => canonicalPool(pool, registry))],
    ['reservations', reservations.map((reservation) => canonicalReservation(reservation, registry))],
  ]);
}

/** Later members win, and one that is undefined takes an earlier one away. */
function present(members: Members): JsonMap {
  return jsonMap(new Map(members));
}

function canonicalPool({ section, pool }: BuiltPool, registry: Registry): JsonMap {
  return present([
    ...scalars(section),
    ['pool', formatRange(pool)],
    ['client-classes', nonEmpty(texts(section, 'client-classes'))],
    ['evaluate-additional-classes', nonEmpty(texts(section, 'evaluate-additional-classes'))],
    ['option-data', canonicalOptions(section, pool.options, registry)],
    ['user-context', section.userContext],
  ]);
}

/** A reservation as config-get and reservation-get give it. */
export function canonicalReservation({ section, reservation }: BuiltReservation, registry: Registry): JsonMap {
  const { identifierType, identifier, address } = reservation;
  return jsonMap([
    [identifierType, formatIdentifier(identifierType, identifier)],
    ['ip-address', address === undefined ? undefined : formatIpv4(address)],
    ['hostname', reservation.hostname],
    ['next-server', formatIpv4(reservation.nextServer ?? 0)],
    ['server-hostname', reservation.serverHostname ?? ''],
    ['boot-file-name', reservation.bootFileName ?? ''],
    ['client-classes', [...reservation.clientClasses]],
    ['option-data', canonicalOptions(section, reservation.options, registry)],
    ['user-context', section.userContext],
  ]);
}

function canonicalClass({ section, clientClass }: BuiltClass, registry: Registry): JsonMap {
  const { lifetime } = clientClass;
  const template = section.string('template-test');
  return jsonMap([
    ['name', clientClass.name],
    ['test', section.string('test') || undefined],
    ['template-test', template],
    ['only-in-additional-list', clientClass.onlyInAdditionalList || undefined],
    ['option-def', canonicalDefinitions(section)],
    ['option-data', canonicalOptions(section, clientClass.options, clientClass.optionRegistry ?? registry)],
    ['next-server', formatIpv4(clientClass.nextServer ?? 0)],
    ['server-hostname', clientClass.serverHostname ?? ''],
    ['boot-file-name', clientClass.bootFileName ?? ''],
    ['offer-lifetime', clientClass.offerLifetimeSec],
    ['valid-lifetime', lifetime?.defaultSec],
    ['min-valid-lifetime', lifetime && lifetime.minSec < lifetime.defaultSec ? lifetime.minSec : undefined],
    ['max-valid-lifetime', lifetime && lifetime.maxSec > lifetime.defaultSec ? lifetime.maxSec : undefined],
    ['user-context', section.userContext],
  ]);
}

/** unix first, then http: as configured, but authentication with type and realm. */
function canonicalSockets(sockets: readonly BuiltSocket[]): JsonMap[] {
  const unix = sockets.filter(({ socket }) => socket.type === 'unix');
  const others = sockets.filter(({ socket }) => socket.type !== 'unix');
  return [...unix, ...others].map(({ section }) => {
    const authentication = section.section('authentication');
    if (authentication === undefined) return asConfigured(section);
    const filled = { ...Object.fromEntries(defaultsOf('authentication')), ...asConfigured(authentication) };
    return { ...asConfigured(section), authentication: filled };
  });
}

function canonicalInterfaces(
  root: Section,
  { selectors, maxRetries, retryWaitMs, ...config }: ConfigSnapshot['interfaces'],
): JsonMap {
  return jsonMap([
    ['interfaces', selectors.map(formatSelector)],
    ['dhcp-socket-type', config.socketType === 'raw' ? undefined : config.socketType],
    ['outbound-interface', config.outboundInterface === 'same-as-inbound' ? undefined : config.outboundInterface],
    ['re-detect', config.reDetect],
    ['service-sockets-require-all', config.requireAll || undefined],
    ['service-sockets-max-retries', maxRetries || undefined],
    ['service-sockets-retry-wait-time', maxRetries === 0 ? undefined : retryWaitMs],
    ['user-context', root.section('interfaces-config')?.userContext],
  ]);
}

/** The loggers of a daemon, defaults filled in. */
export function canonicalLoggers(root: Section, loggers: ConfigSnapshot['loggers']): JsonMap[] {
  return root.sections('loggers').map((section, i) => {
    const { name, severity, debugLevel, outputs } = loggers[i]!;
    return jsonMap([
      ['name', name],
      ['severity', severity],
      ['debuglevel', debugLevel],
      ['output-options', nonEmpty(outputs.map(canonicalOutput))],
      ['user-context', section.userContext],
    ]);
  });
}

function canonicalOutput(output: ConfigSnapshot['loggers'][number]['outputs'][number]): JsonMap {
  const rotation: JsonMap = isStream(output.output)
    ? {}
    : { maxver: output.maxVersions, maxsize: output.maxSizeOctets };
  return { output: binaryOf(output.output), flush: output.flush, pattern: output.pattern, ...rotation };
}

/** Only flags that are set; nothing if none is. */
function flags(section: Section | undefined): JsonMap | undefined {
  const set = section === undefined ? [] : scalars(section).filter(([, value]) => value === true);
  return set.length === 0 ? undefined : jsonMap(set);
}

/** As configured, without empty texts; memfile if there is none. */
function leaseDatabase(root: Section): JsonMap {
  const section = root.section('lease-database');
  if (section === undefined) return { type: 'memfile' };
  return jsonMap(Object.entries(asConfigured(section)).filter(([, value]) => value !== ''));
}

function configControl(root: Section): JsonMap | undefined {
  const section = root.section('config-control');
  return section === undefined ? undefined : { 'config-databases': [], ...asConfigured(section) };
}
