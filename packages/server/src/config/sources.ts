/** Addresses as a configuration writes them: who may connect, and what an address to listen on means. */

import { isIP } from 'node:net';
import type { SourcePrefix } from '../domain/access/policy.js';
import type { IssueList } from './issues.js';
import type { Section } from './section.js';

export { isLoopback } from '../domain/access/addresses.js';

/** Reads a list of addresses and prefixes; what is neither is reported. */
export function buildSources(section: Section, member: string, issues: IssueList): SourcePrefix[] {
  return section.strings(member).flatMap(({ text, position }) => {
    const source = parseSource(text);
    if (source !== undefined) return [source];
    issues.error('config-range', position, `"${text}" is neither an IP address nor a prefix`);
    return [];
  });
}

/** `192.0.2.0/24`, `2001:db8::/32`, or an address alone. */
export function parseSource(text: string): SourcePrefix | undefined {
  const [, address = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const longest = family === 4 ? 32 : 128;
  const prefixLength = digits === undefined ? longest : Number(digits);
  return prefixLength <= longest ? { address, prefixLength } : undefined;
}

/** True for an address that means all of them, however it is spelled. */
export function isWildcard(address: string): boolean {
  if (isIP(address) === 4) return /^0+(\.0+)*$/.test(address);
  return isIP(address) === 6 && new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname === '[::]';
}
