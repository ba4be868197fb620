/** Makes the faults of a plan happen. */

import { otherSide, type Side } from 'lessor/internal/domain/pair/version.js';
import { CommandError, StoreError } from 'lessor/internal/errors.js';
import type { History } from './history.js';
import type { SimNetwork } from './network.js';
import type { SimNode } from './node.js';
import type { Fault, Loss, Plan } from './plan.js';
import type { World } from './world.js';

/** See the head of this file. */
export class FaultInjector {
  /** This server has served alone, and its partner has not been back in normal operation since. */
  readonly #wentAlone: [boolean, boolean] = [false, false];
  #healed = false;
  #pending: ({ readonly forMs: number; readonly lost: Loss } | undefined)[] = [undefined, undefined];

  constructor(
    private readonly plan: Plan,
    private readonly world: World,
    private readonly network: SimNetwork,
    private readonly nodes: readonly [SimNode, SimNode],
    private readonly history: History,
  ) {}

  schedule(): void {
    for (const fault of this.plan.faults) this.world.after(fault.at, () => this.#begin(fault));
  }

  /** Everything works again, and whoever is down is started. */
  heal(): void {
    this.#healed = true;
    this.#say('healed');
    this.network.heal();
    for (const node of this.nodes) {
      node.disk.failing = false;
      node.disk.flushMs = this.plan.settings.flushMs;
      node.drift = 'none';
      node.planned = undefined;
      node.thaw();
      if (node.process === undefined) node.start();
    }
  }

  /** A process ended at a step that was planned. */
  ended(side: Side): void {
    const pending = this.#pending[side];
    this.#say(`server ${side} ended at a planned step`);
    this.#pending[side] = undefined;
    this.#lose(side, pending?.lost ?? 'nothing');
    this.#restartAfter(side, pending?.forMs ?? 1000);
  }

  /** A server came into another state. */
  stepped(side: Side, to: string): void {
    if (to === 'partner-down') this.#wentAlone[side] = true;
    if (to === 'normal') this.#wentAlone[otherSide(side)] = false;
  }

  #say(text: string): void {
    this.history.note(this.world.now, () => `--- ${text}`, 7);
  }

  #later(forMs: number, run: () => void): void {
    this.world.after(forMs, () => {
      if (!this.#healed) run();
    });
  }

  #restartAfter(side: Side, forMs: number): void {
    this.#later(forMs, () => {
      if (this.nodes[side].process !== undefined) return;
      this.#say(`server ${side} starts`);
      this.nodes[side].start();
    });
  }

  #lose(side: Side, planned: Loss): void {
    const lost = this.#mayLose(side, planned);
    if (lost === 'nothing') return;
    const { disk } = this.nodes[side];
    this.#say(`server ${side} loses ${lost}`);
    if (lost !== 'pair file') disk.leases = undefined;
    if (lost !== 'leases') disk.pairFile = undefined;
    if (lost === 'pair file') disk.leases ??= new Map();
    disk.life++;
    this.history.losses.push({ at: this.world.now, side });
  }

  #begin(fault: Fault): void {
    if (this.#healed) return;
    const { network, nodes } = this;
    this.#say(JSON.stringify(fault));
    switch (fault.kind) {
      case 'crash': {
        if (nodes[fault.side].process === undefined) return;
        nodes[fault.side].crash();
        this.#lose(fault.side, fault.lost);
        this.#restartAfter(fault.side, fault.forMs);
        return;
      }
      case 'crash-at':
        this.#pending[fault.side] = { forMs: fault.forMs, lost: fault.lost };
        nodes[fault.side].planned = { step: fault.step, nth: fault.nth };
        return;
      case 'stop': {
        if (nodes[fault.side].process === undefined || nodes[fault.side].frozen) return;
        void nodes[fault.side].stop().then(() => {
          // It was frozen in its last breath, and is started like all that are down when it is healed.
          if (!this.#healed) this.#restartAfter(fault.side, fault.forMs);
          else if (nodes[fault.side].process === undefined) nodes[fault.side].start();
        });
        return;
      }
      case 'freeze':
        nodes[fault.side].freeze();
        this.#later(fault.forMs, () => nodes[fault.side].thaw());
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
        nodes[fault.side].disk.failing = true;
        this.#later(fault.forMs, () => {
          nodes[fault.side].disk.failing = false;
        });
        return;
      case 'disk-slow':
        nodes[fault.side].disk.flushMs = fault.flushMs;
        this.#later(fault.forMs, () => {
          nodes[fault.side].disk.flushMs = this.plan.settings.flushMs;
        });
        return;
      case 'clock-jump':
        // That a clock was set while the server did not run nobody can know (docs/design-ha.md).
        if (nodes[fault.side].process === undefined || nodes[fault.side].frozen) return;
        nodes[fault.side].setOffset(nodes[fault.side].offsetMs + fault.bySec * 1000);
        nodes[fault.side].noticeClock();
        return;
      case 'drift':
        nodes[fault.side].drift = fault.space ? 'space' : 'configuration';
        this.#later(fault.forMs, () => {
          nodes[fault.side].drift = 'none';
        });
        return;
      case 'partner-down':
        this.#operator(fault.side, fault.honest, 'partner-down');
        return;
      case 'continue':
        this.#operator(fault.side, fault.honest, 'continue');
        return;
    }
  }

  /** Both databases lost is another matter (docs/design-ha.md): one is left. */
  #mayLose(side: Side, lost: Loss): Loss {
    const other = otherSide(side);
    // Who serves alone has the only copy.
    if (this.#wentAlone[side] || this.history.losses.some((loss) => loss.side === other)) return 'nothing';
    return lost;
  }

  #operator(side: Side, honest: boolean, word: 'partner-down' | 'continue'): void {
    const node = this.nodes[side];
    const other = this.nodes[otherSide(side)];
    if (node.process === undefined || node.frozen) return;
    // A process that stands still is as good as dead to an operator; that it wakes up again is what freeze detection is for.
    const there = other.process !== undefined && !other.frozen;
    // Whoever lost its database, or was left behind, has not got what it would have to serve with: an operator has to know.
    const stale = this.#wentAlone[otherSide(side)] || this.history.losses.some((loss) => loss.side === side);
    const before = node.process.pair.status.state;
    const untrue = there || (stale && (word === 'continue' || before === 'starting'));
    if (honest && untrue) return;
    node.guard(() => {
      try {
        if (word === 'partner-down') node.process!.pair.partnerIsDown();
        else node.process!.pair.continueAlone();
      } catch (error) {
        if (!(error instanceof CommandError || error instanceof StoreError)) throw error;
      }
    });
    const after = node.process?.pair.status.state;
    if (before === after) return;
    this.#say(`operator: ${word} to server ${side}: ${before} -> ${String(after)}`);
    if (untrue) this.history.untruths.push(this.world.now);
  }
}
