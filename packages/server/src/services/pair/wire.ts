/** Records as the two servers send them: Kea's lease members, the version, and seconds left in the place of instants. */

import { isMap } from '../../domain/json.js';
import { leaseFromJson, leaseToJson } from '../../domain/lease-json.js';
import { type PairRecord, withoutVersion, withVersion } from '../../domain/pair/record.js';
import {
  formatVersion,
  joinVersions,
  parseVersion,
  strayOf,
  strayVersion,
  UNVERSIONED,
  type Version,
  withEvent,
} from '../../domain/pair/version.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { type EpochSec, formatIpv4, INFINITE_LIFETIME, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';

/** A record as JSON: a lease with `version` and `age` (seconds since cltt), or address and version of one removed. */
export function recordToJson({ address, version, lease, expired }: PairRecord, nowSec: EpochSec): JsonMap {
  const stamp = stampOf(version);
  if (lease === undefined) {
    return { 'ip-address': formatIpv4(address), removed: true, ...stamp, ...(expired === true ? { expired } : {}) };
  }
  const { cltt, ...members } = leaseToJson({ ...lease, userContext: withoutVersion(lease.userContext) });
  return { ...members, age: nowSec - Number(cltt), ...stamp };
}

/** The inverse of {@link recordToJson}, on this server's clock. @throws CommandError naming what is wrong */
export function recordFromJson(json: Json | undefined, nowSec: EpochSec): PairRecord {
  if (!isMap(json)) throw new CommandError('command-invalid', 'a record is not a map');
  const version = versionOf(json);
  if (version === undefined) throw new CommandError('command-invalid', 'a record has no version');
  if (json.removed === true) {
    return { address: addressOf(json), version, lease: undefined, expired: json.expired === true };
  }
  const { age } = json;
  if (typeof age !== 'number' || !Number.isInteger(age) || Math.abs(age) > INFINITE_LIFETIME) {
    throw new CommandError('command-invalid', 'a record has no age');
  }
  const lease = leaseFromJson({ ...json, cltt: Math.max(1, nowSec - age) });
  return { address: lease.address, version, lease: stamped(lease, version) };
}

/** What is a stray stands beside the version: a partner of before there were any takes it for an ordinary record. */
function stampOf(version: Version): JsonMap {
  const stray = strayOf(version) !== undefined;
  return { version: formatVersion(joinVersions(version, UNVERSIONED)), ...(stray ? { stray } : {}) };
}

function versionOf({ version: text, stray }: JsonMap): Version | undefined {
  const version = typeof text === 'string' ? parseVersion(text) : undefined;
  if (version === undefined || stray !== true) return version;
  const side = version[0] === 0 ? 1 : 0;
  return withEvent(strayVersion(side), side, version[side]);
}

/** The lease with its version in the user-context. */
export function stamped<L extends { readonly userContext: string }>(lease: L, version: Version, bound?: number): L {
  return { ...lease, userContext: withVersion(lease.userContext, version, bound) };
}

function addressOf(json: JsonMap): Ipv4 {
  const text = json['ip-address'];
  const address = typeof text === 'string' ? parseIpv4(text) : undefined;
  if (address === undefined) throw new CommandError('command-invalid', 'a record has no ip-address');
  return address;
}
