/** Messages of OMAPI that somebody recorded and sends again. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  Authenticator,
  authenticatorRequest,
  encodeMessage,
  encodeSigned,
  omapiMessage,
  openRequest,
  Result,
  readStatus,
} from '@lessor/omapi';
import { ReplayGuard } from 'lessor/internal/control/omapi/replay-guard.js';
import { KEY, OmapiServerLab, Raw } from './omapi-server-lab.js';

const LENIENT = { ...KEY, name: 'lenient' };

describe('a recorded omapi session', () => {
  let lab: OmapiServerLab;
  before(async () => {
    lab = await OmapiServerLab.start({ keys: [{ ...KEY, 'refuse-replays': true }, LENIENT] });
  });
  after(() => lab.server.stop());

  /** All that a client sends to make a host: what somebody on the wire would record. */
  async function record(key: typeof KEY, name: string): Promise<readonly Uint8Array[]> {
    const authenticator = new Authenticator(key);
    const raw = await Raw.to(lab.port);
    const open = encodeMessage(omapiMessage({ ...authenticatorRequest(authenticator), tid: 1 }));
    raw.send(open);
    const authid = (await raw.next())!.handle;
    const request = openRequest(
      'host',
      [
        ['name', Buffer.from(name)],
        ['hardware-address', Buffer.from('020000000001', 'hex')],
      ],
      { create: true },
    );
    const make = encodeSigned(omapiMessage({ ...request, tid: 2, authid }), authenticator);
    raw.send(make);
    assert.notEqual((await raw.next())?.handle, 0);
    raw.drop();
    return [open, make];
  }

  /** Sends it again; the result of the last message. */
  async function replay(messages: readonly Uint8Array[]): Promise<number> {
    const raw = await Raw.to(lab.port);
    let result = -1;
    for (const octets of messages) {
      raw.send(octets);
      result = readStatus((await raw.next())!)?.result ?? Result.SUCCESS;
    }
    raw.drop();
    return result;
  }

  async function remove(name: string): Promise<void> {
    const client = lab.client(KEY);
    await (await client.open('host', { name })).delete();
    client.close();
  }

  it('is refused to a key that refuses replays', async () => {
    const messages = await record(KEY, 'once');
    await remove('once');
    assert.equal(await replay(messages), Result.INVALIDKEY);
    await assert.rejects(remove('once'), /no object matches/);
    assert.match(lab.logger.lines.map(({ id }) => id).join(), /LESSOR_OMAPI_REPLAY/);
  });

  it('is believed where the key says nothing, as every dhcpd believes it: see docs/omapi.md', async () => {
    const messages = await record(LENIENT, 'twice');
    await remove('twice');
    assert.equal(await replay(messages), Result.SUCCESS);
    await remove('twice');
  });

  it('is remembered in bounded memory', () => {
    const guard = new ReplayGuard(2);
    const of = (n: number) => Uint8Array.of(n);
    assert.deepEqual(
      [1, 2, 1, 3, 1].map((n) => guard.isReplay(of(n))),
      [false, false, true, false, false],
    );
  });
});
