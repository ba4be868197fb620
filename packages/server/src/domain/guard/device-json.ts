/** A device as JSON: a line of the inventory file, and what bmc-list answers. One table of members serves both ways. */

import type { JsonMap } from '../snapshot.js';
import { formatHex, formatIpv4, parseIpv4 } from '../values.js';
import { type Device, type DeviceKind, type FindingCount, portModeOf } from './device.js';
import type { Evidence } from './identify.js';
import { formatMac, type Mac, parseMac } from './mac.js';
import { GUARD_RULES, type GuardRule } from './policy.js';

const KINDS: readonly DeviceKind[] = ['bmc', 'power', 'dpu', 'host', 'unknown'];
/** Longest text read back; more than this no device has. */
const MAX_TEXT = 512;
const MAX_EVIDENCE = 16;
const MAX_NUMBER = 0xffff_ffff;

/** The device as JSON. Times are seconds since 1970. */
export function deviceToJson(device: Device): JsonMap {
  const { lastManagement, moved, pair, presence } = device;
  return {
    'hw-address': formatMac(device.mac),
    kind: device.kind,
    product: device.product,
    serial: device.serial,
    score: device.score,
    'port-mode': portModeOf(device),
    'subnet-id': device.subnetId,
    management: device.management,
    'first-seen': device.firstSec,
    'last-seen': device.lastSec,
    address: device.address === 0 ? '' : formatIpv4(device.address),
    interface: device.interfaceName,
    relay: device.giaddr === 0 ? '' : formatIpv4(device.giaddr),
    'circuit-id': formatHex(device.circuitId, ''),
    'remote-id': formatHex(device.remoteId, ''),
    'vendor-class': device.vendorClass,
    'host-name': device.hostName,
    evidence: device.evidence.map(({ feature, text, weight }) => ({ feature, text, weight })),
    findings: Object.entries(device.findings).map(([rule, { count, lastSec, score }]) => ({
      rule,
      count,
      'last-seen': lastSec,
      score,
    })),
    ...(device.quarantine === 0 ? {} : { 'quarantine-subnet-id': device.quarantine }),
    ...(lastManagement && { 'last-management': { 'subnet-id': lastManagement.subnetId, at: lastManagement.sec } }),
    ...(moved && { moved: { from: moved.from, to: moved.to, at: moved.sec } }),
    ...(pair && { pair: { 'hw-address': formatMac(pair.mac), at: pair.sec } }),
    ...(presence && {
      presence: {
        asked: presence.askedSec,
        ...(presence.answeredSec === undefined ? {} : { answered: presence.answeredSec }),
        ...(presence.text === undefined ? {} : { text: presence.text }),
      },
    }),
  };
}

/** Reads a device; undefined if the value is none. Never throws: a file may have been written by anybody. */
export function deviceFromJson(value: unknown): Device | undefined {
  if (!isMap(value)) return undefined;
  const mac = macIn(value['hw-address']);
  const kind = KINDS.find((one) => one === value.kind);
  const [firstSec, lastSec, subnetId] = [value['first-seen'], value['last-seen'], value['subnet-id']].map(numberIn);
  if (mac === undefined || kind === undefined) return undefined;
  if (firstSec === undefined || lastSec === undefined || subnetId === undefined) return undefined;
  const device: Device = {
    mac,
    firstSec,
    lastSec,
    subnetId,
    kind,
    management: value.management === true,
    interfaceName: textIn(value.interface),
    giaddr: parseIpv4(textIn(value.relay)) ?? 0,
    circuitId: octetsIn(value['circuit-id']),
    remoteId: octetsIn(value['remote-id']),
    product: textIn(value.product),
    serial: textIn(value.serial),
    score: Math.min(numberIn(value.score) ?? 0, 100),
    vendorClass: textIn(value['vendor-class']),
    hostName: textIn(value['host-name']),
    evidence: listIn(value.evidence).slice(0, MAX_EVIDENCE).flatMap(evidenceIn),
    address: parseIpv4(textIn(value.address)) ?? 0,
    quarantine: numberIn(value['quarantine-subnet-id']) ?? 0,
    findings: Object.fromEntries(listIn(value.findings).flatMap(findingIn)),
  };
  readHistory(value, device);
  return device;
}

function readHistory(value: Readonly<Record<string, unknown>>, device: Device): void {
  const { 'last-management': last, moved, pair, presence } = value;
  if (isMap(last)) {
    const [subnetId, sec] = [numberIn(last['subnet-id']), numberIn(last.at)];
    if (subnetId !== undefined && sec !== undefined) device.lastManagement = { subnetId, sec };
  }
  if (isMap(moved)) {
    const [from, to, sec] = [moved.from, moved.to, moved.at].map(numberIn);
    if (from !== undefined && to !== undefined && sec !== undefined) device.moved = { from, to, sec };
  }
  if (isMap(pair)) {
    const [mac, sec] = [macIn(pair['hw-address']), numberIn(pair.at)];
    if (mac !== undefined && sec !== undefined) device.pair = { mac, sec };
  }
  if (isMap(presence)) {
    const [askedSec, answeredSec] = [numberIn(presence.asked), numberIn(presence.answered)];
    if (askedSec === undefined) return;
    const text = textIn(presence.text);
    device.presence = {
      askedSec,
      ...(answeredSec === undefined ? {} : { answeredSec }),
      ...(text === '' ? {} : { text }),
    };
  }
}

function evidenceIn(value: unknown): Evidence[] {
  if (!isMap(value)) return [];
  return [
    { feature: textIn(value.feature), text: textIn(value.text), weight: Math.min(numberIn(value.weight) ?? 0, 100) },
  ];
}

function findingIn(value: unknown): [GuardRule, FindingCount][] {
  if (!isMap(value)) return [];
  const rule = GUARD_RULES.find((one) => one === value.rule);
  const [count, lastSec, score] = [value.count, value['last-seen'], value.score].map(numberIn);
  if (rule === undefined || count === undefined || lastSec === undefined) return [];
  return [[rule, { count, lastSec, score: Math.min(score ?? 0, 100) }]];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_NUMBER ? value : undefined;
}

function textIn(value: unknown): string {
  return typeof value === 'string' && value.length <= MAX_TEXT ? value : '';
}

function macIn(value: unknown): Mac | undefined {
  const mac = parseMac(textIn(value));
  return mac === 0 ? undefined : mac;
}

function octetsIn(value: unknown): string {
  const text = textIn(value);
  return /^(?:[0-9a-f]{2})*$/.test(text) ? Buffer.from(text, 'hex').toString('latin1') : '';
}
