/** The states of Kea's HA, and what each means for clients and for lease updates, as a table (Kea: ha_service_states). */

/** A state of {@link KEA_STATES}, as it is written on the wire. */
export type KeaState =
  | 'waiting'
  | 'syncing'
  | 'ready'
  | 'load-balancing'
  | 'hot-standby'
  | 'communication-recovery'
  | 'passive-backup'
  | 'backup'
  | 'partner-down'
  | 'partner-in-maintenance'
  | 'in-maintenance'
  | 'terminated';

/** What a state means. */
export interface KeaStateRow {
  /** Whose clients are answered. */
  readonly scopes: 'none' | 'own' | 'both';
  /** The partner is told of leases, and an ACK waits for its answer. */
  readonly updates: boolean;
  /** Said to people. */
  readonly text: string;
}

/** The table. */
export const KEA_STATES: Readonly<Record<KeaState, KeaStateRow>> = {
  waiting: { scopes: 'none', updates: false, text: 'waiting for the partner before the leases are fetched' },
  syncing: { scopes: 'none', updates: false, text: 'fetching the leases of the partner' },
  ready: { scopes: 'none', updates: false, text: 'all leases are here; waiting for the partner to serve with' },
  'load-balancing': { scopes: 'own', updates: true, text: 'both servers serve, each its half of the clients' },
  'hot-standby': { scopes: 'own', updates: true, text: 'both servers are up; the primary serves' },
  'communication-recovery': {
    scopes: 'own',
    updates: false,
    text: 'the partner does not answer: both serve their half of the clients, and what changes is kept for the partner',
  },
  'passive-backup': { scopes: 'own', updates: false, text: 'this server serves alone and sends copies to its backups' },
  backup: { scopes: 'none', updates: false, text: 'this server gets copies of the leases and serves nobody' },
  'partner-down': { scopes: 'both', updates: false, text: 'the partner is down: this server serves everybody' },
  'partner-in-maintenance': {
    scopes: 'both',
    updates: true,
    text: 'the partner is about to be stopped: this server serves everybody',
  },
  'in-maintenance': {
    scopes: 'none',
    updates: false,
    text: 'in maintenance: the partner serves, this server may be stopped',
  },
  terminated: {
    scopes: 'own',
    updates: false,
    text: 'the servers can not work together (clocks, or refused lease updates): correct that and restart both',
  },
};

/** What a partner can be in: a state of ours, or nothing is heard of it. */
export type PartnerState = KeaState | 'unavailable';

/** The state a heartbeat tells; undefined if it is no word of Kea's. */
export function parsePartnerState(text: string): KeaState | undefined {
  return Object.hasOwn(KEA_STATES, text) ? (text as KeaState) : undefined;
}
