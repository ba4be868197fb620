/** The OMAPI object `control`, through which the server is stopped. */

import { CONTROL_STATES, Result } from '@lessor/omapi';
import { LIST_TYPE } from './list.js';
import {
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
