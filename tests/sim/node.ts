/**
 * One simulated server: the whole packet path and its half of the pair, of a hub of each of its pairs (as main/ha-hub.ts puts
 * them together), on simulated time, disk and network.
 */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { ConfigSnapshot, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { StoreError } from 'lessor/internal/errors.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { Exchange4 } from 'lessor/internal/services/exchange4.js';
import { hubRedundancy } from 'lessor/internal/services/hub-redundancy.js';
import { type LeaseObserver, Ledger, type LedgerPart } from 'lessor/internal/services/ledger.js';
import { type Belonging, LedgerParts } from 'lessor/internal/services/ledger-parts.js';
import { OfferBook } from 'lessor/internal/services/offers.js';
import { type PacketConfig, preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import { noteLostLeases } from 'lessor/internal/services/pair/open-memory.js';
import type { PairAlarm } from 'lessor/internal/services/pair/pair-parts.js';
import type { Datagram, DhcpInterface, Logger, Reply } from 'lessor/internal/services/ports.js';
import type { Redundancy } from 'lessor/internal/services/redundancy.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { SteadyClock } from 'lessor/internal/services/steady-clock.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { addressIn, relationOf, SERVER_HOSTS } from './config.js';
import { Crash, type DiskUser, SimDisk, SimLeaseStore, SimPairFileStore } from './disk.js';
import { type Drift, type Half, openHalf } from './half.js';
import { intact, type Mutation } from './mutations.js';
import type { RunSettings } from './plan.js';
import type { Membership, ServerNumber } from './topology.js';
import { SimClock, SimRandom, type World } from './world.js';

/** What a node tells the run. */
export interface NodeHooks {
  /** A command to the other server of a relation. */
  call(from: Membership, command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap>;
  replied(from: ServerNumber, replies: readonly Reply[]): void;
  alarm(from: Membership, alarm: PairAlarm): void;
  defect(from: ServerNumber, text: string): void;
  /** A warning in the log. */
  said(from: ServerNumber, text: string): void;
  stored: (from: ServerNumber) => LeaseObserver;
  /** The process ended by itself, at a step planned. */
  ended(from: ServerNumber): void;
}

/** A running process. */
export interface Process {
  readonly clock: SteadyClock;
  readonly ledger: Ledger;
  readonly exchange: Exchange4;
  /** One of each relation. */
  readonly halves: ReadonlyMap<RelationIndex, Half>;
  readonly sweeper: Sweeper;
}

/** Subnets are numbered from 1. */
const BELONGING: Belonging = { ofAddress: relationOf, ofSubnet: (id) => id - 1 };

/** See the head of this file. */
export class SimNode {
  readonly disk = new SimDisk();
  process: Process | undefined;
  frozen = false;
  offsetMs = 0;
  /** Ends the process at a step, the n-th time it comes there. */
  planned: { readonly step: string; nth: number } | undefined;
  /** What the fingerprints say of the configuration. */
  drift: Drift = 'none';
  readonly #random: SimRandom;
  #incarnation = 0;
  #frozenAtMs = 0;
  #frozenMs = 0;
  #held: (() => void)[] = [];
  #inbox: Datagram[] = [];
  #busy = false;
  #clock: SimClock | undefined;
  /** In the subnet of each relation. */
  readonly #interfaces: ReadonlyMap<RelationIndex, DhcpInterface>;
  readonly #config: PacketConfig;

  constructor(
    readonly number: ServerNumber,
    private readonly memberships: readonly Membership[],
    private readonly world: World,
    private readonly snapshot: ConfigSnapshot,
    private readonly settings: RunSettings,
    private readonly hooks: NodeHooks,
    private readonly mutation: Mutation = intact,
    seed = 0,
  ) {
    this.#random = new SimRandom(Math.imul(seed + 1, 2 * number + 7));
    this.#config = preparePacketConfig(snapshot);
    this.#interfaces = new Map(memberships.map((one) => [one.relation, interfaceOf(one)]));
  }

  /** Number of the process that runs; what an earlier one left behind has no effect. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Runs something of this process: now, when it is thawed, or never if it ends before. */
  deliverFor(incarnation: number): (run: () => void) => void {
    const deliver = (run: () => void): void => {
      if (incarnation !== this.#incarnation) return;
      if (this.frozen) this.#held.push(() => deliver(run));
      else this.guard(run);
    };
    return deliver;
  }

  /** Runs code of the server; an injected crash ends the process, anything else thrown is a defect. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    if (error instanceof Crash) return;
    this.hooks.defect(this.number, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  /** A step of the process `incarnation`. @throws Crash if it ends here, or has ended */
  step(incarnation: number, step: string): void {
    if (incarnation !== this.#incarnation) throw new Crash(step);
    const { planned } = this;
    if (planned === undefined || planned.step !== step || --planned.nth > 0) return;
    this.planned = undefined;
    this.crash();
    this.hooks.ended(this.number);
    throw new Crash(step);
  }

  /** Starts the process from what is on the disk. */
  start(): void {
    this.guard(() => {
      try {
        this.#start();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        // A server that can not write does not start; whoever watches it tries again.
        this.crash();
        this.hooks.ended(this.number);
      }
    });
  }

  #start(): void {
    const { world, snapshot, number, disk, memberships, mutation } = this;
    const incarnation = ++this.#incarnation;
    this.#inbox = [];
    this.#busy = false;
    this.#held = [];
    const wall = new SimClock(world, this.deliverFor(incarnation));
    wall.offsetMs = this.offsetMs;
    this.#clock = wall;
    const clock = new SteadyClock(wall);
    const logger = quiet(
      (text) => {
        if (incarnation === this.#incarnation) this.hooks.defect(number, text);
      },
      (text) => this.hooks.said(number, text),
    );
    const user: DiskUser = {
      disk,
      step: (step) => this.step(incarnation, step),
      after: (delayMs, run) => void wall.after(delayMs, run),
      torn: (rows) => this.#random.below(rows + 1),
    };
    const leaseFileMissing = disk.leases === undefined;
    if (leaseFileMissing) {
      for (const { relation } of memberships) noteLostLeases(new SimPairFileStore(user, relation));
    }
    mutation.disk(disk);
    const store = new SimLeaseStore(user);
    const ledger = new Ledger(store);
    const halves = new Map<RelationIndex, Half>();
    let redundancy: Redundancy | undefined;
    const addresses = new AddressSpace(this.#random, (address) => redundancy?.rules.mayGive(address) ?? true);
    const statistics = new Statistics(clock);
    registerPacketStatistics(statistics);
    ledger.observe((address, before, after) => addresses.onLeaseChange(address, before, after));
    const stored = this.hooks.stored(number);
    ledger.observeDurable((address, before, after) => {
      if (incarnation === this.#incarnation) stored(address, before, after);
    });
    const halfOf = (address: number): Half | undefined => halves.get(relationOf(address));
    const sweeper = new Sweeper({
      ledger,
      clock,
      logger,
      cleanup: async () => undefined,
      mayReclaim: (lease) => halfOf(lease.address)?.pair.rules.mayReclaim(lease) ?? true,
    });
    sweeper.rebuild();
    const nowSec = Math.floor(clock.now() / 1000);
    const ofHub = memberships.length > 1;
    const parts = ofHub ? new LedgerParts(ledger, () => BELONGING) : undefined;
    for (const membership of memberships) {
      const { relation } = membership;
      const part: LedgerPart = parts === undefined ? ledger : mutation.part(parts, relation, ledger);
      const half = openHalf({
        ...{ ...membership, ofHub, settings: this.settings, mutation, addresses, clock, logger, leaseFileMissing },
        files: new SimPairFileStore(user, relation),
        ledger: part,
        pools: snapshot.pools.filter(({ first }) => relationOf(first) === relation),
        ownAddress: this.#interfaces.get(relation)!.address,
        drift: () => this.drift,
        frozenMs: () => this.#frozenMs,
        call: (command, args, timeoutMs) => {
          if (command === 'pair-update') this.step(incarnation, 'before update sent');
          return this.hooks.call(membership, command, args, timeoutMs);
        },
        onAlarm: (alarm) => this.hooks.alarm(membership, alarm),
      });
      halves.set(relation, half);
    }
    const members = Array.from(halves.values(), ({ pair }) => ({
      redundancy: mutation.redundancy(pair),
      serviceSwitch: new ServiceSwitch(clock),
    }));
    redundancy = ofHub ? hubRedundancy(members, () => mutation.belonging(BELONGING)) : members[0]!.redundancy;
    addresses.rebuild(snapshot, this.#config.reservations.addresses(), ledger.leases, nowSec);
    for (const pool of snapshot.pools) for (let a = pool.first; a <= pool.last; a++) addresses.refresh(a);
    const own = new Set(Array.from(this.#interfaces.values(), ({ address }) => address));
    const exchange = new Exchange4(
      {
        ledger,
        addresses,
        offers: new OfferBook(addresses, world.random),
        statistics,
        serviceSwitch: new ServiceSwitch(clock),
        clock,
        logger,
        redundancy,
        isOwnAddress: (address) => own.has(address),
        send: (replies) => {
          this.step(incarnation, 'before reply');
          this.hooks.replied(number, replies);
          this.step(incarnation, 'after reply');
        },
        serverPort: 67,
        clientPort: 68,
      },
      this.#config,
    );
    this.process = { clock, ledger, exchange, halves, sweeper };
    sweeper.start(snapshot.expiration, 0);
    for (const { pair } of halves.values()) pair.start();
  }

  /** The process is gone at once. */
  crash(): void {
    this.#incarnation++;
    this.process = undefined;
    this.frozen = false;
    this.#held = [];
    this.planned = undefined;
  }

  /** SIGTERM: no more clients, goodbye to the partner, end. */
  async stop(): Promise<void> {
    const { process } = this;
    if (process === undefined) return;
    const incarnation = this.#incarnation;
    this.#inbox = [];
    this.#busy = true;
    try {
      process.sweeper.stop();
      await process.ledger.idle();
      // One after the other, the last first, as a process ends what it has opened.
      for (const { pair } of [...process.halves.values()].reverse()) await pair.stop();
    } catch (error) {
      this.failed(error);
    }
    if (incarnation === this.#incarnation) this.crash();
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    if (this.process === undefined || this.frozen) return;
    this.frozen = true;
    this.#frozenAtMs = this.world.now;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.#frozenMs += this.world.now - this.#frozenAtMs;
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }

  /** Sets the wall clock. */
  setOffset(offsetMs: number): void {
    this.offsetMs = offsetMs;
    if (this.#clock !== undefined) this.#clock.offsetMs = offsetMs;
  }

  /** The process looks at the clock, as it does with every heartbeat. */
  noticeClock(): void {
    for (const { pair } of this.process?.halves.values() ?? []) {
      if (!this.frozen) this.guard(() => pair.noticeClock());
    }
  }

  /** A datagram arrives from the subnet of a relation. */
  receive(relation: RelationIndex, octets: Buffer, source: number, destination: number): void {
    const incarnation = this.#incarnation;
    this.deliverFor(incarnation)(() => {
      this.#inbox.push({ octets, interface: this.#interfaces.get(relation)!, source, sourcePort: 68, destination });
      this.#work(incarnation);
    });
  }

  #work(incarnation: number): void {
    if (this.#busy || this.#inbox.length === 0 || this.process === undefined || incarnation !== this.#incarnation)
      return;
    this.#busy = true;
    const batch = this.#inbox;
    this.#inbox = [];
    const done = (): void => {
      if (incarnation !== this.#incarnation) return;
      this.#busy = false;
      this.#work(incarnation);
    };
    this.step(incarnation, 'received');
    const pending = this.process.exchange.handleBatch(batch);
    if (pending === undefined) done();
    else
      pending.then(done, (error: unknown) => {
        if (incarnation === this.#incarnation) this.failed(error);
        done();
      });
  }

  /** A command of the partner in a relation arrives; what is answered goes to `reply`, if the process still lives then. */
  answer(relation: RelationIndex, command: string, args: JsonMap, reply: (answer: JsonMap | Error) => void): void {
    const incarnation = this.#incarnation;
    this.deliverFor(incarnation)(() => {
      const half = this.process?.halves.get(relation);
      if (half === undefined) return;
      if (command === 'pair-update') this.step(incarnation, 'update received');
      half.pair.answer(command, this.mutation.received(args, half.parts)).then(
        (answer) => {
          if (incarnation !== this.#incarnation) return;
          this.guard(() => {
            if (command === 'pair-update') this.step(incarnation, 'update stored');
            reply(this.mutation.sent(answer));
            if (command === 'pair-update') this.step(incarnation, 'update answered');
          });
        },
        (error: unknown) => {
          if (incarnation === this.#incarnation) reply(error as Error);
        },
      );
    });
  }
}

function interfaceOf({ relation, side }: Membership): DhcpInterface {
  const address = addressIn(relation, SERVER_HOSTS[side]);
  return {
    name: `eth${relation}`,
    index: relation + 2,
    hwAddress: Uint8Array.of(2, 0, 0, 0, relation, side + 1),
    address,
    addresses: [{ address, prefixLength: 24 }],
    loopback: false,
  };
}

function quiet(defect: (text: string) => void, said: (text: string) => void): Logger {
  const logger: Logger = {
    enabled: () => false,
    log: (severity, id, text) => {
      if (severity === 'WARN' && id !== 'LESSOR_PAIR_STATE') said(`${id} ${text}`);
      if (severity === 'FATAL' || id.includes('DEFECT')) defect(`${id} ${text}`);
    },
    child: () => logger,
  };
  return logger;
}
