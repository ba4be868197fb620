/** The C library, for the few calls Node does not offer: flock(2) and syslog(3). */

import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';

/** Loaded on first use only: a program that neither locks nor writes to syslog does without native code. */
const koffi = (() => {
  let loaded: typeof import('koffi') | undefined;
  return () => {
    loaded ??= createRequire(import.meta.url)('koffi') as typeof import('koffi');
    return loaded;
  };
})();

let library: LibraryHandle | undefined;

/** The symbols of the running process (Node links the C library). @throws Error where there is no FFI. */
export function libc(): LibraryHandle {
  library ??= koffi().load(null);
  return library;
}

/** errno of this thread's last call through {@link libc}. */
export function lastErrno(): number {
  return koffi().errno();
}

/** The errno number of a name (EAGAIN, EINTR, ...) on this system. */
export function errnoOf(name: string): number | undefined {
  return koffi().os.errno[name];
}
