/** Shared networks and subnets, with everything they inherit resolved. */

import type { Sliced } from '../domain/slices.js';
import type { AllocatorName, Pool, Reservation, SharedNetwork, Subnet } from '../domain/snapshot.js';
import { type Ipv4, parseIpv4 } from '../domain/values.js';
import type { BuildContext } from './context.js';
import { inheritGuard, networkGuard } from './guard.js';
import {
  bootFields,
  checkNetworkParameters,
  ddnsBehaviour,
  Inheritance,
  inheritedBootFields,
  lifetimeTriplet,
} from './inherit.js';
import { IssueList } from './issues.js';
import { limitsOf } from './limits.js';
import { buildOptions } from './options.js';
import { type PingCheckDefaults, pingRuleOf } from './ping-check.js';
import { type BuiltPool, buildPools, classNames } from './pools.js';
import { type BuiltReservation, buildReservations } from './reservations.js';
import type { Section } from './section.js';
import { formatPrefix, type Prefix, parsePrefix } from './values.js';

/** A subnet with the sections its parts were made from, which config-get is rendered from. */
export interface BuiltSubnet {
  readonly section: Section;
  readonly network: Section | undefined;
  readonly inheritance: Inheritance;
  readonly prefix: Prefix;
  readonly subnet: Subnet;
  readonly pools: readonly BuiltPool[];
  readonly reservations: readonly BuiltReservation[];
}

/** Networks and subnets of a configuration. Subnets are in the order of their ids, as Kea tries them. */
export interface Topology {
  readonly networks: readonly { readonly section: Section; readonly network: SharedNetwork }[];
  readonly subnets: readonly BuiltSubnet[];
  readonly pools: readonly Pool[];
  readonly reservations: readonly Reservation[];
}

/** What of the rest of the configuration counts for subnets. */
export interface Surroundings {
  /** dhcp-ddns.enable-updates */
  readonly ddnsEnabled: boolean;
  /** Present with libdhcp_ping_check. */
  readonly pingCheck: PingCheckDefaults | undefined;
  /** libdhcp_limits is there. */
  readonly limits: boolean;
}

/** Builds all networks, subnets and pools. What is wrong is reported and left out. */
export function* buildTopology(root: Section, around: Surroundings, context: BuildContext): Sliced<Topology> {
  const global = new Inheritance([root]);
  checkNetwork(root, global, context);
  const drafts = new Drafts();
  const networks: Topology['networks'][number][] = [];
  for (const section of root.sections('shared-networks')) {
    const inheritance = global.below(section);
    checkNetwork(section, inheritance, context);
    const network = buildNetwork(section, inheritance, networks.length, context);
    for (const item of section.sections('subnet4'))
      yield* draftSubnet(item, { section, network }, inheritance, around, drafts, context);
    networks.push({ section, network });
  }
  checkNetworkNames(networks, context);
  for (const item of root.sections('subnet4')) yield* draftSubnet(item, undefined, global, around, drafts, context);
  for (const { section } of networks) checkNetworkUnity(section, drafts.of(section), context);
  yield;

  drafts.all.sort((a, b) => a.id - b.id);
  const pools: Pool[] = [];
  const subnets: BuiltSubnet[] = [];
  for (const draft of drafts.all) {
    subnets.push(finishSubnet(draft, subnets.length, pools, context));
    yield;
  }
  for (const { subnet } of subnets) (subnet.sharedNetwork?.subnets as Subnet[] | undefined)?.push(subnet);
  const reservations = subnets.flatMap((subnet) => subnet.reservations.map((built) => built.reservation));
  return { networks, subnets, pools, reservations };
}

/** A subnet whose parts are built, before all subnets are known and numbered. */
interface SubnetDraft {
  readonly section: Section;
  readonly parent: { readonly section: Section; readonly network: SharedNetwork } | undefined;
  readonly inheritance: Inheritance;
  readonly id: number;
  readonly prefix: Prefix;
  readonly pools: readonly BuiltPool[];
  readonly reservations: readonly BuiltReservation[];
  readonly subnet: Omit<Subnet, 'index' | 'pools'>;
}

/** For what has been reported before. */
const SILENT = new IssueList();

/** The drafts so far, and which ids and prefixes they have. */
class Drafts {
  readonly all: SubnetDraft[] = [];
  private readonly byNetwork = new Map<Section | undefined, SubnetDraft[]>();
  private readonly byId = new Map<number, Section>();
  private readonly byPrefix = new Map<string, Section>();

  add(draft: SubnetDraft): void {
    this.all.push(draft);
    const { section } = draft.parent ?? {};
    const members = this.byNetwork.get(section);
    if (members === undefined) this.byNetwork.set(section, [draft]);
    else members.push(draft);
  }

  /** Those of a shared network, in the order of the file. */
  of(network: Section): readonly SubnetDraft[] {
    return this.byNetwork.get(network) ?? [];
  }

  /** True if neither id nor prefix has been used; reports where they have, and remembers both. */
  isNew(section: Section, id: number | undefined, prefix: Prefix | undefined, issues: BuildContext['issues']): boolean {
    const sameId = id === undefined ? undefined : this.byId.get(id);
    if (sameId !== undefined) {
      const message = `subnet id ${id} is already used by ${sameId.string('subnet')} (${sameId.path})`;
      issues.error('config-duplicate', section.positionOf('id'), message);
    } else if (id !== undefined) this.byId.set(id, section);
    if (prefix === undefined) return sameId === undefined;
    const text = formatPrefix(prefix);
    const samePrefix = this.byPrefix.get(text);
    if (samePrefix !== undefined) {
      const message = `the prefix ${text} is already that of another subnet (${samePrefix.path})`;
      issues.error('config-duplicate', section.positionOf('subnet'), message);
    } else this.byPrefix.set(text, section);
    return sameId === undefined && samePrefix === undefined;
  }
}

function buildNetwork(section: Section, inheritance: Inheritance, index: number, context: BuildContext): SharedNetwork {
  const interfaceName = interfaceOf(section, context);
  return {
    name: section.string('name') ?? '',
    index,
    subnets: [],
    ...(interfaceName === undefined ? {} : { interface: interfaceName }),
    relayAddresses: relayAddresses(section, context),
    clientClasses: classNames(section, 'client-classes'),
    additionalClasses: classNames(section, 'evaluate-additional-classes'),
    options: buildOptions(section, context),
    boot: inheritedBootFields(inheritance),
    ...networkGuard(section, context),
    ...(section.userContext === undefined ? {} : { userContext: section.userContext }),
  };
}

/** What the global scope, networks and subnets are all checked for. */
function checkNetwork(section: Section, inheritance: Inheritance, { issues }: BuildContext): void {
  checkNetworkParameters(section, inheritance, issues);
  bootFields(section, issues);
  lifetimeTriplet((name) => inheritance.number(name), section, issues);
  if (section.string('allocator') === 'shared-flq') {
    const message = '"shared-flq" needs a lease database that servers share; use "flq"';
    issues.error('config-unsupported', section.positionOf('allocator'), message);
  }
}

function* draftSubnet(
  section: Section,
  parent: SubnetDraft['parent'],
  above: Inheritance,
  { ddnsEnabled, pingCheck, limits: limited }: Surroundings,
  drafts: Drafts,
  context: BuildContext,
): Sliced<void> {
  yield;
  const { issues } = context;
  const inheritance = above.below(section);
  checkNetwork(section, inheritance, context);
  const options = buildOptions(section, context);
  const relays = relayAddresses(section, context);
  const interfaceName = interfaceOf(section, context) ?? parent?.network.interface;
  const lifetime = lifetimeTriplet((name) => inheritance.number(name), section, SILENT);
  const id = section.integer('id');
  // What is wrong with the rest is reported even if the prefix is no prefix.
  const prefix = subnetPrefix(section, issues);
  const pools = buildPools(section, prefix, inheritance, ddnsEnabled, context);
  const reservations = yield* buildReservations(section, id ?? 0, prefix, context);
  const pingRule = pingRuleOf(section, pingCheck, context);
  const limits = limitsOf(section, limited, context);
  const isNew = drafts.isNew(section, id, prefix, issues);
  if (!isNew || prefix === undefined || id === undefined || lifetime === undefined) return;

  const renewTimerSec = inheritance.number('renew-timer');
  const rebindTimerSec = inheritance.number('rebind-timer');
  const cacheMaxAgeSec = inheritance.number('cache-max-age');
  const subnet: SubnetDraft['subnet'] = {
    id,
    prefix: prefix.address,
    prefixLength: prefix.length,
    ...(parent === undefined ? {} : { sharedNetwork: parent.network }),
    ...(interfaceName === undefined ? {} : { interface: interfaceName }),
    relayAddresses: section.has('relay') ? relays : (parent?.network.relayAddresses ?? []),
    clientClasses: classNames(section, 'client-classes'),
    additionalClasses: classNames(section, 'evaluate-additional-classes'),
    options,
    boot: inheritedBootFields(inheritance),
    lifetime,
    ...(renewTimerSec === undefined ? {} : { renewTimerSec }),
    ...(rebindTimerSec === undefined ? {} : { rebindTimerSec }),
    calculateTeeTimes: inheritance.boolean('calculate-tee-times'),
    t1Percent: inheritance.number('t1-percent')!,
    t2Percent: inheritance.number('t2-percent')!,
    offerLifetimeSec: inheritance.number('offer-lifetime') ?? 0,
    cacheThreshold: inheritance.number('cache-threshold')!,
    ...(cacheMaxAgeSec === undefined ? {} : { cacheMaxAgeSec }),
    adaptiveLeaseTimeThreshold: inheritance.number('adaptive-lease-time-threshold') ?? 1,
    matchClientId: inheritance.boolean('match-client-id'),
    authoritative: inheritance.boolean('authoritative'),
    allocator: inheritance.text('allocator') as AllocatorName,
    storeExtendedInfo: inheritance.boolean('store-extended-info'),
    reservationsGlobal: inheritance.boolean('reservations-global'),
    reservationsInSubnet: inheritance.boolean('reservations-in-subnet'),
    reservationsOutOfPool: inheritance.boolean('reservations-out-of-pool'),
    ddns: ddnsBehaviour(inheritance, ddnsEnabled),
    ...inheritGuard(section, parent?.network, context),
    ...(pingRule === undefined ? {} : { pingCheck: pingRule }),
    ...(limits === undefined ? {} : { limits }),
    ...(section.userContext === undefined ? {} : { userContext: section.userContext }),
  };
  drafts.add({ section, parent, inheritance, id, prefix, pools, reservations, subnet });
}

function finishSubnet(draft: SubnetDraft, index: number, pools: Pool[], { issues }: BuildContext): BuiltSubnet {
  const own: Pool[] = draft.pools.map(({ pool }, i) => ({ ...pool, index: pools.length + i, subnetId: draft.id }));
  for (const { section, pool } of draft.pools) {
    const twin = draft.pools.find((other) => other.pool.id === pool.id && other.pool !== pool && pool.id !== 0);
    if (twin !== undefined && section.path < twin.section.path) {
      issues.warning(
        'config-duplicate',
        section.positionOf('pool-id'),
        `pool-id ${pool.id} is used twice: their statistics are one`,
      );
    }
  }
  pools.push(...own);
  const { section, parent, inheritance, prefix, reservations } = draft;
  const subnet: Subnet = { ...draft.subnet, index, pools: own };
  return { section, network: parent?.section, inheritance, prefix, subnet, pools: draft.pools, reservations };
}

function subnetPrefix(section: Section, issues: BuildContext['issues']): Prefix | undefined {
  const text = section.string('subnet');
  if (text === undefined) return undefined;
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') return prefix;
  issues.error('config-range', section.positionOf('subnet'), prefix);
  return undefined;
}

function relayAddresses(section: Section, { issues }: BuildContext): Ipv4[] {
  const relay = section.section('relay');
  if (relay === undefined) return [];
  const addresses: Ipv4[] = [];
  for (const { text, position } of relay.strings('ip-addresses')) {
    const address = parseIpv4(text);
    if (address === undefined) issues.error('config-range', position, `"${text}" is not an IPv4 address`);
    else if (addresses.includes(address)) issues.error('config-duplicate', position, `${text} is given twice`);
    else addresses.push(address);
  }
  return addresses;
}

function interfaceOf(section: Section, { issues, environment }: BuildContext): string | undefined {
  const name = section.string('interface');
  if (name === undefined || name === '') return undefined;
  const { interfaceNames } = environment;
  if (interfaceNames !== undefined && !interfaceNames.includes(name)) {
    const position = section.positionOf('interface');
    issues.error(
      'config-reference',
      position,
      `there is no interface "${name}"; there are ${interfaceNames.join(', ')}`,
    );
  }
  return name;
}

function checkNetworkNames(networks: Topology['networks'], { issues }: BuildContext): void {
  const seen = new Map<string, Section>();
  for (const { section, network } of networks) {
    const earlier = seen.get(network.name);
    if (earlier !== undefined && network.name !== '') {
      const message = `the shared network "${network.name}" is already defined (${earlier.path})`;
      issues.error('config-duplicate', section.positionOf('name'), message);
    } else seen.set(network.name, section);
  }
}

/** All subnets of a network need the same interface, and the network's own `authoritative` (Kea). */
function checkNetworkUnity(network: Section, members: readonly SubnetDraft[], { issues }: BuildContext): void {
  const authoritative = members[0] && new Inheritance(members[0].inheritance.levels.slice(1)).boolean('authoritative');
  let name = network.string('interface') || undefined;
  for (const { section, prefix, subnet } of members) {
    if (subnet.role !== members[0]!.subnet.role) {
      const message = `subnet ${formatPrefix(prefix)} has another role than others of its shared network: it is one wire`;
      issues.error('config-conflict', section.position, message);
    }
    if (subnet.authoritative !== authoritative) {
      const message = `subnet ${formatPrefix(prefix)} is ${subnet.authoritative ? '' : 'not '}authoritative, unlike its shared network`;
      issues.error('config-conflict', section.positionOf('authoritative'), message);
    }
    const own = section.string('interface') || undefined;
    name ??= own;
    if (own !== undefined && own !== name) {
      const message = `subnet ${formatPrefix(prefix)} is on interface ${own}, others of its shared network on ${name}`;
      issues.error('config-conflict', section.positionOf('interface'), message);
    }
  }
}
