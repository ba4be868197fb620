/** The blocks of user-context that describe listeners and principals: what is read, what is refused, what is reported. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLoopback, isWildcard } from 'lessor/internal/config/sources.js';
import { exposureOf } from 'lessor/internal/domain/access/exposure.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { issuesOf, linesOf, loadDhcp4 } from './config-helpers.js';

const TLS = { 'trust-anchor': '/ca', 'cert-file': '/cert', 'key-file': '/key' };
const files = { readFile: () => 'secret' };

function socket(block: JsonMap | undefined, more: JsonMap = {}): JsonMap {
  const context: JsonMap = block === undefined ? {} : { 'user-context': { lessor: block } };
  const authentication = { clients: [{ user: 'u', 'password-file': 'p' }] };
  return { 'socket-type': 'http', 'socket-address': '192.0.2.1', authentication, ...context, ...more };
}

function load(control: JsonMap, more: JsonMap = {}, interfaces: Json = []) {
  const dhcp4 = { 'interfaces-config': { interfaces }, 'control-sockets': [control], ...more };
  return loadDhcp4(dhcp4, { ...files, insecure: true });
}

function complaints(control: JsonMap, interfaces: Json = []): string {
  return linesOf(issuesOf(() => load(control, {}, interfaces))).join('\n');
}

const SAFE = { name: 'ops', interface: 'mg0', sources: ['203.0.113.0/28', '2001:db8::/64'] };

describe('the lessor block of a control socket', () => {
  it('describes the listener', () => {
    const { snapshot } = load(
      socket(
        { ...SAFE, commands: ['leases', 'config-get'], limits: { connections: 3 } },
        { ...TLS, 'socket-type': 'https' },
      ),
    );
    const [listener] = snapshot.listeners;
    assert.deepEqual(
      { ...listener, limits: listener!.limits.connections },
      {
        name: 'ops',
        kind: 'kea-https',
        plane: 'management',
        interface: 'mg0',
        address: '192.0.2.1',
        port: 8000,
        sources: [
          { address: '203.0.113.0', prefixLength: 28 },
          { address: '2001:db8::', prefixLength: 64 },
        ],
        encrypted: true,
        identity: ['password', 'certificate'],
        commands: ['leases', 'config-get'],
        limits: 3,
        isolation: 'enforce',
        described: true,
      },
    );
    assert.equal(snapshot.controlSockets[0]?.tls?.minVersion, 'TLSv1.3');
    assert.equal(snapshot.controlSockets[0]?.policy, listener);
  });

  it('is refused where it exposes the server, with what to write instead', () => {
    const https = { ...TLS, 'socket-type': 'https' };
    assert.match(complaints(socket(SAFE)), /clear text: make it "https".*or "allow": \["plain-text"\] if you mean it/);
    assert.match(
      complaints(socket({ name: 'x' }, https)),
      /no sources are named: give "sources": \["192\.0\.2\.0\/28"\]/,
    );
    assert.match(complaints(socket({ sources: [] }, https)), /any-source/);
    assert.match(
      complaints(socket({ sources: ['203.0.113.7'], isolation: 'enforce' }, https)),
      /without an "interface" it is reached through all of them/,
    );
    assert.match(complaints(socket({ ...SAFE, isolation: 'maybe' }, https)), /only enforce, warn, off/);
    assert.match(
      complaints(socket(SAFE, { ...https, 'socket-address': '0.0.0.0' })),
      /every address.*wildcard-address/,
    );
    assert.match(complaints(socket(SAFE, { ...https, 'socket-address': '0::0' })), /wildcard-address/);
    assert.match(complaints(socket(SAFE, https), ['mg0']), /DHCP clients are served on mg0 \("mg0".*shared-device/);
    assert.match(complaints(socket(SAFE, https), ['*']), /shared-device/);
    assert.match(
      complaints(socket({ ...SAFE, sources: ['203.0.113.0/33'] }, https)),
      /neither an IP address nor a prefix/,
    );
    assert.match(complaints(socket({ ...SAFE, 'tls-minimum': '1.2' }, https)), /needs a reason/);
    assert.match(complaints(socket({ ...SAFE, plane: 'dhcp' }, https)), /only management, peer/);
    assert.match(complaints(socket({ ...SAFE, sorces: [] }, https)), /did you mean "sources"/);
  });

  it('is refused where only clients could come, and taken where operators come too', () => {
    const subnet4 = [{ id: 7, subnet: '203.0.113.0/28', pools: [{ pool: '203.0.113.4 - 203.0.113.9' }] }];
    const https = { ...TLS, 'socket-type': 'https' };
    const complaint = (block: JsonMap) =>
      linesOf(issuesOf(() => load(socket({ ...SAFE, ...block }, https), { subnet4 }))).join('\n');
    assert.match(
      complaint({}),
      /203\.0\.113\.0\/28 lies in subnet 7 \(203\.0\.113\.0\/28\), whose addresses are leased.*client-sources/,
    );
    assert.match(complaint({ sources: ['203.0.113.3'] }), /lies in subnet 7/);
    const open: readonly JsonMap[] = [
      { sources: ['203.0.113.0/24'] },
      { sources: ['203.0.113.16'] },
      { allow: ['client-sources'] },
    ];
    for (const block of open) {
      assert.equal(load(socket({ ...SAFE, ...block }, https), { subnet4 }).snapshot.listeners.length, 1);
    }
  });

  it('enforces its isolation where it names an interface, unless clients there are meant', () => {
    const policyOf = (block: JsonMap, more: JsonMap = {}) =>
      load(socket({ ...SAFE, ...block }, { ...TLS, 'socket-type': 'https', ...more })).snapshot.listeners[0];
    assert.equal(policyOf({})?.isolation, 'enforce');
    assert.equal(policyOf({ allow: ['shared-device'] })?.isolation, 'warn');
    assert.equal(policyOf({ isolation: 'off' })?.isolation, 'off');
    assert.equal(
      load(socket({ sources: ['203.0.113.7'], allow: ['plain-text'] })).snapshot.listeners[0]?.isolation,
      'warn',
    );
    assert.equal(load(socket(undefined)).snapshot.listeners[0]?.isolation, 'warn');
    const zoned = load(
      socket({ sources: ['fe80::/64'] }, { ...TLS, 'socket-type': 'https', 'socket-address': 'fe80::1%mg0' }),
    ).snapshot.listeners[0];
    assert.deepEqual([zoned?.interface, zoned?.isolation], ['mg0', 'enforce']);
    assert.match(
      complaints(socket({ ...SAFE, sources: ['fe80::/64'] }, { ...TLS, 'socket-address': 'fe80::1%lan0' })),
      /an address of lan0, and "interface" is "mg0"/,
    );
    assert.equal(policyOf({ 'own-bmc': 'failover' })?.ownBmc, 'failover');
  });

  it('is taken where the exposure is allowed in words', () => {
    const allow = ['wildcard-address', 'any-source', 'shared-device', 'plain-text'];
    const { snapshot } = load(socket({ interface: 'mg0', allow }, { 'socket-address': '0.0.0.0' }), {}, ['mg0']);
    assert.equal(snapshot.listeners[0]?.sources, undefined);
    assert.equal(snapshot.listeners[0]?.described, true);
  });

  it('may be short on loopback, where nothing is exposed', () => {
    const { snapshot } = load(socket({}, { 'socket-address': '127.0.0.1' }));
    assert.deepEqual(snapshot.listeners[0]?.sources, []);
    assert.equal(
      load(socket({ 'tls-minimum': '1.2', 'tls-minimum-reason': 'old script' }, { ...TLS, 'socket-address': '::1' }))
        .snapshot.controlSockets[0]?.tls?.minVersion,
      'TLSv1.2',
    );
  });

  it('knows loopback and wildcard addresses in all spellings', () => {
    for (const one of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0', '::%eth0']) assert.equal(isWildcard(one), true, one);
    for (const one of ['0.0.0.1', '::1', '10.0.0.0', 'name']) assert.equal(isWildcard(one), false, one);
    for (const one of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(isLoopback(one), true, one);
    for (const one of ['128.0.0.1', '::2', '127.example']) assert.equal(isLoopback(one), false, one);
  });
});

describe('a plain Kea socket', () => {
  it('means what it means to Kea, and the report says to whom it is open', () => {
    const { snapshot } = load(socket(undefined));
    assert.equal(snapshot.listeners[0]?.sources, undefined);
    assert.equal(snapshot.controlSockets[0]?.tls?.minVersion, undefined);
    const [line] = exposureOf(snapshot.listeners, snapshot.access, isLoopback);
    assert.equal(line?.loud, true);
    assert.equal(
      line?.text,
      'kea-http 192.0.2.1:8000: open to EVERYBODY who can reach the address; known by password; may use everything; ' +
        'not bound to an interface, so that Linux takes connections to it from all of them; name "sources"; ' +
        'passwords and answers cross the network in CLEAR TEXT',
    );
    const unix = load({ 'socket-type': 'unix', 'socket-name': 'sock' }).snapshot;
    assert.deepEqual(exposureOf(unix.listeners, unix.access, isLoopback), [
      {
        listener: 'unix:/test/run/sock',
        loud: false,
        text: 'unix:/test/run/sock: open to users of this machine who can enter its directory; may use everything',
      },
    ]);
  });

  it('is reported quietly where its block leaves nothing to fear', () => {
    const { snapshot } = load(socket(SAFE, { ...TLS, 'socket-type': 'https' }));
    const [line] = exposureOf(snapshot.listeners, { principals: [] }, isLoopback);
    assert.deepEqual(line, {
      listener: 'ops',
      loud: false,
      text: 'kea-https 192.0.2.1:8000: open to 203.0.113.0/28, 2001:db8::/64 by mg0; known by password and client certificate; may use what their rights say',
    });
  });
});

describe('the other listeners', () => {
  it('follow the same rules', () => {
    const context = (lessor: JsonMap) => ({ 'user-context': { lessor } });
    const omapi = (more: JsonMap, block: JsonMap = {}) => {
      const keys = [{ name: 'k', 'secret-file': '/k' }];
      return loadDhcp4(context({ omapi: { listeners: [{ address: '192.0.2.1', ...more }], keys, ...block } }), {
        readFile: () => Buffer.alloc(32, 7).toString('base64'),
      });
    };
    assert.match(linesOf(issuesOf(() => omapi({}))).join(), /no sources are named/);
    assert.deepEqual(omapi({}, { 'allowed-sources': ['10.0.0.1'] }).snapshot.listeners[0]?.sources, [
      { address: '10.0.0.1', prefixLength: 32 },
    ]);
    assert.equal(omapi({ sources: ['10.0.0.0/8'], interface: 'mg0' }).snapshot.listeners[0]?.interface, 'mg0');
    const metrics = (more: JsonMap) => loadDhcp4(context({ metrics: { port: 9547, ...more } }));
    assert.equal(metrics({}).snapshot.listeners[0]?.kind, 'metrics');
    assert.match(linesOf(issuesOf(() => metrics({ address: '0.0.0.0' }))).join(), /wildcard-address/);
    assert.match(linesOf(issuesOf(() => metrics({ address: 'host' }))).join(), /not an IP address/);
    assert.match(linesOf(issuesOf(() => loadDhcp4(context({ acess: {} })))).join(), /did you mean "access"/);
    assert.match(linesOf(issuesOf(() => loadDhcp4(context({ access: [] })))).join(), /a list where a map/);
  });
});

describe('the access block', () => {
  const load = (access: JsonMap) => loadDhcp4({ 'user-context': { lessor: { access } } });
  const lines = (access: JsonMap) => linesOf(issuesOf(() => load(access))).join('\n');
  const one = (more: JsonMap) => ({ principals: [{ name: 'a', 'http-users': ['a'], rights: [], ...more }] });

  it('is read', () => {
    const { snapshot } = load({
      principals: [
        {
          name: 'ops',
          'unix-users': ['root', '1000'],
          certificates: ['URI:urn:ops'],
          'omapi-keys': ['Prov'],
          rights: [{ role: 'lease-operator', subnets: ['7', '192.0.2.9/24'] }, { command: 'shutdown' }],
        },
      ],
      'second-person': {},
      audit: { file: 'audit.jsonl' },
    });
    assert.deepEqual(snapshot.access, {
      principals: [
        {
          name: 'ops',
          proofs: {
            unixUsers: ['root', '1000'],
            unixGroups: [],
            httpUsers: [],
            certificates: ['URI:urn:ops'],
            omapiKeys: ['prov'],
          },
          rights: [{ role: 'lease-operator', subnets: ['7', '192.0.2.0/24'] }, { command: 'shutdown' }],
        },
      ],
      secondPerson: { commands: ['shutdown', 'lease4-wipe', 'ha-partner-down'], withinSec: 600 },
      audit: { path: '/test/log/audit.jsonl', maxSizeOctets: 10485760, maxVersions: 10 },
    });
    assert.equal(load({}).snapshot.access?.principals, undefined);
    assert.equal(loadDhcp4({}).snapshot.access, undefined);
  });

  it('is refused where it is ambiguous or empty', () => {
    assert.match(lines(one({ rights: [{ role: 'amin' }] })), /did you mean "admin"/);
    assert.match(lines(one({ rights: [{ role: 'admin', command: 'x' }] })), /one of "role", "family" and "command"/);
    assert.match(lines(one({ rights: [{}] })), /one of "role"/);
    assert.match(lines(one({ rights: [{ role: 'viewer', subnets: [] }] })), /must not be empty/);
    assert.match(lines(one({ rights: [{ role: 'viewer', subnets: ['x'] }] })), /neither the id nor the prefix/);
    assert.match(lines(one({ certificates: ['ops'] })), /write URI:/);
    assert.match(lines(one({ 'http-users': [] })), /nobody can be "a"/);
    const two = [
      { name: 'a', 'omapi-keys': ['K'], rights: [] },
      { name: 'b', 'omapi-keys': ['k'], rights: [] },
    ];
    assert.match(lines({ principals: two }), /"k" is a already/);
    assert.match(lines({ principals: [two[0]!, { ...two[0]!, 'omapi-keys': ['z'] }] }), /principal "a" already/);
    assert.match(lines({ 'second-person': {} }), /no two people/);
    assert.match(lines({ audit: { file: '/etc/passwd' } }), /may be in \/test\/log only/);
  });
});
