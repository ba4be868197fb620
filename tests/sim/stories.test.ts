/** What the simulation once showed, each told step by step: a seed takes another course as soon as the code changes. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { StoreError } from 'lessor/internal/errors.js';
import type { Slice } from 'lessor/internal/services/pace.js';
import { LEASE_SEC, MCLT_SEC, PairLab, POOL } from './lab.js';
import { hwAddressOf } from './message.js';

const [CLIENT, OTHER, THIRD] = [7, 8, 9];
/** Of the four addresses one of each server. */
const [OF_0, OF_1] = [POOL.first, POOL.last];

describe('A pair', () => {
  it('refuses nobody whose lease the partner may have prolonged before it went down (seed 7007789)', async () => {
    const lab = await PairLab.started();
    assert.equal(await lab.ask(0, CLIENT, OF_0), LEASE_SEC);
    lab.cut = true;
    await lab.pass(LEASE_SEC - 30);
    // To MCLT beyond the end both know, which is later than MCLT after the partner is said to be down.
    const told = await lab.ask(0, CLIENT, OF_0);
    assert.ok(told > 20 && told <= 30 + MCLT_SEC);
    const endSec = lab.nowSec + told - 1;
    lab.crash(0);
    const { pair, ledger } = lab.server(1);
    pair.partnerIsDown();
    await lab.pass(30);
    await ledger.transact((tx) => tx.delete(OF_0));
    while (lab.nowSec <= endSec) {
      assert.equal(pair.rules.mayRefuse(OF_0), false);
      assert.equal(pair.rules.mayGive(OF_0), false);
      await lab.pass(1);
    }
    await lab.pass(3);
    assert.equal(pair.rules.mayRefuse(OF_0), true);
    assert.equal(pair.rules.mayGive(OF_0), true);
    // Who was in between given the address has it for certain: a third one is told so at once.
    await lab.ask(1, OTHER, OF_0);
    assert.equal(pair.rules.mayRefuse(OF_0), true);
  });

  it('stores no lease shorter because it may say less after a start (seed 1795970026143)', async () => {
    const lab = await PairLab.started();
    await lab.ask(0, CLIENT, OF_0);
    await lab.pass(LEASE_SEC / 2);
    assert.equal(await lab.ask(0, CLIENT, OF_0), LEASE_SEC);
    lab.crash(0);
    lab.cut = true;
    lab.start(0);
    const left = lab.leftSec(0, OF_0);
    // What stands in the row as certain is less: the partner may not have heard of the renewal.
    const told = await lab.ask(0, CLIENT, OF_0);
    assert.ok(told > 0 && told < left - 20, `${told} of ${left}`);
    assert.equal(lab.leftSec(0, OF_0), left - 1);
    // The partner has heard of it, prolongs it, and dies: whoever is told so has to reckon with that.
    const elsewhere = await lab.ask(1, CLIENT, OF_0);
    assert.ok(elsewhere > left - 3);
    lab.crash(1);
    lab.server(0).pair.partnerIsDown();
    const endSec = lab.nowSec + elsewhere - 1;
    while (lab.nowSec <= endSec) {
      assert.ok(lab.leftSec(0, OF_0) >= 0 || !lab.server(0).pair.rules.mayGive(OF_0));
      await lab.pass(1);
    }
    // Nor does the next start make more of it.
    lab.crash(0);
  });

  it('says no more after the second start than after the first', async () => {
    const lab = await PairLab.started();
    await lab.ask(0, CLIENT, OF_0);
    lab.cut = true;
    lab.crash(0);
    lab.start(0);
    const told = await lab.ask(0, CLIENT, OF_0);
    lab.crash(0);
    lab.start(0);
    assert.equal(await lab.ask(0, CLIENT, OF_0), told - 1);
  });

  it('tells no more for a merge of which the partner has not heard (hub, seed 853)', async () => {
    const lab = await PairLab.started();
    await lab.ask(0, CLIENT, OF_0);
    await lab.pass(LEASE_SEC - 30);
    lab.mute = 0;
    // Both hear the client, and the other gives it little; its record comes while our answer waits, and ours is kept.
    const asked = lab.ask(0, CLIENT, OF_0);
    await lab.server(1).ledger.transact((tx) => {
      tx.put({ ...tx.getByAddress(OF_0)!, clttSec: lab.nowSec, validLifetimeSec: 30 });
    });
    const told = await asked;
    assert.ok(lab.leftSec(0, OF_0) > LEASE_SEC - 5);
    assert.ok(told > 0 && told <= 30 + MCLT_SEC, `${told} s, of which the other knows 30`);
    // Nor does it believe after a start that the client was told more.
    lab.crash(1);
    lab.crash(0);
    lab.start(0);
    assert.ok((await lab.ask(0, CLIENT, OF_0)) <= 30 + MCLT_SEC);
  });

  it('knows that its leases were lost, though a start failed since (seed 420010527)', async () => {
    const lab = await PairLab.started();
    await lab.ask(1, CLIENT, OF_1);
    lab.crash(1);
    lab.cut = true;
    lab.disks[1].leases = undefined;
    lab.disks[1].failing = true;
    for (let i = 0; i < 2; i++) assert.throws(() => lab.start(1), StoreError);
    lab.disks[1].failing = false;
    lab.start(1);
    assert.equal(lab.state(1), 'recovering');
    assert.equal(lab.server(1).memory.file.lost, true);
  });

  it('counts on what the partner may have stored without a word of it coming back (seed 70015374)', async () => {
    const lab = await PairLab.started();
    await lab.ask(0, CLIENT, OF_1);
    await lab.pass(LEASE_SEC - 10);
    lab.mute = 0;
    const before = await lab.ask(1, CLIENT, OF_1);
    assert.ok(before <= 10 + MCLT_SEC, 'the partner did not confirm');
    lab.cut = true;
    await lab.pass(7);
    const again = await lab.ask(1, CLIENT, OF_1);
    assert.ok(again > 0 && again <= MCLT_SEC + 3, 'from here it knows nothing new');
    // The partner has stored the whole lease, and takes that for known to both.
    const told = await lab.ask(0, CLIENT, OF_1);
    assert.ok(told > LEASE_SEC - 5);
    const endSec = lab.nowSec + told - 1;
    lab.crash(0);
    await lab.pass(7);
    const { pair, ledger } = lab.server(1);
    pair.partnerIsDown();
    for (; lab.nowSec <= endSec; await lab.pass(1)) {
      if (lab.leftSec(1, OF_1) < 0) await ledger.transact((tx) => tx.delete(OF_1));
      assert.equal(pair.rules.mayGive(OF_1), false, `given ${endSec - lab.nowSec} s too early`);
    }
    await lab.pass(MCLT_SEC + 3);
    assert.equal(pair.rules.mayGive(OF_1), true);
  });

  it('waits also for what was promised between two losses of the same server', async () => {
    const lab = await PairLab.started();
    await lab.ask(0, CLIENT, OF_1);
    lab.lose(0);
    lab.start(0);
    await lab.pass(3);
    lab.cut = true;
    await lab.pass(MCLT_SEC);
    await lab.end(1, OF_1, 'released');
    assert.equal(lab.server(0).memory.file.lost, true);
    const endSec = (await lab.ask(0, CLIENT, OF_1)) + lab.nowSec - 1;
    lab.lose(0);
    lab.cut = false;
    lab.start(0);
    for (; lab.nowSec <= endSec; await lab.pass(1)) assert.equal(lab.server(1).pair.rules.mayGive(OF_1), false);
  });

  for (const word of ['partnerIsDown', 'continueAlone'] as const) {
    it(`keeps what a server without its files gave on the word of an operator, ${word} (seed 230000778)`, async () => {
      const lab = await PairLab.started();
      await lab.ask(1, CLIENT, OF_1);
      lab.crash(0);
      await lab.pass(LEASE_SEC + MCLT_SEC);
      await givenAnew(lab, OTHER, word);
      for (const side of [0, 1] as const) assert.equal(lab.lease(side, OF_1)?.hwAddress, hwAddressOf(OTHER));
      assert.deepEqual(lab.dropped, []);
    });
  }

  it('tells who loses an address to a client of a server without its files, each time it loses them', async () => {
    const lab = await PairLab.started();
    await lab.ask(1, CLIENT, OF_1);
    lab.crash(0);
    await givenAnew(lab, OTHER, 'partnerIsDown');
    assert.deepEqual(lab.dropped, [`h${hwAddressOf(CLIENT)}`]);
    lab.crash(0);
    await givenAnew(lab, THIRD, 'partnerIsDown');
    assert.deepEqual(lab.dropped, [`h${hwAddressOf(CLIENT)}`, `h${hwAddressOf(OTHER)}`]);
    for (const side of [0, 1] as const) assert.equal(lab.lease(side, OF_1)?.hwAddress, hwAddressOf(THIRD));
  });

  it('tells it also of who was given more than the partner knew', async () => {
    const lab = await PairLab.started();
    await lab.ask(1, CLIENT, OF_1);
    lab.crash(0);
    await lab.pass(LEASE_SEC - 5);
    assert.ok((await lab.ask(1, CLIENT, OF_1)) > 5);
    await lab.pass(5);
    await givenAnew(lab, OTHER, 'partnerIsDown');
    assert.deepEqual(lab.dropped, [`h${hwAddressOf(CLIENT)}`]);
  });

  it('takes a server for a new life of one it knows when its clock was set back', async () => {
    const lab = await PairLab.started();
    lab.lose(1);
    // The other hears of it, and it does not hear that it is known: so it does not begin to count above what it was.
    lab.mute = 0;
    lab.offsetMs[1] = 30_000;
    lab.start(1);
    await lab.pass(3);
    lab.lose(1);
    lab.mute = undefined;
    lab.offsetMs[1] = 0;
    lab.start(1);
    await lab.pass(MCLT_SEC + 10);
    assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
  });

  for (const [title, before] of [
    ['the clocks were the same', 0],
    ['the clocks were apart', 20_000],
  ] as const) {
    it(`ends no lease early because it forgot by how much its clock was set; ${title} (seed 310018557)`, async () => {
      const lab = new PairLab();
      lab.offsetMs[1] = before;
      lab.start(0);
      lab.start(1);
      await lab.pass(5);
      lab.cut = true;
      // Of this the partner does not hear.
      const told = await lab.ask(1, CLIENT, OF_1);
      assert.ok(told > MCLT_SEC - 2);
      const endSec = lab.nowSec + told - 1;
      await lab.setClock(1, before + 3_600_000);
      lab.crash(1);
      lab.disks[1].pairFiles[0] = undefined;
      lab.start(1);
      lab.cut = false;
      await lab.pass(3);
      assert.ok(lab.nowSec < endSec);
      for (const side of [0, 1] as const) {
        const { clttSec, validLifetimeSec, state } = lab.lease(side, OF_1)!;
        assert.equal(state, LeaseState.default);
        const leftSec = clttSec + validLifetimeSec - lab.clockSec(side);
        const wanted = endSec - lab.nowSec;
        assert.ok(leftSec >= wanted && leftSec <= LEASE_SEC, `server ${side}: ${leftSec} s of ${wanted}`);
      }
      await lab.pass(MCLT_SEC + 30);
      assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
    });
  }

  for (const [whose, address] of [
    ['its own', OF_0],
    ['the other', OF_1],
  ] as const) {
    for (const how of ['released', 'declined'] as const) {
      for (const restarted of [false, true]) {
        const title = `${whose} address ${how} meanwhile${restarted ? ' with a server started anew since' : ''}`;
        it(`waits for what a lost server promised of ${title} (seed 7000768)`, () =>
          lostPromise(address, how, restarted));
      }
    }
  }
});

/** Server 1 loses its files, is told to serve alone, gives an address of its own, and meets its partner again. */
async function givenAnew(lab: PairLab, client: number, word: 'partnerIsDown' | 'continueAlone'): Promise<void> {
  lab.lose(1);
  lab.start(1);
  lab.server(1).pair[word]();
  assert.ok((await lab.ask(1, client, OF_1)) > 0);
  lab.start(0);
  await lab.pass(5);
}

/** Lets so many seconds go by, in which long work is done. */
async function passWorking(lab: PairLab, work: Slice[], seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed++) {
    await lab.pass(1);
    while (work.length > 0) slice(work);
  }
}

describe('A look at all leases for what a lost partner may have promised', () => {
  it('takes its time, and so long nothing is given or refused that may turn out to be promised', async () => {
    const { lab, work } = await withGivenUp();
    const { pair, memory } = lab.server(1);
    // What the partner knew of ran out, and MCLT with it.
    assert.deepEqual([pair.rules.mayGive(OF_0), pair.rules.mayRefuse(OF_0)], [true, true]);
    lab.start(0);
    await lab.pass(0.1);
    assert.equal(pair.status.connected, false);
    assert.deepEqual([pair.rules.mayGive(OF_0), pair.rules.mayRefuse(OF_0)], [false, false]);
    assert.equal(pair.rules.mayGive(OF_1), true, 'which nobody had');
    slice(work);
    assert.equal(work.length, 1, 'it is not over');
    assert.equal(pair.rules.mayGive(OF_0), false);
    // Only an operator can do that now.
    await lab.ask(1, OTHER, OF_0);
    await lab.pass(3);
    assert.equal(pair.status.connected, true, 'heartbeats do not wait for it');
    assert.deepEqual([lab.state(0), pair.status.partner?.compared], ['recovering', false], 'all else does');
    assert.deepEqual([memory.file.partnerLostBoot, memory.file.withheld], [0, []]);
    while (work.length > 0) slice(work);
    await lab.pass(0);
    assert.equal(memory.file.partnerLostBoot, pair.status.partner?.boot);
    assert.deepEqual(addressesOf(memory.file.withheld), [OF_0], 'also what is held again by now');
    await passWorking(lab, work, MCLT_SEC + 15);
    assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
    assert.deepEqual([memory.file.partnerLostBoot, memory.file.withheld], [0, []]);
  });

  it('begins anew for a partner that lost its leases once more, and hears nothing of the one before', async () => {
    const { lab, work } = await withGivenUp();
    const { pair, memory } = lab.server(1);
    lab.start(0);
    await lab.pass(3);
    const first = pair.status.partner?.boot;
    lab.lose(0);
    lab.start(0);
    await lab.pass(1);
    assert.notEqual(pair.status.partner?.boot, first);
    while (work.length > 0) slice(work);
    await lab.pass(0);
    assert.equal(memory.file.partnerLostBoot, first);
    await lab.pass(3);
    assert.equal(work.length, 1);
    assert.equal(pair.status.compared, false);
    while (work.length > 0) slice(work);
    await lab.pass(0);
    assert.equal(memory.file.partnerLostBoot, pair.status.partner?.boot);
    await passWorking(lab, work, 40);
    assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
  });

  it('that can not be written down leaves all as it was, and is taken again', async () => {
    const { lab, work } = await withGivenUp();
    const { memory } = lab.server(1);
    lab.start(0);
    await lab.pass(0.1);
    lab.disks[1].failing = true;
    slice(work);
    slice(work);
    await lab.pass(3);
    assert.deepEqual([memory.file.partnerLostBoot, memory.file.withheld], [0, []]);
    assert.notEqual(lab.state(0), 'normal');
    lab.disks[1].failing = false;
    await passWorking(lab, work, 40);
    assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
  });
});

/** A server that serves alone, with so many leases that a look at them takes two slices; it gave one up since, of a partner that is lost. */
async function withGivenUp(): Promise<{ readonly lab: PairLab; readonly work: Slice[] }> {
  const lab = new PairLab();
  const work: Slice[] = [];
  lab.work = work;
  for (const side of [0, 1] as const) lab.start(side);
  await lab.pass(5);
  assert.equal(await lab.ask(0, CLIENT, OF_0), LEASE_SEC);
  const lease = lab.lease(1, OF_0)!;
  await lab.server(1).ledger.transact((tx) => {
    for (let before = 1; before <= 256; before++) {
      tx.put({ ...lease, address: OF_0 - before, clttSec: lab.nowSec, validLifetimeSec: 10_000, userContext: '' });
    }
  });
  await lab.pass(5);
  lab.lose(0);
  await lab.pass(7);
  lab.server(1).pair.partnerIsDown();
  await lab.end(1, OF_0, 'released');
  await lab.pass(LEASE_SEC + MCLT_SEC + 6);
  return { lab, work };
}

/** The next slice of what is to be done, as short as can be. */
function slice(work: Slice[]): void {
  work.shift()!(0);
}

function addressesOf(withheld: readonly { readonly address: number }[]): number[] {
  return withheld.map(({ address }) => address);
}

async function lostPromise(address: number, how: 'released' | 'declined', restarted: boolean): Promise<void> {
  const lab = await PairLab.started();
  assert.equal(await lab.ask(0, CLIENT, address), LEASE_SEC);
  lab.cut = true;
  await lab.pass(7);
  await lab.end(1, address, how, how === 'declined' ? 5 : 0);
  // The other server has not heard of it, and gives the client its address back for all both knew, and MCLT.
  const told = await lab.ask(0, CLIENT, address);
  assert.ok(told > LEASE_SEC - 10);
  const endSec = lab.nowSec + told - 1;
  lab.lose(0);
  const again = (): void => {
    lab.crash(1);
    lab.start(1);
  };
  if (restarted) again();
  lab.cut = false;
  lab.start(0);
  await lab.pass(3);
  while (lab.nowSec <= endSec) {
    const left = endSec - lab.nowSec;
    for (const side of [0, 1] as const) {
      const { rules } = lab.server(side).pair;
      assert.equal(rules.mayGive(address), false, `server ${side} gives it ${left} s too early`);
      assert.equal(rules.mayRefuse(address), false, `server ${side} refuses it ${left} s too early`);
      if (how === 'declined')
        assert.ok(lab.leftSec(side, address) >= left, `server ${side} forgets it ${left} s too early`);
    }
    if (left === 30) again();
    await lab.pass(1);
  }
  await lab.pass(10);
  assert.deepEqual([lab.state(0), lab.state(1)], ['normal', 'normal']);
  if (how === 'released') assert.equal(lab.server(address === OF_0 ? 0 : 1).pair.rules.mayGive(address), true);
  for (const side of [0, 1] as const) assert.deepEqual(lab.server(side).memory.file.withheld, []);
  assert.equal(lab.server(1).memory.file.partnerLostBoot, 0);
}
