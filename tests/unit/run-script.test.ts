/** libdhcp_run_script: its parameters, the queue of calls, and the process that runs programs. */

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import {
  leaseVariables,
  listVariables,
  queryVariables,
  type ScriptCall,
  type ScriptQuery,
} from 'lessor/internal/domain/run-script/environment.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { ScriptRunner } from 'lessor/internal/platform/script-runner.js';
import type { ProgramCall, ProgramEnd, ProgramPort } from 'lessor/internal/services/ports.js';
import { ScriptQueue } from 'lessor/internal/services/run-script/script-queue.js';
import { breakableDisk } from '../lib/broken-disk.js';
import { ip, type LabOptions, PacketLab } from '../lib/packet-lab.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { issuesOf, linesOf, loadDhcp4 } from './config-helpers.js';

const library = (parameters: Json) => ({
  'hooks-libraries': [{ library: '/hooks/libdhcp_run_script.so', parameters }],
});

describe('Parameters of libdhcp_run_script', () => {
  const refused: readonly (readonly [Json, RegExp])[] = [
    [{}, /"name"/],
    [{ name: '' }, /"name"/],
    [{ name: '/usr/share/kea/scripts/' }, /does not name a file/],
    [{ name: '/etc/script.sh' }, /a script may be in \/usr\/share\/kea\/scripts only, not in \/etc/],
    [{ name: '/usr/share/kea/scripts/../../../bin/sh' }, /a script may be in \/usr\/share\/kea\/scripts only/],
    [{ name: 'script.sh', sync: 'no' }, /sync/],
    [{ name: 'script.sh', shell: true }, /shell/],
  ];
  for (const [parameters, message] of refused) {
    it(`refuse ${JSON.stringify(parameters)}`, () => {
      const lines = linesOf(issuesOf(() => loadDhcp4(library(parameters))));
      assert.ok(
        lines.some((line) => message.test(line)),
        lines.join('\n'),
      );
    });
  }

  it('name a script in the directory of scripts, with the directory or without', () => {
    for (const name of ['script.sh', '/usr/share/kea/scripts/script.sh']) {
      assert.equal(loadDhcp4(library({ name })).snapshot.runScript?.path, '/usr/share/kea/scripts/script.sh');
    }
  });

  it('warn that nobody waits', () => {
    const warnings = loadDhcp4(library({ name: 'script.sh', sync: true })).warnings;
    assert.ok(warnings.some(({ message }) => /nobody waits for a script/.test(message)));
  });
});

/** Programs that run until the test says so. */
class Held implements ProgramPort {
  readonly begun: { readonly call: ProgramCall; readonly end: (end: ProgramEnd) => void }[] = [];
  closed = false;
  start(): void {}
  run(call: ProgramCall): Promise<ProgramEnd> {
    return new Promise((end) => this.begun.push({ call, end }));
  }
  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A clock whose timers the test fires. */
function handClock() {
  const timers = new Set<() => void>();
  let at = 0;
  return {
    advance: (ms: number) => {
      at += ms;
    },
    fire: () => {
      for (const timer of [...timers]) timer();
    },
    now: () => at,
    monotonic: () => at,
    after: (_ms: number, fn: () => void) => {
      timers.add(fn);
      return () => void timers.delete(fn);
    },
    soon: (fn: () => void) => void setImmediate(fn),
  };
}

function openQueue() {
  const programs = new Held();
  const clock = handClock();
  const lines: string[] = [];
  const logger = {
    enabled: () => true,
    log: (severity: string, id: string, text: string) => void lines.push(`${severity} ${id} ${text}`),
    child: () => logger,
  };
  return { queue: new ScriptQueue({ programs, clock, logger }), programs, clock, lines };
}

const call: ScriptCall = { hookPoint: 'lease4_renew', environment: { A: 'b' } };
const exited = (status: number): ProgramEnd => ({ kind: 'exited', status });

describe('The queue of calls', () => {
  it('runs so many at once, in order, each with the hook point as its argument, and begins on a later turn', async () => {
    const { queue, programs } = openQueue();
    for (let n = 0; n < 40; n++) queue.push(`/script-${n}`, call);
    assert.equal(programs.begun.length, 0);
    await turn();
    await turn();
    assert.equal(programs.begun.length, 16);
    assert.deepEqual(programs.begun[0]!.call, { file: '/script-0', args: ['lease4_renew'], environment: { A: 'b' } });
    programs.begun[3]!.end(exited(0));
    await turn();
    assert.deepEqual([programs.begun.length, programs.begun.at(-1)!.call.file], [17, '/script-16']);
    assert.deepEqual(queue.counts, { waiting: 23, running: 16, ended: 1, failed: 0, dropped: 0 });
  });

  it('counts and logs what finds no room, without a line for each', async () => {
    const { queue, lines, clock } = openQueue();
    for (let n = 0; n < 5000; n++) queue.push('/script', call);
    assert.deepEqual([queue.counts.waiting, queue.counts.dropped, lines.length], [2048, 5000 - 2048, 1]);
    clock.advance(1001);
    queue.push('/script', call);
    assert.equal(lines.length, 2);
    assert.match(lines[1]!, /LESSOR_SCRIPT_DROPPED .*\(2953 so far\) \(2951 more lines left out/);
  });

  it('logs how a script failed', async () => {
    const ends: readonly (readonly [ProgramEnd, RegExp])[] = [
      [exited(3), /WARN LESSOR_SCRIPT_FAILED \/script lease4_renew: exit status 3/],
      [{ kind: 'killed', signal: 'SIGKILL' }, /ended by SIGKILL/],
      [{ kind: 'failed', reason: 'spawn ENOENT' }, /not run: spawn ENOENT/],
    ];
    const { queue, programs, lines, clock } = openQueue();
    for (const [end, message] of ends) {
      queue.push('/script', call);
      await turn();
      await turn();
      programs.begun.pop()!.end(end);
      await turn();
      assert.match(lines.pop() ?? '', message);
      clock.advance(1001);
    }
    assert.equal(queue.counts.failed, 3);
  });

  it('lets what runs and waits end when the server ends', async () => {
    const { queue, programs, lines } = openQueue();
    for (let n = 0; n < 20; n++) queue.push('/script', call);
    const closing = queue.close();
    for (let n = 0; n < 20; n++) {
      await turn();
      assert.equal(programs.closed, false);
      programs.begun[n]!.end(exited(0));
    }
    await closing;
    assert.deepEqual([programs.closed, queue.counts.ended, lines], [true, 20, []]);
    queue.push('/script', call);
    assert.equal(queue.counts.dropped, 1);
  });

  it('waits no longer than a while', async () => {
    const { queue, programs, clock, lines } = openQueue();
    for (let n = 0; n < 20; n++) queue.push('/script', call);
    const closing = queue.close();
    clock.fire();
    await closing;
    assert.equal(programs.closed, true);
    assert.match(lines[0] ?? '', /16 scripts that still run are ended, 4 calls are not made/);
  });
});

describe('The process that runs programs', () => {
  let folder: string;
  let runner: ScriptRunner;
  before(() => {
    folder = scratchFolder();
    runner = new ScriptRunner();
  });
  after(async () => {
    await runner.close();
    removeScratch(folder);
  });

  function script(text: string): string {
    const file = join(mkdtempSync(join(folder, 's')), 'script');
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  }
  const run = (file: string, environment = {}) => runner.run({ file, args: ['lease4_renew'], environment });

  it('gives a program its arguments and these variables alone, and no file but three', async () => {
    const file = script(`exec > ${folder}/told
printf '%s\\0' "$#" "$@"; cat /proc/$$/environ; ls -l /proc/$$/fd > ${folder}/fds`);
    process.env.LESSOR_TEST_SECRET = 'secret';
    assert.deepEqual(await run(file, { A: 'x y', B: '$(id); `id`' }), exited(0));
    const told = readFileSync(join(folder, 'told'), 'utf8').split('\0');
    assert.deepEqual(told, ['1', 'lease4_renew', 'A=x y', 'B=$(id); `id`', '']);
    // What whoever began this process left open is not ours to close; that there is a socket is not to be.
    const files = readFileSync(join(folder, 'fds'), 'utf8').split('\n');
    const sockets = files.filter((line) => /socket:|anon_inode/.test(line) && !/ [012] -> /.test(line));
    assert.deepEqual(sockets, []);
  });

  it('tells of its end', async () => {
    assert.deepEqual(await run(script('exit 7')), exited(7));
    assert.deepEqual(await run(script('kill -9 $$')), { kind: 'killed', signal: 'SIGKILL' });
    const missing = await run(join(folder, 'missing'));
    assert.ok(missing.kind === 'failed' && /ENOENT/.test(missing.reason));
    const odd = await run(script('exit 0'), { A: 'nul\0' });
    assert.equal(odd.kind, 'failed');
  });

  it('has no capability to inherit and reaps what has ended', async () => {
    assert.deepEqual(await run(script(`grep CapAmb /proc/$$/status > ${folder}/caps`)), exited(0));
    assert.match(readFileSync(join(folder, 'caps'), 'utf8'), /CapAmb:\s+0+\n/);
    const parent = script(`echo $PPID > ${folder}/host`);
    assert.deepEqual(await run(parent), exited(0));
    const host = readFileSync(join(folder, 'host'), 'utf8').trim();
    const zombies = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`))
      .filter((pid) => statusOf(pid).ppid === host && statusOf(pid).state === 'Z');
    assert.deepEqual(zombies, []);
  });

  it('is begun anew when it has died', async () => {
    const host = script(`echo $PPID > ${folder}/host; kill -9 $PPID`);
    const lost = await run(host);
    assert.ok(lost.kind === 'failed' && /SIGKILL/.test(lost.reason));
    for (let tries = 0; ; tries++) {
      const end = await run(script('exit 4'));
      if (end.kind === 'exited') break;
      assert.ok(tries < 100);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it('ends what still runs when it is closed', async () => {
    const another = new ScriptRunner();
    const file = script(
      `sleep 60 & trap 'kill $!; echo ended > ${folder}/ended; exit' TERM; echo > ${folder}/begun; wait`,
    );
    void another.run({ file, args: [], environment: {} });
    const until = async (name: string) => {
      for (let tries = 0; !existsSync(join(folder, name)); tries++) {
        assert.ok(tries < 500, name);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await until('begun');
    await another.close();
    await until('ended');
  });
});

function statusOf(pid: string): { readonly state: string | undefined; readonly ppid: string | undefined } {
  try {
    const [state, ppid] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state, ppid };
  } catch {
    return { state: undefined, ppid: undefined };
  }
}

describe('Calls of packets', () => {
  async function open(more: Readonly<Record<string, Json>> = {}, options: LabOptions = {}) {
    const scripts: string[] = [];
    const told = (_file: string, { hookPoint, environment }: ScriptCall) => {
      const { LEASE4_STATE, DELETED_LEASES4_AT0_STATE: deleted } = environment;
      const { DELETED_LEASES4_AT0_VALID_LIFETIME: lifetime, LEASES4_AT0_ADDRESS: committed } = environment;
      scripts.push([hookPoint, LEASE4_STATE, committed, deleted, lifetime].filter(Boolean).join(' '));
    };
    const lab = await PacketLab.open(
      {
        subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.110' }] }],
        ...library({ name: 'script.sh' }),
        ...more,
      },
      { ...options, scripts: told },
    );
    return { lab, scripts };
  }

  it('tell of a release that is remembered as of what it has become', async () => {
    const { lab, scripts } = await open();
    await lab.lease({});
    await lab.ask({ type: 7, ciaddr: '192.0.2.100', options: { 54: '192.0.2.1' } });
    assert.deepEqual(scripts, [
      'leases4_committed 192.0.2.100',
      'lease4_release default',
      'leases4_committed released 0',
    ]);
    scripts.length = 0;
    await lab.lease({});
    // In the second it was released in it has not run out.
    assert.deepEqual(scripts, ['lease4_renew default', 'leases4_committed 192.0.2.100']);
  });

  it('are made for nobody where there is no script', async () => {
    const { lab, scripts } = await open({ 'hooks-libraries': [] });
    await lab.lease({});
    assert.deepEqual(scripts, []);
  });

  it('are made for nothing that is not on stable storage', async () => {
    const folder = scratchFolder();
    try {
      const disk = breakableDisk();
      const { lab, scripts } = await open({}, { file: { path: `${folder}/leases.csv`, ops: disk.ops } });
      disk.breakNow();
      await assert.rejects(lab.lease({}), /no answer to the request/);
      assert.deepEqual(scripts, []);
      await lab.store.close().catch(() => undefined);
    } finally {
      removeScratch(folder);
    }
  });
});

describe('Variables', () => {
  const octets = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
    maxLength: 300,
  });
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

  it('are text a kernel takes, whatever a packet and a lease hold', () => {
    fc.assert(
      fc.property(octets, octets, octets, u32, u32, (hwAddress, name, relayInfo, address, number) => {
        const query: ScriptQuery = {
          ...{ messageType: number % 300, xid: number, source: address, sourcePort: 68, destination: address },
          ...{ destinationPort: 67, interfaceIndex: 2, interfaceName: name, hops: 1, secs: 2, flags: 3, htype: 1 },
          ...{ ciaddr: address, yiaddr: 0, siaddr: 0, giaddr: address, hwAddress, relayInfo },
          relaySubOption: () => relayInfo,
        };
        const lease = {
          ...{ address, hwAddress, clientId: relayInfo, validLifetimeSec: number, clttSec: number, subnetId: 1 },
          ...{ poolId: 0, fqdnFwd: false, fqdnRev: false, hostname: name, state: 0 as const, userContext: '' },
        };
        const told = { lease, htype: 1 };
        const all = { ...queryVariables(query), ...leaseVariables(told), ...listVariables('LEASES4', [told, told]) };
        for (const [variable, value] of Object.entries(all)) {
          assert.match(variable, /^[A-Z0-9_]+$/);
          assert.ok(!value.includes('\0'), variable);
        }
        assert.match(all.QUERY4_OPTION_82 ?? '', /^(0x([0-9A-F]{2})+)?$/);
        assert.equal(all.LEASES4_SIZE, '2');
        assert.equal(ip(all.LEASE4_ADDRESS ?? ''), address);
      }),
    );
  });
});
