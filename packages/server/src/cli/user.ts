/** `--user`: a program that is started as root and becomes an ordinary user before it reads or opens anything. */

import { dropPrivileges, findAccount } from '../platform/privileges.js';
import type { OptionRow, ParsedArgs } from './args.js';

/** The option; `lessor serve` has a short form of it too. Kea's programs have none: nothing of theirs is taken. */
export const USER_OPTION = {
  name: 'user',
  value: 'name[:group]',
  help: 'started as root: be this user, with the two capabilities DHCP needs (Linux)',
} as const satisfies OptionRow;

/** @throws LessorError `privileges` where the process can not become that user: then nobody should go on */
export function becomeUser(args: Pick<ParsedArgs, 'value'>): void {
  const user = args.value('user');
  if (user !== undefined) dropPrivileges(findAccount(user));
}
