/**
 * Planted bugs: parts of a server wrapped or replaced, so that the checker can show that it would notice each of them. No
 * production code knows of this.
 */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { isBinding } from 'lessor/internal/domain/pair/record.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import type { LedgerPart } from 'lessor/internal/services/ledger.js';
import type { Belonging, LedgerParts } from 'lessor/internal/services/ledger-parts.js';
import type { PairMemory } from 'lessor/internal/services/pair/memory.js';
import type { PairParts } from 'lessor/internal/services/pair/pair-parts.js';
import type { PairService } from 'lessor/internal/services/pair/pair-service.js';
import type { PairFileStore } from 'lessor/internal/services/ports.js';
import type { Redundancy } from 'lessor/internal/services/redundancy.js';
import type { SimDisk } from './disk.js';
import type { Plan } from './plan.js';

/** Where a bug can be planted. */
export interface Mutation {
  readonly name: string;
  /** Leases are reckoned by a clock that nobody can set. */
  readonly steady: boolean;
  disk(disk: SimDisk): void;
  pairFile(store: PairFileStore): PairFileStore;
  /** @param frozenMs how long the process has been stopped in all */
  parts(parts: PairParts, frozenMs: () => number): PairParts;
  /** What is sent to the partner, in messages and answers. */
  sent(json: JsonMap): JsonMap;
  /** What comes from the partner. */
  received(json: JsonMap, parts: PairParts): JsonMap;
  redundancy(service: PairService): Redundancy;
  /** Of a hub: the part of the ledger that a relation works with. */
  part(parts: LedgerParts, relation: RelationIndex, ledger: LedgerPart): LedgerPart;
  /** Of a hub: what belongs to which relation, as its packet path sees it. */
  belonging(belonging: Belonging): Belonging;
  service(service: PairService, parts: PairParts): void;
  /** Plans under which the bug can show. */
  suits(plan: Plan): boolean;
  /** The kind of runs in which it can show (styles.ts). */
  readonly style: 'plain' | 'hub';
  /** Seed from which plans are tried: not far from one that shows it, so that a test need not look long. */
  readonly from: number;
}

/** No bug. */
export const intact: Mutation = {
  name: 'none',
  steady: true,
  disk: () => undefined,
  pairFile: (store) => store,
  parts: (parts) => parts,
  sent: (json) => json,
  received: (json) => json,
  redundancy: (service) => service,
  part: (parts, relation) => parts.of(relation),
  belonging: (belonging) => belonging,
  service: () => undefined,
  suits: () => true,
  style: 'plain',
  from: 1,
};

function has(...kinds: readonly string[]): (plan: Plan) => boolean {
  return ({ faults }) => faults.some(({ kind }) => kinds.includes(kind));
}

function losesLeases({ faults }: Plan): boolean {
  return faults.some((fault) => 'lost' in fault && (fault.lost === 'leases' || fault.lost === 'both'));
}

/** The message with something changed in what its sender says of itself. */
function withHello(json: JsonMap, change: (hello: JsonMap) => JsonMap): JsonMap {
  const hello: Json | undefined = json['lessor-pair'];
  if (typeof hello !== 'object' || hello === null || Array.isArray(hello)) return json;
  return { ...json, 'lessor-pair': change(hello as JsonMap) };
}

const newestBoot = new WeakMap<PairMemory, number>();
let nextSequence = 1;

/** A bug that only a server in two relations can have. */
const hub: Mutation = { ...intact, name: 'none', style: 'hub' };

/** Each has to be noticed. */
export const MUTATIONS: readonly Mutation[] = [
  {
    ...intact,
    name: 'skip the gate: every ACK leaves whole, whatever the partner has stored',
    from: 815,
    redundancy: (service) => ({
      rules: service.rules,
      selective: true,
      admit: (exchange) => service.admit(exchange),
      gate: (acks) => acks.map(() => ({ kind: 'whole' })),
    }),
    suits: (plan) => has('partner-down')(plan) && has('crash')(plan) && plan.settings.poolSize <= plan.clients.length,
  },
  {
    ...intact,
    name: 'ignore MCLT: promise as much as if the partner knew',
    from: 156,
    service({ rules }) {
      rules.boundSec = (_address, _holder, wantedSec) => wantedSec;
    },
    suits: has('partner-down'),
  },
  { ...intact, name: 'reckon leases by the wall clock, whoever sets it', steady: false, suits: has('clock-jump') },
  {
    ...intact,
    name: 'give free addresses of the partner',
    service({ rules }, { ledger }) {
      rules.mayGive = (address) => !isBinding(ledger.leases.getByAddress(address));
    },
  },
  {
    ...intact,
    name: 'forget tombstones: what is removed is gone before the partner knows',
    parts(parts) {
      const use = parts.ledger.useStamp.bind(parts.ledger);
      parts.ledger.useStamp = (stamp) =>
        use({
          put: (lease, before) => stamp.put(lease, before),
          remove: () => undefined,
          committed: () => stamp.committed(),
          undone: (addresses) => stamp.undone(addresses),
        });
      return parts;
    },
  },
  {
    ...intact,
    name: 'do not keep epoch and counters over a restart',
    pairFile: (store) => ({
      load() {
        const file = store.load();
        return file === undefined ? undefined : { ...file, epoch: 1, reservedCounter: 0 };
      },
      save: (file) => store.save(file),
    }),
    suits: has('crash', 'crash-at', 'stop'),
  },
  {
    ...intact,
    name: 'acknowledge before the flush',
    from: 185,
    disk(disk) {
      disk.lateMs = 4000;
    },
    suits: has('crash', 'crash-at'),
  },
  {
    ...intact,
    name: 'take messages of an earlier start, and those that come again',
    from: 1300,
    received: (json, { memory }) => {
      const open = withHello(json, (hello) => {
        const boot = Math.max(newestBoot.get(memory) ?? 0, Number(hello.boot));
        newestBoot.set(memory, boot);
        return { ...hello, boot, sees: memory.file.boot };
      });
      return 'sequence' in json ? { ...open, sequence: nextSequence++, oldest: 0 } : open;
    },
    suits: has('stop', 'crash', 'crash-at'),
  },
  {
    ...intact,
    name: 'reclaim while the partner does not answer, and give what was reclaimed',
    service({ rules }, { ledger }) {
      const mayGive = rules.mayGive.bind(rules);
      rules.mayReclaim = () => true;
      rules.mayGive = (address) =>
        mayGive(address) || ledger.leases.getByAddress(address)?.state === LeaseState.expiredReclaimed;
    },
    suits: has('peer-cut'),
  },
  {
    ...intact,
    name: 'give up a binding in a merge without an alarm',
    from: 310,
    parts: (parts) => ({
      ...parts,
      onAlarm(alarm) {
        if (alarm.kind !== 'dropped-binding') parts.onAlarm(alarm);
      },
    }),
    suits: ({ faults }) => faults.some((fault) => fault.kind === 'partner-down' && !fault.honest),
  },
  {
    ...intact,
    name: 'use the addresses of a partner that is down at once',
    from: 125,
    service({ rules }, { memory, ledger }) {
      const mayGive = rules.mayGive.bind(rules);
      rules.mayGive = (address) =>
        mayGive(address) || (memory.file.state === 'partner-down' && !isBinding(ledger.leases.getByAddress(address)));
    },
    suits: has('partner-down'),
  },
  {
    ...intact,
    name: 'do not notice that the process stood still',
    from: 110,
    parts(parts, frozenMs) {
      const { clock } = parts;
      const asleep = {
        now: () => clock.now(),
        monotonic: () => clock.monotonic() - frozenMs(),
        after: (delayMs: number, run: () => void) => clock.after(delayMs, run),
        soon: (run: () => void) => clock.soon(run),
      };
      return { ...parts, clock: asleep };
    },
    suits: (plan) => has('freeze')(plan) && has('partner-down')(plan),
  },
  {
    ...intact,
    name: 'refuse clients an address the partner may have given them',
    service({ rules }) {
      rules.mayRefuse = () => true;
    },
  },
  {
    ...intact,
    name: 'take a lost database for an empty one',
    from: 1735,
    parts(parts) {
      parts.memory.note({ lost: false, forgot: false, metBoot: 0 });
      return parts;
    },
    sent: (json) => withHello(json, (hello) => ({ ...hello, met: 0, lost: false })),
    suits: losesLeases,
  },
  {
    ...intact,
    name: 'count on after files were lost as if nothing had been before',
    from: 230_000_778,
    parts(parts) {
      parts.memory.note({ stranger: false });
      return parts;
    },
    suits: losesLeases,
  },
  {
    ...intact,
    name: 'go on after a partner that went on alone meanwhile',
    from: 607,
    received: (json, { memory }) =>
      withHello(json, (hello) => ({
        ...hello,
        fence: memory.file.fence,
        state: hello.state === 'partner-down' ? 'interrupted' : (hello.state ?? null),
      })),
    suits: has('partner-down', 'stop'),
  },
  {
    ...hub,
    name: 'a hub gives the records of one relation the versions of the other',
    part: (parts, relation) => ({ ...parts.of(relation), useStamp: (stamp) => parts.of(1 - relation).useStamp(stamp) }),
  },
  {
    ...hub,
    name: 'a hub sends the records of one spoke to the other, and takes whatever that sends',
    part(parts, relation, ledger) {
      const part = parts.of(relation);
      if (relation === 1) return part;
      return {
        ...part,
        leases: ledger.leases,
        observe: (observer) => ledger.observe(observer),
        transact: (work) => ledger.transact(work),
      };
    },
  },
  {
    ...hub,
    name: 'a hub asks one relation what may be given in the subnets of both, and whether it is known',
    from: 32,
    belonging: ({ ofSubnet }) => ({ ofAddress: () => 0, ofSubnet }),
  },
];
