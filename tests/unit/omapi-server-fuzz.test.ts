/** Whatever is said to the OMAPI server, it answers or closes, and nothing in it breaks. OMAPI_FUZZ_RUNS: how often. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Entry, Result, readStatus } from '@lessor/omapi';
import fc from 'fast-check';
import { OmapiServerLab, Raw } from './omapi-server-lab.js';

const NUM_RUNS = Number(process.env.OMAPI_FUZZ_RUNS ?? 300);

const TYPES = ['lease', 'host', 'group', 'control', 'failover-state', 'pool', 'subnet', 'authenticator', 'class', 'x'];
const NAMES = [
  'name',
  'ip-address',
  'hardware-address',
  'hardware-type',
  'dhcp-client-identifier',
  'client-hostname',
  'statements',
  'group',
  'state',
  'ends',
  'flags',
  'handle',
  'starts',
  'algorithm',
];
const VALUES = [
  '',
  '00',
  '00000001',
  '00000002',
  '0a4d0064',
  '0a4d0015',
  '020000000021',
  'ffffffff',
  Buffer.from('filename "a"; option routers 10.0.0.1;').toString('hex'),
  Buffer.from('lab').toString('hex'),
  '0a4d00640a4d0065',
];

const value = fc.oneof(
  fc.constantFrom(...VALUES).map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
  fc.uint8Array({ maxLength: 30 }),
);
const object = fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 5 });
const parameters = fc.record(
  {
    type: fc.constantFrom(...TYPES).map((type) => new Uint8Array(Buffer.from(type))),
    create: value,
    update: fc.constant(Uint8Array.of(0, 0, 0, 1)),
    exclusive: fc.constant(Uint8Array.of(0, 0, 0, 1)),
  },
  { requiredKeys: [] },
);
const request = fc.record({
  op: fc.integer({ min: 0, max: 7 }),
  handle: fc.integer({ min: 0, max: 12 }),
  message: parameters.map((map) => Object.entries(map) as Entry[]),
  object: object.map((entries) => entries as Entry[]),
});

describe('omapi server', () => {
  let lab: OmapiServerLab;
  before(async () => {
    lab = await OmapiServerLab.start({ keys: [] });
  });
  after(() => lab.server.stop());

  const nothingBroke = () => {
    const broken = lab.logger.lines.filter(({ id }) => id === 'LESSOR_OMAPI_FAILED');
    assert.deepEqual(broken, []);
  };

  it('bears any message', async () => {
    let raw = await Raw.to(lab.port);
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        if (raw.isClosed) raw = await Raw.to(lab.port);
        const answer = await raw.ask(asked);
        const status = answer && readStatus(answer);
        assert.notEqual(status?.result, Result.UNEXPECTED);
        nothingBroke();
      }),
      { numRuns: NUM_RUNS },
    );
    raw.drop();
  });

  it('bears any octets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (octets, startup) => {
        const raw = startup ? await Raw.to(lab.port) : await Raw.to(lab.port, new Uint8Array(0));
        raw.send(octets);
        raw.half();
        while ((await raw.next()) !== undefined);
        nothingBroke();
      }),
      { numRuns: NUM_RUNS },
    );
  });
});
