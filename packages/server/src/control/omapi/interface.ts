/** The OMAPI object `interface`: a network interface that DHCP is served on. Which those are the configuration says. */

import { Result } from '@lessor/omapi';
import { octetsOf } from '../../domain/values.js';
import type { InterfaceInfo } from '../services.js';
import { findByHandle, findByKeys, type ObjectRow, type OmapiContext, OmapiRefusal, octetsEntry } from './object.js';

/** The row. */
export const INTERFACE_OBJECT: ObjectRow<InterfaceInfo> = {
  type: 'interface',
  right: 'shutdown',
  find: (keys, context) => {
    const [handle, name] = [keys.get('handle'), keys.get('name')];
    return findByKeys(
      [
        ...(handle === undefined ? [] : [() => findByHandle(INTERFACE_OBJECT, handle, context)]),
        ...(name === undefined ? [] : [() => served(octetsOf(name), context)]),
      ],
      ({ name }) => name,
    );
  },
  identity: ({ name }) => name,
  byIdentity: served,
  attributes: ({ name, up }) => [octetsEntry('state', up ? 'up' : 'down'), octetsEntry('name', name)],
  update: async (found, given) => {
    const other = [...given].find(([attribute, value]) => attribute !== 'name' || octetsOf(value) !== found.name);
    if (other === undefined) return found;
    throw new OmapiRefusal(Result.NOTFOUND, 'interfaces-config says where DHCP is served');
  },
  removal: Result.NOPERM,
  *list({ services }, after) {
    const names = services.interfaces.list().filter(({ inUse, name }) => inUse && name > after);
    yield* names.sort((a, b) => (a.name < b.name ? -1 : 1));
  },
};

function served(name: string, { services }: OmapiContext): InterfaceInfo | undefined {
  return services.interfaces.list().find((one) => one.name === name && one.inUse);
}
