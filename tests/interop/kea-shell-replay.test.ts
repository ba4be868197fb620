/**
 * The recorded sessions of kea-shell and of shutdown: Debian's kea-shell and lessor-shell say against lessor, and
 * against lessor-agent, what kea-shell said against Kea 3.3 and the agent of Kea 2.2; where not, a row says why.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertOutcome } from '../golden/replay-counts.js';
import {
  AUTHENTICATION,
  agentTls,
  type ControlLab,
  LAB_PASSWORD,
  LAB_USER,
  openControlLab,
  startAgent,
} from '../lib/control-lab.js';
import { here } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { freePort } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { type CommandAnswer, Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';

interface ShellStep {
  readonly name: string;
  readonly argv: readonly string[];
  readonly stdin: string;
  readonly stdout: string;
  readonly exit: number;
  readonly wire?: readonly string[];
}

interface ShutdownStep {
  readonly name: string;
  readonly request?: { readonly command: string; readonly arguments?: Readonly<Record<string, unknown>> };
  readonly response?: CommandAnswer;
  readonly status?: number;
  readonly left_in_run_dir?: readonly string[];
}

/** Where a shell says something else, and what. */
interface Difference {
  readonly sessions: RegExp;
  readonly shells: RegExp;
  readonly step: string;
  readonly stdout: RegExp;
  readonly reason: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    sessions: /3\.3/,
    shells: /./,
    step: 'two services',
    stdout:
      /^\[ \{.*"text": "<version>" \}, \{ "result": 1, "text": "unsupported service 'dhcp6', expected 'dhcp4'" \} \]/,
    reason: 'Several services get an answer each, as clients of the Control Agent expect.',
  },
  {
    sessions: /./,
    shells: /lessor-shell/,
    step: 'closed port',
    stdout: /^Failed to run: .*ECONNREFUSED/,
    reason: 'The words are those of the system library of Python, there, and of Node.js, here.',
  },
];

const SHELLS = {
  'kea-shell': () => getPeer('kea-shell'),
  'lessor-shell': () => repoPath('packages', 'server', 'bin', 'lessor-shell'),
} as const;

function stepsOf<Step>(name: string): readonly Step[] {
  const text = readFileSync(repoPath('tests', 'golden', 'transcripts', `${name}.json`), 'utf8');
  return (JSON.parse(text) as { readonly steps: readonly Step[] }).steps;
}

function run(
  program: string,
  argv: readonly string[],
  stdin: string,
): Promise<{ status: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.setEncoding('latin1').on('data', (chunk) => {
      stdout += chunk;
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

/** What is each server's own: its version, and which commands it has. */
function withoutOwn(stdout: string): string {
  return stdout
    .replace(/"extended": "(?:[^"\\]|\\.)*"/g, '"extended": "<version>"')
    .replace(/"text": "\d+\.\d+\.\d+(-git)?"/g, '"text": "<version>"')
    .replace(/"arguments": \[ "[a-z0-9-]+"(, "[a-z0-9-]+")+ \]/, '"arguments": <commands>');
}

const skip = skipUnless('kea-shell', 'openssl');

describe('recorded sessions of kea-shell', { skip }, () => {
  let lab: ControlLab;
  const agents: (() => Promise<void>)[] = [];
  /** For each session: from the ports of the recording to those of today. */
  const ports = new Map<string, ReadonlyMap<string, number>>();
  const used = new Set<Difference>();

  before(async () => {
    lab = await openControlLab('lessor');
    const closed = await freePort();
    const [plain, basic, tls] = [await freePort(), await freePort(), await freePort()];
    const program = repoPath('packages', 'server', 'bin', 'lessor-agent');
    const sockets = {
      dhcp4: { 'socket-type': 'unix', 'socket-name': lab.server.socket },
      dhcp6: { 'socket-type': 'unix', 'socket-name': join(lab.server.folder, 'nobody.sock') },
    };
    for (const [port, more] of [
      [plain, { 'control-sockets': sockets }],
      [basic, { authentication: AUTHENTICATION }],
      [tls, agentTls(lab.certificates)],
    ] as const) {
      agents.push(await startAgent(program, lab.server, port, more));
    }
    ports.set('kea2.2-kea-shell', new Map(Object.entries({ 8000: plain, 8004: basic, 8443: tls, 9: closed })));
    const { plainPort, httpPort, httpsPort } = lab;
    ports.set(
      'kea3.3-kea-shell',
      new Map(Object.entries({ 8000: plainPort, 8004: httpPort, 8443: httpsPort, 9: closed })),
    );
  });
  after(async () => {
    for (const stop of agents) await stop();
    await lab?.close();
  });

  /** The words of a step with the ports, files and credentials of today. */
  function argvOf(session: string, { argv, name }: ShellStep): string[] {
    const { ca, clientCert, clientKey } = lab.certificates;
    const files: Readonly<Record<string, string>> = {
      '/test/tls/ca.crt': ca,
      '/test/tls/client.crt': clientCert,
      '/test/tls/client.key': clientKey,
    };
    const words = argv.slice(1).map((word, i) => {
      const port = argv[i] === '--port' ? ports.get(session)!.get(word) : undefined;
      return port === undefined ? (files[word] ?? word) : String(port);
    });
    // The lab's https door asks for a password as well.
    return name === 'https' ? ['--auth-user', LAB_USER, '--auth-password', LAB_PASSWORD, ...words] : words;
  }

  for (const session of ['kea2.2-kea-shell', 'kea3.3-kea-shell']) {
    for (const [shell, program] of Object.entries(SHELLS)) {
      it(`${session} by ${shell}`, async (t) => {
        const counts = { same: 0, different: 0 };
        for (const step of stepsOf<ShellStep>(session)) {
          if (step.wire !== undefined) continue;
          const { status, stdout } = await run(program(), argvOf(session, step), step.stdin);
          assert.equal(status, step.exit, step.name);
          const row = DIFFERENCES.find(
            (each) => each.step === step.name && each.sessions.test(session) && each.shells.test(shell),
          );
          if (row === undefined) {
            assert.equal(withoutOwn(stdout), withoutOwn(step.stdout), step.name);
            counts.same++;
          } else {
            used.add(row);
            assert.notEqual(withoutOwn(stdout), withoutOwn(step.stdout), `${step.name}: the row is stale`);
            assert.match(withoutOwn(stdout), row.stdout, step.name);
            counts.different++;
          }
        }
        t.diagnostic(JSON.stringify(counts));
        if (shell === 'kea-shell') assertOutcome(session, { ...counts, leftOut: 0 });
        assert.ok(counts.same >= 10);
      });
    }
  }

  it('every row is needed', () => {
    for (const row of DIFFERENCES) assert.ok(used.has(row), row.step);
  });

  it('lessor-shell sends the body and the credentials kea-shell sends', async () => {
    const [step] = stepsOf<ShellStep>('kea3.3-kea-shell').filter(({ wire }) => wire !== undefined);
    const requests: string[] = [];
    const server = createServer((socket) => {
      let text = '';
      socket.on('error', () => undefined).setEncoding('latin1');
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (!text.endsWith(' } }')) return;
        requests.push(text);
        const answer = '[ { "result": 0 } ]';
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`);
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    try {
      const argv = step!.argv.slice(1).map((word, i) => (step!.argv[i] === '--port' ? String(port) : word));
      const { status, stdout } = await run(SHELLS['lessor-shell'](), argv, step!.stdin);
      assert.deepEqual([status, stdout], [step!.exit, step!.stdout]);
    } finally {
      server.close();
    }
    const parts = (text: string) => ({
      line: text.split('\r\n')[0],
      authorization: /^authorization: (.*)\r$/im.exec(text)?.[1],
      type: /^content-type: (.*)\r$/im.exec(text)?.[1],
      body: text.split('\r\n\r\n')[1],
    });
    assert.deepEqual(parts(requests[0]!), parts(step!.wire![0]!));
  });
});

describe('recorded shutdown', () => {
  for (const session of ['kea2.2-shutdown', 'kea3.3-shutdown']) {
    it(session, async () => {
      const server = new Server(here, { subject: SUBJECTS.lessor, interfaces: [] });
      try {
        server.configure({ subnet4: [] });
        await server.start();
        const steps = stepsOf<ShutdownStep>(session);
        for (const { name, request, response, status } of steps) {
          if (request !== undefined) {
            assert.deepEqual(await server.command(request.command, request.arguments), response, name);
          } else {
            assert.equal(await server.ended(), status, name);
            for (const file of ['ctrl', 'ctrl.lock']) assert.equal(existsSync(join(server.folder, 'run', file)), false);
          }
        }
        assertOutcome(session, { same: steps.length, different: 0, leftOut: 0 });
      } finally {
        await server.close();
      }
    });
  }
});
