/** The states of one server of a pair, and what each allows, as a table (docs/design-ha.md, "States"). */

/** A state of {@link PAIR_STATES}. */
export type PairState = 'starting' | 'recovering' | 'normal' | 'interrupted' | 'partner-down';

/** What a state allows. */
export interface PairStateRow {
  /** Clients are answered at all. */
  readonly serves: boolean;
  /** Addresses that nobody holds are given out. */
  readonly gives: boolean;
  /** How far a lease may be extended: as configured, to MCLT past what the partner has stored, or not past its end. */
  readonly extends: 'whole' | 'lead-time' | 'never';
  /** A client may be told that its address is not one it may have. */
  readonly refuses: boolean;
  /** Leases that ran out are reclaimed. */
  readonly reclaims: boolean;
  /** Said to people. */
  readonly text: string;
}

/** The table. */
export const PAIR_STATES: Readonly<Record<PairState, PairStateRow>> = {
  starting: {
    serves: true,
    gives: false,
    extends: 'never',
    refuses: false,
    reclaims: false,
    text: 'no contact with the partner since the start: leases in force are confirmed, nothing new is promised',
  },
  recovering: {
    serves: false,
    gives: false,
    extends: 'never',
    refuses: false,
    reclaims: false,
    text: 'the database is being fetched from the partner; clients are served when it is complete',
  },
  normal: {
    serves: true,
    gives: true,
    extends: 'lead-time',
    refuses: true,
    reclaims: true,
    text: 'both servers are up and have the same leases',
  },
  interrupted: {
    serves: true,
    gives: true,
    extends: 'lead-time',
    refuses: false,
    reclaims: false,
    text: 'the partner does not answer: everyone keeps the address, new clients get one of this server, leases are short',
  },
  'partner-down': {
    serves: true,
    gives: true,
    extends: 'whole',
    refuses: true,
    reclaims: true,
    text: 'the partner is known to be down: this server serves alone',
  },
};

/** What can happen to a server of a pair. */
export type PairEvent =
  /** The partner answered; `outlived`: it was in partner-down while we were away, or our database was lost. */
  | { readonly kind: 'contact'; readonly outlived: boolean }
  /** The databases have been compared since the last contact began. */
  | { readonly kind: 'synchronised' }
  | { readonly kind: 'silence' }
  /** The partner said that it stops and will not serve before it has talked to us. */
  | { readonly kind: 'goodbye' }
  /** This process did not run for so long that the partner may have been told we are down. */
  | { readonly kind: 'frozen' }
  /** An operator says that the partner is down, or that this server may go on without having heard from it. */
  | { readonly kind: 'partner-down' }
  /** An operator says that the partner will never come back, nor what it alone knew. */
  | { readonly kind: 'give-up' }
  | { readonly kind: 'continue' };

/** The next state. */
export function nextPairState(state: PairState, event: PairEvent): PairState {
  switch (event.kind) {
    case 'contact':
      if (event.outlived && state !== 'partner-down') return 'recovering';
      return state === 'starting' ? 'interrupted' : state;
    case 'synchronised':
      return 'normal';
    case 'silence':
      return state === 'normal' ? 'interrupted' : state;
    case 'goodbye':
      return state === 'normal' || state === 'interrupted' ? 'partner-down' : state;
    case 'frozen':
      return state === 'normal' || state === 'interrupted' ? 'starting' : state;
    case 'partner-down':
      // Who is fetching has not got what it would have to serve with.
      return state === 'recovering' ? state : 'partner-down';
    case 'give-up':
      return 'partner-down';
    case 'continue':
      return state === 'starting' ? 'interrupted' : state;
  }
}
