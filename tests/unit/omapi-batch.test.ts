/** Hosts that are made at once by several clients share one write and one flush, and stand or fall alone. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Authenticator,
  ExistsError,
  encodeMessage,
  encodeSigned,
  isStatus,
  NotFoundError,
  omapiMessage,
  openRequest,
  type Request,
  Result,
  readStatus,
  wireName,
} from '@lessor/omapi';
import { ChangeQueue } from 'lessor/internal/control/omapi/change-queue.js';
import { KEY, OmapiServerLab, Raw } from './omapi-server-lab.js';

const MANY = 24;
const hosts = Array.from({ length: MANY }, (_, i) => ({
  name: `h${i}`,
  mac: `02:00:00:00:01:${i.toString(16).padStart(2, '0')}`,
  ip: `10.77.0.${20 + i}`,
}));

async function createAll(lab: OmapiServerLab): Promise<PromiseSettledResult<unknown>[]> {
  const clients = hosts.map(() => lab.client());
  const made = await Promise.allSettled(
    hosts.map(({ name, mac, ip }, i) => clients[i]!.createHost({ name, hardwareAddress: mac, ipAddress: ip })),
  );
  for (const client of clients) client.close();
  return made;
}

describe('hosts made at once', () => {
  it('are all in the file, and there after a restart', async () => {
    let lab = await OmapiServerLab.start();
    const made = await createAll(lab);
    assert.deepEqual(
      made.filter(({ status }) => status === 'rejected'),
      [],
    );
    lab = await lab.restart();
    for (const { mac } of hosts) assert.ok(lab.configText.includes(mac), mac);
    const client = lab.client();
    for (const { name, ip } of hosts) assert.equal((await client.lookupHost(name)).ip, ip);
    client.close();
    await lab.server.stop();
  });

  it('are none of them there if they can not be written', async () => {
    const lab = await OmapiServerLab.start();
    lab.changeConfig((text) => `${text}\n`);
    const made = await createAll(lab);
    for (const one of made)
      assert.ok(one.status === 'rejected' && isStatus(one.reason, 'IOERROR'), JSON.stringify(one));
    const client = lab.client();
    for (const { name } of hosts) await assert.rejects(client.lookupHost(name), NotFoundError);
    await lab.server.reload();
    assert.ok((await createAll(lab)).every(({ status }) => status === 'fulfilled'));
    client.close();
    await lab.server.stop();
  });

  it('are made once if several ask for the same', async () => {
    const lab = await OmapiServerLab.start();
    const clients = [1, 2, 3, 4].map(() => lab.client());
    const made = await Promise.allSettled(
      clients.map((client, i) => client.createHost({ name: 'same', hardwareAddress: `02:00:00:00:02:0${i}` })),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of made) assert.ok(one.status === 'fulfilled' || one.reason instanceof ExistsError);
    for (const client of clients) client.close();
    await lab.server.stop();
  });
});

describe('hosts made at once on one connection', () => {
  it('are answered in their order, with what was asked between and behind them', async () => {
    const lab = await OmapiServerLab.start();
    const raw = await Raw.to(lab.port);
    const key = new Authenticator(KEY);
    const named = [
      ['name', Buffer.from(KEY.name)],
      ['algorithm', Buffer.from(wireName(key.algorithm))],
    ] as const;
    const authid = (await raw.ask(openRequest('authenticator', named)))!.handle;
    const create = ({ name, mac, ip }: (typeof hosts)[number]): Request =>
      openRequest(
        'host',
        [
          ['name', Buffer.from(name)],
          ['hardware-address', Buffer.from(mac.replaceAll(':', ''), 'hex')],
          ['hardware-type', Buffer.from([0, 0, 0, 1])],
          ['ip-address', Buffer.from(ip.split('.').map(Number))],
        ],
        { create: true, exclusive: true },
      );
    const lookUp = (name: string): Request => openRequest('host', [['name', Buffer.from(name)]]);
    const requests = [
      ...hosts.map(create),
      // Once more, under another address; then what must see all before it; then more of the first kind.
      create({ ...hosts[0]!, ip: '10.77.0.90' }),
      lookUp(hosts.at(-1)!.name),
      create({ name: 'late', mac: '02:00:00:00:03:01', ip: '10.77.0.91' }),
      lookUp('late'),
    ];
    const octets = requests.map((request, i) => encodeSigned(omapiMessage({ ...request, tid: 100 + i, authid }), key));
    // One that is not signed well is answered in its place, too.
    octets.splice(3, 0, encodeMessage(omapiMessage({ ...lookUp('h0'), tid: 99, authid })));
    raw.send(Buffer.concat(octets));
    const answers: string[] = [];
    for (let i = 0; i < octets.length; i++) {
      const answer = (await raw.next())!;
      answers.push(`${answer.rid} ${readStatus(answer)?.result ?? 'object'}`);
    }
    const wanted = requests.map((_, i) => `${100 + i} ${i === hosts.length ? Result.EXISTS : 'object'}`);
    wanted.splice(3, 0, `99 ${Result.INVALIDKEY}`);
    assert.deepEqual(answers, wanted);
    raw.drop();
    await lab.server.stop();
  });
});

describe('a queue of changes', () => {
  it('lets those go side by side that share nothing, and nobody beside what is alone', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      log.push(`${name}(`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name})`);
    };
    const all = [
      queue.run(['a'], work('1')),
      queue.run(['b'], work('2')),
      queue.run(['a', 'c'], work('3')),
      queue.run(undefined, work('4')),
      queue.run(['d'], work('5')),
    ];
    await Promise.all(all);
    assert.equal(log.join(' '), '1( 2( 1) 3( 2) 3) 4( 4) 5( 5)');
  });
});
