/** One relation with other servers: the listener they are heard by, the way to them, and the protocol that is spoken. */

import type { HaConfig } from '../domain/ha/config.js';
import type { Lease } from '../domain/lease.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { CommandError, LessorError } from '../errors.js';
import { parseDate } from '../platform/clock.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import type { HaReport } from '../services/ha-report.js';
import type { TakeConfig } from '../services/pair/config-exchange.js';
import type { Redundancy } from '../services/redundancy.js';
import { CertificateWatch } from '../transports/certificate-watch.js';
import { PeerClient } from '../transports/peer-client.js';
import { PeerListener } from '../transports/peer-listener.js';
import type { Base } from './base.js';
import type { HalfParts, HaNotice, HaSurroundings } from './ha-half.js';
import { openNegotiatedHalf } from './ha-negotiation.js';

/** A notice, and of which relation. */
export type RelationNotice = HaNotice & { readonly relationship: string };

/** This server's half of a relation, as the other parts of the server see it. */
export interface Relation {
  readonly redundancy: Redundancy;
  readonly report: HaReport;
  mayReclaim(lease: Lease): boolean;
  /** Begins to listen to the partner and to talk to it. @throws LessorError */
  start(): Promise<void>;
  /** Says how a configuration of the partner is put in force. */
  useTake(take: TakeConfig): void;
  /** Calls `told` of everything an operator should hear of. */
  onNotice(told: (notice: RelationNotice) => void): void;
  /** Makes ready for another configuration. @throws LessorError if it can not be followed while the server runs */
  prepareFor(next: ConfigSnapshot): Promise<PreparedSwap>;
  /** Follows a change of single subnets; can not fail. */
  follow(next: ConfigSnapshot): void;
}

/** What the relations are to the other parts of the server. */
export interface HighAvailability extends SwapParticipant {
  readonly redundancy: Redundancy;
  /** One of each relation, in the order of the configuration. */
  readonly reports: readonly HaReport[];
  mayReclaim(lease: Lease): boolean;
  /** Begins to listen to the partners and to talk to them. @throws LessorError */
  start(): Promise<void>;
  /** Says how a configuration of the partner is put in force; a hub takes none of a spoke, which knows a part only. */
  useTake(take: TakeConfig): void;
  /** Calls `told` of everything an operator should hear of. */
  onNotice(told: (notice: RelationNotice) => void): void;
}

/** What the relations are put together from. */
export type ServerSurroundings = Omit<HaSurroundings, 'ha' | 'files' | 'ofHub'>;

/**
 * Opens this server's half of a relation; nothing is sent before `start`.
 * @throws StoreError, LessorError
 */
export function openRelation(base: Base, surroundings: HaSurroundings): Relation {
  const { clock, ending } = base;
  let { ha, snapshot } = surroundings;
  const logger = base.logger.child('ha-hooks');
  const client = new PeerClient(ha, clock);
  ending.onEnd(() => client.close());
  const further = new Map<string, PeerClient>();
  const clientOf = (name: string): PeerClient => {
    if (name === ha.partner.name) return client;
    const known = further.get(name) ?? new PeerClient(ha, clock, name);
    if (!further.has(name)) ending.onEnd(() => known.close());
    further.set(name, known);
    return known;
  };
  let take: TakeConfig | undefined;
  const takers: ((take: TakeConfig) => void)[] = [];
  const listeners: ((notice: RelationNotice) => void)[] = [];
  const parts: HalfParts = {
    ...surroundings,
    client,
    clientOf,
    logger,
    config: () => ha,
    current: () => snapshot,
    heard: () => undefined,
    onTake(told) {
      if (take !== undefined) told(take);
      else takers.push(told);
    },
    notice(notice) {
      // A change of state has been logged where it happened.
      const { relationship } = ha;
      const said = surroundings.ofHub ? `${relationship}: ` : '';
      if (notice.kind === 'alarm') logger.log('WARN', 'LESSOR_PAIR_ALARM', `${said}${notice.text}`, { ...notice });
      for (const told of listeners) told({ ...notice, relationship });
    },
  };
  const half = openNegotiatedHalf(base, parts);
  let listener: PeerListener | undefined;
  const useCertificates = (config: HaConfig): void => {
    for (const one of [client, ...further.values()]) one.useConfig(config);
    listener?.useConfig(config);
  };
  const watch = new CertificateWatch({
    clock,
    parseTime: parseDate,
    files: () => ha.self.tls,
    onAlarm: (text) => parts.notice({ kind: 'alarm', alarm: 'certificate', text }),
    onReplaced() {
      useCertificates(ha);
      logger.log(
        'WARN',
        'LESSOR_PAIR_CERTIFICATE',
        'the certificates of the pair were replaced: new connections use them',
      );
    },
  });
  const follow = (next: ConfigSnapshot): void => {
    snapshot = next;
    half.follow(next);
  };
  return {
    redundancy: half.redundancy,
    report: half.report,
    mayReclaim: (lease) => half.mayReclaim(lease),
    onNotice: (told) => void listeners.push(told),
    useTake(given) {
      take = given;
      for (const told of takers.splice(0)) told(given);
    },
    async start() {
      const opened = await PeerListener.open(ha, {
        clock,
        audit: base.audit,
        ...base.doors.partners(),
        logger: logger.child('commands'),
        parseTime: parseDate,
        onCertificate: (validTo) => watch.partnerShowed(validTo),
        answer(command, args, from) {
          const allowed = isActive(from, ha) || READ_BY_BACKUPS.has(command);
          if (!allowed) throw new CommandError('command-denied', `'${command}' is nothing a backup may ask`);
          return half.answer(command, args);
        },
      });
      listener = opened;
      watch.start();
      ending.onEnd(() => watch.stop());
      ending.onEnd(() => opened.close());
      ending.onEnd(() => half.stop());
      half.start();
    },
    async prepareFor(next) {
      const [wanted, second] = next.ha;
      if (wanted === undefined || second !== undefined || !isSamePair(ha, wanted)) {
        const message =
          'the servers of a pair, their urls, the mode and its times can not be changed while the server runs: restart it';
        throw new LessorError('config-unsupported', message);
      }
      const commit = await half.prepare(next);
      return {
        commit() {
          ha = wanted;
          snapshot = next;
          useCertificates(wanted);
          commit();
        },
        abandon: () => undefined,
      };
    },
    follow,
  };
}

/** What a backup needs for fetching leases; it never changes any. */
const READ_BY_BACKUPS: ReadonlySet<string> = new Set([
  ...['ha-heartbeat', 'lease4-get-page', 'lease4-get-all', 'list-commands', 'status-get'],
  ...['dhcp-disable', 'dhcp-enable', 'ha-sync-complete-notify'],
]);

/** True for a server that serves clients, or can. */
function isActive(name: string, { peers }: HaConfig): boolean {
  return peers.some((peer) => peer.name === name && peer.role !== 'backup');
}

/** True if only what can be followed while running is different: certificates, passwords. */
function isSamePair(a: HaConfig, b: HaConfig): boolean {
  const fixed = ({ self, peers, partner, backups, listener: _, safe, ...rest }: HaConfig): string =>
    JSON.stringify([
      rest,
      { ...safe, acceptsConfiguration: undefined },
      partner.name,
      backups.length,
      ...[self, ...peers].map(({ name, role, address, port, tls }) => [name, role, address, port, tls !== undefined]),
    ]);
  return fixed(a) === fixed(b);
}
