/** One run of a row of the matrix: a pair, its clients in two places, faults, and what is checked when it is over. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Link } from '../lib/link.js';
import { Netns } from '../lib/netns.js';
import {
  databasesEqual,
  isDoneUnheard,
  journalsAgree,
  noDoubleAssignment,
  noRefusal,
  nothingForgotten,
  type Span,
  type Violation,
  type Waits,
  waitsOf,
} from './checker.js';
import { type Habits, type Place, Population } from './clients.js';
import type { Binding, JournalRecord } from './history.js';
import { openSystem, type Side, type System, type SystemName, type Variation } from './systems.js';

/** How much is done. */
export interface Effort {
  readonly clients: number;
  readonly seed: number;
  /** How long a fault lasts. */
  readonly faultMs: number;
}

/** What came of a row. */
export interface Outcome {
  readonly row: string;
  readonly system: SystemName;
  readonly violations: readonly Violation[];
  /** What a Kea did that its partner, a lessor, could not keep it from (checker.ts, isDoneUnheard). */
  readonly unheard: readonly Violation[];
  /** Of clients that asked while the fault was in force. */
  readonly waits: Waits;
  readonly acks: number;
  readonly notes: readonly string[];
  /** Output of both servers and their lease files. */
  readonly log: string;
  readonly history: string;
}

/** What a row needs that has to be made anew for each run. */
export interface Stage {
  readonly variation: Variation;
  run(scene: Scene): Promise<void>;
  /** After the servers have ended. */
  close(): void;
}

/** A row of the matrix. */
export interface Row {
  /** Number in the list of faults (docs/ha.md). */
  readonly id: string;
  readonly title: string;
  readonly systems: readonly SystemName[];
  readonly variation?: Variation;
  readonly habits?: Partial<Habits>;
  /** The faults; both servers are together again when it returns, or come together soon. */
  run?(scene: Scene): Promise<void>;
  /** In the place of `variation` and `run`. @throws Error if it can not be run here */
  stage?(system: SystemName): Stage;
  /** The servers do not come together in this row, or are not the same afterwards. */
  readonly apart?: boolean;
  /** What is not demanded, with the reason. */
  readonly excused?: Readonly<Partial<Record<Violation['invariant'], string>>>;
}

/** Longest time servers may take to be together. */
const TOGETHER_MS = 90_000;
/** Longest time until both have the same. */
const SAME_MS = 30_000;

/** What a row works with. */
export class Scene {
  readonly notes: string[] = [];
  readonly #extra: Violation[] = [];
  readonly #links: Link[] = [];
  readonly #far: Netns[] = [];
  readonly #apartSpans: Span[] = [];
  #apartFrom: number | undefined;
  #population: Population | undefined;
  /** Others than lessor did not come together again. */
  #apart = false;
  /** How far the clock of each server was put ahead when it was started, milliseconds. */
  readonly clockAheadMs: [number, number] = [0, 0];
  faultFrom = 0;
  faultTo = Number.POSITIVE_INFINITY;

  constructor(
    readonly system: System,
    readonly effort: Effort,
    readonly habits: Partial<Habits>,
  ) {}

  /** Starts the servers, and the clients when both are together. */
  async open(): Promise<void> {
    const { lab } = this.system;
    await Promise.all([this.system.start(0), this.system.start(1)]);
    const servers = new Map(([0, 1] as const).map((side) => [`10.77.0.${side + 1}`, lab.hosts[side].macOf('lan0')]));
    const places: Place[] = [];
    for (const lan of [lab.lan, lab.farLan]) {
      const far = Netns.create();
      this.#far.push(far);
      lan.plug(far, 'eth0');
      const link = await Link.open(far, 'eth0');
      this.#links.push(link);
      places.push({ link, servers });
    }
    await this.together();
    const { clients, seed } = this.effort;
    this.#population = new Population(places, { clients, seed, paceMs: 1200, ...this.habits });
    this.#population.start();
    await sleep(2500);
  }

  /** Waits while the fault lasts. */
  async fault(ms = this.effort.faultMs): Promise<void> {
    await sleep(ms);
  }

  /** Marks that the servers do not hear each other any more, until they are together again. */
  cut(): void {
    this.#apartFrom = performance.now();
  }

  /** Marks the time in which waits are measured. */
  begin(): void {
    this.faultFrom = performance.now();
  }

  end(): void {
    this.faultTo = performance.now();
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** Something that must hold in this row beyond the invariants. */
  demand(holds: boolean, text: string, invariant: Violation['invariant'] = 'I8'): void {
    if (!holds) this.#extra.push({ invariant, text });
  }

  get events() {
    return this.#population!.history.events;
  }

  /** As {@link together} for lessor; of others it is noted in which states they stay. @returns whether they are */
  async togetherIfTheyCan(withinMs = this.system.ours ? TOGETHER_MS : 20_000): Promise<boolean> {
    const { system } = this;
    const held = await this.together(withinMs).then(
      () => undefined,
      (error: Error) => error,
    );
    this.#apart = held !== undefined;
    if (held === undefined) return true;
    if (system.ours) throw held;
    const states = await Promise.all(([0, 1] as const).map((side) => system.state(side).catch(() => 'gone')));
    this.note(`no pair: ${states.join(' and ')}`);
    return false;
  }

  /** Waits until both servers work together. @throws Error */
  async together(withinMs = TOGETHER_MS): Promise<void> {
    const began = performance.now();
    for (const side of [0, 1] as const) await this.until(side, this.system.together, withinMs);
    const now = performance.now();
    if (this.#apartFrom !== undefined) this.#apartSpans.push({ from: this.#apartFrom, to: now });
    this.#apartFrom = undefined;
    const took = now - began;
    if (took > 100 && this.faultFrom > 0) this.note(`together again after ${(took / 1000).toFixed(1)} s`);
  }

  /** Waits until a server says a state. @throws Error with what it logged last */
  async until(side: Side, state: string, timeoutMs = TOGETHER_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = await this.system.state(side).catch((error: Error) => error.message);
      if (found === state) return;
      if (performance.now() > deadline) {
        throw new Error(`server ${side} is in ${found}, not ${state}\n${this.system.log(side).slice(-4000)}`);
      }
      await sleep(100);
    }
  }

  /** Checks everything. */
  async check({ apart = false }: Pick<Row, 'apart'>): Promise<Violation[]> {
    await this.#population!.stop();
    const { events } = this;
    const found = [...this.#extra, ...noDoubleAssignment(events), ...noRefusal(events)];
    if (!apart && !this.#apart) {
      await this.together();
      found.push(...(await this.#settled()));
    }
    const journals = ([0, 1] as const).map((side) => this.system.journal(side));
    found.push(...journalsAgree(journals.filter((one): one is JournalRecord[] => one !== undefined)));
    return found;
  }

  /** True for what no message could have kept a Kea from. */
  isUnheard(violation: Violation): boolean {
    return isDoneUnheard(violation, this.system.keas, this.#apartSpans);
  }

  /** I2 and I6, when everything under way has arrived. */
  async #settled(): Promise<Violation[]> {
    const deadline = performance.now() + SAME_MS;
    for (;;) {
      const [first, second] = await Promise.all([this.#bindings(0), this.#bindings(1)]);
      const now = performance.now();
      const found = databasesEqual(first, second);
      for (const bindings of [first, second]) found.push(...nothingForgotten(this.events, bindings, now));
      if (found.length === 0 || performance.now() > deadline) return found;
      await sleep(250);
    }
  }

  /** On the clock of the history, whatever the server's is. */
  async #bindings(side: Side): Promise<Binding[]> {
    const aheadMs = this.clockAheadMs[side];
    return (await this.system.bindings(side)).map((one) => ({ ...one, end: one.end - aheadMs }));
  }

  waits(): Waits {
    return waitsOf(this.events, this.faultFrom, this.faultTo);
  }

  get history(): string {
    return this.#population?.history.toLines() ?? '';
  }

  async close(): Promise<void> {
    await this.#population?.stop();
    for (const link of this.#links) link.close();
    await this.system.close();
    for (const far of this.#far) far.destroy();
  }
}

const NO_WAITS: Waits = { median: 0, p99: 0, max: 0, silence: 0 };

/** Runs a row on a system. */
export async function perform(row: Row, name: SystemName, effort: Effort): Promise<Outcome> {
  let stage: Stage | undefined;
  try {
    stage = row.stage?.(name);
  } catch (error) {
    const notes = [`NOT RUN: ${(error as Error).message}`];
    const nothing = { violations: [], unheard: [], waits: NO_WAITS, acks: 0, log: '', history: '' };
    return { row: row.id, system: name, notes, ...nothing };
  }
  const system = openSystem(name, stage?.variation ?? row.variation);
  const scene = new Scene(system, effort, row.habits ?? {});
  let violations: Violation[] = [];
  let log = '';
  try {
    await scene.open();
    scene.begin();
    await (stage ?? row).run?.(scene);
    violations = (await scene.check(row)).filter(({ invariant }) => row.excused?.[invariant] === undefined);
  } catch (error) {
    violations.push({ invariant: 'I8', text: `the row did not come to its end: ${(error as Error).message}` });
  } finally {
    log = [system.log(0), system.files(0), system.log(1), system.files(1)].join('\n--------\n');
    await scene.close();
    stage?.close();
  }
  const { waits, acks } = measure(scene);
  const unheard = violations.filter((one) => scene.isUnheard(one));
  if (unheard.length > 0) scene.note(`clients refused by the Kea that was cut off: ${unheard.length}`);
  return {
    row: row.id,
    system: name,
    violations: violations.filter((one) => !unheard.includes(one)),
    unheard,
    waits,
    acks,
    notes: scene.notes,
    log,
    history: scene.history,
  };
}

function measure(scene: Scene): { readonly waits: Waits; readonly acks: number } {
  try {
    return { waits: scene.waits(), acks: scene.events.filter(({ res }) => res === 'ack').length };
  } catch {
    return { waits: NO_WAITS, acks: 0 };
  }
}
