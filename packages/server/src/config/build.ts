/** A checked configuration to the ConfigSnapshot the server reads. */

import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, IdentifierType } from '../domain/snapshot.js';
import { buildAccess } from './access.js';
import { canonicalTree } from './canonical.js';
import { buildClasses, warnOfUndefinedGuards } from './classes.js';
import type { BuildContext } from './context.js';
import { buildControlSockets } from './control-sockets.js';
import { buildDdns } from './ddns.js';
import type { ConfigEnvironment } from './environment.js';
import { buildGuard, warnOfIdleGuard } from './guard.js';
import { checkRelations } from './ha.js';
import { buildHooks } from './hooks.js';
import { buildInterfaces } from './interfaces.js';
import type { IssueList } from './issues.js';
import { buildLoggers } from './loggers.js';
import { buildMetrics } from './metrics.js';
import { buildTopology, type Topology } from './networks.js';
import { buildOmapi } from './omapi.js';
import { buildOptions, buildRegistry } from './options.js';
import { buildReservations } from './reservations.js';
import type { ScopeName } from './schema.js';
import { emptySection, type Section } from './section.js';
import { withHash } from './snapshot-hash.js';
import { buildExpiration, buildLeaseDatabase } from './storage.js';

/** Order of lookups where none is configured. */
const DEFAULT_IDENTIFIERS: readonly IdentifierType[] = ['hw-address', 'duid', 'circuit-id', 'client-id'];
/** What `auto` stands for. */
const ALL_IDENTIFIERS: readonly IdentifierType[] = [...DEFAULT_IDENTIFIERS, 'flex-id'];

/**
 * Builds the snapshot of a checked `Dhcp4` map, to be interrupted after every class, subnet and reservation.
 * @returns undefined if there is an error among the issues, found here or before
 */
export function* buildSnapshot(
  root: Section,
  environment: ConfigEnvironment,
  issues: IssueList,
): Sliced<ConfigSnapshot | undefined> {
  const context: BuildContext = {
    issues,
    environment,
    registry: buildRegistry(root, issues),
    ipReservationsUnique: root.or<boolean>('ip-reservations-unique'),
  };
  const part = (scope: ScopeName): Section => root.section(scope) ?? emptySection(scope, root);

  const options = buildOptions(root, context);
  const interfaces = buildInterfaces(part('interfaces-config'), context);
  const ddns = buildDdns(part('dhcp-ddns'), context);
  const { hooks, runScript, bootpEnabled, flexIdentifier, optionRules, ha, pingCheck, limits } = buildHooks(
    root,
    context,
  );
  const classes = yield* buildClasses(root, limits, context);
  const topology = yield* buildTopology(root, { ddnsEnabled: ddns !== undefined, pingCheck, limits }, context);
  const globalReservations = yield* buildReservations(root, 0, undefined, context);
  const reservations = [...globalReservations.map((built) => built.reservation), ...topology.reservations];
  const identifierTypes = buildIdentifierTypes(root, context);
  const leaseDatabase = buildLeaseDatabase(root, context);
  const loggers = buildLoggers(root, context);
  const clients = { interfaces: interfaces.selectors, subnets: topology.subnets.map(({ subnet }) => subnet) };
  const controlSockets = buildControlSockets(root, clients, context);
  const omapi = buildOmapi(root, clients, context);
  const metrics = buildMetrics(root, clients, context);
  const access = buildAccess(root, context);
  const guard = buildGuard(root, context);
  const givenClasses = new Set([
    ...classes.map(({ clientClass }) => clientClass.name),
    ...reservations.flatMap((reservation) => reservation.clientClasses),
  ]);
  warnOfUndefinedGuards(guardedSections(topology), givenClasses, context);
  const subnets = topology.subnets.map(({ subnet }) => subnet);
  const sharedNetworks = topology.networks.map(({ network }) => network);
  const holders = {
    ...{ options, subnets, sharedNetworks, reservations, pools: topology.pools },
    classes: classes.map(({ clientClass }) => clientClass),
  };
  warnOfIdleGuard(root, guard, topology.subnets, holders, context);
  checkRelations(root, { subnets, sharedNetworks, ha }, issues);
  if (issues.hasErrors) return undefined;

  const tree = yield* canonicalTree({
    root,
    topology,
    globalReservations,
    classes,
    controlSockets,
    snapshot: { interfaces, loggers, registry: context.registry, options, identifierTypes },
  });
  const compatibility = part('compatibility');
  const sanity = part('sanity-checks');
  return withHash({
    generation: environment.generation,
    tree,
    interfaces,
    subnets,
    subnetById: new Map(subnets.map((subnet) => [subnet.id, subnet])),
    sharedNetworks,
    pools: topology.pools,
    classes: classes.map(({ clientClass }) => clientClass),
    classByName: new Map(classes.map(({ clientClass }) => [clientClass.name, clientClass])),
    registry: context.registry,
    options,
    reservations,
    echoClientId: root.or<boolean>('echo-client-id'),
    authoritative: root.or<boolean>('authoritative'),
    stashAgentOptions: root.or<boolean>('stash-agent-options'),
    declineProbationSec: root.or<number>('decline-probation-period'),
    parkedOfferLimit: root.or<number>('parked-packet-limit'),
    earlyGlobalReservationsLookup: root.or<boolean>('early-global-reservations-lookup'),
    reservationsLookupFirst: root.or<boolean>('reservations-lookup-first'),
    ipReservationsUnique: context.ipReservationsUnique,
    identifierTypes,
    ...(flexIdentifier === undefined ? {} : { flexIdentifier }),
    optionRules,
    limits,
    ...(runScript === undefined ? {} : { runScript }),
    compatibility: {
      lenientOptionParsing: compatibility.or<boolean>('lenient-option-parsing'),
      ignoreDhcpServerIdentifier: compatibility.or<boolean>('ignore-dhcp-server-identifier'),
      ignoreRaiLinkSelection: compatibility.or<boolean>('ignore-rai-link-selection'),
      excludeFirstLast24: compatibility.or<boolean>('exclude-first-last-24'),
    },
    bootpEnabled,
    ...(ddns === undefined ? {} : { ddns }),
    leaseDatabase,
    leaseChecks: sanity.or<ConfigSnapshot['leaseChecks']>('lease-checks'),
    extendedInfoChecks: sanity.or<ConfigSnapshot['extendedInfoChecks']>('extended-info-checks'),
    expiration: buildExpiration(part('expired-leases-processing')),
    loggers,
    controlSockets: controlSockets.map(({ socket }) => socket),
    serverTag: root.or<string>('server-tag'),
    statisticSampleCount: root.or<number>('statistic-default-sample-count'),
    statisticSampleAgeSec: root.or<number>('statistic-default-sample-age'),
    hooks,
    ...(access === undefined ? {} : { access }),
    listeners: [
      ...controlSockets.flatMap(({ socket }) => socket.policy ?? []),
      ...(omapi?.listeners.map(({ policy }) => policy) ?? []),
      ...(metrics === undefined ? [] : [metrics]),
      ...ha.map(({ listener }) => listener),
    ],
    ha,
    ...(omapi === undefined ? {} : { omapi }),
    ...(guard === undefined ? {} : { guard }),
    ...(root.userContext === undefined ? {} : { userContext: root.userContext }),
  });
}

/** host-reservation-identifiers, `auto` expanded. */
function buildIdentifierTypes(root: Section, { issues }: BuildContext): readonly IdentifierType[] {
  const items = root.strings('host-reservation-identifiers');
  if (items.length === 0) return DEFAULT_IDENTIFIERS;
  if (items.some(({ text }) => text === 'auto')) {
    const other = items.find(({ text }) => text !== 'auto');
    if (other !== undefined)
      issues.error('config-conflict', other.position, '"auto" stands alone: it means all identifiers');
    return ALL_IDENTIFIERS;
  }
  const types: IdentifierType[] = [];
  for (const { text, position } of items) {
    if (types.includes(text as IdentifierType)) issues.error('config-duplicate', position, `"${text}" is given twice`);
    else types.push(text as IdentifierType);
  }
  return types;
}

function guardedSections({ networks, subnets }: Topology): Section[] {
  return [
    ...networks.map(({ section }) => section),
    ...subnets.flatMap(({ section, pools }) => [section, ...pools.map((pool) => pool.section)]),
  ];
}
