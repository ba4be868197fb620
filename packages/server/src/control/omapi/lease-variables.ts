/**
 * What a lease has beyond dhcpd's fixed attributes, in its user-context: variables, which hosts of scripts set and the
 * server itself sets (vendor-class-identifier), and the options of the relay agent. Values are kept as the octets given.
 */

import { decodeSubOptions } from '@lessor/dhcp';
import type { OutgoingEntry } from '@lessor/omapi';
import { mergeVariables, stashedRelayInfo, variablesOf } from '../../domain/dhcp4/relay-info.js';
import type { Lease } from '../../domain/lease.js';
import { bytesOf, type Octets } from '../../domain/values.js';
import { invalidArgument, octetsEntry } from './object.js';

/** dhcpd's names of the sub-options of option 82. */
const AGENT_OPTIONS: Readonly<Record<number, string>> = {
  1: 'circuit-id',
  2: 'remote-id',
  3: 'agent-id',
  4: 'DOCSIS-device-class',
  5: 'link-selection',
  6: 'subscriber-id',
  12: 'relay-id',
  19: 'relay-port',
};
const AGENT_PREFIX = 'agent.';
/** Names of variables, as dhcpd.conf has them; none of them looks like an option of the agent. */
const VARIABLE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/** Most octets of a variable: a lease is one row of a file. */
const MAX_VARIABLE_OCTETS = 255;
/** Most variables of a lease. */
const MAX_VARIABLES = 16;

/** Variables, the newest first as dhcpd has them, then what the relay agent said. */
export function variableEntries({ userContext }: Lease): OutgoingEntry[] {
  if (userContext === '') return [];
  const variables = variablesOf(userContext).map(([name, value]) => octetsEntry(name, value));
  const agent = agentOptions(stashedRelayInfo(userContext)).map(({ code, data }): OutgoingEntry => {
    return [`${AGENT_PREFIX}${AGENT_OPTIONS[code] ?? `unknown-${code}`}`, data];
  });
  return [...variables.reverse(), ...agent];
}

function agentOptions(relayInfo: Octets): readonly { readonly code: number; readonly data: Uint8Array }[] {
  try {
    return relayInfo === '' ? [] : decodeSubOptions(bytesOf(relayInfo));
  } catch {
    // What a relay sent wrong, or somebody wrote by hand, is no reason not to show the lease.
    return [];
  }
}

/** True for the name of an attribute that says what a relay agent said. */
export function isAgentOption(name: string): boolean {
  return name.startsWith(AGENT_PREFIX);
}

/** Sets a variable, or takes it away if its value is ''. @throws OmapiRefusal INVALIDARG */
export function readVariable(name: string, value: Octets): (lease: Lease) => Lease {
  if (!VARIABLE_NAME.test(name)) throw invalidArgument(`'${name}' is no name of a variable`);
  if (value.length > MAX_VARIABLE_OCTETS) throw invalidArgument(`${name} has more than ${MAX_VARIABLE_OCTETS} octets`);
  return (lease) => {
    const known = variablesOf(lease.userContext);
    const now = known.find(([one]) => one === name)?.[1] ?? '';
    if (now === value) return lease;
    if (now === '' && known.length >= MAX_VARIABLES)
      throw invalidArgument(`a lease has at most ${MAX_VARIABLES} variables`);
    return { ...lease, userContext: mergeVariables(lease.userContext, { [name]: value }) };
  };
}
