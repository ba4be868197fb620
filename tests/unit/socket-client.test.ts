/** lessor client: its command line, the messages of each step, and whole conversations with a server made for the test. */

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { decodeMessage4, encodeMessage4, findSubOption, type Message4 } from '@lessor/dhcp';
import { UsageError } from 'lessor/internal/cli/args.js';
import { parseUdpFrame } from 'lessor/internal/cli/client/ethernet.js';
import { encodeStep } from 'lessor/internal/cli/client/messages.js';
import { parseClientSettings, parseOption, type Step } from 'lessor/internal/cli/client/options.js';
import { run } from 'lessor/internal/cli/client.js';
import { writeLinkFrame } from 'lessor/internal/platform/link-frame.js';
import { settle } from '../lib/until.js';

const MAC = '02:00:00:00:00:07';
const LEASED = 0xc000_020a;

test('wrong usage is told', () => {
  const cases: [string, RegExp][] = [
    ['', /either --server or --interface/],
    ['--server 127.0.0.1 --interface eth0', /either --server or --interface/],
    ['--interface eth0 --relay 10.0.0.1', /--relay needs --server/],
    ['--server 10.0.0.1', /give --relay/],
    ['--server 10.0.0', /not an IPv4 address/],
    ['--server 127.0.0.1 --steps dance', /no step 'dance'/],
    ['--server 127.0.0.1 --steps request', /needs discover before it/],
    ['--server 127.0.0.1 --steps renew', /needs a lease/],
    ['--server 127.0.0.1 --mac 02:03', /six octets/],
    ['--server 127.0.0.1 --option nothing=1', /no option is named/],
    ['--server 127.0.0.1 --option 12', /write CODE=HEX or NAME=TEXT/],
    ['--server 127.0.0.1 --option routers=here', /--option routers=here/],
    ['--server 127.0.0.1 --ask 1,x', /option codes/],
    ['--server 127.0.0.1 --timeout soon', /not a number/],
    ['--server 127.0.0.1 extra', /unexpected word/],
  ];
  for (const [line, message] of cases) {
    assert.throws(
      () => parseClientSettings(line.split(' ').filter(Boolean)),
      (error: unknown) => {
        assert.ok(error instanceof UsageError, line);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  assert.equal(parseClientSettings(['--help']), undefined);
});

test('options by number and by name; a repeated --option adds', () => {
  assert.deepEqual(parseOption('77=0a0b'), { code: 77, data: Buffer.from([10, 11]) });
  assert.deepEqual(Buffer.from(parseOption('routers=10.0.0.1').data).toString('hex'), '0a000001');
  const settings = parseClientSettings(
    `--server 127.0.0.1 --option 77=0a --client-id pc7 --option=93=0007 --hostname h --ask 1,3`.split(' '),
  )!;
  assert.deepEqual(
    settings.options.map(({ code, data }) => [code, Buffer.from(data).toString('hex')]),
    [
      [61, `00${Buffer.from('pc7').toString('hex')}`],
      [12, '68'],
      [77, '0a'],
      [93, '0007'],
      [55, '0103'],
    ],
  );
});

test('each step fills the fields of RFC 2131 table 5', () => {
  const settings = parseClientSettings(`--server 127.0.0.1 --mac ${MAC} --client-id 01:aa --hostname h`.split(' '))!;
  const holding = { address: LEASED, serverId: 0x7f00_0001 };
  const build = (step: Step): Message4 =>
    decodeMessage4(encodeStep(step, 7, 3, holding, { ...settings, relayPort: false }));
  const brief = (step: Step): unknown[] => {
    const m = build(step);
    return [m.messageType, m.ciaddr === LEASED, m.has(50), m.has(54), m.has(55), m.has(61)];
  };
  //                                       type ciaddr  50     54     55     61
  assert.deepEqual(brief('discover'), [1, false, true, false, true, true]);
  assert.deepEqual(brief('request'), [3, false, true, true, true, true]);
  assert.deepEqual(brief('renew'), [3, true, false, false, true, true]);
  assert.deepEqual(brief('rebind'), [3, true, false, false, true, true]);
  assert.deepEqual(brief('reboot'), [3, false, true, false, true, true]);
  assert.deepEqual(brief('release'), [7, true, false, true, false, true]);
  assert.deepEqual(brief('decline'), [4, false, true, true, false, true]);
  assert.deepEqual(brief('inform'), [8, true, false, false, true, true]);
  assert.deepEqual(brief('bootp'), [0, false, false, false, false, false]);
  const { xid, secs, op, hops, giaddr } = build('discover');
  assert.deepEqual([xid, secs, op, hops, giaddr], [7, 3, 1, 0, 0]);
});

test('a relay says where it is, which port the client is on, and when answers must come to another port', () => {
  const settings = parseClientSettings(
    '--server 10.0.0.1 --relay 10.0.0.2 --circuit-id port7 --remote-id 01:02'.split(' '),
  )!;
  const holding = { address: 0, serverId: 0 };
  const message = decodeMessage4(encodeStep('discover', 1, 0, holding, { ...settings, relayPort: true }));
  const agent = message.option(82)!;
  assert.equal(message.giaddr, 0x0a00_0002);
  assert.equal(message.hops, 1);
  assert.equal(Buffer.from(findSubOption(agent, 1)!).toString(), 'port7');
  assert.equal(Buffer.from(findSubOption(agent, 2)!).toString('hex'), '0102');
  assert.equal(findSubOption(agent, 19)?.length, 0);
  const usual = decodeMessage4(encodeStep('discover', 1, 0, holding, { ...settings, relayPort: false }));
  assert.equal(findSubOption(usual.option(82)!, 19), undefined);
});

test('frames: what is written is read back, and what is no UDP datagram is left', () => {
  const frame = Buffer.alloc(60);
  const route = {
    sourceHwAddress: Buffer.from('020000000001', 'hex'),
    destinationHwAddress: Buffer.from('020000000002', 'hex'),
    source: 0x0a00_0001,
    destination: 0x0a00_0002,
    sourcePort: 67,
    destinationPort: 68,
  };
  writeLinkFrame(frame, 0, route, Buffer.from('hello'));
  const { source, sourcePort, destinationPort, payload, hwSource } = parseUdpFrame(frame)!; // padded to 60 octets
  assert.deepEqual([source, sourcePort, destinationPort], [0x0a00_0001, 67, 68]);
  assert.deepEqual([payload.toString(), hwSource.toString('hex')], ['hello', '020000000001']);
  const change = (at: number, value: number): Buffer => {
    const other = Buffer.from(frame);
    other[at] = value;
    return other;
  };
  for (const broken of [
    change(12, 0x86), // another protocol than IPv4
    change(23, 6), // TCP
    change(20, 0x20), // a fragment
    change(38, 0xff), // longer than the frame
    change(39, 3), // shorter than its header
    frame.subarray(0, 40),
  ]) {
    assert.equal(parseUdpFrame(broken), undefined);
  }
});

describe('conversations on loopback', () => {
  let server: Socket;
  let port: number;
  let answer: (message: Message4) => { type: number; yiaddr?: number } | undefined;
  let heard: number[];

  before(async () => {
    server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    port = server.address().port;
    server.on('message', (octets, from) => {
      const message = decodeMessage4(octets);
      heard.push(message.messageType);
      const reply = answer(message);
      if (reply === undefined) return;
      const { octets: data } = encodeMessage4({
        op: 2,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid: message.xid,
        secs: 0,
        flags: 0,
        ciaddr: message.ciaddr,
        yiaddr: reply.yiaddr ?? 0,
        siaddr: 0,
        giaddr: message.giaddr,
        chaddr: message.chaddr,
        options: [
          { code: 53, data: Uint8Array.of(reply.type) },
          { code: 54, data: Uint8Array.of(127, 0, 0, 1) },
          { code: 3, data: Uint8Array.of(192, 0, 2, 1) },
        ],
      });
      server.send(data, from.port, from.address);
    });
  });
  after(() => server.close());

  async function client(line: string): Promise<{ code: number; output: string; errors: string }> {
    heard = [];
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const words = ['--server', '127.0.0.1', '--port', String(port), '--mac', MAC, ...line.split(' ').filter(Boolean)];
    const code = await run(words, { stdout, stderr, env: {} });
    // What it sent last it does not wait for.
    await settle();
    return { code, output: String(stdout.read() ?? ''), errors: String(stderr.read() ?? '') };
  }

  const serving = (message: Message4): { type: number; yiaddr?: number } | undefined => {
    if (message.messageType === 1) return { type: 2, yiaddr: LEASED };
    if (message.messageType === 3) return { type: 5, yiaddr: LEASED };
    return message.messageType === 8 ? { type: 5 } : undefined;
  };

  test('a lease: exit code 0, the packets and the lease', async () => {
    answer = serving;
    const { code, output } = await client('');
    assert.equal(code, 0);
    assert.deepEqual(heard, [1, 3]);
    assert.match(output, /-> DISCOVER to 127\.0\.0\.1:\d+[\s\S]*<- OFFER[\s\S]*-> REQUEST[\s\S]*<- ACK/);
    assert.match(
      output,
      /lease:\n {2}address 192\.0\.2\.10\n {2}dhcp-server-identifier 127\.0\.0\.1\n {2}routers 192\.0\.2\.1/,
    );
  });

  test('verbose shows fields and options by name; JSON is one object', async () => {
    answer = serving;
    assert.match((await client('-v')).output, /chaddr +02:00:00:00:00:07\n +53 dhcp-message-type: 1 DISCOVER/);
    const { lease, packets, outcome } = JSON.parse((await client('--json')).output) as {
      lease: { yiaddr: string };
      packets: { direction: string; type: string }[];
      outcome: string;
    };
    assert.equal(lease.yiaddr, '192.0.2.10');
    assert.equal(outcome, 'done');
    assert.deepEqual(
      packets.map(({ direction, type }) => `${direction} ${type}`),
      ['sent DISCOVER', 'received OFFER', 'sent REQUEST', 'received ACK'],
    );
  });

  test('all steps of a lease', async () => {
    answer = serving;
    const { code, output } = await client('--steps discover,request,renew,rebind,inform,release');
    assert.equal(code, 0);
    assert.deepEqual(heard, [1, 3, 3, 3, 8, 7]);
    assert.match(output, /done\n$/);
  });

  test('a DHCPNAK is exit code 1', async () => {
    answer = (message) => (message.messageType === 3 ? { type: 6 } : serving(message));
    const { code, errors } = await client('--steps reboot --request 192.0.2.77');
    assert.equal(code, 1);
    assert.match(errors, /reboot refused by DHCPNAK/);
  });

  test('silence is exit code 3 after the retries; what is not for us does not count', async () => {
    answer = () => undefined;
    const { code, errors } = await client('--timeout 0.05 --retries 2');
    assert.equal(code, 3);
    assert.deepEqual(heard, [1, 1, 1]);
    assert.match(errors, /no answer to discover/);
  });

  test('an answer of the wrong type is waited past', async () => {
    answer = () => ({ type: 5, yiaddr: LEASED });
    assert.equal((await client('--timeout 0.05 --retries 0')).code, 3);
  });

  test('a load counts what was answered and what was lost', async () => {
    const macs = new Set<string>();
    let discovers = 0;
    answer = (message) => {
      macs.add(Buffer.from(message.chaddr).toString('hex'));
      if (message.messageType === 1) discovers++;
      return message.messageType === 1 && discovers % 10 === 0 ? undefined : serving(message);
    };
    const { code, output } = await client('--count 50 --rate 2000 --timeout 3');
    assert.equal(code, 3);
    assert.equal(macs.size, 50);
    assert.match(output, /DISCOVER-OFFER +sent 50 {2}answered 45 {2}lost 5 \(10\.0 %\)/);
    assert.match(output, /REQUEST-ACK +sent 45 {2}answered 45 {2}lost 0/);
  });
});
