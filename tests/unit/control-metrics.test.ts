/** Metrics: the page, where it is served, and when. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allocationFailureCounters } from 'lessor/internal/domain/dhcp4/discover.js';
import type { ConfigSnapshot, JsonMap, Subnet } from 'lessor/internal/domain/snapshot.js';
import { DROP_REASONS, DropCounters, type DropReason } from 'lessor/internal/services/drop-reasons.js';
import { LeaseStatistics } from 'lessor/internal/services/lease-statistics.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { MetricsListener, metricsAddress, metricsText } from 'lessor/internal/transports/metrics-http.js';
import { HandClock, ListLogger } from './control-fakes.js';

const snapshot = (userContext?: JsonMap) => ({ userContext }) as unknown as ConfigSnapshot;
const at = (port: number): JsonMap => ({ lessor: { metrics: { address: '127.0.0.1', port } } });

function statisticsOfEverything(): Statistics {
  const clock = new HandClock();
  const statistics = new Statistics(clock);
  registerPacketStatistics(statistics);
  const leases = new LeaseStatistics(statistics, clock);
  const subnets = [{ id: 7, pools: [{ id: 2, first: 10, last: 19 }] }];
  leases.rebuild({ subnets } as unknown as ConfigSnapshot, { page: () => [] });
  for (const name of allocationFailureCounters('subnet', { id: 7 } as Subnet)) statistics.counter(name).add(1, 0);
  const drops = new DropCounters(statistics);
  for (const reason of Object.keys(DROP_REASONS) as DropReason[]) drops.count(reason, 0);
  statistics.counter('pkt4-discover-received').add(3, 0);
  return statistics;
}

describe('the metrics page', () => {
  const page = metricsText(statisticsOfEverything(), { lessor_up: { value: 1, help: 'it runs' } });

  it('has every statistic once, with HELP and TYPE before each family', () => {
    const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(samples.length, [...statisticsOfEverything().all()].length + 1);
    const series = samples.map((line) => line.replace(/ [^ ]+$/, ''));
    assert.equal(new Set(series).size, series.length, 'no series twice');
    const families = new Set(series.map((name) => name.replace(/\{.*/, '')));
    for (const family of families) {
      assert.equal(page.split(`# TYPE ${family} `).length, 2, family);
      assert.equal(page.split(`# HELP ${family} `).length, 2, family);
      assert.match(family, /^lessor_[a-z_]+$/);
    }
    for (const line of samples) assert.match(line, /^lessor_[a-z_]+(\{([a-z]+="[^"]*",?)+\})? \d+$/);
  });

  it('names counters _total and nothing else', () => {
    for (const [, name, type] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      assert.equal(name!.endsWith('_total'), type === 'counter', name);
    }
  });

  it('labels by type, reason, subnet and pool', () => {
    for (const line of [
      'lessor_packets_received_by_type_total{type="discover"} 3',
      'lessor_packets_dropped_total{reason="no-subnet"} 1',
      'lessor_packets_failed_total{cause="parse-failed"} 1',
      'lessor_subnet_addresses{subnet="7"} 10',
      'lessor_pool_addresses{subnet="7",pool="2"} 10',
      'lessor_subnet_allocations_failed_total{subnet="7",cause="any"} 1',
      'lessor_up 1',
    ]) {
      assert.ok(page.includes(`\n${line}\n`), line);
    }
  });
});

describe('the detail of the metrics page', () => {
  const shown = (detail: 'server' | 'subnet' | 'pool'): string => metricsText(statisticsOfEverything(), {}, detail);

  it('ends where it is told to', () => {
    const [server, subnet, pool] = [shown('server'), shown('subnet'), shown('pool')];
    assert.match(server, /^lessor_leases_assigned 0$/m);
    assert.doesNotMatch(server, /lessor_(subnet|pool)_/);
    assert.match(subnet, /^lessor_subnet_addresses\{subnet="7"\} 10$/m);
    assert.doesNotMatch(subnet, /pool=/);
    assert.match(pool, /^lessor_pool_addresses\{/m);
  });
});

describe('the metrics block of the configuration', () => {
  it('is off by default', () => {
    for (const context of [undefined, {}, { lessor: {} }, { lessor: 5 }, { other: { metrics: {} } }]) {
      assert.equal(metricsAddress(context as JsonMap), undefined);
    }
  });
  it('has an address and a port', () => {
    assert.deepEqual(metricsAddress(at(9547)), { address: '127.0.0.1', port: 9547, detail: 'pool' });
    assert.deepEqual(metricsAddress({ lessor: { metrics: { port: 1, detail: 'server' } } }), {
      address: '127.0.0.1',
      port: 1,
      detail: 'server',
    });
    const wrong: readonly JsonMap[] = [
      {},
      { port: 'x' },
      { port: 70000 },
      { port: 1.5 },
      { port: 1, address: 5 },
      { port: 1, detail: 'all' },
    ];
    for (const metrics of wrong) {
      assert.throws(() => metricsAddress({ lessor: { metrics } }), /lessor\.metrics\./);
    }
  });
});

describe('the metrics listener', () => {
  it('opens, stays, moves and closes with the configuration', async () => {
    let page = 'a 1\n';
    let shown: string | undefined;
    const render = (detail: string): string => {
      shown = detail;
      return page;
    };
    const listener = new MetricsListener(render, new ListLogger(), { clock: new HandClock() });
    const bound = () => listener.bound;
    const apply = async (context?: JsonMap) => (await listener.prepare(snapshot(context))).commit();
    await apply();
    assert.equal(bound(), undefined);
    await apply(at(0));
    const { port } = bound()!;
    const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
    const response = await get('/metrics');
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(await response.text(), 'a 1\n');
    page = 'a 2\n';
    assert.equal(await (await get('/metrics?x')).text(), 'a 2\n');
    assert.equal((await get('/')).status, 404);
    assert.equal((await get('/metrics', { method: 'POST' })).status, 404);
    await apply(at(0));
    assert.equal(bound()?.port, port, 'the same block keeps the listener');
    await apply({ lessor: { metrics: { address: '127.0.0.1', port: 0, detail: 'subnet' } } });
    assert.equal(bound()?.port, port, 'another detail keeps it too');
    await get('/metrics');
    assert.equal(shown, 'subnet');
    (await listener.prepare(snapshot())).abandon();
    assert.equal(bound()?.port, port, 'an abandoned change changes nothing');
    await assert.rejects(
      new MetricsListener(() => '', new ListLogger(), { clock: new HandClock() }).prepare(snapshot(at(port))),
      {
        code: 'socket-open',
      },
    );
    await apply();
    assert.equal(bound(), undefined);
    await assert.rejects(get('/metrics'));
  });
});
