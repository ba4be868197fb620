/** Client names: RFC 4702 (option 81) and RFC 2132 §3.14 (option 12), as Kea's ddns parameters govern them. */

import assert from 'node:assert/strict';
import { conformance, rule, subnet } from '../lib/lab.js';
import { OPT, option, type WireOption } from '../lib/wire.js';

/** Flags of option 81 (RFC 4702 §2.1). */
const FLAG = { S: 1, O: 2, E: 4, N: 8 } as const;

/** Option 81 with a name in wire format (flag E set). */
function fqdn(flags: number, name: string): WireOption {
  const partial = !name.endsWith('.');
  const labels = name.split('.').filter(Boolean);
  const encoded = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  const end = partial ? [] : [Buffer.from([0])];
  return [OPT.clientFqdn, Buffer.concat([Buffer.from([flags | FLAG.E, 0, 0]), ...encoded, ...end])];
}

/** Name in option 81 with flag E, with a dot at its end if it is absolute. */
function nameOf(data: Buffer): string {
  const labels: string[] = [];
  let at = 3;
  while (at < data.length && data[at] !== 0) {
    labels.push(data.toString('latin1', at + 1, at + 1 + (data[at] as number)));
    at += 1 + (data[at] as number);
  }
  return labels.join('.') + (at < data.length ? '.' : '');
}

const updates = { 'dhcp-ddns': { 'enable-updates': true, 'server-port': 53001 }, 'ddns-send-updates': true };

conformance(
  'RFC 4702 names, updates on',
  { ...updates, 'ddns-qualifying-suffix': 'example.org', 'valid-lifetime': 3600, subnet4: [subnet(1, 100)] },
  (lab) => {
    rule('S: the server does the forward update and says so', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [fqdn(FLAG.S, 'anna.example.org.')] });
      const data = ack.get(OPT.clientFqdn);
      assert.equal((data[0] as number) & 15, FLAG.S | FLAG.E);
      assert.equal(nameOf(data), 'anna.example.org.');
      const lease = await lab().server.lease(ack.yiaddr);
      assert.equal(lease?.hostname, 'anna.example.org.');
      assert.equal(lease?.['fqdn-fwd'], true);
      assert.equal(lease?.['fqdn-rev'], true);
    });

    rule('N: the server does no update and leaves N set', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [fqdn(FLAG.N, 'nora.example.org.')] });
      assert.equal((ack.get(OPT.clientFqdn)[0] as number) & 15, FLAG.N | FLAG.E);
      const lease = await lab().server.lease(ack.yiaddr);
      assert.equal(lease?.['fqdn-fwd'], false);
      assert.equal(lease?.['fqdn-rev'], false);
    });

    rule('neither: the client updates forward, the server reverse', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [fqdn(0, 'otto.example.org.')] });
      assert.equal((ack.get(OPT.clientFqdn)[0] as number) & 15, FLAG.E);
      const lease = await lab().server.lease(ack.yiaddr);
      assert.equal(lease?.['fqdn-fwd'], false);
      assert.equal(lease?.['fqdn-rev'], true);
    });

    rule('a partial name is completed with the suffix', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [fqdn(FLAG.S, 'paul')] });
      assert.equal(nameOf(ack.get(OPT.clientFqdn)), 'paul.example.org.');
      assert.equal((await lab().server.lease(ack.yiaddr))?.hostname, 'paul.example.org.');
    });

    rule('option 12 alone: the name is completed, returned and recorded', {}, async () => {
      const options = [option.text(OPT.hostName, 'hugo'), option.requestList(OPT.hostName)];
      const ack = await lab().client().lease({ options });
      assert.match(ack.text(OPT.hostName), /^hugo/);
      assert.match(String((await lab().server.lease(ack.yiaddr))?.hostname), /^hugo\.example\.org\.?$/);
    });

    rule('option 81 wins over option 12', {}, async () => {
      const options = [option.text(OPT.hostName, 'zero'), fqdn(FLAG.S, 'one.example.org.')];
      const ack = await lab().client().lease({ options });
      assert.equal((await lab().server.lease(ack.yiaddr))?.hostname, 'one.example.org.');
    });

    rule('a name over its bounds does not stop the lease', { kea: 'drops the message' }, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [[OPT.clientFqdn, Buffer.from([5, 0, 0, 63, 97, 98])]] });
      assert.match(ack.yiaddr, /^10\.1\.0\./);
    });
  },
);

conformance(
  'Names replaced by the server',
  {
    ...updates,
    'ddns-replace-client-name': 'when-present',
    'ddns-generated-prefix': 'host',
    'ddns-qualifying-suffix': 'gen.example.org',
    'valid-lifetime': 3600,
    subnet4: [subnet(1, 100)],
  },
  (lab) => {
    rule('when-present: a client that sends a name gets a generated one', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [fqdn(FLAG.S, 'mine.example.org.')] });
      const generated = `host-${ack.yiaddr.replaceAll('.', '-')}.gen.example.org.`;
      assert.equal(nameOf(ack.get(OPT.clientFqdn)), generated);
      assert.equal((await lab().server.lease(ack.yiaddr))?.hostname, generated);
    });
  },
);

conformance(
  'Names cleaned (hostname-char-set)',
  {
    'hostname-char-set': '[^A-Za-z0-9.-]',
    'hostname-char-replacement': 'x',
    'valid-lifetime': 3600,
    subnet4: [subnet(1, 100)],
  },
  (lab) => {
    rule('characters outside the set are replaced', {}, async () => {
      const ack = await lab()
        .client()
        .lease({ options: [option.text(OPT.hostName, 'my_lap top')] });
      assert.equal((await lab().server.lease(ack.yiaddr))?.hostname, 'myxlapxtop');
    });
  },
);
