/** config-get for those who may not see secrets, and what they get sent back as it is. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changesSecurity } from 'lessor/internal/control/access/security-parts.js';
import type { JsonMap, Principal } from 'lessor/internal/control/command.js';
import { configFor, restoreSecrets } from 'lessor/internal/control/secrets.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';

const READER: Principal = {
  name: 'reader',
  method: 'basic',
  rights: [{ family: 'config' }, { family: 'config-change' }],
};
const WRITER: Principal = { ...READER, name: 'writer', rights: FULL_RIGHTS };

const client = (user: string, password: string): JsonMap => ({ user, password });
const TREE: JsonMap = {
  'valid-lifetime': 4000,
  'lease-database': { type: 'memfile', password: 'of the database' },
  'option-data': [
    { code: 6, data: '192.0.2.1' },
    { code: 43, data: 'of the profile', 'user-context': { lessor: { 'bmc-only': true } } },
  ],
  'control-sockets': [
    { 'socket-type': 'unix', 'socket-name': 'kea4' },
    {
      'socket-type': 'http',
      'socket-port': 8000,
      authentication: { type: 'basic', realm: 'x', clients: [client('a', 'first'), client('b', 'second')] },
    },
  ],
};

describe('secrets of the configuration', () => {
  it('are shown to who may change them, and to nobody else', () => {
    assert.equal(configFor(WRITER, TREE), TREE);
    const text = JSON.stringify(configFor(READER, TREE));
    for (const secret of ['of the database', 'of the profile', 'first', 'second'])
      assert.ok(!text.includes(secret), secret);
    assert.equal(text.match(/"password":"\*{5}"/g)?.length, 3);
    assert.match(text, /"data":"192\.0\.2\.1"/, 'other options are no secrets');
  });

  it('come back when what was got is sent as it is', () => {
    assert.deepEqual(restoreSecrets(configFor(READER, TREE), TREE), TREE);
    assert.equal(restoreSecrets(TREE, TREE), TREE, 'what holds no mark is not copied');
    assert.equal(changesSecurity(TREE, restoreSecrets(configFor(READER, TREE), TREE)), false);
  });

  it('follow their owner when lists are reordered, shortened, or changed otherwise', () => {
    const sent = structuredClone(configFor(READER, TREE)) as {
      'control-sockets': { 'socket-port'?: number; authentication?: { realm: string; clients: JsonMap[] } }[];
    };
    const http = sent['control-sockets'][1]!;
    http.authentication!.realm = 'another';
    http.authentication!.clients = [client('c', 'new'), client('b', '*****'), client('a', '*****')];
    sent['control-sockets'].reverse();
    const restored = restoreSecrets(sent as unknown as JsonMap, TREE) as typeof sent;
    assert.deepEqual(restored['control-sockets'][0]!.authentication, {
      type: 'basic',
      realm: 'another',
      clients: [client('c', 'new'), client('b', 'second'), client('a', 'first')],
    });
  });

  it('are not given to a newcomer, nor twice', () => {
    const clients = (...list: JsonMap[]) => ({
      'control-sockets': [{ 'socket-type': 'http', 'socket-port': 8000, authentication: { clients: list } }],
    });
    assert.throws(() => restoreSecrets(clients(client('mallory', '*****')), TREE), {
      code: 'command-invalid',
      message: /there is none \(control-sockets\[0\]\.authentication\.clients\[0\]\.password\)/,
    });
    assert.throws(() => restoreSecrets(clients(client('a', '*****'), client('a', '*****')), TREE), /clients\[1\]/);
    assert.throws(() => restoreSecrets({ 'hosts-databases': [{ password: '*****' }] }, TREE), /hosts-databases\[0\]/);
  });
});
