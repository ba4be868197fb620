/** The contract, held by memfile in each of its modes. */

import { leaseStoreContract, type Subject } from './contract.js';
import { ManualClock, newStore, turnUntil } from './harness.js';
import { SimulatedDisk } from './simulated-disk.js';

function memfile(options: Parameters<typeof newStore>[2]): Subject {
  const clock = new ManualClock();
  return {
    store: newStore(new SimulatedDisk(), clock, options),
    wait: (work) => turnUntil(clock, Promise.resolve(work)),
  };
}

leaseStoreContract('memfile', () => memfile({}));
leaseStoreContract('memfile, flush in the thread pool', () => memfile({ flush: 'threadpool' }));
leaseStoreContract('memfile, persist false', () => memfile({ persist: false }));
