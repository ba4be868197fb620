/** From one state of Kea's HA to the next: its transition table (Kea: ha_service.cc, one handler per state), as data. */

import type { HaMode } from './config.js';
import { KEA_STATES, type KeaState, type PartnerState } from './states.js';

/** What decides beside the two states. */
export interface KeaFacts {
  readonly mode: HaMode;
  readonly primary: boolean;
  /** This server is a backup. */
  readonly backup: boolean;
  /** Communication is interrupted, and what is needed for believing that the partner is down has been seen. */
  readonly dead: boolean;
  /** The clocks are too far apart, or the partner refused too many updates. */
  readonly incompatible: boolean;
  /** Leases are fetched from the partner at the start. */
  readonly syncLeases: boolean;
  /** In partner-down: updates of the partner that we have not got (its counter changed meanwhile). */
  readonly partnerHasUnsent: boolean;
  /** In load balancing: changes are kept for a partner that does not answer; and there were too many. */
  readonly keepsUpdates: boolean;
  readonly tooManyKept: boolean;
}

/** Where to go: a state, the state of normal operation of the mode, on (to syncing or ready), or nowhere. */
type Move = KeaState | 'normal' | 'fetch' | 'stay' | ((facts: KeaFacts) => KeaState | 'normal' | 'fetch' | 'stay');

/** Columns that many rows share. */
const whenDead: Move = ({ dead }) => (dead ? 'partner-down' : 'stay');
const whenOverflown: Move = ({ tooManyKept }) => (tooManyKept ? 'waiting' : 'stay');
const primaryOnly =
  (move: 'normal' | 'fetch'): Move =>
  (facts) =>
    facts.primary ? move : 'stay';

/** Rows: this server's state; columns: the partner's. What is not listed stays. `normal` is either normal state. */
type Column = Exclude<PartnerState, 'load-balancing' | 'hot-standby' | 'passive-backup' | 'backup'> | 'normal';
const TABLE: Readonly<Record<KeaState, Readonly<Partial<Record<Column, Move>>>>> = {
  waiting: {
    waiting: primaryOnly('fetch'),
    syncing: 'stay',
    ready: 'fetch',
    normal: 'fetch',
    'communication-recovery': 'fetch',
    'partner-down': 'fetch',
    'in-maintenance': 'fetch',
    'partner-in-maintenance': 'fetch',
    terminated: 'stay',
    unavailable: whenDead,
  },
  // Fetching itself leads to ready.
  syncing: { terminated: 'terminated', unavailable: whenDead },
  ready: {
    ready: primaryOnly('normal'),
    normal: 'normal',
    'communication-recovery': 'normal',
    'in-maintenance': 'partner-in-maintenance',
    'partner-in-maintenance': 'in-maintenance',
    terminated: 'terminated',
    unavailable: whenDead,
  },
  'hot-standby': {
    'partner-down': 'waiting',
    'in-maintenance': 'partner-in-maintenance',
    'partner-in-maintenance': 'in-maintenance',
    terminated: 'terminated',
    unavailable: whenDead,
  },
  'load-balancing': {
    'partner-down': 'waiting',
    'in-maintenance': 'partner-in-maintenance',
    'partner-in-maintenance': 'in-maintenance',
    terminated: 'terminated',
    unavailable: ({ dead, keepsUpdates }) => (dead ? 'partner-down' : keepsUpdates ? 'communication-recovery' : 'stay'),
  },
  'communication-recovery': {
    waiting: whenOverflown,
    syncing: whenOverflown,
    ready: whenOverflown,
    normal: 'normal',
    'communication-recovery': 'normal',
    'partner-down': 'waiting',
    'in-maintenance': 'partner-in-maintenance',
    'partner-in-maintenance': 'in-maintenance',
    terminated: 'terminated',
    unavailable: whenDead,
  },
  'partner-down': {
    ready: ({ partnerHasUnsent }) => (partnerHasUnsent ? 'waiting' : 'normal'),
    'communication-recovery': 'waiting',
    'partner-down': 'waiting',
    'partner-in-maintenance': 'waiting',
    terminated: 'terminated',
  },
  'partner-in-maintenance': { unavailable: 'partner-down' },
  'in-maintenance': {},
  'passive-backup': {},
  backup: {},
  terminated: {},
};

/** States that nothing heard from a partner ends. */
const FINAL: ReadonlySet<KeaState> = new Set(['terminated', 'in-maintenance', 'passive-backup', 'backup']);

/** The next state; the same one if nothing is to be done. */
export function nextKeaState(mine: KeaState, partner: PartnerState, facts: KeaFacts): KeaState {
  if (FINAL.has(mine)) return mine;
  if (facts.backup) return 'backup';
  if (facts.mode === 'passive-backup') return 'passive-backup';
  if (facts.incompatible) return 'terminated';
  if (isNormal(partner) && partner !== facts.mode && mine !== 'partner-in-maintenance') return 'waiting';
  // A backup is nobody to serve with.
  if (partner === 'backup' || partner === 'passive-backup') return mine;
  const column: Column = isNormal(partner) ? 'normal' : partner;
  const move = TABLE[mine][column] ?? 'stay';
  const to = typeof move === 'function' ? move(facts) : move;
  switch (to) {
    case 'stay':
      return mine;
    case 'normal':
      return facts.mode;
    case 'fetch':
      return facts.syncLeases ? 'syncing' : 'ready';
    default:
      return to;
  }
}

/**
 * Whether a server in this state answers clients whose scope is that of `side` (0 the primary's). In hot-standby all
 * clients are the primary's.
 * @param autoFailover false: what the partner serves is left alone when it is down
 */
export function servesSide(state: KeaState, mode: HaMode, ownSide: 0 | 1, side: 0 | 1, autoFailover = true): boolean {
  const { scopes } = KEA_STATES[state];
  if (scopes === 'none') return false;
  if (scopes === 'both' && (autoFailover || state !== 'partner-down')) return true;
  return mode === 'load-balancing' ? side === ownSide : ownSide === 0;
}

function isNormal(state: PartnerState): state is 'load-balancing' | 'hot-standby' {
  return state === 'load-balancing' || state === 'hot-standby';
}
