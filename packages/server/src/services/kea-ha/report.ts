/** status-get and the rest of what is said of a pair with a Kea partner (Kea: ha_relationship status report). */

import type { HaConfig } from '../../domain/ha/config.js';
import { formatGmt } from '../../domain/ha/gmt.js';
import { KEA_STATES } from '../../domain/ha/states.js';
import type { EpochMs } from '../../domain/values.js';
import type { HaReport } from '../ha-report.js';
import type { KeaHaService } from './kea-ha-service.js';

/** Builds the report. */
export function keaReport(service: KeaHaService, config: () => HaConfig, nowMs: () => EpochMs): HaReport {
  return {
    status() {
      const { self, partner, mode, kea } = config();
      const { state, reason, ...seen } = service.status;
      const now = nowMs();
      return {
        'ha-mode': mode,
        'ha-servers': {
          local: {
            role: self.role,
            scopes: service.scopes,
            'server-name': self.name,
            state,
            'system-time': formatGmt(now),
          },
          remote: {
            age: seen.ageSec,
            'analyzed-packets': seen.analyzed,
            'clock-skew': seen.inTouch ? seen.skewSec : null,
            'communication-interrupted': seen.interrupted,
            'connecting-clients': seen.connecting,
            'in-touch': seen.inTouch,
            'last-scopes': seen.partnerScopes,
            'last-state': seen.partner,
            role: partner.role,
            'server-name': partner.name,
            'system-time': seen.inTouch ? formatGmt(now + seen.skewSec * 1000) : null,
            'unacked-clients': seen.unanswered,
            'unacked-clients-left': Math.max(0, kea.maxUnackedClients + 1 - seen.unanswered),
          },
        },
        lessor: { protocol: 'kea', state, reason, 'partner-state': seen.partner, connected: !seen.interrupted },
      };
    },
    heartbeat: () => service.heartbeatAnswer(),
    readiness() {
      const { state, reason } = service.status;
      return { ready: KEA_STATES[state].scopes !== 'none', reason };
    },
    partnerIsDown: () => service.partnerIsDown(),
    continueAlone: () => undefined,
    reset: () => service.reset(),
    maintenance: (cancel) => service.maintenance(cancel),
  };
}
