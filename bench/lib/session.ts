/** What scenarios are given and what they answer with. */

import type { SubjectName, SubjectOptions } from './subjects.js';

/** Names of the scenarios, in the order they are run. */
export const SCENARIO_NAMES = [
  'throughput',
  'overload',
  'latency',
  'million',
  'classes',
  'big-pool',
  'omapi',
  'control',
  'bulk',
  'ha',
  'attack',
] as const;
/** One of {@link SCENARIO_NAMES}. */
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** How much is measured. */
export interface Effort {
  readonly rounds: number;
  readonly periodSec: number;
  readonly warmUpSec: number;
  /** The search ends when it knows the rate to this share. */
  readonly precision: number;
  readonly maxTrials: number;
  /** Leases of the scenario `million`. */
  readonly millionLeases: number;
  /** Addresses of the scenario `big-pool`. */
  readonly bigPoolAddresses: number;
}

/** A measurement session: what is shared by its scenarios. */
export interface Session {
  readonly effort: Effort;
  readonly subjects: readonly SubjectName[];
  readonly folder: string;
  readonly options: SubjectOptions;
  /** Sustained rates found by `throughput`, medians. */
  readonly sustained: Map<SubjectName, number>;
  /** Tells people what goes on. */
  readonly progress: (text: string) => void;
}

/** A scenario's result. */
export interface Table {
  readonly scenario: ScenarioName;
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The same figures for programs. */
  readonly data: unknown;
}
