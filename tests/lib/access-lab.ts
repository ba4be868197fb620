/**
 * One real server with every door there is, and one principal for each role with every proof there is: local user,
 * password, certificate, OMAPI key. `nobody` has proofs that are good and that no rule mentions.
 */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, type ClientRequest, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ROLE_NAMES, type Role } from 'lessor/internal/domain/access/roles.js';
import { Authority, type CertificateFiles } from './authority.js';
import { type Host, here } from './netns.js';
import { freePort } from './ports.js';
import { type CommandAnswer, type Dhcp4, Server, type ServerOptions } from './server.js';
import { hook, SUBJECTS } from './subject.js';

/** Somebody of the lab. */
export type Person = Role | 'nobody';

/** All of them. */
export const PEOPLE: readonly Person[] = [...ROLE_NAMES, 'nobody'];

/** Names the partner of the lab's pair has in its certificate; it is the principal of role ha-peer too. */
export const PARTNER_NAME = 'URI:urn:lessor:pair:one-two:two';

/** The name in somebody's certificate, as a principal is configured with it. */
export const certificateNameOf = (person: Person): string =>
  person === 'ha-peer' ? PARTNER_NAME : `URI:urn:lessor:operator:${person}`;

/** Somebody's password for HTTP. */
export const passwordOf = (person: Person): string => `password of ${person}`;

/** Somebody's local user; `admin` is root, as who starts the tests is. */
export const uidOf = (person: Person): number => (person === 'admin' ? 0 : 61_100 + PEOPLE.indexOf(person));

/** Somebody's OMAPI key. */
export function keyOf(person: Person): { readonly name: string; readonly algorithm: string; readonly secret: string } {
  const secret = Buffer.from(`${person} `.repeat(32).slice(0, 32)).toString('base64');
  return { name: `key-${person}`, algorithm: 'hmac-sha256', secret };
}

/** What differs from lab to lab. */
export interface AccessLabOptions extends ServerOptions {
  readonly host?: Host;
  /** Members of Dhcp4. */
  readonly dhcp4?: Dhcp4;
  /** Members of the `access` block. */
  readonly access?: Readonly<Record<string, unknown>>;
  /** Limits of all doors that have some; none if absent. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Where the doors are, and who may come; 127.0.0.1 and loopback if absent. */
  readonly address?: string;
  readonly sources?: readonly string[];
  /** False: a server without a partner, which serves clients at once. */
  readonly pair?: boolean;
}

/** A door that speaks HTTP. */
export type HttpDoor = 'http' | 'https' | 'both' | 'peer' | 'metrics';

/** What comes back over HTTP. */
export interface HttpReply {
  readonly status: number;
  readonly text: string;
}

const NO_LIMITS = {
  connections: 0,
  'connections-per-source': 0,
  'connections-per-second': 0,
  'commands-per-second': 0,
  'octets-per-second': 0,
};

/** See the head of this file. */
export class AccessLab {
  readonly server: Server;
  readonly authority: Authority;
  readonly #certificates = new Map<Person, CertificateFiles>();
  readonly #agents = new Map<string, Agent>();

  private constructor(
    options: AccessLabOptions,
    /** `both` wants a certificate and a password. */
    readonly ports: Readonly<Record<HttpDoor | 'omapi', number>>,
  ) {
    this.server = new Server(options.host ?? here, { subject: SUBJECTS.lessor, interfaces: [], ...options });
    // Other users reach the socket by the group, as where the folder is one of root's.
    chmodSync(this.server.folder, 0o750);
    this.authority = new Authority(this.server.folder);
    for (const person of PEOPLE) {
      this.#certificates.set(
        person,
        this.authority.issue(person, [`URI.1 = ${certificateNameOf(person).slice('URI:'.length)}`]),
      );
      writeFileSync(join(this.server.folder, `${person}.password`), `${passwordOf(person)}\n`, { mode: 0o600 });
    }
    const own = this.authority.issue('one', [
      `IP.1 = ${options.address ?? '127.0.0.1'}`,
      'URI.1 = urn:lessor:pair:one-two:one',
    ]);
    this.server.configure(this.#dhcp4(own, options));
  }

  /** Starts one. @throws Error with its log if it does not start */
  static async open(options: AccessLabOptions = {}): Promise<AccessLab> {
    const free = await Promise.all(Array.from({ length: 6 }, freePort));
    const [http, https, both, peer, metrics, omapi] = free as [number, number, number, number, number, number];
    const lab = new AccessLab(options, { http, https, both, peer, metrics, omapi });
    await lab.server.start();
    return lab;
  }

  /** Somebody's certificate. */
  certificate(person: Person): CertificateFiles {
    return this.#certificates.get(person)!;
  }

  /** Path of the audit file. */
  get auditFile(): string {
    return join(this.server.folder, 'audit.jsonl');
  }

  /** The records of the audit so far. */
  audit(): readonly Readonly<Record<string, unknown>>[] {
    return readFileSync(this.auditFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** Sends a body to an HTTP door, over one connection for each person and door that is kept. */
  post(
    door: HttpDoor,
    body: string,
    proof: { readonly person?: Person; readonly certificate?: CertificateFiles; readonly authorization?: string } = {},
  ): Promise<HttpReply> {
    const { person, certificate = person && this.certificate(person) } = proof;
    const secure = door === 'https' || door === 'both' || door === 'peer';
    const agent = this.#agentOf(`${door} ${person ?? certificate?.cert ?? ''}`, secure);
    const files =
      secure && certificate !== undefined ? { cert: read(certificate.cert), key: read(certificate.key) } : {};
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = (secure ? tlsRequest : request)({
        host: '127.0.0.1',
        port: this.ports[door],
        method: 'POST',
        agent,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          ...(proof.authorization === undefined ? {} : { Authorization: proof.authorization }),
        },
        ...(secure ? { ca: read(this.authority.ca), ...files } : {}),
      });
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Sends a command over the unix socket as the user somebody is; as root by a group of his if `group` is given. */
  unix(uid: number, command: string, args: unknown, group?: number): Promise<CommandAnswer> {
    return new Promise((resolve, reject) => {
      const socket = asUser(uid, group, () => connect(this.server.socket));
      let text = '';
      socket.on('connect', () =>
        socket.end(JSON.stringify({ command, ...(args === undefined ? {} : { arguments: args }) })),
      );
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject);
      socket.on('close', () => {
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error(`${command}: answer is no JSON: ${text}`));
        }
      });
    });
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
    await this.server.close();
  }

  #agentOf(key: string, secure: boolean): Agent {
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent: Agent = new (secure ? TlsAgent : Agent)({ keepAlive: true, maxSockets: 1 });
    this.#agents.set(key, agent);
    return agent;
  }

  #dhcp4(own: CertificateFiles, options: AccessLabOptions): Dhcp4 {
    const { dhcp4 = {}, access = {}, limits = NO_LIMITS, address = '127.0.0.1', sources, pair = true } = options;
    const { ports } = this;
    const who = sources === undefined ? {} : { sources };
    const tls = { 'trust-anchor': this.authority.ca, 'cert-file': own.cert, 'key-file': own.key };
    const door = (name: string, more = {}) => ({ 'user-context': { lessor: { name, limits, ...who, ...more } } });
    const at = (port: number) => ({ 'socket-address': address, 'socket-port': port });
    const authentication = {
      directory: this.server.folder,
      clients: PEOPLE.map((person) => ({ user: person, 'password-file': `${person}.password` })),
    };
    const relation = {
      'this-server-name': 'one',
      mode: 'hot-standby',
      peers: ['one', 'two'].map((name, of) => ({
        name,
        url: `https://127.0.0.${of + 1}:${ports.peer}/`,
        role: of === 0 ? 'primary' : 'standby',
      })),
      ...tls,
    };
    return {
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10 - 192.0.2.50' }] }],
      'control-sockets': [
        { 'socket-type': 'unix', 'socket-name': this.server.socket, ...door('unix') },
        { 'socket-type': 'http', ...at(ports.http), authentication, ...door('http', { allow: ['plain-text'] }) },
        { 'socket-type': 'https', ...at(ports.https), ...tls, ...door('https') },
        { 'socket-type': 'https', ...at(ports.both), ...tls, authentication, ...door('both') },
      ],
      ...(pair ? { 'hooks-libraries': [hook('ha', { 'high-availability': [relation] })] } : {}),
      'user-context': {
        lessor: {
          metrics: { address, port: ports.metrics, limits, ...who },
          omapi: {
            listeners: [{ address, port: ports.omapi, name: 'omapi', limits, ...who }],
            keys: PEOPLE.map((person) => ({ ...keyOf(person), rights: ['read', 'hosts', 'leases', 'shutdown'] })),
          },
          access: {
            principals: ROLE_NAMES.map((role) => ({
              name: role,
              'unix-users': [String(uidOf(role))],
              'unix-groups': [String(groupOf(role))],
              'http-users': [role],
              certificates: [certificateNameOf(role)],
              'omapi-keys': [keyOf(role).name],
              rights: [{ role }],
            })),
            audit: { file: this.auditFile, 'max-size': 4_294_967_295 },
            ...access,
          },
        },
      },
      ...dhcp4,
    };
  }
}

/** The group that makes whoever is in it somebody, if his own user does not. */
export const groupOf = (person: Person): number => 62_100 + PEOPLE.indexOf(person);

/** Basic authentication. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * Does something synchronously under another effective user: the kernel notes who connects in the moment of connect(2).
 * The group stays root's, whose the socket is.
 */
function asUser<T>(uid: number, group: number | undefined, work: () => T): T {
  if (uid === 0 && group === undefined) return work();
  const groups = process.getgroups!();
  if (group !== undefined) process.setgroups!([group]);
  process.seteuid!(uid);
  try {
    return work();
  } finally {
    process.seteuid!(0);
    process.setgroups!(groups);
  }
}

const files = new Map<string, Buffer>();

function read(path: string): Buffer {
  let octets = files.get(path);
  if (octets === undefined) {
    octets = readFileSync(path);
    files.set(path, octets);
  }
  return octets;
}
