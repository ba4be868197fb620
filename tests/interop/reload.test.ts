/** Reconfiguration under load: config-set, config-reload and SIGHUP lose no packet and no lease. */

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Differs, Lab, rule } from '../lib/lab.js';
import { AckRecord, churn } from '../lib/load.js';
import { subject } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { OPT, option } from '../lib/wire.js';

/** A configuration whose number clients can see. */
const generation = (n: number, extraSubnets = 0) => ({
  'valid-lifetime': 3600,
  authoritative: true,
  'option-data': [{ name: 'domain-name', data: `generation-${n}.example.org` }],
  subnet4: [
    { id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.0.10 - 10.2.255.250' }] },
    ...Array.from({ length: extraSubnets }, (_, i) => ({ id: 100 + i, subnet: `10.${100 + i}.0.0/24` })),
  ],
});

describe('Reconfiguration under load', { skip: subject.skipReason() }, () => {
  let lab: Lab;
  let record: AckRecord;
  before(async () => {
    lab = await Lab.open(generation(0));
    record = new AckRecord(lab);
  });
  after(async () => await lab?.close());

  const CLIENTS = 16;
  let number = 0;

  /** Ways to give the server its next configuration; each returns when it is in force. */
  const ways: [name: string, differs: Differs, reconfigure: () => Promise<void>][] = [
    ['config-set', {}, async () => await lab.server.reconfigure(generation(number, number % 5))],
    [
      'config-reload',
      {},
      async () => {
        lab.server.configure(generation(number, number % 5));
        await lab.server.must('config-reload');
      },
    ],
    [
      'SIGHUP',
      { kea: { sometimes: 'loses what arrives meanwhile' } },
      async () => {
        lab.server.configure(generation(number, number % 5));
        lab.server.signal('SIGHUP');
        await lab.until('the file is loaded', async () =>
          JSON.stringify(await lab.server.must('config-get')).includes(`generation-${number}.`),
        );
      },
    ],
  ];

  /** Runs clients while `meanwhile` runs, and for a moment longer. */
  async function underLoad(meanwhile: () => Promise<void>): Promise<{ answered: number; lost: number }> {
    let over = false;
    const load = churn(lab.relay('10.2.0.1'), { clients: CLIENTS, until: () => over, timeoutMs: 15_000 });
    await sleep(100);
    await meanwhile().finally(() => {
      over = true;
    });
    return await load;
  }

  rule('without reconfiguration no packet is lost (the baseline)', {}, async () => {
    const { answered, lost } = await underLoad(async () => {
      await sleep(1000);
      await until('there were enough exchanges', () => record.count > 500);
    });
    assert.ok(answered > 500, `only ${answered} exchanges`);
    assert.equal(lost, 0);
  });

  for (const [name, differs, reconfigure] of ways) {
    rule(`${name}, ten times: no packet is lost and no lease`, differs, async () => {
      const { answered, lost } = await underLoad(async () => {
        for (let n = 0; n < 10; n++) {
          number += 1;
          await reconfigure();
          const asked = { options: [option.requestList(OPT.domainName)] };
          const offer = await lab.client({}, lab.relay('10.2.0.1')).discover(asked);
          assert.equal(offer.text(OPT.domainName), `generation-${number}.example.org`);
          await sleep(30);
        }
      });
      assert.equal(lost, 0, `${lost} of ${answered + lost} exchanges went unanswered`);
    });
  }

  rule('every lease acknowledged meanwhile is on record', {}, async () => {
    assert.ok(record.count > 500);
    await record.assertKept(lab.server);
  });

  rule('a configuration that is refused changes nothing', { kea: 'stops answering clients' }, async () => {
    const asked = { options: [option.requestList(OPT.domainName)] };
    const client = lab.client({}, lab.relay('10.2.0.1'));
    const before = (await client.discover(asked)).text(OPT.domainName);
    const broken = lab.server.complete({ ...generation(999), subnet4: [{ id: 2, subnet: '10.2.0.0/33' }] });
    assert.equal((await lab.server.command('config-set', broken)).result, 1);
    assert.equal((await client.discover(asked)).text(OPT.domainName), before);
  });
});
