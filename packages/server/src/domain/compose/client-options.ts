/** The options of a reply that differ from client to client, and so are in no template. */

import type { Message4, OctetSpan, OptionOctets } from '@lessor/dhcp';
import { type ClientName, encodeFqdn } from '../client-name.js';
import { bytesOf } from '../values.js';
import { Code } from './layout.js';

/** Given back as sent: the machine identifier (RFC 4578 §2.3) and the subnet selection (RFC 3011 §2). */
const ECHOED = [Code.machineId, Code.subnetSelection] as const;

/** An option whose value lies in the request, or was made for this reply. */
export interface OwnOption {
  readonly code: number;
  readonly value: OctetSpan;
}

/** The options that differ from client to client, in sending order: option 82 is the last (RFC 3046 §2.2). */
export function clientOptions(
  name: ClientName,
  message: Message4,
  clientId: OctetSpan | undefined,
  relayEcho: Uint8Array | undefined,
): OwnOption[] {
  const options: OwnOption[] = [];
  if (name.hostNameOption !== undefined) {
    options.push({ code: Code.hostName, value: spanOf(bytesOf(name.hostNameOption)) });
  }
  if (name.fqdn !== undefined) {
    options.push({ code: Code.fqdn, value: spanOf(encodeFqdn(name.fqdn.flags, name.hostname)) });
  }
  for (const code of ECHOED) {
    const value = message.span(code);
    if (value !== undefined) options.push({ code, value });
  }
  if (clientId !== undefined && clientId.end > clientId.start) options.push({ code: Code.clientId, value: clientId });
  if (relayEcho !== undefined && relayEcho.length > 0) {
    options.push({ code: Code.relayInfo, value: spanOf(relayEcho) });
  }
  return options;
}

/** All of some octets. */
export function spanOf(octets: Uint8Array): OctetSpan {
  return { octets, start: 0, end: octets.length };
}

/** As code and value. */
export function asOptionOctets({ code, value }: OwnOption): OptionOctets {
  return { code, data: value.octets.subarray(value.start, value.end) };
}
