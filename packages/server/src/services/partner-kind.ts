/**
 * What the partner of a pair is, a lessor or a Kea: found in its heartbeats, and remembered. Who has once been a lessor
 * is never taken for a Kea again: whoever could make it look like one would take the safe protocol from the pair.
 */

/** The two protocols. */
export type PartnerProtocol = 'lessor' | 'kea';

/** Where it is remembered. */
export interface PartnerKindStore {
  /** What was saved; undefined if nothing was. */
  load(): string | undefined;
  save(kind: PartnerProtocol): void;
}

/** What follows from a heartbeat: nothing, the other protocol, or an alarm. */
export type Heard = 'same' | 'switch' | 'downgrade';

/** See the head of this file. */
export class PartnerKind {
  #known: PartnerProtocol | undefined;

  /** @param configured what the configuration says; `auto`: what is heard */
  constructor(
    private readonly configured: PartnerProtocol | 'auto',
    private readonly store: PartnerKindStore,
  ) {
    const saved = configured === 'auto' ? store.load() : configured;
    this.#known = saved === 'lessor' || saved === 'kea' ? saved : undefined;
  }

  /** What is spoken; until anything is known the safe protocol, which gives nothing away before it has heard. */
  get protocol(): PartnerProtocol {
    return this.#known ?? 'lessor';
  }

  /** The partner was heard as one or the other. */
  heard(kind: PartnerProtocol): Heard {
    if (this.#known === kind) return 'same';
    if (this.#known === 'lessor') return 'downgrade';
    if (this.configured !== 'auto') return 'same';
    const before = this.protocol;
    this.store.save(kind);
    this.#known = kind;
    return before === kind ? 'same' : 'switch';
  }
}

/** As what a heartbeat, or the answer to one, shows its sender; undefined if it is neither. */
export function kindOfHeartbeat(members: Readonly<Record<string, unknown>>): PartnerProtocol | undefined {
  if (members['lessor-pair'] !== undefined || members.lessor !== undefined) return 'lessor';
  return typeof members.state === 'string' && typeof members['date-time'] === 'string' ? 'kea' : undefined;
}
