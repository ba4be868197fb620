/**
 * What the guard of BMC networks costs a packet: processor time of one look, for ordinary clients of a host network seen
 * for the first time and again, and for BMCs on a management network.
 *
 *   node build/bench/guard.js          CLIENTS=20000 different clients
 */

import { decodeMessage4 } from '@lessor/dhcp';
import { Exchange } from 'lessor/internal/domain/exchange.js';
import { formatMac } from 'lessor/internal/domain/guard/mac.js';
import { candidateSubnets } from 'lessor/internal/domain/topology.js';
import { PacketLab, type RequestFields } from '../tests/lib/packet-lab.js';

const CLIENTS = Number(process.env.CLIENTS ?? 20_000);
const ROUNDS = 20;
const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];

const lab = await PacketLab.open({
  'user-context': { lessor: { 'bmc-guard': {} } },
  subnet4: [
    { id: 1, subnet: '10.1.0.0/16', 'user-context': { lessor: { role: 'management' } } },
    { id: 2, subnet: '10.2.0.0/16' },
  ],
});
const { config } = lab.exchange;
const { snapshot } = config;

/** The packet as the guard gets it: located, its vendor class read by the classes. */
function exchangeOf(n: number, subnet: number, options: RequestFields['options']): Exchange {
  const port = ascii(`ge-${n >> 8}/0/${n & 255}`);
  const octets = lab.octets({
    type: 1,
    mac: formatMac(0x02_42_ac_00_00_00 + n),
    giaddr: `10.${subnet}.0.1`,
    options: { ...options, 82: [1, port.length, ...port] },
  });
  const exchange = new Exchange(decodeMessage4(octets, false), {
    interfaceName: 'eth0',
    interfaceAddress: lab.interface.address,
    source: 0x0a_01_00_01,
    destination: lab.interface.address,
  });
  exchange.candidates = candidateSubnets(snapshot.subnetById.get(subnet)!, () => false);
  exchange.option(60);
  return exchange;
}

const KINDS: Readonly<Record<string, (n: number) => Exchange>> = {
  'host network, Windows': (n) =>
    exchangeOf(n, 2, {
      60: ascii('MSFT 5.0'),
      12: ascii(`DESKTOP-${n}`),
      61: [1, 2, 0, 0, 0, n >> 8, n & 255],
      55: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
    }),
  'host network, no vendor class': (n) => exchangeOf(n, 2, { 12: ascii(`node-${n}`), 55: [1, 28, 2, 3, 15, 6, 12] }),
  'management network, iDRAC': (n) => exchangeOf(n % 1000, 1, { 60: ascii('iDRAC'), 55: [1, 3, 6, 15, 43] }),
};

for (const [kind, make] of Object.entries(KINDS)) {
  const exchanges = Array.from({ length: CLIENTS }, (_, n) => make(n));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const now = lab.clock.now() + 1000 * round;
    const before = process.hrtime.bigint();
    for (const exchange of exchanges) lab.guard.look(exchange, snapshot, now);
    times.push(Number(process.hrtime.bigint() - before) / CLIENTS);
  }
  const again = times.slice(1).sort((a, b) => a - b);
  const [least, median] = [again[0]!, again[again.length >> 1]!].map((ns) => ns.toFixed(0));
  console.log(`${kind}: ${times[0]!.toFixed(0)} ns the first time, then ${median} ns (at least ${least}) a packet`);
}
