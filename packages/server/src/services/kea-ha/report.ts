/** status-get and the rest of what is said of a pair with a Kea partner (Kea: ha_relationship status report). */

import type { HaConfig } from '../../domain/ha/config.js';
import { formatSystemTime } from '../../domain/ha/gmt.js';
import { serverNames } from '../../domain/ha/relations.js';
import { KEA_STATES } from '../../domain/ha/states.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochMs } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import { type HaReport, SERVES_ALONE } from '../ha-report.js';
import type { KeaHaService } from './kea-ha-service.js';
import { isKeaCommand, type OperatorParts, runKeaCommand } from './operator.js';

/** Builds the report. */
export function keaReport(operator: OperatorParts, nowMs: () => EpochMs): HaReport {
  const { service, config } = operator;
  return {
    relationship: config().relationship,
    servers: serverNames(config()),
    status() {
      const { self, mode } = config();
      const { state, reason, hasPartner, inTouch, partner } = service.status;
      // As Kea 3 has it: no time is told while nobody answers to compare it with.
      const heard = hasPartner && inTouch && partner !== 'unavailable';
      const local = {
        role: self.role,
        scopes: service.scopes,
        'server-name': self.name,
        state,
        'system-time': heard ? formatSystemTime(nowMs()) : null,
      };
      return {
        'ha-mode': mode,
        'ha-servers': { local, ...(hasPartner ? { remote: remoteOf(service, config(), heard, nowMs()) } : {}) },
        lessor: {
          protocol: 'kea',
          state,
          reason,
          'partner-state': hasPartner ? partner : 'none',
          connected: hasPartner ? !service.status.interrupted : true,
        },
      };
    },
    heartbeat: () => service.heartbeatAnswer(),
    readiness() {
      const { state, reason } = service.status;
      return { ready: KEA_STATES[state].scopes !== 'none', reason };
    },
    partnerIsDown(giveUp) {
      if (giveUp !== undefined) {
        const text = '"without-its-leases" is for a pair of lessors: with a Kea partner ha-partner-down alone does it';
        throw new CommandError('command-invalid', text);
      }
      service.partnerIsDown();
      return SERVES_ALONE;
    },
    command: (name, args) => (isKeaCommand(name) ? runKeaCommand(name, args, operator) : undefined),
  };
}

function remoteOf(service: KeaHaService, { partner, kea }: HaConfig, heard: boolean, now: EpochMs): JsonMap {
  const seen = service.status;
  return {
    age: seen.ageSec,
    'analyzed-packets': seen.analyzed,
    'clock-skew': heard ? seen.skewSec : null,
    'communication-interrupted': seen.interrupted,
    'connecting-clients': seen.connecting,
    'in-touch': seen.inTouch,
    'last-scopes': seen.partnerScopes,
    'last-state': seen.inTouch || seen.partner !== 'unavailable' ? seen.partner : '',
    role: partner.role,
    'server-name': partner.name,
    'system-time': heard ? formatSystemTime(now + seen.skewSec * 1000) : null,
    'unacked-clients': seen.unanswered,
    'unacked-clients-left': seen.interrupted ? Math.max(0, kea.maxUnackedClients + 1 - seen.unanswered) : 0,
  };
}
