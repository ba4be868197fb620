/** What no client should send: it is counted, it is never answered by mistake, and it stops nobody else's service. */

import assert from 'node:assert/strict';
import { conformance, type Differs, rule, subnet } from '../lib/lab.js';
import { encodeMessage, OPT, option, TYPE } from '../lib/wire.js';

/** A small generator of pseudo-random numbers (mulberry32): the same packets in every run. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

/** Mutated packets sent; more with ROBUSTNESS_PACKETS. */
const PACKETS = Number(process.env.ROBUSTNESS_PACKETS ?? 3000);

conformance('Malformed messages', { 'valid-lifetime': 3600, subnet4: [subnet(1, 100)] }, (lab) => {
  /** Sends octets from a client and waits until the server has counted them as received. */
  async function deliver(octets: Buffer): Promise<void> {
    const before = await lab().server.statistic('pkt4-received');
    lab().client().sendOctets(octets);
    await lab().until('it is received', async () => (await lab().server.statistic('pkt4-received')) > before);
  }

  const healthy = () =>
    lab()
      .client()
      .message(TYPE.discover, { options: [option.text(OPT.hostName, 'fuzz')] });
  const withCookie = (cookie: number) => {
    const octets = encodeMessage(healthy());
    octets.writeUInt32BE(cookie, 236);
    return octets;
  };
  const withArea = (...area: number[]) =>
    Buffer.concat([encodeMessage({ ...healthy(), options: [] }).subarray(0, 240), Buffer.from(area)]);
  const malformed: [what: string, differs: Differs, octets: () => Buffer][] = [
    [
      'cut in its header',
      { kea: 'does not even count it as received' },
      () => encodeMessage(healthy()).subarray(0, 100),
    ],
    ['without a magic cookie', {}, () => withCookie(1)],
    [
      'with an option that overruns the end',
      { kea: 'reads it as far as it goes' },
      () => withArea(53, 1, 1, 12, 200, 65),
    ],
    ['of op 7', { kea: 'does not look at op' }, () => encodeMessage({ ...healthy(), op: 7 })],
    ['with a hardware address of 200 octets', {}, () => encodeMessage({ ...healthy(), hlen: 200 })],
    ['of type 99', {}, () => encodeMessage({ ...healthy(), options: [option.type(99)] })],
    ['that only a server sends', {}, () => encodeMessage({ ...healthy(), options: [option.type(TYPE.offer)] })],
    ['with an empty message type', {}, () => withArea(53, 0, 255)],
  ];

  for (const [what, differs, octets] of malformed) {
    rule(`a message ${what} is dropped, and counted`, differs, async () => {
      const before = await lab().server.statistic('pkt4-receive-drop');
      await deliver(octets());
      await lab().until('it is counted', async () => (await lab().server.statistic('pkt4-receive-drop')) > before);
    });
  }

  rule('a client identifier of one octet, an empty one and one of 255 octets', {}, async () => {
    for (const clientId of [Buffer.from([1]), Buffer.alloc(0), Buffer.alloc(255, 7)]) {
      const client = lab().client({ clientId });
      const reply = await client.ask(TYPE.discover, {}, 300);
      if (reply) assert.equal(reply.type, TYPE.offer);
    }
    await lab().client().lease();
  });

  rule(
    `${PACKETS} mutated messages leave the server alive, and it says nothing that is no DHCP message`,
    {},
    async () => {
      const random = randomFrom(2131);
      const client = lab().client();
      for (let n = 0; n < PACKETS; n++) {
        const type = 1 + random(8);
        const octets = Buffer.from(
          encodeMessage(
            client.message(type, {
              options: [
                option.text(OPT.hostName, 'mutant'),
                option.nested(OPT.agentInformation, option.text(1, 'circuit')),
                option.hex(OPT.clientFqdn, '05 00 00 04 66 75 7a 7a 00'),
                option.hex(OPT.vivso, '00 00 11 8b 03 01 01 01'),
                option.requestList(1, 3, 6, 15),
              ],
            }),
          ),
        );
        for (let hits = random(4); hits >= 0; hits--) {
          const at = random(8) === 0 ? random(octets.length) : 236 + random(octets.length - 236);
          octets[at] = random(256);
        }
        client.sendOctets(random(10) === 0 ? octets.subarray(0, random(octets.length)) : octets);
        if (n % 250 === 249) await lab().client().ask(TYPE.discover, {}, 1000);
      }
      assert.ok(lab().server.running, lab().server.log().slice(-2000));
      await lab().client().inform('10.1.0.50');
    },
  );
});
