/** The omapi block: what it comes to, and where it is wrong. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { issuesOf, linesOf, loadDhcp4, loadText } from './config-helpers.js';

const KEY = { name: 'k', algorithm: 'hmac-sha256', secret: 'MDEyMzQ1Njc4OWFiY2RlZg==' };
const LISTENER = { address: '127.0.0.1', port: 7911 };

function load(omapi: JsonMap) {
  return loadDhcp4({ 'user-context': { lessor: { omapi } } });
}

function complaints(omapi: JsonMap): string[] {
  return linesOf(issuesOf(() => load(omapi)));
}

describe('omapi block', () => {
  it('is off unless it is there', () => assert.equal(loadDhcp4({}).snapshot.omapi, undefined));

  it('has defaults', () => {
    const { omapi } = load({ listeners: [{}], keys: [KEY] }).snapshot;
    assert.deepEqual(omapi?.listeners, [LISTENER]);
    assert.deepEqual([...omapi!.keys[0]!.rights], ['read', 'hosts', 'leases']);
    assert.equal(omapi?.keys[0]?.authenticator.algorithm.name, 'hmac-sha256');
    assert.equal(omapi?.limits.idleTimeoutMs, 3_600_000);
  });

  it('reads a secret from a file', () => {
    const files = {
      'test.conf': `{ "Dhcp4": { "user-context": { "lessor": { "omapi": {
        "listeners": [ { } ], "keys": [ { "name": "k", "secret-file": "/key" } ] } } } } }`,
      '/key': 'MDEyMzQ1Njc4OWFiY2RlZg==\n',
    };
    const readFile = (path: string): string => files[path as keyof typeof files];
    assert.equal(loadText('', { readFile }).snapshot.omapi?.keys.length, 1);
  });

  it('refuses a secret that everybody can read, unless told otherwise', () => {
    const text = `{ "Dhcp4": { "user-context": { "lessor": { "omapi": {
      "listeners": [ { } ], "keys": [ { "name": "k", "secret-file": "/key" } ] } } } } }`;
    const readFile = (path: string): string => (path === '/key' ? 'YWJj' : text);
    const environment = (mode: number) => ({ readFile, fileMode: () => mode });
    assert.match(
      linesOf(issuesOf(() => loadText('', environment(0o644)))).join(),
      /everybody can read \/key \(mode 644\)/,
    );
    assert.equal(loadText('', environment(0o640)).snapshot.omapi?.keys.length, 1);
    const { warnings } = loadText('', { ...environment(0o644), insecure: true });
    assert.match(linesOf(warnings).join(), /allowed by -X/);
  });

  it('binds to an interface that is there', () => {
    const interfaceNames = ['eth0', 'lo'];
    const listeners = [{ interface: 'eth0' }, { interface: 'lo' }];
    const { omapi } = loadDhcp4(
      { 'user-context': { lessor: { omapi: { listeners, keys: [KEY] } } } },
      { interfaceNames },
    ).snapshot;
    assert.deepEqual(
      omapi?.listeners.map(({ device }) => device),
      ['eth0', 'lo'],
    );
    const wrong = { 'user-context': { lessor: { omapi: { listeners: [{ interface: 'eth9' }], keys: [KEY] } } } };
    assert.match(linesOf(issuesOf(() => loadDhcp4(wrong, { interfaceNames }))).join(), /no interface "eth9"/);
  });

  it('is the same configuration only with the same secrets', () => {
    const print = (secret: string) => load({ listeners: [{}], keys: [{ ...KEY, secret }] }).snapshot.omapi?.fingerprint;
    assert.equal(print('YWJj'), print('YWJj'));
    assert.notEqual(print('YWJj'), print('YWJk'));
  });

  const refused: Readonly<Record<string, readonly [omapi: JsonMap, complaint: RegExp]>> = {
    'without keys on an address others reach': [{ listeners: [{ address: '10.0.0.1' }] }, /without "keys" everybody/],
    'without keys on loopback, not told so': [{ listeners: [{}] }, /"accept-unsigned": true if you mean it/],
    'with keys and unsigned': [
      { listeners: [{ 'accept-unsigned': true }], keys: [KEY] },
      /take "accept-unsigned" away/,
    ],
    'MD5 that is not said to be old': [
      { listeners: [{}], keys: [{ ...KEY, algorithm: 'hmac-md5' }] },
      /"legacy": true/,
    ],
    'a secret that is no base64': [
      { listeners: [{}], keys: [{ ...KEY, secret: '!' }] },
      /not base64.*keys\[0\]\.secret/,
    ],
    'no secret': [{ listeners: [{}], keys: [{ name: 'k' }] }, /needs a "secret" or a "secret-file"/],
    'one name twice': [{ listeners: [{}], keys: [KEY, { ...KEY, name: 'K' }] }, /already/],
    'a right that is none': [{ listeners: [{}], keys: [{ ...KEY, rights: ['write'] }] }, /rights/],
    'a name for an address': [{ listeners: [{ address: 'localhost' }], keys: [KEY] }, /not an IP address/],
    'a source that is none': [{ listeners: [{}], keys: [KEY], 'allowed-sources': ['10.0.0.0/33'] }, /nor a prefix/],
    'no listener': [{ listeners: [], keys: [KEY] }, /must not be empty/],
    'an unknown member': [{ listeners: [{ adress: '::1' }], keys: [KEY] }, /did you mean "address"/],
  };
  for (const [name, [omapi, complaint]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => assert.match(complaints(omapi).join('\n'), complaint));
  }

  it('says where in the file', () => {
    const text = '{ "Dhcp4": { "user-context": { "lessor": { "omapi": {\n  "listeners": 5 } } } } }';
    const [first] = linesOf(issuesOf(() => loadText(text)));
    assert.match(first!, /^test\.conf:2\.16: .*user-context\.lessor\.omapi\.listeners/);
  });

  it('warns of old algorithms and of open doors', () => {
    const keys = [{ ...KEY, algorithm: 'hmac-md5', legacy: true }];
    const warnings = linesOf(load({ listeners: [{ address: '10.0.0.1' }], keys }).warnings).join('\n');
    assert.match(warnings, /use hmac-sha256/);
    assert.match(warnings, /allowed-sources/);
  });
});
