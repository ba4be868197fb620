/**
 * Name change requests beside those of a real Kea 2.2: the same exchanges with both servers, in namespaces of their
 * own, and what each sends to where kea-dhcp-ddns would be, member by member.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Lab } from '../lib/lab.js';
import { skipUnless } from '../lib/peers.js';
import { SUBJECTS, type SubjectName } from '../lib/subject.js';
import { OPT, option, type WireOption } from '../lib/wire.js';
import { type Ncr, NcrCollector } from './ncr-collector.js';

const FQDN = 81;
const [S, E, N] = [1, 4, 8];

const pools = (net: number): { pool: string }[] => [{ pool: `10.${net}.0.100 - 10.${net}.0.200` }];
const subnet = (net: number, own: Readonly<Record<string, unknown>> = {}) => ({
  id: net,
  subnet: `10.${net}.0.0/24`,
  pools: pools(net),
  ...own,
});

const DHCP4 = {
  'valid-lifetime': 6000,
  // A renewal that reuses the lease (the default of Kea 3) is no news for the DNS.
  'cache-max-age': 0,
  'dhcp-ddns': { 'enable-updates': true },
  'ddns-qualifying-suffix': 'example.org',
  // Released leases are deleted, as Kea 2.2 always does; and what has run out goes within a second.
  'expired-leases-processing': {
    'reclaim-timer-wait-time': 1,
    'hold-reclaimed-time': 0,
    'flush-reclaimed-timer-wait-time': 1,
  },
  subnet4: [
    subnet(1, {
      reservations: [{ 'hw-address': '02:aa:00:00:00:01', 'ip-address': '10.1.0.9', hostname: 'Printer' }],
    }),
    subnet(2, { 'ddns-update-on-renew': true, 'valid-lifetime': 600 }),
    subnet(3, {
      'ddns-override-client-update': true,
      'ddns-override-no-update': true,
      'ddns-use-conflict-resolution': false,
    }),
    subnet(4, { 'ddns-replace-client-name': 'always', 'ddns-generated-prefix': 'dyn' }),
    subnet(5, { 'ddns-send-updates': false }),
    subnet(6, { 'valid-lifetime': 2 }),
    subnet(7, { 'hostname-char-replacement': 'x', 'ddns-qualifying-suffix': 'sub.example.org.' }),
  ],
};

function fqdn(flags: number, name: string, full = false): WireOption {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]);
  return [FQDN, Buffer.from([flags | E, 0, 0, ...labels, ...(full ? [0] : [])])];
}

/** One step: exchanges with a server; what it sends is compared. */
interface Step {
  readonly name: string;
  /** Kea now and then handles the client's REQUEST once more when its lease is gone: what it says twice counts once. */
  readonly repeats?: true;
  run(world: World): Promise<void>;
}

/** One server and who watches it. */
class World {
  readonly #serials = new Map<string, string>();
  readonly lab: Lab;
  readonly collector: NcrCollector;

  constructor(lab: Lab, collector: NcrCollector) {
    this.lab = lab;
    this.collector = collector;
  }

  /** The client of a name: the same hardware address with both servers. */
  client(name: string, net = 1, clientId?: string) {
    if (!this.#serials.has(name)) {
      this.#serials.set(name, `02:bb:00:00:00:${(this.#serials.size + 16).toString(16)}`);
    }
    const mac = name === 'printer' ? '02:aa:00:00:00:01' : this.#serials.get(name)!;
    const path = net === 1 ? this.lab.direct : this.lab.relay(`10.${net}.0.1`);
    return this.lab.client({ mac, ...(clientId === undefined ? {} : { clientId }) }, path);
  }

  /** A lease for a client that sends these options; the address is the same with both servers. */
  async lease(name: string, options: readonly WireOption[], net = 1, clientId?: string): Promise<string> {
    const client = this.client(name, net, clientId);
    const wish = option.addresses(OPT.requestedAddress, `10.${net}.0.${100 + this.#serials.size}`);
    return (await client.select(await client.discover({ options: [wish, ...options] }), { options })).yiaddr;
  }

  /** What was sent since the last call. */
  async sent(): Promise<Ncr[]> {
    await this.settle();
    return this.collector.drain().filter((ncr) => !isFence(ncr));
  }

  /** Waits until the server has sent what it has to: a request of our own is behind it in the queue. */
  async settle(): Promise<void> {
    const fences = this.collector.waiting.filter(isFence).length;
    await this.lab.server.must('lease4-resend-ddns', { 'ip-address': '10.1.0.50' });
    await this.lab.until('the requests have come', async () => this.collector.waiting.filter(isFence).length > fences);
  }
}

function isFence(ncr: Ncr): boolean {
  return ncr['ip-address'] === '10.1.0.50';
}

const name = (text: string): WireOption => option.text(OPT.hostName, text);
const addresses = new Map<World, string>();

const STEPS: readonly Step[] = [
  {
    name: 'a host name',
    async run(world) {
      addresses.set(world, await world.lease('a', [name('Host-A')]));
    },
  },
  {
    name: 'nothing on a renewal',
    run: async (w) => void (await w.client('a').renew(addresses.get(w)!, { options: [name('Host-A')] })),
  },
  {
    name: 'another name on a renewal',
    run: async (w) => void (await w.client('a').renew(addresses.get(w)!, { options: [name('other')] })),
  },
  { name: 'no name any more', run: async (w) => void (await w.client('a').renew(addresses.get(w)!)) },
  { name: 'a full host name', run: async (w) => void (await w.lease('b', [name('b.example.net')])) },
  { name: 'FQDN, the server updates', run: async (w) => void (await w.lease('c', [fqdn(S, 'c')])) },
  { name: 'FQDN, full', run: async (w) => void (await w.lease('c2', [fqdn(S, 'c2.example.com', true)])) },
  { name: 'FQDN, the client updates', run: async (w) => void (await w.lease('d', [fqdn(0, 'd')])) },
  { name: 'FQDN, nobody updates', run: async (w) => void (await w.lease('e', [fqdn(N, 'e')])) },
  { name: 'FQDN without a name', run: async (w) => void (await w.lease('e2', [[FQDN, Buffer.from([S | E, 0, 0])]])) },
  { name: 'FQDN goes before a host name', run: async (w) => void (await w.lease('f', [name('no'), fqdn(S, 'yes')])) },
  { name: 'a client identifier', run: async (w) => void (await w.lease('g', [name('g')], 1, '01:02:bb:00:00:00:77')) },
  {
    name: 'a DUID in the client identifier',
    run: async (w) => void (await w.lease('h', [name('h')], 1, 'ff:00:00:00:01:00:03:00:01:02:bb:00:00:00:78')),
  },
  { name: 'a reserved name', run: async (w) => void (await w.lease('printer', [name('mine')])) },
  { name: 'no name', run: async (w) => void (await w.lease('i', [])) },
  {
    name: 'release',
    repeats: true,
    async run(world) {
      const address = await world.lease('j', [name('j')]);
      await world.settle();
      const { lab } = world;
      const release = () => world.client('j').release(address);
      release();
      if (lab.server.subject.name !== 'kea') return lab.untilFree(address);
      // A REQUEST that Kea handles once more gives the lease again: then it is released again.
      await lab.until(`${address} is free`, async () => {
        if ((await lab.server.lease(address))?.state !== 0) return true;
        await sleep(1000);
        release();
        return false;
      });
    },
  },
  {
    name: 'decline',
    async run(world) {
      const address = await world.lease('k', [name('k')]);
      await world.settle();
      world.client('k').decline(address);
      await world.lab.until('it is declined', async () => (await world.lab.server.lease(address))?.state === 1);
    },
  },
  {
    name: 'updates on every renewal',
    async run(world) {
      const address = await world.lease('l', [name('l')], 2);
      await world.settle();
      await world.client('l', 2).renew(address, { options: [name('l')] });
    },
  },
  { name: 'the client would update, overridden', run: async (w) => void (await w.lease('m', [fqdn(0, 'm')], 3)) },
  { name: 'nobody should update, overridden', run: async (w) => void (await w.lease('n', [fqdn(N, 'n')], 3)) },
  { name: 'a generated name', run: async (w) => void (await w.lease('o', [name('o')], 4)) },
  { name: 'a generated name for FQDN', run: async (w) => void (await w.lease('p', [fqdn(S, 'p')], 4)) },
  { name: 'a subnet without updates', run: async (w) => void (await w.lease('q', [fqdn(S, 'q')], 5)) },
  { name: 'characters replaced', run: async (w) => void (await w.lease('r', [name('r_r r')], 7)) },
  { name: 'characters of an FQDN replaced', run: async (w) => void (await w.lease('r2', [fqdn(S, 'r_2')], 7)) },
  {
    name: 'expiry',
    async run(world) {
      await world.lab.untilFree(await world.lease('s', [name('s')], 6));
    },
  },
  {
    name: 'deletion by command',
    repeats: true,
    async run(world) {
      const address = await world.lease('t', [name('t')]);
      await world.settle();
      await world.lab.server.must('lease4-del', { 'ip-address': address });
    },
  },
  {
    name: 'deletion by command with update-ddns',
    repeats: true,
    async run(world) {
      const address = await world.lease('u', [name('u')]);
      await world.settle();
      await world.lab.server.must('lease4-del', { 'ip-address': address, 'update-ddns': true });
    },
  },
];

/** Each of them once, in the order of their first coming. */
function distinct<Item>(list: readonly Item[]): Item[] {
  return list.filter((one, at) => list.findIndex((other) => isDeepStrictEqual(one, other)) === at);
}

/** Members that only newer D2 know, and one whose value is the moment. */
function comparable(ncrs: readonly Ncr[]): Ncr[] {
  return ncrs.map((ncr) => {
    const { 'lease-expires-on': expires, 'conflict-resolution-mode': _mode, ...rest } = ncr;
    assert.match(String(expires), /^20\d{12}$/);
    return rest;
  });
}

const skip = skipUnless('kea-dhcp4', 'python3');

describe('Name change requests as those of Kea 2.2', { skip }, () => {
  const worlds = new Map<SubjectName, World>();

  before(async () => {
    for (const subject of Object.values(SUBJECTS)) {
      const lab = await Lab.open(DHCP4, { subject });
      const collector = new NcrCollector(lab.namespace);
      worlds.set(subject.name, new World(lab, collector));
      await lab.until('the collector listens', async () => collector.ready);
      await lab.server.must('lease4-add', {
        'ip-address': '10.1.0.50',
        'hw-address': '02:cc:00:00:00:01',
        hostname: 'fence.example.org',
        'fqdn-fwd': true,
      });
    }
  });
  after(async () => {
    for (const { lab, collector } of worlds.values()) {
      collector.close();
      await lab.close();
    }
  });

  for (const step of STEPS) {
    test(step.name, async () => {
      const [ours, keas] = (['lessor', 'kea'] as const).map((one) => worlds.get(one)!) as [World, World];
      for (const world of [ours, keas]) {
        await world.sent();
        await step.run(world);
      }
      const [own, expected] = [comparable(await ours.sent()), comparable(await keas.sent())];
      assert.deepEqual(own, step.repeats ? distinct(expected) : expected);
    });
  }
});
