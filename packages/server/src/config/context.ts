/** What every builder of a part of the snapshot is handed. */

import type { OptionRegistry } from '@lessor/dhcp';
import type { ConfigEnvironment } from './environment.js';
import type { IssueList } from './issues.js';

/** Shared by all builders of one configuration. */
export interface BuildContext {
  readonly issues: IssueList;
  readonly environment: ConfigEnvironment;
  /** Standard option definitions and those of the global option-def. */
  readonly registry: OptionRegistry;
  /** ip-reservations-unique. */
  readonly ipReservationsUnique: boolean;
}
