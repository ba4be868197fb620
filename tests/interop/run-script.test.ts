/**
 * libdhcp_run_script: the same script under Debian's Kea and under lessor is called at the same hook points, with the same
 * environment, variable by variable, but for what hook-differences.ts gives a reason for.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageFields, TestClient } from '../lib/dhcp-client.js';
import { Lab, SERVER, subnet } from '../lib/lab.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import type { Dhcp4 } from '../lib/server.js';
import { hook, SUBJECTS, type SubjectName } from '../lib/subject.js';
import { OPT, option, TYPE } from '../lib/wire.js';
import { VARIABLE_DIFFERENCES } from './hook-differences.js';

/** One call of the script: its arguments, and its environment as the kernel was given it. */
interface Call {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What happens: a configuration, what clients do, and the hook points that are called for it. */
interface Scene {
  readonly title: string;
  readonly dhcp4: Dhcp4;
  readonly act: (lab: Lab) => Promise<void>;
  readonly calls: readonly string[];
  /** Calls only one of them makes. */
  readonly keaAlone?: { readonly calls: readonly string[]; readonly why: string };
  readonly lessorAlone?: { readonly calls: readonly string[]; readonly why: string };
}

const HARDWARE = '02:00:5e:11:00:01';
const IDENTIFIER = '01:02:00:5e:11:00:01';
const ADDRESS = '10.1.0.101';
const RELAYED: Dhcp4 = { subnet4: [subnet(1, 20), subnet(2, 20)] };
/** As in Kea 2.2: what is released is gone, and every renewal is written down. */
const PLAIN: Dhcp4 = { 'expired-leases-processing': { 'hold-reclaimed-time': 0 }, 'cache-max-age': 0, ...RELAYED };

const me = (lab: Lab): TestClient => lab.client({ mac: HARDWARE, clientId: IDENTIFIER });
const asked = (address: string): MessageFields => ({ options: [option.addresses(OPT.requestedAddress, address)] });

async function leased(client: TestClient, address = ADDRESS, fields: MessageFields = {}): Promise<void> {
  const more = [...(asked(address).options ?? []), ...(fields.options ?? [])];
  const offer = await client.discover({ ...fields, options: more });
  const ack = await client.select(offer, fields);
  assert.equal(ack.yiaddr, address);
}

const SCENES: readonly Scene[] = [
  {
    title: 'a new lease',
    dhcp4: PLAIN,
    act: async (lab) => await leased(me(lab), ADDRESS, { options: [option.text(OPT.hostName, 'Printer')], secs: 7 }),
    calls: ['leases4_committed'],
  },
  {
    title: 'a lease that is renewed, with a broadcast and by unicast',
    dhcp4: PLAIN,
    act: async (lab) => {
      await leased(me(lab));
      await me(lab).exchange(TYPE.request, TYPE.ack, me(lab).rebooting(ADDRESS, { flags: 0x8000 }));
      await me(lab).renew(ADDRESS);
    },
    calls: ['leases4_committed', 'lease4_renew', 'leases4_committed', 'lease4_renew', 'leases4_committed'],
  },
  {
    title: 'a client that has none but its hardware address, of another type',
    dhcp4: PLAIN,
    act: async (lab) => {
      const client = lab.client({ mac: HARDWARE });
      await leased(client, ADDRESS, { htype: 6 });
      await client.renew(ADDRESS, { htype: 6 });
    },
    calls: ['leases4_committed', 'lease4_renew', 'leases4_committed'],
  },
  {
    title: 'a subnet that does not go by client identifiers',
    dhcp4: { ...PLAIN, 'match-client-id': false },
    act: async (lab) => {
      await leased(me(lab));
      await me(lab).renew(ADDRESS);
    },
    calls: ['leases4_committed', 'lease4_renew', 'leases4_committed'],
  },
  {
    title: 'a client behind a relay agent',
    dhcp4: PLAIN,
    act: async (lab) => {
      const agent = [option.text(1, 'port 7'), option.hex(2, '00ff80'), option.text(9, 'x')];
      await leased(me(lab).on(lab.relay('10.2.0.1', agent)), '10.2.0.101');
    },
    calls: ['leases4_committed'],
  },
  {
    title: 'a release',
    dhcp4: PLAIN,
    act: async (lab) => {
      await leased(me(lab), ADDRESS, { options: [option.text(OPT.hostName, 'printer')] });
      me(lab).release(ADDRESS);
    },
    calls: ['leases4_committed', 'lease4_release', 'leases4_committed'],
  },
  {
    title: 'a decline, and its end',
    dhcp4: {
      ...PLAIN,
      'decline-probation-period': 1,
      'expired-leases-processing': { 'hold-reclaimed-time': 0, 'reclaim-timer-wait-time': 1 },
    },
    act: async (lab) => {
      await leased(me(lab));
      me(lab).decline(ADDRESS);
    },
    calls: ['leases4_committed', 'lease4_decline', 'leases4_committed', 'lease4_expire', 'lease4_recover'],
  },
  {
    title: 'a lease that runs out',
    dhcp4: { ...RELAYED, 'valid-lifetime': 1, 'expired-leases-processing': { 'reclaim-timer-wait-time': 1 } },
    act: async (lab) => await leased(me(lab), ADDRESS, { options: [option.text(OPT.hostName, 'printer')] }),
    calls: ['leases4_committed', 'lease4_expire'],
  },
  {
    title: 'a lease that runs out and is not remembered',
    dhcp4: {
      ...RELAYED,
      'valid-lifetime': 1,
      'expired-leases-processing': { 'reclaim-timer-wait-time': 1, 'flush-reclaimed-timer-wait-time': 0 },
    },
    act: async (lab) => await leased(me(lab)),
    calls: ['leases4_committed', 'lease4_expire'],
  },
  {
    title: 'a lease that has run out when another client gets the address, and when it comes back',
    dhcp4: {
      subnet4: [subnet(1, 1)],
      'valid-lifetime': 1,
      'expired-leases-processing': { 'reclaim-timer-wait-time': 0 },
    },
    act: async (lab) => {
      await leased(me(lab), '10.1.0.100');
      await sleep(2100);
      const other = lab.client({ mac: '02:00:5e:11:00:02' });
      await leased(other, '10.1.0.100');
      await sleep(2100);
      await leased(other, '10.1.0.100');
    },
    calls: [
      'leases4_committed',
      'lease4_expire',
      'leases4_committed',
      'lease4_expire',
      'lease4_renew',
      'leases4_committed',
    ],
  },
  {
    title: 'a client that takes another address',
    dhcp4: PLAIN,
    act: async (lab) => {
      await leased(me(lab));
      const wish = [option.addresses(OPT.requestedAddress, '10.1.0.105'), option.addresses(OPT.serverId, SERVER)];
      const ack = await me(lab).exchange(TYPE.request, TYPE.ack, { options: wish });
      assert.equal(ack.yiaddr, '10.1.0.105');
    },
    calls: ['leases4_committed', 'leases4_committed'],
  },
  {
    title: 'a client that is refused',
    dhcp4: PLAIN,
    act: async (lab) => {
      await leased(lab.client({ mac: '02:00:5e:11:00:02' }));
      const wish = [option.addresses(OPT.requestedAddress, ADDRESS), option.addresses(OPT.serverId, SERVER)];
      await me(lab).exchange(TYPE.request, TYPE.nak, { options: wish });
    },
    calls: ['leases4_committed', 'leases4_committed'],
  },
  {
    title: 'a client that only asks',
    dhcp4: PLAIN,
    act: async (lab) => void (await me(lab).inform('10.1.0.50')),
    calls: [],
    lessorAlone: { calls: ['leases4_committed'], why: 'as Kea 3, where every message has a context' },
  },
  {
    title: 'a client that is not answered',
    dhcp4: { ...PLAIN, authoritative: false },
    act: async (lab) => await me(lab).ignored(TYPE.request, me(lab).rebooting('10.1.0.105')),
    calls: [],
  },
  {
    title: 'a client that gives back what it does not have',
    dhcp4: PLAIN,
    act: async (lab) => {
      await leased(lab.client({ mac: '02:00:5e:11:00:02' }));
      me(lab).release(ADDRESS);
      me(lab).decline(ADDRESS);
    },
    calls: ['leases4_committed'],
    keaAlone: {
      calls: ['leases4_committed', 'leases4_committed'],
      why: 'Kea tells, with empty lists, also of what it passes over',
    },
  },
  {
    title: 'a lease that is confirmed without a write',
    dhcp4: { ...RELAYED, 'cache-threshold': 0.5 },
    act: async (lab) => {
      await leased(me(lab));
      await me(lab).renew(ADDRESS);
    },
    calls: ['leases4_committed', 'lease4_renew', 'leases4_committed'],
  },
  {
    title: 'a BOOTP client',
    dhcp4: PLAIN,
    act: async (lab) => {
      await lab.client({ mac: HARDWARE }).exchange(0, 0);
    },
    calls: ['leases4_committed'],
  },
];

const SUBJECT_NAMES = ['kea', 'lessor'] as const satisfies readonly SubjectName[];

describe('libdhcp_run_script', { skip: SUBJECTS.kea.skipReason() }, () => {
  for (const scene of SCENES) {
    it(scene.title, async () => {
      const [kea = [], lessor = []] = await Promise.all(SUBJECT_NAMES.map((name) => play(scene, name)));
      const hookPoints = (calls: readonly Call[]) => calls.map(({ args }) => args.join(' ')).sort();
      const expected = (alone: Scene['keaAlone']) => [...scene.calls, ...(alone?.calls ?? [])].sort();
      assert.deepEqual(hookPoints(kea), expected(scene.keaAlone), 'Kea calls');
      assert.deepEqual(hookPoints(lessor), expected(scene.lessorAlone), 'lessor calls');
      if (scene.keaAlone !== undefined || scene.lessorAlone !== undefined) return;
      const found = kea.flatMap((call, at) => differences(call, lessor[at] as Call));
      assert.deepEqual(found, []);
    });
  }
});

describe('A script of lessor', { skip: SUBJECTS.lessor.skipReason() }, () => {
  it('comes and goes by command, fails into the log, and is waited for at the end', async () => {
    const folder = scratchFolder();
    const lab = await Lab.open(PLAIN, { subject: SUBJECTS.lessor });
    const script = join(folder, 'script.sh');
    const withScript = { ...PLAIN, 'hooks-libraries': [hook('run_script', { name: script })] };
    try {
      const refused = await lab.server.command('config-set', lab.server.complete(withScript));
      assert.match(refused.text ?? '', /script\.sh can not be run: ENOENT/);
      writeFileSync(script, `#!/bin/sh\nsleep 1; echo >> ${folder}/told; exit 3\n`, { mode: 0o755 });
      const lines = (): number => (existsSync(join(folder, 'told')) ? readFileSync(join(folder, 'told')).length : 0);
      await lab.server.reconfigure(withScript);
      await leased(me(lab));
      await lab.until('the failure is logged', async () => /LESSOR_SCRIPT_FAILED .*status 3/.test(lab.server.log()));
      await lab.server.reconfigure(PLAIN);
      await me(lab).renew(ADDRESS);
      await lab.server.reconfigure(withScript);
      await me(lab).renew(ADDRESS);
      await lab.until('two scripts run', async () => (await lab.namespace.run(['pgrep', '-f', script])).stdout !== '');
      assert.equal(await lab.server.stop(), 0);
      assert.equal(lines(), 3, 'once for the lease, twice for the second renewal, and all have ended');
    } finally {
      await lab.close();
      removeScratch(folder);
    }
  });
});

/** What differs without a reason. */
function differences(kea: Call, lessor: Call): string[] {
  const names = [...new Set([...Object.keys(kea.env), ...Object.keys(lessor.env)])].sort();
  return names.flatMap((name) => {
    const [byKea, byLessor] = [kea.env[name] ?? 'absent', lessor.env[name] ?? 'absent'];
    if (byKea === byLessor) return [];
    if (VARIABLE_DIFFERENCES.some(({ variable, when }) => variable.test(name) && when(byKea, byLessor))) return [];
    return [`${kea.args.join(' ')} ${name}: Kea ${byKea}, lessor ${byLessor}`];
  });
}

/** Plays a scene before a server; the calls, those that belong together beside each other. */
async function play(scene: Scene, name: SubjectName): Promise<Call[]> {
  const folder = scratchFolder();
  const script = writeScript(folder);
  const libraries = [hook('run_script', { name: script, sync: false }), hook('bootp')];
  // Kea hears a broadcast once for each address of an interface.
  const interfaces = [`lan0/${SERVER}`];
  const lab = await Lab.open({ ...scene.dhcp4, 'hooks-libraries': libraries }, { subject: SUBJECTS[name], interfaces });
  try {
    const index = Number(/^(\d+):/.exec(lab.namespace.ip('link show lan0'))?.[1]);
    await scene.act(lab);
    const count = (): number => callsIn(folder, name).length;
    await lab.until(`${scene.calls.length} calls`, async () => count() >= scene.calls.length).catch(() => undefined);
    // What is called too often comes, too.
    await sleep(300);
    return inOrder(callsIn(folder, name).map((call) => comparable(call, index)));
  } finally {
    await lab.close();
    removeScratch(folder);
  }
}

/** A script that writes down what it is called with. Its environment is what the kernel says: a shell adds its own. */
function writeScript(folder: string): string {
  const [calls, half] = ['calls', 'half'].map((each) => join(folder, each)) as [string, string];
  for (const each of [calls, half]) mkdirSync(each);
  const script = join(folder, 'script.sh');
  const text = `#!/bin/sh
{ printf '%s\\0' "$#" "$@"; cat /proc/$$/environ; } > ${half}/$$ && mv ${half}/$$ ${calls}/$$
`;
  writeFileSync(script, text, { mode: 0o755 });
  return script;
}

function callsIn(folder: string, name: SubjectName): Call[] {
  const calls = readdirSync(join(folder, 'calls')).map((file): Call => {
    const [count, ...words] = readFileSync(join(folder, 'calls', file), 'utf8')
      .split('\0')
      .slice(0, -1);
    const args = words.slice(0, Number(count));
    const pairs = words.slice(Number(count)).map((word) => word.split(/=(.*)/s).slice(0, 2));
    return { args, env: Object.fromEntries(pairs) };
  });
  // Kea calls lease4_renew for a DHCPDISCOVER of a client that has a lease, too: nothing is renewed by that.
  return name === 'kea' ? calls.filter(({ env }) => env.QUERY4_TYPE !== 'DHCPDISCOVER') : calls;
}

/** Without what is another at every run: times, transactions and the number of an interface, if it is the right one. */
function comparable({ args, env }: Call, interfaceIndex: number): Call {
  const now = Date.now() / 1000;
  const pairs = Object.entries(env).map(([name, value]): [string, string] => {
    if (name.endsWith('_CLTT')) return [name, Math.abs(Number(value) - now) < 30 ? 'a short time ago' : value];
    if (name === 'QUERY4_TXID') return [name, /^\d+$/.test(value) ? 'a number' : value];
    if (name === 'QUERY4_IFACE_INDEX') return [name, value === String(interfaceIndex) ? 'the right one' : value];
    return [name, value];
  });
  return { args, env: Object.fromEntries(pairs) };
}

/** Scripts run beside each other, so the order they write in tells nothing. */
function inOrder(calls: readonly Call[]): Call[] {
  const key = ({ args, env }: Call): string =>
    [args, env.LEASES4_SIZE, env.QUERY4_TYPE, env.QUERY4_FLAGS, env.QUERY4_CIADDR, env.LEASE4_HWADDR, env.QUERY4_HWADDR]
      .flat()
      .join(' ');
  return [...calls].sort((a, b) => key(a).localeCompare(key(b)));
}
