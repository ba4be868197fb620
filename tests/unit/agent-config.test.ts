/** The configuration of the Control Agent. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadAgentConfig } from 'lessor/internal/config/agent.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { repoPath } from '../lib/repo.js';
import { issuesOf, linesOf, testEnvironment } from './config-helpers.js';

const ENVIRONMENT = testEnvironment({
  'agent.conf': readFileSync(repoPath('tests', 'golden', 'agent.conf'), 'utf8'),
  '/test/credentials/both': 'second:other\n',
});
const loadMap = (agent: Json) => loadAgentConfig({ kind: 'json', value: { 'Control-agent': agent } }, ENVIRONMENT);

describe('the configuration of an agent', () => {
  const { config, warnings } = loadAgentConfig({ kind: 'file', path: 'agent.conf' }, ENVIRONMENT);

  it('says where to listen, who may come in, and where the daemons are', () => {
    assert.equal(config.socket.type, 'https');
    assert.deepEqual([config.socket.address, config.socket.port], ['127.0.0.1', 8000]);
    assert.equal(config.socket.authentication?.realm, 'kea-control-agent');
    assert.deepEqual(config.socket.authentication?.clients, [
      { user: 'plain', password: 'pa:ss' },
      { user: 'second', password: 'other' },
    ]);
    assert.deepEqual(Object.fromEntries(config.daemons), {
      dhcp4: '/test/run/kea4-ctrl-socket',
      dhcp6: '/elsewhere/kea6',
      d2: '/run/kea/d2',
    });
  });

  it('warns of what the old agents took, and takes it', () => {
    const told = warnings.map(({ message }) => message).join('\n');
    assert.match(told, /clear text "user"/);
    assert.match(told, /clear text "password"/);
    assert.doesNotMatch(told, /-X/);
    assert.match(
      loadMap({})
        .warnings.map(({ message }) => message)
        .join(),
      /anybody who reaches this socket/,
    );
  });

  it('describes its listener as a server does, and must be told where clients are', () => {
    const door = (lessor: JsonMap) => ({ 'http-host': '203.0.113.1', 'user-context': { lessor } });
    const safe = { interface: 'mg0', sources: ['203.0.113.0/24'], allow: ['plain-text'] };
    const complaint = (lessor: JsonMap) => linesOf(issuesOf(() => loadMap(door(lessor)))).join('\n');
    const { socket, clientInterfaces } = loadMap(door({ ...safe, 'client-interfaces': ['lan0'] })).config;
    assert.deepEqual(clientInterfaces, ['lan0']);
    assert.deepEqual(
      [socket.policy?.kind, socket.policy?.interface, socket.policy?.isolation],
      ['agent', 'mg0', 'enforce'],
    );
    assert.match(complaint(safe), /give "client-interfaces" with those on which the daemons behind it serve clients/);
    assert.match(complaint({ ...safe, 'client-interfaces': ['mg0'] }), /DHCP clients are served on mg0/);
    assert.match(complaint({ interface: 'mg0', 'client-interfaces': [] }), /no sources are named/);
    assert.equal(loadMap(door({ ...safe, isolation: 'off' })).config.socket.policy?.isolation, 'off');
    assert.equal(loadMap({ 'http-host': '203.0.113.1' }).config.socket.policy, undefined);
  });

  it('comes back the same when what config-get says is loaded', () => {
    const again = loadMap(config.tree);
    assert.deepEqual(again.config.tree, config.tree);
    assert.equal(again.config.hash, config.hash);
    assert.match(config.hash, /^[0-9A-F]{64}$/);
    const sockets = config.tree['control-sockets'] as JsonMap;
    assert.deepEqual(sockets.dhcp6, {
      'socket-type': 'unix',
      'socket-name': '/elsewhere/kea6',
      'user-context': { comment: 'not here yet' },
    });
  });

  it('tells every mistake with its place', () => {
    const load = () =>
      loadMap({
        'http-host': 'localhost',
        'control-sockets': { dhcp4: {}, dhcp5: {} },
        'http-prot': 8000,
      });
    const lines = linesOf(issuesOf(load)).join('\n');
    assert.match(lines, /did you mean "http-port"\? \(Control-agent\.http-prot\)/);
    assert.match(lines, /"socket-name" is missing.*\(Control-agent\.control-sockets\.dhcp4\)/);
    assert.match(lines, /unknown parameter "dhcp5"/);
    assert.match(lines, /"localhost" is not an IP address/);
    assert.match(linesOf(issuesOf(() => loadMap({ 'cert-file': 'x' }))).join(), /TLS needs all of/);
    assert.match(
      linesOf(issuesOf(() => loadAgentConfig({ kind: 'json', value: { Dhcp4: {} } }, ENVIRONMENT))).join(),
      /"Control-agent" is missing/,
    );
  });
});
