/** Around the guard of BMC networks: the inventory file, the presence ping, the commands, metrics and explain4. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from 'lessor/internal/control/command.js';
import { Inventory } from 'lessor/internal/domain/guard/inventory.js';
import { macOf } from 'lessor/internal/domain/guard/mac.js';
import type { PresencePingConfig } from 'lessor/internal/domain/guard/policy.js';
import { historyInMemory } from 'lessor/internal/services/config-history.js';
import { InventoryFile } from 'lessor/internal/services/guard/inventory-file.js';
import { noteDevice } from 'lessor/internal/services/guard/notes.js';
import { PresenceProber } from 'lessor/internal/services/guard/presence-prober.js';
import type { Suspect } from 'lessor/internal/services/guard/suspect.js';
import type { PrivateFiles } from 'lessor/internal/services/ports.js';
import { metricsText } from 'lessor/internal/transports/metrics-http.js';
import { ip, PacketLab } from '../lib/packet-lab.js';
import { controlBench, HandClock, ListLogger } from './control-fakes.js';

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];
const suspect = (n: number): Suspect => ({ mac: n, address: ip('10.2.0.0') + n, subnetId: 2, interfaceName: 'eth0' });
const probed = (n: number) => noteDevice(undefined, { suspect: suspect(n), management: false, nowSec: 5 });

describe('the inventory file', () => {
  const parts = (files: PrivateFiles) => {
    const [clock, logger, inventory] = [new HandClock(), new ListLogger(), new Inventory(100)];
    return { clock, logger, inventory, file: new InventoryFile({ files, inventory, clock, logger }) };
  };

  it('is written half a minute after a change, once for many, and read by the next start', async () => {
    const files = historyInMemory();
    const first = parts(files);
    await first.file.load();
    for (let n = 1; n <= 50; n++) {
      first.inventory.put(probed(n));
      first.file.changed();
    }
    assert.equal(first.clock.pending, 1);
    assert.equal(await files.read('bmc-inventory.jsonl'), undefined);
    first.clock.advance(30_000);
    await first.file.close();
    const second = parts(files);
    await second.file.load();
    assert.deepEqual([...second.inventory.all()], [...first.inventory.all()]);
    assert.deepEqual(second.logger.lines, []);
  });

  it('is written at the end if something is left to be written', async () => {
    const files = historyInMemory();
    const { inventory, file } = parts(files);
    inventory.put(probed(1));
    file.changed();
    await file.close();
    assert.match(String(await files.read('bmc-inventory.jsonl')), /"hw-address":"00:00:00:00:00:01"/);
  });

  it('stops no server: bad lines are left out, a file that can not be read or written is an error in the log', async () => {
    const files = historyInMemory();
    await files.write(
      'bmc-inventory.jsonl',
      Buffer.from(
        'nonsense\n{"kind":"bmc"}\n[]\n{"hw-address":"00:00:00:00:00:09","kind":"bmc","first-seen":1,"last-seen":2,"subnet-id":3}\n',
      ),
    );
    const { inventory, file, logger } = parts(files);
    await file.load();
    assert.deepEqual(
      [...inventory.all()].map(({ mac }) => mac),
      [9],
    );
    assert.match(logger.lines[0]!.text, /3 lines of bmc-inventory.jsonl are no devices/);
    const broken: PrivateFiles = {
      read: () => Promise.reject(new Error('EIO')),
      write: () => Promise.reject(new Error('ENOSPC')),
      remove: async () => undefined,
    };
    const other = parts(broken);
    await other.file.load();
    for (let i = 0; i < 2; i++) {
      other.file.changed();
      other.clock.advance(30_000);
      await other.file.close();
    }
    const texts = other.logger.lines.map(({ text }) => text);
    assert.deepEqual(texts, [
      'bmc-inventory.jsonl can not be read: EIO',
      'bmc-inventory.jsonl can not be written: ENOSPC',
    ]);
  });
});

describe('the presence ping', () => {
  const config: PresencePingConfig = { enabled: true, of: 'all', perSecond: 3, capabilities: true };

  function lab() {
    const clock = new HandClock();
    const sent: { octets: Uint8Array; to: number }[] = [];
    const answers: string[] = [];
    let open = 0;
    let receive: (octets: Uint8Array, from: number, port: number) => void = () => undefined;
    const prober = new PresenceProber({
      clock,
      logger: new ListLogger(),
      open: (device, received) => {
        assert.equal(device, 'eth0');
        open++;
        receive = received;
        return { send: (octets, to) => void sent.push({ octets, to }), close: () => void open-- };
      },
    });
    prober.onAnswer((who, text) => answers.push(`${who.mac} ${text}`));
    return {
      clock,
      sent,
      answers,
      prober,
      isOpen: () => open,
      receive: (...given: Parameters<typeof receive>) => receive(...given),
    };
  }

  const pong = (tag: number) =>
    Uint8Array.from([
      6,
      0,
      255,
      6,
      0,
      0,
      0x11,
      0xbe,
      0x40,
      tag,
      0,
      16,
      0,
      0,
      0x11,
      0xbe,
      0,
      0,
      0,
      0,
      0x81,
      ...new Array<number>(7).fill(0),
    ]);
  const capabilities = Uint8Array.from([
    6,
    0,
    255,
    7,
    ...new Array<number>(9).fill(0),
    16,
    0x81,
    0x1c,
    0x63,
    0x20,
    0,
    0x38,
    0,
    1,
    0x97,
    6,
    3,
    0,
    0,
    0,
    0,
    7,
  ]);

  it('asks some seconds after the lease, then for the capabilities, and closes its socket', () => {
    const { clock, sent, answers, prober, isOpen, receive } = lab();
    assert.equal(prober.ask(suspect(1), config), true);
    assert.equal(sent.length, 0);
    clock.advance(4000);
    assert.deepEqual(
      sent.map(({ octets, to }) => [octets[8], to]),
      [[0x80, suspect(1).address]],
    );
    receive(pong(sent[0]!.octets[9]!), suspect(1).address, 623);
    receive(pong(sent[0]!.octets[9]!), suspect(1).address, 623);
    assert.equal(sent.length, 2, 'the question for capabilities, once');
    receive(capabilities, suspect(1).address, 623);
    assert.deepEqual(answers, [
      '1 IPMI answers',
      '1 IPMI answers, IPMI 2.0, log-in without authentication is possible, there is an anonymous user',
    ]);
    assert.equal(isOpen(), 0);
  });

  it('believes nobody who was not asked: other addresses, ports, tags, and too late', () => {
    const { clock, sent, answers, prober, isOpen, receive } = lab();
    prober.ask(suspect(1), config);
    clock.advance(4000);
    const tag = sent[0]!.octets[9]!;
    receive(pong(tag), suspect(2).address, 623);
    receive(pong(tag), suspect(1).address, 624);
    receive(pong(tag + 1), suspect(1).address, 623);
    receive(capabilities, suspect(1).address, 623);
    clock.advance(4000);
    assert.equal(isOpen(), 0, 'nobody answered: the socket is closed');
    receive(pong(tag), suspect(1).address, 623);
    assert.deepEqual(answers, []);
  });

  it('asks once a day, so many a second, and none after its end', () => {
    const { clock, sent, prober } = lab();
    const asked = [1, 1, 2, 3, 4].map((n) => prober.ask(suspect(n), config));
    assert.deepEqual(asked, [true, false, true, true, false]);
    clock.advance(86_399_000);
    assert.equal(prober.ask(suspect(1), config), false);
    clock.advance(2000);
    assert.equal(prober.ask(suspect(1), config), true);
    const before = sent.length;
    prober.close();
    clock.advance(10_000);
    assert.equal(sent.length, before);
    assert.equal(clock.pending, 0);
  });
});

describe('commands', () => {
  it('bmc-list gives devices in pages, and those of a subnet', async () => {
    const bench = controlBench();
    const { inventory } = bench.services.guard;
    for (const n of [3, 1, 2]) (inventory as Inventory).put(probed(n));
    const listed = async (args: JsonMap) => {
      const { result, arguments: found } = await bench.run('bmc-list', args);
      const devices = (found as JsonMap).devices as readonly JsonMap[];
      return [result, devices.map((device) => device['hw-address'])];
    };
    assert.deepEqual(await listed({ limit: 2 }), [0, ['00:00:00:00:00:01', '00:00:00:00:00:02']]);
    assert.deepEqual(await listed({ from: '00:00:00:00:00:02' }), [0, ['00:00:00:00:00:03']]);
    assert.deepEqual(await listed({ 'subnet-id': 9 }), [3, []]);
    assert.match((await bench.run('bmc-list', { from: 'x' })).text!, /'from' parameter is no hardware address/);
    assert.match((await bench.run('bmc-list', { limit: 0 })).text!, /'limit' parameter must be 1 to 10000/);
  });

  it('guard-alarm-list gives alarms, and guard-alarm-acknowledge notes who has seen one', async () => {
    const bench = controlBench();
    const finding = { rule: 'R1', severity: 'alarm', score: 80, text: 'seen', evidence: [], subject: 7 } as const;
    bench.services.guard.alarms.note(finding, 2, 'alert', bench.clock.now(), { repeatSec: 1, alarmsPerMinute: 1 });
    const open = async () => (await bench.run('guard-alarm-list', { open: true })).result;
    assert.equal(await open(), 0);
    const { result, arguments: alarm } = await bench.run('guard-alarm-acknowledge', { id: 1 });
    assert.equal(result, 0);
    assert.match(JSON.stringify(alarm), /"rule":"R1".*"acknowledged":\{"at":\d+,"who":/);
    assert.equal(await open(), 3);
    assert.equal((await bench.run('guard-alarm-list')).result, 0);
    assert.equal((await bench.run('guard-alarm-acknowledge', { id: 2 })).result, 1);
  });
});

describe('what is told of it elsewhere', () => {
  const management: JsonMap = { 'user-context': { lessor: { role: 'management' } } };
  const guarded: JsonMap = {
    'user-context': { lessor: { 'bmc-guard': { policies: { R1: 'deny' } } } },
    subnet4: [
      { id: 1, subnet: '10.1.0.0/24', ...management },
      { id: 2, subnet: '10.2.0.0/24', pools: [{ pool: '10.2.0.10-10.2.0.20' }] },
    ],
  };
  const stray = {
    type: 1,
    giaddr: '10.2.0.1',
    source: '10.2.0.1',
    destination: '192.0.2.1',
    options: { 60: ascii('iDRAC') },
  };

  it('metrics count findings by rule, and alarms', async () => {
    const lab = await PacketLab.open(guarded);
    await lab.ask(stray);
    await lab.ask(stray);
    const text = metricsText(lab.statistics);
    assert.match(text, /lessor_guard_findings_total\{rule="R1"\} 2/);
    assert.match(text, /lessor_guard_alarms_total 1/);
    assert.match(text, /lessor_packets_dropped_total\{reason="guard-denied"\} 2/);
  });

  it('strays are those that asked on host networks lately: for the verdicts of control listeners', async () => {
    const lab = await PacketLab.open(guarded);
    const nowSec = Math.floor(lab.clock.now() / 1000);
    await lab.ask({ ...stray, giaddr: '10.1.0.1' });
    assert.deepEqual(lab.guard.strays(0), []);
    await lab.ask(stray);
    assert.deepEqual(lab.guard.strays(nowSec), [
      { mac: macOf('\x02\0\0\0\0\x10'), subnetId: 2, interfaceName: 'eth0', atSec: nowSec, failedOver: true },
    ]);
    assert.deepEqual(lab.guard.strays(nowSec + 1), []);
  });

  it('a preview judges as the guard does, and leaves no trace', async () => {
    const lab = await PacketLab.open(guarded);
    const { guard } = lab;
    const preview = guard.preview();
    const verdicts: unknown[] = [];
    const { snapshot } = lab.exchange.config;
    const look = guard.look.bind(guard);
    guard.look = (exchange, config, now) => {
      verdicts.push(preview.look(exchange, config, now));
      return undefined;
    };
    await lab.ask(stray);
    assert.deepEqual(verdicts, ['guard-denied']);
    assert.equal(guard.inventory.size, 0);
    assert.equal(guard.alarms.open, 0);
    assert.equal(lab.count('lessor-guard-findings-R1'), 0);
    guard.look = look;
    assert.ok(snapshot.guard !== undefined);
  });
});
