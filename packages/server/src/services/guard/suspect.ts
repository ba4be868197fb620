/** Somebody the guard would like to know more about. */

import type { Mac } from '../../domain/guard/mac.js';
import type { Ipv4, SubnetId } from '../../domain/values.js';

/** Somebody to be asked by the presence ping. */
export interface Suspect {
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly subnetId: SubnetId;
  /** The interface its packets come in by. */
  readonly interfaceName: string;
}
