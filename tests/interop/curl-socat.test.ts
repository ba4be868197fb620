/** The two tools every script uses, unmodified: curl against the HTTP doors, socat against the unix socket. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type ControlLab, LAB_PASSWORD, LAB_USER, openControlLab } from '../lib/control-lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';

const run = promisify(execFile);

describe('curl and socat', { skip: skipUnless('curl', 'socat', 'openssl') }, () => {
  let lab: ControlLab;
  before(async () => {
    lab = await openControlLab('lessor');
  });
  after(() => lab?.close());

  const curl = async (...argv: string[]): Promise<string> =>
    (await run(getPeer('curl'), ['--silent', '--show-error', ...argv])).stdout;
  const json = ['--header', 'Content-Type: application/json', '--data'];
  const login = ['--user', `${LAB_USER}:${LAB_PASSWORD}`];
  const url = () => `http://127.0.0.1:${lab.httpPort}/`;

  it('curl: a command', async () => {
    const answer = await curl(...login, ...json, '{ "command": "version-get", "service": [ "dhcp4" ] }', url());
    assert.match(answer, /^\[ \{ "arguments": \{ "extended": .*"result": 0, "text": "[^"]+" \} \]$/s);
  });

  it('curl: no credentials, and the wrong content type', async () => {
    const status = ['--output', '/dev/null', '--write-out', '%{http_code}'];
    assert.equal(await curl(...status, ...json, '{ "command": "version-get" }', url()), '401');
    assert.equal(await curl(...status, ...login, '--data', '{ "command": "version-get" }', url()), '400');
  });

  it('curl: two commands on one connection', async () => {
    const call = [...login, ...json, '{ "command": "config-hash-get" }', url()];
    const connects = ['--output', '/dev/null', '--write-out', '%{num_connects} '];
    assert.equal(await curl(...connects, ...call, '--next', '--silent', ...connects, ...call), '1 0 ');
  });

  it('curl: https with a client certificate', async () => {
    const { ca, clientCert, clientKey } = lab.certificates;
    const tls = ['--cacert', ca, '--cert', clientCert, '--key', clientKey];
    const answer = await curl(
      ...tls,
      ...login,
      ...json,
      '{ "command": "status-get" }',
      `https://127.0.0.1:${lab.httpsPort}/`,
    );
    assert.match(answer, /"pid": \d+/);
    await assert.rejects(curl('--cacert', ca, ...login, ...json, '{}', `https://127.0.0.1:${lab.httpsPort}/`));
  });

  it('curl: a body that is sent in chunks, and one of a megabyte with Expect', async () => {
    const file = join(lab.server.folder, 'body.json');
    writeFileSync(file, `{ "command": "version-get", "arguments": { "x": "${'y'.repeat(1 << 20)}" } }`);
    for (const header of ['Transfer-Encoding: chunked', 'Expect: 100-continue']) {
      assert.match(await curl(...login, '--header', header, ...json, `@${file}`, url()), /"result": 0/);
    }
  });

  it('socat: a command from standard input, the answer until the end', async () => {
    const shell = `printf '%s' '{ "command": "lease4-get-all" }' | ${getPeer('socat')} - UNIX-CONNECT:${lab.server.socket}`;
    const { stdout } = await run('/bin/sh', ['-c', shell]);
    assert.equal(stdout, '{ "arguments": { "leases": [  ] }, "result": 3, "text": "0 IPv4 lease(s) found." }');
  });
});
