/** Makes the faults of a plan happen. */

import { otherSide, type Side } from 'lessor/internal/domain/pair/version.js';
import { CommandError, StoreError } from 'lessor/internal/errors.js';
import type { History } from './history.js';
import type { SimNetwork } from './network.js';
import type { SimNode } from './node.js';
import type { Fault, Loss, Plan } from './plan.js';
import type { Membership, Seat, ServerNumber } from './topology.js';
import type { World } from './world.js';

/** What goes with a process that ends, and of which relation that was said. */
interface Ending {
  readonly seat: Seat;
  readonly forMs: number;
  readonly lost: Loss;
  readonly oneFile: boolean;
}

/** See the head of this file. */
export class FaultInjector {
  /** By relation: this server has served alone, and its partner has not been back in normal operation since. */
  readonly #wentAlone: readonly [boolean, boolean][];
  #healed = false;
  readonly #pending = new Map<ServerNumber, Ending>();

  /** @param seats of each relation */
  constructor(
    private readonly plan: Plan,
    private readonly world: World,
    private readonly networks: readonly SimNetwork[],
    private readonly seats: readonly (readonly [Seat, Seat])[],
    private readonly nodes: readonly SimNode[],
    private readonly history: History,
  ) {
    this.#wentAlone = seats.map(() => [false, false]);
  }

  schedule(): void {
    for (const fault of this.plan.faults) this.world.after(fault.at, () => this.#begin(fault));
  }

  /** Everything works again, and whoever is down is started. */
  heal(): void {
    this.#healed = true;
    this.#say('healed');
    for (const network of this.networks) network.heal();
    for (const node of this.nodes) {
      node.disk.failing = false;
      node.disk.flushMs = this.plan.settings.flushMs;
      node.drift = 'none';
      node.planned = undefined;
      node.thaw();
      if (node.process === undefined) node.start();
    }
  }

  /** A process ended at a step that was planned, or could not be started. */
  ended(server: ServerNumber): void {
    const pending = this.#pending.get(server);
    this.#say(`server ${server} ended at a planned step`);
    this.#pending.delete(server);
    if (pending !== undefined) this.#lose(pending);
    this.#restartAfter(this.nodes[server]!, pending?.forMs ?? 1000);
  }

  /** A server came into another state. */
  stepped({ relation, side }: Membership, to: string): void {
    const wentAlone = this.#wentAlone[relation]!;
    if (to === 'partner-down') wentAlone[side] = true;
    if (to === 'normal') wentAlone[otherSide(side)] = false;
  }

  #say(text: string): void {
    this.history.note(this.world.now, () => `--- ${text}`, 7);
  }

  #later(forMs: number, run: () => void): void {
    this.world.after(forMs, () => {
      if (!this.#healed) run();
    });
  }

  #restartAfter(node: SimNode, forMs: number): void {
    this.#later(forMs, () => {
      if (node.process !== undefined) return;
      this.#say(`server ${node.number} starts`);
      node.start();
    });
  }

  #lose({ seat, lost, oneFile }: Ending): void {
    if (lost === 'nothing') return;
    const { disk, number } = seat.node;
    const all = this.#seatsOf(seat.node);
    const files = oneFile ? [seat] : all;
    // The leases are those of all its relations.
    const affected = lost === 'pair file' ? files : all;
    if (!affected.every((one) => this.#mayLose(one))) return;
    const which = files.length < all.length && lost !== 'leases' ? ` of relation ${seat.relation}` : '';
    this.#say(`server ${number} loses ${lost}${which}`);
    if (lost !== 'pair file') disk.leases = undefined;
    if (lost !== 'leases') for (const { relation } of files) disk.pairFiles[relation] = undefined;
    if (lost === 'pair file') disk.leases ??= new Map();
    for (const { relation, side } of affected) {
      disk.lives[relation]!++;
      this.history.pairs[relation]!.losses.push({ at: this.world.now, side });
    }
  }

  #seatsOf(node: SimNode): Seat[] {
    return this.seats.flat().filter((seat) => seat.node === node);
  }

  #begin(fault: Fault): void {
    if (this.#healed) return;
    const { relation = 0, oneFile = false } = fault;
    const network = this.networks[relation]!;
    // The other side of a wire is no side of its own.
    const seat = this.seats[relation]!['side' in fault ? fault.side : 0];
    const { node } = seat;
    this.#say(JSON.stringify(fault));
    switch (fault.kind) {
      case 'crash': {
        if (node.process === undefined) return;
        node.crash();
        this.#lose({ seat, forMs: fault.forMs, lost: fault.lost, oneFile });
        this.#restartAfter(node, fault.forMs);
        return;
      }
      case 'crash-at':
        this.#pending.set(node.number, { seat, forMs: fault.forMs, lost: fault.lost, oneFile });
        node.planned = { step: fault.step, nth: fault.nth };
        return;
      case 'stop': {
        if (node.process === undefined || node.frozen) return;
        void node.stop().then(() => {
          // It was frozen in its last breath, and is started like all that are down when it is healed.
          if (!this.#healed) this.#restartAfter(node, fault.forMs);
          else if (node.process === undefined) node.start();
        });
        return;
      }
      case 'freeze':
        node.freeze();
        this.#later(fault.forMs, () => node.thaw());
        return;
      case 'peer-cut': {
        const sides: readonly Side[] = fault.from === 'both' ? [0, 1] : [fault.from];
        for (const side of sides) network.cutPeer(side, 1);
        this.#later(fault.forMs, () => {
          for (const side of sides) network.cutPeer(side, -1);
        });
        return;
      }
      case 'peer-loss':
        this.#later(fault.forMs, network.losePeer(fault.chance));
        return;
      case 'peer-slow':
        this.#later(fault.forMs, network.slowPeer(fault.delayMs));
        return;
      case 'segment-cut': {
        const ways = fault.way === 'both' ? (['in', 'out'] as const) : [fault.way];
        for (const way of ways) network.cutSegment(fault.segment, fault.side, way, 1);
        this.#later(fault.forMs, () => {
          for (const way of ways) network.cutSegment(fault.segment, fault.side, way, -1);
        });
        return;
      }
      case 'client-loss':
        this.#later(fault.forMs, network.loseClients(fault.chance));
        return;
      case 'disk-full':
        node.disk.failing = true;
        this.#later(fault.forMs, () => {
          node.disk.failing = false;
        });
        return;
      case 'disk-slow':
        node.disk.flushMs = fault.flushMs;
        this.#later(fault.forMs, () => {
          node.disk.flushMs = this.plan.settings.flushMs;
        });
        return;
      case 'clock-jump':
        // That a clock was set while the server did not run nobody can know (docs/design-ha.md).
        if (node.process === undefined || node.frozen) return;
        node.setOffset(node.offsetMs + fault.bySec * 1000);
        node.noticeClock();
        return;
      case 'drift':
        node.drift = fault.space ? 'space' : 'configuration';
        this.#later(fault.forMs, () => {
          node.drift = 'none';
        });
        return;
      case 'partner-down':
        this.#operator(seat, fault.honest, 'partner-down');
        return;
      case 'continue':
        this.#operator(seat, fault.honest, 'continue');
        return;
    }
  }

  /** Both databases lost is another matter (docs/design-ha.md): one is left. */
  #mayLose({ relation, side }: Seat): boolean {
    const other = otherSide(side);
    // Who serves alone has the only copy.
    return !this.#wentAlone[relation]![side] && !this.#lostBy(relation, other);
  }

  #lostBy(relation: number, side: Side): boolean {
    return this.history.pairs[relation]!.losses.some((loss) => loss.side === side);
  }

  #operator({ node, relation, side }: Seat, honest: boolean, word: 'partner-down' | 'continue'): void {
    const pair = node.process?.halves.get(relation)?.pair;
    const other = this.seats[relation]![otherSide(side)].node;
    if (pair === undefined || node.frozen) return;
    // A process that stands still is as good as dead to an operator; that it wakes up again is what freeze detection is for.
    const there = other.process !== undefined && !other.frozen;
    // Whoever lost its database, or was left behind, has not got what it would have to serve with: an operator has to know.
    const stale = this.#wentAlone[relation]![otherSide(side)] || this.#lostBy(relation, side);
    const before = pair.status.state;
    const untrue = there || (stale && (word === 'continue' || before === 'starting'));
    if (honest && untrue) return;
    node.guard(() => {
      try {
        if (word === 'partner-down') pair.partnerIsDown();
        else pair.continueAlone();
      } catch (error) {
        if (!(error instanceof CommandError || error instanceof StoreError)) throw error;
      }
    });
    const after = node.process?.halves.get(relation)?.pair.status.state;
    if (before === after) return;
    this.#say(`operator: ${word} to server ${node.number}: ${before} -> ${String(after)}`);
    if (untrue) this.history.pairs[relation]!.untruths.push(this.world.now);
  }
}
