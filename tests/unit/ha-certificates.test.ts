/** Certificates of a pair: said before they run out, once a step; noticed when they are replaced. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateWatch } from 'lessor/internal/transports/certificate-watch.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';

const DAY = 86_400_000;

function makeCertificate(folder: string, days: number): void {
  const line = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days ${days} -subj /CN=x`;
  const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
  execFileSync(getPeer('openssl'), [...line.split(' '), ...files], { stdio: 'ignore' });
}

test('a certificate that runs out is told of at 30, 7 and 1 days, once each', { skip: skipUnless('openssl') }, () => {
  const folder = scratchFolder();
  makeCertificate(folder, 40);
  const said: string[] = [];
  let [now, replaced] = [Date.now(), 0];
  const watch = new CertificateWatch({
    clock: { now: () => now, after: () => () => undefined },
    parseTime: Date.parse,
    files: () => ({ trustAnchor: join(folder, 'cert'), certFile: join(folder, 'cert'), keyFile: join(folder, 'key') }),
    onAlarm: (text) => void said.push(text),
    onReplaced: () => void replaced++,
  });
  const after = (days: number): string[] => {
    now += days * DAY;
    watch.look();
    watch.look();
    return said.splice(0).filter((text) => text.includes('this server'));
  };
  assert.deepEqual(after(0), []);
  assert.match(after(15).join(), /^the certificate of this server runs out in 2[45] days$/);
  assert.deepEqual(after(5), [], 'said once');
  assert.match(after(14).join(), /runs out in [56] days$/);
  assert.match(after(5.5).join(), /less than a day|1 days/);
  assert.match(after(2).join(), /has run out/);
  assert.equal(replaced, 0);
  makeCertificate(folder, 400);
  assert.deepEqual(after(0), [], 'the new one is good');
  assert.equal(replaced, 1);
  watch.partnerShowed(new Date(now + 3 * DAY).toUTCString());
  assert.match(said.join(), /the certificate of the partner runs out in 3 days/);
  removeScratch(folder);
});
