/** The client where a real server can not be made to misbehave: lost, late, forged and senseless answers; time; signals. */

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  AttributeMissingError,
  Authenticator,
  ConnectionError,
  DecodeError,
  type Entry,
  encodeStartup,
  encodeUint32,
  findEntry,
  InvalidArgumentError,
  ipv4Range,
  isStatus,
  KeyRejectedError,
  NotFoundError,
  OmapiClient,
  Op,
  ProtocolError,
  refreshRequest,
  SignatureError,
  StaleHandleError,
  StatusError,
  statusAnswer,
  TimeoutError,
  updateAnswer,
  ValueError,
} from '@lessor/omapi';
import { PATIENCE_MS, settle, until } from '../lib/until.js';
import { FakeServer, type Handler, type Reply } from './omapi-server.js';

const KEY = { name: 'k', algorithm: 'hmac-sha256', secret: 'c2VjcmV0' };
const NAME: readonly Entry[] = [['name', Buffer.from('web1')]];

let server: FakeServer | undefined;
let client: OmapiClient | undefined;

afterEach(() => {
  client?.close();
  server?.stop();
});

async function serve(handler: Handler, key?: Authenticator): Promise<FakeServer> {
  server = await FakeServer.start(handler, key);
  return server;
}

async function connectTo(
  handler: Handler,
  options: ConstructorParameters<typeof OmapiClient>[0] = {},
): Promise<OmapiClient> {
  const { port } = await serve(handler, options.key ? new Authenticator(KEY) : undefined);
  client = await OmapiClient.connect({ port, ...options });
  return client;
}

/** Answers every open of a host with the name it was asked for. */
function echo({ request, object }: Reply): void {
  object(5, [['name', findEntry(request.object, 'name') ?? Buffer.from('?')]]);
}

describe('transactions', () => {
  it('answers find their requests in whatever order they come', async () => {
    const held: Reply[] = [];
    const all = await connectTo((reply) => {
      held.push(reply);
      if (held.length === 5) for (const one of held.reverse()) echo(one);
    });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const hosts = await Promise.all(names.map((name) => all.lookupByHost({ name })));
    assert.deepEqual(
      hosts.map(({ values }) => values.name),
      names,
    );
    assert.equal(new Set(server!.requests.map(({ tid }) => tid)).size, 5);
  });

  it('no more than eight are under way, the others wait their turn', async () => {
    const held: Reply[] = [];
    const many = await connectTo((reply) => held.push(reply));
    const hosts = Promise.all(Array.from({ length: 20 }, (_, i) => many.lookupByHost({ name: `h${i}` })));
    let most = 0;
    while (server!.requests.length < 20 || held.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, held.length);
      if (held.length > 0) echo(held.shift()!);
    }
    assert.equal((await hosts).length, 20);
    assert.equal(most, 8);
  });

  it('one that is late is dropped, and disturbs nobody', async () => {
    const held: Reply[] = [];
    const hasty = await connectTo((reply) => (held.length === 0 ? held.push(reply) : echo(reply)), {
      requestTimeoutMs: 40,
    });
    await assert.rejects(hasty.lookupByHost({ name: 'slow' }), TimeoutError);
    await until('the late one has come', () => held.length > 0);
    echo(held[0]!);
    // On a busy machine the quick one takes its time too.
    const quick = await hasty.lookupByHost({ name: 'quick' }, { timeoutMs: PATIENCE_MS });
    assert.equal(quick.values.name, 'quick');
    assert.equal(server!.connections, 1);
  });

  it('a signal ends the wait with its reason, before and after sending', async () => {
    const patient = await connectTo(() => {});
    const controller = new AbortController();
    const waiting = patient.lookupByHost({ name: 'x' }, { signal: controller.signal });
    const reason = new Error('changed my mind');
    setImmediate(() => controller.abort(reason));
    await assert.rejects(waiting, reason);
    await assert.rejects(patient.lookupByHost({ name: 'x' }, { signal: controller.signal }), reason);
  });
});

describe('answers that make no sense', () => {
  const senseless: Readonly<Record<string, [Handler, new (...args: never[]) => Error]>> = {
    'a status of success for an open': [({ status }) => status(0, "can't update object"), ProtocolError],
    'a status without a result': [
      ({ request, unsigned }) => unsigned({ ...statusAnswer(request, 1, { result: 0, text: undefined }), message: [] }),
      StatusError,
    ],
    'a request in answer': [
      ({ request, unsigned }) => unsigned({ ...updateAnswer(request, 1, 1, []), op: Op.open }),
      ProtocolError,
    ],
    'octets that are no message': [
      ({ octets }) => octets(Buffer.from(`${'00'.repeat(24)}000161ffffffff`, 'hex')),
      DecodeError,
    ],
    'the end of the connection': [({ close }) => close(), ConnectionError],
  };
  for (const [name, [handler, ErrorClass]] of Object.entries(senseless)) {
    it(`${name}: ${ErrorClass.name}`, async () => {
      const asking = await connectTo(handler, { reconnect: false });
      await assert.rejects(asking.lookupByHost({ name: 'x' }), ErrorClass);
    });
  }

  it('another handle than the one refreshed', async () => {
    let opened = 0;
    const asking = await connectTo(({ object }) => object(++opened, NAME));
    const host = await asking.lookupByHost({ name: 'web1' });
    await assert.rejects(host.refresh(), ProtocolError);
  });
});

describe('signatures', () => {
  it('unsigned, foreign and forged answers are not believed', async () => {
    const key = new Authenticator(KEY);
    const signed = await connectTo(({ request, unsigned }) => unsigned(updateAnswer(request, 1, 9, NAME)), { key });
    await assert.rejects(signed.lookupByHost({ name: 'x' }), SignatureError);
    assert.equal(server!.requests[0]!.signature.length, 32);
  });

  it('an unsigned refusal of the signature is told as what it is', async () => {
    const key = new Authenticator(KEY);
    const refuse: Handler = ({ request, unsigned }) =>
      unsigned(statusAnswer(request, 1, { result: 0x6000b, text: undefined }));
    const signed = await connectTo(refuse, { key });
    await assert.rejects(signed.lookupByHost({ name: 'x' }), (error) => {
      assert.ok(error instanceof KeyRejectedError && isStatus(error, 'INVALIDKEY'));
      assert.match(error.message, /the server rejected our signature/);
      return true;
    });
  });

  it('other refusals have to be signed', async () => {
    const key = new Authenticator(KEY);
    const refuse: Handler = ({ request, unsigned }) =>
      unsigned(statusAnswer(request, 1, { result: 23, text: undefined }));
    const signed = await connectTo(refuse, { key });
    await assert.rejects(signed.lookupByHost({ name: 'x' }), SignatureError);
  });

  it('the authid is whatever the server says', async () => {
    const signed = await connectTo(echo, { key: new Authenticator(KEY) });
    await signed.lookupByHost({ name: 'x' });
    assert.equal(server!.requests[0]!.authid, 77);
  });

  it('an unknown key is refused before anything else is sent', async () => {
    const { port } = await serve(echo, new Authenticator(KEY));
    await assert.rejects(OmapiClient.connect({ port, key: { ...KEY, name: 'other' } }), NotFoundError);
    assert.equal(server!.requests.length, 0);
  });
});

describe('connections', () => {
  it('nobody there, nobody who speaks OMAPI, nobody who says anything', async () => {
    const { port } = await serve(echo);
    server!.stop();
    await assert.rejects(OmapiClient.connect({ port }), ConnectionError);

    await serve(echo);
    server!.startup = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    await assert.rejects(OmapiClient.connect({ port: server!.port }), DecodeError);
    server!.stop();

    await serve(echo);
    server!.startup = undefined;
    await assert.rejects(OmapiClient.connect({ port: server!.port, connectTimeoutMs: 40 }), TimeoutError);
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(OmapiClient.connect({ port: server!.port }, controller.signal), reason);
  });

  it('a server with longer headers is understood', async () => {
    const { port } = await serve(({ request, octets }) => {
      const answer = Buffer.alloc(32 + 17);
      answer.writeUInt32BE(Op.update, 8);
      answer.writeUInt32BE(5, 12);
      answer.writeUInt32BE(request.tid, 20);
      Buffer.from('00046e616d6500000003616263', 'hex').copy(answer, 34);
      octets(Buffer.concat([answer]));
    });
    server!.startup = encodeStartup({ version: 100, headerOctets: 32 });
    client = await OmapiClient.connect({ port });
    assert.equal((await client.lookupByHost({ name: 'abc' })).values.name, 'abc');
  });

  it('a lost one is made anew, once for all who wait; a lookup under way is asked again', async () => {
    let first = true;
    const steady = await connectTo((reply) => {
      if (first) {
        first = false;
        server!.cut();
      } else echo(reply);
    });
    assert.equal((await steady.lookupByHost({ name: 'a' })).values.name, 'a');
    server!.cut();
    await settle();
    assert.equal(steady.isConnected, false);
    assert.throws(() => steady.checkConnected(), ConnectionError);
    await Promise.all(['b', 'c', 'd'].map((name) => steady.lookupByHost({ name })));
    assert.equal(server!.connections, 3);
  });

  it('a change under way is not: nobody knows whether it was made', async () => {
    const steady = await connectTo(() => server!.cut());
    await assert.rejects(steady.createHost({ name: 'web1', hardwareAddress: '02:00:00:00:00:01' }), ConnectionError);
    assert.equal(server!.requests.length, 1);
  });

  it('handles of a lost connection are not used on another', async () => {
    const steady = await connectTo(echo);
    const host = await steady.lookupByHost({ name: 'a' });
    server!.cut();
    await settle();
    await steady.lookupByHost({ name: 'a' });
    await assert.rejects(host.delete(), StaleHandleError);
    await assert.rejects(steady.openHandle('pool', 3, host), StaleHandleError);
  });

  it('closed is closed, and what is under way hears of it', async () => {
    const closing = await connectTo(() => {});
    const waiting = closing.lookupByHost({ name: 'a' });
    closing.close();
    await assert.rejects(waiting, ConnectionError);
    await assert.rejects(closing.lookupByHost({ name: 'a' }), /the client is closed/);
    assert.equal(server!.connections, 1);
  });
});

describe('what is sent', () => {
  it('the messages of pypureomapi', async () => {
    const sending = await connectTo(({ object }) => object(5, NAME));
    await sending.addHostSupersede('10.0.0.5', '02:00:00:00:00:05', 'web1', {
      hostname: 'w',
      routers: '10.0.0.1',
      domain: 'd.org',
    });
    const { op, message, object } = server!.requests[0]!;
    const shown = (entries: readonly Entry[]): unknown =>
      entries.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
    assert.equal(op, Op.open);
    assert.deepEqual(shown(message), [
      ['create', '\0\0\0\x01'],
      ['exclusive', '\0\0\0\x01'],
      ['type', 'host'],
    ]);
    assert.deepEqual(shown(object), [
      ['name', 'web1'],
      ['hardware-address', '\x02\0\0\0\0\x05'],
      ['ip-address', '\x0a\0\0\x05'],
      ['statements', 'supersede host-name "w";\n supersede routers 10.0.0.1;\n supersede domain-name "d.org";'],
      ['hardware-type', '\0\0\0\x01'],
    ]);
  });

  it('nothing that could not be meant', async () => {
    const careful = await connectTo(echo);
    const host = await careful.lookupByHost({ name: 'a' });
    for (const work of [
      () => careful.lookupMac('10.0.0.256'),
      () => careful.lookupIp('02:00:00'.padEnd(80, ':00')),
      () => careful.lookupIp('not a mac'),
      () => careful.createHost({ name: 'two words', hardwareAddress: '02:00:00:00:00:01' }),
      () => careful.addGroup('a}', 'option x;'),
      () => careful.addGroup('', ' '),
      () => careful.addHostSupersedeName('10.0.0.1', '02:00:00:00:00:01', 'a"b'),
      () => careful.lookupByHost({ dhcpClientIdentifier: '1:2:3:' }),
      () => host.update({ hardwareType: -1 }),
      () => host.update({ group: '' }),
      () => host.update({ ipAddress: [] }),
      () => host.update({ nonsense: 1 } as never),
      () => careful.setLeaseState('10.0.0.1', 'bootp' as never),
    ]) {
      await assert.rejects(async () => work(), ValueError);
    }
    assert.equal(server!.requests.length, 1 + 1, 'the host, the lease that was to be changed, and no more');
  });

  it('anything, by hand', async () => {
    const raw = await connectTo(({ status }) => status(0x60003, 'so there'));
    const answer = await raw.request({ ...refreshRequest(9), message: [['x', encodeUint32(1)]] });
    assert.equal(answer.op, Op.status);
    assert.deepEqual(server!.requests[0]!.message[0]![0], 'x');
    await assert.rejects(raw.request({ op: 1, handle: 0, message: [['', Buffer.of()]], object: [] }), /without a name/);
    await assert.rejects(raw.lookupControlState(), InvalidArgumentError);
  });
});

it('a walk ends where it is left, and tells of refusals where they are', async () => {
  const walker = await connectTo(({ request, object, status }) => {
    const last = findEntry(request.object, 'ip-address')![3]!;
    if (last === 3) status(23);
    else if (last === 6) status(6);
    else object(last, [['ip-address', findEntry(request.object, 'ip-address')!]]);
  });
  const seen: (string | undefined)[] = [];
  const walk = async (): Promise<void> => {
    for await (const { lease } of walker.leases(ipv4Range('10.0.0.1', '10.0.0.9'))) seen.push(lease?.values.ipAddress);
  };
  await assert.rejects(walk(), (error) => isStatus(error, 'NOPERM'));
  assert.deepEqual(seen, ['10.0.0.1', '10.0.0.2', undefined, '10.0.0.4', '10.0.0.5']);
  for await (const { address } of walker.leases(['10.0.0.1', '10.0.0.2'])) {
    assert.equal(address, '10.0.0.1');
    break;
  }
  await assert.rejects(walker.lookupMac('10.0.0.1'), AttributeMissingError);
});
