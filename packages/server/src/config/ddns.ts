/** dhcp-ddns: the connection to the DNS update server. Checked and kept; updates are not sent yet. */

import { parseIpv4 } from '../domain/values.js';
import type { BuildContext } from './context.js';
import type { Section } from './section.js';
import { looksLikeIpv6 } from './values.js';

/** Checks the map. @returns whether updates are switched on */
export function checkDdns(section: Section, { issues }: BuildContext): boolean {
  const families = (['server-ip', 'sender-ip'] as const).map((name) => {
    const text = section.or<string>(name);
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
  return section.or<boolean>('enable-updates');
}
