/** Lists of reservations that are made late say the same as those made after each change, and keep no history for ever. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ConfigPatch, ConfigState } from 'lessor/internal/config/change.js';
import { loadConfig } from 'lessor/internal/config/load.js';
import { changeReservations, makeReservation, stateAfter } from 'lessor/internal/config/patch-reservations.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { testEnvironment } from './config-helpers.js';

const CLIENTS = 40;
const CHANGES = 5000;

function begin(): ConfigState {
  const reservations = [{ 'hw-address': '02:00:00:00:00:01', 'ip-address': '192.0.2.1' }];
  const subnet4 = [{ id: 1, subnet: '192.0.2.0/24', reservations }];
  return loadConfig({ kind: 'json', value: { Dhcp4: { subnet4 } } }, testEnvironment());
}

/** A client gets a reservation, another one, or none, in an order that looks like chance and is always the same. */
function change(state: ConfigState, step: number, there: Map<number, ConfigPatch['change']>): ConfigPatch {
  const client = (step * 7919) % CLIENTS;
  const before = there.get(client);
  const old = before?.kind === 'reservations' ? before.added.map(({ reservation }) => reservation) : [];
  const written: JsonMap = {
    'hw-address': `02:00:00:00:01:${client.toString(16).padStart(2, '0')}`,
    hostname: `step-${step}`,
  };
  const gone = old.length > 0 && step % 3 === 0;
  const made = gone ? [] : [makeReservation(written, 1, state.snapshot, testEnvironment())];
  const patch = changeReservations(state, old, made);
  if (gone) there.delete(client);
  else there.set(client, patch.change);
  return patch;
}

const said = ({ snapshot, source }: ConfigState) => ({
  reservations: snapshot.reservations.map(({ hostname }) => hostname),
  tree: JSON.stringify(snapshot.tree.subnet4),
  source: JSON.stringify(source.subnet4),
});

describe('lists of reservations', () => {
  it('are the same whether somebody reads them after each change or after thousands', () => {
    let [read, unread] = [begin(), begin()];
    const [there, thereToo] = [new Map(), new Map()];
    for (let step = 0; step < CHANGES; step++) {
      read = change(read, step, there);
      void read.source;
      unread = change(unread, step, thereToo);
    }
    assert.ok(said(read).reservations.length > 10);
    const [a, b] = [said(read), said(unread)];
    assert.deepEqual(b.reservations, a.reservations);
    assert.equal(b.tree, a.tree);
    const sorted = (text: string): string[] =>
      (JSON.parse(text)[0].reservations as object[]).map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(sorted(b.source), sorted(a.source));
  });

  it('keep none of the reservations that came and went', async () => {
    let state = begin();
    const gone: WeakRef<object>[] = [];
    for (let step = 0; step < CHANGES; step++) {
      const written: JsonMap = { 'hw-address': '02:00:00:00:01:07', hostname: `step-${step}` };
      const made = makeReservation(written, 1, state.snapshot, testEnvironment());
      if (step < CHANGES / 2) gone.push(new WeakRef(made.reservation));
      state = stateAfter(changeReservations(state, [], [made]));
      state = stateAfter(changeReservations(state, [made.reservation], []));
    }
    // References just made are strong until the end of this turn.
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    assert.equal(gone.filter((one) => one.deref() !== undefined).length, 0);
    assert.equal(state.snapshot.reservations.length, 1);
  });
});
