/** The half of a pair whose partner is a lessor: the safe protocol (docs/design-ha.md), put together. */

import type { Exchange } from '../domain/exchange.js';
import { type HaConfig, sideOfRole } from '../domain/ha/config.js';
import { sideOfClient } from '../domain/ha/scopes.js';
import type { Lease } from '../domain/lease.js';
import { atOnce } from '../domain/slices.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { formatIpv4, INFINITE_LIFETIME, type Ipv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import { AddressRefresh } from '../services/address-refresh.js';
import { inSlices } from '../services/in-slices.js';
import { BackupCopies } from '../services/kea-ha/backups.js';
import type { LeaseStamp } from '../services/ledger.js';
import { ConfigExchange, describeDrift } from '../services/pair/config-exchange.js';
import { type Fingerprints, fingerprintsOf } from '../services/pair/fingerprints.js';
import type { PairMemory } from '../services/pair/memory.js';
import { openPairMemory } from '../services/pair/open-memory.js';
import { describeDropped, describeSection, type PairAlarm, type SectionDrift } from '../services/pair/pair-parts.js';
import { PairService } from '../services/pair/pair-service.js';
import { reportOf } from '../services/pair/report.js';
import { nodeFileOps } from '../store/file-ops.js';
import { DiskPairFile } from '../store/pair-file.js';
import type { Base } from './base.js';
import type { Half, HalfParts, HaNotice } from './ha-half.js';
import { backupPeers } from './ha-kea.js';

const SERVER_ID = 54;

/** Leases without versions, as Kea's protocol has them. */
const NO_STAMP: LeaseStamp = {
  put: (lease) => lease,
  remove: () => undefined,
  committed: () => undefined,
  undone: () => undefined,
};

/** Opens it. @throws StoreError, LessorError */
export function openSafeHalf({ clock, ending }: Base, parts: HalfParts): Half {
  const { config, snapshot, ledger, addresses, leaseFileMissing, client, logger } = parts;
  const ha = config();
  if (!snapshot.leaseDatabase.persist) {
    const message = 'a server of a pair has to keep its leases on disk: "persist" must be true';
    throw new LessorError('config-conflict', message);
  }
  const nowSec = Math.floor(clock.now() / 1000);
  const memory = openPairMemory(new DiskPairFile(`${parts.files}.pair`, nodeFileOps), {
    ...{ ha, pools: snapshot.pools, leases: ledger.leases, nowSec, leaseFileMissing },
    ...(parts.ofHub ? { subnetIds: snapshot.subnets.map(({ id }) => id) } : {}),
  });
  // From here on setting the clock of the machine ends no lease early, also over a restart.
  clock.hold(memory.file.clockOffsetMs);
  const refresh = new AddressRefresh(addresses, clock);
  ending.onEnd(() => refresh.stop());
  let fingerprints = atOnce(fingerprintsOf(snapshot));
  const service = new PairService({
    settings: {
      mode: ha.mode === 'load-balancing' ? ha.mode : 'hot-standby',
      heartbeatDelayMs: ha.heartbeatDelayMs,
      ...ha.safe,
    },
    memory,
    ledger,
    clock,
    logger,
    async call(command, args, timeoutMs) {
      const answered = await client.call(command, args, timeoutMs);
      if (command === 'ha-heartbeat') parts.heard(answered);
      return answered;
    },
    fingerprints: () => fingerprints,
    sideOf: (exchange) => answeringSide(exchange, ha),
    isAddressed,
    onSettled: (address) => {
      if (address === undefined) refresh.everything();
      else addresses().refresh(address);
    },
    onAlarm(alarm) {
      if (alarm.kind === 'drift') void sayDrift(alarm.sections);
      else if (alarm.kind === 'misfit' && alarm.addressSpace) void sayMisfit(alarm.text);
      else parts.notice(noticeOf(alarm));
      refresh.repeat(memory.file.state === 'partner-down');
    },
    clockOffsetMs: () => clock.offsetMs,
    setClockBack: (byMs) => clock.setBack(byMs),
    pools: () => parts.current().pools,
    freeIn: (pool) => addresses().freeCount(pool),
    isFree: (address, pool) => addresses().isFree(address, pool),
  });
  /** Drift is told with its places; if the partner does not say them, without. */
  async function sayDrift(sections: readonly SectionDrift[]): Promise<void> {
    const places = await exchange.drift().then(describeDrift, (error: Error) => error.message);
    const which = sections.map((one) => describeSection(one, config().partner.name)).join(', ');
    const text = `the configurations of the two servers are not the same${which && ` (${which})`}: ${places}`;
    parts.notice({ kind: 'alarm', alarm: 'drift', text });
  }
  /** The same of what keeps the two from being a pair. */
  async function sayMisfit(text: string): Promise<void> {
    const drift = await exchange.drift().catch(() => []);
    const places = describeDrift(drift.filter(({ section }) => section === 'address-space'));
    parts.notice({ kind: 'alarm', alarm: 'misfit', text: `no pair: ${text}${places && `: ${places}`}` });
  }
  const copies = openBackups(clock, parts);
  const exchange = new ConfigExchange({
    current: parts.current,
    call: (command, args, timeoutMs) => client.call(command, args, timeoutMs),
    accepts: () => config().safe.acceptsConfiguration,
    partnerName: () => config().partner.name,
  });
  parts.onTake((take) => {
    exchange.take = take;
  });
  const use = (known: Fingerprints, { pools, subnets }: ConfigSnapshot): void => {
    fingerprints = known;
    divide(memory, pools, config());
    if (parts.ofHub) memory.remember({ covers: subnets.map(({ id }) => id) });
  };
  return {
    redundancy: service,
    report: {
      ...reportOf(
        service,
        config,
        () => clock.now(),
        () => longestLifetimeSec(parts.current()),
      ),
      configDiff: () => exchange.drift(),
      configPush: (apply) => exchange.push(apply),
    },
    mayReclaim: (lease) => service.rules.mayReclaim(lease),
    async answer(command, args) {
      const answered = (await exchange.answer(command, args)) ?? (await service.answer(command, args));
      return { result: 0, text: `${command}: done`, arguments: answered };
    },
    start: () => service.start(),
    async stop() {
      await service.stop();
      await copies.stop();
    },
    async retire() {
      await service.stop();
      await copies.stop();
      refresh.stop();
      ledger.useStamp(NO_STAMP);
    },
    async prepare(next) {
      const known = await inSlices(fingerprintsOf(next), clock);
      return () => use(known, next);
    },
    follow: (next) => void inSlices(fingerprintsOf(next), clock).then((known) => use(known, next)),
  };
}

/** Copies for backup servers, which speak Kea's protocol and are not waited for. */
function openBackups(clock: Base['clock'], parts: HalfParts): BackupCopies {
  const { ledger, logger } = parts;
  const lease = (address: Ipv4): Lease | undefined => ledger.leases.getByAddress(address);
  const copies = new BackupCopies({ peers: backupPeers(parts), lease, clock, logger });
  ledger.observeDurable((address, before, after) => copies.changed(address, before, after));
  return copies;
}

/** The longest lease there can be, in seconds; 2^32 - 1 if there are leases without end. */
function longestLifetimeSec({ subnets, classes, bootpEnabled, guard }: ConfigSnapshot): number {
  if (bootpEnabled) return INFINITE_LIFETIME;
  const ofSubnets = subnets.map(({ lifetime }) => lifetime.maxSec);
  const ofClasses = classes.map(({ lifetime }) => lifetime?.maxSec ?? 0);
  return [...ofSubnets, ...ofClasses, guard?.quarantineLifetimeSec ?? 0].reduce((a, b) => Math.max(a, b), 0);
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

function noticeOf(alarm: Exclude<PairAlarm, { readonly kind: 'drift' }>): HaNotice {
  if (alarm.kind === 'state') return alarm;
  return { kind: 'alarm', alarm: alarm.kind, text: alarmText(alarm) };
}

function alarmText(alarm: Exclude<PairAlarm, { readonly kind: 'state' | 'drift' }>): string {
  switch (alarm.kind) {
    case 'dropped-binding':
      return `${formatIpv4(alarm.address)} was given to two clients: ${describeDropped(alarm.address, alarm.dropped)}`;
    case 'misfit':
      return `no pair: ${alarm.text}`;
    case 'clock-set':
      return `the clock of this machine was set by ${alarm.seconds} s: leases are still reckoned by the time before`;
    case 'skew':
      return `the clock of the partner differs from ours by ${alarm.seconds} s`;
  }
}
