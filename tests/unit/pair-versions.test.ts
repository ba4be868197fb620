/** Versions of replicated records: what includes what, and how it is written down. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PairRecord, versionIn, withVersion } from 'lessor/internal/domain/pair/record.js';
import {
  compareVersions,
  eventNumber,
  formatVersion,
  isVersioned,
  joinVersions,
  otherSide,
  parseVersion,
  type Side,
  strayOf,
  strayVersion,
  UNVERSIONED,
  type Version,
  withEvent,
} from 'lessor/internal/domain/pair/version.js';
import { recordFromJson, recordToJson } from 'lessor/internal/services/pair/wire.js';

const KNOWN_EPOCHS = 100;
const sides = fc.constantFrom<Side>(0, 1);
const counters = fc.nat(2 ** 30);
const events = fc.tuple(fc.nat(KNOWN_EPOCHS), counters).map(([epoch, counter]) => eventNumber(epoch, counter));
/** What a server may have that knows of no epoch above {@link KNOWN_EPOCHS}. */
const known: fc.Arbitrary<Version> = fc.tuple(events, events);

describe('A version of a server that began anew', () => {
  const strays = (side: Side): fc.Arbitrary<Version> =>
    counters.map((counter) => withEvent(strayVersion(side), side, eventNumber(KNOWN_EPOCHS + 1, counter)));

  it('is concurrent with everything the partner has, of whichever life', () => {
    const cases = sides.chain((side) => fc.tuple(strays(side), known));
    fc.assert(fc.property(cases, ([stray, other]) => compareVersions(stray, other) === 'concurrent'));
  });

  it('is included in what came of a merge, whoever made it', () => {
    const cases = sides.chain((side) => fc.tuple(strays(side), known, sides, counters));
    const holds = ([stray, other, by, counter]: readonly [Version, Version, Side, number]): void => {
      const merged = withEvent(joinVersions(stray, other), by, eventNumber(KNOWN_EPOCHS + 2, counter));
      assert.equal(compareVersions(merged, stray), 'newer');
      assert.equal(compareVersions(merged, other), 'newer');
      assert.equal(strayOf(merged), undefined);
    };
    fc.assert(fc.property(cases, holds));
  });

  it('is concurrent with one of the other side that began anew as well', () => {
    const cases = fc.tuple(strays(0), strays(1));
    fc.assert(fc.property(cases, ([a, b]) => compareVersions(a, b) === 'concurrent'));
  });

  it('is told from others until the other side puts an event on it', () => {
    fc.assert(
      fc.property(sides, counters, (side, counter) => {
        const stray = withEvent(strayVersion(side), side, eventNumber(1, counter));
        assert.equal(strayOf(stray), side);
        assert.ok(isVersioned(stray));
        assert.equal(strayOf(withEvent(stray, otherSide(side), eventNumber(1, counter))), undefined);
      }),
    );
    assert.ok(!isVersioned(UNVERSIONED) && !isVersioned(strayVersion(0)));
  });
});

describe('The text of a version', () => {
  it('is read as it was written, alone and in a user-context', () => {
    const strays = fc.tuple(sides, events).map(([side, event]) => withEvent(strayVersion(side), side, event));
    fc.assert(
      fc.property(fc.oneof(known, strays), (version) => {
        assert.deepEqual(parseVersion(formatVersion(version)), version);
        assert.deepEqual(versionIn(withVersion('{"a":1}', version, 7)), version);
      }),
    );
    assert.equal(formatVersion([-1, eventNumber(2, 7)]), 'x-2.7');
  });

  it('travels with a record, and is an ordinary one to a partner of before', () => {
    for (const version of [[-1, eventNumber(2, 7)], [eventNumber(2, 7), -1], UNVERSIONED] satisfies Version[]) {
      const record: PairRecord = { address: 7, version, lease: undefined, expired: false };
      const json = recordToJson(record, 0);
      assert.deepEqual(recordFromJson(json, 0), record);
      const { stray, ...before } = json;
      assert.equal(stray, version === UNVERSIONED ? undefined : true);
      assert.deepEqual(recordFromJson(before, 0).version, joinVersions(version, UNVERSIONED));
    }
  });

  it('is refused where it says nothing, or too much', () => {
    for (const text of ['', 'x-x', 'x', '1.2', '1.2-', 'x-x.1', '-1.0-1.1', '8192.0-1.0', '1.0-1.1099511627776']) {
      assert.equal(parseVersion(text), undefined, text);
    }
  });
});
