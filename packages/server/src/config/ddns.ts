/** dhcp-ddns: the connection to the DNS update server. */

import type { DdnsConnection } from '../domain/ddns/behaviour.js';
import { parseIpv4 } from '../domain/values.js';
import type { BuildContext } from './context.js';
import type { Section } from './section.js';
import { looksLikeIpv6 } from './values.js';

/** Checks the map. @returns undefined if updates are switched off */
export function buildDdns(section: Section, { issues }: BuildContext): DdnsConnection | undefined {
  const serverAddress = section.or<string>('server-ip');
  // Kea takes an empty one for any address of the server's family.
  const senderAddress = section.or<string>('sender-ip') || (looksLikeIpv6(serverAddress) ? '::' : '0.0.0.0');
  const addresses = { 'server-ip': serverAddress, 'sender-ip': senderAddress };
  const families = (['server-ip', 'sender-ip'] as const).map((name) => {
    const text = addresses[name];
    if (parseIpv4(text) !== undefined) return 4;
    if (looksLikeIpv6(text)) return 6;
    issues.error('config-range', section.positionOf(name), `"${text}" is not an IP address`);
    return undefined;
  });
  const [server, sender] = families;
  if (server !== undefined && sender !== undefined && server !== sender) {
    const message = `"server-ip" is IPv${server} and "sender-ip" IPv${sender}: give both of one family`;
    issues.error('config-conflict', section.positionOf('sender-ip'), message);
  }
  const same = (one: string, other: string): boolean => section.or(one) === section.or(other);
  if (same('server-ip', 'sender-ip') && same('server-port', 'sender-port')) {
    issues.error(
      'config-conflict',
      section.positionOf('sender-ip'),
      'server and sender can not have the same address and port',
    );
  }
  if (!section.or<boolean>('enable-updates')) return undefined;
  return {
    serverAddress,
    serverPort: section.or<number>('server-port'),
    senderAddress,
    senderPort: section.or<number>('sender-port'),
    maxQueueSize: section.or<number>('max-queue-size'),
  };
}
