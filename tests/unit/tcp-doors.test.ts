/** Taking TCP connections by system calls, and what may be spent on those who prove nothing. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { StrangerBudget } from 'lessor/internal/control/access/stranger-budget.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { nativeTcp } from 'lessor/internal/platform/tcp-arrivals.js';
import type { ListenTcp, TcpArrival, TcpFront } from 'lessor/internal/services/ports.js';
import { openTcpFront } from 'lessor/internal/transports/tcp-front.js';
import { HandClock } from './control-fakes.js';

describe('the budget of strangers', () => {
  it('is spent, fills again with time, and comes back from whoever is none', () => {
    const clock = new HandClock();
    const budget = new StrangerBudget(clock);
    let taken = 0;
    while (budget.take(10) === 0) taken += 10;
    assert.equal(taken, 400);
    const waitMs = budget.take(10);
    assert.ok(waitMs > 0 && waitMs <= 100, String(waitMs));
    clock.advance(waitMs);
    assert.equal(budget.take(10), 0, 'as long as it said');
    while (budget.take(10) === 0);
    budget.refund(100);
    assert.equal(budget.take(100), 0);
  });

  it('takes no more in a second than it says, however it is asked', () => {
    const clock = new HandClock();
    const budget = new StrangerBudget(clock);
    let taken = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      while (budget.take(2) === 0) taken += 2;
      clock.advance(1);
    }
    assert.ok(taken <= 400 + 10 * 4000, String(taken));
    assert.ok(taken >= 9 * 4000, String(taken));
  });

  it('lets the debts of one moment be paid within a second', () => {
    const clock = new HandClock();
    const budget = new StrangerBudget(clock);
    let waitMs = 0;
    for (let i = 0; i < 100_000; i++) waitMs = budget.charge(8);
    assert.ok(waitMs <= 1000, String(waitMs));
    clock.advance(1100);
    assert.equal(budget.charge(8), 0);
  });
});

/** Both ways of listening do the same. */
const WAYS: Readonly<Record<string, ListenTcp | undefined>> = {
  'by system calls': process.platform === 'linux' ? nativeTcp(systemClock)(() => 0) : undefined,
  'by node:net': undefined,
};

for (const [way, listenTcp] of Object.entries(WAYS)) {
  describe(`TCP connections ${way}`, () => {
    const arrivals: TcpArrival[] = [];
    const fronts: TcpFront[] = [];
    const clients: Socket[] = [];
    const open = async (address: string): Promise<TcpFront> => {
      const deps = { clock: systemClock, listenTcp };
      const front = await openTcpFront({ address, port: 0, allowHalfOpen: true }, deps, (each) => arrivals.push(each));
      fronts.push(front);
      return front;
    };
    const arrive = async ({ address, port }: TcpFront): Promise<[Socket, TcpArrival]> => {
      const client = connect(port, address);
      clients.push(client);
      await once(client, 'connect');
      while (arrivals.length === 0) await new Promise((resolve) => setImmediate(resolve));
      return [client, arrivals.shift()!];
    };
    after(() => {
      for (const front of fronts) front.close();
      for (const client of clients) client.destroy();
    });

    it('are streams once they are taken', async () => {
      for (const address of ['127.0.0.1', '::1']) {
        const front = await open(address);
        assert.equal(front.address, address);
        assert.ok(front.port > 0);
        const [client, arrival] = await arrive(front);
        assert.equal(arrival.source, address);
        const server = arrival.adopt();
        assert.equal(server.remoteAddress, address);
        client.write('a question');
        assert.equal(String((await once(server, 'data'))[0]), 'a question');
        client.end();
        await once(server, 'end');
        server.end('an answer all the same');
        assert.equal(String((await once(client, 'data'))[0]), 'an answer all the same');
      }
    });

    it('are closed where they are refused', async () => {
      const [client, arrival] = await arrive(await open('127.0.0.1'));
      arrival.refuse();
      client.resume();
      await once(client, 'close');
    });

    it('are told by their address also where a socket is for both families', async () => {
      const front = await open('::');
      const [, arrival] = await arrive({ ...front, address: '127.0.0.1' });
      assert.equal(arrival.source, '::ffff:127.0.0.1');
      assert.equal(arrival.adopt().destroy().destroyed, true);
    });

    it('stay when nobody listens any more; and a place that is taken is an error with its name', async () => {
      const front = await open('127.0.0.1');
      const [client, arrival] = await arrive(front);
      const place = { address: '127.0.0.1', port: front.port };
      await assert.rejects(
        openTcpFront(place, { clock: systemClock, listenTcp }, () => undefined),
        {
          code: 'socket-open',
          message: new RegExp(`unable to bind 127\\.0\\.0\\.1:${front.port}.*EADDRINUSE`),
        },
      );
      const server = arrival.adopt();
      front.close();
      server.write('still here');
      assert.equal(String((await once(client, 'data'))[0]), 'still here');
      await assert.rejects(once(connect(front.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    });
  });
}

describe('connections that have to wait', { skip: process.platform === 'linux' ? false : 'Linux only' }, () => {
  it('keep the process alive that has nothing else to do', async () => {
    const [clock, listen] = ['clock.js', 'tcp-arrivals.js'].map((file) => `lessor/internal/platform/${file}`);
    const program = `
      import { systemClock } from '${clock}';
      import { nativeTcp } from '${listen}';
      const { port } = nativeTcp(systemClock)(() => { console.log('asked'); return 20; })(
        { address: '127.0.0.1', port: 0 }, () => undefined);
      console.log(port);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const client = connect(Number(String((await once(child.stdout, 'data'))[0])), '127.0.0.1').on(
      'error',
      () => undefined,
    );
    let asked = 0;
    child.stdout.on('data', (text) => {
      asked += String(text).split('\n').length - 1;
      if (asked >= 5) child.kill();
    });
    const [code, signal] = await ended;
    client.destroy();
    assert.deepEqual([code, signal], [null, 'SIGTERM']);
  });

  it('are told of after every collection of garbage', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const taken: TcpArrival[] = [];
    const listen = nativeTcp(systemClock)(() => 0);
    const { port, close } = listen({ address: '127.0.0.1', port: 0 }, (arrival) => void taken.push(arrival));
    for (let round = 0; round < 3; round++) {
      // Finalizers run in a later turn.
      for (let i = 0; i < 3; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const client = connect(port, '127.0.0.1');
      await once(client, 'connect');
      while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const arrival = taken.pop()!;
      const ready = new Promise<void>((resolve) => {
        assert.equal(arrival.whenReadable?.({ ready: () => resolve() }), true);
      });
      collect();
      client.write('now');
      await ready;
      arrival.refuse();
      client.destroy();
    }
    close();
  });

  it('wait in the kernel, in their order', async () => {
    let allowed = 0;
    const taken: TcpArrival[] = [];
    let arrived = (): void => undefined;
    const front = nativeTcp(systemClock)(() => (allowed-- > 0 ? 0 : 5))(
      { address: '127.0.0.1', port: 0 },
      (arrival) => {
        taken.push(arrival);
        arrived();
      },
    );
    const clients = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const client = connect(front.port, '127.0.0.1');
        await once(client, 'connect');
        return client;
      }),
    );
    assert.equal(taken.length, 0);
    const three = new Promise<void>((resolve) => {
      arrived = () => taken.length === 3 && resolve();
    });
    allowed = 3;
    await three;
    assert.equal(taken.length, 3);
    front.close();
    for (const arrival of taken) arrival.refuse();
    for (const client of clients) client.destroy();
  });
});
