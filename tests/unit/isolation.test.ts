/** Whether control listeners stand apart from clients: the checks on made-up machines, and what the monitor does of it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IsolationGate, isAdministration } from 'lessor/internal/control/access/isolation-gate.js';
import type { ControlCommand } from 'lessor/internal/control/command.js';
import type { ListenerPolicy } from 'lessor/internal/domain/access/policy.js';
import type { LeakProbe, LinkFact, MachineFacts, Route } from 'lessor/internal/domain/isolation/facts.js';
import { connectionOf } from 'lessor/internal/domain/isolation/segments.js';
import { judge, needsVerdict, type Verdict } from 'lessor/internal/domain/isolation/verdict.js';
import { LessorError } from 'lessor/internal/errors.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import { IsolationMonitor } from 'lessor/internal/services/isolation.js';
import type { MachineNetwork } from 'lessor/internal/services/ports.js';
import { eventBus } from '../lib/event-bus.js';
import { HandClock, ListLogger } from './control-fakes.js';

function link(name: string, index: number, more: Partial<LinkFact> = {}): LinkFact {
  const hwAddress = `02:00:00:00:00:0${index}`;
  const base = { name, index, hwAddress, up: true, running: true, loopback: false, ethernet: true, addresses: [] };
  return { ...base, ...more };
}

const LAN = link('lan0', 2, { addresses: [{ address: '192.0.2.1', prefixLength: 24 }] });
const MG = link('mg0', 3, { addresses: [{ address: '203.0.113.1', prefixLength: 24 }] });

function listener(more: Partial<ListenerPolicy> = {}): ListenerPolicy {
  return {
    name: 'ops',
    kind: 'kea-https',
    plane: 'management',
    interface: 'mg0',
    address: '203.0.113.1',
    port: 8000,
    encrypted: true,
    identity: [],
    limits: {
      connections: 0,
      connectionsPerSource: 0,
      connectionsPerSecond: 0,
      commandsPerSecond: 0,
      octetsPerSecond: 0,
    },
    isolation: 'enforce',
    described: true,
    ...more,
  };
}

const QUIET = { kind: 'done', at: 0, heard: [], skipped: {} } as const satisfies LeakProbe;

function facts(more: Partial<MachineFacts> = {}): MachineFacts {
  return {
    links: [LAN, MG],
    clientDevices: ['lan0'],
    reach: [],
    forwards: [],
    leakProbe: QUIET,
    strayReplies: [],
    ownBmc: false,
    ...more,
  };
}

const { interface: _, ...UNBOUND } = listener();
const heard = [{ from: 'mg0', to: 'lan0', afterMs: 1 }];
const vlan = (id: number, index: number) => link(`v${id}`, index, { kind: 'vlan', vlanId: id, parent: { index: 9 } });

/** What is judged, the verdict, and the check that is to say so. */
const CASES: readonly (readonly [what: string, ListenerPolicy, MachineFacts, Verdict, RegExp])[] = [
  ['two wires', listener(), facts(), 'dedicated', /^$/],
  ['S1 the device of clients', listener(), facts({ clientDevices: ['mg0'] }), 'shared', /S1 shared.*served on mg0/],
  ['S1 allowed', listener({ allow: ['shared-device'] }), facts({ clientDevices: ['mg0'] }), 'dedicated', /S1 allowed/],
  [
    'S2 macvlan',
    listener(),
    facts({ links: [LAN, { ...MG, kind: 'macvlan', parent: { index: 2 } }] }),
    'shared',
    /S2 shared.*mg0 - lan0/,
  ],
  [
    'S2 two macvlans of one device of another namespace',
    listener(),
    facts({
      links: [
        { ...LAN, kind: 'macvlan', parent: { index: 7, namespace: 0 } },
        { ...MG, kind: 'macvlan', parent: { index: 7, namespace: 0 } },
      ],
    }),
    'shared',
    /S2 shared/,
  ],
  [
    'S2 ports of one bridge',
    listener(),
    facts({ links: [{ ...LAN, master: 9 }, { ...MG, master: 9 }, link('br0', 9, { kind: 'bridge' })] }),
    'shared',
    /S2 shared.*mg0 - br0 - lan0/,
  ],
  [
    'S2 the bridge serves clients, a port is for management',
    listener(),
    facts({ links: [{ ...MG, master: 9 }, link('br0', 9, { kind: 'bridge' })], clientDevices: ['br0'] }),
    'shared',
    /S2 shared/,
  ],
  [
    'S2 the other end of a cable is in that bridge',
    listener(),
    facts({
      links: [
        { ...LAN, master: 9 },
        { ...MG, kind: 'veth', parent: { index: 8 } },
        link('mgp', 8, { kind: 'veth', parent: { index: 3 }, master: 9 }),
        link('br0', 9, { kind: 'bridge' }),
      ],
    }),
    'shared',
    /mg0 - mgp - br0 - lan0/,
  ],
  [
    'S2 two VLANs of one bond',
    listener({ interface: 'v10' }),
    facts({ links: [vlan(10, 3), vlan(20, 4), link('bond0', 9, { kind: 'bond' })], clientDevices: ['v20'] }),
    'shared-wire',
    /S2 shared-wire.*v10 - bond0 - v20/,
  ],
  [
    'S2 two VLANs, allowed',
    listener({ interface: 'v10', allow: ['shared-wire'] }),
    facts({ links: [vlan(10, 3), vlan(20, 4), link('bond0', 9)], clientDevices: ['v20'] }),
    'dedicated',
    /S2 allowed/,
  ],
  [
    'two ports of a VRF',
    listener(),
    facts({ links: [{ ...LAN, master: 9 }, { ...MG, master: 9 }, link('vrf0', 9, { kind: 'vrf' })] }),
    'dedicated',
    /^$/,
  ],
  ['S2 no such device', listener({ interface: 'mg9' }), facts(), 'unknown', /S2 unknown: there is no device mg9/],
  [
    'S3 bound to no device',
    UNBOUND,
    facts({ reach: [{ listener: 'ops', from: 'lan0', address: '203.0.113.1', delivered: true }] }),
    'shared',
    /S3 shared.*takes packets for 203\.0\.113\.1 that come in by lan0.*give "interface"/,
  ],
  [
    'S3 rules of the kernel keep clients out',
    UNBOUND,
    facts({
      reach: [{ listener: 'ops', from: 'lan0', address: '203.0.113.1', delivered: false, reason: 'blackhole' }],
    }),
    'dedicated',
    /S3 passed.*blackhole/,
  ],
  ['S3 not to be found out', UNBOUND, facts(), 'unknown', /S3 unknown/],
  ["S3 a clients' address", listener({ address: '192.0.2.1' }), facts(), 'shared', /S3 shared.*address of lan0/],
  [
    'S3 an address of link scope',
    listener({ address: 'fe80::1%mg0' }),
    facts({ links: [{ ...LAN, addresses: [{ address: 'fe80::1', prefixLength: 64 }] }, MG] }),
    'dedicated',
    /^$/,
  ],
  [
    'S4 forwarding',
    listener(),
    facts({ forwards: [{ from: 'lan0', to: 'mg0', destination: '203.0.113.2' }] }),
    'shared',
    /S4 shared.*ip_forward=0.*"allow": \["forwarding"\]/,
  ],
  ['S5 a frame was heard', listener(), facts({ leakProbe: { ...QUIET, heard } }), 'shared', /S5 shared.*sent on mg0/],
  [
    'S5 without the privilege',
    listener(),
    facts({ leakProbe: { kind: 'impossible', reason: 'needs CAP_NET_RAW' } }),
    'unknown',
    /S5 unknown: needs CAP_NET_RAW/,
  ],
  [
    'S5 no carrier',
    listener(),
    facts({ leakProbe: { ...QUIET, skipped: { mg0: 'no carrier' } } }),
    'unknown',
    /S5 unknown: mg0: no carrier/,
  ],
  [
    'S6 an answer to a client',
    listener(),
    facts({ strayReplies: [{ device: 'mg0', source: '192.0.2.1', at: 0 }] }),
    'shared',
    /S6 shared.*192\.0\.2\.1.*seen on mg0/,
  ],
  ['S6 not wanted', listener({ isolation: 'off' }), facts(), 'unknown', /S6 unknown: not listened for/],
  ['S6 nobody listens', listener(), facts({ strayReplies: 'no privilege' }), 'unknown', /S6 unknown: no privilege/],
  ['S7 a BMC, and nobody knows how', listener(), facts({ ownBmc: true }), 'unknown', /S7 unknown.*"own-bmc"/],
  ['S7 a dedicated BMC', listener({ ownBmc: 'dedicated' }), facts({ ownBmc: true }), 'dedicated', /^$/],
  ['S7 failover', listener({ ownBmc: 'failover' }), facts({ ownBmc: true }), 'shared', /S7 shared.*failover port/],
  ['no clients here', UNBOUND, facts({ clientDevices: [] }), 'dedicated', /^$/],
  ['nothing can be seen', listener(), facts({ links: { unreadable: 'no koffi' } }), 'unknown', /S2 unknown: no koffi/],
];

describe('the verdict on a control listener', () => {
  for (const [what, policy, machine, verdict, said] of CASES) {
    it(`${what}: ${verdict}`, () => {
      const judgement = judge(policy, machine);
      const text = judgement.findings.map((one) => `${one.check} ${one.outcome}: ${one.evidence}: ${one.remedy ?? ''}`);
      assert.equal(judgement.verdict, verdict, text.join('\n'));
      if (said.source !== '^$') assert.match(text.join('\n'), said);
      else assert.ok(judgement.findings.every(({ outcome }) => outcome === 'passed'));
    });
  }

  it('is for listeners that somebody else may reach', () => {
    assert.equal(needsVerdict(listener()), true);
    assert.equal(needsVerdict({ kind: 'kea-unix', address: '/run/kea/ctrl' }), false);
    for (const address of ['127.0.0.1', '::1']) assert.equal(needsVerdict({ kind: 'kea-http', address }), false);
    assert.equal(needsVerdict({ kind: 'kea-http', address: '0.0.0.0', interface: 'lo' }), false);
  });

  it('finds no path where there is none, in a graph with rings', () => {
    const ring = [link('a', 2, { parent: { index: 3 } }), link('b', 3, { parent: { index: 2 } }), link('c', 4)];
    assert.deepEqual(connectionOf(ring, 'a', 'c'), { kind: 'apart' });
    assert.equal(connectionOf(ring, 'a', 'b').kind, 'same-network');
    assert.deepEqual(connectionOf(ring, 'a', 'gone'), { kind: 'apart' });
  });
});

/** A machine whose network is changed by hand. */
class FakeNetwork implements MachineNetwork {
  devices: readonly LinkFact[] = [LAN, MG];
  forwarding = false;
  joined = false;
  probes = 0;
  changed: () => void = () => undefined;
  seen: (source: string) => void = () => undefined;

  links = () => this.devices;
  hasOwnBmc = () => false;
  route = (): Route => (this.forwarding ? { kind: 'out', index: 3 } : { kind: 'none', reason: 'unreachable' });
  async probeLeaks(): Promise<LeakProbe> {
    this.probes += 1;
    return this.joined ? { ...QUIET, heard } : QUIET;
  }
  watchReplies(_device: LinkFact, seen: (source: string) => void) {
    this.seen = seen;
    return () => undefined;
  }
  watch(changed: () => void) {
    this.changed = changed;
    return () => undefined;
  }
}

function monitor() {
  const [network, clock, logger] = [new FakeNetwork(), new HandClock(), new ListLogger()];
  const events = eventBus(clock);
  const audited: AuditRecord[] = [];
  const audit = { record: (record: AuditRecord) => void audited.push(record) };
  const isolation = new IsolationMonitor({ network, clock, random: { below: () => 0 }, logger, audit, events });
  return { network, clock, logger, events, audited, isolation };
}

const interfaces = { selectors: [{ name: 'lan0' }] };

/** Lets promises that are ready run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe('the monitor of isolation', () => {
  it('refuses a configuration whose listener is shared, and says which check, on what evidence, and what to do', async () => {
    const { isolation, network } = monitor();
    network.joined = true;
    await assert.rejects(isolation.prepare({ listeners: [listener()], interfaces }), (error: unknown) => {
      assert.ok(error instanceof LessorError && error.code === 'listener-shared');
      assert.match(error.message, /ops is shared.*\n {2}S5 shared: a broadcast frame.*part them/);
      return true;
    });
    (await isolation.prepare({ listeners: [listener({ isolation: 'warn' })], interfaces })).commit();
    assert.equal(isolation.refusalFor('ops'), undefined);
    assert.equal(isolation.states[0]?.judgement.verdict, 'shared');
  });

  it('stops administration when the network changes, and lets it go on when it is dedicated again', async () => {
    const { isolation, network, clock, logger, events, audited } = monitor();
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    isolation.start();
    const gate = new IsolationGate();
    const run = (name: string, plane: 'management' | 'peer' = 'management') => {
      const principal = {
        name: 'u',
        method: 'basic',
        rights: [],
        stopped: () => isolation.refusalFor('ops'),
        plane,
      } as const;
      const command: ControlCommand = {
        name,
        args: undefined,
        service: undefined,
        principal,
        listener: '',
        receivedAt: 0,
      };
      return gate.pass(command, false, async () => 'done');
    };
    assert.equal(await run('lease4-del'), 'done');

    clock.advance(1000);
    network.forwarding = true;
    network.changed();
    await assert.rejects(run('lease4-del'), /ops is shared with clients, so that nothing is changed through it/);
    await assert.rejects(run('shutdown', 'peer'), /shared/);
    assert.equal(await run('lease4-get'), 'done');
    assert.equal(await run('lease4-update', 'peer'), 'done');
    assert.equal(logger.lines.at(-1)?.severity, 'ERROR');
    assert.equal(events.after(0, 10).events.at(-1)?.kind, 'listener-isolation');
    assert.deepEqual(
      [audited.at(-1)?.before, audited.at(-1)?.after, audited.at(-1)?.result],
      ['dedicated', 'shared', 1],
    );

    // A change that comes with the next one is not lost, and not judged by itself either.
    network.forwarding = false;
    network.changed();
    network.changed();
    clock.advance(250);
    assert.equal(await run('lease4-del'), 'done');
    assert.equal(audited.at(-1)?.after, 'dedicated');
    await settled();
    isolation.close();
  });

  it('takes no other configuration for an excuse, and hinders none that may mend it', async () => {
    const { isolation, network, clock } = monitor();
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    isolation.start();
    clock.advance(1000);
    network.forwarding = true;
    network.changed();
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    assert.match(isolation.refusalFor('ops') ?? '', /shared/);
    await assert.rejects(
      isolation.prepare({ listeners: [listener(), listener({ name: 'new' })], interfaces }),
      /new is/,
    );
    isolation.close();
  });

  it('probes again by itself, after changes and on demand, and not all the time', async () => {
    const { isolation, network, clock } = monitor();
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    isolation.start();
    assert.equal(network.probes, 1);
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    assert.equal(network.probes, 1);
    for (let i = 0; i < 100; i++) {
      clock.advance(10);
      network.changed();
    }
    await settled();
    assert.equal(network.probes, 1);
    clock.advance(6000);
    await settled();
    assert.equal(network.probes, 2);
    network.joined = true;
    clock.advance(700_000);
    await settled();
    assert.ok(network.probes >= 3);
    assert.equal(isolation.states[0]?.stopped, true);
    network.joined = false;
    clock.advance(6000);
    await isolation.check();
    assert.equal(isolation.states[0]?.stopped, false);
    isolation.close();
  });

  it("notes answers of clients' networks on the management device, and no others", async () => {
    const { isolation, network, clock } = monitor();
    (await isolation.prepare({ listeners: [listener()], interfaces })).commit();
    isolation.start();
    clock.advance(1000);
    network.seen('203.0.113.9');
    assert.equal(isolation.states[0]?.judgement.verdict, 'dedicated');
    network.seen('192.0.2.254');
    assert.equal(isolation.states[0]?.judgement.verdict, 'shared');
    clock.advance(1_000_000);
    await isolation.check();
    assert.equal(isolation.states[0]?.judgement.verdict, 'dedicated');
    isolation.close();
  });

  it('knows what administration is', () => {
    for (const name of ['lease4-add', 'config-set', 'config-test', 'shutdown', 'dhcp-disable', 'no-such-command']) {
      assert.equal(isAdministration(name, 'management'), true, name);
    }
    for (const name of ['lease4-get', 'config-get', 'status-get', 'isolation-check', 'list-commands']) {
      assert.equal(isAdministration(name, 'management'), false, name);
    }
  });
});
