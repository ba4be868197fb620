/** What the system says of a failure, in the words people know. */

import { getSystemErrorMap } from 'node:util';

/** The C library's words for a system error ("No such file or directory"), else the error's own message. */
export function systemReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return words === undefined ? message : `${words[0]!.toUpperCase()}${words.slice(1)}`;
}
