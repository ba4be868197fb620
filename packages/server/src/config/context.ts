/** What every builder of a part of the snapshot is handed. */

import type { OptionRegistry } from '@lessor/dhcp';
import type { SourcePosition } from '../errors.js';
import type { ConfigEnvironment } from './environment.js';
import type { IssueList } from './issues.js';

/** What the builder of a part needs that knows nothing of DHCP. */
export interface PartContext {
  readonly issues: IssueList;
  readonly environment: ConfigEnvironment;
  /** What would be refused for its danger is only warned of. */
  readonly lenient?: boolean;
}

/** Reports what is dangerous: an error, unless -X allows it or the whole part is lenient. */
export function reportInsecure(context: PartContext, position: SourcePosition, message: string): void {
  const { issues, environment, lenient } = context;
  if (lenient === true) issues.warning('config-insecure', position, message);
  else issues.insecure(environment.insecure, position, message);
}

/** Shared by all builders of one configuration. */
export interface BuildContext extends PartContext {
  /** Standard option definitions and those of the global option-def. */
  readonly registry: OptionRegistry;
  /** ip-reservations-unique. */
  readonly ipReservationsUnique: boolean;
}
