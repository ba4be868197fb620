/** Statements of what was reserved by other means than OMAPI, written as dhcpd writes them to its leases file. */

import type { OptionRegistry } from '@lessor/dhcp';
import type { BootFields, HostParameters, OptionData } from '../../domain/snapshot.js';
import { formatHex, formatIpv4, type Octets, octetsOf } from '../../domain/values.js';
import { TOP_SPACE } from './statement-options.js';

/** What has options, boot fields and lifetimes: a reservation or a class. */
export interface Stated extends BootFields, HostParameters {
  readonly options: readonly OptionData[];
  readonly hostname?: Octets;
}

/** The statements; '' if there is nothing to say. They are such as statements.ts reads. */
export function formatStatements(stated: Stated, registry: OptionRegistry): Octets {
  const { nextServer, serverHostname, bootFileName, options, hostname, ownLifetime, alwaysBroadcast } = stated;
  const lines: Octets[] = [];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) lines.push(`${name} ${value};`);
  };
  add('filename', bootFileName && quoted(bootFileName));
  add('next-server', nextServer === undefined ? undefined : formatIpv4(nextServer));
  add('server-name', serverHostname && quoted(serverHostname));
  add('default-lease-time', ownLifetime?.defaultSec);
  add('min-lease-time', ownLifetime?.minSec);
  add('max-lease-time', ownLifetime?.maxSec);
  add('always-broadcast', alwaysBroadcast === undefined ? undefined : alwaysBroadcast ? 'on' : 'off');
  add('option host-name', hostname === undefined || hostname === '' ? undefined : quoted(hostname));
  for (const { space, code, data, join = 'option' } of options) {
    // An option that only carries those of its space has no octets of its own.
    if (data.length === 0) continue;
    const name = registry.find(space, code)?.name ?? `option-${code}`;
    add(`${join} ${space === TOP_SPACE ? name : `${space}.${name}`}`, `= ${formatHex(octetsOf(data))}`);
  }
  return lines.join(' ');
}

function quoted(text: Octets): Octets {
  return `"${text.replace(/[^ -~]|["\\]/g, (octet) =>
    octet === '"' || octet === '\\' ? `\\${octet}` : `\\${octet.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )}"`;
}
