/**
 * Reply templates: compose once, copy often. What subnet, pool, reservation, classes and parameter request list
 * determine is encoded once; a reply is then a copy with a few fields patched in.
 */

import type { OptionOctets } from '@lessor/dhcp';
import type { Pool, Reservation, Subnet } from '../snapshot.js';
import type { Ipv4 } from '../values.js';

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
  readonly serverId: Ipv4;
  /** Option 55 as sent. */
  readonly requested: Uint8Array;
  /** Options 124 and 125 as sent, where vendor options are configured; else ''. */
  readonly vendor: string;
}

/** The fixed part of a reply. */
export interface Template extends TemplateKey {
  /** Header and options up to, not including, the options that differ from client to client. */
  readonly octets: Uint8Array;
  /** Where the values of options 51, 58 and 59 start, -1 if absent. */
  readonly leaseTimeAt: number;
  readonly renewalAt: number;
  readonly rebindingAt: number;
  /** The same options as values, for replies that do not fit and must be encoded with overload. */
  readonly options: readonly OptionOctets[];
}

interface Entry {
  readonly template: Template;
  readonly next: Entry | undefined;
}

/** A bounded cache of templates. When full it starts again: what is in use is back after one reply each. */
export class TemplateCache {
  readonly #entries = new Map<number, Entry>();
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
    const first = this.#entries.get(hash);
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (sameKey(entry.template, key)) return entry.template;
    }
    const template = build(key);
    if (this.#size >= this.#capacity) {
      this.#entries.clear();
      this.#size = 0;
      this.#entries.set(hash, { template, next: undefined });
    } else {
      this.#entries.set(hash, { template, next: first });
    }
    this.#size++;
    return template;
  }
}

function hashOf(key: TemplateKey): number {
  let hash = Math.imul(key.type + 1, 0x9e37_79b1) ^ Math.imul((key.subnet?.index ?? -1) + 2, 0x85eb_ca6b);
  hash = Math.imul(hash ^ ((key.pool?.index ?? -1) + 2), 0xc2b2_ae35) ^ key.present;
  // Reservations are told apart by what identifies them, lest a thousand of them share one chain.
  if (key.host !== undefined) hash = mixText(hash, key.host.identifier);
  const requested = key.requested;
  for (let i = 0; i < requested.length; i++) hash = Math.imul(hash ^ requested[i]!, 0x0100_0193);
  hash = mixText(hash, key.classKey);
  return hash | 0;
}

/** Head and tail of a text tell most apart; the comparison of the keys does the rest. */
function mixText(seed: number, text: string): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length && i < 8; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  for (let i = Math.max(8, text.length - 8); i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  }
  return hash;
}

function sameKey(a: TemplateKey, b: TemplateKey): boolean {
  return (
    a.type === b.type &&
    a.subnet === b.subnet &&
    a.pool === b.pool &&
    a.host === b.host &&
    a.present === b.present &&
    a.serverId === b.serverId &&
    a.classKey === b.classKey &&
    a.vendor === b.vendor &&
    sameOctets(a.requested, b.requested)
  );
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
