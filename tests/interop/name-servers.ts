/** A real BIND and a real kea-dhcp-ddns in a namespace: zones on port 53 of its loopback, updated with a TSIG key. */

import { type ChildProcess, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '../lib/netns.js';
import { getPeer } from '../lib/peers.js';

const SECRET = 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=';
/** Zones it serves. */
export const ZONES = ['example.org', '10.in-addr.arpa'] as const;

const zoneFile = (zone: string) => `$ORIGIN ${zone}.
$TTL 600
@ IN SOA ns.${zone}. admin.${zone}. 1 3600 600 86400 60
@ IN NS ns.example.org.
${zone === 'example.org' ? 'ns IN A 127.0.0.1\nhand IN A 192.0.2.1\n' : ''}`;

/** See the head of this file. */
export class NameServers {
  readonly #folder: string;
  readonly #namespace: Netns;
  #named: ChildProcess | undefined;
  #d2: ChildProcess | undefined;

  /** @param folder that of the test; it removes it */
  constructor(namespace: Netns, folder: string) {
    this.#namespace = namespace;
    this.#folder = join(folder, 'dns');
    mkdirSync(this.#folder);
    for (const zone of ZONES) writeFileSync(join(this.#folder, zone), zoneFile(zone));
    const zones = ZONES.map(
      (zone) => `zone "${zone}" { type primary; file "${zone}"; allow-update { key dhcp; }; };`,
    ).join('\n');
    writeFileSync(
      join(this.#folder, 'named.conf'),
      `options { directory "${this.#folder}"; listen-on { 127.0.0.1; }; listen-on-v6 { none; }; recursion no;
pid-file none; session-keyfile none; dnssec-validation no; };
controls { };
key dhcp { algorithm hmac-sha256; secret "${SECRET}"; };
${zones}
`,
    );
    const domains = (zone: string) => ({
      'ddns-domains': [{ name: `${zone}.`, 'key-name': 'dhcp', 'dns-servers': [{ 'ip-address': '127.0.0.1' }] }],
    });
    const d2 = {
      DhcpDdns: {
        'tsig-keys': [{ name: 'dhcp', algorithm: 'HMAC-SHA256', secret: SECRET }],
        'forward-ddns': domains(ZONES[0]),
        'reverse-ddns': domains(ZONES[1]),
        loggers: [{ name: 'kea-dhcp-ddns', severity: 'INFO', output_options: [{ output: 'stdout' }] }],
      },
    };
    writeFileSync(join(this.#folder, 'd2.conf'), JSON.stringify(d2));
  }

  /** Starts BIND; wait until it {@link answers}. */
  startNamed(): void {
    this.#named = this.#spawn('named', ['-g', '-c', join(this.#folder, 'named.conf')]);
  }

  /** Starts kea-dhcp-ddns; wait until it {@link listens}. */
  startD2(): void {
    this.#d2 = this.#spawn('kea-dhcp-ddns', ['-c', join(this.#folder, 'd2.conf')]);
  }

  /** Ends kea-dhcp-ddns. */
  stopD2(): Promise<void> {
    return stop(this.#d2);
  }

  /** True once BIND serves the zones. */
  get answers(): boolean {
    return this.records('ns.example.org', 'A').length === 1;
  }

  /** True while kea-dhcp-ddns takes requests. */
  get listens(): boolean {
    return /:CF09 /.test(readFileSync(`/proc/${this.#d2!.pid}/net/udp`, 'latin1'));
  }

  /** RDATA of all records of a name and type, as dig prints them. */
  records(name: string, type: string): string[] {
    const query = ['@127.0.0.1', '+short', '+time=10', '+tries=2', name, type];
    const { stdout } = spawnSync(...this.#namespace.wrap(getPeer('dig'), ...query), { encoding: 'utf8' });
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  }

  /** What both have said. */
  log(): string {
    return ['named', 'kea-dhcp-ddns'].map((each) => readFileSync(join(this.#folder, `${each}.log`), 'utf8')).join('\n');
  }

  /** Ends both. */
  async close(): Promise<void> {
    await stop(this.#d2);
    await stop(this.#named);
  }

  #spawn(peer: 'named' | 'kea-dhcp-ddns', args: readonly string[]): ChildProcess {
    const log = openSync(join(this.#folder, `${peer}.log`), 'a');
    const child = this.#namespace.spawn([getPeer(peer), ...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, KEA_PIDFILE_DIR: this.#folder, KEA_LOCKFILE_DIR: this.#folder },
    });
    closeSync(log);
    return child;
  }
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
