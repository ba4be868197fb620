/** Real dhcpds with OMAPI, in a network namespace of their own, reachable from the test through a relay. */

import { type ChildProcess, spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, Netns } from '../lib/netns.js';
import { getPeer } from '../lib/peers.js';
import { scratchFolder } from '../lib/scratch.js';
import { PATIENCE_MS } from '../lib/until.js';

/** A key as the configuration has it. */
export interface LabKey {
  readonly name: string;
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

const LONG_AGO = '0 2020/01/05 00:00:00';
const FAR_AWAY = '4 2037/01/01 00:00:00';

const BASE_CONFIG = `
authoritative;
default-lease-time 600;
max-lease-time 7200;
group staff { option domain-name "staff.example"; }
class "printers" { match hardware; }
subclass "printers" 1:02:00:00:00:00:aa;
class "limited" { match if substring(hardware, 1, 3) = 02:00:01; lease limit 4; }
host alpha { hardware ethernet 02:00:00:00:00:01; fixed-address 10.77.0.11; }
host beta { hardware ethernet 02:00:00:00:00:02; option host-name "beta"; }
subnet 10.77.0.0 netmask 255.255.255.0 {
  option routers 10.77.0.1;
  pool { range 10.77.0.100 10.77.0.119; }
}
`;

/** A failover peer nobody answers for, with a pool of its own. */
const FAILOVER_CONFIG = `
failover peer "fo" {
  primary; address 127.0.0.1; port 6470; peer address 127.0.0.1; peer port 6471;
  max-response-delay 60; max-unacked-updates 10; load balance max seconds 3; mclt 600; split 128;
}
subnet 10.78.0.0 netmask 255.255.255.0 { pool { failover peer "fo"; range 10.78.0.10 10.78.0.20; } }
`;

function lease(address: string, body: string): string {
  return `lease ${address} {\n  starts ${LONG_AGO};\n  cltt ${LONG_AGO};\n  ${body}\n}\n`;
}

const LEASES = [
  lease(
    '10.77.0.100',
    `ends ${FAR_AWAY}; binding state active; next binding state free; hardware ethernet 02:00:00:00:01:00;
  uid "\\001\\002\\000\\000\\000\\001\\000"; client-hostname "alpha-pc";`,
  ),
  ...['101', '102', '103'].map((last) =>
    lease(
      `10.77.0.${last}`,
      `ends ${FAR_AWAY}; binding state active; next binding state free; hardware ethernet 02:00:00:00:01:${last.slice(1)};`,
    ),
  ),
  ...['108', '109'].map((last) =>
    lease(
      `10.77.0.${last}`,
      `ends ${FAR_AWAY}; binding state active; next binding state free; hardware ethernet 02:00:00:00:01:08;`,
    ),
  ),
].join('');

/** Inside the namespace: unix sockets out, TCP in. */
const RELAY = `
const net = require('node:net');
for (const port of process.argv.slice(2)) net.createServer((near) => {
  const far = net.connect(Number(port), '127.0.0.1');
  far.setNoDelay(true);
  near.pipe(far); far.pipe(near);
  near.on('error', () => far.destroy()); far.on('error', () => near.destroy());
  near.on('close', () => far.destroy()); far.on('close', () => near.destroy());
}).listen(process.argv[1] + '/' + port);
console.log('ready');
`;

function sawLine(child: ChildProcess, line: string, log: (text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      log(chunk.toString('latin1'));
      if (text.includes(line)) resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('close', (status) => reject(new Error(`ended with ${status}:\n${text}`)));
  });
}

/** One dhcpd. */
export interface LabDhcpd {
  readonly key: LabKey | undefined;
  /** Inside the namespace. */
  readonly innerPort: number;
  /** On the test's loopback. */
  readonly port: number;
  leasesFile(): string;
  log(): string;
  /** True while the process runs. */
  isRunning(): boolean;
}

/** A namespace with dhcpds. */
export class OmapiLab {
  readonly namespace = Netns.create();
  readonly folder = scratchFolder();
  private readonly listeners: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private nextPort = 17_911;
  /** Ports of dhcpds and of servers that a test puts into the namespace. */
  private readonly ports: number[] = [];

  constructor() {
    connect(this.namespace, 'd0', this.namespace, 'd1');
    this.namespace.ip('addr add 10.77.0.1/24 dev d0');
  }

  /** Starts dhcpds, one for each key (undefined: one that takes unsigned messages), and the relay to them. */
  async start(keys: readonly (LabKey | undefined)[], { failover = false } = {}): Promise<LabDhcpd[]> {
    const started = await Promise.all(keys.map((key) => this.startOne(key, failover)));
    const relay = this.namespace.spawn([process.execPath, '-e', RELAY, this.folder, ...this.ports.map(String)]);
    await sawLine(relay, 'ready', () => {});
    return started;
  }

  private async startOne(key: LabKey | undefined, failover: boolean): Promise<LabDhcpd> {
    const innerPort = this.nextPort++;
    const path = (name: string): string => join(this.folder, `${innerPort}.${name}`);
    const keyConfig = key
      ? `key ${key.name} { algorithm ${key.algorithm}; secret "${key.secret}"; }\nomapi-key ${key.name};\n`
      : '';
    writeFileSync(
      path('conf'),
      `omapi-port ${innerPort};\n${keyConfig}${failover ? FAILOVER_CONFIG : ''}${BASE_CONFIG}`,
    );
    writeFileSync(path('leases'), LEASES);
    const argv = ['dhcpd', '-4', '-f', '-d', '--no-pid', '-p', String(20_000 + 2 * (innerPort - 17_911))];
    const child = this.namespace.spawn([
      getPeer('dhcpd'),
      ...argv.slice(1),
      '-cf',
      path('conf'),
      '-lf',
      path('leases'),
      'd0',
    ]);
    await sawLine(child, 'Server starting service.', (text) => appendFileSync(path('log'), text));
    this.ports.push(innerPort);
    const port = await this.forward(join(this.folder, String(innerPort)));
    return {
      key,
      innerPort,
      port,
      leasesFile: () => readFileSync(path('leases'), 'latin1'),
      log: () => readFileSync(path('log'), 'latin1'),
      isRunning: () => child.exitCode === null && child.signalCode === null,
    };
  }

  /** Listens on the test's loopback for what goes to a unix socket. */
  private forward(path: string): Promise<number> {
    const listener = createServer((near) => {
      const far = dial(path);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
      }
    });
    this.listeners.push(listener);
    return new Promise((resolve) => {
      listener.listen(0, '127.0.0.1', () => resolve((listener.address() as { port: number }).port));
    });
  }

  /** Cuts every connection of the test to its dhcpds. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Runs a program inside with standard input, to its end. */
  run(argv: readonly string[], input: string): { stdout: string; stderr: string; status: number | null } {
    const [command, args] = this.namespace.wrap(...(argv as [string, ...string[]]));
    const { stdout, stderr, status } = spawnSync(command, args, {
      input: Buffer.from(input, 'latin1'),
      timeout: PATIENCE_MS,
      maxBuffer: 2 ** 26,
    });
    return { stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1'), status };
  }

  /** Ends everything. */
  destroy(): void {
    for (const listener of this.listeners) listener.close();
    this.cut();
    this.namespace.destroy();
  }
}
