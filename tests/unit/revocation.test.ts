/**
 * Revoked certificates: `lessor pki revoke` writes the list, OpenSSL and the parser of lessor read the same in it, and
 * doors for operators and for the partner of a pair refuse who is in it, also on connections that are open.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Authority } from 'lessor/internal/cli/pki/authority.js';
import { runPki } from 'lessor/internal/cli/pki.js';
import { loadConfig } from 'lessor/internal/config/load.js';
import { AccessControl } from 'lessor/internal/control/access/access-control.js';
import type { HaConfig } from 'lessor/internal/domain/ha/config.js';
import { LessorError } from 'lessor/internal/errors.js';
import { parseDate, systemClock } from 'lessor/internal/platform/clock.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import type { Clock } from 'lessor/internal/services/ports.js';
import { HttpListener } from 'lessor/internal/transports/kea-http.js';
import { DEFAULT_LIMITS } from 'lessor/internal/transports/listener.js';
import { PeerClient } from 'lessor/internal/transports/peer-client.js';
import { pinOf } from 'lessor/internal/transports/peer-identity.js';
import { PeerListener } from 'lessor/internal/transports/peer-listener.js';
import { revokedIn } from 'lessor/internal/transports/revocation-list.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { freePort } from '../lib/ports.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { PATIENCE_MS } from '../lib/until.js';
import { testEnvironment } from './config-helpers.js';
import { controlBench, ListLogger } from './control-fakes.js';

let folder: string;
let authority: Authority;
const file = (name: string): string => join(folder, name);

async function pki(...argv: string[]): Promise<string> {
  const stdout = new PassThrough();
  await runPki([...argv, '-d', folder], { stdout, stderr: new PassThrough(), env: {} });
  return String(stdout.read() ?? '');
}

before(async () => {
  folder = scratchFolder();
  await pki('init');
  authority = Authority.open(folder, Date.now);
  await pki('issue', '--server', '127.0.0.1');
  for (const name of ['ann', 'bob', 'eve']) await pki('issue', '--client', name);
  for (const name of ['alpha', 'beta']) await pki('issue', '--peer', name, '--relationship', 'alpha-beta');
});
after(() => removeScratch(folder));

describe('a list of revoked certificates', () => {
  it('is there from the beginning, says who was revoked, and nobody twice', async () => {
    assert.deepEqual(authority.revoked(), []);
    assert.match(await pki('revoke', 'eve'), /eve\.pem: revoked.*crl\.pem: to be copied/s);
    await pki('revoke', file('eve.pem'));
    assert.equal(authority.revoked().length, 1);
    assert.ok(Math.abs(authority.revoked()[0]!.at.getTime() - Date.now()) < 600_000);
    assert.match(await pki('list'), /eve\.pem +eve +\S+ +revoked/);
    await assert.rejects(pki('revoke', 'ca'), /none that this authority can revoke/);
    await assert.rejects(pki('revoke', 'nobody'), /can not be read/);
  });

  it('is one for OpenSSL', { skip: skipUnless('openssl') }, () => {
    const verify = (name: string): string => {
      const lists = ['-crl_check', '-CRLfile', file('crl.pem'), '-CAfile', file('ca.pem')];
      try {
        return execFileSync(getPeer('openssl'), ['verify', ...lists, file(`${name}.pem`)], {
          stdio: 'pipe',
        }).toString();
      } catch (error) {
        return String((error as { stderr: Buffer }).stderr);
      }
    };
    assert.match(verify('ann'), /: OK/);
    assert.match(verify('eve'), /certificate revoked/);
    const text = execFileSync(getPeer('openssl'), ['crl', '-in', file('crl.pem'), '-noout', '-text']).toString();
    const serials = [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, hex]) => hex);
    assert.deepEqual(
      revokedIn(readFileSync(file('crl.pem'), 'latin1'), 'crl').map(({ serial }) => serial),
      serials,
    );
  });

  it('that is damaged is refused, whatever is in it, and nothing else happens', () => {
    const pem = readFileSync(file('crl.pem'), 'latin1');
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
    const armoured = (octets: Uint8Array): string =>
      `-----BEGIN X509 CRL-----\n${Buffer.from(octets).toString('base64')}\n-----END X509 CRL-----\n`;
    const survives = (octets: Uint8Array): void => {
      try {
        revokedIn(armoured(octets), 'crl');
      } catch (error) {
        assert.ok(error instanceof LessorError && error.code === 'config-file', String(error));
      }
    };
    for (let length = 0; length < der.length; length++) survives(der.subarray(0, length));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), survives), { numRuns: 500 });
    const changed = fc.tuple(fc.nat(der.length - 1), fc.nat(255)).map(([at, octet]) => {
      const copy = Buffer.from(der);
      copy[at] = octet;
      return copy;
    });
    fc.assert(fc.property(changed, survives), { numRuns: 2000 });
    assert.throws(() => revokedIn('', 'crl'), /no X509 CRL in it/);
  });
});

/** The clock of the machine, with the looks at files in the hand of the test. */
function handLooks(): { readonly clock: Clock; look(): void } {
  let looks: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after(delayMs, run) {
      if (delayMs !== 5000) return systemClock.after(delayMs, run);
      looks.push(run);
      return () => undefined;
    },
  };
  return {
    clock,
    look() {
      const due = looks;
      looks = [];
      for (const run of due) run();
    },
  };
}

describe('an https door', () => {
  it('refuses who is revoked, ends the connection that is open, and writes it down', async () => {
    const { clock, look } = handLooks();
    const records: AuditRecord[] = [];
    const audit = { record: (record: AuditRecord) => void records.push(record) };
    const logger = new ListLogger();
    const access = new AccessControl({ clock, logger, audit, rules: () => undefined });
    const { dispatcher } = controlBench();
    const files = { trustAnchor: file('ca.pem'), certFile: file('127.0.0.1.pem'), keyFile: file('127.0.0.1.key') };
    const listener = await HttpListener.open(
      {
        ...{ type: 'https', address: '127.0.0.1', port: 0, headers: [] },
        tls: { ...files, certRequired: true, minVersion: 'TLSv1.3', crlFile: file('crl.pem') },
      },
      {
        ...{ clock, logger, access, lock: lockFile, limits: DEFAULT_LIMITS },
        dispatch: (command) => dispatcher.dispatch(command),
      },
    );
    const agents = new Map<string, Agent>();
    const ask = (name: string): Promise<string> =>
      new Promise((resolve) => {
        const pem = { cert: readFileSync(file(`${name}.pem`)), key: readFileSync(file(`${name}.key`)) };
        const agent = agents.get(name) ?? new Agent({ keepAlive: true, ca: readFileSync(file('ca.pem')), ...pem });
        agents.set(name, agent);
        const headers = { 'Content-Type': 'application/json' };
        const sent = request({ agent, method: 'POST', host: '127.0.0.1', port: listener.port, headers }, (response) => {
          response.resume();
          response.on('end', () => resolve(`${response.statusCode} ${sent.reusedSocket ? 'again' : 'new'}`));
          response.on('error', () => resolve('broken'));
        });
        sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        sent.end('{"command":"version-get"}');
      });
    try {
      assert.equal(await ask('ann'), '200 new');
      assert.equal(await ask('bob'), '200 new');
      assert.equal(await ask('bob'), '200 again');
      assert.doesNotMatch(await ask('eve'), /200/, 'revoked before the door was opened');
      const missing = (): string => records.map((record) => record.missing).join('\n');
      assert.match(missing(), /a certificate was refused: CERT_REVOKED/);
      assert.equal(records[0]!.sourceAddress, '127.0.0.1');

      await pki('revoke', 'bob');
      const ended = new Promise<void>((resolve) => {
        for (const sockets of Object.values(agents.get('bob')!.freeSockets))
          sockets![0]!.once('close', () => resolve());
      });
      look();
      await ended;
      assert.match(missing(), /URI:urn:lessor:client:bob has been revoked: its connection is ended/);
      assert.doesNotMatch(await ask('bob'), /200/);
      assert.match(await ask('ann'), /200 again/, 'the others go on');

      const list = readFileSync(file('crl.pem'));
      writeFileSync(file('crl.pem'), 'half a file');
      look();
      assert.match(await ask('ann'), /200/, 'a list that can not be read changes nothing');
      assert.doesNotMatch(await ask('bob'), /200/);
      writeFileSync(file('crl.pem'), list);
      look();
      assert.match(await ask('ann'), /200/);
    } finally {
      for (const agent of agents.values()) agent.destroy();
      await listener.close();
    }
  });
});

describe('the servers of a pair', () => {
  /** The relation as one of the two has it. */
  function relation(name: 'alpha' | 'beta', port: number, pins: readonly string[] = []): HaConfig {
    const tls = { 'trust-anchor': file('ca.pem'), 'cert-file': file(`${name}.pem`), 'key-file': file(`${name}.key`) };
    const peer = (other: string, role: string) => ({
      ...{ name: other, role, url: `https://127.0.0.1:${other === 'alpha' ? port : 1}/` },
      ...(other !== name && pins.length > 0 ? { 'user-context': { lessor: { 'peer-pins': [...pins] } } } : {}),
    });
    const one = {
      ...{ 'this-server-name': name, mode: 'hot-standby', ...tls },
      'user-context': { lessor: { 'crl-file': file('crl.pem') } },
      peers: [peer('alpha', 'primary'), peer('beta', 'standby')],
    };
    const hook = { library: 'libdhcp_ha.so', parameters: { 'high-availability': [one] } };
    const value = { Dhcp4: { 'hooks-libraries': [hook] } };
    return loadConfig({ kind: 'json', value }, testEnvironment()).snapshot.ha[0]!;
  }

  async function listen(port: number, records: AuditRecord[], pins: readonly string[] = []): Promise<PeerListener> {
    return await PeerListener.open(relation('alpha', port, pins), {
      ...{ clock: systemClock, logger: new ListLogger(), parseTime: parseDate, onCertificate: () => undefined },
      audit: { record: (record) => void records.push(record) },
      answer: async () => ({ result: 0, text: 'done' }),
    });
  }

  it('do not talk to one whose key is another than pinned', async () => {
    const port = await freePort();
    const pin = pinOf(new Uint8Array(derOf('beta')));
    const ask = async (pins: readonly string[]): Promise<string> => {
      const records: AuditRecord[] = [];
      const listener = await listen(port, records, pins);
      const client = new PeerClient(relation('beta', port), systemClock);
      try {
        return (await client.ask('ha-heartbeat', {}, PATIENCE_MS)).text;
      } catch {
        return records.map(({ missing }) => missing).join();
      } finally {
        client.close();
        await listener.close();
      }
    };
    assert.equal(await ask([`sha256//${'A'.repeat(43)}=`, pin]), 'done');
    assert.match(
      await ask([`sha256//${'A'.repeat(43)}=`]),
      /the key of the certificate is sha256\/\/.*none of "peer-pins"/,
    );
  });

  it('do not talk to one that is revoked, on either side, nor go on with it', async () => {
    const records: AuditRecord[] = [];
    const port = await freePort();
    const listener = await listen(port, records);
    const client = new PeerClient(relation('beta', port), systemClock);
    try {
      assert.equal((await client.ask('ha-heartbeat', {}, PATIENCE_MS)).text, 'done');
      await pki('revoke', 'beta');
      listener.useConfig(relation('alpha', port));
      assert.match(records.map(({ missing }) => missing).join(), /has been revoked: its connection is ended/);
      assert.match(records.map(({ who }) => who).join(), /alpha-beta:beta/);
      records.length = 0;
      await assert.rejects(client.ask('ha-heartbeat', {}, PATIENCE_MS));
      await assert.rejects(client.ask('ha-heartbeat', {}, PATIENCE_MS));
      assert.match(records.map(({ missing }) => missing).join(), /its certificate was refused: CERT_REVOKED/);
      // The other way round: the server that is asked has been revoked.
      await pki('revoke', 'alpha');
      client.useConfig(relation('beta', port));
      await assert.rejects(client.ask('ha-heartbeat', {}, PATIENCE_MS), /certificate revoked/);
    } finally {
      client.close();
      await listener.close();
    }
  });
});

function derOf(name: string): Buffer {
  return Buffer.from(readFileSync(file(`${name}.pem`), 'latin1').replace(/-----.*-----/g, ''), 'base64');
}
