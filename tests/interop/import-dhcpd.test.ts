/**
 * A configuration of dhcpd, served by dhcpd itself and then, converted, by lessor: the same clients ask both and are to
 * be told the same.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';
import { until } from '../lib/until.js';
import { option, type WireOption } from '../lib/wire.js';

const PROGRAM = repoPath('packages', 'server', 'bin', 'lessor');
const SITE = repoPath('tests', 'golden', 'dhcpd', 'site.conf');
const SERVER = '10.77.0.1';

/** Options every client asks for. */
const WANTED = [1, 3, 6, 12, 15, 28, 42, 43, 51, 66, 67, 121, 150, 197, 230, 252];

/** Somebody who asks. */
interface Persona {
  readonly who: string;
  readonly mac: string;
  readonly clientId?: string;
  /** Relay agent; none: on the server's own network. */
  readonly giaddr?: string;
  readonly options?: readonly WireOption[];
  readonly agentOptions?: readonly WireOption[];
  /** Which addresses are right: the one that is reserved, or those of a pool. */
  readonly address: RegExp | 'nothing';
}

const PXE = (arch: number): WireOption[] => [
  option.text(60, 'PXEClient:Arch:00007:UNDI:003016'),
  option.hex(93, arch.toString(16).padStart(4, '0')),
];

const PERSONAE: readonly Persona[] = [
  { who: 'a host with an address', mac: '02:00:00:00:00:01', address: /^10\.77\.0\.11$/ },
  { who: 'a host of two networks', mac: '02:00:00:00:00:02', address: /^10\.77\.0\.12$/ },
  { who: 'the same in the other one', mac: '02:00:00:00:00:02', giaddr: '192.0.2.1', address: /^192\.0\.2\.50$/ },
  {
    who: 'a host known by its client identifier',
    mac: '02:00:00:00:77:02',
    clientId: Buffer.from('gamma-id').toString('hex'),
    address: /^10\.77\.0\.14$/,
  },
  { who: 'a host without address', mac: '02:00:00:00:00:03', address: /^10\.77\.0\.1[01]\d$/ },
  { who: 'a switch with options of its vendor', mac: '02:00:00:00:00:05', address: /^10\.77\.0\.15$/ },
  { who: 'a host that joins to what there is', mac: '02:00:00:00:00:06', address: /^10\.77\.0\.16$/ },
  { who: 'a host that is denied', mac: '02:00:00:00:00:04', address: 'nothing' },
  {
    who: 'a host known by its port',
    mac: '02:00:00:00:77:05',
    giaddr: '10.77.0.250',
    agentOptions: [option.text(1, 'port-7')],
    address: /^10\.77\.0\.13$/,
  },
  { who: 'a host made through OMAPI', mac: '02:00:00:00:77:20', address: /^10\.77\.0\.20$/ },
  { who: 'a phone', mac: '00:04:f2:00:00:01', address: /^10\.77\.0\.1[24]\d$/ },
  { who: 'a speaker', mac: '00:04:20:00:00:01', address: /^10\.77\.1\.1\d\d$/ },
  { who: 'a host with routes, and a second entry', mac: '02:00:00:00:00:07', address: /^10\.77\.0\.17$/ },
  { who: 'a camera', mac: '02:00:00:00:00:0a', address: /^10\.77\.0\.1[24]\d$/ },
  { who: 'a camera with a name', mac: '02:00:00:00:00:0b', address: /^10\.77\.0\.1[24]\d$/ },
  { who: 'a stranger, who finds room in the other subnet', mac: '02:00:00:00:77:06', address: /^10\.77\.1\.1\d\d$/ },
  { who: 'a stranger behind a relay', mac: '02:00:00:00:77:07', giaddr: '192.0.2.1', address: /^192\.0\.2\.[123]\d$/ },
  {
    who: 'iPXE',
    mac: '02:00:00:00:77:08',
    giaddr: '192.0.2.1',
    options: [option.text(77, 'iPXE')],
    address: /^192\.0\.2\./,
  },
  { who: 'PXE by UEFI', mac: '02:00:00:00:77:09', options: PXE(7), address: /^10\.77\.1\./ },
  { who: 'PXE by BIOS', mac: '02:00:00:00:77:0c', options: PXE(0), address: /^10\.77\.1\./ },
];

/** What a client was told. */
interface Told {
  readonly atMs: number;
  readonly address: string;
  readonly siaddr: string;
  readonly file: string;
  readonly options: Readonly<Record<number, string>>;
}

describe('lessor import-dhcpd', { skip: skipUnless('dhcpd', 'omshell', 'ip', 'python3') }, () => {
  const folder = scratchFolder();
  const conf = join(folder, 'dhcpd.conf');
  const leases = join(folder, 'dhcpd.leases');
  let host: Netns;
  let far: Netns;
  let link: Link;
  let server: Server;
  let dhcpd: ChildProcess;
  const toldByDhcpd = new Map<string, Told | undefined>();

  before(async () => {
    host = Netns.create();
    far = Netns.create();
    connect(host, 'lan0', far, 'eth0');
    host.ip(`address add ${SERVER}/24 dev lan0
      address add 10.77.1.2/24 dev lan0
      route add 192.0.2.0/25 via 10.77.0.250`);
    link = await Link.open(far, 'eth0');
    copyFileSync(SITE, conf);
    writeFileSync(leases, '');
    const argv = ['-4', '-f', '-d', '--no-pid', '-cf', conf, '-lf', leases, 'lan0'];
    dhcpd = host.spawn([getPeer('dhcpd'), ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
    await started(dhcpd);
    makeHost(host);
    for (const persona of PERSONAE) toldByDhcpd.set(persona.who, await ask(persona));
    // It writes a lease before it acknowledges it.
    dhcpd.kill('SIGKILL');

    server = new Server(host);
    const more = ['-i', 'lan0', '--leases', leases, '--lease-output', server.leaseFile];
    const output = join(server.folder, 'converted.conf');
    try {
      execFileSync(process.execPath, [PROGRAM, 'import-dhcpd', ...more, '-o', output, conf], { stdio: 'pipe' });
    } catch {
      // Exit code 1: the site has statements without an equivalent. What matters is below.
    }
    const text = readFileSync(output, 'latin1').replace(/^\/\/.*\n/gm, '');
    const { Dhcp4 } = JSON.parse(text) as { Dhcp4: Record<string, unknown> };
    const { 'interfaces-config': _, 'control-sockets': __, 'user-context': ___, ...rest } = Dhcp4;
    server.configure(rest);
    await server.start();
  });
  after(async () => {
    dhcpd?.kill('SIGKILL');
    link?.close();
    await server?.close();
    far?.destroy();
    host?.destroy();
    removeScratch(folder);
  });

  async function ask(persona: Persona): Promise<Told | undefined> {
    const { mac, clientId, giaddr, options = [], agentOptions } = persona;
    const relayMac = '02:00:00:00:99:01';
    link.haveAddress('10.77.0.250', relayMac);
    const relay = giaddr === undefined ? undefined : { giaddr, mac: relayMac, ...(agentOptions && { agentOptions }) };
    const path = { link, server: SERVER, serverMac: host.macOf('lan0'), ...(relay && { relay }) };
    const client = new TestClient(path, { mac, ...(clientId && { clientId }) });
    const fields = { options: [option.requestList(...WANTED), ...options] };
    // dhcpd pings an address for a second before it offers it.
    const offer = persona.address === 'nothing' ? await client.ask(1, fields, 1500) : await client.discover(fields);
    if (offer === undefined) return undefined;
    const ack = await client.select(offer, fields);
    const atMs = performance.now();
    const { siaddr, file } = ack.message;
    const text = WANTED.flatMap((code) => {
      const data = ack.data(code);
      return data === undefined ? [] : [[code, data.toString('hex')]];
    });
    return { atMs, address: ack.yiaddr, siaddr, file: textOf(file), options: Object.fromEntries(text) };
  }

  for (const persona of PERSONAE) {
    test(`${persona.who} is told the same`, async () => {
      const expected = toldByDhcpd.get(persona.who);
      const got = await ask(persona);
      if (persona.address === 'nothing') {
        assert.equal(expected, undefined, 'dhcpd');
        assert.equal(got, undefined, 'lessor');
        return;
      }
      assert.match(expected?.address ?? 'nothing', persona.address, 'dhcpd');
      // The leases came along: the address is not only of the same pool, it is the same, and its time has gone on.
      const [left, whole] = [got, expected].map((told) => Number.parseInt(told?.options[51] ?? '', 16)) as [
        number,
        number,
      ];
      const passed = Math.ceil((got!.atMs - expected!.atMs) / 1000) + 1;
      assert.ok(left >= whole - passed && left <= whole, `${left} of ${whole} seconds, ${passed} s later`);
      const timeless = (told: Told | undefined) => told && { ...told, atMs: 0, options: { ...told.options, 51: '' } };
      assert.deepEqual(timeless(got), timeless(expected));
    });
  }
});

/** As provisioning systems do: dhcpd keeps such a host in its leases file. */
function makeHost(host: Netns): void {
  const script = `server 127.0.0.1
    port 7911
    key omapi_key pRP5FapFoJ95JEL06sv4PQ==
    connect
    new host
    set name = "made"
    set hardware-address = 02:00:00:00:77:20
    set hardware-type = 1
    set ip-address = 10.77.0.20
    set statements = "filename = \\"made.img\\"; option host-name = \\"made-host\\";"
    create
    `;
  const [ip, argv] = host.wrap(getPeer('omshell'));
  const output = execFileSync(ip, argv, { input: script.replace(/^ +/gm, ''), encoding: 'utf8' });
  assert.match(output, /ip-address = 0a:4d:00:14/, output);
}

/** dhcpd ends texts with a zero octet where they are shorter than the field. */
function textOf(field: Buffer): string {
  return field.toString('latin1').replace(/\0+$/, '');
}

async function started(child: ChildProcess): Promise<void> {
  let text = '';
  child.stderr!.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  await until(
    () => text,
    () => {
      assert.equal(child.exitCode, null, text);
      return text.includes('Server starting service.');
    },
  );
}
