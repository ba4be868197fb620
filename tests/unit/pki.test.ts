/** Certificates as `lessor pki` makes them: strict enough for OpenSSL, exact in their names, safe in their files. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Authority, newKeyPair } from 'lessor/internal/cli/pki/authority.js';
import { makeCertificate, NameError } from 'lessor/internal/cli/pki/certificate.js';
import { integer, objectIdentifier, time } from 'lessor/internal/cli/pki/der.js';
import { runPki } from 'lessor/internal/cli/pki.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';

const NOW = Date.UTC(2026, 10, 29, 12);
const DAY = 86_400_000;

let folder: string;
before(() => {
  folder = scratchFolder();
});
after(() => removeScratch(folder));

describe('DER', () => {
  it('writes numbers in as few octets as they need, and none as negative (X.690 §8.3)', () => {
    assert.equal(integer(Buffer.from([0])).toString('hex'), '020100');
    assert.equal(integer(Buffer.from([0, 0, 0x7f])).toString('hex'), '02017f');
    assert.equal(integer(Buffer.from([0x80])).toString('hex'), '02020080');
  });

  it('writes identifiers in base 128 (X.690 §8.19)', () => {
    assert.equal(objectIdentifier('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302');
    assert.equal(objectIdentifier('2.5.29.17').toString('hex'), '0603551d11');
  });

  it('writes years from 2050 on with four digits (RFC 5280 §4.1.2.5)', () => {
    assert.equal(time(new Date(Date.UTC(2049, 11, 31, 23, 59, 59))).toString('latin1', 2), '491231235959Z');
    assert.equal(time(new Date(Date.UTC(2050, 0, 1))).toString('latin1', 2), '20500101000000Z');
  });
});

describe('An authority', () => {
  it('issues what OpenSSL verifies strictly, for its purpose and no other', { skip: skipUnless('openssl') }, () => {
    const dir = join(folder, 'strict');
    const authority = Authority.create(dir, 'test authority', 3650, Date.now);
    const names = ['URI:urn:lessor:pair:a-b:a', 'DNS:dhcp.example.org', 'IP:192.0.2.1', 'IP:2001:db8::1'];
    for (const use of ['server', 'client', 'peer'] as const) {
      authority.issue(use, { commonName: use, names, use, days: 30 }, false);
    }
    const verify = (use: string, purpose: string): boolean => {
      const argv = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', join(dir, 'ca.pem')];
      try {
        execFileSync(getPeer('openssl'), [...argv, join(dir, `${use}.pem`)], { stdio: 'pipe' });
        return true;
      } catch {
        return false;
      }
    };
    const good = { server: [true, false], client: [false, true], peer: [true, true] };
    for (const [use, [asServer, asClient]] of Object.entries(good)) {
      assert.equal(verify(use, 'sslserver'), asServer, `${use} as a server`);
      assert.equal(verify(use, 'sslclient'), asClient, `${use} as a client`);
    }
  });

  it('writes every name it was given, exactly', () => {
    const { publicKey, privateKey } = newKeyPair();
    const issuer = { commonName: 'x', publicKey, privateKey };
    const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
    const name = fc.oneof(
      label.map((text) => `DNS:${text}.example`),
      label.map((text) => `URI:urn:x:${text}`),
      fc.ipV4().map((text) => `IP:${text}`),
      fc.ipV6().map((text) => `IP:${text}`),
    );
    const validity = { notBefore: new Date(NOW), notAfter: new Date(NOW + DAY) };
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
        const request = { commonName: 'x', names, publicKey, use: 'peer' as const, ...validity };
        const made = new X509Certificate(makeCertificate(request, issuer));
        assert.equal(made.verify(publicKey), true);
        for (const each of names) {
          const text = each.slice(each.indexOf(':') + 1);
          if (each.startsWith('IP:')) assert.equal(made.checkIP(text), text);
          else assert.ok(made.subjectAltName?.split(', ').includes(each), `${each} in ${made.subjectAltName}`);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('refuses names that could be read as two, or are of no known type', () => {
    const { publicKey, privateKey } = newKeyPair();
    const issuer = { commonName: 'x', publicKey, privateKey };
    const validity = { notBefore: new Date(NOW), notAfter: new Date(NOW + DAY) };
    for (const bad of ['URI:a, URI:b', 'URI:a"b', 'DNS:', 'plain', 'IP:300.1.1.1', 'constructor:x', 'DNS:é']) {
      const request = { commonName: 'x', names: [bad], publicKey, use: 'peer' as const, ...validity };
      assert.throws(() => makeCertificate(request, issuer), NameError, bad);
    }
  });

  it('keeps its keys to itself and overwrites nothing unless told', () => {
    const dir = join(folder, 'files');
    const authority = Authority.create(dir, 'a', 30, () => NOW);
    const request = { commonName: 'one', names: ['DNS:one'], use: 'server' as const, days: 10 };
    const files = authority.issue('one', request, false);
    for (const file of [files.key, join(dir, 'ca.key')]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
    assert.throws(() => authority.issue('one', request, false), /exists/);
    assert.throws(() => Authority.create(dir, 'b', 30, () => NOW), /has an authority already/);
    const before = readFileSync(files.cert, 'utf8');
    authority.issue('one', request, true);
    assert.notEqual(readFileSync(files.cert, 'utf8'), before);
    const renewed = new X509Certificate(readFileSync(files.cert));
    assert.equal(renewed.checkPrivateKey(createPrivateKey(readFileSync(files.key))), true);
  });

  it('issues nothing that outlives it', () => {
    const authority = Authority.create(join(folder, 'short'), 'a', 5, () => NOW);
    const request = { commonName: 'one', names: ['DNS:one'], use: 'server' as const, days: 397 };
    const made = new X509Certificate(authority.certify(request, newKeyPair().publicKey));
    assert.equal(Date.parse(made.validTo), NOW + 5 * DAY);
  });
});

describe('lessor pki', () => {
  async function run(...argv: string[]): Promise<{ readonly status: number; readonly text: string }> {
    const stdout = new PassThrough();
    const status = await runPki(argv, { stdout, stderr: new PassThrough(), env: {} });
    return { status, text: String(stdout.read() ?? '') };
  }

  it('makes, lists and shows', async () => {
    const dir = join(folder, 'cli');
    assert.equal((await run('init', '-d', dir)).status, 0);
    const server = await run('issue', '-d', dir, '--server', '192.0.2.1', '--san', 'DNS:dhcp.example.org');
    assert.match(server.text, /IP:192\.0\.2\.1, DNS:dhcp\.example\.org/);
    assert.match((await run('issue', '-d', dir, '--client', 'ann')).text, /"URI:urn:lessor:client:ann"/);
    const list = await run('list', '-d', dir);
    assert.equal(list.status, 0);
    assert.match(list.text, /ann\.pem +ann +URI:urn:lessor:client:ann +396 days left/);
    await run('issue', '-d', dir, '--client', 'bob', '--days', '10');
    const soon = await run('show', join(dir, 'bob.pem'));
    assert.equal(soon.status, 1, 'ends soon');
    assert.match(soon.text, /9 days left/);
  });

  it('says what is wrong, and leaves nothing behind', async () => {
    const dir = join(folder, 'wrong');
    await assert.rejects(run('issue', '-d', dir, '--client', 'ann'), /no authority in/);
    await run('init', '-d', dir);
    for (const [argv, text] of [
      [['issue', '--client', 'a', '--server', 'b'], /one of --server, --client and --peer/],
      [['issue', '--client', '../a'], /letters, digits/],
      [['issue', '--peer', 'a'], /--peer goes with --relationship/],
      [['issue', '--client', 'a', '--san', 'nonsense'], /not a name of a certificate/],
      [['issue', '--client', 'a', '--days', '0'], /1 to 36500/],
      [['issue', '--client', 'a', 'b'], /unexpected argument 'b'/],
      [['dance'], /give one of/],
    ] as const) {
      await assert.rejects(run(argv[0], '-d', dir, ...argv.slice(1)), text);
    }
    assert.equal(existsSync(join(dir, 'a.key')), false);
  });
});
