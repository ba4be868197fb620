/** lessor-shell beside Debian's kea-shell, against Kea 2.2 and lessor: the same octets, the same exit codes. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { type ControlLab, LAB_PASSWORD, LAB_USER, openControlLab } from '../lib/control-lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { freePort } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { PATIENCE_MS } from '../lib/until.js';

const SHELL = repoPath('packages', 'server', 'bin', 'lessor-shell');

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, argv: readonly string[], stdin = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { env: { ...process.env, PYTHONUNBUFFERED: '1' } });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('latin1').on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('latin1').on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

/** What differs from call to call. */
function withoutVolatile(text: string): string {
  return text.replace(/"(uptime|reload)": \d+/g, '"$1": 0');
}

/** Each: the words after host, port and credentials; standard input. kea-shell 2.2 is the judge of all. */
const CALLS: readonly (readonly [argv: readonly string[], stdin: string])[] = [
  [['list-commands'], ''],
  [[], ''],
  [['--service', 'dhcp4', 'version-get'], ''],
  [['--service', 'dhcp4', '--service', 'dhcp6', 'version-get'], ''],
  [['--service', 'dhcp4', 'status-get'], ''],
  [['--service', 'dhcp4', 'config-get'], ''],
  [['--service', 'dhcp4', 'lease4-add'], '"ip-address": "192.0.2.9",\n"hw-address": "02:00:00:00:00:09"\n'],
  [['--service', 'dhcp4', 'lease4-get'], '"ip-address": "192.0.2.9"\n'],
  [['--service', 'dhcp4', 'lease4-get'], '"ip-address": "192.0.2.10"\n'],
  [['--service', 'dhcp4', 'lease4-get'], 'ip-address\n'],
  [['--service', 'dhcp4', 'lease4-del'], '"ip-address": "192.0.2.9"\n'],
  [['--service', 'dhcp4', 'nope'], ''],
  [['--path', 'kea', 'version-get'], ''],
  [['--service'], ''],
];

for (const name of ['kea', 'lessor'] as const) {
  const skip = skipUnless(
    'kea-shell',
    'openssl',
    ...(name === 'kea' ? (['kea-dhcp4', 'kea-ctrl-agent'] as const) : []),
  );
  describe(`against ${name}`, { skip }, () => {
    let lab: ControlLab;
    let credentials: readonly string[];
    before(async () => {
      lab = await openControlLab(name);
      credentials = ['--auth-user', LAB_USER, '--auth-password', LAB_PASSWORD];
    });
    after(() => lab?.close());

    for (const [argv, stdin] of CALLS) {
      it(`${argv.join(' ') || '(no command)'} ${stdin.trim().slice(0, 30)}`, async () => {
        const words = ['--port', String(lab.httpPort), ...credentials, ...argv];
        const theirs = await run(getPeer('kea-shell'), words, stdin);
        // What changes something was done by kea-shell, and is undone for lessor-shell to do it again.
        const key = { 'ip-address': '192.0.2.9' };
        if (argv.at(-1) === 'lease4-add') await lab.server.must('lease4-del', key);
        if (argv.at(-1) === 'lease4-del') {
          await lab.server.must('lease4-add', { ...key, 'hw-address': '02:00:00:00:00:09', 'subnet-id': 1 });
        }
        const ours = await run(SHELL, words, stdin);
        assert.equal(withoutVolatile(ours.stdout), withoutVolatile(theirs.stdout));
        assert.equal(ours.status, theirs.status);
        assert.equal(ours.stderr, '');
      });
    }

    it('wrong password, no server: the same words or the same exit code', async () => {
      const wrong = ['--port', String(lab.httpPort), '--auth-user', 'x', '--auth-password', 'y', 'version-get'];
      assert.deepEqual(await run(SHELL, wrong), await run(getPeer('kea-shell'), wrong));
      const nobody = ['--port', String(await freePort()), 'version-get'];
      const [ours, theirs] = [await run(SHELL, nobody), await run(getPeer('kea-shell'), nobody)];
      assert.match(ours.stdout, /^Failed to run: .*ECONNREFUSED/);
      assert.match(theirs.stdout, /^Failed to run: .*Connection refused/);
      assert.equal(ours.status, theirs.status);
    });

    it('https with a client certificate', async () => {
      const { ca, clientCert: cert, clientKey: key } = lab.certificates;
      const words = ['--port', String(lab.httpsPort), ...credentials, '--ca', ca, '--cert', cert, '--key', key];
      const argv = [...words, '--service', 'dhcp4', 'version-get'];
      assert.deepEqual(await run(SHELL, argv), await run(getPeer('kea-shell'), argv));
    });

    it('its own: unix socket, arguments as words, JSON, tables, exit codes', async () => {
      const unix = ['-u', lab.server.socket];
      const words = ['ip-address=192.0.2.11', 'hw-address=02:00:00:00:00:11', 'subnet-id=1', 'hostname=zoé'];
      assert.equal((await run(SHELL, [...unix, '-j', 'lease4-add', ...words])).status, 0);
      const found = await run(SHELL, [...unix, '--json', 'lease4-get', 'ip-address=192.0.2.11']);
      assert.equal(JSON.parse(Buffer.from(found.stdout, 'latin1').toString()).arguments.hostname, 'zoé');
      const table = await run(SHELL, [...unix, '--table', 'lease4-get-all']);
      assert.match(table.stdout, /^1 IPv4 lease\(s\) found\.\nSUBNET-ID +IP-ADDRESS.*\n1 +192\.0\.2\.11 /);
      assert.equal((await run(SHELL, [...unix, '-t', 'lease4-get', 'ip-address=192.0.2.12'])).status, 3);
      assert.equal((await run(SHELL, [...unix, '-t', 'nope'])).status, 1);
      assert.equal((await run(SHELL, [...unix, 'lease4-get', 'ip-address'])).status, 2);
      const raw = await run(SHELL, [...unix, 'lease4-get'], '"ip-address": "192.0.2.12"');
      assert.deepEqual([raw.status, raw.stdout], [0, '{ "result": 3, "text": "Lease not found." }\n']);
    });

    it('--watch repeats until interrupted', async () => {
      const child = spawn(SHELL, ['-u', lab.server.socket, '-j', '--watch', '0.05', 'version-get'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = new Promise((resolve) => child.once('close', resolve));
      let lines = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        lines += chunk.toString().split('\n').length - 1;
        if (lines >= 3) child.kill('SIGINT');
      });
      assert.equal(await closed, 0);
      assert.ok(lines >= 3);
    });

    it('at a terminal: a prompt, completion, help', async () => {
      const command = `${process.execPath} ${SHELL} --no-history -u ${lab.server.socket}`;
      const status = await typeInto(command, [
        ['version-', /version-/],
        ['\t', /get/],
        ['\n', name === 'kea' ? /2\.2\.0.*kea> /s : /\d+\.\d+\.\d+.*kea> /s],
        ['help lease4-get\n', /one lease, by ip-address.*identifier=.*kea> /s],
        ['lease4-get ip-addr', /ip-addr/],
        ['\t', /ess=/],
        ['192.0.2.13\n', /empty: Lease not found\..*kea> /s],
        ['quit\n', /quit/],
      ]);
      assert.equal(status, 0);
    });
  });
}

/**
 * Runs a command at a terminal of its own: types each piece when what the one before should bring has come.
 * Resolves with the exit status. @throws AssertionError with what came instead
 */
async function typeInto(command: string, steps: readonly (readonly [text: string, expected: RegExp])[]) {
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  let output = '';
  let look: () => void = () => undefined;
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
    look();
  });
  try {
    for (const [text, expected] of [['', /kea> /] as const, ...steps]) {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new assert.AssertionError({ message: `${expected}: ${output}` })),
          PATIENCE_MS,
        );
        look = () => {
          if (!expected.test(output)) return;
          clearTimeout(late);
          resolve();
        };
        if (text === '') look();
        else output = '';
        child.stdin.write(text);
      });
    }
    return await closed;
  } finally {
    child.kill();
  }
}
