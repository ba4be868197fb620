/** What is written down of a client in the inventory. */

import type { Exchange } from '../../domain/exchange.js';
import { type Device, type DeviceKind, portModeOf } from '../../domain/guard/device.js';
import type { Facts } from '../../domain/guard/facts.js';
import { bmcEvidence, hostEvidence, type Identity, printable } from '../../domain/guard/identify.js';
import type { Mac } from '../../domain/guard/mac.js';
import type { Finding, Neighbour } from '../../domain/guard/rules.js';
import { CONFIDENCE_WEIGHT } from '../../domain/guard/signatures.js';
import type { EpochSec, SubnetId } from '../../domain/values.js';
import type { Suspect } from './suspect.js';

const CIRCUIT_ID = 1;
const REMOTE_ID = 2;
/** Longest identifier of a port that is kept, in octets. */
const MAX_PORT_ID = 64;
const MAX_EVIDENCE = 8;
const LIKELY = CONFIDENCE_WEIGHT.medium;
const SURE = CONFIDENCE_WEIGHT.high;

/** A packet and what was made of it. */
export interface PacketNotes {
  readonly exchange: Exchange;
  readonly facts: Facts;
  readonly identity: Identity;
  readonly findings: readonly Finding[];
  readonly nowSec: EpochSec;
  readonly neighbour?: Neighbour | undefined;
  /** Another device that has the serial number of this one. */
  readonly namesake?: Device | undefined;
}

/** A client that is known by a probe alone. */
export interface ProbeNotes {
  readonly suspect: Suspect;
  readonly management: boolean;
  readonly nowSec: EpochSec;
}

/** The device as it is after a packet, or a new one. The one handed in is changed in place. */
export function noteDevice(known: Device | undefined, notes: PacketNotes | ProbeNotes): Device {
  if ('suspect' in notes) {
    const { suspect, management, nowSec } = notes;
    const { mac, subnetId, interfaceName, address } = suspect;
    return { ...blank(mac, nowSec), subnetId, management, interfaceName, address };
  }
  const { exchange, facts, nowSec } = notes;
  const device = known ?? blank(facts.mac, nowSec);
  noteMove(device, notes);
  device.lastSec = nowSec;
  device.subnetId = facts.subnet.id;
  device.management = facts.management;
  device.interfaceName = exchange.interfaceName;
  device.giaddr = exchange.giaddr;
  device.circuitId = (exchange.relaySubOption(CIRCUIT_ID) ?? '').slice(0, MAX_PORT_ID);
  device.remoteId = (exchange.relaySubOption(REMOTE_ID) ?? '').slice(0, MAX_PORT_ID);
  if (facts.vendorClass !== '') device.vendorClass = printable(facts.vendorClass);
  if (facts.hostName !== '') device.hostName = printable(facts.hostName);
  noteIdentity(device, notes);
  if (facts.management) device.lastManagement = { subnetId: facts.subnet.id, sec: nowSec };
  return device;
}

/** Counts a finding with its device. */
export function noteFinding(device: Device | undefined, { rule, score }: Finding, nowSec: EpochSec): void {
  if (device === undefined) return;
  const known = device.findings[rule];
  device.findings[rule] = { count: (known?.count ?? 0) + 1, lastSec: nowSec, score };
}

function blank(mac: Mac, nowSec: EpochSec): Device {
  return {
    mac,
    firstSec: nowSec,
    lastSec: nowSec,
    subnetId: 0,
    management: false,
    interfaceName: '',
    giaddr: 0,
    circuitId: '',
    remoteId: '',
    kind: 'unknown',
    product: '',
    serial: '',
    score: 0,
    vendorClass: '',
    hostName: '',
    evidence: [],
    address: 0,
    quarantine: 0,
    findings: {},
  };
}

/** From a management network to a host network, and back; a pair where one was found. */
function noteMove(device: Device, { facts, findings, nowSec, neighbour, namesake }: PacketNotes): void {
  const found = (rule: Finding['rule']) => findings.find((one) => one.rule === rule && one.subject === facts.mac);
  if (facts.management) delete device.moved;
  else if (found('R4') !== undefined && device.moved === undefined) {
    const from = device.lastManagement?.subnetId ?? namesake?.lastManagement?.subnetId ?? 0;
    device.moved = { from, to: facts.subnet.id, sec: nowSec };
  }
  if (neighbour !== undefined && found('R3') !== undefined) device.pair = { mac: neighbour.mac, sec: nowSec };
}

/** What it says of itself now, unless it was surer before: a host that boots may go by a BMC's address for a while. */
function noteIdentity(device: Device, { facts, identity }: PacketNotes): void {
  const { bmc, host, other, matches } = identity;
  const kind = kindOf(identity);
  const surer = bmc >= device.score && bmc > 0;
  if (surer) {
    const best = matches.find(({ signature }) => signature.kind === 'bmc' || signature.kind === 'power');
    device.score = bmc;
    device.product = best?.signature.product ?? '';
    const serial = matches.find((match) => match.serial !== '' && match.signature.kind !== 'host')?.serial;
    if (serial !== undefined) device.serial = printable(serial);
    device.evidence = bmcEvidence(identity, facts).slice(0, MAX_EVIDENCE);
  }
  if (surer || device.score < LIKELY) {
    if (kind !== 'unknown' || device.kind === 'unknown') device.kind = kind;
    if (kind === 'host' && host >= SURE) device.evidence = hostEvidence(identity, facts).slice(0, MAX_EVIDENCE);
    if (other) device.product = matches.find(({ signature }) => signature.kind === 'dpu')?.signature.product ?? '';
  }
}

function kindOf({ bmc, host, other, matches }: Identity): DeviceKind {
  if (bmc >= LIKELY) return matches.some(({ signature }) => signature.kind === 'power') ? 'power' : 'bmc';
  if (other) return 'dpu';
  return host >= SURE ? 'host' : 'unknown';
}

/** A management processor that asked on a host network. */
export interface Stray {
  readonly mac: Mac;
  readonly subnetId: SubnetId;
  readonly interfaceName: string;
  readonly atSec: EpochSec;
  readonly failedOver: boolean;
}

/** Those of an inventory that did so at `sinceSec` or later. */
export function straysOf(devices: Iterable<Device>, sinceSec: EpochSec): Stray[] {
  const strays: Stray[] = [];
  for (const device of devices) {
    const isBmc = (device.kind === 'bmc' && device.score >= SURE) || device.moved !== undefined;
    if (device.management || device.lastSec < sinceSec || !isBmc) continue;
    const { mac, subnetId, interfaceName, lastSec: atSec } = device;
    strays.push({ mac, subnetId, interfaceName, atSec, failedOver: portModeOf(device) === 'failed-over' });
  }
  return strays;
}
