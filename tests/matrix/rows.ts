/** The fault matrix: what is done to a pair, a row a fault. */

import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { getPeer } from '../lib/peers.js';
import { seeded } from './clients.js';
import { CLOCK_ROWS } from './clock-rows.js';
import { CRASH_ROWS } from './crash-points.js';
import { DISK_ROWS } from './disk-rows.js';
import { DRIFT_ROWS } from './drift-rows.js';
import { hostile } from './hostile.js';
import type { Row, Scene } from './scene.js';
import { tamper } from './strace.js';
import type { Side, SystemName } from './systems.js';
import { UPGRADE_ROWS } from './upgrade-rows.js';

const EVERY: readonly SystemName[] = ['lessor', 'lessor+kea', 'kea+lessor', 'kea', 'dhcpd'];
const PURE: readonly SystemName[] = ['lessor', 'kea', 'dhcpd'];
const OURS: readonly SystemName[] = ['lessor'];

/** Takes a server's database away. */
function loseDatabase({ system }: Scene, side: Side): void {
  const file = system.leaseFile(side);
  for (const path of [file, `${file}.pair`, `${file}~`]) rmSync(path, { force: true });
  // A dhcpd does not start without one.
  if (!system.isKeaLike) writeFileSync(file, '');
}

/** The beginning of a record, as a write leaves it that power loss cut short. */
function tear({ system }: Scene, side: Side, octets: number): void {
  const file = system.leaseFile(side);
  const text = readFileSync(file, 'latin1').trimEnd();
  const last = system.isKeaLike ? text.split('\n').at(-1)! : text.slice(text.lastIndexOf('lease '));
  appendFileSync(file, last.slice(0, octets));
}

/** One direction is lost: what comes to this side from the other server. */
function deaf({ system }: Scene, side: Side, lost: boolean): void {
  const rules = lost
    ? 'add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in iif peer0 drop'
    : 'delete table inet cut';
  const [program, args] = system.lab.hosts[side].wrap(getPeer('nft'), rules);
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`nft: ${stderr}`);
}

async function cutCable(scene: Scene): Promise<void> {
  scene.system.lab.peerLink(false);
  scene.cut();
  await scene.fault();
  scene.end();
  scene.system.lab.peerLink(true);
  await scene.together();
  await scene.fault(2000);
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    id: '1',
    title: 'the active server is killed, the other takes over, it returns',
    systems: EVERY,
    async run(scene) {
      await scene.system.kill(0);
      await scene.fault();
      scene.end();
      await scene.system.start(0);
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '2',
    title: 'the passive server is killed, it returns',
    systems: EVERY,
    async run(scene) {
      await scene.system.kill(1);
      await scene.fault();
      scene.end();
      await scene.system.start(1);
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '3',
    title: 'the active server is frozen, and goes on later',
    systems: EVERY,
    async run(scene) {
      scene.system.signal(0, 'SIGSTOP');
      await scene.fault();
      scene.end();
      scene.system.signal(0, 'SIGCONT');
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '4',
    title: 'the cable between the servers is cut, clients see both',
    systems: EVERY,
    run: cutCable,
  },
  {
    id: '4.watch',
    title:
      "the same; a server of Kea's kind has to see clients unanswered before it believes the other dead (10, its default)",
    systems: ['lessor+kea', 'kea+lessor', 'kea'],
    variation: { relation: { 'max-unacked-clients': 10, 'max-ack-delay': 2000 } },
    run: cutCable,
  },
  {
    id: '5',
    title: 'the cable and the clients are cut in two',
    systems: EVERY,
    async run(scene) {
      const { lab } = scene.system;
      lab.peerLink(false);
      lab.lan.trunk(false);
      scene.cut();
      await scene.fault();
      scene.end();
      lab.peerLink(true);
      lab.lan.trunk(true);
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '6',
    title: 'one direction is lost: the standby hears nothing',
    systems: EVERY,
    async run(scene) {
      deaf(scene, 1, true);
      scene.cut();
      await scene.fault();
      scene.end();
      const states = await Promise.all(([0, 1] as const).map((side) => scene.system.state(side)));
      scene.note(`states: ${states.join(' and ')}`);
      deaf(scene, 1, false);
      await scene.together();
      await scene.fault(2000);
    },
  },
  ...[50, 500, 5000].map(
    (ms): Row => ({
      id: `7.${ms}`,
      title: `the partner is slow: its disk takes ${ms} ms for a flush`,
      // Kea flushes nothing.
      systems: ['lessor', 'dhcpd'],
      async run(scene) {
        const fast = await tamper(scene.system.pid(1)!, `fdatasync,fsync:delay_exit=${ms * 1000}`);
        await scene.fault();
        scene.end();
        await fast();
        await scene.together();
        await scene.fault(2000);
      },
    }),
  ),
  ...CLOCK_ROWS,
  ...DISK_ROWS,
  {
    id: '10',
    title: 'the end of the journal is torn, at several lengths',
    systems: PURE,
    async run(scene) {
      for (const octets of [1, 12, 40, 70]) {
        await scene.system.kill(0);
        tear(scene, 0, octets);
        await scene.system.start(0);
        await scene.together();
      }
      scene.end();
    },
  },
  {
    id: '11',
    title: 'restart storm: SIGKILL of either side at random times',
    systems: PURE,
    async run(scene) {
      const random = seeded(scene.effort.seed);
      const times = Math.max(4, Math.round(scene.effort.faultMs / 1500));
      for (let i = 0; i < times; i++) {
        const side = random() < 0.5 ? 0 : 1;
        await sleep(500 * random());
        await scene.system.kill(side);
        await scene.system.start(side);
      }
      scene.end();
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '12',
    title: 'both go down, the staler one starts alone, then the other',
    systems: PURE,
    async run(scene) {
      await scene.system.kill(1);
      await scene.fault(3000);
      await scene.system.kill(0);
      await scene.system.start(1);
      await scene.fault();
      const alone = await scene.system.state(1);
      scene.note(`alone it is in ${alone}`);
      scene.demand(!scene.system.ours || alone === 'waiting', `the staler server is in ${alone}: it gives addresses`);
      scene.end();
      await scene.system.start(0);
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '13',
    title: 'the active server lost its database',
    systems: EVERY,
    async run(scene) {
      await scene.system.kill(0);
      loseDatabase(scene, 0);
      await scene.system.start(0);
      await scene.together();
      scene.end();
      await scene.fault();
    },
    excused: { I5: 'the journal of the first server begins anew' },
  },
  {
    id: '14',
    title: 'both databases are lost',
    systems: PURE,
    async run(scene) {
      await Promise.all([scene.system.kill(0), scene.system.kill(1)]);
      for (const side of [0, 1] as const) loseDatabase(scene, side);
      await Promise.all([scene.system.start(0), scene.system.start(1)]);
      await scene.together();
      scene.end();
      await scene.fault();
      scene.note('clients keep their leases; no address is given before the lead time is over');
    },
    excused: {
      I1: 'nobody knows who had what: only a probe before an offer (ping-check) can tell',
      I2: 'the databases are gone',
      I3: 'the databases are gone',
      I5: 'the journals begin anew',
    },
  },
  ...DRIFT_ROWS,
  {
    id: '16',
    title: 'releases and declines while the other is away',
    systems: EVERY,
    habits: { release: 0.4, decline: 0.1, reboot: 0.05 },
    async run(scene) {
      await scene.system.kill(1);
      await scene.fault();
      scene.end();
      await scene.system.start(1);
      await scene.together();
      await scene.fault(2000);
    },
  },
  {
    id: '17',
    title: 'a hostile peer: other names and authorities, none, plain, unknown words, huge and slow messages',
    systems: OURS,
    variation: { tls: true },
    async run(scene) {
      await hostile(scene);
      scene.end();
      await scene.together();
    },
  },
  ...UPGRADE_ROWS,
  {
    id: '20',
    title: 'the passive server comes back with 100 000 leases that the active one does not have',
    systems: ['lessor', 'kea'],
    variation: {
      dhcp4: {
        // The leases lie outside the pool, where no client of the row gets one.
        subnet4: [{ id: 77, subnet: '10.72.0.0/13', pools: [{ pool: '10.77.1.0 - 10.77.3.255' }] }],
      },
    },
    async run(scene) {
      const { system } = scene;
      await system.kill(1);
      const ends = Math.floor(Date.now() / 1000) + 86_400;
      const rows: string[] = [];
      for (let i = 0; i < 100_000; i++) {
        const address = `10.${74 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
        const hardware = `02:77:${[i >> 24, i >> 16, i >> 8, i].map((n) => (n & 255).toString(16).padStart(2, '0')).join(':')}`;
        rows.push(`${address},${hardware},,86400,${ends},77,0,0,,0,,0\n`);
      }
      appendFileSync(system.leaseFile(1), rows.join(''));
      scene.begin();
      await system.start(1);
      await scene.together();
      scene.end();
      await scene.fault(2000);
    },
  },
  {
    id: '18a',
    title: 'the answer to an update is lost, clients ask again, then the active server dies',
    systems: EVERY,
    async run(scene) {
      deaf(scene, 0, true);
      scene.cut();
      await scene.fault(4000);
      await scene.system.kill(0);
      await scene.fault();
      scene.end();
      deaf(scene, 0, false);
      await scene.system.start(0);
      await scene.together();
      await scene.fault(2000);
    },
  },
  ...CRASH_ROWS,
];
