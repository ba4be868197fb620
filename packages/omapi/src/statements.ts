/** Statements in the language of dhcpd.conf, for hosts and groups: written so that no value can end its own quotation. */

import { ValueError } from './errors.js';
import { encodeIpv4 } from './values.js';

/** A string of dhcpd.conf: in double quotes, with what would end or change it escaped. */
export function quoteString(value: string): string {
  const octets = Buffer.from(value, 'utf8').toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
  return `"${octets.replace(/["\\\u0000-\u001f\u007f-\u00ff]/g, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

/** Options that take the place of those of subnet and pool. */
export interface SupersededOptions {
  readonly hostname?: string | undefined;
  /** IPv4 addresses. */
  readonly routers?: string | readonly string[] | undefined;
  readonly domain?: string | undefined;
}

/**
 * Statements as pypureomapi sends them; undefined if there are none.
 * @throws ValueError for addresses that are none, and for quotes and backslashes: dhcpd understands them, but writes them
 *   into its leases file bare, and can not read that at its next start
 */
export function supersede({ hostname, routers, domain }: SupersededOptions): string | undefined {
  const lines: string[] = [];
  if (hostname !== undefined) lines.push(`supersede host-name ${plainString(hostname)};`);
  if (routers !== undefined) {
    const addresses = typeof routers === 'string' ? [routers] : routers;
    for (const address of addresses) encodeIpv4(address);
    lines.push(`supersede routers ${addresses.join(', ')};`);
  }
  if (domain !== undefined) lines.push(`supersede domain-name ${plainString(domain)};`);
  return lines.length === 0 ? undefined : lines.join('\n ');
}

function plainString(value: string): string {
  if (/["\\]/.test(value)) throw new ValueError(`a quote or backslash in '${value}'`);
  return quoteString(value);
}

/**
 * Checks the name of a host or group. dhcpd writes these names without quotes, so that a blank or a brace in one makes
 * the rest of its leases file unreadable at the next start.
 * @throws ValueError
 */
export function checkDeclarationName(name: string): string {
  if (!/^[^\s{}";#\\,\p{Cc}]+$/u.test(name)) throw new ValueError(`'${name}' can not be the name of a host or group`);
  return name;
}
