/** Runs a plan: builds the world, lets the faults happen, heals it, and hands what happened to the checker. */

import type { Side } from 'lessor/internal/domain/pair/version.js';
import { checkFinally, checkHistory, type FinalState, type Violation } from './checker.js';
import { type ClientSurroundings, SimClient, short } from './client.js';
import { snapshotOf } from './config.js';
import { Crash } from './disk.js';
import { watchEquality } from './equality.js';
import { FaultInjector } from './faults.js';
import { History } from './history.js';
import { understand } from './message.js';
import { intact, type Mutation } from './mutations.js';
import { SimNetwork } from './network.js';
import { type NodeHooks, SimNode } from './node.js';
import { endOfPlan, HEALED_MS, type Plan } from './plan.js';
import { SimRandom, World } from './world.js';

/** How a run is made. */
export interface RunOptions {
  readonly mutation?: Mutation;
  readonly trace?: boolean;
}

/** What came of it. */
export interface Outcome {
  readonly plan: Plan;
  readonly history: History;
  readonly violations: readonly Violation[];
  readonly simulatedMs: number;
}

/** Clients are 192.0.x.y; where their broadcasts come from. */
const NOBODY = 0;
const EVERYBODY = 0xffffffff;
/** How long the two may take to become equal when all is quiet. */
const CONVERGENCE_MS = 20_000;

/** See the head of this file. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Outcome> {
  const rejected: unknown[] = [];
  // What a server leaves unhandled ends a real process.
  const unhandled = (error: unknown): void => {
    if (!(error instanceof Crash)) rejected.push(error);
  };
  // A test runner would take what a simulated process leaves behind for its own.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', unhandled);
  try {
    return await run(plan, options, rejected);
  } finally {
    process.off('unhandledRejection', unhandled);
    for (const listener of others) process.on('unhandledRejection', listener);
  }
}

async function run(plan: Plan, options: RunOptions, rejected: readonly unknown[]): Promise<Outcome> {
  const random = new SimRandom(plan.seed ^ 0x2545f491);
  const world = new World(random);
  const history = new History(options.trace === true);
  const network = new SimNetwork(world, new SimRandom(plan.seed ^ 0x68bc21eb));
  const snapshot = snapshotOf(plan.settings);
  const clients: SimClient[] = [];
  const byId = new Map<number, SimClient>();
  const address = (side: Side): number => 0xc0000201 + side;

  const hooks: NodeHooks = {
    call: (from, command, args, timeoutMs) => network.call(from, command, args, timeoutMs),
    replied(from, replies) {
      for (const { octets } of replies) {
        const reply = understand(octets);
        const client = byId.get(reply.client);
        if (client !== undefined) network.toClient(client.plan.segment, from, () => client.receive(reply, from));
      }
    },
    alarm(from, alarm) {
      history.note(world.now, () => `server ${from} alarm ${JSON.stringify(alarm)}`, 3);
      if (alarm.kind === 'state') {
        history.states.push({ at: world.now, side: from, to: alarm.to });
        faults.stepped(from, alarm.to);
      }
      if (alarm.kind !== 'dropped-binding') return;
      history.alarms.push({ at: world.now, side: from, address: alarm.address, dropped: alarm.dropped.dropped });
    },
    said: (from, text) => history.note(world.now, () => `server ${from} says ${text}`, 5),
    defect: (from, text) => history.defects.push(`server ${from}: ${text}`),
    stored: (from) => {
      const { life } = nodes[from].disk;
      return (at, _before, after) => {
        history.note(
          world.now,
          () =>
            `server ${from} stores ${short(at)} ${after === undefined ? 'nothing' : `state ${after.state} end +${after.clttSec + after.validLifetimeSec - Math.floor((world.epochMs + world.now) / 1000)} ${Buffer.from(after.hwAddress, 'latin1').toString('hex').slice(-4)} ${after.userContext}`}`,
          after?.clttSec ?? 1,
        );
        history.stored.push({ at: world.now, side: from, life, address: at, after });
      };
    },
    ended: (from) => faults.ended(from),
  };
  const make = (side: Side): SimNode => {
    const node = new SimNode(side, world, snapshot, plan.settings, hooks, options.mutation ?? intact, plan.seed);
    node.disk.flushMs = plan.settings.flushMs;
    node.setOffset(plan.settings.skewSec[side] * 1000);
    return node;
  };
  const nodes = [make(0), make(1)] as const;
  network.nodes = nodes;
  const faults = new FaultInjector(plan, world, network, nodes, history);

  const around: ClientSurroundings = {
    world,
    history,
    send({ segment, relayed }, octets, to) {
      const sides: readonly Side[] = to === undefined ? [0, 1] : [to];
      for (const side of sides) {
        const source = relayed && to === undefined ? 0xc00002fe : NOBODY;
        const destination = to === undefined && !relayed ? EVERYBODY : address(side);
        network.toServer(segment, side, octets, source, destination);
      }
    },
  };
  for (const each of plan.clients) {
    const client = new SimClient(each, plan.seed, around);
    clients.push(client);
    byId.set(each.id, client);
    client.start();
  }
  for (const node of nodes) node.start();
  faults.schedule();
  watchEquality(world, nodes, history);

  await world.runUntil(plan.healAtMs);
  faults.heal();
  await world.runUntil(plan.healAtMs + HEALED_MS / 2);
  for (const client of clients) client.wake();
  await world.runUntil(plan.healAtMs + HEALED_MS);
  for (const client of clients) client.silence();
  let end = endOfPlan(plan);
  await world.runUntil(end);
  const limit = end + CONVERGENCE_MS;
  const state = (): FinalState => ({ now: world.now, epochMs: world.epochMs, nodes, clients });
  let last = checkFinally(plan, history, state());
  while (last.length > 0 && end < limit) {
    end += 2000;
    await world.runUntil(end);
    last = checkFinally(plan, history, state());
  }
  for (const error of rejected)
    history.defects.push(`unhandled: ${error instanceof Error ? error.stack : String(error)}`);
  const violations = [...checkHistory(plan, history, world.now), ...last];
  for (const node of nodes) node.crash();
  return { plan, history, violations, simulatedMs: end };
}
