/** What Kea's HA is decided by: hash, transition table, dates; and what the file of a pair is read from. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatGmt } from 'lessor/internal/domain/ha/gmt.js';
import { type KeaFacts, nextKeaState, servesSide } from 'lessor/internal/domain/ha/machine.js';
import { loadBalanceHash, sideOfClient } from 'lessor/internal/domain/ha/scopes.js';
import type { PairFile } from 'lessor/internal/domain/pair/file.js';
import { kindOfHeartbeat, PartnerKind } from 'lessor/internal/services/partner-kind.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { DiskPairFile } from 'lessor/internal/store/pair-file.js';
import { strangerText } from 'lessor/internal/transports/peer-identity.js';

const octets = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

describe('the hash of RFC 3074', () => {
  const measured = {
    ...{ '020000000001': 133, '020000000002': 45, '020000000003': 182, '020000000004': 150, '02005e000701': 20 },
    ...{ '02005e000e02': 180, '01020300': 168, '01020303': 30, '01020306': 112, ff: 234, '00': 175, '': 0 },
  };
  for (const [key, hash] of Object.entries(measured)) {
    it(`of ${key || 'nothing'} is ${hash}, as Kea and dhcpd have it`, () => {
      assert.equal(loadBalanceHash(octets(key)), hash);
    });
  }

  it('is of the client identifier where there is one', () => {
    assert.equal(sideOfClient(octets('ff'), octets('020000000001')), 0);
    assert.equal(sideOfClient('', octets('020000000001')), 1);
    assert.equal(sideOfClient('', ''), undefined);
  });
});

describe("the transition table of Kea's HA", () => {
  const facts: KeaFacts = {
    ...{ mode: 'hot-standby', primary: true, dead: false, incompatible: false },
    ...{ syncLeases: true, partnerHasUnsent: false, backup: false, keepsUpdates: false, tooManyKept: false },
  };

  it('starts the primary first', () => {
    assert.equal(nextKeaState('waiting', 'waiting', facts), 'syncing');
    assert.equal(nextKeaState('waiting', 'waiting', { ...facts, primary: false }), 'waiting');
    assert.equal(nextKeaState('waiting', 'ready', { ...facts, primary: false, syncLeases: false }), 'ready');
    assert.equal(nextKeaState('ready', 'ready', facts), 'hot-standby');
    assert.equal(nextKeaState('ready', 'ready', { ...facts, primary: false }), 'ready');
    assert.equal(nextKeaState('ready', 'hot-standby', { ...facts, primary: false }), 'hot-standby');
  });

  it('takes over only from a partner that is dead', () => {
    assert.equal(nextKeaState('hot-standby', 'unavailable', facts), 'hot-standby');
    assert.equal(nextKeaState('hot-standby', 'unavailable', { ...facts, dead: true }), 'partner-down');
    assert.equal(nextKeaState('partner-in-maintenance', 'unavailable', facts), 'partner-down');
  });

  it('fetches again what a partner had while it served alone', () => {
    assert.equal(nextKeaState('partner-down', 'ready', facts), 'hot-standby');
    assert.equal(nextKeaState('partner-down', 'ready', { ...facts, partnerHasUnsent: true }), 'waiting');
    assert.equal(nextKeaState('hot-standby', 'partner-down', facts), 'waiting');
  });

  it('ends where the two can not work together, and stays there', () => {
    assert.equal(nextKeaState('hot-standby', 'hot-standby', { ...facts, incompatible: true }), 'terminated');
    assert.equal(nextKeaState('terminated', 'ready', facts), 'terminated');
    assert.equal(nextKeaState('hot-standby', 'load-balancing', facts), 'waiting');
  });

  it('keeps what changed for a partner that does not answer, in load balancing', () => {
    const balancing: KeaFacts = { ...facts, mode: 'load-balancing', keepsUpdates: true };
    assert.equal(nextKeaState('load-balancing', 'unavailable', balancing), 'communication-recovery');
    assert.equal(
      nextKeaState('load-balancing', 'unavailable', { ...balancing, keepsUpdates: false }),
      'load-balancing',
    );
    assert.equal(nextKeaState('communication-recovery', 'load-balancing', balancing), 'load-balancing');
    assert.equal(nextKeaState('communication-recovery', 'unavailable', { ...balancing, dead: true }), 'partner-down');
    assert.equal(nextKeaState('communication-recovery', 'ready', balancing), 'communication-recovery');
    assert.equal(nextKeaState('communication-recovery', 'ready', { ...balancing, tooManyKept: true }), 'waiting');
  });

  it('has states of their own for backups and for a primary that has only backups', () => {
    assert.equal(nextKeaState('waiting', 'unavailable', { ...facts, backup: true, primary: false }), 'backup');
    assert.equal(nextKeaState('waiting', 'unavailable', { ...facts, mode: 'passive-backup' }), 'passive-backup');
    assert.equal(
      nextKeaState('passive-backup', 'partner-down', { ...facts, mode: 'passive-backup' }),
      'passive-backup',
    );
    assert.ok(servesSide('passive-backup', 'passive-backup', 0, 0));
    assert.ok(!servesSide('backup', 'hot-standby', 1, 0));
  });

  it('leaves the clients of a partner alone that is not to be taken over', () => {
    assert.ok(servesSide('partner-down', 'load-balancing', 1, 0));
    assert.ok(!servesSide('partner-down', 'load-balancing', 1, 0, false));
    assert.ok(servesSide('partner-down', 'load-balancing', 1, 1, false));
  });

  it('serves nobody twice', () => {
    for (const mode of ['hot-standby', 'load-balancing'] as const) {
      for (const side of [0, 1] as const) {
        const answering = ([0, 1] as const).filter((own) => servesSide(mode, mode, own, side));
        assert.equal(answering.length, 1, `${mode}, clients of ${side}`);
      }
    }
  });
});

describe('what the partner is', () => {
  const store = (saved?: string) => {
    const kept = { saved };
    const save = (kind: string): void => {
      kept.saved = kind;
    };
    return { load: () => kept.saved, save, kept };
  };
  const pair = { 'lessor-pair': {} };
  const kea = { state: 'ready', 'date-time': 'Mon, 23 Nov 2026 00:02:01 GMT' };

  it('is seen in a heartbeat', () => {
    assert.equal(kindOfHeartbeat(pair), 'lessor');
    assert.equal(kindOfHeartbeat({ ...kea, lessor: 1 }), 'lessor');
    assert.equal(kindOfHeartbeat(kea), 'kea');
    assert.equal(kindOfHeartbeat({}), undefined);
  });

  it('is found out, remembered, and changes from Kea to lessor', () => {
    const file = store();
    const found = new PartnerKind('auto', file);
    assert.equal(found.protocol, 'lessor', 'the safe one, until more is known');
    assert.equal(found.heard('kea'), 'switch');
    assert.equal(found.protocol, 'kea');
    assert.equal(new PartnerKind('auto', file).protocol, 'kea');
    assert.equal(found.heard('lessor'), 'switch');
    assert.equal(file.kept.saved, 'lessor');
  });

  it('never changes from lessor to Kea', () => {
    const found = new PartnerKind('auto', store('lessor'));
    assert.equal(found.heard('kea'), 'downgrade');
    assert.equal(found.protocol, 'lessor');
  });

  it('is what the configuration says, if it says', () => {
    const file = store('lessor');
    const told = new PartnerKind('kea', file);
    assert.equal(told.protocol, 'kea');
    assert.equal(told.heard('lessor'), 'same');
    assert.equal(file.kept.saved, 'lessor');
    assert.equal(new PartnerKind('lessor', file).heard('kea'), 'downgrade');
  });
});

it('dates are those of HTTP', () => {
  for (const at of [0, 951_782_400_000, 1_709_164_800_000, 1_795_392_121_000, 4_102_444_799_000]) {
    assert.equal(formatGmt(at), new Date(at).toUTCString());
  }
});

describe('the name in a certificate', () => {
  const name = 'URI:urn:lessor:pair:a-b:b';
  const peer = { certificateName: name, pins: [] };
  it('has to be the partner, exactly', () => {
    assert.equal(strangerText({ subjectaltname: `DNS:x, ${name}` }, peer), undefined);
    assert.match(strangerText({ subjectaltname: `${name}2` }, peer) ?? '', /not of/);
    assert.match(strangerText({ subjectaltname: undefined }, peer) ?? '', /of nobody/);
    // Node quotes a name with a separator in it.
    assert.match(strangerText({ subjectaltname: `DNS:"x, ${name}"` }, peer) ?? '', /not of|^$/);
  });
});

describe('the file of a pair', () => {
  const file: PairFile = {
    ...{ relationship: 'a-b', side: 1, epoch: 3, boot: 7, reservedCounter: 9, state: 'normal', downSinceSec: 0 },
    ...{ cleanDown: false, saidGoodbye: true, partnerLostBoot: 3, withheld: [{ address: 7, untilSec: 9 }] },
    ...{
      blindUntilSec: 0,
      born: 3,
      metBoot: 9,
      fence: 2,
      lost: false,
      forgot: true,
      stranger: true,
      grant: { number: 4, ranges: [{ first: 7, last: 9 }] },
      granted: 4,
      clockOffsetMs: -61_000,
      received: 1,
    },
    ownership: [{ first: 1, last: 5, owner: 1 }],
  };

  it('is read as it was written, and refused when it is damaged', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pair-file-'));
    try {
      const path = join(folder, 'leases.pair');
      const store = new DiskPairFile(path, nodeFileOps);
      assert.equal(store.load(), undefined);
      store.save(file);
      assert.deepEqual(store.load(), file);
      writeFileSync(path, '{"format":1,"relationship":"a-b"');
      assert.throws(() => store.load(), { code: 'store-corrupt' });
      writeFileSync(path, JSON.stringify({ format: 1, ...file, epoch: -1 }));
      assert.throws(() => store.load(), /"epoch" is not understood/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
