/**
 * Reply templates: compose once, copy often. What subnet, pool, reservation, classes and parameter request list
 * determine is encoded once; a reply is then a copy with a few fields patched in.
 */

import type { OctetSpan, OptionOctets } from '@lessor/dhcp';
import type { Pool, Reservation, Subnet } from '../snapshot.js';

/** What a template depends on; two replies with equal keys have the same fixed part. */
export interface TemplateKey {
  /** DHCP message type of the reply, 0 for BOOTP. */
  readonly type: number;
  readonly subnet: Subnet | undefined;
  readonly pool: Pool | undefined;
  readonly host: Reservation | undefined;
  /** The client's classes that can change a reply. */
  readonly classKey: string;
  /** Which of the optional parts are present; see the PRESENT_ bits of reply.ts. */
  readonly present: number;
  /** Option 55 as sent. */
  readonly requested: OctetSpan;
  /** Enterprises and vendor options asked for, where vendor options are configured; else ''. */
  readonly vendor: string;
  /** What expressions computed for the reply; '' if nothing. */
  readonly computed: string;
}

/** The fixed part of a reply. */
export interface Template extends TemplateKey {
  /** Header and options up to, not including, the options that differ from client to client. */
  readonly octets: Uint8Array;
  /** Where the values of options 51, 58 and 59 start, -1 if absent. */
  readonly leaseTimeAt: number;
  readonly renewalAt: number;
  readonly rebindingAt: number;
  /** Where the value of option 54 starts, -1 if it is configured and so part of the template. */
  readonly serverIdAt: number;
  /** An option for BMCs only was left out. */
  readonly withheld: boolean;
  /** The same options as values, for replies that do not fit and must be encoded with overload. */
  readonly options: readonly OptionOctets[];
}

/**
 * Longest list of templates with one hash. Clients choose part of the key: one that makes keys collide gains that its own
 * replies are composed anew, and nothing is searched for long.
 */
const MAX_CHAIN = 8;

/** A bounded cache of templates. When full it starts again: what is in use is back after one reply each. */
export class TemplateCache {
  readonly #chains = new Map<number, Template[]>();
  readonly #capacity: number;
  #size = 0;

  constructor(capacity = 4096) {
    this.#capacity = capacity;
  }

  /** Number of templates held. */
  get size(): number {
    return this.#size;
  }

  /** The template for the key, made by `build` if there is none. */
  get(key: TemplateKey, build: (key: TemplateKey) => Template): Template {
    const hash = hashOf(key);
    const known = this.#chains.get(hash);
    if (known !== undefined) for (const template of known) if (sameKey(template, key)) return template;
    const template = build(key);
    if (this.#size >= this.#capacity) {
      this.#chains.clear();
      this.#size = 0;
    }
    const chain = this.#chains.get(hash);
    if (chain === undefined) this.#chains.set(hash, [template]);
    else if (chain.length < MAX_CHAIN) chain.push(template);
    else chain[this.#size % MAX_CHAIN] = template;
    this.#size++;
    return template;
  }
}

function hashOf(key: TemplateKey): number {
  let hash = Math.imul(key.type + 1, 0x9e37_79b1) ^ Math.imul((key.subnet?.index ?? -1) + 2, 0x85eb_ca6b);
  hash = Math.imul(hash ^ ((key.pool?.index ?? -1) + 2), 0xc2b2_ae35) ^ key.present;
  // Reservations are told apart by what identifies them, lest a thousand of them share one chain.
  if (key.host !== undefined) hash = mixText(hash, key.host.identifier);
  const { octets, start, end } = key.requested;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ octets[i]!, 0x0100_0193);
  hash = mixText(mixText(mixText(hash, key.classKey), key.vendor), key.computed);
  return hash | 0;
}

function mixText(seed: number, text: string): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash;
}

function sameKey(a: TemplateKey, b: TemplateKey): boolean {
  return (
    a.type === b.type &&
    a.subnet === b.subnet &&
    a.pool === b.pool &&
    a.host === b.host &&
    a.present === b.present &&
    a.classKey === b.classKey &&
    a.vendor === b.vendor &&
    a.computed === b.computed &&
    sameOctets(a.requested, b.requested)
  );
}

function sameOctets(a: OctetSpan, b: OctetSpan): boolean {
  const length = a.end - a.start;
  if (length !== b.end - b.start) return false;
  for (let i = 0; i < length; i++) if (a.octets[a.start + i] !== b.octets[b.start + i]) return false;
  return true;
}
