/** The classes one packet is in. */

/** Below so many names a walk over the list is quicker than hashing. */
const SMALL = 8;

/** Names of the classes of one packet, in the order they were added: that order decides whose options win. */
export class ClassSet implements Iterable<string> {
  private readonly list: string[] = [];
  private index: Set<string> | undefined;
  private cachedKey: string | undefined;

  /** Names in order of addition. Do not change it. */
  get names(): readonly string[] {
    return this.list;
  }

  get size(): number {
    return this.list.length;
  }

  has(name: string): boolean {
    return this.index === undefined ? this.list.includes(name) : this.index.has(name);
  }

  /** True if one of `names` is in the set; an empty list of guards lets everything through, as Kea's do. */
  satisfies(guards: readonly string[]): boolean {
    if (guards.length === 0) return true;
    for (const guard of guards) if (this.has(guard)) return true;
    return false;
  }

  /** Adds a name; one that is there keeps its place. */
  add(name: string): void {
    if (this.has(name)) return;
    this.list.push(name);
    this.cachedKey = undefined;
    if (this.index !== undefined) this.index.add(name);
    else if (this.list.length > SMALL) this.index = new Set(this.list);
  }

  delete(name: string): void {
    const place = this.list.indexOf(name);
    if (place < 0) return;
    this.list.splice(place, 1);
    this.index?.delete(name);
    this.cachedKey = undefined;
  }

  /**
   * The same for two sets of the same names in the same order, and for no others, so a cache may use it. Names made
   * from what a client sent have no line feed (see escapeClassName); a configured name that has one is its
   * operator's own doing.
   */
  get key(): string {
    this.cachedKey ??= this.list.join('\n');
    return this.cachedKey;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.list.values();
  }
}
