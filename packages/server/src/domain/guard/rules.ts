/**
 * THE table of rules: what makes the guard take notice. Each is a pure function of the packet, of what its client seems
 * to be, and of what is remembered of it. A rule says what it saw and how much it is worth; what follows is for the
 * policies (policy.ts). Rules can only restrict: nothing a packet says gives its sender anything.
 */

import type { Device } from './device.js';
import { BOOT_TRAITS, type Facts, HOST_TRAITS, SYSTEM_TRAITS } from './facts.js';
import { bmcEvidence, type Evidence, hostEvidence, type Identity, printable } from './identify.js';
import { formatMac, type Mac } from './mac.js';
import type { GuardConfig, GuardRule } from './policy.js';
import { CONFIDENCE_WEIGHT } from './signatures.js';

/** How bad it is if it is true. */
export type Severity = 'info' | 'warn' | 'alarm';

/** Somebody at the same port whose address is near, as last seen. */
export interface Neighbour {
  readonly mac: Mac;
  readonly bmc: boolean;
  readonly host: boolean;
}

/** Stays of a client that just came back to where it was before. */
export interface Return {
  readonly awaySubnet: number;
  readonly awaySec: number;
  readonly hereSec: number;
}

/** Everything a rule may look at. */
export interface Look {
  readonly facts: Facts;
  readonly identity: Identity;
  /** What is known of the client, as it was before this packet. */
  readonly device: Device | undefined;
  /** The device that had this one's serial number on a management network, if it is another. */
  readonly namesake: Device | undefined;
  readonly neighbour: Neighbour | undefined;
  readonly returned: Return | undefined;
  /** Since when the client is in this subnet, in seconds. */
  readonly hereSinceSec: number;
  readonly nowSec: number;
  readonly config: Pick<GuardConfig, 'alternation' | 'idleSec'>;
}

/** What a rule found. */
export interface Finding {
  readonly rule: GuardRule;
  readonly severity: Severity;
  /** 0..100. */
  readonly score: number;
  /** One sentence for people. */
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** Whom it is about: mostly the sender of the packet. */
  readonly subject: Mac;
}

/** One row. */
interface RuleRow {
  readonly severity: Severity;
  /** For the manual. */
  readonly doc: string;
  /** Undefined if there is nothing to tell. */
  find(look: Look): (Partial<Pick<Finding, 'severity' | 'subject'>> & Pick<Finding, 'text' | 'evidence'>) | undefined;
}

/** A judgement counts from here on; a hint alone is below. */
const LIKELY = CONFIDENCE_WEIGHT.medium;
/** A judgement counts as sure from here on. */
const SURE = CONFIDENCE_WEIGHT.high;

const bmcOnHostNetwork: RuleRow = {
  severity: 'alarm',
  doc: 'a management processor asks on a host network',
  find({ facts, identity }) {
    if (facts.management || identity.bmc < SURE) return undefined;
    const product = identity.matches.find(({ signature }) => signature.kind !== 'host')?.signature.product;
    return {
      text: `${product} asks on subnet ${facts.subnet.id}, which is a host network`,
      evidence: bmcEvidence(identity, facts),
    };
  },
};

const hostOnManagementNetwork: RuleRow = {
  severity: 'alarm',
  doc: 'a host asks on a management network',
  find({ facts, identity }) {
    if (!facts.management || identity.host < SURE || identity.bmc >= SURE || identity.other) return undefined;
    return {
      text: `a host asks on subnet ${facts.subnet.id}, which is a management network`,
      evidence: hostEvidence(identity, facts),
    };
  },
};

const pairOnOnePort: RuleRow = {
  severity: 'warn',
  doc: 'a management processor and a host share a port: their addresses are neighbours, and they are seen at the same place',
  find({ facts, identity, neighbour }) {
    if (neighbour === undefined) return undefined;
    const [isBmc, isHost] = [identity.bmc >= LIKELY, identity.host >= LIKELY && identity.bmc < LIKELY];
    const otherIsHost = neighbour.host && !neighbour.bmc;
    // One of the two a host, the other a management processor, or a client that says nothing of itself.
    const mine = otherIsHost && !isHost;
    const theirs = isHost && !otherIsHost;
    if (!mine && !theirs) return undefined;
    const known = mine ? isBmc : neighbour.bmc;
    // On one interface there may be a rack of machines bought together: there a fingerprint is needed too.
    if (!known && !facts.relayPort) return undefined;
    const distance = Math.abs(neighbour.mac - facts.mac);
    const evidence: Evidence[] = [
      {
        feature: 'adjacent-mac',
        text: `${formatMac(facts.mac)} and ${formatMac(neighbour.mac)} differ by ${distance}`,
        weight: 20,
      },
      facts.relayPort
        ? { feature: 'port', text: 'both are behind the same port of the relay', weight: 10 }
        : { feature: 'port', text: 'both are on the same interface', weight: 0 },
    ];
    if (known) evidence.push({ feature: 'fingerprint', text: 'one of them has the fingerprint of a BMC', weight: 50 });
    evidence.push(...(mine ? bmcEvidence(identity, facts) : hostEvidence(identity, facts)).map(withoutWeight));
    return {
      text: 'a management processor shares the port of its host',
      severity: known ? 'warn' : 'info',
      subject: mine ? facts.mac : neighbour.mac,
      evidence,
    };
  },
};

const knownBmcMoved: RuleRow = {
  severity: 'alarm',
  doc: 'a management processor known from a management network asks on a host network',
  find({ facts, identity, device, namesake, nowSec }) {
    if (facts.management || (identity.host >= SURE && identity.bmc < LIKELY)) return undefined;
    const evidence: Evidence[] = [];
    if (device?.lastManagement !== undefined && device.kind !== 'host') {
      const { subnetId, sec } = device.lastManagement;
      const text = `the same address was on management subnet ${subnetId} ${nowSec - sec} s ago`;
      evidence.push({ feature: 'history', text, weight: 70 });
    }
    if (namesake?.lastManagement !== undefined) {
      const { mac, lastManagement } = namesake;
      const text = `its serial number was at ${formatMac(mac)} on management subnet ${lastManagement.subnetId}`;
      evidence.push({ feature: 'serial', text, weight: 70 });
    }
    if (evidence.length === 0) return undefined;
    evidence.push(...bmcEvidence(identity, facts).map((one) => ({ ...one, weight: Math.min(one.weight, 20) })));
    return {
      text: `a management processor moved to subnet ${facts.subnet.id}: its port failed over to one it shares with the host, or it was plugged elsewhere`,
      evidence,
    };
  },
};

const toAndFro: RuleRow = {
  severity: 'warn',
  doc: 'a client goes to and fro between two subnets in the rhythm of a port that is chosen automatically',
  find({ facts, identity, returned, config: { alternation } }) {
    if (returned === undefined) return undefined;
    const { awaySec, hereSec, awaySubnet } = returned;
    const inRhythm = (sec: number) => sec >= alternation.minSec && sec <= alternation.maxSec;
    if (!inRhythm(awaySec) || !inRhythm(hereSec)) return undefined;
    return {
      text: `a client alternates between subnets ${facts.subnet.id} and ${awaySubnet}, as a BMC does that looks for its port`,
      evidence: [
        {
          feature: 'history',
          text: `${hereSec} s in subnet ${facts.subnet.id}, ${awaySec} s in subnet ${awaySubnet}, and back`,
          weight: 50,
        },
        ...bmcEvidence(identity, facts),
      ],
    };
  },
};

const foreignName: RuleRow = {
  severity: 'warn',
  doc: 'the name of a management processor holds the hardware address of another',
  find({ facts, identity }) {
    if (identity.foreignMac === undefined) return undefined;
    const text = `host name "${printable(facts.hostName)}" holds ${formatMac(identity.foreignMac)}, the client is ${formatMac(facts.mac)}`;
    return {
      text: 'a management processor goes by the name of another: a clone, or somebody who pretends',
      evidence: [{ feature: 'host-name', text, weight: 80 }],
    };
  },
};

const hostWithBmcIdentity: RuleRow = {
  severity: 'warn',
  doc: 'a client says that it is a management processor, and shows options that only hosts send',
  find({ facts, identity }) {
    const claim = identity.matches.find(
      ({ signature }) =>
        signature.field === 'vendor-class' && signature.kind === 'bmc' && signature.confidence !== 'low',
    );
    if (claim === undefined) return undefined;
    const telling = BOOT_TRAITS | SYSTEM_TRAITS;
    const boots = identity.matches.some(
      ({ signature }) => signature.field === 'user-class' && signature.kind === 'host',
    );
    if ((facts.traits & telling) === 0 && !boots) return undefined;
    const traits = HOST_TRAITS.filter(({ bit }) => (facts.traits & telling & bit) !== 0);
    return {
      text: `a host uses the identity of ${claim.signature.product}`,
      evidence: [
        { feature: 'vendor-class', text: `option 60 "${printable(facts.vendorClass)}"`, weight: 50 },
        ...traits.map(({ text, weight }) => ({ feature: 'options', text, weight: Math.max(weight, 30) })),
        ...(boots ? hostEvidence(identity, facts).filter(({ feature }) => feature === 'user-class') : []),
      ],
    };
  },
};

const idleMachine: RuleRow = {
  severity: 'info',
  doc: 'a management processor has an address of a host network for long, and no host was seen beside it',
  find({ facts, identity, neighbour, hereSinceSec, nowSec, config: { idleSec } }) {
    const sec = nowSec - hereSinceSec;
    if (facts.management || identity.bmc < LIKELY || neighbour?.host === true || sec < idleSec) return undefined;
    return {
      text: 'an address of a host network is held by the management processor of a machine that does not run',
      evidence: [
        { feature: 'history', text: `in subnet ${facts.subnet.id} for ${sec} s, and no host beside it`, weight: 30 },
        ...bmcEvidence(identity, facts).map(withoutWeight),
      ],
    };
  },
};

const presenceAnswered: RuleRow = {
  severity: 'alarm',
  doc: 'an address of a host network answers the presence ping of management processors',
  find({ facts, device }) {
    if (facts.management || device?.presence?.answeredSec === undefined || device.subnetId !== facts.subnet.id) {
      return undefined;
    }
    return {
      text: `a management processor answers on subnet ${facts.subnet.id}, which is a host network`,
      evidence: [presenceEvidence(device)],
    };
  },
};

/** The table. `bmc-only` is found by the composer of replies: see `withheldFinding`. */
export const RULES: Readonly<Record<Exclude<GuardRule, 'bmc-only'>, RuleRow>> = {
  R1: bmcOnHostNetwork,
  R2: hostOnManagementNetwork,
  R3: pairOnOnePort,
  R4: knownBmcMoved,
  R5: toAndFro,
  R6: foreignName,
  R7: hostWithBmcIdentity,
  R8: idleMachine,
  R9: presenceAnswered,
};

const ROWS = Object.entries(RULES) as readonly [Exclude<GuardRule, 'bmc-only'>, RuleRow][];

/** What all rules find. */
export function findAll(look: Look): Finding[] {
  const findings: Finding[] = [];
  for (const [rule, row] of ROWS) {
    const found = row.find(look);
    if (found === undefined) continue;
    const score = scoreOf(found.evidence);
    findings.push({ rule, severity: row.severity, subject: look.facts.mac, score, ...found });
  }
  return findings;
}

/** R9 as soon as the answer is there. */
export function presenceFinding(device: Device): Finding | undefined {
  if (device.management) return undefined;
  const evidence = [presenceEvidence(device)];
  const text = `a management processor answers on subnet ${device.subnetId}, which is a host network`;
  return { rule: 'R9', severity: 'alarm', subject: device.mac, score: 100, text, evidence };
}

/** A client that says it is a BMC was not given what only BMCs on a management network get. */
export function withheldFinding(facts: Facts, identity: Identity): Finding {
  const why = facts.management ? 'it does not look like one enough, or came another way' : 'it is on a host network';
  return {
    rule: 'bmc-only',
    severity: 'alarm',
    subject: facts.mac,
    score: identity.bmc,
    text: `options for BMCs only were withheld from a client that says it is one: ${why}`,
    evidence: bmcEvidence(identity, facts),
  };
}

/** Weights add up to a score of at most 100. */
export function scoreOf(evidence: readonly Evidence[]): number {
  let score = 0;
  for (const { weight } of evidence) score += weight;
  return Math.min(score, 100);
}

function presenceEvidence({ presence }: Device): Evidence {
  const text = presence?.text ?? 'an answer';
  return { feature: 'presence-ping', text: `RMCP presence ping: ${text}`, weight: 100 };
}

function withoutWeight(evidence: Evidence): Evidence {
  return { ...evidence, weight: 0 };
}
