/** The half of a pair in the protocol that its partner speaks, and the change from one to the other when that is found. */

import { serverNames } from '../domain/ha/relations.js';
import type { JsonMap } from '../domain/snapshot.js';
import { AddressRefresh } from '../services/address-refresh.js';
import type { HaReport } from '../services/ha-report.js';
import { kindOfHeartbeat, PartnerKind, type PartnerProtocol } from '../services/partner-kind.js';
import type { Redundancy } from '../services/redundancy.js';
import { WordFile } from '../store/word-file.js';
import type { Base } from './base.js';
import type { Half, HalfParts } from './ha-half.js';
import { openKeaHalf } from './ha-kea.js';
import { openSafeHalf } from './ha-safe.js';

/** Opens the half; what it is can change while it runs. @throws StoreError, LessorError */
export function openNegotiatedHalf(base: Base, parts: HalfParts): Half {
  const { mode, self, partnerKind } = parts.config();
  // There is nobody to be safe with.
  if (mode === 'passive-backup' || self.role === 'backup') return openKeaHalf(base, parts);
  const { persist } = parts.snapshot.leaseDatabase;
  const kind = new PartnerKind(partnerKind, new WordFile(persist ? `${parts.files}.partner` : undefined));
  let alarmed = false;
  let running = false;

  function heard(members: JsonMap): void {
    const found = kindOfHeartbeat(members);
    const outcome = found === undefined ? 'same' : kind.heard(found);
    if (outcome === 'switch') void become(kind.protocol);
    else if (outcome === 'downgrade' && !alarmed) {
      alarmed = true;
      const text =
        'the partner speaks the protocol of Kea, and it was a lessor before: it is not believed. ' +
        'If a Kea took its place, say "partner": "kea" in user-context.lessor of the relation';
      parts.notice({ kind: 'alarm', alarm: 'downgrade', text });
    }
  }

  function open(protocol: PartnerProtocol, again: boolean): Half {
    // A lease file that was missing at the start is not missing any more.
    const surroundings = { ...parts, heard, ...(again ? { leaseFileMissing: false, snapshot: parts.current() } : {}) };
    return protocol === 'kea' ? openKeaHalf(base, surroundings) : openSafeHalf(base, surroundings);
  }

  async function become(protocol: PartnerProtocol): Promise<void> {
    const before = half;
    const text = `the partner is a ${protocol === 'kea' ? 'Kea: its' : 'lessor: the safe'} protocol is spoken from now on`;
    parts.logger.log('WARN', 'LESSOR_PAIR_PROTOCOL', text, { protocol });
    await before.retire();
    half = open(protocol, true);
    // What may be given is another matter now.
    new AddressRefresh(parts.addresses, base.clock).everything();
    if (running) half.start();
  }

  let half = open(kind.protocol, false);
  const redundancy: Redundancy = {
    get rules() {
      return half.redundancy.rules;
    },
    selective: true,
    admit: (exchange) => half.redundancy.admit(exchange),
    gate: (acks) => half.redundancy.gate(acks),
  };
  const report: HaReport = {
    relationship: parts.ha.relationship,
    servers: serverNames(parts.ha),
    status: () => half.report.status(),
    heartbeat: () => half.report.heartbeat(),
    readiness: () => half.report.readiness(),
    partnerIsDown: (giveUp) => half.report.partnerIsDown(giveUp),
    continueAlone: () => half.report.continueAlone?.(),
    command: (name, args) => half.report.command?.(name, args),
    configDiff: () => half.report.configDiff?.(),
    configPush: (apply) => half.report.configPush?.(apply),
  };
  return {
    redundancy,
    report,
    mayReclaim: (lease) => half.mayReclaim(lease),
    answer(command, args) {
      // A partner that asks in the safe protocol is a lessor, whatever was thought before.
      if (command === 'ha-heartbeat' && args['lessor-pair'] !== undefined) heard(args);
      return half.answer(command, args);
    },
    start() {
      running = true;
      half.start();
    },
    stop() {
      running = false;
      return half.stop();
    },
    retire: () => half.retire(),
    prepare: (next) => half.prepare(next),
    follow: (next) => half.follow(next),
  };
}
