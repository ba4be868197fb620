/** Credentials in files, changed under a running server: SIGHUP takes them, nobody else is disturbed. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { OmapiClient } from '@lessor/omapi';
import { AccessLab, basic, keyOf, passwordOf } from '../lib/access-lab.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { until } from '../lib/until.js';

const BODY = '{"command": "version-get"}';
/** How often a proof is tried that is not good yet: failures make a source wait, longer each time. */
const SELDOM_MS = 200;

describe('Credentials in files', { skip: skipUnless('openssl') }, () => {
  let lab: AccessLab;
  const secretFile = () => join(lab.server.folder, 'omapi.secret');
  before(async () => {
    lab = await AccessLab.open({ pair: false });
    writeFileSync(secretFile(), keyOf('viewer').secret, { mode: 0o600 });
  });
  after(() => lab?.close());

  const status = async (password: string) =>
    (await lab.post('http', BODY, { authorization: basic('viewer', password) })).status;

  it('are read again at SIGHUP: a password, hashed in the new file', async () => {
    assert.equal(await status(passwordOf('viewer')), 200);
    const lessor = repoPath('packages', 'server', 'bin', 'lessor');
    const input = 'another one\n';
    const hash = execFileSync(process.execPath, [lessor, 'access', 'hash-password'], { input, encoding: 'utf8' });
    writeFileSync(join(lab.server.folder, 'viewer.password'), hash);
    assert.equal(await status(passwordOf('viewer')), 200, 'nothing is read before');
    lab.server.signal('SIGHUP');
    await until('the new password is taken', async () => (await status('another one')) === 200, SELDOM_MS);
    assert.equal(await status(passwordOf('viewer')), 401);
    assert.equal(await status('another one'), 200);
    assert.doesNotMatch(JSON.stringify(await lab.server.must('config-get')), /another one/);
  });

  it('are read again at SIGHUP: the certificate of the server', async () => {
    const serial = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tlsConnect({ host: '127.0.0.1', port: lab.ports.https, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await serial();
    const next = lab.authority.issue('next', ['IP.1 = 127.0.0.1']);
    copyFileSync(next.cert, join(lab.server.folder, 'one.pem'));
    copyFileSync(next.key, join(lab.server.folder, 'one.key'));
    lab.server.signal('SIGHUP');
    await until('the new certificate is shown', async () => (await serial()) !== before);
    assert.equal((await lab.post('https', BODY, { person: 'viewer' })).status, 200);
  });

  it('are read again at SIGHUP: the secret of an OMAPI key, and who has the old one is disconnected', async () => {
    const { dhcp4 } = lab.server;
    const context = structuredClone(dhcp4['user-context']) as {
      lessor: { omapi: { keys: Record<string, unknown>[] } };
    };
    const { secret: old, ...key } = keyOf('viewer');
    context.lessor.omapi.keys = [{ ...key, 'secret-file': secretFile() }];
    lab.server.configure({ ...dhcp4, 'user-context': context });
    lab.server.signal('SIGHUP');
    const looks = async (secret: string): Promise<boolean> => {
      const client = new OmapiClient({
        host: '127.0.0.1',
        port: lab.ports.omapi,
        key: { ...key, secret },
        reconnect: false,
      });
      try {
        await client.open('control');
        return true;
      } catch {
        return false;
      } finally {
        client.close();
      }
    };
    await until('the file is read', () => looks(old), SELDOM_MS);
    const secret = Buffer.from('another secret of 32 octets.....').toString('base64');
    writeFileSync(secretFile(), secret);
    lab.server.signal('SIGHUP');
    await until('the new secret is taken', () => looks(secret), SELDOM_MS);
    assert.equal(await looks(old), false);
  });
});
