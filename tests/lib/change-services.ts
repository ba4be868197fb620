/** The services of safe changes for tests of the command layer: history in memory, no packets to explain. */

import type { ControlServices } from 'lessor/internal/control/services.js';
import { AlarmBook } from 'lessor/internal/domain/guard/alarms.js';
import { Inventory } from 'lessor/internal/domain/guard/inventory.js';
import type { AuditPort } from 'lessor/internal/services/audit.js';
import { ChangeControl } from 'lessor/internal/services/change-control.js';
import { ConfigHistory, historyInMemory } from 'lessor/internal/services/config-history.js';
import type { ConfigService } from 'lessor/internal/services/config-service.js';
import type { Clock, Logger } from 'lessor/internal/services/ports.js';
import { eventBus } from './event-bus.js';

/** What a bench may have of its own. */
export interface ChangeParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit?: AuditPort;
  readonly history?: ConfigHistory;
}

/** A change control in front of a configuration service. */
export async function changeControl(config: ConfigService, { clock, logger, audit, history }: ChangeParts) {
  const events = eventBus(clock);
  const control = new ChangeControl({
    config,
    history: history ?? (await ConfigHistory.open(historyInMemory())),
    clock,
    audit: audit ?? { record: () => undefined },
    logger,
    events,
  });
  return { config: control, changes: control, events };
}

/** For benches that change no configuration, have seen nobody, and whose listeners are not judged. */
export function noChangeServices(
  clock: Clock,
): Pick<ControlServices, 'changes' | 'events' | 'explainer' | 'guard' | 'isolation' | 'names'> {
  const none = (): never => {
    throw new Error('safe changes are tested on a real configuration service');
  };
  return {
    changes: {
      entries: [],
      pending: undefined,
      confirm: none,
      rollback: none,
      testRollback: none,
      testReload: none,
    },
    events: eventBus(clock),
    explainer: { interfaces: [], explain: none },
    guard: { inventory: new Inventory(16), alarms: new AlarmBook() },
    isolation: { states: [], check: async () => [] },
    names: { enabled: false, removed: () => undefined, resend: () => undefined },
  };
}
