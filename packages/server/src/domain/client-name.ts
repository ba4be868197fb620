/**
 * The name a client goes by: from its reservation, option 81 (RFC 4702) or option 12, made presentable the way Kea does
 * (D2ClientMgr: qualify, sanitize, replace, generate), and what is told back to the client.
 */

import type { DdnsBehaviour } from './ddns/behaviour.js';
import type { Ipv4, Octets } from './values.js';
import { formatIpv4, lowerCase } from './values.js';

/** Flag bits of option 81 (RFC 4702 §2.1). */
const FLAG_S = 1;
const FLAG_O = 2;
const FLAG_E = 4;
const FLAG_N = 8;

/** The outcome for one client. `generated` names need the address: see {@link withGeneratedName}. */
export interface ClientName {
  /** For the lease, lower case; '' if none. */
  readonly hostname: string;
  readonly fqdnFwd: boolean;
  readonly fqdnRev: boolean;
  /** Value of option 12 to send, if any. */
  readonly hostNameOption?: string;
  /** Option 81 to send, if any: flags and whether the name is in wire form. */
  readonly fqdn?: { readonly flags: number };
  /** True: hostname is to be made from the address. */
  readonly generated: boolean;
}

/** A client without any name. */
export const NO_NAME: ClientName = { hostname: '', fqdnFwd: false, fqdnRev: false, generated: false };

/** Inputs of {@link nameClient}. */
export interface NameRequest {
  readonly hostName: Octets | undefined;
  readonly fqdn: Uint8Array | undefined;
  readonly reservedName: string;
  readonly behaviour: DdnsBehaviour;
  /** dhcp-ddns.enable-updates and ddns-send-updates both on. */
  readonly updatesEnabled: boolean;
}

/** Decides a client's name. Total: odd input yields {@link NO_NAME} or leaves the odd part out. */
export function nameClient(request: NameRequest): ClientName {
  if (request.fqdn !== undefined && request.fqdn.length >= 3) return nameFromFqdn(request, request.fqdn);
  return nameFromHostName(request);
}

/** Fills in a generated name once the address is known: prefix-192-0-2-1.suffix (Kea: ddns-generated-prefix). */
export function withGeneratedName(name: ClientName, address: Ipv4, behaviour: DdnsBehaviour): ClientName {
  if (!name.generated) return name;
  const base = `${behaviour.generatedPrefix}-${formatIpv4(address).replaceAll('.', '-')}`;
  const hostname = qualify(base, behaviour, name.fqdn !== undefined);
  return {
    ...name,
    hostname,
    generated: false,
    ...(name.hostNameOption === undefined ? {} : { hostNameOption: hostname }),
  };
}

/** Octets of option 81 to send: flags, two obsolete octets (RFC 4702 §2.2), the name in the form the client used. */
export function encodeFqdn(flags: number, hostname: string): Uint8Array {
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  if ((flags & FLAG_E) === 0) return Buffer.from([flags, 255, 255, ...Buffer.from(hostname, 'latin1')]);
  const octets: number[] = [flags, 255, 255];
  for (const label of name.split('.')) if (label !== '') octets.push(label.length, ...Buffer.from(label, 'latin1'));
  if (hostname.endsWith('.')) octets.push(0);
  return Uint8Array.from(octets);
}

function nameFromFqdn(request: NameRequest, option: Uint8Array): ClientName {
  const { behaviour, updatesEnabled } = request;
  const flags = option[0]!;
  const clientS = (flags & FLAG_S) !== 0;
  const clientN = (flags & FLAG_N) !== 0;
  // RFC 4702 §4: N with S is not allowed; Kea then refuses the option's meaning, so no name is kept.
  if (clientS && clientN) return NO_NAME;
  let serverS: boolean;
  let serverN: boolean;
  if (!updatesEnabled) {
    serverS = false;
    serverN = true;
  } else if (clientN) {
    serverS = behaviour.overrideNoUpdate;
    serverN = !serverS;
  } else {
    serverS = clientS || behaviour.overrideClientUpdate;
    serverN = false;
  }
  const answer =
    (serverS ? FLAG_S : 0) | (serverN ? FLAG_N : 0) | (serverS !== clientS ? FLAG_O : 0) | (flags & FLAG_E);
  const result = { fqdnFwd: serverS, fqdnRev: !serverN, fqdn: { flags: answer } };

  if (request.reservedName !== '') {
    return { ...result, hostname: lowerCase(qualify(request.reservedName, behaviour, true)), generated: false };
  }
  const sent = decodeFqdnName(option, (flags & FLAG_E) !== 0);
  if (sent === undefined) return NO_NAME;
  if (isReplaced(behaviour, sent.name !== '') || sent.name === '') return { ...result, hostname: '', generated: true };
  // Label by label: the set may have the dot among what it replaces. A label of which nothing is left spoils the name.
  const clean = sent.name
    .split('.')
    .map((label) => sanitize(label, behaviour))
    .join('.');
  if (!isDomainName(clean)) return NO_NAME;
  const full = sent.partial ? qualify(clean, behaviour, true) : withFinalDot(clean);
  return { ...result, hostname: lowerCase(full), generated: false };
}

function nameFromHostName(request: NameRequest): ClientName {
  const { behaviour, updatesEnabled } = request;
  const named = (hostname: string, generated: boolean): ClientName => ({
    hostname,
    fqdnFwd: updatesEnabled,
    fqdnRev: updatesEnabled,
    hostNameOption: hostname,
    generated,
  });
  if (request.reservedName !== '') return named(lowerCase(qualify(request.reservedName, behaviour, false)), false);
  const sent = (request.hostName ?? '').replace(/\0+$/, '').trim();
  if (sent !== '' && sent !== '.' && !isDomainName(sent)) return NO_NAME;
  if (isReplaced(behaviour, sent !== '')) return named('', true);
  if (sent === '') return NO_NAME;
  // Kea: a client that sends the root wants a name and leaves it to the server which.
  if (sent === '.') return named('', true);
  const clean = lowerCase(sanitize(sent, behaviour));
  if (!isDomainName(clean)) return NO_NAME;
  return named(isOneLabel(clean) ? qualify(clean, behaviour, false) : clean, false);
}

/** True if the mode puts a generated name in the place of what the client sent. */
function isReplaced(behaviour: DdnsBehaviour, present: boolean): boolean {
  switch (behaviour.replaceClientName) {
    case 'always':
      return true;
    case 'when-present':
      return present;
    case 'when-not-present':
      return !present;
    case 'never':
      return false;
  }
}

function sanitize(text: string, { hostnameCharSet, hostnameCharReplacement }: DdnsBehaviour): string {
  return hostnameCharSet === undefined ? text : text.replace(hostnameCharSet, hostnameCharReplacement);
}

function qualify(name: string, behaviour: DdnsBehaviour, finalDot: boolean): string {
  let full = name;
  const suffix = behaviour.qualifyingSuffix;
  if (!full.endsWith('.') && suffix !== '' && !isBelow(full, suffix)) full += `.${suffix}`;
  if (finalDot) return withFinalDot(full);
  return full.endsWith('.') ? full.slice(0, -1) : full;
}

/** True if the name has the suffix already, as whole labels. */
function isBelow(name: string, suffix: string): boolean {
  const domain = suffix.endsWith('.') ? suffix.slice(0, -1) : suffix;
  return name === domain || name.endsWith(`.${domain}`);
}

/** True of `host` and of `host.` alike. */
function isOneLabel(name: string): boolean {
  const dot = name.indexOf('.');
  return dot === -1 || dot === name.length - 1;
}

function withFinalDot(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

/** Labels of 1 to 63 octets, 255 in all (RFC 1035 §2.3.4). */
function isDomainName(name: string): boolean {
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  return name.length <= 255 && labels.every((label) => label.length > 0 && label.length <= 63);
}

/** The name inside option 81, from wire form or the deprecated ASCII form (RFC 4702 §2.3); undefined if malformed. */
function decodeFqdnName(option: Uint8Array, wire: boolean): { name: string; partial: boolean } | undefined {
  if (!wire) {
    const name = Buffer.from(option.subarray(3)).toString('latin1').replace(/\0+$/, '');
    if (name === '') return { name, partial: true };
    return isDomainName(name) ? { name, partial: !name.endsWith('.') } : undefined;
  }
  const labels: string[] = [];
  let at = 3;
  while (at < option.length) {
    const length = option[at]!;
    if (length === 0)
      return at === option.length - 1 ? { name: labels.join('.'), partial: labels.length === 0 } : undefined;
    if (length > 63 || at + 1 + length > option.length) return undefined;
    labels.push(Buffer.from(option.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
  }
  return { name: labels.join('.'), partial: true };
}
