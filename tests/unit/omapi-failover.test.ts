/** A pair of servers over OMAPI: what dhcpd's clients know as failover. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isStatus, NotFoundError, type OmapiClient, StatusError } from '@lessor/omapi';
import { loadTranscripts } from '../golden/omapi-transcripts.js';
import { freePort } from '../lib/ports.js';
import { OmapiServerLab } from './omapi-server-lab.js';

/** Names of the attributes of the first failover-state that dhcpd answers with. */
function recordedNames(name: string): string[] {
  const { steps } = loadTranscripts().find((one) => one.name === name)!;
  const answer = steps.find(
    ({ dir, decoded }) => dir === 's2c' && decoded?.object?.some(([key]) => key === 'local-state'),
  );
  return answer!.decoded!.object.map(([key]) => key);
}

describe('failover-state', () => {
  let lab: OmapiServerLab;
  let client: OmapiClient;
  let ports: readonly number[];

  before(async () => {
    ports = [await freePort(), await freePort()];
    const peers = ['alpha', 'beta'].map((name, i) => ({
      ...{ name, url: `http://127.0.0.1:${ports[i]}/`, role: i === 0 ? 'primary' : 'secondary' },
    }));
    const relation = {
      ...{ 'this-server-name': 'alpha', mode: 'load-balancing', peers },
      'user-context': { lessor: { relationship: 'fo', mclt: 600, 'interrupt-after': 1000 } },
    };
    const hook = { library: 'libdhcp_ha.so', parameters: { 'high-availability': [relation] } };
    lab = await OmapiServerLab.start({ dhcp4: { 'hooks-libraries': [hook] } });
    client = lab.client();
  });

  after(async () => {
    client.close();
    await lab.server.stop();
  });

  it('shows what dhcpd shows, in its order', async () => {
    const pair = await client.lookupByFailoverState({ name: 'fo' });
    for (const transcript of ['failover-pair', 'failover-state-startup-omshell']) {
      assert.deepEqual([...pair.attributes.keys()], recordedNames(transcript), transcript);
    }
    const { localState, partnerState, hierarchy, mclt, partnerAddress, localPort, partnerPort } = pair.values;
    assert.deepEqual(
      { localState, partnerState, hierarchy, mclt, partnerAddress, localPort, partnerPort },
      {
        ...{ localState: 'startup', partnerState: 'unknown', hierarchy: 'primary', mclt: 600 },
        ...{ partnerAddress: '127.0.0.1', localPort: ports[0], partnerPort: ports[1] },
      },
    );
    assert.deepEqual(Buffer.from(pair.values.loadBalanceHba!), Buffer.alloc(32, 0x55));
    assert.equal(await client.lookupFailoverState('fo', 'localState'), 'startup');
  });

  it('is not found under another name, made or removed', async () => {
    await assert.rejects(client.lookupByFailoverState({ name: 'fp' }), NotFoundError);
    const pair = await client.lookupByFailoverState({ name: 'fo' });
    await assert.rejects(pair.delete(), (error) => isStatus(error, 'NOTIMPLEMENTED'));
    const made = client.open('failover-state', { name: 'fp' }, { create: true, exclusive: true });
    await assert.rejects(made, (error) => isStatus(error, 'NOTIMPLEMENTED'));
  });

  it('can be told that the partner is down, and nothing else', async () => {
    const pair = await client.lookupByFailoverState({ name: 'fo' });
    await assert.rejects(pair.update({ localState: 'normal' }), (error) => isStatus(error, 'INVALIDARG'));
    await assert.rejects(pair.update({ mclt: 5 }), (error) => isStatus(error, 'NOPERM'));
    await assert.rejects(pair.update({ localState: 'partner-down', mclt: 5 }), StatusError);
    assert.equal(await client.lookupFailoverState('fo', 'localState'), 'startup');
    await client.setFailoverState('fo', 'partner-down');
    assert.equal(await client.lookupFailoverState('fo', 'localState'), 'partner-down');
    // Said again it is still so.
    await client.setFailoverState('fo', 'partner-down');
  });

  it('is not there without a pair', async () => {
    const alone = await OmapiServerLab.start();
    const other = alone.client();
    await assert.rejects(other.lookupByFailoverState({ name: 'fo' }), NotFoundError);
    other.close();
    await alone.server.stop();
  });
});
