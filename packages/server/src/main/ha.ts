/** The other server of a pair: its file, its listener and the way to it, and who takes part in a change of configuration. */

import type { Exchange } from '../domain/exchange.js';
import { type HaConfig, sideOfRole } from '../domain/ha/config.js';
import { sideOfClient } from '../domain/ha/scopes.js';
import { atOnce } from '../domain/slices.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { formatIpv4, type Ipv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import { bindDeviceSocket } from '../platform/device-listener.js';
import { AddressRefresh } from '../services/address-refresh.js';
import type { AddressSpace } from '../services/address-space.js';
import { auditToLogger } from '../services/audit.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import { inSlices } from '../services/in-slices.js';
import type { Ledger } from '../services/ledger.js';
import { type Fingerprints, fingerprintsOf } from '../services/pair/fingerprints.js';
import type { PairMemory } from '../services/pair/memory.js';
import { openPairMemory } from '../services/pair/open-memory.js';
import { describeDropped, type PairAlarm, PairService } from '../services/pair/pair-service.js';
import { type PairReport, reportOf } from '../services/pair/report.js';
import { nodeFileOps } from '../store/file-ops.js';
import { DiskPairFile } from '../store/pair-file.js';
import { PeerClient } from '../transports/peer-client.js';
import { PeerListener } from '../transports/peer-listener.js';
import type { Base } from './base.js';

const SERVER_ID = 54;

/** What a pair is put together from. */
export interface PairSurroundings {
  readonly ha: HaConfig;
  readonly snapshot: ConfigSnapshot;
  readonly ledger: Ledger;
  /** Asked when something is settled, which is not before the pair is open. */
  readonly addresses: () => AddressSpace;
  /** There was no lease file when the process started. */
  readonly leaseFileMissing: boolean;
}

/** One server's half of a pair. */
export interface Pair extends SwapParticipant {
  readonly service: PairService;
  /** What is said of it. */
  readonly report: PairReport;
  /** Begins to listen to the partner and to talk to it. @throws LessorError */
  start(): Promise<void>;
  /** Calls `told` of everything an operator should hear of. */
  onAlarm(told: (alarm: PairAlarm) => void): void;
}

/**
 * Opens this server's half of a pair; nothing is sent before `start`.
 * @throws StoreError, LessorError
 */
export function openPair(base: Base, surroundings: PairSurroundings): Pair {
  const { clock, logger, ending } = base;
  const { snapshot, ledger, addresses, leaseFileMissing } = surroundings;
  let ha = surroundings.ha;
  const haLogger = logger.child('ha-hooks');
  const { path, persist } = snapshot.leaseDatabase;
  if (!persist) {
    throw new LessorError(
      'config-conflict',
      'a server of a pair has to keep its leases on disk: "persist" must be true',
    );
  }
  const nowSec = Math.floor(clock.now() / 1000);
  const { memory, databaseLost } = openPairMemory(new DiskPairFile(`${path}.pair`, nodeFileOps), {
    ...{ ha, pools: snapshot.pools, leases: ledger.leases, nowSec, leaseFileMissing },
  });
  const client = new PeerClient(ha, clock);
  ending.onEnd(() => client.close());
  const refresh = new AddressRefresh(addresses, clock);
  ending.onEnd(() => refresh.stop());
  let fingerprints = atOnce(fingerprintsOf(snapshot));
  const listeners: ((alarm: PairAlarm) => void)[] = [];
  const service = new PairService({
    settings: { mode: ha.mode, heartbeatDelayMs: ha.heartbeatDelayMs, ...ha.safe },
    memory,
    ledger,
    clock,
    logger: haLogger,
    call: (command, args, timeoutMs) => client.call(command, args, timeoutMs),
    fingerprints: () => fingerprints,
    sideOf: (exchange) => answeringSide(exchange, ha),
    isAddressed,
    onSettled: (address) => {
      if (address === undefined) refresh.everything();
      else addresses().refresh(address);
    },
    onAlarm(alarm) {
      // A change of state has been logged where it happened.
      if (alarm.kind !== 'state') haLogger.log('WARN', ALARM_IDS[alarm.kind], alarmText(alarm), { ...alarm });
      for (const told of listeners) told(alarm);
      refresh.repeat(service.status.state === 'partner-down');
    },
    databaseLost,
  });

  const parts = {
    clock,
    audit: auditToLogger(logger.child('audit')),
    bindDevice: bindDeviceSocket,
    answer: (command: string, args: Parameters<PairService['answer']>[1]) => service.answer(command, args),
  };
  let listener: PeerListener | undefined;
  const start = async (): Promise<void> => {
    const opened = await PeerListener.open(ha, parts);
    listener = opened;
    ending.onEnd(() => opened.close());
    // When no client is served any more, and the partner can still be told.
    ending.onEnd(() => service.stop());
    service.start();
  };
  const use = (next: HaConfig, known: Fingerprints, pools: ConfigSnapshot['pools']): void => {
    ha = next;
    fingerprints = known;
    divide(memory, pools, next);
  };
  return {
    name: 'high-availability',
    service,
    report: reportOf(
      service,
      () => ha,
      () => clock.now(),
    ),
    start,
    onAlarm: (told) => void listeners.push(told),
    async prepare(next): Promise<PreparedSwap> {
      const wanted = next.ha;
      if (wanted === undefined || !samePlaces(ha, wanted))
        throw new LessorError('config-unsupported', NOT_WHILE_RUNNING);
      const known = await inSlices(fingerprintsOf(next), clock);
      return {
        commit() {
          use(wanted, known, next.pools);
          client.useConfig(wanted);
          listener?.useConfig(wanted);
        },
        abandon: () => undefined,
      };
    },
    prepareChange: (next) => ({
      commit: () => void inSlices(fingerprintsOf(next), clock).then((known) => use(ha, known, next.pools)),
      abandon: () => undefined,
    }),
  };
}

const NOT_WHILE_RUNNING =
  'the servers of a pair, their urls and the mode can not be changed while the server runs: restart it';

/** True if only what can be followed while running is different: certificates, passwords. */
function samePlaces(a: HaConfig, b: HaConfig): boolean {
  const fixed = ({ relationship, mode, self, partner, device, heartbeatDelayMs, safe }: HaConfig): string =>
    JSON.stringify([
      ...[relationship, mode, device, heartbeatDelayMs, safe],
      ...[self, partner].map(({ name, role, address, port, tls }) => [name, role, address, port, tls !== undefined]),
    ]);
  return fixed(a) === fixed(b);
}

/** New pools are divided between the servers, what was owned stays so. */
function divide(memory: PairMemory, pools: ConfigSnapshot['pools'], { safe }: HaConfig): void {
  const { ranges } = memory.ownership.over(pools, safe.shareOfSide1);
  if (JSON.stringify(ranges) !== JSON.stringify(memory.file.ownership)) memory.update({ ownership: ranges });
}

/** Who answers a client while both servers are up. A client without any identification is the primary's. */
function answeringSide({ identity }: Exchange, { mode }: HaConfig): 0 | 1 {
  if (mode === 'hot-standby') return sideOfRole('primary');
  return sideOfClient(identity.clientId, identity.hwAddress) ?? sideOfRole('primary');
}

/** A client that talks to this server in particular: by unicast of its own, or naming it. A relay sends to both. */
function isAddressed({ message, arrival }: Exchange): boolean {
  const named = message.option(SERVER_ID);
  if (named !== undefined) return named.length === 4 && addressIn(named) === arrival.interfaceAddress;
  return message.giaddr === 0 && arrival.destination === arrival.interfaceAddress;
}

function addressIn(octets: Uint8Array): Ipv4 {
  return Buffer.from(octets.buffer, octets.byteOffset, 4).readUInt32BE(0);
}

const ALARM_IDS: Readonly<Record<Exclude<PairAlarm['kind'], 'state'>, string>> = {
  'dropped-binding': 'LESSOR_PAIR_BINDING_DROPPED',
  misfit: 'LESSOR_PAIR_MISFIT',
  drift: 'LESSOR_PAIR_DRIFT',
  skew: 'LESSOR_PAIR_SKEW',
};

/** An alarm as people read it. */
export function alarmText(alarm: PairAlarm): string {
  switch (alarm.kind) {
    case 'state':
      return `${alarm.from} -> ${alarm.to}: ${alarm.reason}`;
    case 'dropped-binding':
      return `${formatIpv4(alarm.address)} was given to two clients: ${describeDropped(alarm.address, alarm.dropped)}`;
    case 'misfit':
      return `no pair: ${alarm.text}`;
    case 'drift':
      return 'the configurations of the two servers are not the same';
    case 'skew':
      return `the clock of the partner is ${alarm.seconds} s ahead of ours`;
  }
}
