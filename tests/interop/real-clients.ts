/** Unmodified DHCP clients, each in a namespace of its own, driven as an operator or the system would drive them. */

import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newMac } from '../lib/dhcp-client.js';
import { Netns, type Switch } from '../lib/netns.js';
import { getPeer } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { until } from '../lib/until.js';

/** How a start differs from an ordinary one. */
export interface StartOptions {
  /** Ask for this address. */
  readonly request?: string;
  /** Look by ARP whether the address is in use before taking it. */
  readonly probe?: boolean;
}

/** The clients under test. */
export type ClientName = 'dhclient' | 'udhcpc' | 'dhcpcd';

interface Program {
  /** Program and arguments that run it in the foreground; `folder` keeps what it remembers. */
  command(folder: string, options: StartOptions): string[];
  /** Makes it give its lease back. */
  release(client: RealClient): Promise<void>;
  /** Signal that makes it renew now; the others renew when T1 has come. */
  readonly renewSignal?: NodeJS.Signals;
  /** It remembers its lease over a restart and asks for it in INIT-REBOOT state. */
  readonly remembers: boolean;
}

/** How long a client asks for the address it remembers before it begins anew. */
const REBOOT_SEC = 15;

const script = (name: string) => repoPath('tests', 'interop', name);

const PROGRAMS: Readonly<Record<ClientName, Program>> = {
  dhclient: {
    command: (folder, { request, probe }) => {
      const ask = request === undefined ? '' : `send dhcp-requested-address ${request};\n`;
      writeFileSync(
        join(folder, 'dhclient.conf'),
        `${ask}request subnet-mask, routers, domain-name-servers;\nretry 2;\ninitial-interval 1;\nbackoff-cutoff 2;\nreboot ${REBOOT_SEC};\n`,
      );
      const environment = [`PATH=${process.env.PATH}`, ...(probe ? ['PROBE=1'] : [])].flatMap((each) => ['-e', each]);
      return [
        ...[getPeer('dhclient'), '-4', '-d', '-v', ...environment, '-cf', join(folder, 'dhclient.conf')],
        ...['-lf', join(folder, 'leases'), '-pf', join(folder, 'pid'), '-sf', script('dhclient-script.sh'), 'eth0'],
      ];
    },
    release: async (client) => {
      const { folder } = client;
      const files = ['-lf', join(folder, 'leases'), '-pf', join(folder, 'pid'), '-sf', script('dhclient-script.sh')];
      await client.namespace.run([
        getPeer('dhclient'),
        '-4',
        '-r',
        '-cf',
        join(folder, 'dhclient.conf'),
        ...files,
        'eth0',
      ]);
    },
    remembers: true,
  },
  udhcpc: {
    command: (folder, { request, probe }) => [
      ...[getPeer('udhcpc'), '-f', '-i', 'eth0', '-s', script('udhcpc-script.sh'), '-p', join(folder, 'pid')],
      ...['-t', '10', '-T', '1', '-A', '1', ...(request ? ['-r', request] : []), ...(probe ? ['-a3000'] : [])],
    ],
    release: async (client) => client.signal('SIGUSR2'),
    renewSignal: 'SIGUSR1',
    remembers: false,
  },
  dhcpcd: {
    command: (folder, { request, probe }) => {
      mkdirSync(join(folder, 'db'), { recursive: true });
      const lines = [
        'clientid',
        'noipv4ll',
        'noipv6',
        'script /bin/true',
        'option subnet_mask, routers',
        `reboot ${REBOOT_SEC}`,
      ];
      if (request) lines.push(`request ${request}`);
      if (!probe) lines.push('noarp');
      writeFileSync(join(folder, 'dhcpcd.conf'), `${lines.join('\n')}\n`);
      // Its state is at fixed places: ip-netns gives each command a mount namespace, so they can be covered.
      const cover = `mount --bind ${join(folder, 'db')} /var/lib/dhcpcd && mount -t tmpfs none /run && exec "$@"`;
      const run = [getPeer('dhcpcd'), '-4', '-B', '-d', '-f', join(folder, 'dhcpcd.conf'), 'eth0'];
      return ['/bin/sh', '-c', cover, 'dhcpcd', ...run];
    },
    // dhcpcd(8): SIGALRM releases the lease and exits.
    release: async (client) => client.signal('SIGALRM'),
    remembers: true,
  },
};

/** One client on one switch. */
export class RealClient {
  readonly name: ClientName;
  readonly namespace = Netns.create();
  readonly folder = scratchFolder();
  /** Hardware address of eth0. */
  readonly mac: string;
  readonly #program: Program;
  #process: ChildProcess | undefined;

  constructor(name: ClientName, network: Switch) {
    this.name = name;
    this.#program = PROGRAMS[name];
    network.plug(this.namespace, 'eth0');
    // Chosen by the kernel it could be six letters, and omshell prints those as a text.
    this.namespace.ip(`link set eth0 address ${newMac()}`);
    this.mac = this.namespace.macOf('eth0');
  }

  get remembers(): boolean {
    return this.#program.remembers;
  }

  /** Starts it; what it says goes to a file (see `log`). */
  start(options: StartOptions = {}): void {
    const log = openSync(join(this.folder, 'log'), 'a');
    const command = this.#program.command(this.folder, options);
    this.#process = this.namespace.spawn(command, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Asks it to renew if it can be asked. */
  renew(): void {
    if (this.#program.renewSignal) this.signal(this.#program.renewSignal);
  }

  /** Makes it release its lease. */
  async release(): Promise<void> {
    await this.#program.release(this);
  }

  /** As by a power cut: everything of it dies at once, and the interface forgets its address. */
  crash(): void {
    this.namespace.killAll();
    this.namespace.ip('address flush dev eth0 scope global');
  }

  /** The address on its interface, or undefined. */
  async address(): Promise<string | undefined> {
    const shown = await this.namespace.run([getPeer('ip'), '-4', 'address', 'show', 'dev', 'eth0', 'scope', 'global']);
    return /inet (\S+)\//.exec(shown.stdout)?.[1];
  }

  /** Waits until its interface has an address, other than `not`. @throws AssertionError with its log */
  async bound(not?: string): Promise<string> {
    let address: string | undefined;
    await until(
      () => `${this.name} got no address\n${this.log()}`,
      async () => {
        address = await this.address();
        return address !== undefined && address !== not;
      },
      150,
    );
    return address!;
  }

  /** True if `host` answers its ping, or one of those after it. */
  async reaches(host: string): Promise<boolean> {
    const ping = await this.namespace.run([getPeer('ping'), '-c', '1', '-w', '30', host]);
    return ping.status === 0;
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  close(): void {
    this.namespace.destroy();
    removeScratch(this.folder);
  }
}
