/**
 * The guard of BMC networks in motion: what is remembered of clients, the rules (domain/guard/rules.ts) asked about each
 * packet, and what the policies make of their findings. An ordinary client of a host network costs one look into a table
 * and a few comparisons. Everything remembered is bounded.
 */

import { MessageType } from '../../domain/dhcp4/decision.js';
import type { Exchange } from '../../domain/exchange.js';
import { alarmToJson } from '../../domain/guard/alarm-json.js';
import { AlarmBook, type GuardAlarm } from '../../domain/guard/alarms.js';
import { arrivesOnManagement, hostsAreAt } from '../../domain/guard/arrival.js';
import type { Device } from '../../domain/guard/device.js';
import { type Facts, readFacts } from '../../domain/guard/facts.js';
import { Identifier, type Identity } from '../../domain/guard/identify.js';
import { Inventory } from '../../domain/guard/inventory.js';
import { formatMac, type Mac, macOf } from '../../domain/guard/mac.js';
import { makerOf } from '../../domain/guard/mac-blocks.js';
import {
  actionFor,
  type GuardConfig,
  type GuardedSubnet,
  type GuardPolicy,
  QUARANTINE_CLASS,
  sterner,
} from '../../domain/guard/policy.js';
import {
  type Finding,
  findAll,
  type Neighbour,
  presenceFinding,
  type Return,
  withheldFinding,
} from '../../domain/guard/rules.js';
import { SightingFlag, Sightings } from '../../domain/guard/sightings.js';
import { CONFIDENCE_WEIGHT } from '../../domain/guard/signatures.js';
import type { Lease } from '../../domain/lease.js';
import { LeaseState } from '../../domain/lease.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import type { EpochMs, EpochSec, Ipv4 } from '../../domain/values.js';
import type { DropReason } from '../drop-reasons.js';
import type { Logger, Random } from '../ports.js';
import type { Statistics } from '../statistics.js';
import { noteDevice, noteFinding, type Stray, straysOf } from './notes.js';
import type { PacketGuard } from './packet-guard.js';
import type { Suspect } from './suspect.js';

/** What the guard needs. */
export interface GuardDependencies {
  readonly random: Random;
  readonly logger: Logger;
  readonly statistics: Pick<Statistics, 'counter'>;
}

/** Clients whose place is remembered. */
const SIGHTINGS = 65_536;
/** Devices in each half of the inventory. */
const DEVICES = 4096;
/** Clients to be pinged once they have an address. */
const SUSPECTS = 4096;
const LIKELY = CONFIDENCE_WEIGHT.medium;
const SURE = CONFIDENCE_WEIGHT.high;
const SERVER_ID = 54;

/** Messages that are looked at: BOOTP, DISCOVER, REQUEST, INFORM. */
const LOOKED_AT: readonly boolean[] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(
  (type) => type === 0 || type === MessageType.discover || type === MessageType.request || type === MessageType.inform,
);

/** Statistics: findings by rule, alarms raised, replies that lack what is for BMCs only. */
const FINDINGS = 'lessor-guard-findings-';
const ALARMS = 'lessor-guard-alarms';
const WITHHELD = 'lessor-guard-withheld';

/** See the head of this file. */
export class Guard implements PacketGuard {
  readonly inventory = new Inventory(DEVICES);
  readonly alarms = new AlarmBook();
  readonly #deps: GuardDependencies;
  readonly #suspects = new Map<Mac, string>();
  #sightings: Sightings | undefined;
  #identifier: { readonly config: GuardConfig; readonly identifier: Identifier } | undefined;
  #places: { readonly snapshot: ConfigSnapshot; readonly hostsAt: Map<string, boolean> } | undefined;
  #changed: () => void = () => undefined;
  #suspectLeased: ((suspect: Suspect) => void) | undefined;
  #alarmed: ((alarm: GuardAlarm) => void) | undefined;

  constructor(deps: GuardDependencies) {
    this.#deps = deps;
  }

  /** Calls back whenever the inventory changed: for whoever writes it down. */
  onInventoryChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** Calls back when somebody to be pinged got an address. */
  onSuspectLeased(leased: (suspect: Suspect) => void): void {
    this.#suspectLeased = leased;
  }

  /** Calls back for every alarm that is raised. */
  onAlarm(alarmed: (alarm: GuardAlarm) => void): void {
    this.#alarmed = alarmed;
  }

  look(exchange: Exchange, snapshot: ConfigSnapshot, now: EpochMs): DropReason | undefined {
    return this.#look(exchange, snapshot, now, true);
  }

  withheld(exchange: Exchange, { guard: config }: ConfigSnapshot, now: EpochMs): void {
    this.#deps.statistics.counter(WITHHELD).add(1, now);
    if (config === undefined) return;
    const identifier = this.#identifierOf(config);
    const facts = readFacts(exchange, identifier.isTelling);
    if (facts === undefined) return;
    const identity = identifier.identify(facts);
    // Windows asks every server for option 43: only who says it is a BMC is worth an alarm.
    if (identity.bmc >= LIKELY) this.#conclude([withheldFinding(facts, identity)], facts.subnet, config, now);
  }

  /** The same judgement with nothing noted and nobody told: for explain4. Nobody is trusted in it. */
  preview(): PacketGuard {
    return {
      look: (exchange, snapshot, now) => this.#look(exchange, snapshot, now, false),
      withheld: () => undefined,
    };
  }

  /** Follows what becomes of leases, once it is durable. */
  leaseChanged(address: Ipv4, lease: Lease | undefined): void {
    // Where no packet was ever looked at, nobody is known.
    if (this.#sightings === undefined && this.inventory.size === 0) return;
    const mac = lease?.state === LeaseState.default ? macOf(lease.hwAddress) : 0;
    if (lease === undefined || mac === 0) return;
    const device = this.inventory.get(mac);
    if (device !== undefined && device.address !== address) {
      device.address = address;
      this.#changed();
    }
    const interfaceName = this.#suspects.get(mac);
    if (interfaceName === undefined) return;
    this.#suspects.delete(mac);
    this.#suspectLeased?.({ mac, address, subnetId: lease.subnetId, interfaceName });
  }

  /** Notes that a suspect was asked, and what it answered; an answer on a host network is a finding (R9). */
  presence(suspect: Suspect, answer: string | undefined, snapshot: ConfigSnapshot, now: EpochMs): void {
    const subnet = snapshot.subnetById.get(suspect.subnetId);
    const known = this.inventory.get(suspect.mac);
    if (snapshot.guard === undefined || subnet === undefined || (known === undefined && answer === undefined)) return;
    const nowSec = Math.floor(now / 1000);
    const device = known ?? noteDevice(undefined, { suspect, management: subnet.role === 'management', nowSec });
    const asked = device.presence?.askedSec ?? nowSec;
    device.presence =
      answer === undefined ? { askedSec: nowSec } : { askedSec: asked, answeredSec: nowSec, text: answer };
    if (answer !== undefined && device.kind === 'unknown') device.kind = 'bmc';
    this.inventory.put(device);
    this.#changed();
    const finding = answer === undefined ? undefined : presenceFinding(device);
    if (finding !== undefined) this.#conclude([finding], subnet, snapshot.guard, now);
  }

  /** BMCs that asked on host networks lately: evidence that management traffic leaks there (S6 of the listeners). */
  strays(sinceSec: EpochSec): readonly Stray[] {
    return straysOf(this.inventory.all(), sinceSec);
  }

  #look(exchange: Exchange, snapshot: ConfigSnapshot, now: EpochMs, record: boolean): DropReason | undefined {
    const config = snapshot.guard;
    if (config === undefined || LOOKED_AT[exchange.messageType] !== true) return undefined;
    const identifier = this.#identifierOf(config);
    const facts = readFacts(exchange, identifier.isTelling);
    if (facts === undefined) return undefined;
    const identity = identifier.identify(facts);
    const nowSec = Math.floor(now / 1000);
    const place = this.#placeOf(facts, identity, nowSec, config, record);
    const device = this.inventory.get(facts.mac);
    const ordinary = !facts.management && device === undefined && identity.bmc < LIKELY;
    const neighbour = ordinary && !place.isNews ? undefined : this.#neighbourOf(facts, nowSec, config);
    if (record && config.presencePing.enabled) this.#noteSuspect(exchange, facts, identity, neighbour, config);
    if (ordinary && neighbour === undefined && place.returned === undefined && identity.foreignMac === undefined)
      return undefined;

    const namesake = facts.management ? undefined : this.#namesakeOf(facts, identity);
    const { returned, hereSinceSec } = place;
    const findings = findAll({ facts, identity, device, namesake, neighbour, returned, hereSinceSec, nowSec, config });
    if (!record) return this.#act(exchange, facts, device, this.#actionOf(findings, facts, config), false);
    const kept = ordinary
      ? undefined
      : noteDevice(device, { exchange, facts, identity, findings, nowSec, neighbour, namesake });
    if (kept !== undefined) {
      this.inventory.put(kept);
      this.#changed();
    }
    const action = this.#conclude(findings, facts.subnet, config, now, facts.mac);
    exchange.trustedBmc =
      action === 'observe' || action === 'alert' ? this.#isTrusted(exchange, identity, findings, snapshot) : false;
    const needsDevice = kept === undefined && (action === 'quarantine' || action === 'deny');
    const acted = needsDevice ? this.#keep(exchange, facts, identity, findings, nowSec) : kept;
    return this.#act(exchange, facts, acted, action, true);
  }

  #keep(exchange: Exchange, facts: Facts, identity: Identity, findings: readonly Finding[], nowSec: EpochSec): Device {
    const device = noteDevice(undefined, { exchange, facts, identity, findings, nowSec });
    this.inventory.put(device);
    return device;
  }

  /**
   * What is done to the client. Only a full exchange changes its state: a client that renews keeps what it has until
   * then, lest a BMC be refused into silence.
   */
  #act(
    exchange: Exchange,
    { subnet }: Facts,
    device: Device | undefined,
    action: GuardPolicy,
    record: boolean,
  ): DropReason | undefined {
    const { message, messageType, bootp } = exchange;
    const selecting = messageType === MessageType.request && message.has(SERVER_ID);
    const full = bootp || messageType === MessageType.discover || selecting;
    if (full && action === 'deny') return 'guard-denied';
    if (full && record && device !== undefined) device.quarantine = action === 'quarantine' ? subnet.id : 0;
    const quarantined = full ? action === 'quarantine' : device?.quarantine === subnet.id;
    if (quarantined) exchange.classes.add(QUARANTINE_CLASS);
    return undefined;
  }

  /** Counts and notes findings, raises alarms. @returns the sternest action, as far as findings are about `mac` */
  #conclude(
    findings: readonly Finding[],
    subnet: GuardedSubnet,
    config: GuardConfig,
    now: EpochMs,
    mac?: Mac,
  ): GuardPolicy {
    let sternest: GuardPolicy = 'observe';
    for (const finding of findings) {
      this.#deps.statistics.counter(`${FINDINGS}${finding.rule}`).add(1, now);
      noteFinding(this.inventory.get(finding.subject), finding, Math.floor(now / 1000));
      const wanted = actionFor(finding.rule, finding.score, subnet, config);
      const own = finding.subject === mac;
      if (own) sternest = sterner(sternest, wanted);
      if (wanted === 'observe') continue;
      const alarm = this.alarms.note(finding, subnet.id, own ? wanted : 'alert', now, config);
      if (alarm !== undefined) this.#raise(alarm, now);
    }
    return sternest;
  }

  #actionOf(findings: readonly Finding[], { mac, subnet }: Facts, config: GuardConfig): GuardPolicy {
    return findings
      .filter(({ subject }) => subject === mac)
      .map(({ rule, score }) => actionFor(rule, score, subnet, config))
      .reduce(sterner, 'observe');
  }

  #raise(alarm: GuardAlarm, now: EpochMs): void {
    this.#deps.statistics.counter(ALARMS).add(1, now);
    const why = alarm.evidence.map(({ text }) => text).join('; ');
    const done = alarm.action === 'alert' ? '' : ` (${alarm.action})`;
    const text = `${alarm.rule}: ${formatMac(alarm.mac)}: ${alarm.text}${done}: ${why}`;
    this.#deps.logger.log('WARN', 'LESSOR_GUARD_ALARM', text, { alarm: alarmToJson(alarm) });
    this.#alarmed?.(alarm);
  }

  /** Where the client was before, and notes where it is. */
  #placeOf(facts: Facts, identity: Identity, nowSec: EpochSec, config: GuardConfig, record: boolean) {
    this.#sightings ??= new Sightings(SIGHTINGS, this.#seed());
    const sightings = this.#sightings;
    const { mac, port, subnet } = facts;
    const flags = (identity.bmc >= LIKELY ? SightingFlag.bmc : 0) | (identity.host >= LIKELY ? SightingFlag.host : 0);
    const at = sightings.find(mac);
    let hereSinceSec = nowSec;
    let isNews = true;
    let returned: Return | undefined;
    if (at >= 0) {
      const same = sightings.subnet(at) === subnet.id;
      isNews = !same || sightings.port(at) !== port || nowSec - sightings.seenSec(at) > config.pair.withinSec;
      if (same) hereSinceSec = sightings.sinceSec(at);
      else {
        const before = sightings.before(at);
        const awaySec = nowSec - sightings.sinceSec(at);
        if (before.subnet === subnet.id)
          returned = { awaySubnet: sightings.subnet(at), awaySec, hereSec: before.staySec };
      }
    }
    if (record) sightings.see(mac, port, subnet.id, flags, nowSec);
    return { hereSinceSec, isNews, returned };
  }

  #seed(): readonly [number, number] {
    const { random } = this.#deps;
    return [random.below(0x1_0000_0000), random.below(0x1_0000_0000)];
  }

  /** The nearest address at the same port that was seen lately and belongs to somebody of another sort. */
  #neighbourOf({ mac, port }: Facts, nowSec: EpochSec, { pair }: GuardConfig): Neighbour | undefined {
    const sightings = this.#sightings!;
    let found: Neighbour | undefined;
    for (let distance = 1; distance <= pair.distance; distance++) {
      for (const other of [mac + distance, mac - distance]) {
        const at = sightings.find(other);
        if (at < 0 || sightings.port(at) !== port || nowSec - sightings.seenSec(at) > pair.withinSec) continue;
        const flags = sightings.flags(at);
        const neighbour = {
          mac: other,
          bmc: (flags & SightingFlag.bmc) !== 0,
          host: (flags & SightingFlag.host) !== 0,
        };
        if (neighbour.bmc || neighbour.host) return neighbour;
        found ??= neighbour;
      }
    }
    return found;
  }

  #namesakeOf(facts: Facts, { matches }: Identity): Device | undefined {
    for (const { signature, serial } of matches) {
      const device = this.inventory.bySerial(signature.product, serial);
      if (device !== undefined && device.mac !== facts.mac) return device;
    }
    return undefined;
  }

  #noteSuspect(
    { interfaceName }: Exchange,
    facts: Facts,
    identity: Identity,
    neighbour: Neighbour | undefined,
    { presencePing }: GuardConfig,
  ): void {
    if (facts.management) return;
    const suspicious = identity.bmc > 0 || neighbour !== undefined || makerOf(facts.mac) !== undefined;
    if (presencePing.of === 'suspects' && !suspicious) return;
    this.#suspects.set(facts.mac, interfaceName);
    if (this.#suspects.size <= SUSPECTS) return;
    const [oldest] = this.#suspects.keys();
    this.#suspects.delete(oldest!);
  }

  /** Whether the client may have what is for BMCs only: it looks like one, nothing speaks against it, and it is there. */
  #isTrusted(exchange: Exchange, identity: Identity, findings: readonly Finding[], snapshot: ConfigSnapshot): boolean {
    if (identity.bmc < SURE || findings.some(({ rule }) => rule === 'R6' || rule === 'R7')) return false;
    if (this.#places?.snapshot !== snapshot) this.#places = { snapshot, hostsAt: new Map() };
    const { hostsAt } = this.#places;
    const key = `${exchange.interfaceName} ${exchange.interfaceAddress}`;
    let hostsAreThere = hostsAt.get(key);
    if (hostsAreThere === undefined) {
      hostsAreThere = hostsAreAt(exchange, snapshot.subnets);
      hostsAt.set(key, hostsAreThere);
    }
    return arrivesOnManagement(exchange, hostsAreThere);
  }

  #identifierOf(config: GuardConfig): Identifier {
    if (this.#identifier?.config !== config) {
      this.#identifier = { config, identifier: new Identifier(config.signatures) };
    }
    return this.#identifier.identifier;
  }
}
