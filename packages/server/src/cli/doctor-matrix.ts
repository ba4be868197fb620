/**
 * The matrix of `lessor doctor isolation`: every listener against every interface, what was found beside what should
 * be. Pure: what was tried and what the kernel said is handed in.
 */

import { isIPv4 } from 'node:net';
import { isLoopback } from '../domain/access/addresses.js';
import type { ListenerPolicy } from '../domain/access/policy.js';
import { deviceOf, type LinkFact } from '../domain/isolation/facts.js';

/** A listener, as a configuration or a running server tells it. */
export type Door = Pick<ListenerPolicy, 'name' | 'kind' | 'address' | 'port'> &
  Partial<Pick<ListenerPolicy, 'interface' | 'allow' | 'sources'>>;

/** What was found about a door from one interface. */
export type Reach = 'reachable' | 'turned-away' | 'refused' | 'silent' | 'unknown';

/** What should be: the operator's own network, one that must not get there, or one of which nothing was said. */
export type Expectation = 'must' | 'must-not' | 'may';

/** One cell. */
export interface Cell {
  readonly interface: string;
  readonly reach: Reach;
  readonly expected: Expectation;
  readonly ok: boolean;
  /** How it was found out. */
  readonly evidence: string;
}

/** One row. */
export interface Row {
  readonly door: Door;
  readonly cells: readonly Cell[];
}

/** What the kernel says of a packet that comes in by an interface for a door of this machine. */
export type KernelWord =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'bound-elsewhere'; readonly device: string }
  | { readonly kind: 'dropped'; readonly reason: string }
  | { readonly kind: 'nobody-listens' }
  /** The address is one of another machine. */
  | { readonly kind: 'elsewhere' };

/** Exit codes: all as it should be, reachable whence it must not be, not to be told. */
export const DOCTOR_EXIT = { ok: 0, exposed: 1, unchecked: 2 } as const;

/** What should be. */
export function expectationOf(door: Door, link: LinkFact, clientDevices: readonly string[]): Expectation {
  if (isLoopback(door.address)) return link.loopback ? 'must' : 'must-not';
  const device = deviceOf(door);
  if (device === link.name) return 'must';
  // What is on this machine gets to a door by itself or not: no network is crossed.
  if (link.loopback) return 'may';
  if (clientDevices.includes(link.name)) return door.allow?.includes('shared-device') === true ? 'may' : 'must-not';
  return device === undefined ? 'may' : 'must-not';
}

/**
 * What was found. A connection that this machine makes to itself shows an open door and never a closed one: it does
 * not come in by the interface it was made through. So for its own doors the kernel's word decides.
 */
export function reachOf(kernel: KernelWord, attempts: readonly string[]): Pick<Cell, 'reach' | 'evidence'> {
  const tried = attempts.length === 0 ? 'not tried' : `tried: ${[...new Set(attempts)].join(', ')}`;
  const found = (reach: Reach, word: string) => ({ reach, evidence: `${word}; ${tried}` });
  switch (kernel.kind) {
    case 'delivered':
      if (attempts.length > 0 && attempts.every((one) => one === 'turned-away')) {
        return found('turned-away', 'the kernel delivers it, and the server closes it before it reads');
      }
      return found('reachable', 'the kernel delivers what comes in there');
    case 'bound-elsewhere':
      if (attempts.includes('open')) return found('reachable', 'a connection was made');
      return found('refused', `the socket is bound to ${kernel.device}`);
    case 'dropped':
      if (attempts.includes('open')) return found('reachable', 'a connection was made');
      return found('silent', `the kernel drops what comes in there (${kernel.reason})`);
    case 'nobody-listens':
      return found('unknown', 'nobody listens there');
    case 'elsewhere':
      return found(outsideReach(attempts), 'the door is on another machine');
  }
}

function outsideReach(attempts: readonly string[]): Reach {
  if (attempts.includes('open')) return 'reachable';
  if (attempts.includes('turned-away')) return 'turned-away';
  if (attempts.includes('refused')) return 'refused';
  return attempts.some((one) => one === 'silent' || one === 'unreachable') ? 'silent' : 'unknown';
}

/** A cell. */
export function cellOf(
  door: Door,
  link: LinkFact,
  clientDevices: readonly string[],
  kernel: KernelWord,
  attempts: readonly string[],
): Cell {
  const expected = kernel.kind === 'elsewhere' ? expectedOutside(door, link) : expectationOf(door, link, clientDevices);
  const { reach, evidence } = reachOf(kernel, attempts);
  const ok =
    reach !== 'unknown' &&
    (expected === 'may' ||
      (expected === 'must' ? reach === 'reachable' || reach === 'turned-away' : reach !== 'reachable'));
  return { interface: link.name, reach, expected, ok, evidence };
}

/** Seen from another machine: its address is named among the sources, or it must not get there. */
function expectedOutside({ sources = [] }: Door, { addresses }: LinkFact): Expectation {
  const named = addresses.some(({ address }) => sources.some((source) => contains(source, address)));
  return named ? 'may' : 'must-not';
}

function contains(source: { readonly address: string; readonly prefixLength: number }, address: string): boolean {
  if (isIPv4(source.address) !== isIPv4(address)) return false;
  const [a, b] = [bitsOf(source.address), bitsOf(address)];
  return a.slice(0, source.prefixLength) === b.slice(0, source.prefixLength);
}

function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const [left = '', right = ''] = address.split('::');
  const [before, after] = [left, right].map((half) => half.split(':').filter(Boolean)) as [string[], string[]];
  const missing = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...missing, ...after];
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

/** The exit code of a matrix. */
export function exitCodeOf(rows: readonly Row[]): number {
  const cells = rows.flatMap((row) => row.cells);
  if (cells.some(({ expected, reach }) => expected === 'must-not' && reach === 'reachable')) return DOCTOR_EXIT.exposed;
  return cells.every(({ ok }) => ok) ? DOCTOR_EXIT.ok : DOCTOR_EXIT.unchecked;
}
