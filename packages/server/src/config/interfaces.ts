/** interfaces-config: where DHCP is served. */

import type { InterfaceSelector, InterfacesConfig } from '../domain/snapshot.js';
import { formatIpv4, parseIpv4 } from '../domain/values.js';
import type { BuildContext } from './context.js';
import type { PositionedText, Section } from './section.js';
import { nearestWord } from './spelling.js';

/** Builds the interface selection. Selectors are in Kea's order: `*`, names, names with address. */
export function buildInterfaces(section: Section, context: BuildContext): InterfacesConfig {
  const selectors: InterfaceSelector[] = [];
  for (const item of section.strings('interfaces')) {
    const selector = buildSelector(item, context);
    if (selector !== undefined && !isTaken(selector, selectors, item, context)) selectors.push(selector);
  }
  return {
    selectors: selectors.sort(compareSelectors),
    socketType: section.or<'raw' | 'udp'>('dhcp-socket-type'),
    outboundInterface: section.or<'same-as-inbound' | 'use-routing'>('outbound-interface'),
    reDetect: section.or<boolean>('re-detect'),
    requireAll: section.or<boolean>('service-sockets-require-all'),
    maxRetries: section.or<number>('service-sockets-max-retries'),
    retryWaitMs: section.or<number>('service-sockets-retry-wait-time'),
  };
}

/** A selector the way it is written. */
export function formatSelector({ name, address }: InterfaceSelector): string {
  return address === undefined ? name : `${name}/${formatIpv4(address)}`;
}

function buildSelector({ text, position }: PositionedText, context: BuildContext): InterfaceSelector | undefined {
  const { issues, environment } = context;
  const slash = text.indexOf('/');
  const name = (slash === -1 ? text : text.slice(0, slash)).trim();
  const addressText = slash === -1 ? undefined : text.slice(slash + 1).trim();
  const fault = (code: 'config-range' | 'config-reference', message: string): undefined => {
    issues.error(code, position, message);
    return undefined;
  };
  if (name === '') return fault('config-range', `"${text}" names no interface`);
  if (name === '*' && addressText !== undefined) {
    return fault('config-range', 'an address belongs to one interface: give its name instead of *');
  }
  const { interfaceNames } = environment;
  if (name !== '*' && interfaceNames !== undefined && !interfaceNames.includes(name)) {
    const nearest = nearestWord(name, interfaceNames);
    const hint = nearest === undefined ? `there are ${interfaceNames.join(', ')}` : `did you mean "${nearest}"?`;
    return fault('config-reference', `there is no interface "${name}"; ${hint}`);
  }
  if (addressText === undefined) return { name };
  const address = parseIpv4(addressText);
  if (address === undefined) return fault('config-range', `"${addressText}" is not an IPv4 address`);
  return { name, address };
}

/** Reports an interface that is selected twice, or as a whole and by address. */
function isTaken(
  selector: InterfaceSelector,
  earlier: readonly InterfaceSelector[],
  { position }: PositionedText,
  { issues }: BuildContext,
): boolean {
  const other = earlier.find(
    ({ name, address }) =>
      name === selector.name &&
      (address === undefined || selector.address === undefined || address === selector.address),
  );
  if (other === undefined) return false;
  issues.error(
    'config-duplicate',
    position,
    `${formatSelector(selector)} is already selected by ${formatSelector(other)}`,
  );
  return true;
}

function compareSelectors(a: InterfaceSelector, b: InterfaceSelector): number {
  const rank = ({ name, address }: InterfaceSelector): number => (name === '*' ? 0 : address === undefined ? 1 : 2);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return 0; // addresses of one interface stay in the order given
}
