/** The guard of BMC networks against anything: parsers that never throw, memory that never grows, judgements that hold. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AlarmBook, MAX_ALARMS } from 'lessor/internal/domain/guard/alarms.js';
import type { Device } from 'lessor/internal/domain/guard/device.js';
import { deviceFromJson, deviceToJson } from 'lessor/internal/domain/guard/device-json.js';
import { Inventory } from 'lessor/internal/domain/guard/inventory.js';
import { blockOf, formatMac, macAt, macOf, parseMac } from 'lessor/internal/domain/guard/mac.js';
import { matchPattern, parsePattern } from 'lessor/internal/domain/guard/pattern.js';
import { GUARD_RULES } from 'lessor/internal/domain/guard/policy.js';
import {
  capabilitiesQuestion,
  parseCapabilities,
  parsePresencePong,
  presencePing,
} from 'lessor/internal/domain/guard/presence-ping.js';
import type { Finding } from 'lessor/internal/domain/guard/rules.js';
import { Sightings } from 'lessor/internal/domain/guard/sightings.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { PacketLab } from '../lib/packet-lab.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const mac = fc.integer({ min: 1, max: 0xffff_ffff_ffff });

describe('hardware addresses', () => {
  it('are the same number whichever way they come', () => {
    fc.assert(
      fc.property(mac, (number) => {
        const octets = Buffer.from(formatMac(number, ''), 'hex');
        assert.equal(macAt(octets, 0), number);
        assert.equal(macOf(octets.toString('latin1')), number);
        assert.equal(parseMac(formatMac(number)), number);
        assert.equal(parseMac(formatMac(number, '-')), number);
        assert.equal(blockOf(number), octets.readUIntBE(0, 3));
      }),
    );
  });
});

describe('the presence ping', () => {
  // As ipmi_sim of Debian's openipmi 2.0.33 answers.
  const PONG = hex('06 00 FF 06 00 00 11 BE 40 2A 00 10 00 00 11 BE 00 00 00 00 81 00 00 00 00 00 00 00');
  const CAPABILITIES = hex('06 00 FF 07 00 00000000 00000000 10 81 1C 63 20 00 38 00 01 97 06 03 00 00 00 00 07');

  it('has the octets of the standard, and understands what was recorded', () => {
    assert.deepEqual(presencePing(0x2a), hex('06 00 FF 06 00 00 11 BE 80 2A 00 00'));
    assert.deepEqual(capabilitiesQuestion(), hex('06 00 FF 07 00 00000000 00000000 09 20 18 C8 81 00 38 8E 04 B5'));
    assert.deepEqual(parsePresencePong(PONG), { tag: 0x2a, ipmi: true });
    assert.deepEqual(parseCapabilities(CAPABILITIES), { noAuthentication: true, anonymousLogin: true, ipmi2: true });
    assert.equal(parseCapabilities(PONG), undefined);
    assert.equal(parsePresencePong(CAPABILITIES), undefined);
  });

  it('takes any datagram, and nothing that is cut short for an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        parsePresencePong(octets);
        parseCapabilities(octets);
      }),
      { numRuns: 5000 },
    );
    for (let length = 0; length < PONG.length; length++)
      assert.equal(parsePresencePong(PONG.subarray(0, length)), undefined);
    for (let length = 0; length < CAPABILITIES.length; length++)
      assert.equal(parseCapabilities(CAPABILITIES.subarray(0, length)), undefined);
  });

  it('is not answered by our own question, nor by an answer with other octets in its head', () => {
    assert.equal(parsePresencePong(presencePing(1)), undefined);
    for (const at of [0, 3, 4, 5, 6, 7, 8]) {
      const changed = Uint8Array.from(PONG);
      changed[at]! ^= 0x55;
      assert.equal(parsePresencePong(changed), undefined, `octet ${at}`);
    }
  });
});

describe('patterns', () => {
  it('read or refuse any text, and match any text without throwing', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('*', '{mac}', '{mac-dashes}', '{hex:6}', '{alnum:7}', '{', '}', '{alnum:0}', '{hex:}', 'idrac-'),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.string({ maxLength: 300 }),
        fc.boolean(),
        (pieces, text, fold) => {
          const pattern = parsePattern(pieces.join(''), fold);
          if (typeof pattern === 'string') assert.notEqual(pattern, '');
          else matchPattern(pattern, text);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('find what was put in', () => {
    fc.assert(
      fc.property(mac, fc.stringMatching(/^[0-9A-Za-z]{7}$/), fc.string(), (number, serial, tail) => {
        const pattern = parsePattern('X-{alnum:7}-{mac}*', true);
        assert.ok(typeof pattern !== 'string');
        const match = matchPattern(pattern, `x-${serial}-${formatMac(number, '').toUpperCase()}${tail}`);
        assert.deepEqual(match, { serial, mac: number });
      }),
    );
  });
});

describe('sightings', () => {
  it('find the latest of a client, and are never more than their places', () => {
    const seen = fc.record({ mac: fc.integer({ min: 1, max: 400 }), subnet: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 600 }), (list) => {
        const sightings = new Sightings(64, [1, 2]);
        const capacity = sightings.capacity;
        for (const [index, one] of list.entries()) {
          const before = sightings.find(one.mac);
          const was = before < 0 ? undefined : sightings.subnet(before);
          const at = sightings.see(one.mac, 7, one.subnet, 1, index);
          assert.equal(sightings.find(one.mac), at);
          assert.equal(sightings.subnet(at), one.subnet);
          assert.equal(sightings.seenSec(at), index);
          if (was !== undefined && was !== one.subnet) assert.equal(sightings.before(at).subnet, was);
        }
        assert.equal(sightings.capacity, capacity);
        const known = new Set(list.map((one) => one.mac).filter((one) => sightings.find(one) >= 0));
        assert.ok(known.size <= capacity);
        assert.ok(known.size + sightings.evicted >= new Set(list.map((one) => one.mac)).size);
      }),
      { numRuns: 200 },
    );
  });
});

function device(number: number, more: Partial<Device> = {}): Device {
  const octets = { circuitId: '', remoteId: '', vendorClass: '', hostName: '', product: 'x', interfaceName: 'eth0' };
  const numbers = { firstSec: 1, lastSec: 1, subnetId: 1, giaddr: 0, score: 0, address: 0, quarantine: 0 };
  return {
    mac: number,
    management: false,
    kind: 'bmc',
    serial: '',
    evidence: [],
    findings: {},
    ...octets,
    ...numbers,
    ...more,
  };
}

describe('the inventory', () => {
  it('keeps those of management networks whatever is made up on host networks', () => {
    const inventory = new Inventory(100);
    for (let n = 1; n <= 100; n++)
      inventory.put(device(n, { lastManagement: { subnetId: 1, sec: n }, serial: `m${n}` }));
    for (let n = 1000; n < 3000; n++) inventory.put(device(n, { serial: `h${n}` }));
    assert.equal(inventory.size, 200);
    assert.equal(inventory.evicted, 1900);
    for (let n = 1; n <= 100; n++) assert.equal(inventory.bySerial('x', `M${n}`)?.mac, n);
    assert.equal(inventory.bySerial('x', 'h1000'), undefined, 'the serial of one that is forgotten is too');
  });

  it('knows one serial number of a device, however often it says another', () => {
    const inventory = new Inventory(10);
    const one = device(7);
    for (let n = 0; n < 100; n++) {
      one.serial = `s${n}`;
      inventory.put(one);
    }
    assert.equal(inventory.bySerial('x', 's98'), undefined);
    assert.equal(inventory.bySerial('x', 's99'), one);
    assert.equal(inventory.remove(7), true);
    assert.equal(inventory.bySerial('x', 's99'), undefined);
    assert.equal(inventory.remove(7), false);
  });

  it('reads back what it wrote, and makes nothing of anything else', () => {
    const number = fc.integer({ min: 0, max: 0xffff_ffff });
    const octets = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const place = fc.option(fc.record({ subnetId: number, sec: number }), { nil: undefined });
    const made = fc.record({
      mac,
      firstSec: number,
      score: fc.integer({ min: 0, max: 100 }),
      circuitId: octets,
      address: number,
      place,
      quarantine: number,
    });
    fc.assert(
      fc.property(made, ({ place: last, ...more }) => {
        const one = device(more.mac, {
          ...more,
          ...(last && {
            lastManagement: { ...last },
            moved: { from: 1, to: 2, sec: last.sec },
            presence: { askedSec: 4 },
          }),
          findings: { R1: { count: 3, lastSec: 4, score: 80 } },
          evidence: [{ feature: 'vendor-class', text: 'x', weight: 80 }],
          pair: { mac: 5, sec: 6 },
        });
        assert.deepEqual(deviceFromJson(JSON.parse(JSON.stringify(deviceToJson(one)))), one);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => void deviceFromJson(value)),
      { numRuns: 1000 },
    );
    const members = Object.keys(deviceToJson(device(1)));
    const odd = fc.dictionary(
      fc.constantFrom(...members, 'moved', 'pair', 'presence', 'last-management'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(odd, (changes) => {
        const found = deviceFromJson({ ...deviceToJson(device(1)), ...changes });
        if (found !== undefined) deviceToJson(found);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('alarms', () => {
  const finding = (subject: number): Finding => ({
    rule: 'R1',
    severity: 'alarm',
    score: 80,
    text: 't',
    evidence: [],
    subject,
  });
  const bounds = { repeatSec: 3600, alarmsPerMinute: 60 };

  it('are bounded in number and in time; what is not raised is counted', () => {
    const book = new AlarmBook();
    let raised = 0;
    for (let n = 1; n <= 5000; n++) if (book.note(finding(n), 1, 'alert', 1000, bounds) !== undefined) raised++;
    assert.equal(raised, 60);
    assert.equal(book.suppressed, 4940);
    assert.equal(book.all.length, MAX_ALARMS);
    assert.equal(book.all[0]!.mac, 5000);
    assert.ok(book.note(finding(9999), 1, 'alert', 61_001, bounds) !== undefined, 'a minute later');
  });

  it('are one for each client, rule and subnet, raised again only after a while, and acknowledged once', () => {
    const book = new AlarmBook();
    assert.ok(book.note(finding(1), 1, 'alert', 0, bounds));
    assert.equal(book.note(finding(1), 1, 'alert', 3_599_999, bounds), undefined);
    assert.ok(book.note(finding(1), 2, 'alert', 3_599_999, bounds));
    assert.equal(book.acknowledge(1, 'me', 5)?.acknowledged?.who, 'me');
    assert.equal(book.acknowledge(99, 'me', 5), undefined);
    assert.equal(book.open, 1);
    const again = book.note(finding(1), 1, 'deny', 3_600_000, bounds);
    assert.equal(again?.count, 3);
    assert.equal(again?.action, 'deny');
  });
});

describe('the guard on the packet path', () => {
  it('survives any options from any place, and refuses nobody who renews', async () => {
    const policies = Object.fromEntries(GUARD_RULES.map((rule) => [rule, 'quarantine']));
    const guarded: JsonMap = {
      'user-context': { lessor: { 'bmc-guard': { policies, thresholds: { quarantine: 1, alert: 1 } } } },
      subnet4: [
        {
          id: 1,
          subnet: '10.1.0.0/16',
          pools: [{ pool: '10.1.1.0-10.1.255.254' }],
          'user-context': { lessor: { role: 'management' } },
        },
        { id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.1.0-10.2.255.254' }] },
      ],
    };
    const lab = await PacketLab.open(guarded);
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => [...bytes]),
      fc
        .constantFrom('iDRAC', 'CPQRIB3', 'PXEClient:Arch:00007', 'IMM2-020000000010', 'idrac-ABC1234', 'udhcp 1.21.1')
        .map((text) => [...Buffer.from(text)]),
    );
    const options = fc.dictionary(
      fc.constantFrom('12', '43', '55', '60', '61', '77', '81', '82', '93', '94', '97'),
      value,
    );
    const place = fc.constantFrom('10.1.0.1', '10.2.0.1');
    await fc.assert(
      fc.asyncProperty(options, place, fc.integer({ min: 1, max: 20 }), async (given, giaddr, n) => {
        lab.clock.at += 30_000;
        const fields = { giaddr, mac: formatMac(0x02_00_00_00_00_00 + n), destination: '192.0.2.1' };
        await lab.batch(...[1, 3, 8].map((type) => ({ ...fields, type, options: given })));
        const own = Object.fromEntries(Object.entries(given).filter(([code]) => code !== '61'));
        const ack = await lab.lease({ ...fields, options: own });
        assert.equal(ack.message.messageType, 5);
      }),
      { numRuns: 400 },
    );
    assert.deepEqual(lab.logger.errors, []);
  });
});
