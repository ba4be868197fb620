/**
 * Other ways to make a run of a seed, each for what plain runs show seldom: more faults in less time, many clients that meet
 * each other in the queue of a slow disk, disks that are lost again and again.
 */

import { type ClientPlan, type Fault, type Plan, planOf } from './plan.js';

/** A style of {@link STYLES}. */
export type Style = 'plain' | 'dense' | 'crowd' | 'slow' | 'loss' | 'hub';

/** The table: the run of a seed in each style. */
export const STYLES: Readonly<Record<Style, (seed: number) => Plan>> = {
  plain: planOf,
  dense,
  crowd,
  slow: (seed) => {
    const plan = dense(seed);
    const [flushMs, ackDeadlineMs] = [pick([20, 60, 100, 200], seed), pick([100, 300], seed >>> 2)];
    return { ...plan, style: 'slow', settings: { ...plan.settings, flushMs, ackDeadlineMs } };
  },
  loss: (seed) => {
    const plan = dense(seed);
    const faults = plan.faults.map((fault, i): Fault => {
      return 'lost' in fault ? { ...fault, lost: pick(['leases', 'pair file', 'both', 'nothing'], seed + i) } : fault;
    });
    return { ...plan, style: 'loss', faults };
  },
  hub,
};

/** The names of the table, for people. */
export const STYLE_NAMES = Object.keys(STYLES);

/** The style of this name; undefined if there is none. */
export function styleOf(name: string): ((seed: number) => Plan) | undefined {
  return Object.entries(STYLES).find(([known]) => known === name)?.[1];
}

/** Everything in half the time, and mostly with a disk that takes some. */
function dense(seed: number): Plan {
  const plan = planOf(seed);
  return {
    ...plan,
    style: 'dense',
    healAtMs: plan.healAtMs / 2,
    faults: plan.faults.map((fault) => ({ ...fault, at: Math.round(fault.at / 2) })),
    clients: plan.clients.map((client) => ({ ...client, startMs: Math.round(client.startMs / 2) })),
    settings: { ...plan.settings, flushMs: seed % 3 === 0 ? 0 : 5 },
  };
}

/** What a run of a hub is made of: the runs of two pairs, each in one of these styles, or two crowds. */
const PARTS = ['plain', 'dense', 'slow', 'loss'] as const;

/**
 * Three servers: what happens in two pairs, of which one server is the same. The hub is on either side of the second, the
 * clients of one subnet are in two runs of three machines of the other, too, and often only one of its files is lost.
 */
function hub(seed: number): Plan {
  const crowds = seed % 5 === 4;
  const [first, second] = crowds ? (['crowd', 'crowd'] as const) : [pick(PARTS, seed), pick(PARTS, seed >>> 2)];
  const [one, other] = [STYLES[first](seed), STYLES[second]((seed ^ 0x1f123bb5) >>> 0)];
  const scale = one.healAtMs / other.healAtMs;
  const shift = seed % 3 === 0 ? 1000 : 0;
  const clients = other.clients.map((client): ClientPlan => {
    const id = client.id + shift;
    return { ...client, id, relation: 1, startMs: Math.round(client.startMs * scale) };
  });
  // Crowds come in bunches: the answers to clients of both subnets meet in the batches of the hub.
  const bunchMs = crowds ? 15_000 : 1;
  const bunched = (client: ClientPlan): ClientPlan => ({
    ...client,
    startMs: client.startMs - (client.startMs % bunchMs),
  });
  const faults = [
    ...one.faults,
    ...other.faults.map((fault): Fault => ({ ...fault, relation: 1, at: Math.round(fault.at * scale) })),
  ].map((fault, i): Fault => ('lost' in fault && (seed + i) % 3 !== 0 ? { ...fault, oneFile: true } : fault));
  const hubIsSide1 = (seed >>> 4) % 2 === 1;
  return {
    ...one,
    style: 'hub',
    relations: [[0, 1], hubIsSide1 ? [2, 0] : [0, 2]],
    clients: [...one.clients, ...clients].map(bunched),
    faults: faults.sort((a, b) => a.at - b.at),
    settings: { ...one.settings, skewSec: [...one.settings.skewSec, other.settings.skewSec[1]!] },
  };
}

/** Twenty to fifty clients on as few addresses, who come back to what they had. */
function crowd(seed: number): Plan {
  const plan = dense(seed);
  const healAtMs = 90_000;
  const size = 20 + (seed % 30);
  const clients = Array.from({ length: size }, (_, id): ClientPlan => {
    const like = plan.clients[id % plan.clients.length]!;
    return {
      ...like,
      id,
      segment: (id * 7 + seed) % 2 === 0 ? 0 : 1,
      startMs: (like.startMs + id * 131) % 60_000,
      vanishes: id % 3 === 0 ? like.vanishes : 0.5,
      forgets: id % 2 === 0 ? like.forgets : 0.2,
      releases: id % 4 === 0 ? 0.5 : like.releases,
    };
  });
  return {
    ...plan,
    style: 'crowd',
    healAtMs,
    clients,
    faults: plan.faults.filter(({ at }) => at < healAtMs),
    settings: {
      ...plan.settings,
      poolSize: Math.round(size * pick([0.8, 1, 1.5, 2.5], seed)),
      leaseSec: pick([30, 50, 80, 150], seed >>> 2),
      flushMs: pick([0, 5, 20, 60], seed >>> 4),
    },
  };
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length]!;
}
