/** Two servers of a pair without clients: what happens to them is written down step by step, for stories that have to hold. */

import type { Lease } from 'lessor/internal/domain/lease.js';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { holderOf } from 'lessor/internal/domain/pair/record.js';
import { otherSide, type Side } from 'lessor/internal/domain/pair/version.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import type { Ipv4, Octets } from 'lessor/internal/domain/values.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import type { Slice } from 'lessor/internal/services/pace.js';
import type { PairMemory } from 'lessor/internal/services/pair/memory.js';
import { noteLostLeases, openPairMemory } from 'lessor/internal/services/pair/open-memory.js';
import { PairService } from 'lessor/internal/services/pair/pair-service.js';
import type { Logger } from 'lessor/internal/services/ports.js';
import { SteadyClock } from 'lessor/internal/services/steady-clock.js';
import { snapshotOf } from './config.js';
import { SimDisk, SimLeaseStore, SimPairFileStore } from './disk.js';
import { hwAddressOf } from './message.js';
import { SimClock, SimRandom, World } from './world.js';

/** Addresses of the pool: the first half belongs to server 0. */
export const POOL = { first: 0xc0000000 + 300, last: 0xc0000000 + 303 } as const;
/** Seconds of a lease, and beyond what the partner knows. */
export const [LEASE_SEC, MCLT_SEC] = [80, 10] as const;

const quiet: Logger = { enabled: () => false, log: () => undefined, child: () => quiet };

/** One server that runs. */
export interface LabServer {
  readonly ledger: Ledger;
  readonly memory: PairMemory;
  readonly pair: PairService;
  /** The clock of its machine. */
  readonly wall: SimClock;
  /** The one it reckons leases by. */
  readonly clock: SteadyClock;
}

/** See the head of this file. */
export class PairLab {
  readonly world = new World(new SimRandom(1));
  /** The wire between the two is cut. */
  cut = false;
  /** What this server sends is lost. */
  mute: Side | undefined;
  /** Holders that lost an address in a merge, as reported. */
  readonly dropped: Octets[] = [];
  /** How far the clock of each server is ahead from its next start on. */
  readonly offsetMs: [number, number] = [0, 0];
  /** Slices of long work that wait until a story lets them go on; absent: long work is done at once. */
  work: Slice[] | undefined;
  readonly disks = [new SimDisk(), new SimDisk()] as const;
  readonly #servers: [LabServer | undefined, LabServer | undefined] = [undefined, undefined];

  /** Starts both and lets them meet. */
  static async started(): Promise<PairLab> {
    const lab = new PairLab();
    lab.start(0);
    lab.start(1);
    await lab.pass(5);
    return lab;
  }

  server(side: Side): LabServer {
    const server = this.#servers[side];
    if (server === undefined) throw new Error(`server ${side} does not run`);
    return server;
  }

  state(side: Side): string {
    return this.server(side).memory.file.state;
  }

  /** Lets so many seconds go by. */
  async pass(seconds: number): Promise<void> {
    // What was begun just now comes first.
    await new Promise((resolve) => setImmediate(resolve));
    await this.world.runUntil(this.world.now + seconds * 1000);
  }

  /** Somebody sets the clock of a server that runs; it goes like that after the next start, too. */
  async setClock(side: Side, offsetMs: number): Promise<void> {
    this.offsetMs[side] = this.server(side).wall.offsetMs = offsetMs;
    // So that it is noticed.
    await this.pass(3);
  }

  crash(side: Side): void {
    this.#servers[side] = undefined;
  }

  /** It ends, and its disk with it. */
  lose(side: Side): void {
    this.crash(side);
    this.disks[side].leases = undefined;
    this.disks[side].pairFiles[0] = undefined;
  }

  start(side: Side): void {
    const { world } = this;
    const disk = this.disks[side];
    const leaseFileMissing = disk.leases === undefined;
    const wall = new SimClock(world, (run) => {
      if (this.#servers[side]?.ledger === ledger) run();
    });
    wall.offsetMs = this.offsetMs[side];
    const { work } = this;
    const steady = new SteadyClock(wall);
    const clock = Object.assign(steady, {
      spare: (slice: Slice) => {
        if (work === undefined) slice(Number.POSITIVE_INFINITY);
        else work.push(slice);
      },
    });
    const user = { disk, step: () => undefined, after: () => undefined, torn: () => 0 };
    if (leaseFileMissing) noteLostLeases(new SimPairFileStore(user));
    const ledger = new Ledger(new SimLeaseStore(user));
    const { pools } = snapshotOf({
      ...{ mode: 'load-balancing', poolSize: POOL.last - POOL.first + 1, leaseSec: LEASE_SEC, mcltSec: MCLT_SEC },
      ...{ heartbeatDelayMs: 2000, interruptAfterMs: 6000, ackDeadlineMs: 100, neglectedAfterSec: 2 },
      ...{ shareOfSide1: 0.5, affinity: true, cache: false, flushMs: 0, skewSec: [0, 0] },
    });
    const memory = openPairMemory(new SimPairFileStore(user), {
      ha: {
        relationship: 'lab',
        self: { role: side === 0 ? 'primary' : 'standby' },
        safe: { shareOfSide1: 0.5 },
      },
      pools,
      leases: ledger.leases,
      nowSec: Math.floor(clock.now() / 1000),
      leaseFileMissing,
    });
    clock.hold(memory.file.clockOffsetMs);
    const pair = new PairService({
      settings: {
        ...{ mode: 'load-balancing', mcltSec: MCLT_SEC, ackDeadlineMs: 100, heartbeatDelayMs: 2000 },
        ...{ interruptAfterMs: 6000, serveAloneAfterMs: 0, neglectedAfterSec: 2, shareOfSide1: 0.5 },
      },
      ...{ memory, ledger, clock, logger: quiet },
      call: (command, args, timeoutMs) => this.#call(side, command, args, timeoutMs),
      fingerprints: () => ({ addressSpace: 'same', configuration: 'same' }),
      sideOf: () => 0,
      isAddressed: () => false,
      onSettled: () => undefined,
      onAlarm: (alarm) => {
        if (alarm.kind === 'dropped-binding') this.dropped.push(alarm.dropped.dropped);
      },
      clockOffsetMs: () => clock.offsetMs,
      setClockBack: (byMs) => clock.setBack(byMs),
      pools: () => pools,
      freeIn: (pool) => pool.last - pool.first + 1,
      isFree: () => false,
    });
    this.#servers[side] = { ledger, memory, pair, wall, clock };
    pair.start();
  }

  #call(from: Side, command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap> {
    return new Promise((resolve, reject) => {
      this.world.after(timeoutMs, () => reject(new Error('no answer')));
      const travel = (sender: Side, arrive: () => void): void => {
        this.world.after(1, () => {
          if (!this.cut && this.mute !== sender) arrive();
        });
      };
      travel(from, () => {
        const other = this.#servers[otherSide(from)];
        if (other === undefined) reject(new Error('connection refused'));
        else {
          other.pair.answer(command, args).then(
            (answer) => travel(otherSide(from), () => resolve(answer)),
            (error: unknown) => travel(otherSide(from), () => reject(error as Error)),
          );
        }
      });
    });
  }

  // --- what servers do for clients ---

  /** What a server has of an address. */
  lease(side: Side, address: Ipv4): Lease | undefined {
    return this.server(side).ledger.leases.getByAddress(address);
  }

  /** Seconds until the end of what a server has stored of an address. */
  leftSec(side: Side, address: Ipv4): number {
    const lease = this.lease(side, address);
    return lease === undefined ? 0 : lease.clttSec + lease.validLifetimeSec - this.nowSec;
  }

  /** The time by which a server reckons leases. */
  clockSec(side: Side): number {
    return Math.floor(this.server(side).clock.now() / 1000);
  }

  get nowSec(): number {
    return Math.floor((this.world.epochMs + this.world.now) / 1000);
  }

  /** A client asks for an address, or renews it; resolves with the seconds it is told, 0: nothing. */
  async ask(side: Side, client: number, address: Ipv4): Promise<number> {
    const { ledger, pair } = this.server(side);
    const bare: Lease = {
      ...{ address, hwAddress: hwAddressOf(client), clientId: '', validLifetimeSec: 0, clttSec: this.nowSec },
      ...{ subnetId: 1, poolId: 0, fqdnFwd: false, fqdnRev: false, hostname: '', state: LeaseState.default },
      userContext: ledger.leases.getByAddress(address)?.userContext ?? '',
    };
    const lifetimeSec = pair.rules.lifetimeLimitSec(address, holderOf(bare), LEASE_SEC, this.nowSec);
    const lease = { ...bare, validLifetimeSec: lifetimeSec };
    await ledger.transact((tx) => tx.put(lease));
    const judged = Promise.resolve(pair.gate([{ address, lease, lifetimeSec }]));
    await this.pass(1);
    const verdict = (await judged)[0]!;
    return verdict.kind === 'whole' ? lifetimeSec : verdict.kind === 'limited' ? verdict.seconds : 0;
  }

  /** A client gives its address back, or (declined) says that somebody uses it. */
  async end(side: Side, address: Ipv4, state: 'released' | 'declined', validLifetimeSec = 0): Promise<void> {
    const { ledger } = this.server(side);
    const nameless = state === 'declined' ? { hwAddress: '', clttSec: this.nowSec } : {};
    await ledger.transact((tx) => {
      tx.put({ ...tx.getByAddress(address)!, ...nameless, validLifetimeSec, state: LeaseState[state] });
    });
    await this.pass(1);
  }
}
