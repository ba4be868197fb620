/** The disk of the machine, whose flushes fail from some moment on. */

import { StoreError } from 'lessor/internal/errors.js';
import { type FileOps, nodeFileOps } from 'lessor/internal/store/file-ops.js';

/** See the head of this file. */
export function breakableDisk(): { readonly ops: FileOps; breakNow(): void } {
  let broken = false;
  const ops = new Proxy(nodeFileOps, {
    get(target, name, receiver) {
      if (broken && (name === 'dataSync' || name === 'dataSyncLater')) {
        return () => {
          throw new StoreError('store-unavailable', 'EIO');
        };
      }
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
  return {
    ops,
    breakNow() {
      broken = true;
    },
  };
}
