/** A map of the configuration that has been checked against the table: typed access to its members. */

import type { Json, JsonMap } from '../domain/snapshot.js';
import { assert, type SourcePosition } from '../errors.js';
import { memberPath, positionOf, type TextPosition } from './issues.js';
import { findParameter, type Parameter, type ParameterType, type ScopeName } from './schema.js';
import type { MapNode } from './tree.js';

/** A string and where it stands. */
export interface PositionedText {
  readonly text: string;
  readonly position: SourcePosition;
}

/** A checked member: its value in the form of its type. */
export interface CheckedMember {
  readonly at: TextPosition;
  readonly value: boolean | number | string | Json | Section | readonly Section[] | readonly PositionedText[];
  /** The map itself, for free maps that somebody else checks (parameters of hooks). */
  readonly node?: MapNode;
}

/**
 * A checked map. Members whose value was wrong have been reported and are absent, so that whoever builds from it
 * can go on and find more.
 */
export class Section {
  constructor(
    readonly scope: ScopeName,
    private readonly mapAt: TextPosition,
    readonly path: string,
    private readonly members: ReadonlyMap<string, CheckedMember>,
    /** `user-context` with `comment` put into it. */
    readonly userContext: JsonMap | undefined,
    /** Members of an open scope that the table does not have. */
    readonly others: readonly (readonly [string, Json])[],
    /** Names that were given, also those whose value was wrong. */
    private readonly given: ReadonlySet<string>,
    /** `user-context` as it was written, with the positions in it; undefined if it is no map. */
    readonly userContextNode?: MapNode,
  ) {}

  /** Where the map begins. */
  get position(): SourcePosition {
    return positionOf(this.mapAt, this.path);
  }

  /** True if the member was given and its value is usable. */
  has(name: string): boolean {
    return this.members.has(name);
  }

  /** True if the member was given, usable or not. */
  mentions(name: string): boolean {
    return this.given.has(name);
  }

  /** Where the member's value stands; where the map begins if it is absent. */
  positionOf(name: string): SourcePosition {
    return positionOf(this.members.get(name)?.at ?? this.mapAt, memberPath(this.path, name));
  }

  /** The member's value as plain JSON, for scalar members. */
  scalar(name: string): boolean | number | string | undefined {
    const value = this.members.get(name)?.value;
    return typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string' ? value : undefined;
  }

  integer(name: string): number | undefined {
    return this.get(name, 'integer') as number | undefined;
  }

  real(name: string): number | undefined {
    return this.get(name, 'real') as number | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.get(name, 'boolean') as boolean | undefined;
  }

  string(name: string): string | undefined {
    return this.get(name, 'string') as string | undefined;
  }

  /** The items of a list of strings; none if it is absent. */
  strings(name: string): readonly PositionedText[] {
    return (this.get(name, 'strings') as readonly PositionedText[] | undefined) ?? [];
  }

  section(name: string): Section | undefined {
    return this.get(name, 'map') as Section | undefined;
  }

  /** The items of a list of maps; none if it is absent. */
  sections(name: string): readonly Section[] {
    return (this.get(name, 'maps') as readonly Section[] | undefined) ?? [];
  }

  json(name: string): JsonMap | undefined {
    return this.get(name, 'json') as JsonMap | undefined;
  }

  /** A free map with the positions in it. */
  node(name: string): MapNode | undefined {
    return this.members.get(name)?.node;
  }

  /** The value of a member that has a default in the table. */
  or<T extends boolean | number | string>(name: string): T {
    const parameter = this.parameter(name);
    assert(parameter.default !== undefined, `${this.scope} parameter ${name} has no default`);
    return (this.members.get(name)?.value ?? parameter.default) as T;
  }

  private get(name: string, type: ParameterType): CheckedMember['value'] | undefined {
    assert(this.parameter(name).type === type, `${this.scope} parameter ${name} is no ${type}`);
    return this.members.get(name)?.value;
  }

  private parameter(name: string): Parameter {
    const parameter = findParameter(this.scope, name);
    assert(parameter !== undefined, `no parameter ${name} in ${this.scope}`);
    return parameter;
  }
}

/** A section without members, for a map that was not given: its `or` answers with defaults. */
export function emptySection(scope: ScopeName, parent: Section): Section {
  const { position } = parent;
  return new Section(scope, position, memberPath(parent.path, scope), new Map(), undefined, [], new Set());
}
