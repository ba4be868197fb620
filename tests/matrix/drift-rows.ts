/** Row 15: the configuration of one server is changed, a section a row, and changed back. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Row, Scene } from './scene.js';
import { type Change, LEASE_SEC, POOL, type SystemName } from './systems.js';

const EVERY: readonly SystemName[] = ['lessor', 'kea', 'dhcpd'];
const KEA_LIKE: readonly SystemName[] = ['lessor', 'kea'];

/** A heartbeat takes 0.5 s with the default settings; a loaded machine is given more. */
const NOTICED_MS = 5000;

/** A section of the configuration. */
interface Section {
  readonly name: string;
  readonly systems: readonly SystemName[];
  readonly change: Change;
  readonly back: Change;
  /** What an alarm says of it; undefined: the two are no pair while they differ in it. */
  readonly alarm?: RegExp;
  readonly excused?: Row['excused'];
}

const SUBNET = { id: 77, subnet: '10.77.0.0/22', pools: [{ pool: POOL }] };
const lifetime = (seconds: number): Change['dhcp4'] => ({ 'valid-lifetime': seconds });
const subnet = (change: object): Change['dhcp4'] => ({ subnet4: [{ ...SUBNET, ...change }] });
const RANGE = `range ${POOL.replace(' - ', ' ')}`;
const SHORTER = '10.77.1.0 - 10.77.3.200';

const SECTIONS: readonly Section[] = [
  {
    name: 'subnet-id',
    systems: KEA_LIKE,
    change: { dhcp4: subnet({ id: 78 }) },
    back: { dhcp4: subnet({}) },
    excused: { I3: 'who gives a subnet another number takes their leases from the clients in it' },
  },
  {
    name: 'pool',
    systems: EVERY,
    change: {
      dhcp4: subnet({ pools: [{ pool: SHORTER }] }),
      dhcpd: [RANGE, `range ${SHORTER.replace(' - ', ' ')}`],
    },
    back: { dhcp4: subnet({}), dhcpd: [RANGE, RANGE] },
  },
  {
    name: 'options',
    systems: KEA_LIKE,
    change: { dhcp4: { 'option-data': [{ name: 'domain-name', data: 'drift.example' }] } },
    back: { dhcp4: { 'option-data': [] } },
    alarm: /LESSOR_PAIR_ALARM.*option-data/,
  },
  {
    name: 'reservations',
    systems: KEA_LIKE,
    change: { dhcp4: subnet({ reservations: [{ 'hw-address': '02:77:00:00:00:01', 'ip-address': '10.77.0.200' }] }) },
    back: { dhcp4: subnet({}) },
    alarm: /LESSOR_PAIR_ALARM.*reservations/,
  },
  {
    name: 'lifetime',
    systems: EVERY,
    change: {
      dhcp4: lifetime(LEASE_SEC + 10),
      dhcpd: [`max-lease-time ${LEASE_SEC}`, `max-lease-time ${LEASE_SEC + 10}`],
    },
    back: {
      dhcp4: lifetime(LEASE_SEC),
      dhcpd: [`max-lease-time ${LEASE_SEC}`, `max-lease-time ${LEASE_SEC}`],
    },
    alarm: /LESSOR_PAIR_ALARM.*valid-lifetime/,
  },
  {
    name: 'classes',
    systems: KEA_LIKE,
    change: { dhcp4: { 'client-classes': [{ name: 'drift', test: "option[60].text == 'drift'" }] } },
    back: { dhcp4: { 'client-classes': [] } },
    alarm: /LESSOR_PAIR_ALARM.*client-classes/,
  },
];

/** Waits until something is so, for as long as a difference may go unnoticed. */
async function noticed(check: () => Promise<boolean> | boolean): Promise<boolean> {
  const deadline = performance.now() + NOTICED_MS;
  while (!(await check())) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

async function drift(scene: Scene, { change, back, alarm }: Section): Promise<void> {
  const { system } = scene;
  const before = ([0, 1] as const).map((side) => system.log(side).length);
  const began = performance.now();
  await system.change(1, change);
  if (system.ours) {
    // The one that was not touched has to say it.
    const seen = await noticed(async () =>
      alarm === undefined ? (await system.state(0)) !== system.together : alarm.test(system.log(0).slice(before[0])),
    );
    scene.demand(seen, 'the difference went unnoticed', 'I9');
    scene.note(`noticed after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    if (alarm === undefined) {
      const said = ([0, 1] as const).map((side) => system.log(side).slice(before[side])).join('\n');
      scene.demand(/not the same on both servers/.test(said), 'nobody says why there is no pair', 'I9');
    }
  }
  await scene.fault();
  const states = await Promise.all(([0, 1] as const).map((side) => system.state(side)));
  scene.note(`states: ${states.join(' and ')}`);
  if (system.ours && alarm !== undefined) {
    scene.demand(
      states.every((state) => state === system.together),
      'the pair came apart',
      'I9',
    );
  }
  scene.end();
  await system.change(1, back);
  await scene.together();
  await scene.fault(2000);
}

/** See the head of this file. */
export const DRIFT_ROWS: readonly Row[] = SECTIONS.map((section) => ({
  id: `15.${section.name}`,
  title: `the configurations differ: ${section.name}`,
  systems: section.systems,
  run: (scene) => drift(scene, section),
  ...(section.excused === undefined ? {} : { excused: section.excused }),
}));
