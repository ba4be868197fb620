/** Extended lease information, in the lease's user-context: option 82 as Kea keeps it, variables as dhcpd has them. */

import { findSubOption } from '@lessor/dhcp';
import { formatJson } from '@lessor/kea';
import { isMap } from '../json.js';
import type { JsonMap } from '../snapshot.js';
import { contextMapOf } from '../user-context.js';
import type { Octets } from '../values.js';
import { bytesOf, formatHex, octetsOf } from '../values.js';

/** Sub-options of option 82 that get a member of their own. */
const REMOTE_ID = 2;
const RELAY_ID = 12;

/** Puts option 82 into a user-context text under ISC.relay-agent-info; '' for `relayInfo` leaves the text as it is. */
export function mergeRelayInfo(userContext: string, relayInfo: Octets): string {
  if (relayInfo === '') return userContext;
  const context = contextMapOf(userContext);
  const isc = isMap(context.ISC) ? context.ISC : {};
  return formatJson({ ...context, ISC: { ...isc, 'relay-agent-info': describe(relayInfo) } });
}

/** Puts values into a user-context text under `lessor`, `variables`, as octets in hexadecimal; '' takes one away. */
export function mergeVariables(userContext: string, variables: Readonly<Record<string, Octets>>): string {
  const context = contextMapOf(userContext);
  const lessor = isMap(context.lessor) ? context.lessor : {};
  const old = isMap(lessor.variables) ? lessor.variables : {};
  const hex = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, formatHex(value, '')]));
  const merged = Object.entries({ ...old, ...hex }).filter(([, value]) => value !== '');
  return formatJson({ ...context, lessor: { ...lessor, variables: Object.fromEntries(merged) } });
}

/** The values that {@link mergeVariables} has put into a user-context text, in the order in which they came. */
export function variablesOf(userContext: string): readonly (readonly [name: string, value: Octets])[] {
  const lessor = userContext === '' ? undefined : contextMapOf(userContext).lessor;
  const variables = isMap(lessor) ? lessor.variables : undefined;
  if (!isMap(variables)) return [];
  return Object.entries(variables).flatMap(([name, hex]) =>
    typeof hex === 'string' ? [[name, Buffer.from(hex, 'hex').toString('latin1')] as const] : [],
  );
}

/** Option 82 out of a lease's user-context, '' if there is none (Kea: stash-agent-options; both its text forms). */
export function stashedRelayInfo(userContext: string): Octets {
  if (userContext === '') return '';
  const isc = contextMapOf(userContext).ISC;
  if (!isMap(isc)) return '';
  const info = isc['relay-agent-info'];
  const text = isMap(info) ? info['sub-options'] : info;
  if (typeof text !== 'string' || !/^0[xX]([0-9a-fA-F]{2})+$/.test(text)) return '';
  return Buffer.from(text.slice(2), 'hex').toString('latin1');
}

function describe(relayInfo: Octets): JsonMap {
  const bytes = bytesOf(relayInfo);
  const remoteId = findSubOption(bytes, REMOTE_ID);
  const relayId = findSubOption(bytes, RELAY_ID);
  return {
    'sub-options': `0x${formatHex(relayInfo, '').toUpperCase()}`,
    ...(remoteId === undefined || remoteId.length === 0 ? {} : { 'remote-id': hexOf(remoteId) }),
    ...(relayId === undefined || relayId.length === 0 ? {} : { 'relay-id': hexOf(relayId) }),
  };
}

function hexOf(bytes: Uint8Array): string {
  return formatHex(octetsOf(bytes), '').toUpperCase();
}
