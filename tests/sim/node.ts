/** One simulated server: the whole packet path and its half of the pair, on simulated time, disk and network. */

import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { ConfigSnapshot, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { StoreError } from 'lessor/internal/errors.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { Exchange4 } from 'lessor/internal/services/exchange4.js';
import { type LeaseObserver, Ledger } from 'lessor/internal/services/ledger.js';
import { OfferBook } from 'lessor/internal/services/offers.js';
import { type PacketConfig, preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import { openPairMemory, type PairIdentity } from 'lessor/internal/services/pair/open-memory.js';
import type { PairAlarm, PairParts } from 'lessor/internal/services/pair/pair-parts.js';
import { PairService } from 'lessor/internal/services/pair/pair-service.js';
import type { Datagram, DhcpInterface, Logger, Reply } from 'lessor/internal/services/ports.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { SteadyClock } from 'lessor/internal/services/steady-clock.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { Crash, type DiskUser, SimDisk, SimLeaseStore, SimPairFileStore } from './disk.js';
import { clientOfHwAddress } from './message.js';
import { intact, type Mutation } from './mutations.js';
import type { RunSettings } from './plan.js';
import { SimClock, SimRandom, type World } from './world.js';

/** What a node tells the run. */
export interface NodeHooks {
  call(from: Side, command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap>;
  replied(from: Side, replies: readonly Reply[]): void;
  alarm(from: Side, alarm: PairAlarm): void;
  defect(from: Side, text: string): void;
  /** A warning in the log. */
  said(from: Side, text: string): void;
  stored: (from: Side) => LeaseObserver;
  /** The process ended by itself, at a step planned. */
  ended(from: Side): void;
}

/** A running process. */
export interface Process {
  readonly clock: SteadyClock;
  readonly ledger: Ledger;
  readonly exchange: Exchange4;
  readonly pair: PairService;
  readonly sweeper: Sweeper;
  readonly parts: PairParts;
}

/** See the head of this file. */
export class SimNode {
  readonly disk = new SimDisk();
  process: Process | undefined;
  frozen = false;
  offsetMs = 0;
  /** Ends the process at a step, the n-th time it comes there. */
  planned: { readonly step: string; nth: number } | undefined;
  /** What the fingerprints say of the configuration. */
  drift: 'none' | 'configuration' | 'space' = 'none';
  readonly #random: SimRandom;
  #incarnation = 0;
  #frozenAtMs = 0;
  #frozenMs = 0;
  #held: (() => void)[] = [];
  #inbox: Datagram[] = [];
  #busy = false;
  #clock: SimClock | undefined;
  readonly interface: DhcpInterface;
  readonly #config: PacketConfig;

  constructor(
    readonly side: Side,
    private readonly world: World,
    private readonly snapshot: ConfigSnapshot,
    private readonly settings: RunSettings,
    private readonly hooks: NodeHooks,
    private readonly mutation: Mutation = intact,
    seed = 0,
  ) {
    this.#random = new SimRandom(Math.imul(seed + 1, 2 * side + 7));
    this.#config = preparePacketConfig(snapshot);
    const address = (0xc0000201 + side) >>> 0;
    this.interface = {
      name: 'eth0',
      index: 2,
      hwAddress: Uint8Array.of(2, 0, 0, 0, 0, side + 1),
      address,
      addresses: [{ address, prefixLength: 24 }],
      loopback: false,
    };
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
    this.hooks.defect(this.side, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  /** A step of the process `incarnation`. @throws Crash if it ends here, or has ended */
  step(incarnation: number, step: string): void {
    if (incarnation !== this.#incarnation) throw new Crash(step);
    const { planned } = this;
    if (planned === undefined || planned.step !== step || --planned.nth > 0) return;
    this.planned = undefined;
    this.crash();
    this.hooks.ended(this.side);
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
        this.hooks.ended(this.side);
      }
    });
  }

  #start(): void {
    const { world, snapshot, side, disk, settings, mutation } = this;
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
        if (incarnation === this.#incarnation) this.hooks.defect(side, text);
      },
      (text) => this.hooks.said(side, text),
    );
    const user: DiskUser = {
      disk,
      step: (step) => this.step(incarnation, step),
      after: (delayMs, run) => void wall.after(delayMs, run),
      torn: (rows) => this.#random.below(rows + 1),
    };
    const leaseFileMissing = disk.leases === undefined;
    mutation.disk(disk);
    const store = new SimLeaseStore(user);
    const ledger = new Ledger(store);
    let pair: PairService | undefined;
    const addresses = new AddressSpace(this.#random, (address) => pair?.rules.mayGive(address) ?? true);
    const statistics = new Statistics(clock);
    registerPacketStatistics(statistics);
    ledger.observe((address, before, after) => addresses.onLeaseChange(address, before, after));
    const stored = this.hooks.stored(side);
    ledger.observeDurable((address, before, after) => {
      if (incarnation === this.#incarnation) stored(address, before, after);
    });
    const sweeper = new Sweeper({
      ledger,
      clock,
      logger,
      cleanup: async () => undefined,
      mayReclaim: (lease) => pair?.rules.mayReclaim(lease) ?? true,
    });
    sweeper.rebuild();
    const files = mutation.pairFile(new SimPairFileStore(user));
    const nowSec = Math.floor(clock.now() / 1000);
    const role = side === 0 ? 'primary' : 'standby';
    const identity: PairIdentity = { relationship: 'sim', self: { role }, safe: settings };
    const memory = openPairMemory(files, {
      ...{ ha: identity, pools: snapshot.pools, leases: ledger.leases, nowSec, leaseFileMissing },
    });
    if (mutation.steady) clock.hold(memory.file.clockOffsetMs);
    const frozenMs = (): number => this.#frozenMs;
    const bare: PairParts = {
      settings: {
        mode: settings.mode,
        mcltSec: settings.mcltSec,
        ackDeadlineMs: settings.ackDeadlineMs,
        heartbeatDelayMs: settings.heartbeatDelayMs,
        interruptAfterMs: settings.interruptAfterMs,
        serveAloneAfterMs: 0,
        neglectedAfterSec: settings.neglectedAfterSec,
        shareOfSide1: settings.shareOfSide1,
      },
      memory,
      ledger,
      clock,
      logger,
      call: (command, args, timeoutMs) => {
        if (command === 'pair-update') this.step(incarnation, 'before update sent');
        return this.hooks
          .call(side, command, mutation.sent(args), timeoutMs)
          .then((answer) => mutation.received(answer, bare));
      },
      fingerprints: () => ({
        addressSpace: this.drift === 'space' ? 'other' : 'same',
        configuration: this.drift === 'configuration' ? 'other' : 'same',
      }),
      sideOf: (exchange) => this.#sideOf(exchange.identity.hwAddress),
      isAddressed: (exchange) =>
        exchange.arrival.destination === this.interface.address && exchange.message.giaddr === 0,
      onSettled: (address) => {
        if (address !== undefined) addresses.refresh(address);
        else for (const pool of snapshot.pools) for (let a = pool.first; a <= pool.last; a++) addresses.refresh(a);
      },
      onAlarm: (alarm) => this.hooks.alarm(side, alarm),
      clockOffsetMs: () => clock.offsetMs,
      setClockBack: (byMs) => clock.setBack(byMs),
      pools: () => snapshot.pools,
      freeIn: (pool) => addresses.freeCount(pool),
      isFree: (address, pool) => addresses.isFree(address, pool),
    };
    const parts = mutation.parts(bare, frozenMs);
    pair = new PairService(parts);
    mutation.service(pair, parts);
    addresses.rebuild(snapshot, this.#config.reservations.addresses(), ledger.leases, nowSec);
    for (const pool of snapshot.pools) for (let a = pool.first; a <= pool.last; a++) addresses.refresh(a);
    const exchange = new Exchange4(
      {
        ledger,
        addresses,
        offers: new OfferBook(addresses, world.random),
        statistics,
        serviceSwitch: new ServiceSwitch(clock),
        clock,
        logger,
        redundancy: mutation.redundancy(pair),
        isOwnAddress: (address) => address === this.interface.address,
        send: (replies) => {
          this.step(incarnation, 'before reply');
          this.hooks.replied(side, replies);
          this.step(incarnation, 'after reply');
        },
        serverPort: 67,
        clientPort: 68,
      },
      this.#config,
    );
    this.process = { clock, ledger, exchange, pair, sweeper, parts };
    sweeper.start(snapshot.expiration, 0);
    pair.start();
  }

  #sideOf(hwAddress: string): Side {
    if (this.settings.mode === 'hot-standby') return 0;
    return ((clientOfHwAddress(hwAddress) ?? 0) % 2) as Side;
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
      await process.pair.stop();
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
    if (!this.frozen) this.guard(() => this.process?.pair.noticeClock());
  }

  /** A datagram arrives. */
  receive(octets: Buffer, source: number, destination: number): void {
    const incarnation = this.#incarnation;
    this.deliverFor(incarnation)(() => {
      this.#inbox.push({ octets, interface: this.interface, source, sourcePort: 68, destination });
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

  /** A command of the partner arrives; what is answered goes to `reply`, if the process still lives then. */
  answer(command: string, args: JsonMap, reply: (answer: JsonMap | Error) => void): void {
    const incarnation = this.#incarnation;
    this.deliverFor(incarnation)(() => {
      const { process } = this;
      if (process === undefined) return;
      if (command === 'pair-update') this.step(incarnation, 'update received');
      process.pair.answer(command, this.mutation.received(args, process.parts)).then(
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
