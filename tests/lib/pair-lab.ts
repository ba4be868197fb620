/** Two servers that are a pair, in namespaces: one network to their clients, one cable between them. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, Netns, Switch } from './netns.js';
import { getPeer } from './peers.js';
import { removeScratch, scratchFolder } from './scratch.js';
import { Server, type ServerOptions } from './server.js';
import { hook, type Subject, subject } from './subject.js';
import { until } from './until.js';

/** Names of the servers, in order of their sides. */
export const NAMES = ['alpha', 'beta'] as const;

/** Role of the second server by mode. */
const SECOND_ROLE = {
  'hot-standby': 'standby',
  'load-balancing': 'secondary',
  'passive-backup': 'backup',
} as const;

/** How the pair of a test is set up. */
export interface PairOptions {
  readonly mode?: keyof typeof SECOND_ROLE;
  /** `user-context.lessor` of the relation. */
  readonly lessor?: Readonly<Record<string, unknown>>;
  /** Further members of the relation. */
  readonly relation?: Readonly<Record<string, unknown>>;
  /** Members of Dhcp4. */
  readonly dhcp4?: Readonly<Record<string, unknown>>;
  readonly tls?: boolean;
  /** What runs on each side. */
  readonly subjects?: readonly [Subject, Subject];
  /** Members of Dhcp4 of one side only. */
  readonly own?: readonly [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>];
  /** Each server has a switch of its own, and a trunk joins the two. */
  readonly apart?: boolean;
  /** How each server is run. */
  readonly server?: readonly [ServerOptions, ServerOptions];
}

/** See the head of this file. */
export class PairLab {
  /** The switch of the first server; the second one's is the same unless they are apart. */
  readonly lan = new Switch();
  readonly farLan: Switch;
  readonly hosts: readonly [Netns, Netns] = [Netns.create(), Netns.create()];
  readonly servers: readonly [Server, Server];
  readonly certificates = scratchFolder();

  constructor(options: PairOptions = {}) {
    this.farLan = options.apart === true ? new Switch() : this.lan;
    if (this.farLan !== this.lan) this.lan.join(this.farLan);
    for (const [side, host] of this.hosts.entries()) {
      (side === 0 ? this.lan : this.farLan).plug(host, 'lan0');
      host.ip(`address add 10.77.0.${side + 1}/24 dev lan0`);
    }
    connect(this.hosts[0], 'peer0', this.hosts[1], 'peer0');
    for (const [side, host] of this.hosts.entries()) host.ip(`address add 192.0.2.${side + 1}/30 dev peer0`);
    if (options.tls === true) this.#makeCertificates();
    const subjects = options.subjects ?? [subject, subject];
    this.servers = [
      new Server(this.hosts[0], { subject: subjects[0], ...options.server?.[0] }),
      new Server(this.hosts[1], { subject: subjects[1], ...options.server?.[1] }),
    ];
    for (const [side, server] of this.servers.entries()) server.configure(this.#dhcp4(side, options));
  }

  /** A certificate of the pair's authority under another name, or of another authority. */
  certificate(file: string, name: string, authority = 'ca'): { readonly cert: string; readonly key: string } {
    const [cert, key] = [join(this.certificates, `${file}.pem`), join(this.certificates, `${file}.key`)];
    const ca = join(this.certificates, authority);
    const extensions = join(this.certificates, `${file}.ext`);
    writeFileSync(extensions, `subjectAltName=${name}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(`req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${file} -keyout ${key} -out ${cert}.csr`);
    openssl(
      `x509 -req -in ${cert}.csr -CA ${ca}.pem -CAkey ${ca}.key -CAcreateserial -days 30 -extfile ${extensions} -out ${cert}`,
    );
    return { cert, key };
  }

  /** Cuts or mends the cable between the servers. */
  peerLink(up: boolean): void {
    this.hosts[0].ip(`link set peer0 ${up ? 'up' : 'down'}`);
  }

  /** The pair's part of status-get. */
  async ha(side: 0 | 1): Promise<Readonly<Record<string, unknown>>> {
    const status = await this.servers[side].must('status-get');
    return (status['high-availability'] as Readonly<Record<string, unknown>>[])[0]!;
  }

  /** State of a server as status-get says it. */
  async state(side: 0 | 1): Promise<string> {
    const { lessor } = (await this.ha(side)) as { lessor: { state: string } };
    return lessor.state;
  }

  /** Waits until a server is in a state. @throws AssertionError with its log */
  async until(side: 0 | 1, state: string): Promise<void> {
    let last = '';
    await until(
      () => `${NAMES[side]} is in ${last}, not ${state}\n${this.servers[side].log()}`,
      async () => {
        last = await this.state(side).catch((error: Error) => error.message);
        return last === state;
      },
      50,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
    for (const host of this.hosts) host.destroy();
    this.lan.destroy();
    if (this.farLan !== this.lan) this.farLan.destroy();
    removeScratch(this.certificates);
  }

  #makeCertificates(): void {
    for (const name of ['ca', 'other-ca']) {
      const base = join(this.certificates, name);
      openssl(
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=${name} -keyout ${base}.key -out ${base}.pem`,
      );
    }
    for (const name of NAMES) this.certificate(name, `URI:urn:lessor:pair:alpha-beta:${name}`);
  }

  #dhcp4(side: number, options: PairOptions): Record<string, unknown> {
    const { mode = 'hot-standby', tls = false, lessor, relation = {} } = options;
    const file = (name: string): string => join(this.certificates, name);
    const ha = {
      'this-server-name': NAMES[side],
      mode,
      peers: NAMES.map((name, of) => ({
        name,
        url: `http${tls ? 's' : ''}://192.0.2.${of + 1}:8765/`,
        role: of === 0 ? 'primary' : SECOND_ROLE[mode],
      })),
      ...(tls
        ? {
            'trust-anchor': file('ca.pem'),
            'cert-file': file(`${NAMES[side]}.pem`),
            'key-file': file(`${NAMES[side]}.key`),
          }
        : {}),
      ...(lessor === undefined ? {} : { 'user-context': { lessor } }),
      ...relation,
    };
    return {
      'valid-lifetime': 600,
      subnet4: [{ id: 77, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.100 - 10.77.0.199' }] }],
      'hooks-libraries': [hook('ha', { 'high-availability': [ha] })],
      ...options.dhcp4,
      ...options.own?.[side],
    };
  }
}

function openssl(line: string): void {
  execFileSync(getPeer('openssl'), line.split(' '), { stdio: 'ignore' });
}
