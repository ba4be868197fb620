/** Runs a plan: builds the world, lets the faults happen, heals it, and hands what happened to the checker. */

import type { Side } from 'lessor/internal/domain/pair/version.js';
import { checkFinally, checkHistory, type FinalState, type Violation } from './checker.js';
import { type ClientSurroundings, SimClient, short } from './client.js';
import { addressIn, RELAY_HOST, relationOf, SERVER_HOSTS, snapshotOf } from './config.js';
import { Crash } from './disk.js';
import { watchEquality } from './equality.js';
import { FaultInjector } from './faults.js';
import { History } from './history.js';
import { understand } from './message.js';
import { intact, type Mutation } from './mutations.js';
import { SimNetwork } from './network.js';
import { type NodeHooks, SimNode } from './node.js';
import { endOfPlan, HEALED_MS, type Plan } from './plan.js';
import { type Membership, membershipsOf, PAIR, Seat, type ServerNumber, serversOf } from './topology.js';
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

/** Where broadcasts of clients come from, and go to. */
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
  const { relations = PAIR } = plan;
  const history = new History(options.trace === true, relations.length);
  const networks = relations.map((_, i) => new SimNetwork(world, new SimRandom(plan.seed ^ (0x68bc21eb + i))));
  const clients: SimClient[] = [];
  /** By relation and id. */
  const byName = new Map<string, SimClient>();

  const hooks: NodeHooks = {
    call: ({ relation, side }, command, args, timeoutMs) => networks[relation]!.call(side, command, args, timeoutMs),
    replied(from, replies) {
      for (const {
        octets,
        interface: { address },
      } of replies) {
        const reply = understand(octets);
        const relation = relationOf(address);
        const client = byName.get(`${relation} ${reply.client}`);
        const { side } = seatOf(from, relation)!;
        if (client !== undefined) {
          networks[relation]!.toClient(client.plan.segment, side, () => client.receive(reply, side));
        }
      }
    },
    alarm(from, alarm) {
      const pair = history.pairs[from.relation]!;
      history.note(world.now, () => `server ${nameOf(from)} alarm ${JSON.stringify(alarm)}`, 3);
      if (alarm.kind === 'state') {
        pair.states.push({ at: world.now, side: from.side, to: alarm.to });
        faults.stepped(from, alarm.to);
      }
      if (alarm.kind !== 'dropped-binding') return;
      pair.alarms.push({ at: world.now, side: from.side, address: alarm.address, dropped: alarm.dropped.dropped });
    },
    said: (from, text) => history.note(world.now, () => `server ${from} says ${text}`, 5),
    defect: (from, text) => history.defects.push(`server ${from}: ${text}`),
    stored: (from) => {
      const lives = [...nodes[from]!.disk.lives];
      return (at, _before, after) => {
        history.note(
          world.now,
          () =>
            `server ${from} stores ${short(at)} ${after === undefined ? 'nothing' : `state ${after.state} end +${after.clttSec + after.validLifetimeSec - Math.floor((world.epochMs + world.now) / 1000)} ${Buffer.from(after.hwAddress, 'latin1').toString('hex').slice(-4)} ${after.userContext}`}`,
          after?.clttSec ?? 1,
        );
        const seat = seatOf(from, relationOf(at));
        if (seat === undefined)
          history.defects.push(`server ${from} stores ${short(at)}, which is of no relation of it`);
        else {
          const { side, relation } = seat;
          history.pairs[relation]!.stored.push({ at: world.now, side, life: lives[relation]!, address: at, after });
        }
      };
    },
    ended: (from) => faults.ended(from),
  };
  const nodes = serversOf(relations).map((number): SimNode => {
    const memberships = membershipsOf(number, relations);
    const snapshot = snapshotOf(
      plan.settings,
      memberships.map(({ relation }) => relation),
    );
    const { mutation = intact } = options;
    const node = new SimNode(number, memberships, world, snapshot, plan.settings, hooks, mutation, plan.seed);
    node.disk.flushMs = plan.settings.flushMs;
    node.setOffset((plan.settings.skewSec[number] ?? 0) * 1000);
    return node;
  });
  const seats = relations.map(
    ([a, b], relation) => [new Seat(nodes[a]!, relation, 0), new Seat(nodes[b]!, relation, 1)] as const,
  );
  const seatOf = (server: ServerNumber, relation: number): Seat | undefined =>
    seats[relation]?.find(({ node }) => node.number === server);
  const nameOf = ({ relation, side }: Membership): string =>
    `${relations[relation]![side]}${relations.length > 1 ? ` (relation ${relation})` : ''}`;
  for (const [i, network] of networks.entries()) network.seats = seats[i]!;
  const faults = new FaultInjector(plan, world, networks, seats, nodes, history);

  const around: ClientSurroundings = {
    world,
    history,
    send({ segment, relayed, relation = 0 }, octets, to) {
      const sides: readonly Side[] = to === undefined ? [0, 1] : [to];
      for (const side of sides) {
        const source = relayed && to === undefined ? addressIn(relation, RELAY_HOST) : NOBODY;
        const destination = to === undefined && !relayed ? EVERYBODY : addressIn(relation, SERVER_HOSTS[side]);
        networks[relation]!.toServer(segment, side, octets, source, destination);
      }
    },
  };
  for (const each of plan.clients) {
    const client = new SimClient(each, plan.seed, around);
    clients.push(client);
    byName.set(`${each.relation ?? 0} ${each.id}`, client);
    client.start();
  }
  for (const node of nodes) node.start();
  faults.schedule();
  for (const [i, both] of seats.entries()) watchEquality(world, both, history.pairs[i]!);

  await world.runUntil(plan.healAtMs);
  faults.heal();
  await world.runUntil(plan.healAtMs + HEALED_MS / 2);
  for (const client of clients) client.wake();
  await world.runUntil(plan.healAtMs + HEALED_MS);
  for (const client of clients) client.silence();
  let end = endOfPlan(plan);
  await world.runUntil(end);
  const limit = end + CONVERGENCE_MS;
  /** A plan for each relation, with its clients. */
  const parts = relations.map((_, i) => ({
    ...plan,
    clients: plan.clients.filter(({ relation = 0 }) => relation === i),
  }));
  // The checker knows servers by their sides.
  const inRelation = (i: number, found: readonly Violation[]): readonly Violation[] => {
    const where = relations.length > 1 ? `in relation ${i} (servers ${relations[i]!.join(' and ')}): ` : '';
    return found.map((one) => ({ ...one, text: where + one.text }));
  };
  const look = (): Violation[] =>
    seats.flatMap((both, i) => {
      const own = clients.filter(({ plan: { relation = 0 } }) => relation === i);
      const final: FinalState = { now: world.now, epochMs: world.epochMs, seats: both, clients: own };
      return inRelation(i, checkFinally(parts[i]!, history.pairs[i]!, final));
    });
  let last = look();
  while (last.length > 0 && end < limit) {
    end += 2000;
    await world.runUntil(end);
    last = look();
  }
  for (const error of rejected)
    history.defects.push(`unhandled: ${error instanceof Error ? error.stack : String(error)}`);
  const violations = [
    ...history.defects.slice(0, 3).map((text): Violation => ({ invariant: 'defect', at: world.now, text })),
    ...parts.flatMap((part, i) => inRelation(i, checkHistory(part, history.pairs[i]!))),
    ...last,
  ];
  for (const node of nodes) node.crash();
  return { plan, history, violations, simulatedMs: end };
}
