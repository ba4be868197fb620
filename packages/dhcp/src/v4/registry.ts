/** Finding definitions by space and code or name. */

import type { OptionDefinition } from '../definition.js';
import { STANDARD_OPTIONS } from './options.js';

/** One option space, indexed. */
interface Space {
  readonly byCode: ReadonlyMap<number, OptionDefinition>;
  readonly byName: ReadonlyMap<string, OptionDefinition>;
}

const NO_SPACE: Space = { byCode: new Map(), byName: new Map() };

/** A space of definitions; a later one replaces those of the same code or name. */
function indexed(definitions: readonly OptionDefinition[]): Space {
  const byCode = new Map<number, OptionDefinition>();
  const byName = new Map<string, OptionDefinition>();
  for (const definition of definitions) {
    const sameCode = byCode.get(definition.code);
    if (sameCode !== undefined) byName.delete(sameCode.name);
    const sameName = byName.get(definition.name);
    if (sameName !== undefined) byCode.delete(sameName.code);
    byCode.set(definition.code, definition);
    byName.set(definition.name, definition);
  }
  return { byCode, byName };
}

/** An immutable set of option definitions: the standard ones, and those a configuration adds. */
export class OptionRegistry {
  private static readonly standardRegistry = new OptionRegistry(new Map()).with(STANDARD_OPTIONS);

  private constructor(private readonly bySpace: ReadonlyMap<string, Space>) {}

  /** The registry of {@link STANDARD_OPTIONS}, one for all callers. */
  static standard(): OptionRegistry {
    return OptionRegistry.standardRegistry;
  }

  /** A new registry that holds these too. Of two with one code or one name in a space, the later stays. */
  with(definitions: readonly OptionDefinition[]): OptionRegistry {
    const bySpace = new Map(this.bySpace);
    for (const space of new Set(definitions.map((definition) => definition.space))) {
      bySpace.set(space, indexed([...this.all(space), ...definitions.filter((added) => added.space === space)]));
    }
    return new OptionRegistry(bySpace);
  }

  /** The definition of a code, or undefined. */
  find(space: string, code: number): OptionDefinition | undefined {
    return this.bySpace.get(space)?.byCode.get(code);
  }

  /** The definition of a name, or undefined. */
  findByName(space: string, name: string): OptionDefinition | undefined {
    return this.bySpace.get(space)?.byName.get(name);
  }

  /** Names of the spaces that have definitions. */
  spaces(): string[] {
    return [...this.bySpace.keys()];
  }

  /** Definitions of a space, in the order they came in; none for an unknown space. */
  all(space: string): readonly OptionDefinition[] {
    return [...(this.bySpace.get(space) ?? NO_SPACE).byCode.values()];
  }
}
