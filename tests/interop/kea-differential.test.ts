/**
 * The same messages to Debian's Kea and to lessor, with the same configuration: the answers are the same, member by
 * member, but for what the table below gives a reason for.
 *
 * `DIFFERENTIAL_CASES=200 DIFFERENTIAL_SEED=7` asks more, and other things.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seeded } from '../fuzz/seeded.js';
import {
  askBoth,
  type Chance,
  type Difference,
  differences,
  draw,
  isFromNowhere,
  isOdd,
  isOverridden,
  isRelayed,
  type Question,
  Side,
  sends,
  tell,
} from '../lib/differential.js';
import { SCENARIOS } from '../lib/differential-scenarios.js';
import { Lab } from '../lib/lab.js';
import { SUBJECTS } from '../lib/subject.js';
import { TYPE } from '../lib/wire.js';

/** Cases of each scenario: each begins without leases. */
const CASES = Number(process.env.DIFFERENTIAL_CASES ?? 2);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 1);
const QUESTIONS_PER_CASE = 10;
/** The type of a DHCPNAK as answers tell it. */
const NAK = String(TYPE.nak);

/** A difference that is meant. */
interface Meant {
  readonly member: RegExp;
  readonly why: string;
  /** `type`: of the answer; `guarded`: subnets are for some clients only. */
  readonly when: (question: Question, difference: Difference, type: string, guarded: boolean) => boolean;
}

/** Option 12 as Kea 2.2 takes it otherwise: with a final dot, and with a label of which nothing is left. */
const ODD_NAMES = ['656e64732e', '2a2a2a', '2a2a2a2e466f6f'];

/** What differs, and why lessor does it so. */
const MEANT: readonly Meant[] = [
  {
    member: /^option 97$/,
    why: 'RFC 4578 §2.3: the machine identifier is returned.',
    when: (_, { kea }) => kea === 'absent',
  },
  {
    member: /^option 54$/,
    why: 'RFC 5107 §4: the relay agent is told for the server where it wants to be; Kea takes such messages, but names itself.',
    when: (question) => isOverridden(question),
  },
  {
    member: /^option 81$/,
    why: 'RFC 4702 §2.2: a server sends 255 in both RCODE fields; Kea returns what the client sent there.',
    when: (_, { kea, lessor }) => withoutRcodes(kea) === withoutRcodes(lessor),
  },
  {
    member: /^on the link$/,
    why: 'What is sent to 255.255.255.255 is a broadcast on the link, too; Kea addresses the frame to the client.',
    when: (_, { lessor }) => lessor === 'broadcast',
  },
  {
    member: /^destination$/,
    why: 'RFC 2131 §4.1: a DHCPNAK is broadcast; Kea sends it to ciaddr.',
    when: (_, { kea, lessor }) => kea === 'ciaddr 68' && lessor === '255.255.255.255 68',
  },
  {
    member: /^flags$/,
    why: 'RFC 2131 §4.3.2: a DHCPNAK through a relay agent is to be broadcast. Kea 3 has it so, too.',
    when: (question, { lessor }, type) => type === NAK && isRelayed(question) && lessor === '8000',
  },
  {
    member: /^reply$/,
    why: 'RFC 2131 §4.3.2: a server that does not know the network and is not authoritative does not refuse; an INFORM it has nothing to tell for goes unanswered.',
    when: (question, { kea, lessor }, _, guarded) =>
      lessor === 'none' && kea !== 'none' && (isFromNowhere(question) || guarded),
  },
  {
    member: /./,
    why: 'A malformed option is left out of account; Kea drops the message, or what follows in it.',
    when: (question) => isOdd(question),
  },
  {
    member: /^reply$/,
    why: 'RFC 2131 §4.3.2: who selects what this server would never give it is refused, and can begin anew; Kea is silent where the address is in no pool.',
    when: (_, { kea, lessor }) => kea === 'none' && lessor === NAK,
  },
  {
    member: /^option (51|58|59)$/,
    why: 'cache-threshold is 0.25 in Kea 3: a lease renewed early runs on.',
    when: (_, { kea, lessor }) => secondsOf(kea) - secondsOf(lessor) <= 3,
  },
  {
    member: /^option 125$/,
    why: 'In Kea 3 option 124 names an enterprise, too, and a reply tells of as many as there are.',
    when: (_, { kea, lessor }) => lessor.length > kea.length && (kea === 'absent' || lessor.includes(kea)),
  },
  {
    member: /^option 125$/,
    why: 'Kea 2.2 goes on telling everybody what one client asked for.',
    when: (question, { kea, lessor }) => kea.length > lessor.length && !sends(question, 125),
  },
  {
    member: /^option (12|81)$/,
    why: 'A reserved name that ends in a dot gets no suffix in Kea 3.',
    when: (_, { kea, lessor }) => [kea, lessor].every((hex) => hex.includes(Buffer.from('two').toString('hex'))),
  },
  {
    member: /^option 12$/,
    why: 'Kea 3 adds no suffix behind a final dot, and takes a name that hostname-char-set has spoilt for none.',
    when: (question) => ODD_NAMES.some((hex) => sends(question, 12, hex)),
  },
  {
    member: /^option 12$/,
    why: 'Kea 3 counts the labels that hostname-char-set has left, Kea 2.2 those the client sent.',
    when: (_, { kea, lessor }) => lessor === kea + Buffer.from('.example.org').toString('hex'),
  },
  {
    member: /^option 54$/,
    why: 'A DHCPNAK names the server as its other answers do, by the identifier that is configured: clients compare it.',
    when: (_, { lessor }, type) => type === NAK && lessor === '0a01004d',
  },
  {
    member: /^reply$/,
    why: 'Where no address is free, a DHCPREQUEST that names none is not refused: there is nothing to refuse.',
    when: ({ act }, { kea, lessor }) => kea === NAK && lessor === 'none' && act.endsWith('nothing'),
  },
];

/** Value of an option that holds a number of seconds. */
function secondsOf(hex: string): number {
  return Number.parseInt(hex, 16);
}

/** Option 81 without its second and third octets. */
function withoutRcodes(hex: string): string {
  return hex.slice(0, 2) + hex.slice(6);
}

describe('The answers of Kea and of lessor', { skip: SUBJECTS.kea.skipReason() }, () => {
  let labs: Lab[] = [];
  let sides: [Side, Side];

  before(async () => {
    const first = SCENARIOS[0]!.dhcp4;
    labs = await Promise.all([SUBJECTS.kea, SUBJECTS.lessor].map((subject) => Lab.open(first, { subject })));
    sides = labs.map((lab) => new Side(lab)) as [Side, Side];
  });
  after(() => Promise.all(labs.map((lab) => lab.close())));

  for (const [index, { title, dhcp4, guarded = false }] of SCENARIOS.entries()) {
    test(title, async () => {
      await Promise.all(sides.map((side) => side.server.reconfigure(dhcp4)));
      const unexplained: string[] = [];
      for (let number = 0; number < CASES; number++) {
        const chance = seeded(SEED * 1_000_003 + index * 1009 + number);
        for (const line of await runCase(chance, guarded)) unexplained.push(`case ${number}, ${line}`);
      }
      assert.deepEqual(unexplained, []);
    });
  }

  /** Asks, beginning without leases; what differs without a reason. */
  async function runCase(chance: Chance, guarded: boolean): Promise<string[]> {
    await Promise.all(sides.map((side) => side.forget()));
    const unexplained: string[] = [];
    for (let step = 0; step < QUESTIONS_PER_CASE; step++) {
      const question = draw(chance);
      const [kea, lessor] = await askBoth(sides, question);
      const found = differences(kea, lessor).filter((one) => !isMeant(question, one, lessor.reply ?? '', guarded));
      if (found.length > 0) {
        const lines = found.map((one) => `    ${one.member}: Kea ${one.kea}, lessor ${one.lessor}`);
        const held = sides.map((side) => side.heldBy(question)).join(' and ');
        unexplained.push([`step ${step}: ${tell(question)} (the client has ${held})`, ...lines].join('\n'));
      }
      // What follows would differ because a client has an address from one server only, or of another network, or because
      // Kea has passed over what has no answer.
      if (kea.yiaddr !== lessor.yiaddr || (isOdd(question) && kea.reply === 'none')) return unexplained;
      if (kea.reply !== lessor.reply && !(kea.reply === 'none' && lessor.reply === NAK)) return unexplained;
    }
    const [kea = [], lessor = []] = await Promise.all(sides.map((side) => side.leases()));
    for (const line of kea) if (!lessor.includes(line)) unexplained.push(`in the end Kea alone has ${line}`);
    for (const line of lessor) if (!kea.includes(line)) unexplained.push(`in the end lessor alone has ${line}`);
    return unexplained;
  }
});

function isMeant(question: Question, difference: Difference, type: string, guarded: boolean): boolean {
  return MEANT.some(({ member, when }) => member.test(difference.member) && when(question, difference, type, guarded));
}
