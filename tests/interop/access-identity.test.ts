/**
 * Who somebody is, proved at the live doors of a real server: users and groups by the kernel (SO_PEERCRED), passwords,
 * names in certificates that openssl made, and two proofs on one connection.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OmapiClient } from '@lessor/omapi';
import {
  AccessLab,
  basic,
  certificateNameOf,
  groupOf,
  type HttpReply,
  keyOf,
  PARTNER_NAME,
  passwordOf,
  uidOf,
} from '../lib/access-lab.js';
import { Authority, type CertificateFiles } from '../lib/authority.js';
import { skipUnless } from '../lib/peers.js';

const skip = process.getuid?.() === 0 ? skipUnless('openssl') : 'only root can connect as other users';

const STATISTICS = JSON.stringify({ command: 'statistic-get-all' });
const CONFIG = JSON.stringify({ command: 'config-get' });

describe('Who somebody is', { skip }, () => {
  let lab: AccessLab;
  const extra = { 'IP.1': '203.0.113.9', 'DNS.1': 'ops.example.net', 'email.1': 'ops@example.net' };
  let serial = 0;

  before(async () => {
    lab = await AccessLab.open({
      access: {
        principals: [
          {
            name: 'metrics',
            'http-users': ['metrics'],
            certificates: [certificateNameOf('metrics')],
            rights: [{ role: 'metrics' }],
          },
          {
            name: 'viewer',
            'http-users': ['viewer'],
            certificates: [certificateNameOf('viewer')],
            rights: [{ role: 'viewer' }],
          },
          { name: 'by-user', 'unix-users': [String(uidOf('viewer'))], rights: [{ role: 'viewer' }] },
          { name: 'by-group', 'unix-groups': [String(groupOf('metrics'))], rights: [{ role: 'metrics' }] },
          { name: 'by-name', 'unix-users': ['nobody'], rights: [{ role: 'viewer' }] },
          { name: 'root', 'unix-users': ['root'], rights: [{ role: 'admin' }] },
          ...Object.entries(extra).map(([kind, value]) => ({
            name: kind,
            certificates: [`${kind.split('.')[0]}:${value}`],
            rights: [{ role: 'viewer' }],
          })),
          {
            name: 'limited',
            'omapi-keys': [keyOf('viewer').name],
            rights: [{ role: 'viewer' }, { family: 'reservations-change', subnets: ['192.0.2.0/24'] }],
          },
        ],
      },
      dhcp4: {
        subnet4: [
          { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10 - 192.0.2.50' }] },
          { id: 2, subnet: '198.51.100.0/24' },
        ],
      },
    });
  });
  after(() => lab?.close());

  const lastAudit = () => lab.audit().at(-1)!;
  const asks = (certificate: CertificateFiles, body = CONFIG): Promise<HttpReply> =>
    lab.post('https', body, { certificate });
  /** A certificate of the lab's authority with these names. */
  const issue = (names: readonly string[], commonName = 'x') =>
    lab.authority.issue(`extra-${++serial}`, names, commonName);

  describe('on the unix socket', () => {
    it('is told by the kernel: the user, by number and by name', async () => {
      assert.equal((await lab.unix(uidOf('viewer'), 'config-get', undefined)).result, 0);
      assert.equal(lastAudit().who, 'by-user');
      assert.equal((await lab.unix(65_534, 'config-get', undefined)).result, 0);
      assert.equal(lastAudit().who, 'by-name');
      assert.equal((await lab.unix(0, 'config-get', undefined)).result, 0);
      assert.equal(lastAudit().who, 'root');
    });

    it('is told by the kernel: any of his groups', async () => {
      const { result } = await lab.unix(61_999, 'statistic-get-all', undefined, groupOf('metrics'));
      assert.equal(result, 0);
      assert.equal(lastAudit().who, 'by-group');
      const denied = await lab.unix(61_999, 'config-get', undefined, groupOf('metrics'));
      assert.match(denied.text ?? '', /may not use/);
    });

    it('is nobody whom no rule names', async () => {
      const { result, text = '' } = await lab.unix(61_999, 'version-get', undefined);
      assert.deepEqual([result, text], [1, "'uid 61999' may not use 'version-get'"]);
      assert.equal(lastAudit().missing, 'status');
    });
  });

  describe('by certificate', () => {
    it('is by any kind of name in it', async () => {
      for (const [kind, value] of Object.entries(extra)) {
        assert.equal((await asks(issue([`${kind} = ${value}`]))).status, 200, kind);
        assert.equal(lastAudit().who, kind);
      }
    });

    it('is not by the common name, by another kind of name, by a part, or by other letters', async () => {
      const viewer = certificateNameOf('viewer').slice('URI:'.length);
      for (const names of [
        [],
        [`DNS.1 = viewer`],
        [`URI.1 = ${viewer}x`],
        [`URI.1 = ${viewer.toUpperCase()}`],
        [`URI.1 = x${viewer}`],
        ['IP.1 = 203.0.113.90'],
        ['DNS.1 = ops.example.net.'],
        ['DNS.1 = *.example.net'],
      ]) {
        assert.equal((await asks(issue(names, viewer))).status, 403, names.join());
      }
    });

    it('is not by a name that is made to look like two', async () => {
      const viewer = certificateNameOf('viewer');
      for (const names of [
        [`URI.1 = "urn:x, ${viewer}"`],
        [`URI.1 = "urn:x, ${viewer}, DNS:y"`],
        [`DNS.1 = "x, ${viewer}"`],
        [`email.1 = "x@example.net, ${viewer}"`],
        [`otherName.1 = 1.2.3.4;UTF8:, ${viewer}`],
        [`dirName.1 = d\n[d]\nCN = "x, ${viewer}"`],
      ]) {
        assert.equal((await asks(issue(names))).status, 403, names.join());
      }
    });

    it('is nobody with the names of two', async () => {
      const both = ['viewer', 'metrics'].map((one, of) => `URI.${of + 1} = urn:lessor:operator:${one}`);
      assert.equal((await asks(issue(both), STATISTICS)).status, 403);
      assert.match(String(lastAudit().missing), /what was shown is of metrics and of viewer$/);
    });

    it('is not by a certificate of another authority, and not without one', async () => {
      const stranger = new Authority(lab.server.folder, 'stranger');
      const forged = stranger.issue('forged', [`URI.1 = ${certificateNameOf('viewer').slice('URI:'.length)}`]);
      await assert.rejects(asks(forged), /ECONNRESET|alert|socket hang up|EPIPE/);
      await assert.rejects(lab.post('https', CONFIG), /ECONNRESET|alert|socket hang up|EPIPE/);
    });
  });

  it('is the partner by exactly its name', async () => {
    const heartbeat = JSON.stringify({ command: 'ha-heartbeat' });
    const asked = async (names: readonly string[]) =>
      (await lab.post('peer', heartbeat, { certificate: issue(names) })).status;
    assert.equal(await asked([`URI.1 = ${PARTNER_NAME.slice('URI:'.length)}`]), 200);
    for (const names of [
      [`URI.1 = "urn:x, ${PARTNER_NAME}, DNS:y"`],
      [`URI.1 = ${PARTNER_NAME.slice('URI:'.length)}x`],
      [`DNS.1 = two.example.net`],
    ]) {
      assert.equal(await asked(names), 403, names.join());
      assert.equal(lastAudit().listener, 'peer', 'it is in the chained audit');
    }
  });

  describe('by a certificate and a password on one connection', () => {
    const send = (person: 'viewer' | 'metrics', user: 'viewer' | 'metrics', body = STATISTICS) =>
      lab.post('both', body, { person, authorization: basic(user, passwordOf(user)) });

    it('is whoever both are of', async () => {
      assert.equal((await send('viewer', 'viewer')).status, 200);
      assert.equal(lastAudit().who, 'viewer');
    });

    it('is nobody if they are of different people, though each may use the command', async () => {
      for (const [person, user] of [
        ['viewer', 'metrics'],
        ['metrics', 'viewer'],
      ] as const) {
        assert.equal((await send(person, user)).status, 403);
        assert.equal(lastAudit().command, 'authenticate');
        assert.match(String(lastAudit().missing), new RegExp(`of ${user} and of ${person}`));
      }
      assert.equal((await send('metrics', 'metrics')).status, 200, 'the next request of one who agrees is served');
    });

    it('is nobody if one of the two is missing', async () => {
      assert.equal((await lab.post('both', STATISTICS, { person: 'viewer' })).status, 401);
      const stranger = issue(['DNS.1 = stranger.example.net']);
      const authorization = basic('viewer', passwordOf('viewer'));
      assert.equal((await lab.post('both', STATISTICS, { certificate: stranger, authorization })).status, 403);
    });
  });

  it('may make hosts over OMAPI only in subnets where he may', async () => {
    const client = new OmapiClient({ host: '127.0.0.1', port: lab.ports.omapi, key: keyOf('viewer') });
    const made = (n: number, ipAddress: string) =>
      client.open('host', { name: `h${n}`, hardwareAddress: `02:00:00:00:01:0${n}`, ipAddress }, { create: true });
    try {
      const host = await made(1, '192.0.2.60');
      await assert.rejects(made(2, '198.51.100.60'), /permission denied/);
      assert.equal(lastAudit().missing, 'reservations-change on 198.51.100.0/24 (id 2)');
      await assert.rejects(host.update({ ipAddress: '198.51.100.61' }), /permission denied/);
      await host.update({ ipAddress: '192.0.2.61' });
      await assert.rejects(
        client.open('group', { name: 'g', statements: 'filename "x";' }, { create: true }),
        /permission/,
      );
    } finally {
      client.close();
    }
  });

  it('is not by a signature with a wrong secret, and that is in the audit', async () => {
    const wrong = { ...keyOf('viewer'), secret: keyOf('metrics').secret };
    const client = new OmapiClient({ host: '127.0.0.1', port: lab.ports.omapi, key: wrong, reconnect: false });
    await assert.rejects(client.open('lease', { ipAddress: '192.0.2.10' }));
    client.close();
    assert.equal(lastAudit().command, 'authenticate');
    assert.match(String(lastAudit().missing), /not signed with key/);
  });
});
