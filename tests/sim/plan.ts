/** What happens in a run, made from its seed: settings, clients and faults. Data only, so that a failure can be shrunk. */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { RelationServers } from './topology.js';
import { SimRandom } from './world.js';

/** Part of the network a client is in. Both servers are on both, by links that fail one by one. */
export type Segment = 0 | 1;

/** How the pair and the pool of a run are set. */
export interface RunSettings {
  readonly mode: 'hot-standby' | 'load-balancing';
  readonly poolSize: number;
  readonly leaseSec: number;
  readonly mcltSec: number;
  readonly heartbeatDelayMs: number;
  readonly interruptAfterMs: number;
  readonly ackDeadlineMs: number;
  readonly neglectedAfterSec: number;
  readonly shareOfSide1: number;
  /** Released leases are kept as such for a while (hold-reclaimed-time), else deleted. */
  readonly affinity: boolean;
  /** A young lease is confirmed without a write (cache-threshold). */
  readonly cache: boolean;
  /** Milliseconds of a flush; 0: at once. */
  readonly flushMs: number;
  /** Seconds the clock of each server is off from the beginning. */
  readonly skewSec: readonly number[];
}

/** One client: what it is and what it is inclined to. */
export interface ClientPlan {
  /** Makes its hardware address. Two with the same in the subnets of two relations are one machine with a leg in each. */
  readonly id: number;
  /** In the subnet of which it is; absent: 0. */
  readonly relation?: RelationIndex;
  readonly segment: Segment;
  readonly relayed: boolean;
  readonly startMs: number;
  /** Chances for each lease obtained. */
  readonly declines: number;
  readonly releases: number;
  readonly vanishes: number;
  readonly forgets: number;
}

/** Steps at which a process can be ended: of a commit, of the pair's file, of a message between the two. */
export const CRASH_STEPS = [
  'received',
  'before commit',
  'in commit',
  'after commit',
  'before pair file',
  'after pair file',
  'before update sent',
  'update received',
  'update stored',
  'update answered',
  'before reply',
  'after reply',
] as const;
/** One of {@link CRASH_STEPS}. */
export type CrashStep = (typeof CRASH_STEPS)[number];

/** What is lost with a process. */
export type Loss = 'nothing' | 'leases' | 'pair file' | 'both';

/**
 * Something goes wrong, from `at` on (milliseconds), with a server or a wire of a relation (absent: 0). What goes wrong with a hub as
 * one of the two goes wrong with the hub. `oneFile`: of the files of its pairs only that of the relation is lost.
 */
export type Fault = { readonly at: number; readonly relation?: RelationIndex; readonly oneFile?: boolean } & (
  | { readonly kind: 'crash'; readonly side: Side; readonly forMs: number; readonly lost: Loss }
  | {
      readonly kind: 'crash-at';
      readonly side: Side;
      readonly step: CrashStep;
      readonly nth: number;
      readonly forMs: number;
      readonly lost: Loss;
    }
  | { readonly kind: 'stop'; readonly side: Side; readonly forMs: number }
  | { readonly kind: 'freeze'; readonly side: Side; readonly forMs: number }
  | { readonly kind: 'peer-cut'; readonly from: Side | 'both'; readonly forMs: number }
  | { readonly kind: 'peer-loss'; readonly chance: number; readonly forMs: number }
  | { readonly kind: 'peer-slow'; readonly delayMs: number; readonly forMs: number }
  | {
      readonly kind: 'segment-cut';
      readonly segment: Segment;
      readonly side: Side;
      readonly way: 'in' | 'out' | 'both';
      readonly forMs: number;
    }
  | { readonly kind: 'client-loss'; readonly chance: number; readonly forMs: number }
  | { readonly kind: 'disk-full'; readonly side: Side; readonly forMs: number }
  | { readonly kind: 'disk-slow'; readonly side: Side; readonly flushMs: number; readonly forMs: number }
  | { readonly kind: 'clock-jump'; readonly side: Side; readonly bySec: number }
  | { readonly kind: 'drift'; readonly side: Side; readonly space: boolean; readonly forMs: number }
  /** ha-partner-down; honest: only if the other process is not there. */
  | { readonly kind: 'partner-down'; readonly side: Side; readonly honest: boolean }
  /** ha-continue; honest: only if the other is not there, and was never told to serve alone. */
  | { readonly kind: 'continue'; readonly side: Side; readonly honest: boolean }
);

/** A whole run. */
export interface Plan {
  readonly seed: number;
  /** How the run was made of the seed (styles.ts), if not as {@link planOf} does. */
  readonly style?: string;
  /** Absent: two servers in one. */
  readonly relations?: readonly RelationServers[];
  readonly settings: RunSettings;
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly Fault[];
  /** Faults end here, the network heals. */
  readonly healAtMs: number;
}

/** Traffic after the network has healed, and quiet before the last look. */
export const HEALED_MS = 50_000;
export const QUIET_MS = 12_000;

/** The run of a seed. */
export function planOf(seed: number): Plan {
  const random = new SimRandom(seed);
  const healAtMs = 300_000;
  const crowd = random.chance(0.004) ? random.between(100, 300) : random.between(2, random.chance(0.1) ? 24 : 9);
  const settings = settingsOf(random, crowd);
  const clients = Array.from({ length: crowd }, (_, id) => clientOf(random, id, healAtMs));
  const count = random.pick([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12]);
  const forced = random.chance(0.15);
  const faults = Array.from({ length: count }, () => faultsOf(random, healAtMs, forced)).flat();
  faults.sort((a, b) => a.at - b.at);
  return { seed, settings, clients, faults, healAtMs };
}

function settingsOf(random: SimRandom, crowd: number): RunSettings {
  const mode = random.pick(['hot-standby', 'load-balancing'] as const);
  const interruptAfterMs = random.pick([6000, 9000]);
  return {
    mode,
    poolSize: Math.max(2, Math.round(crowd * random.pick([0.6, 0.8, 1, 1.2, 1.6, 2.5]))),
    leaseSec: random.pick([30, 50, 80]),
    mcltSec: random.pick([10, 15, 20]),
    heartbeatDelayMs: random.pick([2000, 3000, 4000]),
    interruptAfterMs,
    ackDeadlineMs: random.pick([100, 300]),
    neglectedAfterSec: random.pick([2, 4]),
    shareOfSide1: mode === 'load-balancing' ? 0.5 : random.pick([0.1, 0.3]),
    affinity: random.chance(0.5),
    cache: random.chance(0.3),
    flushMs: random.pick([0, 0, 0, 5]),
    skewSec: random.chance(0.3)
      ? [random.between(-3, 3), random.pick([-70, -59, -31, -29, -1, 1, 29, 31, 59, 70])]
      : [0, 0],
  };
}

function clientOf(random: SimRandom, id: number, healAtMs: number): ClientPlan {
  const often = (chance: number, most: number): number => (random.chance(chance) ? random.next() * most : 0);
  return {
    id,
    segment: random.chance(0.5) ? 0 : 1,
    relayed: random.chance(0.15),
    startMs: random.below(random.chance(0.5) ? 20_000 : healAtMs),
    declines: often(0.15, 0.3),
    releases: often(0.4, 0.7),
    vanishes: often(0.4, 0.7),
    forgets: often(0.3, 0.8),
  };
}

function faultsOf(random: SimRandom, healAtMs: number, forced: boolean): readonly Fault[] {
  const at = random.between(15_000, healAtMs - 15_000);
  const side: Side = random.chance(0.5) ? 0 : 1;
  const other: Side = side === 0 ? 1 : 0;
  const forMs = random.chance(0.5) ? random.between(500, 15_000) : random.between(15_000, 120_000);
  const lost: Loss = random.chance(0.75) ? 'nothing' : random.pick(['leases', 'pair file', 'both']);
  const later = (): number => at + random.below(forMs + 5000);
  const operator = (list: Fault[]): readonly Fault[] => {
    if (random.chance(0.5)) list.push({ kind: 'partner-down', at: later(), side: other, honest: true });
    if (random.chance(0.2)) list.push({ kind: 'continue', at: later(), side, honest: true });
    if (random.chance(0.2)) list.push({ kind: 'continue', at: later(), side: other, honest: true });
    if (forced && random.chance(0.6)) {
      list.push({ kind: 'partner-down', at: later(), side: random.chance(0.5) ? side : other, honest: false });
    }
    return list;
  };
  switch (random.below(20)) {
    case 0:
    case 1:
      return operator([{ kind: 'crash', at, side, forMs, lost }]);
    case 2:
    case 3:
    case 4: {
      const step = random.pick(CRASH_STEPS);
      return operator([{ kind: 'crash-at', at, side, step, nth: random.between(1, 3), forMs, lost }]);
    }
    case 5:
      return operator([{ kind: 'stop', at, side, forMs }]);
    case 6:
      return [{ kind: 'freeze', at, side, forMs }];
    case 7:
      return operator([{ kind: 'peer-cut', at, from: random.pick([0, 1] as const), forMs }]);
    case 8:
    case 9:
      return operator([{ kind: 'peer-cut', at, from: 'both', forMs }]);
    case 10:
      return [{ kind: 'peer-loss', at, chance: random.pick([0.1, 0.5]), forMs }];
    case 11:
      return [{ kind: 'peer-slow', at, delayMs: random.pick([50, 500, 3000, 5000]), forMs }];
    case 12: {
      const [a, b] = [random.chance(0.5) ? 0 : 1, random.chance(0.5) ? 0 : 1] as const;
      // A full split: each half of the clients sees one server.
      if (random.chance(0.5)) {
        return operator([
          { kind: 'segment-cut', at, segment: a, side: 0, way: 'both', forMs },
          { kind: 'segment-cut', at, segment: a === 0 ? 1 : 0, side: 1, way: 'both', forMs },
          { kind: 'peer-cut', at, from: 'both', forMs },
        ]);
      }
      return [
        { kind: 'segment-cut', at, segment: a, side: b, way: random.pick(['in', 'out', 'both'] as const), forMs },
      ];
    }
    case 13:
      return [{ kind: 'client-loss', at, chance: random.pick([0.05, 0.3]), forMs }];
    case 14:
      return [
        random.chance(0.5)
          ? { kind: 'disk-full', at, side, forMs }
          : { kind: 'disk-slow', at, side, flushMs: random.pick([20, 200, 3000]), forMs },
      ];
    case 15:
      return [{ kind: 'clock-jump', at, side, bySec: random.pick([-3600, -61, -31, -5, 5, 31, 61, 3600]) }];
    case 16:
    case 17:
      return takeover(random, at, side, other);
    case 18: {
      // One stands still, unnoticed by itself, while the other is told to take over; when it wakes up it hears of nothing.
      const frozenMs = random.between(40_000, 90_000);
      return [
        { kind: 'peer-cut', at, from: 'both', forMs: frozenMs + 40_000 },
        { kind: 'freeze', at: at + random.below(5000), side, forMs: frozenMs },
        { kind: 'partner-down', at: at + random.between(8000, 20_000), side: other, honest: true },
      ];
    }
    default:
      return [{ kind: 'drift', at, side, space: random.chance(0.5), forMs }];
  }
}

/** A server promises what its partner does not hear of, or not in time, and dies; the other is told to take over. */
function takeover(random: SimRandom, at: number, side: Side, other: Side): readonly Fault[] {
  const diesAt = at + random.between(2000, 40_000);
  const forMs = diesAt - at + 60_000;
  return [
    random.chance(0.5)
      ? { kind: 'peer-cut', at, from: 'both', forMs }
      : { kind: 'peer-slow', at, delayMs: random.pick([500, 3000]), forMs },
    { kind: 'crash', at: diesAt, side, forMs: 80_000, lost: 'nothing' },
    { kind: 'partner-down', at: diesAt + random.between(500, 6000), side: other, honest: true },
  ];
}

/** The end of a run. */
export function endOfPlan({ healAtMs }: Plan): number {
  return healAtMs + HEALED_MS + QUIET_MS;
}
