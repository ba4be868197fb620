/** The guard of BMC networks of a server: its memory across restarts, and the presence ping. */

import { basename, join } from 'node:path';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { historyDirectory } from '../platform/history-files.js';
import { openPingSocket } from '../platform/ping-socket.js';
import { historyInMemory } from '../services/config-history.js';
import { Guard } from '../services/guard/guard.js';
import { InventoryFile } from '../services/guard/inventory-file.js';
import { PresenceProber } from '../services/guard/presence-prober.js';
import type { PrivateFiles } from '../services/ports.js';
import type { metricsText } from '../transports/metrics-http.js';
import type { Base } from './base.js';
import type { Leases } from './leases.js';

/** The guard of a server. It does nothing as long as no configuration has a `bmc-guard` block. */
export interface BmcGuard {
  readonly guard: Guard;
  /** Tells it what is in force. */
  follow(snapshot: () => ConfigSnapshot): void;
}

/** Makes the guard, with the inventory of the last run. */
export async function openGuard(base: Base, { ledger, statistics }: Leases): Promise<BmcGuard> {
  const { clock, random, ending } = base;
  const logger = base.logger.child('guard');
  const guard = new Guard({ random, logger, statistics });
  const file = new InventoryFile({ files: inventoryFiles(base), inventory: guard.inventory, clock, logger });
  await file.load();
  guard.onInventoryChange(() => file.changed());
  ending.onEnd(() => file.close());
  const prober = new PresenceProber({ clock, logger, open: openPingSocket });
  ending.onEnd(() => prober.close());
  ledger.observeDurable((address, _before, after) => guard.leaseChanged(address, after));
  return {
    guard,
    follow(snapshot) {
      guard.onSuspectLeased((suspect) => {
        const config = snapshot().guard?.presencePing;
        if (config?.enabled !== true || !prober.ask(suspect, config)) return;
        guard.presence(suspect, undefined, snapshot(), clock.now());
      });
      prober.onAnswer((suspect, text) => guard.presence(suspect, text, snapshot(), clock.now()));
    },
  };
}

/** In the data directory, named after the configuration file; an embedded server's is gone with it. */
function inventoryFiles({ options, log, environment }: Base): PrivateFiles {
  const { config } = options;
  if (config.kind !== 'file' || log === undefined) return historyInMemory();
  const name = `${basename(config.path).replace(/\.[^.]*$/, '')}.guard`;
  return historyDirectory(join(environment().directories.data, name));
}

/** The guard in numbers; nothing where it never saw anybody. */
export function guardGauges({ inventory, alarms }: Guard): NonNullable<Parameters<typeof metricsText>[1]> {
  if (inventory.size === 0 && alarms.all.length === 0) return {};
  return {
    lessor_guard_devices: { value: inventory.size, help: 'devices in the inventory of BMCs' },
    lessor_guard_open_alarms: { value: alarms.open, help: 'alarms of the guard that nobody acknowledged' },
  };
}
