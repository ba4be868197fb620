/** The command line programs, run as functions with streams of their own, and once as real processes. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { parseOptions, parsePort, UsageError } from 'lessor/internal/cli/args.js';
import type { Io } from 'lessor/internal/cli/io.js';
import { runKeaDhcp4 } from 'lessor/internal/cli/kea-program.js';
import { runLessor } from 'lessor/internal/cli/program.js';
import { KEA_COMPATIBILITY, LESSOR_VERSION } from 'lessor/internal/version.js';
import { repoPath } from '../lib/repo.js';
import { until } from '../lib/until.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function run(program: (argv: readonly string[], io: Io) => Promise<number>, ...argv: string[]): Promise<Outcome> {
  const [stdout, stderr] = [new Collector(), new Collector()];
  const env = { KEA_DHCP_DATA_DIR: folder };
  const status = await program(argv, { stdout, stderr, env });
  return { status, out: stdout.text, err: stderr.text };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const GOOD = `{ "Dhcp4": { // a comment
  "interfaces-config": { "interfaces": [] },
  "subnet4": [ { "id": 7, "subnet": "192.0.2.0/24", "pools": [ { "pool": "192.0.2.10 - 192.0.2.20" } ] } ]
} }
`;

const BAD = `{ "Dhcp4": {
  "interfaces-config": { "interfaces": [] },
  "valid-lifetime": "soon",
  "subnet4": [ { "id": 7, "subnet": "192.0.2.0/24", "pols": [] } ]
} }
`;

describe('options', () => {
  const rows = [
    { name: 'debug', short: 'd', help: '' },
    { name: 'port', short: 'p', value: 'NUMBER', help: '' },
  ];

  it('takes letters together, values attached or not', () => {
    for (const argv of [
      ['-dp', '67'],
      ['-d', '-p67'],
      ['--debug', '--port=67'],
    ]) {
      const args = parseOptions([...argv, 'rest'], rows);
      assert.deepEqual([args.flag('debug'), args.value('port'), args.positionals], [true, '67', ['rest']]);
    }
  });

  it('refuses what the table does not have', () => {
    for (const argv of [['-x'], ['--nothing'], ['-p'], ['--debug=1']]) {
      assert.throws(() => parseOptions(argv, rows), UsageError, argv.join(' '));
    }
  });

  it('takes ports from 1 to 65535', () => {
    assert.deepEqual([parsePort('1', 'x'), parsePort('65535', 'x'), parsePort(undefined, 'x')], [1, 65535, undefined]);
    for (const text of ['0', '65536', '-1', '67x', ''])
      assert.throws(() => parsePort(text, 'server'), UsageError, text);
  });
});

describe('lessor', () => {
  it('without a command prints the usage and exits with 2', async () => {
    const { status, out, err } = await run(runLessor);
    assert.equal(status, 2);
    assert.equal(out, '');
    assert.match(err, /Usage: lessor COMMAND/);
  });

  it('names an unknown command', async () => {
    const { status, err } = await run(runLessor, 'srve');
    assert.equal(status, 2);
    assert.match(err, /no command 'srve'/);
  });

  for (const command of ['serve', 'check', 'leases']) {
    it(`${command} --help prints its usage and exits with 0`, async () => {
      const { status, out } = await run(runLessor, command, '--help');
      assert.equal(status, 0);
      assert.match(out, new RegExp(`^Usage: lessor ${command} `));
      assert.match(out, /Exit codes?:/);
      assert.equal((await run(runLessor, 'help', command)).out, out);
    });

    it(`${command} with an unknown option exits with 2 and shows the usage`, async () => {
      const { status, err } = await run(runLessor, command, '--frobnicate');
      assert.equal(status, 2);
      assert.match(err, new RegExp(`^lessor ${command}: Unknown option '--frobnicate'`));
      assert.match(err, new RegExp(`Usage: lessor ${command} `));
    });
  }

  it('version names lessor and the Kea it speaks', async () => {
    const { status, out } = await run(runLessor, 'version');
    assert.equal(status, 0);
    assert.ok(out.includes(`lessor ${LESSOR_VERSION}`) && out.includes(KEA_COMPATIBILITY));
  });

  it('serve wants a file or --quickstart, not both', async () => {
    assert.equal((await run(runLessor, 'serve')).status, 2);
    assert.equal((await run(runLessor, 'serve', '-c', 'x', '--quickstart')).status, 2);
  });

  it('serve reports every error of the file and exits with 1, without a stack trace', async () => {
    const path = file('serve-bad.conf', BAD);
    const { status, err } = await run(runLessor, 'serve', '-c', path);
    assert.equal(status, 1);
    assert.match(err, new RegExp(`^${path}:3\\.\\d+: `, 'm'));
    assert.match(err, new RegExp(`^${path}:4\\.\\d+: `, 'm'));
    assert.doesNotMatch(err, /\n\s+at /);
  });
});

describe('lessor check', () => {
  it('passes a good file', async () => {
    const path = file('good.conf', GOOD);
    const { status, out, err } = await run(runLessor, 'check', path);
    assert.deepEqual([status, err], [0, '']);
    assert.equal(out, `${path}: 0 errors, 0 warnings; 1 subnet, 1 pool, 0 classes, 0 reservations\n`);
  });

  it('prints all errors, each with its place', async () => {
    const path = file('bad.conf', BAD);
    const { status, err, out } = await run(runLessor, 'check', path);
    assert.equal(status, 1);
    assert.match(err, new RegExp(`^${path}:3\\.\\d+: .*valid-lifetime`, 'm'));
    assert.match(err, new RegExp(`^${path}:4\\.\\d+: .*pols`, 'm'));
    assert.match(out, /2 errors/);
  });

  it('--json gives the same to a machine', async () => {
    const path = file('json.conf', BAD);
    const { status, out } = await run(runLessor, 'check', '--json', path);
    assert.equal(status, 1);
    const report = JSON.parse(out);
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.errors.map((issue: { position: { line: number } }) => issue.position.line),
      [3, 4],
    );
  });

  it('names a file that is not there', async () => {
    const { status, err } = await run(runLessor, 'check', join(folder, 'absent.conf'));
    assert.equal(status, 1);
    assert.match(err, /absent\.conf/);
  });
});

describe('kea-dhcp4', () => {
  it("-v prints the number of Kea's release alone, as tools expect", async () => {
    assert.deepEqual(await run(runKeaDhcp4, '-v'), { status: 0, out: `${KEA_COMPATIBILITY}\n`, err: '' });
  });

  it('-V and -W name lessor', async () => {
    for (const option of ['-V', '-W']) {
      const { status, out } = await run(runKeaDhcp4, option);
      assert.equal(status, 0);
      assert.ok(out.includes(`lessor`) && out.includes(LESSOR_VERSION));
    }
  });

  it("exits with Kea's 1 for wrong usage, and shows the usage", async () => {
    for (const argv of [[], ['-c'], ['-z'], ['-v', 'x', '-q'], ['-c', 'x', 'y'], ['-c', 'x', '-p', '0'], ['-d']]) {
      const { status, err } = await run(runKeaDhcp4, ...argv);
      assert.equal(status, 1, argv.join(' '));
      assert.match(err, /Usage: kea-dhcp4/, argv.join(' '));
    }
  });

  it('names an option without its value once', async () => {
    const { err } = await run(runKeaDhcp4, '-c');
    assert.match(err, /^kea-dhcp4: Option '-c <value>' argument missing$/m);
  });

  it('-t and -T check a file', async () => {
    const good = file('kea-good.conf', GOOD);
    const bad = file('kea-bad.conf', BAD);
    for (const option of ['-t', '-T']) {
      assert.equal((await run(runKeaDhcp4, option, good)).status, 0);
      const { status, err } = await run(runKeaDhcp4, option, bad);
      assert.equal(status, 1);
      assert.match(err, /:3\.\d+: /);
      assert.match(err, /:4\.\d+: /);
    }
  });
});

describe('lessor leases', () => {
  const HEADER =
    'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n';
  const LATER = 4_000_000_000;
  const path = file(
    'kea-leases4.csv',
    `${HEADER}192.0.2.10,02:00:00:00:00:01,,3600,${LATER},1,0,0,one.example.org,0,,0\n` +
      `192.0.2.11,02:00:00:00:00:02,01:02,3600,1000003600,1,0,0,,0,,0\n` +
      `198.51.100.5,02:00:00:00:00:03,,3600,${LATER},2,0,0,,0,,0\n` +
      `192.0.2.12,02:00:00:00:00:04,,3600,${LATER},1,0,0,,0,,0\n` +
      `192.0.2.12,02:00:00:00:00:04,,0,1000000000,1,0,0,,0,,0\n` +
      `192.0.2.13,,,3600,${LATER},1,0,0,,1,,0\n`,
  );

  const addresses = (out: string): string[] => [...out.matchAll(/^(\d+\.\d+\.\d+\.\d+)/gm)].map((match) => match[1]!);

  it('lists what is in the default file, in address order, removed leases left out', async () => {
    const { status, out, err } = await run(runLessor, 'leases');
    assert.equal(status, 0);
    assert.deepEqual(addresses(out), ['192.0.2.10', '192.0.2.11', '192.0.2.13', '198.51.100.5']);
    assert.match(
      out,
      /^192\.0\.2\.10 +active +02:00:00:00:00:01 +- +1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +one\.example\.org$/m,
    );
    assert.equal(err, '4 of 4 leases\n');
  });

  for (const [argv, expected] of [
    [
      ['--state', 'active'],
      ['192.0.2.10', '198.51.100.5'],
    ],
    [['--state', 'expired'], ['192.0.2.11']],
    [['--state', 'declined'], ['192.0.2.13']],
    [['--subnet', '2'], ['198.51.100.5']],
    [
      ['--subnet', '192.0.2.8/30'],
      ['192.0.2.10', '192.0.2.11'],
    ],
    [['--subnet', '0.0.0.0/0', '--state', 'expired'], ['192.0.2.11']],
    [['--mac', '02-00-00-00-00-03'], ['198.51.100.5']],
    [['--mac', '020000000003'], ['198.51.100.5']],
    [['--client-id', '01:02'], ['192.0.2.11']],
    [['--hostname', 'ONE'], ['192.0.2.10']],
    [['--ip', '192.0.2.99'], []],
  ] as const) {
    it(`${argv.join(' ')} picks ${expected.length}`, async () => {
      const { status, out } = await run(runLessor, 'leases', ...argv, path);
      assert.equal(status, 0);
      assert.deepEqual(addresses(out), expected);
    });
  }

  it('--json gives lease4-get objects, one a line', async () => {
    const { out } = await run(runLessor, 'leases', '--json', '--ip', '192.0.2.10', path);
    const lease = JSON.parse(out);
    assert.deepEqual(
      [lease['ip-address'], lease['hw-address'], lease['subnet-id']],
      ['192.0.2.10', '02:00:00:00:00:01', 1],
    );
  });

  it('refuses filters that make no sense', async () => {
    for (const argv of [
      ['--mac', 'xx'],
      ['--ip', '1.2.3'],
      ['--subnet', 'a/b'],
      ['--subnet', '1.2.3.4/33'],
      ['--state', 'dead'],
    ]) {
      assert.equal((await run(runLessor, 'leases', ...argv, path)).status, 2, argv.join(' '));
    }
  });

  it('reports a row that can not be read and goes on', async () => {
    const broken = file('broken.csv', `${HEADER}nonsense\n192.0.2.1,02:00:00:00:00:01,,3600,${LATER},1,0,0,,0,,0\n`);
    const { status, out, err } = await run(runLessor, 'leases', broken);
    assert.equal(status, 0);
    assert.deepEqual(addresses(out), ['192.0.2.1']);
    assert.match(err, new RegExp(`^${broken}:2: `, 'm'));
  });

  it('names a file that is not there and exits with 1', async () => {
    const { status, err } = await run(runLessor, 'leases', join(folder, 'absent.csv'));
    assert.equal(status, 1);
    assert.match(err, /absent\.csv/);
  });

  it('--follow prints what is appended, through a cleanup, until interrupted', async () => {
    const followed = file('followed.csv', HEADER);
    const controller = new AbortController();
    const [stdout, stderr] = [new Collector(), new Collector()];
    const io = { stdout, stderr, env: {}, signal: controller.signal };
    const ended = runLessor(['leases', '--follow', followed], io);
    const row = (last: number, lifetime: number): string =>
      `192.0.2.${last},02:00:00:00:00:01,,${lifetime},${LATER},1,0,0,,0,,0\n`;
    const shown = (line: RegExp): Promise<void> =>
      until(
        () => `${line} is not in\n${stdout.text}`,
        () => line.test(stdout.text),
      );
    appendFileSync(followed, row(1, 3600));
    await shown(/^192\.0\.2\.1 {2}active/m);
    appendFileSync(followed, row(1, 0));
    await shown(/^192\.0\.2\.1 {2}removed$/m);
    // A cleanup puts another file in its place.
    rmSync(followed);
    writeFileSync(followed, HEADER + row(2, 3600));
    await shown(/^192\.0\.2\.2 {2}active/m);
    controller.abort();
    assert.equal(await ended, 0);
  });
});

describe('the executables', () => {
  const bin = (name: string): string => repoPath('packages', 'server', 'bin', name);

  it('are there before the build and run after it', () => {
    assert.match(execFileSync(bin('lessor'), ['--version'], { encoding: 'utf8' }), /lessor \d/);
    assert.equal(execFileSync(bin('kea-dhcp4'), ['-v'], { encoding: 'utf8' }), `${KEA_COMPATIBILITY}\n`);
  });

  it('exit with the documented codes', () => {
    assert.equal(spawnSync(bin('lessor'), ['nonsense']).status, 2);
    assert.equal(spawnSync(bin('kea-dhcp4'), ['-z']).status, 1);
  });
});
