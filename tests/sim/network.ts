/**
 * The wires of a relation: between its two servers, and from each segment of its clients to each of them. They fail one by
 * one.
 */

import { otherSide, type Side } from 'lessor/internal/domain/pair/version.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import type { Segment } from './plan.js';
import type { Seat } from './topology.js';
import type { SimRandom, World } from './world.js';

/** How much of each fault is in force; several may overlap, so they are counted. */
class Cuts {
  readonly #count = new Map<string, number>();
  change(key: string, by: 1 | -1): void {
    this.#count.set(key, (this.#count.get(key) ?? 0) + by);
  }
  has(key: string): boolean {
    return (this.#count.get(key) ?? 0) > 0;
  }
  clear(): void {
    this.#count.clear();
  }
}

/** See the head of this file. */
export class SimNetwork {
  readonly #cuts = new Cuts();
  readonly #peerLoss: number[] = [];
  readonly #peerDelay: number[] = [];
  readonly #clientLoss: number[] = [];
  seats!: readonly [Seat, Seat];

  constructor(
    private readonly world: World,
    private readonly random: SimRandom,
  ) {}

  cutPeer(from: Side, by: 1 | -1): void {
    this.#cuts.change(`peer ${from}`, by);
  }

  cutSegment(segment: Segment, side: Side, way: 'in' | 'out', by: 1 | -1): void {
    this.#cuts.change(`${segment} ${side} ${way}`, by);
  }

  losePeer(chance: number): () => void {
    return addTo(this.#peerLoss, chance);
  }

  slowPeer(delayMs: number): () => void {
    return addTo(this.#peerDelay, delayMs);
  }

  loseClients(chance: number): () => void {
    return addTo(this.#clientLoss, chance);
  }

  /** Everything works again. */
  heal(): void {
    this.#cuts.clear();
    for (const list of [this.#peerLoss, this.#peerDelay, this.#clientLoss]) list.length = 0;
  }

  /** A command from one server to the other. */
  call(from: Side, command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap> {
    const to = otherSide(from);
    const { node: caller } = this.seats[from];
    const { node: other, relation } = this.seats[to];
    const deliver = caller.deliverFor(caller.incarnation);
    return new Promise((resolve, reject) => {
      let done = false;
      const finish = (act: () => void): void =>
        deliver(() => {
          if (done) return;
          done = true;
          cancel();
          act();
        });
      const cancel = this.world.after(timeoutMs, () => finish(() => reject(new Error('no answer'))));
      this.#peer(from, () => {
        if (other.process === undefined) {
          this.#peer(to, () => finish(() => reject(new Error('connection refused'))));
          return;
        }
        other.answer(relation, command, args, (answer) => {
          this.#peer(to, () => finish(() => (answer instanceof Error ? reject(answer) : resolve(answer))));
        });
      });
    });
  }

  #peer(from: Side, arrive: () => void): void {
    const { random } = this;
    const delay = 1 + random.below(4) + sum(this.#peerDelay);
    if (random.chance(most(this.#peerLoss))) return;
    const travel = (extra: number): void => {
      this.world.after(delay + extra, () => {
        if (!this.#cuts.has(`peer ${from}`)) arrive();
      });
    };
    if (this.#cuts.has(`peer ${from}`)) return;
    travel(0);
    // Somebody repeats it: soon, or when nothing else remembers it any more.
    if (random.chance(0.01)) travel(random.below(random.chance(0.5) ? 12_000 : 90_000));
  }

  /** From a client to a server. */
  toServer(segment: Segment, side: Side, octets: Buffer, source: number, destination: number): void {
    this.#client(`${segment} ${side} in`, () => {
      const { node, relation } = this.seats[side];
      if (node.process !== undefined) node.receive(relation, octets, source, destination);
    });
  }

  /** From a server to a client. */
  toClient(segment: Segment, side: Side, arrive: () => void): void {
    this.#client(`${segment} ${side} out`, arrive);
  }

  #client(cut: string, arrive: () => void): void {
    const { random } = this;
    const lost = random.chance(Math.max(0.003, most(this.#clientLoss)));
    const delay = 1 + random.below(random.chance(0.02) ? 900 : 10);
    const twice = random.chance(0.01);
    if (lost || this.#cuts.has(cut)) return;
    this.world.after(delay, arrive);
    if (twice) this.world.after(delay + random.below(600), arrive);
  }
}

function addTo(list: number[], value: number): () => void {
  list.push(value);
  return () => {
    const at = list.indexOf(value);
    if (at >= 0) list.splice(at, 1);
  };
}

function sum(list: readonly number[]): number {
  return list.reduce((total, value) => total + value, 0);
}

function most(list: readonly number[]): number {
  return list.reduce((highest, value) => Math.max(highest, value), 0);
}
