/** Two networks on one server, that of management processors and that of hosts, and machines that lease by udhcpc. */

import assert from 'node:assert/strict';
import { Netns, Switch } from './netns.js';
import { getPeer } from './peers.js';
import { repoPath } from './repo.js';
import { Server } from './server.js';
import { until } from './until.js';

/** What an alarm rests on. */
export interface Evidence {
  readonly feature: string;
  readonly text: string;
}

/** As guard-alarm-list has it. */
export interface Alarm {
  readonly id: number;
  readonly rule: string;
  readonly action: string;
  readonly 'hw-address': string;
  readonly 'subnet-id': number;
  readonly text: string;
  readonly evidence: readonly Evidence[];
}

const role = (name: string) => ({ 'user-context': { lessor: { role: name } } });

/** Subnets 61 (management, on mg0) and 62 (hosts, on lan0), with routers in the first. */
export const GUARDED_SUBNETS: readonly object[] = [
  {
    ...{ id: 61, subnet: '10.61.0.0/24', pools: [{ pool: '10.61.0.100 - 10.61.0.199' }] },
    'option-data': [{ name: 'routers', data: '10.61.0.1' }],
    ...role('management'),
  },
  { id: 62, subnet: '10.62.0.0/24', pools: [{ pool: '10.62.0.100 - 10.62.0.199' }], ...role('host') },
];

/** See the head of this file. */
export class GuardLab {
  readonly management = new Switch();
  readonly hosts = new Switch();
  readonly serverHost = Netns.create();
  readonly server: Server;
  readonly #guests: Netns[] = [];

  constructor(dhcp4: object) {
    this.management.plug(this.serverHost, 'mg0');
    this.hosts.plug(this.serverHost, 'lan0');
    this.serverHost.ip(`address add 10.61.0.1/24 dev mg0
      address add 10.62.0.1/24 dev lan0`);
    this.server = new Server(this.serverHost, { interfaces: ['mg0', 'lan0'] });
    this.server.configure({ 'valid-lifetime': 3600, subnet4: GUARDED_SUBNETS, ...dhcp4 });
  }

  async close(): Promise<void> {
    await this.server.close();
    for (const each of [...this.#guests, this.serverHost, this.management, this.hosts]) each.destroy();
  }

  /** A machine on one network. */
  machine(network: Switch, mac: string): Netns {
    const namespace = Netns.create();
    this.#guests.push(namespace);
    network.plug(namespace, 'eth0');
    this.setMac(namespace, 'eth0', mac);
    return namespace;
  }

  setMac(namespace: Netns, name: string, mac: string): void {
    namespace.ip(`link set ${name} down
      link set ${name} address ${mac}
      link set ${name} up`);
  }

  /** Leases an address with udhcpc; it stays configured. @throws AssertionError with what udhcpc said */
  async lease(namespace: Netns, extra: readonly string[] = [], name = 'eth0'): Promise<void> {
    const script = repoPath('tests', 'interop', 'udhcpc-script.sh');
    const options = ['-f', '-n', '-q', '-i', name, '-s', script, '-t', '30', '-T', '1', ...extra];
    const { status, stdout } = await namespace.run([getPeer('udhcpc'), ...options]);
    assert.equal(status, 0, stdout);
  }

  async alarms(): Promise<readonly Alarm[]> {
    const { arguments: found } = await this.server.command('guard-alarm-list');
    return (found?.alarms ?? []) as readonly Alarm[];
  }

  /** Rules that raised an alarm about a client. */
  async rulesOf(mac: string): Promise<string[]> {
    return (await this.alarms())
      .filter((alarm) => alarm['hw-address'] === mac)
      .map(({ rule }) => rule)
      .sort();
  }

  /** The alarm of a rule about a client, waited for. */
  async alarm(mac: string, rule: string): Promise<Alarm> {
    let all: readonly Alarm[] = [];
    const found = () => all.find((one) => one['hw-address'] === mac && one.rule === rule);
    await until(
      () => `no alarm ${rule} about ${mac}: ${JSON.stringify(all)}`,
      async () => {
        all = await this.alarms();
        return found() !== undefined;
      },
      100,
    );
    return found()!;
  }

  /** What bmc-list has of a client. */
  async device(mac: string): Promise<Readonly<Record<string, unknown>>> {
    const { arguments: found } = await this.server.command('bmc-list');
    const devices = (found?.devices ?? []) as readonly Readonly<Record<string, unknown>>[];
    const one = devices.find((each) => each['hw-address'] === mac);
    assert.ok(one, `no device ${mac}`);
    return one;
  }
}
