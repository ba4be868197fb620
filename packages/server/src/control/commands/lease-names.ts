/** Names of leases in the DNS (Kea: libdhcp_lease_cmds). */

import { isIPv6 } from 'node:net';
import { asksForNames } from '../../domain/ddns/name-change.js';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import { argumentMap, CORE_WORDING, invalid, memberOf } from '../arguments.js';
import { type CommandRow, type ControlCommand, Result } from '../command.js';
import type { ControlServices } from '../services.js';

/** The rows. */
export const LEASE_NAME_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'lease4-resend-ddns',
    access: 'write',
    hook: 'lease_cmds',
    summary: "asks the DNS update server to enter a lease's name again",
    args: { 'ip-address': { type: 'a string', optional: false } },
    async run(command, { leases, names }) {
      const address = readAddress(command);
      const text = formatIpv4(address);
      if (!names.enabled) throw conflict('DDNS updating is not enabled');
      const lease = leases.getByAddress(address);
      if (lease === undefined) return { result: Result.empty, text: `No lease found for: ${text}` };
      if (lease.hostname === '') throw conflict(`Lease for: ${text}, has no hostname, nothing to update`);
      if (!asksForNames(lease)) {
        throw conflict(`Neither forward nor reverse updates enabled for lease for: ${text}`);
      }
      names.resend(lease);
      return { result: Result.success, text: `NCR generated for: ${text}, hostname: ${lease.hostname}` };
    },
  },
];

/** In Kea's order of complaints. @throws CommandError `command-invalid` */
function readAddress(command: ControlCommand): Ipv4 {
  const written = memberOf(argumentMap(command, CORE_WORDING) ?? {}, 'ip-address');
  if (written === undefined) throw invalid("'ip-address' parameter is missing.");
  if (typeof written !== 'string') throw invalid("'ip-address' is not a string.");
  const address = parseIpv4(written);
  if (address !== undefined) return address;
  throw invalid(
    isIPv6(written) ? `Invalid IPv4 address specified: ${written}` : `'${written}' is not a valid IP address.`,
  );
}

function conflict(message: string): CommandError {
  return new CommandError('command-conflict', message, Result.conflict);
}
