/** A pair as commands and people see it: the words and members of Kea's status-get, and lessor's own beside them. */

import type { HaConfig } from '../../domain/ha/config.js';
import { formatGmt } from '../../domain/ha/gmt.js';
import { serverNames } from '../../domain/ha/relations.js';
import { PAIR_STATES, type PairState } from '../../domain/pair/states.js';
import { type EpochMs, type EpochSec, INFINITE_LIFETIME } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import { type HaReport, SERVES_ALONE } from '../ha-report.js';
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

/** Said while leases of a partner that was given up may run. */
function blindText(untilSec: EpochSec): string {
  return (
    `until ${formatGmt(untilSec * 1000)} leases that only the partner knew may run: ` +
    'clients that renew keep their addresses, nobody else gets one'
  );
}

/**
 * Builds the report of a pair.
 * @param longestLifetimeSec the longest lease of the configuration in force: after so long what nobody knows of is over
 */
export function reportOf(
  service: Pick<PairService, 'status' | 'partnerIsDown' | 'giveUpPartner' | 'continueAlone'>,
  config: () => HaConfig,
  nowMs: () => EpochMs,
  longestLifetimeSec: () => number,
): HaReport {
  const scopesOf = (state: PairState, side: 'self' | 'partner'): string[] => {
    const { self, partner, mode } = config();
    if (state === 'partner-down') return [self.name, partner.name];
    if (!PAIR_STATES[state].serves) return [];
    const own = side === 'self' ? self : partner;
    return state === 'normal' && mode === 'hot-standby' && own.role === 'standby' ? [] : [own.name];
  };
  return {
    relationship: config().relationship,
    servers: serverNames(config()),
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
          reason: [text, more.misfit, more.blindUntilSec > 0 ? blindText(more.blindUntilSec) : undefined]
            .filter((part) => part !== undefined)
            .join('; '),
          'partner-state': partner?.state ?? 'unknown',
          connected,
          compared: more.compared,
          epoch: more.epoch,
          unconfirmed: more.unconfirmed,
          drift: more.drift.map(({ section, changedOn }) => ({ section, 'changed-on': changedOn })),
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
      const { state, text, blindUntilSec } = service.status;
      return blindUntilSec > 0
        ? { ready: false, reason: blindText(blindUntilSec) }
        : { ready: PAIR_STATES[state].gives, reason: text };
    },
    partnerIsDown(giveUp) {
      if (giveUp === undefined) {
        service.partnerIsDown();
        return SERVES_ALONE;
      }
      const waitSec = giveUp.waitSec ?? longestLifetimeSec();
      if (waitSec >= INFINITE_LIFETIME) {
        const text = 'leases without end are configured: say in "wait" how many seconds leases nobody knows of may run';
        throw new CommandError('command-invalid', text);
      }
      service.giveUpPartner(waitSec);
      const { blindUntilSec } = service.status;
      return `${SERVES_ALONE}. ${blindUntilSec > 0 ? blindText(blindUntilSec) : 'Every free address is given at once'}`;
    },
    continueAlone: () => service.continueAlone(),
  };
}
