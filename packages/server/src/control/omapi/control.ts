/** The OMAPI objects `control`, through which the server is stopped, and `failover-state`, of which there is none. */

import { CONTROL_STATES, Result } from '@lessor/omapi';
import { LIST_TYPE } from './list.js';
import {
  findByHandle,
  invalidArgument,
  type ObjectRow,
  OmapiRefusal,
  octetsEntry,
  readUint32,
  runCommand,
  uint32Entry,
} from './object.js';

/** The row. Always found; a server that answers is running. */
export const CONTROL_OBJECT: ObjectRow<'control'> = {
  type: 'control',
  right: 'shutdown',
  find: () => 'control',
  identity: () => 'control',
  byIdentity: () => 'control',
  attributes: () => [uint32Entry('state', CONTROL_STATES.running), octetsEntry('extensions', LIST_TYPE)],
  async update(_, given, context) {
    const unknown = [...given.keys()].find((name) => name !== 'state');
    if (unknown !== undefined) throw new OmapiRefusal(Result.NOTFOUND, `control has no attribute ${unknown}`);
    const state = readUint32(given.get('state') ?? new Uint8Array(0), 'state');
    if (state !== CONTROL_STATES.shutdown) throw invalidArgument('the state of a server can be set to 2, shutdown');
    context.afterwards(() => {
      runCommand('shutdown', {}, context).catch((error: Error) => {
        context.services.logger.log('ERROR', 'LESSOR_OMAPI_SHUTDOWN_FAILED', error.message);
      });
    });
    return 'control';
  },
  removal: Result.NOPERM,
};

/** The row. Failover is dhcpd's; a name finds nothing. */
export const FAILOVER_OBJECT: ObjectRow<never> = {
  type: 'failover-state',
  right: 'shutdown',
  find: (keys, context) => {
    const handle = keys.get('handle');
    if (handle !== undefined) return findByHandle(FAILOVER_OBJECT, handle, context);
    return keys.has('name') ? undefined : 'no-keys';
  },
  identity: () => '',
  byIdentity: () => undefined,
  attributes: () => [],
};
