/** Mutated packets through the whole packet path: whatever they are, no defect, no answer to a non-question, bounded memory. */

import type { Json } from 'lessor/internal/domain/snapshot.js';
import { PacketLab } from '../lib/packet-lab.js';
import { fuzzedPacket, loadCorpus } from './packets.js';

/** What a run found. */
export interface ExchangeFuzzResult {
  readonly packets: number;
  readonly answers: number;
  /** Defects (exceptions inside the packet path), with the octets that cause them. */
  readonly defects: readonly string[];
  readonly leases: number;
}

/** A configuration that sends packets through as many stages as there are. */
const CONFIG: Readonly<Record<string, Json>> = {
  'valid-lifetime': 600,
  // The guard of BMC networks looks at every packet; its sternest policies would leave too few answers.
  'user-context': {
    lessor: { 'bmc-guard': { policies: { R1: 'quarantine', R4: 'quarantine', R6: 'alert', R7: 'alert' } } },
  },
  authoritative: true,
  'stash-agent-options': true,
  'store-extended-info': true,
  'offer-lifetime': 0,
  'early-global-reservations-lookup': true,
  'host-reservation-identifiers': ['hw-address', 'duid', 'circuit-id', 'client-id', 'flex-id'],
  'ddns-qualifying-suffix': 'example.org',
  'hooks-libraries': [
    { library: 'libdhcp_bootp.so' },
    { library: 'libdhcp_flex_id.so', parameters: { 'identifier-expression': 'concat(relay4[1].hex, option[60].hex)' } },
  ],
  'client-classes': [
    { name: 'long', test: "substring(option[60].hex, 0, 4) == 'Mlti' or pkt4.hlen == 0x01" },
    { name: 'text', test: "addrtotext(option[50].hex) == '192.0.2.17'" },
    { name: 'template', 'template-test': 'relay4[1].hex' },
    { name: 'late', test: "member('KNOWN')", 'option-data': [{ name: 'log-servers', data: '192.0.2.9' }] },
  ],
  'option-data': [
    { name: 'routers', data: '10.0.0.1' },
    { name: 'domain-search', data: 'a.example.org, b.example.org' },
    { name: 'vendor-encapsulated-options', 'always-send': true },
    { space: 'vendor-4491', code: 2, 'csv-format': false, data: '0a000001', 'always-send': true },
  ],
  'shared-networks': [
    {
      name: 'net',
      subnet4: [
        {
          id: 1,
          subnet: '192.0.2.0/24',
          pools: [{ pool: '192.0.2.10-192.0.2.30' }],
          reservations: [{ 'hw-address': '02:00:00:00:00:01', 'ip-address': '192.0.2.40', 'client-classes': ['text'] }],
        },
        { id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.0/24' }], interface: 'eth0' },
      ],
    },
  ],
  subnet4: [
    {
      id: 3,
      subnet: '10.0.0.0/8',
      pools: [{ pool: '10.0.0.0/8' }],
      'calculate-tee-times': true,
      'user-context': { lessor: { role: 'management' } },
    },
  ],
};

/** Runs so many mutated packets, in batches of 64. `tell` is called now and then with the number done. */
export async function fuzzExchange(
  packets: number,
  seed: number,
  tell?: (done: number) => void,
): Promise<ExchangeFuzzResult> {
  const lab = await PacketLab.open(CONFIG);
  const corpus = [...loadCorpus().values()];
  let answers = 0;
  for (let done = 0; done < packets; ) {
    const size = Math.min(64, packets - done);
    const batch = Array.from({ length: size }, (_, i) => {
      const octets = fuzzedPacket(done + i, seed, corpus);
      const direct = (done + i) % 3 === 0;
      return lab.datagram(Buffer.from(octets), direct ? {} : { source: '10.0.0.1', destination: '192.0.2.1' });
    });
    await lab.exchange.handleBatch(batch);
    answers += lab.sent.length;
    lab.sent.length = 0;
    done += size;
    lab.clock.at += 50;
    if (done % 65_536 === 0) tell?.(done);
  }
  return { packets, answers, defects: lab.logger.errors, leases: lab.ledger.leases.size };
}
