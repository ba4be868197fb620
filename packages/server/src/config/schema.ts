/**
 * THE parameter table: what may stand where in a configuration, of which type, within which bounds, with which
 * default, and how much of it acts. Checking, defaults and docs/reference/parameters.md are derived from it.
 * The rows are in the files schema-*.ts beside this one; here is what a row is.
 */

import type { Json } from '../domain/snapshot.js';
import { ACCESS_SCOPES, type AccessScope } from './schema-access.js';
import { AGENT_SCOPES, type AgentScope } from './schema-agent.js';
import { DDNS_SCOPES, type DdnsScope } from './schema-ddns.js';
import { GLOBAL_SCOPES, type GlobalScope } from './schema-global.js';
import { GUARD_SCOPES, type GuardScope } from './schema-guard.js';
import { HA_SCOPES, type HaScope } from './schema-ha.js';
import { HOOK_SCOPES, type HookScope } from './schema-hooks.js';
import { HOST_SCOPES, type HostScope } from './schema-host.js';
import { NETWORK_SCOPES, type NetworkScope } from './schema-network.js';
import { OMAPI_SCOPES, type OmapiScope } from './schema-omapi.js';
import { SERVICE_SCOPES, type ServiceScope } from './schema-service.js';
import { STORAGE_SCOPES, type StorageScope } from './schema-storage.js';

/** JSON types a parameter can have. `json` is a map whose members are not ours to check. */
export type ParameterType =
  | 'integer'
  | 'real'
  | 'boolean'
  | 'string'
  | 'strings'
  | 'map'
  | 'maps'
  | 'json'
  /** Gone from Kea or never in lessor: any value, always refused. */
  | 'any';

/** How much of a parameter acts in lessor. */
export type ParameterStatus =
  | 'supported'
  /** Checked, kept and given back; acts together with a feature that has its own switch (DDNS updates, 4o6). */
  | 'kept'
  /** The feature is not there yet: a value other than the default is a warning that says so. */
  | 'inactive'
  /** Can have no effect in lessor: a value other than the default is a warning. */
  | 'no-effect'
  /** Refused by name. */
  | 'unsupported';

/** One row of the table. */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  /** Scope of a map, or of the members of a list of maps. */
  readonly scope?: ScopeName;
  readonly min?: number;
  readonly max?: number;
  /** True if `min` (`max`) itself is outside. */
  readonly above?: boolean;
  readonly below?: boolean;
  /** The words a string may be. */
  readonly words?: readonly string[];
  /** Words compare without regard to case; the value is taken over in the spelling of `words`. */
  readonly anyCase?: boolean;
  /** Longest string, in octets. */
  readonly maxOctets?: number;
  /** An empty string, or an empty list, is refused. */
  readonly notEmpty?: boolean;
  readonly mandatory?: boolean;
  /** Value that holds where nothing is given at any level. */
  readonly default?: Json;
  readonly status?: ParameterStatus;
  /** What a status other than `supported` means here, or what to use instead. */
  readonly note?: string;
  /** One line for the reference. */
  readonly doc: string;
  /** Kea version that has it first. */
  readonly since?: string;
}

/** An old name that is still taken: it is read as `to`, with a warning. */
export interface Alias {
  readonly name: string;
  readonly to: string;
  /** How the old value becomes the new one: as it is, as the only item of a list, or a boolean as a DDNS mode. */
  readonly convert: 'same' | 'wrap' | 'conflict-resolution';
  readonly doc: string;
}

/** One kind of map. */
export interface Scope {
  /** How messages and the reference call it. */
  readonly title: string;
  readonly parameters: readonly Parameter[];
  readonly aliases?: readonly Alias[];
  /** True if `user-context` and `comment` may stand here. */
  readonly context: boolean;
  /** True if any other member is taken and passed on. */
  readonly open?: boolean;
}

/** Names of scopes: Kea's keyword of the map, or of the list whose items it describes. */
export type ScopeName =
  | AccessScope
  | AgentScope
  | DdnsScope
  | GlobalScope
  | GuardScope
  | HaScope
  | HookScope
  | HostScope
  | NetworkScope
  | OmapiScope
  | ServiceScope
  | StorageScope;

/** The whole table. */
export const SCHEMA: Readonly<Record<ScopeName, Scope>> = {
  ...GLOBAL_SCOPES,
  ...NETWORK_SCOPES,
  ...STORAGE_SCOPES,
  ...SERVICE_SCOPES,
  ...DDNS_SCOPES,
  ...HOOK_SCOPES,
  ...HA_SCOPES,
  ...OMAPI_SCOPES,
  ...AGENT_SCOPES,
  ...HOST_SCOPES,
  ...ACCESS_SCOPES,
  ...GUARD_SCOPES,
};

const INDEX: ReadonlyMap<ScopeName, ReadonlyMap<string, Parameter>> = new Map(
  (Object.keys(SCHEMA) as ScopeName[]).map((scope) => [
    scope,
    new Map(SCHEMA[scope].parameters.map((parameter) => [parameter.name, parameter])),
  ]),
);

/** The row of a parameter in a scope, undefined if it has none. */
export function findParameter(scope: ScopeName, name: string): Parameter | undefined {
  return INDEX.get(scope)!.get(name);
}

/** Rows of a scope that have a default, as members of a map. */
export function defaultsOf(scope: ScopeName): readonly (readonly [string, Json])[] {
  return SCHEMA[scope].parameters.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
}
