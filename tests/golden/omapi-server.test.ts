/**
 * Recorded conversations with dhcpd, replayed against lessor: what a client sends is sent, what dhcpd answered is
 * expected. Handles, tids and signatures are mapped. Where lessor answers otherwise on purpose the table below says why.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Authenticator,
  decodeMessage,
  type Entry,
  encodeMessage,
  encodeSigned,
  type OmapiMessage,
  Op,
} from '@lessor/omapi';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { type LeaseRow, OmapiServerLab, Raw, SUBNET } from '../unit/omapi-server-lab.js';
import { loadTranscripts, type Step, type Transcript } from './omapi-transcripts.js';

/** Transcripts in which lessor answers otherwise, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'auth-on-server-without-omapi-key': 'keys are for OMAPI or not there: with keys nothing is served unsigned',
  'auth-open-incomplete': 'creating a key that is there is an error',
  'auth-other-key-omshell': 'keys that are not for OMAPI are not known',
  'class-and-subclass': 'classes have no limit of leases',
  'control-shutdown': 'shutdown is answered',
  'control-shutdown-omshell': 'shutdown is answered',
  'flags-create-update-exclusive': 'an attribute that is what it is may be told again',
  'group-edge-cases': 'an attribute that is what it is may be told again',
  'host-create-bad-statements': 'bad statements are refused',
  'host-create-conflicts': 'an attribute that is what it is may be told again',
  'host-create-edge-cases': 'the hardware type is Ethernet if absent',
  'host-lookup-key-combinations': 'a host is found by its own address',
  'host-lookup-pypureomapi': 'a host is found by its own address',
  'host-open-without-keys': 'an open without keys makes no blank object',
  'host-update-attributes': 'the name of a host can be changed',
  'lease-all-states': 'leases have the states of no failover',
  'lease-create-delete': 'an attribute that is what it is may be told again',
  'lease-lookup-not-a-key-omshell': 'client-hostname is a key',
  'lease-update-ends-hex-omshell': 'a freed lease ends at its last renewal',
  'lease-update-ends-omshell': 'a new end does not free a lease',
  'lease-update-every-state': 'a freed lease ends at its last renewal',
  'lease-update-flags': 'leases have no flags',
  'lease-update-refused-attributes': 'what can not be written is refused',
  'lease-update-state-free-omshell': 'a freed lease ends at its last renewal',
  'lease-update-unknown-attribute': 'unknown attributes are refused',
  'malformed-garbage-after-message': 'answers that are owed are sent before closing',
  'omshell-changed-values': 'an open without keys makes no blank object',
  'omshell-errors-connected': 'an open without keys makes no blank object',
  operations: 'changing a key is an error',
};

/** Transcripts that are about objects lessor does not have, or about dhcpd's program and not its protocol. */
const NOT_CONCERNED: Readonly<Record<string, string>> = {
  'interface-pool-subnet': 'names an interface of the machine it was recorded on',
  'failover-pair': 'two dhcpds as a pair; the object is compared in tests/unit/omapi-failover.test.ts',
  'failover-state-startup-omshell': 'the same',
  'lease-live': 'a lease made by a DHCP client during the recording',
  'host-create-statements-variants': 'options of spaces declared in dhcpd.conf',
};

/** Attributes whose values are handles. */
const HANDLES = new Set(['subnet', 'pool', 'host', 'billing-class']);
/** Attributes of lessor that dhcpd does not send: see docs/omapi.md. */
const ADDED = new Set(['group', 'statements', 'host', 'extensions', 'name', 'hashstring', 'match']);
/** An accident of dhcpd. */
const LEFT_OUT = new Set(['remote-handle']);

const RESERVATIONS: readonly JsonMap[] = [
  { 'hw-address': '02:00:00:00:00:01', 'ip-address': '10.77.0.11', hostname: 'alpha' },
  { 'hw-address': '02:00:00:00:00:02', hostname: 'beta' },
  { 'hw-address': '02:00:00:00:01:00', hostname: 'gamma' },
  { 'client-id': "'delta-id'", 'ip-address': '10.77.0.14', hostname: 'delta' },
];

const DHCP4: JsonMap = {
  'client-classes': [
    { name: 'staff', 'option-data': [{ name: 'domain-name', data: 'staff.example' }] },
    {
      name: 'printers',
      test: 'pkt4.mac == 0x0200000000aa',
      'user-context': { lessor: { omapi: { match: 'hardware' } } },
    },
    { name: 'limited', test: 'substring(pkt4.mac, 0, 3) == 0x020001' },
  ],
  'ip-reservations-unique': false,
};

function labOptions(transcript: Transcript & { readonly config?: string; readonly leasesFileBefore?: string }) {
  const { config = '', leasesFileBefore = '', name } = transcript;
  const keyName = /^omapi-key (\S+);/m.exec(config)?.[1];
  const key = new RegExp(`key ${keyName} \\{\\s*algorithm (\\S+);\\s*secret "?([^";]+)"?;`).exec(config);
  const rights = ['read', 'hosts', 'leases', 'shutdown'];
  const keys =
    keyName === undefined ? [] : [{ name: keyName, algorithm: key![1]!, secret: key![2]!, legacy: true, rights }];
  const reservations = [
    ...RESERVATIONS.filter(({ hostname }) => hostname !== 'delta' || name === 'host-lookup-omshell'),
    ...[...leasesFileBefore.matchAll(/^lease ([\d.]+) \{[^}]*hardware ethernet ([0-9a-f:]+);[^}]*^ +reserved;/gm)].map(
      ([, address, hw]) => ({ 'hw-address': hw!, 'ip-address': address! }),
    ),
  ];
  return { keys, leases: leasesOf(leasesFileBefore), dhcp4: { ...DHCP4, subnet4: [{ ...SUBNET, reservations }] } };
}

/** Rows of Kea's file for leases of dhcpd's. */
function leasesOf(text: string): LeaseRow[] {
  const rows = new Map<string, LeaseRow>();
  for (const [, address, body] of text.matchAll(/^lease ([\d.]+) \{\n([\s\S]*?)^\}/gm)) {
    const find = (pattern: RegExp) => pattern.exec(body!)?.[1];
    const hwAddress = find(/hardware ethernet ([0-9a-f:]+);/);
    const hostname = find(/client-hostname "([^"]*)";/);
    const uid = find(/uid "((?:[^"\\]|\\.)*)";/);
    const state = find(/^ +binding state (\w+);/m);
    const variables = [...body!.matchAll(/^ +set ([\w-]+) = ([^;]+);/gm)].map(([, name, value]) => [
      name,
      hexOfSet(value!),
    ]);
    const context = { lessor: { variables: Object.fromEntries(variables) } };
    rows.set(address!, {
      address: address!,
      startsSec: secondsOf(find(/starts ([^;]+);/)),
      endsSec: secondsOf(find(/ends ([^;]+);/)),
      state: state === 'active' ? 0 : state === 'abandoned' ? 1 : 2,
      ...(hwAddress === undefined ? {} : { hwAddress }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(uid === undefined ? {} : { clientId: colonHex(uid) }),
      ...(variables.length === 0 ? {} : { userContext: JSON.stringify(context) }),
    });
  }
  return [...rows.values()];
}

/** A value of a `set` statement: a string, a number, a boolean. */
function hexOfSet(text: string): string {
  const string = /^"(.*)"$/.exec(text)?.[1];
  if (string !== undefined) return Buffer.from(string, 'latin1').toString('hex');
  const number = text === 'true' ? 1 : Number(text.replace('%', ''));
  return number.toString(16).padStart(8, '0');
}

function secondsOf(text = ''): number {
  const [, date, time] = /(\d{4}\/\d\d\/\d\d) (\d\d:\d\d:\d\d)/.exec(text) ?? [];
  return date === undefined ? 1_795_305_600 : Date.parse(`${date.replaceAll('/', '-')}T${time}Z`) / 1000;
}

function colonHex(escaped: string): string {
  const octets = escaped.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(octets, 'latin1')
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
}

/** One conversation being replayed. */
class Replay {
  private readonly connections = new Map<number, Raw>();
  private readonly handles = new Map<number, number>();
  private readonly key: Authenticator | undefined;

  constructor(
    private readonly port: number,
    { key }: Transcript,
  ) {
    this.key = key === null ? undefined : new Authenticator({ ...key, secret: key.secretBase64 });
  }

  async step(step: Step): Promise<void> {
    const raw = await this.connection(step.connection ?? 1);
    if (step.dir === 'c2s') {
      if (step.event === 'fin') raw.half();
      else if (step.event === undefined) raw.send(this.rebuilt(step));
    } else if (step.event === 'fin' || step.event === 'reset') {
      assert.equal(await raw.next(), undefined, step.note);
    } else if (step.decoded !== undefined && step.decoded.startup !== true) {
      this.compare(await raw.next(), decodeMessage(Buffer.from(step.hex!, 'hex')), step.note);
    }
  }

  close(): void {
    for (const raw of this.connections.values()) raw.drop();
  }

  private async connection(number: number): Promise<Raw> {
    let raw = this.connections.get(number);
    if (raw === undefined) {
      raw = await Raw.to(this.port, new Uint8Array(0));
      this.connections.set(number, raw);
    }
    return raw;
  }

  /** What was sent, with lessor's handles, and signed anew if it was well signed. */
  private rebuilt({ hex = '', decoded }: Step): Uint8Array {
    const octets = Buffer.from(hex, 'hex');
    if (decoded === undefined || decoded.startup === true) return octets;
    const message = decodeMessage(octets);
    const mapped: OmapiMessage = {
      ...message,
      authid: this.ours(message.authid),
      handle: this.ours(message.handle),
      object: message.object.map(([name, value]) => (name === 'handle' ? [name, this.oursIn(value)] : [name, value])),
    };
    const genuine = this.key?.verify({ octets, headerOctets: 24, message }) === true;
    return genuine ? encodeSigned(mapped, this.key!) : encodeMessage(mapped);
  }

  private ours(handle: number): number {
    return this.handles.get(handle) ?? handle;
  }

  private oursIn(value: Uint8Array): Uint8Array {
    const mapped = Buffer.from(value);
    if (mapped.length === 4) mapped.writeUInt32BE(this.ours(mapped.readUInt32BE()));
    return mapped;
  }

  private compare(actual: OmapiMessage | undefined, expected: OmapiMessage, note: string): void {
    assert.ok(actual !== undefined, `closed instead of: ${note}`);
    if (expected.op === Op.update) this.handles.set(expected.handle, actual.handle);
    const { op, rid } = actual;
    const shown = (message: OmapiMessage) => ({
      op: message.op,
      rid: message.rid,
      signed: message.signature.length,
      message: message.message.map(([name, value]) => [name, name === 'message' ? '' : hexOf(value)]),
      hasHandle: message.handle !== 0,
      object: this.comparable(message.object, expected.object),
    });
    for (const [name, value] of expected.object) {
      const own = actual.object.find(([one]) => one === name)?.[1];
      if (HANDLES.has(name) && own?.length === 4) this.handles.set(uint32Of(value), uint32Of(own));
    }
    assert.deepEqual(shown(actual), shown(expected), `${note} (op ${op}, rid ${rid})`);
    const text = (message: OmapiMessage) => String(message.message.find(([name]) => name === 'message')?.[1] ?? '');
    assert.ok(text(actual).startsWith(text(expected)), `${text(actual)} instead of ${text(expected)}`);
  }

  private comparable(entries: readonly Entry[], expected: readonly Entry[]): unknown {
    const named = new Set(expected.map(([name]) => name));
    return entries
      .filter(([name]) => !LEFT_OUT.has(name) && (!ADDED.has(name) || named.has(name)))
      .map(([name, value]) => [name, HANDLES.has(name) ? 'handle' : shownValue(name, value, entries)]);
  }
}

/** Names that the server makes up differ, and so does the state of a running server: dhcpd says that it starts. */
function shownValue(name: string, value: Uint8Array, entries: readonly Entry[]): string {
  if (name === 'name' && /^n[hg][0-9a-f]{8}/.test(Buffer.from(value).toString('latin1'))) return 'made up';
  const isControl = name === 'state' && entries.every(([one]) => one === 'state' || one === 'extensions');
  return isControl ? 'control' : hexOf(value);
}

function hexOf(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

function uint32Of(value: Uint8Array): number {
  return Buffer.from(value).readUInt32BE();
}

async function replay(transcript: Transcript): Promise<void> {
  const lab = await OmapiServerLab.start(labOptions(transcript));
  const conversation = new Replay(lab.port, transcript);
  try {
    for (const step of transcript.steps) await conversation.step(step);
  } finally {
    conversation.close();
    await lab.server.stop();
  }
}

describe('recorded conversations with dhcpd', () => {
  const transcripts = loadTranscripts();
  it('are all accounted for', (t) => {
    const names = new Set(transcripts.map(({ name }) => name));
    for (const name of [...Object.keys(DIFFERENT), ...Object.keys(NOT_CONCERNED)]) assert.ok(names.has(name), name);
    const [all, other, out] = [transcripts.length, Object.keys(DIFFERENT).length, Object.keys(NOT_CONCERNED).length];
    t.diagnostic(`${all - other - out} of ${all} as dhcpd, ${other} otherwise on purpose, ${out} not concerned`);
  });
  for (const transcript of transcripts) {
    const { name } = transcript;
    if (Object.hasOwn(NOT_CONCERNED, name)) continue;
    const reason = Object.hasOwn(DIFFERENT, name) ? DIFFERENT[name] : undefined;
    if (reason === undefined) it(`${name}: as dhcpd`, () => replay(transcript));
    else it(`${name}: otherwise, ${reason}`, () => assert.rejects(() => replay(transcript), assert.AssertionError));
  }
});
