/** Fixed-size nodes of 32-bit words in segments: grows without copying, lives outside the garbage collector's heap. */

/** Nodes are numbered from 1; 0 means "none". A fresh node is all zero. */
export class NodePool {
  readonly #segments: Uint32Array[] = [];
  readonly #shift: number;
  readonly #mask: number;
  #free = 0;
  #last = 0;

  /**
   * @param words words of a node
   * @param segmentShift a segment holds 2^segmentShift nodes
   */
  constructor(
    private readonly words: number,
    segmentShift: number,
  ) {
    this.#shift = segmentShift;
    this.#mask = (1 << segmentShift) - 1;
  }

  /** The segment a node lies in. */
  segmentOf(node: number): Uint32Array {
    return this.#segments[node >>> this.#shift]!;
  }

  /** Index of a node's first word in its segment. */
  baseOf(node: number): number {
    return (node & this.#mask) * this.words;
  }

  /** One word of a node. */
  get(node: number, word: number): number {
    return this.#segments[node >>> this.#shift]![(node & this.#mask) * this.words + word]!;
  }

  /** Sets one word of a node. */
  set(node: number, word: number, value: number): void {
    this.#segments[node >>> this.#shift]![(node & this.#mask) * this.words + word] = value;
  }

  /** A node, all zero. */
  allocate(): number {
    const node = this.#free;
    if (node !== 0) {
      this.#free = this.get(node, 0);
      this.set(node, 0, 0);
      return node;
    }
    this.#last++;
    if (this.#last >>> this.#shift >= this.#segments.length) {
      this.#segments.push(new Uint32Array(this.words << this.#shift));
    }
    return this.#last;
  }

  /** Gives a node back. */
  release(node: number): void {
    const base = this.baseOf(node);
    this.segmentOf(node).fill(0, base, base + this.words);
    this.set(node, 0, this.#free);
    this.#free = node;
  }

  /** The highest node number ever in use: nodes 1..last may be walked. */
  get last(): number {
    return this.#last;
  }

  /** Octets taken from the system. */
  get memoryOctets(): number {
    return this.#segments.length * (this.words << this.#shift) * 4;
  }
}
