/** Row 8: clocks that are wrong, by faketime: from the start of a server on, and set while it runs. */

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getPeer } from '../lib/peers.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import type { Row, Scene, Stage } from './scene.js';
import type { SystemName } from './systems.js';

const SYSTEMS: readonly SystemName[] = ['lessor', 'kea', 'dhcpd'];
/** Seconds by which the clock of the standby is wrong. */
const SKEWS = [1, 29, 31, 59, 61, 3600].flatMap((seconds) => [seconds, -seconds]);

/** The library that `faketime` puts before a program. */
function library(): string {
  getPeer('faketime');
  const folder = readdirSync('/usr/lib').find((name) => /-linux-gnu/.test(name)) ?? '';
  return join('/usr/lib', folder, 'faketime', 'libfaketime.so.1');
}

/** Environment of a server whose wall clock is ahead by what a file says; what it measures durations with is right. */
function clockFrom(file: string): Record<string, string> {
  return {
    LD_PRELOAD: library(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}

function setClock(file: string, aheadSec: number): void {
  writeFileSync(file, `${aheadSec < 0 ? '-' : '+'}${Math.abs(aheadSec)}\n`);
}

/** A stage on which the clock of one server can be set; `run` is told how. */
function withClock(side: 0 | 1, run: (scene: Scene, set: (aheadSec: number) => void) => Promise<void>): () => Stage {
  return () => {
    const folder = scratchFolder();
    const file = join(folder, 'clock');
    setClock(file, 0);
    const own = { env: clockFrom(file) };
    return {
      // Certificates are valid from now on, and would not be for who is an hour behind.
      variation: { tls: false, server: side === 0 ? [own, {}] : [{}, own] },
      run: (scene) => run(scene, (aheadSec) => setClock(file, aheadSec)),
      close: () => removeScratch(folder),
    };
  };
}

/** Renewals acknowledged since an instant. */
function renewals(scene: Scene, from: number): number {
  return scene.events.filter(({ f, res, inv }) => (f === 'renew' || f === 'rebind') && res === 'ack' && inv > from)
    .length;
}

/** The standby comes back with a wrong clock; then it serves alone by that clock; then both serve again. */
async function skewed(scene: Scene, set: (aheadSec: number) => void, aheadSec: number): Promise<void> {
  const { system, effort } = scene;
  const half = effort.faultMs / 2;
  await system.kill(1);
  set(aheadSec);
  scene.clockAheadMs[1] = aheadSec * 1000;
  await system.start(1);
  await scene.togetherIfTheyCan();
  const both = performance.now();
  await scene.fault(half);
  scene.demand(renewals(scene, both) > 0, 'nobody could renew while both were there');
  await system.kill(0);
  const alone = performance.now();
  await scene.fault(half + 3000);
  if (system.ours) scene.demand(renewals(scene, alone) > 0, 'nobody could renew with the one whose clock is wrong');
  scene.note(`${renewals(scene, alone)} renewals by the one whose clock is wrong`);
  scene.end();
  await system.start(0);
  if (await scene.togetherIfTheyCan()) await scene.fault(2000);
}

/** Somebody sets the clock of the active server while it runs: forward, back beyond the truth, right again. */
async function jumping(scene: Scene, set: (aheadSec: number) => void): Promise<void> {
  for (const aheadSec of [3600, -3600, 0]) {
    set(aheadSec);
    const jumped = performance.now();
    await scene.fault(scene.effort.faultMs / 3 + 1500);
    scene.demand(renewals(scene, jumped) > 0, `nobody could renew when the clock had been set to ${aheadSec} s`);
  }
  scene.end();
  if (await scene.togetherIfTheyCan()) await scene.fault(2000);
}

/** See the head of this file. */
export const CLOCK_ROWS: readonly Row[] = [
  ...SKEWS.map((seconds): Row => {
    const signed = `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}`;
    const stage = withClock(1, (scene, set) => skewed(scene, set, seconds));
    return { id: `8.${signed}`, title: `the clock of the standby is wrong by ${signed} s`, systems: SYSTEMS, stage };
  }),
  {
    id: '8.jump',
    title: 'the clock of the active server is set while it runs: an hour ahead, an hour behind, right',
    systems: SYSTEMS,
    stage: withClock(0, jumping),
  },
];
