/** One simulated server: the whole packet path and its half of the pair, on simulated time, disk and network. */

import { OwnershipMap } from 'lessor/internal/domain/pair/ownership.js';
import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { ConfigSnapshot, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { Exchange4 } from 'lessor/internal/services/exchange4.js';
import { type LeaseObserver, Ledger } from 'lessor/internal/services/ledger.js';
import { OfferBook } from 'lessor/internal/services/offers.js';
import { preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import { PairMemory } from 'lessor/internal/services/pair/memory.js';
import { type PairAlarm, PairService, type PairSettings } from 'lessor/internal/services/pair/pair-service.js';
import type { Datagram, DhcpInterface, Logger, Reply } from 'lessor/internal/services/ports.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { Crash, SimDisk, SimLeaseStore, SimPairFileStore } from './disk.js';
import { SimClock, type World } from './world.js';

/** What a node tells the run. */
export interface NodeHooks {
  call(from: Side, command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap>;
  replied(from: Side, replies: readonly Reply[]): void;
  alarm(from: Side, alarm: PairAlarm): void;
  defect(from: Side, text: string): void;
  observe(from: Side): LeaseObserver;
}

/** A running process. */
interface Process {
  readonly clock: SimClock;
  readonly ledger: Ledger;
  readonly exchange: Exchange4;
  readonly pair: PairService;
  readonly sweeper: Sweeper;
}

/** See the head of this file. */
export class SimNode {
  readonly disk = new SimDisk();
  process: Process | undefined;
  frozen = false;
  offsetMs = 0;
  #incarnation = 0;
  #held: (() => void)[] = [];
  #inbox: Datagram[] = [];
  #busy = false;
  readonly interface: DhcpInterface;

  constructor(
    readonly side: Side,
    private readonly world: World,
    private readonly snapshot: ConfigSnapshot,
    private readonly settings: PairSettings,
    private readonly shareOfSide1: number,
    private readonly hooks: NodeHooks,
    private readonly sideOfClient: (hwAddress: string) => Side,
  ) {
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

  /** Runs something of this process: now, when it is thawed, or never if it ends before. */
  #deliverFor(incarnation: number): (run: () => void) => void {
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
    if (error instanceof Crash) this.crash();
    else this.hooks.defect(this.side, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  /** Starts the process from what is on the disk. */
  async start(): Promise<void> {
    const { world, snapshot, side, disk } = this;
    const incarnation = ++this.#incarnation;
    const clock = new SimClock(world, this.#deliverFor(incarnation));
    clock.offsetMs = this.offsetMs;
    const logger = quiet((text) => this.hooks.defect(side, text));
    const store = new SimLeaseStore(disk);
    const ledger = new Ledger(store);
    let pair: PairService | undefined;
    const addresses = new AddressSpace(world.random, (address) => pair?.rules.mayGive(address) ?? true);
    const statistics = new Statistics(clock);
    registerPacketStatistics(statistics);
    ledger.observe((address, before, after) => addresses.onLeaseChange(address, before, after));
    ledger.observe(this.hooks.observe(side));
    const sweeper = new Sweeper({
      ledger,
      clock,
      logger,
      cleanup: async () => undefined,
      mayReclaim: (lease) => pair?.rules.mayReclaim(lease) ?? true,
    });
    sweeper.rebuild();
    const lost = disk.pairFile !== undefined && disk.leases.size === 0 && disk.pairFile.reservedCounter > 1_000_000;
    const memory = new PairMemory(
      new SimPairFileStore(disk),
      disk.pairFile ?? {
        relationship: 'sim',
        side,
        epoch: 1,
        boot: 0,
        reservedCounter: 0,
        state: 'starting',
        downSinceSec: 0,
        cleanDown: false,
        saidGoodbye: false,
        ownership: OwnershipMap.divide(snapshot.pools, this.shareOfSide1).ranges,
      },
    );
    pair = new PairService({
      settings: this.settings,
      memory,
      ledger,
      clock,
      logger,
      call: (command, args, timeoutMs) => this.hooks.call(side, command, args, timeoutMs),
      fingerprints: () => ({ addressSpace: 'same', configuration: 'same' }),
      sideOf: (exchange) => this.sideOfClient(exchange.identity.hwAddress),
      isAddressed: (exchange) => exchange.arrival.destination === this.interface.address,
      onSettled: (address) => {
        if (address !== undefined) addresses.refresh(address);
        else for (const pool of snapshot.pools) for (let a = pool.first; a <= pool.last; a++) addresses.refresh(a);
      },
      onAlarm: (alarm) => this.hooks.alarm(side, alarm),
      databaseLost: lost,
    });
    const config = preparePacketConfig(snapshot);
    addresses.rebuild(snapshot, config.reservations.addresses(), ledger.leases, Math.floor(clock.now() / 1000));
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
        redundancy: pair,
        isOwnAddress: (address) => address === this.interface.address,
        send: (replies) => {
          if (incarnation !== this.#incarnation) return;
          this.hooks.replied(
            side,
            replies.map((reply) => ({ ...reply, octets: Uint8Array.from(reply.octets) })),
          );
        },
        serverPort: 67,
        clientPort: 68,
      },
      config,
    );
    this.#inbox = [];
    this.#busy = false;
    this.#held = [];
    this.process = { clock, ledger, exchange, pair, sweeper };
    sweeper.start(snapshot.expiration, 0);
    pair.start();
  }

  /** The process is gone at once. */
  crash(): void {
    this.#incarnation++;
    this.process = undefined;
    this.frozen = false;
    this.#held = [];
    this.disk.onStep = () => undefined;
  }

  /** SIGTERM: no more clients, goodbye to the partner, end. */
  async stop(): Promise<void> {
    const process = this.process;
    if (process === undefined) return;
    this.#inbox = [];
    this.#busy = true;
    process.sweeper.stop();
    const incarnation = this.#incarnation;
    await process.ledger.idle();
    await process.pair.stop();
    if (incarnation === this.#incarnation) this.crash();
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.guard(run);
  }

  /** Sets the wall clock. */
  setOffset(offsetMs: number): void {
    this.offsetMs = offsetMs;
    if (this.process !== undefined) this.process.clock.offsetMs = offsetMs;
  }

  /** A datagram arrives. */
  receive(octets: Buffer, source: number, destination: number): void {
    const incarnation = this.#incarnation;
    this.#deliverFor(incarnation)(() => {
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
    this.#deliverFor(incarnation)(() => {
      const { process } = this;
      if (process === undefined) return;
      process.pair.answer(command, args).then(
        (answer) => {
          if (incarnation === this.#incarnation) reply(answer);
        },
        (error: unknown) => {
          if (incarnation !== this.#incarnation) return;
          if (error instanceof Crash) this.crash();
          else reply(error as Error);
        },
      );
    });
  }
}

function quiet(defect: (text: string) => void): Logger {
  const logger: Logger = {
    enabled: () => false,
    log: (severity, id, text) => {
      if (severity === 'FATAL' || id.includes('DEFECT')) defect(`${id} ${text}`);
    },
    child: () => logger,
  };
  return logger;
}
