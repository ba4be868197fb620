/** A pair as commands and people see it: the words and members of Kea's status-get, and lessor's own beside them. */

import type { HaConfig } from '../../domain/ha/config.js';
import { formatGmt } from '../../domain/ha/gmt.js';
import { PAIR_STATES, type PairState } from '../../domain/pair/states.js';
import type { EpochMs } from '../../domain/values.js';
import type { HaReport } from '../ha-report.js';
import type { PairService } from './pair-service.js';

/** Kea's word for each state, for tools that know Kea's only. */
function keaState(state: PairState, { mode }: HaConfig): string {
  switch (state) {
    case 'starting':
      return 'waiting';
    case 'recovering':
      return 'syncing';
    case 'normal':
      return mode;
    case 'interrupted':
      return 'communication-recovery';
    case 'partner-down':
      return 'partner-down';
  }
}

/** Builds the report of a pair. */
export function reportOf(
  service: Pick<PairService, 'status' | 'partnerIsDown' | 'continueAlone'>,
  config: () => HaConfig,
  nowMs: () => EpochMs,
): HaReport {
  const scopesOf = (state: PairState, side: 'self' | 'partner'): string[] => {
    const { self, partner, mode } = config();
    if (state === 'partner-down') return [self.name, partner.name];
    if (!PAIR_STATES[state].serves) return [];
    const own = side === 'self' ? self : partner;
    return state === 'normal' && mode === 'hot-standby' && own.role === 'standby' ? [] : [own.name];
  };
  return {
    status() {
      const { state, text, partner, connected, ...more } = service.status;
      const { self, partner: other, mode, relationship } = config();
      return {
        'ha-mode': mode,
        'ha-servers': {
          local: {
            role: self.role,
            scopes: scopesOf(state, 'self'),
            'server-name': self.name,
            state: keaState(state, config()),
            'system-time': formatGmt(nowMs()),
          },
          remote: {
            role: other.role,
            'server-name': other.name,
            'in-touch': partner !== undefined,
            'last-state': partner === undefined ? 'unavailable' : keaState(partner.state, config()),
            'last-scopes': partner === undefined ? [] : scopesOf(partner.state, 'partner'),
            'communication-interrupted': !connected,
            'clock-skew': partner === undefined ? null : more.skewSec,
          },
        },
        lessor: {
          protocol: 'lessor-pair',
          relationship,
          state,
          reason: more.misfit === undefined ? text : `${text}; ${more.misfit}`,
          'partner-state': partner?.state ?? 'unknown',
          connected,
          compared: more.compared,
          epoch: more.epoch,
          unconfirmed: more.unconfirmed,
        },
      };
    },
    heartbeat() {
      const { state, unconfirmed } = service.status;
      return {
        state: keaState(state, config()),
        'date-time': formatGmt(nowMs()),
        scopes: scopesOf(state, 'self'),
        'unsent-update-count': unconfirmed,
      };
    },
    readiness() {
      const { state, text } = service.status;
      return { ready: PAIR_STATES[state].gives, reason: text };
    },
    partnerIsDown: () => service.partnerIsDown(),
    continueAlone: () => service.continueAlone(),
  };
}
