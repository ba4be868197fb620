/**
 * The conformance tests' laboratory: a server in one namespace, and at the other end of its one cable a link from
 * which tests play any number of direct clients and of relay agents.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Path, TestClient } from './dhcp-client.js';
import { Link } from './link.js';
import { connect, Netns } from './netns.js';
import { type Dhcp4, Server, type ServerOptions } from './server.js';
import { type SubjectName, subject } from './subject.js';
import { until } from './until.js';
import { addressPlus, type WireOption } from './wire.js';

/** The server's address on lan0; clients that are not relayed are in 10.1.0.0/24. */
export const SERVER = '10.1.0.1';
/** A second address of the server on lan0. */
export const SERVER_ALIAS = '10.1.9.1';

/** The laboratory of one test file. */
export class Lab {
  readonly server: Server;
  readonly link: Link;
  readonly #namespaces: Netns[];
  readonly #serverMac: string;

  private constructor(server: Server, link: Link, namespaces: Netns[], serverMac: string) {
    this.server = server;
    this.link = link;
    this.#namespaces = namespaces;
    this.#serverMac = serverMac;
  }

  /** Lays the cable and starts a server on lan0 with a configuration. */
  static async open(dhcp4: Dhcp4, options: ServerOptions = {}): Promise<Lab> {
    const near = Netns.create();
    const far = Netns.create();
    connect(near, 'lan0', far, 'lan0');
    // Every 10.x address is on this cable: the test answers ARP for the relay agents it plays.
    near.ip(`address add ${SERVER}/24 dev lan0
      address add ${SERVER_ALIAS}/24 dev lan0
      route add 10.0.0.0/8 dev lan0 src ${SERVER}`);
    const serverMac = near.macOf('lan0');
    const server = new Server(near, options);
    server.configure(dhcp4);
    const link = await Link.open(far, 'lan0');
    const lab = new Lab(server, link, [near, far], serverMac);
    try {
      await server.start();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  /** Another server in the same place, to run while the first does not. */
  another(options: ServerOptions): Server {
    return new Server(this.#namespaces[0] as Netns, options);
  }

  /** Where the server runs. */
  get namespace(): Netns {
    return this.#namespaces[0] as Netns;
  }

  /** Where clients run, at the other end of the cable. */
  get clientNamespace(): Netns {
    return this.#namespaces[1] as Netns;
  }

  /** The server's hardware address. */
  get serverMac(): string {
    return this.#serverMac;
  }

  /** Path of a client on the server's own link. */
  get direct(): Path {
    return { link: this.link, server: SERVER, serverMac: this.#serverMac };
  }

  /** Path of a client behind a relay agent with this address. */
  relay(giaddr: string, agentOptions?: readonly WireOption[]): Path {
    const mac = `02:01:${giaddr
      .split('.')
      .map((octet) => Number(octet).toString(16).padStart(2, '0'))
      .join(':')}`;
    return { ...this.direct, relay: { giaddr, mac, ...(agentOptions && { agentOptions }) } };
  }

  /** A new client, direct unless a path is given. */
  client(identity: { mac?: string; clientId?: string | Buffer } = {}, path: Path = this.direct): TestClient {
    return new TestClient(path, identity);
  }

  /** As {@link until}. */
  until(what: string, holds: () => Promise<boolean>): Promise<void> {
    return until(what, holds, 10);
  }

  /** Waits until an address has no lease in state 0 (assigned). */
  async untilFree(address: string): Promise<void> {
    await this.until(`${address} is free`, async () => (await this.server.lease(address))?.state !== 0);
  }

  /** Removes all of it. */
  async close(): Promise<void> {
    this.link.close();
    await this.server.close();
    for (const namespace of this.#namespaces) namespace.destroy();
  }
}

/**
 * How a subject other than lessor differs from an expectation. `sometimes`: where it is a race whether it does.
 */
export type Differs = Partial<Record<SubjectName, string | { readonly sometimes: string }>>;

/**
 * Declares one expectation. Where the subject is known to differ, the body must fail: a table of differences that
 * nobody checks would soon be wrong.
 */
export function rule(title: string, differs: Differs, body: () => Promise<void>): void {
  const difference = differs[subject.name];
  test(title, async (t) => {
    if (difference === undefined) {
      await body();
      return;
    }
    const why = typeof difference === 'string' ? difference : difference.sometimes;
    const failure = await body().catch((error: unknown) => error);
    if (failure === undefined) {
      assert.notEqual(typeof difference, 'string', `${subject.name} no longer differs: ${why}`);
      return;
    }
    if (!(failure instanceof assert.AssertionError)) throw failure;
    t.diagnostic(`${subject.name} differs: ${why} (${failure.message.replaceAll('\n', ' ')})`);
  });
}

/**
 * A group of expectations that share one server. Skipped where namespaces or the subject are missing.
 * `body` is called while tests are declared; the laboratory exists only inside tests. `lacks` says which subjects
 * can not even load the configuration.
 */
export function conformance(
  title: string,
  dhcp4: Dhcp4,
  body: (lab: () => Lab) => void,
  options: ServerOptions & { readonly lacks?: Partial<Record<SubjectName, string>> } = {},
): void {
  const lacks = options.lacks?.[subject.name];
  const skip = subject.skipReason() || (lacks !== undefined && `${subject.name}: ${lacks}`);
  describe(title, { skip }, () => {
    let lab: Lab | undefined;
    before(async () => {
      lab = await Lab.open(dhcp4, options);
    });
    after(async () => {
      const garbage = lab?.link.garbage ?? [];
      if (process.env.SERVER_LOG) console.error(lab?.server.log());
      await lab?.close();
      assert.deepEqual(garbage, [], 'the server sent something that is no DHCP message');
    });
    body(() => {
      assert.ok(lab, 'no laboratory');
      return lab;
    });
  });
}

/** `subnet4` entry of 10.N.0.0/24 with one pool of `size` addresses from .100, with further members. */
export function subnet(n: number, size: number, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const first = `10.${n}.0.100`;
  return {
    id: n,
    subnet: `10.${n}.0.0/24`,
    pools: [{ pool: `${first} - ${addressPlus(first, size - 1)}` }],
    ...more,
  };
}
