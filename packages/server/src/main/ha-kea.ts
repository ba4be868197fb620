/** The half of a pair whose partner is a Kea, put together. */

import { parseDate } from '../platform/clock.js';
import { answerKea } from '../services/kea-ha/answers.js';
import { KeaHaService } from '../services/kea-ha/kea-ha-service.js';
import { keaReport } from '../services/kea-ha/report.js';
import type { Base } from './base.js';
import type { Half, HalfParts } from './ha.js';

/** Opens it. */
export function openKeaHalf({ clock }: Base, parts: HalfParts): Half {
  const { config, current, ledger, serviceSwitch, client, logger } = parts;
  const service = new KeaHaService({
    config,
    ledger,
    clock,
    logger,
    ask: (command, args, timeoutMs) => client.ask(command, args, timeoutMs),
    parseTime: parseDate,
    onState: (from, to, reason) => parts.notice({ kind: 'state', from, to, reason }),
  });
  const answers = { service, leases: ledger.leases, serviceSwitch, snapshot: current };
  return {
    redundancy: service,
    report: keaReport(service, config, () => clock.now()),
    // Each server reclaims by its own clock, as two Keas do.
    mayReclaim: () => true,
    answer: (command, args) => answerKea(command, args, answers),
    start: () => service.start(),
    stop: () => service.stop(),
    prepare: async () => () => undefined,
    follow: () => undefined,
  };
}
