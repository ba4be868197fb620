/** The ways `lessor client` reaches a server: as a UDP host (loopback, relay), or on an Ethernet without an address. */

import type { ClientLink } from './link.js';
import type { ClientSettings } from './options.js';
import { openUdpLink } from './udp.js';

/** Opens the way the settings name. @throws LessorError socket-open */
export async function openClientLink(settings: ClientSettings): Promise<ClientLink> {
  if (settings.interface !== undefined) {
    // Native code is loaded only by who needs it.
    const { openEthernetLink } = await import('./ethernet.js');
    return openEthernetLink(settings.interface, settings);
  }
  return openUdpLink(settings);
}
