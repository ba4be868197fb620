/** A simulated server's half of one relation, put together as main/ha-safe.ts does it. */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { JsonMap, Pool } from 'lessor/internal/domain/snapshot.js';
import type { Ipv4 } from 'lessor/internal/domain/values.js';
import type { AddressSpace } from 'lessor/internal/services/address-space.js';
import type { LedgerPart } from 'lessor/internal/services/ledger.js';
import { openPairMemory } from 'lessor/internal/services/pair/open-memory.js';
import type { PairAlarm, PairParts } from 'lessor/internal/services/pair/pair-parts.js';
import { PairService } from 'lessor/internal/services/pair/pair-service.js';
import type { Logger, PairFileStore } from 'lessor/internal/services/ports.js';
import type { SteadyClock } from 'lessor/internal/services/steady-clock.js';
import { clientOfHwAddress } from './message.js';
import type { Mutation } from './mutations.js';
import type { RunSettings } from './plan.js';

/** What the fingerprints say of the configuration. */
export type Drift = 'none' | 'configuration' | 'space';

/** What it is put together from. */
export interface HalfSurroundings {
  readonly relation: RelationIndex;
  readonly side: Side;
  /** This server is in several relations. */
  readonly ofHub: boolean;
  readonly settings: RunSettings;
  readonly mutation: Mutation;
  readonly files: PairFileStore;
  readonly ledger: LedgerPart;
  readonly pools: readonly Pool[];
  readonly addresses: AddressSpace;
  readonly clock: SteadyClock;
  readonly logger: Logger;
  readonly leaseFileMissing: boolean;
  /** Of this server in the subnet of the relation. */
  readonly ownAddress: Ipv4;
  readonly drift: () => Drift;
  /** How long the process has been stopped in all. */
  readonly frozenMs: () => number;
  readonly call: (command: string, args: JsonMap, timeoutMs: number) => Promise<JsonMap>;
  readonly onAlarm: (alarm: PairAlarm) => void;
}

/** See the head of this file. */
export interface Half {
  readonly pair: PairService;
  readonly parts: PairParts;
}

/** Opens it; nothing is sent before `pair.start`. */
export function openHalf(around: HalfSurroundings): Half {
  const { relation, side, settings, mutation, ledger, pools, addresses, clock, ofHub } = around;
  const nowSec = Math.floor(clock.now() / 1000);
  const role = side === 0 ? 'primary' : 'standby';
  const memory = openPairMemory(mutation.pairFile(around.files), {
    ...{ ha: { relationship: `sim${relation}`, self: { role }, safe: settings }, pools, leases: ledger.leases, nowSec },
    leaseFileMissing: around.leaseFileMissing,
    ...(ofHub ? { subnetIds: [...new Set(pools.map(({ subnetId }) => subnetId))] } : {}),
  });
  if (mutation.steady) clock.hold(memory.file.clockOffsetMs);
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
    logger: around.logger,
    call: (command, args, timeoutMs) =>
      around.call(command, mutation.sent(args), timeoutMs).then((answer) => mutation.received(answer, bare)),
    fingerprints: () => ({
      addressSpace: around.drift() === 'space' ? 'other' : 'same',
      configuration: around.drift() === 'configuration' ? 'other' : 'same',
    }),
    sideOf: ({ identity }) =>
      settings.mode === 'hot-standby' ? 0 : (((clientOfHwAddress(identity.hwAddress) ?? 0) % 2) as Side),
    isAddressed: ({ arrival, message }) => arrival.destination === around.ownAddress && message.giaddr === 0,
    onSettled: (address) => {
      if (address !== undefined) addresses.refresh(address);
      else for (const pool of pools) for (let a = pool.first; a <= pool.last; a++) addresses.refresh(a);
    },
    onAlarm: around.onAlarm,
    clockOffsetMs: () => clock.offsetMs,
    setClockBack: (byMs) => clock.setBack(byMs),
    pools: () => pools,
    freeIn: (pool) => addresses.freeCount(pool),
    isFree: (address, pool) => addresses.isFree(address, pool),
  };
  const parts = mutation.parts(bare, around.frozenMs);
  const pair = new PairService(parts);
  mutation.service(pair, parts);
  return { pair, parts };
}
