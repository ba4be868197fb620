/**
 * Which devices hang on one wire, as far as this machine can see: ports of one bridge or bond, devices made upon the
 * same other one, the two ends of a virtual cable. A graph, in which a path is the evidence.
 */

import type { LinkFact } from './facts.js';

/** How two devices hang together: not at all, on one network, or on one wire that carries tagged or wrapped networks. */
export type Connection =
  | { readonly kind: 'apart' }
  /** Names of the devices from one to the other. */
  | { readonly kind: 'same-network' | 'same-wire'; readonly path: readonly string[] };

/** Kinds of device whose frames are told apart from those of their parent by a tag or a header of their own. */
const WRAPPED: ReadonlySet<string> = new Set([
  'vlan',
  'vxlan',
  'geneve',
  'macsec',
  'gre',
  'gretap',
  'ip6gre',
  'ip6gretap',
  'erspan',
  'ipip',
  'ip6tnl',
  'sit',
  'gtp',
  'wireguard',
]);
/** Ports of a switch chip: their parent is the line to the processor and no wire of theirs. */
const OWN_WIRE: ReadonlySet<string> = new Set(['dsa']);
/** Masters that join addresses and not frames. */
const NO_SWITCH: ReadonlySet<string> = new Set(['vrf']);

interface Edge {
  readonly to: string;
  readonly wrapped: boolean;
}

/** How two devices hang together. */
export function connectionOf(links: readonly LinkFact[], from: string, to: string): Connection {
  const start = links.find(({ name }) => name === from);
  const end = links.find(({ name }) => name === to);
  if (start === undefined || end === undefined) return { kind: 'apart' };
  const { edges, names } = graphOf(links);
  const search = (wrappedToo: boolean) => pathBetween(edges, keyOf(start.index), keyOf(end.index), wrappedToo);
  const direct = search(false);
  const path = direct ?? search(true);
  if (path === undefined) return { kind: 'apart' };
  const told = path.map((key) => names.get(key) ?? `device ${key} (another network namespace)`);
  return { kind: direct === undefined ? 'same-wire' : 'same-network', path: told };
}

function graphOf(links: readonly LinkFact[]) {
  const edges = new Map<string, Edge[]>();
  const names = new Map(links.map(({ index, name }) => [keyOf(index), name]));
  const kinds = new Map(links.map(({ index, kind }) => [index, kind]));
  const join = (a: string, b: string, wrapped: boolean): void => {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const list = edges.get(one) ?? [];
      list.push({ to: other, wrapped });
      edges.set(one, list);
    }
  };
  for (const { index, kind = '', parent, master } of links) {
    if (parent !== undefined && !OWN_WIRE.has(kind)) {
      join(keyOf(index), keyOf(parent.index, parent.namespace), WRAPPED.has(kind));
    }
    if (master !== undefined && !NO_SWITCH.has(kinds.get(master) ?? '')) join(keyOf(index), keyOf(master), false);
  }
  return { edges, names };
}

/** The shortest path, as keys. */
function pathBetween(
  edges: ReadonlyMap<string, readonly Edge[]>,
  start: string,
  end: string,
  wrappedToo: boolean,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  for (const key of cameFrom.keys()) {
    if (key === end) break;
    for (const { to, wrapped } of edges.get(key) ?? []) {
      if ((wrappedToo || !wrapped) && !cameFrom.has(to)) cameFrom.set(to, key);
    }
  }
  if (!cameFrom.has(end)) return undefined;
  const path: string[] = [];
  for (let at: string | undefined = end; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
  return path;
}

function keyOf(index: number, namespace?: number): string {
  return namespace === undefined ? String(index) : `${namespace}:${index}`;
}
