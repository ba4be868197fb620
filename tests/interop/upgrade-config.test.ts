/** A file without subnet ids: Debian's Kea 2.2 numbers the subnets as it reads it, `lessor upgrade-config` writes the same. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Netns } from '../lib/netns.js';
import { repoPath } from '../lib/repo.js';
import { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';

type Subnets = readonly { readonly subnet: string; readonly id: number }[];
type Config = { readonly subnet4: Subnets; readonly 'shared-networks': readonly { readonly subnet4: Subnets }[] };

/** Subnets in and out of shared networks, one with a number of its own, each with another old reservation mode. */
const OLD = {
  subnet4: [
    { subnet: '10.0.0.0/24', 'reservation-mode': 'out-of-pool' },
    { subnet: '10.0.1.0/24', id: 50, 'reservation-mode': 'global' },
    { subnet: '10.0.2.0/24', 'reservation-mode': 'disabled' },
  ],
  'shared-networks': [
    { name: 'b', subnet4: [{ subnet: '10.0.3.0/24' }, { subnet: '10.0.4.0/24', 'reservation-mode': 'all' }] },
    { name: 'a', subnet4: [{ subnet: '10.0.5.0/24' }] },
  ],
};

const FLAGS = ['reservations-global', 'reservations-in-subnet', 'reservations-out-of-pool'] as const;

/** Number and reservation flags of each subnet. */
function numbered({ subnet4, 'shared-networks': networks }: Config): Readonly<Record<string, readonly unknown[]>> {
  const all = [...subnet4, ...networks.flatMap((network) => network.subnet4)] as readonly Record<string, unknown>[];
  const rows = all.map((one) => [String(one.subnet), [one.id, ...FLAGS.map((flag) => one[flag] ?? false)]] as const);
  return Object.fromEntries([...rows].sort(([a], [b]) => a.localeCompare(b)));
}

describe('lessor upgrade-config', { skip: SUBJECTS.kea.skipReason() }, () => {
  const space = Netns.create();
  const kea = new Server(space, { subject: SUBJECTS.kea, interfaces: [] });
  before(async () => {
    kea.configure(OLD);
    await kea.start();
  });
  after(async () => {
    await kea.close();
    space.destroy();
  });

  it('numbers subnets and turns reservation modes as Kea 2.2 does', async () => {
    const byKea = (await kea.must('config-get')) as { Dhcp4: Config };
    const file = join(kea.folder, 'old.conf');
    writeFileSync(file, JSON.stringify({ Dhcp4: OLD }, null, 2));
    const argv = [repoPath('packages', 'server', 'bin', 'lessor'), 'upgrade-config', file];
    const run = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    const byLessor = JSON.parse(run.stdout) as { Dhcp4: Config };
    assert.deepEqual(
      Object.values(numbered(byKea.Dhcp4)).map(([id]) => id),
      [4, 50, 5, 1, 2, 3],
    );
    const [ours, theirs] = [numbered(byLessor.Dhcp4), numbered(byKea.Dhcp4)];
    // Where the file has no mode Kea says the defaults, and the upgraded file goes on saying nothing.
    for (const subnet of ['10.0.3.0/24', '10.0.5.0/24']) {
      assert.equal(ours[subnet]?.[0], theirs[subnet]?.[0]);
    }
    for (const subnet of ['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24', '10.0.4.0/24']) {
      assert.deepEqual(ours[subnet], theirs[subnet], subnet);
    }
  });
});
