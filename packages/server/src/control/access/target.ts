/** What a command is about, and in which state that is: the object and the digests of an audit record. */

import { formatJson, jsonTypeOf } from '@lessor/kea';
import { FAMILIES, type Family } from '../../domain/access/families.js';
import type { Lease } from '../../domain/lease.js';
import { leaseToJson } from '../../domain/lease-json.js';
import { sha256 } from '../../domain/sha256.js';
import { formatIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import { memberOf } from '../arguments.js';
import type { ControlCommand, Json, JsonMap } from '../command.js';
import { findLease, type LeaseKey, readLeaseKey } from '../lease-arguments.js';
import type { ControlServices } from '../services.js';
import { rightsOf } from './command-rights.js';

/** What telling it looks at. */
export type TargetServices = Pick<ControlServices, 'config' | 'leases' | 'serviceSwitch'>;

/** The object of a command that changes something. */
export interface Target {
  /** For people: `lease 192.0.2.7`, `configuration`. */
  readonly object: string;
  /** First 16 hex digits of the SHA-256 of its present state; 'absent' where there is no such object. */
  digest(): Promise<string>;
}

/** Members that say which object of a configuration is meant. */
const NAMES = [
  'subnet-id',
  'id',
  'name',
  'ip-address',
  'identifier-type',
  'identifier',
  'hw-address',
  'subnet',
] as const;
/** Members that hold an object, or a list of one. */
const HOLDERS = ['reservation', 'subnet4', 'shared-networks', 'client-classes'] as const;

/** Families whose objects are in the configuration: where that differs after a command, its generation does. */
const IN_CONFIGURATION: readonly Family[] = ['reservations-change', 'networks-change', 'classes-change'];

/** The target of a command; undefined for one that changes nothing. Never throws. */
export function targetOf(command: ControlCommand, services: TargetServices): Target | undefined {
  const { family } = rightsOf(command.name);
  if (!FAMILIES[family].changes) return undefined;
  if (family === 'leases-change') return leaseTarget(command, services);
  const what = describe(command.args);
  const { config } = services;
  // The hash of a large configuration takes a while: it is for commands that replace the whole.
  if (IN_CONFIGURATION.includes(family)) {
    return { object: `configuration: ${what}`, digest: async () => `generation ${config.current.generation}` };
  }
  if (family === 'config-change' || family === 'security') {
    return { object: 'configuration', digest: async () => shorten(await config.hashOf(config.current)) };
  }
  if (family === 'service') {
    return { object: 'DHCP service', digest: async () => digestOf(JSON.stringify(services.serviceSwitch.state)) };
  }
  if (family === 'leases-wipe') {
    const { leases } = services;
    return { object: `leases ${what === '' ? 'of all subnets' : what}`, digest: async () => `${leases.size} leases` };
  }
  return { object: what === '' ? 'server' : what, digest: async () => '' };
}

function leaseTarget(command: ControlCommand, { leases }: TargetServices): Target {
  const key = leaseKeyOf(command);
  if (key === undefined) return { object: 'lease', digest: async () => 'absent' };
  const object = key.by === 'address' ? `lease ${formatIpv4(key.address)}` : `lease of ${describe(command.args)}`;
  return {
    object,
    digest: async () => {
      const lease: Lease | undefined = findLease(leases as ControlServices['leases'], key);
      return lease === undefined ? 'absent' : digestOf(formatJson(leaseToJson(lease)));
    },
  };
}

/** The lease that is meant, also where a whole lease is written: that has an address. */
function leaseKeyOf(command: ControlCommand): LeaseKey | undefined {
  try {
    return readLeaseKey(command, 'Query');
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** `subnet-id 7, identifier-type hw-address, identifier 00:01:..`: the names among the arguments, at most 200 octets. */
function describe(args: Json | undefined): string {
  if (args === undefined || jsonTypeOf(args) !== 'map') return '';
  const maps = [args as JsonMap, ...HOLDERS.flatMap((name) => held(memberOf(args as JsonMap, name)))];
  const named = maps.flatMap((map) =>
    NAMES.flatMap((name) => {
      const value = memberOf(map, name);
      return typeof value === 'string' || typeof value === 'number' ? [`${name} ${value}`] : [];
    }),
  );
  return named.join(', ').slice(0, 200);
}

function held(value: Json | undefined): JsonMap[] {
  const one = Array.isArray(value) ? (value[0] as Json | undefined) : value;
  return one !== undefined && jsonTypeOf(one) === 'map' ? [one as JsonMap] : [];
}

function digestOf(text: string): string {
  return sha256(text).slice(0, 16);
}

/** The hash of a configuration in the form of the other digests. */
function shorten(hash: string): string {
  return hash.slice(0, 16).toLowerCase();
}
