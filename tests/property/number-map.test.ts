/** NumberMap beside a Map, and the offer book, which is built on it, beside a model without places and hashes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberMap } from 'lessor/internal/services/number-map.js';
import { MAX_OFFERS, OFFER_HOLD_MS, OfferBook } from 'lessor/internal/services/offers.js';

/** Few keys, so that they meet, and the extremes. */
const key = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff));
const step = fc.record({ set: fc.boolean(), key, value: fc.integer({ min: 0, max: 0xffff_fffe }) });

test('a number map does what a Map does', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 300 }), (seed, steps) => {
      const map = new NumberMap(seed);
      const model = new Map<number, number>();
      for (const { set, key, value } of steps) {
        if (set) {
          map.set(key, value);
          model.set(key, value);
        } else assert.equal(map.delete(key), model.delete(key));
        assert.equal(map.size, model.size);
        for (const [known, its] of model) assert.equal(map.get(known), its);
        assert.equal(map.has(key), model.has(key));
      }
      assert.deepEqual([...map.keys()].sort(), [...model.keys()].sort());
    }),
    { numRuns: 60 },
  );
});

test('a number map finds everything in a full and in an emptied table', () => {
  const map = new NumberMap(12345);
  const keys = Array.from({ length: 20_000 }, (_, i) => (Math.imul(i, 256) + 0xfff0_0000) >>> 0);
  for (const [i, one] of keys.entries()) map.set(one, i);
  for (const [i, one] of keys.entries()) assert.equal(map.get(one), i);
  for (const [i, one] of keys.entries()) if (i % 3 !== 0) assert.ok(map.delete(one));
  for (const [i, one] of keys.entries()) assert.equal(map.get(one), i % 3 === 0 ? i : undefined);
});

/** Holds of addresses, as the pools would keep them. */
class Keeper {
  readonly held = new Set<number>();
  hold = (address: number): void => void this.held.add(address);
  unhold = (address: number): void => void this.held.delete(address);
  holdBecameLease = (address: number): void => void this.held.delete(address);
}

/** With this key no two clients of the tests have one hash. */
const KEY = 7;

function openBook(): { book: OfferBook; keeper: Keeper } {
  const keeper = new Keeper();
  const book = new OfferBook(keeper, { below: () => 0, bytes: (count) => new Uint8Array(count).fill(KEY) });
  return { book, keeper };
}

type Offer = { client: string; address: number; subnetId: number; until: number };

test('an offer book remembers what was offered to whom, as long as it stands', () => {
  const act = fc.record({
    kind: fc.constantFrom('hold', 'settle', 'expire'),
    client: fc.constantFrom('ca', 'cb', 'cc', 'hd', `c${'x'.repeat(700)}`),
    address: fc.integer({ min: 1, max: 6 }),
    subnetId: fc.integer({ min: 1, max: 2 }),
    later: fc.integer({ min: 0, max: OFFER_HOLD_MS }),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const { book, keeper } = openBook();
      let model: Offer[] = [];
      let now = 1000;
      for (const { kind, client, address, subnetId, later } of acts) {
        if (kind === 'hold') {
          const same = model.find((offer) => offer.client === client && offer.address === address);
          book.hold(client, { address, subnetId }, now);
          model = model.filter((offer) => offer.client !== client && offer.address !== address);
          model.push({ client, address, subnetId: same?.subnetId ?? subnetId, until: now + OFFER_HOLD_MS });
        } else if (kind === 'settle') {
          book.settle(client, address);
          model = model.filter((offer) => offer.client !== client);
        } else {
          now += later;
          book.expire(now);
          model = model.filter((offer) => offer.until > now);
        }
        assert.equal(book.size, model.length);
        assert.deepEqual([...keeper.held].sort(), model.map((offer) => offer.address).sort());
        for (const offer of model) {
          assert.equal(book.offeredTo(offer.client), offer.address);
          assert.equal(book.isHeldForOther(offer.address, 'hz'), true);
          assert.equal(book.isHeldForOther(offer.address, offer.client), false);
        }
        if (!model.some((offer) => offer.client === client)) assert.equal(book.offeredTo(client), undefined);
        for (const id of [1, 2]) {
          const oldest = model.find((offer) => offer.subnetId === id);
          assert.equal(
            book.oldest(id, () => true),
            oldest?.address,
          );
        }
      }
      book.clear();
      assert.equal(book.size + keeper.held.size, 0);
    }),
    { numRuns: 200 },
  );
});

test('a full offer book gives up its oldest offer', () => {
  const { book, keeper } = openBook();
  for (let i = 0; i <= MAX_OFFERS; i++) book.hold(`c${i}`, { address: i, subnetId: 1 }, i);
  assert.equal(book.size, MAX_OFFERS);
  assert.equal(book.offeredTo('c0'), undefined);
  assert.equal(book.offeredTo('c1'), 1);
  assert.equal(keeper.held.has(0), false);
});
