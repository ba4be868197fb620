/** Leases as Kea's HA sends them: `expire` in the place of `cltt` in updates (Kea: ha command_creator.cc). */

import type { Lease } from '../../domain/lease.js';
import { leaseFromJson, leaseToJson } from '../../domain/lease-json.js';
import type { JsonMap } from '../../domain/snapshot.js';
import { CommandError } from '../../errors.js';

/** Arguments of `lease4-update` and `lease4-del`. */
export function updateArguments(lease: Lease): JsonMap {
  const { cltt, ...members } = leaseToJson(lease);
  return {
    ...members,
    expire: Number(cltt) + lease.validLifetimeSec,
    'force-create': true,
    origin: 'ha-partner',
  };
}

/** The lease of a `lease4-update`. @throws CommandError naming what is wrong */
export function leaseOfUpdate(args: JsonMap): Lease {
  const { expire, 'valid-lft': lifetime } = args;
  if (typeof expire !== 'number' || typeof lifetime !== 'number') {
    throw new CommandError('command-invalid', "'expire' and 'valid-lft' are needed in an update of a partner");
  }
  return leaseFromJson({ ...args, cltt: expire - lifetime });
}
