/** A lessor with OMAPI in this process, on loopback, with files of its own. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  type Authenticator,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  OmapiClient,
  type OmapiMessage,
  omapiMessage,
  type Request,
  StreamDecoder,
} from '@lessor/omapi';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { type RunningServer, startServer } from 'lessor/internal/main.js';
import { scratchFolder } from '../lib/scratch.js';
import { PATIENCE_MS } from '../lib/until.js';
import { ListLogger } from './control-fakes.js';

/** A key, as clients and the configuration have it. */
export interface TestKey {
  readonly name: string;
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

/** May do everything. */
export const KEY: TestKey = {
  name: 'omapi_key',
  algorithm: 'hmac-sha256',
  secret: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
};

/** One subnet, a pool of twenty. */
export const SUBNET: JsonMap = { id: 1, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.100-10.77.0.119' }] };

const ROW_NAMES =
  'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id';

/** One lease for {@link OmapiServerLab}. */
export interface LeaseRow {
  readonly address: string;
  readonly hwAddress?: string;
  readonly clientId?: string;
  readonly startsSec: number;
  readonly endsSec: number;
  readonly hostname?: string;
  readonly state?: number;
  /** JSON. */
  readonly userContext?: string;
}

/** What the server is to have. */
export interface LabOptions {
  /** Members of the omapi block other than listeners. */
  readonly omapi?: JsonMap;
  readonly keys?: readonly (JsonMap & TestKey)[];
  /** Members of Dhcp4. */
  readonly dhcp4?: JsonMap;
  readonly leases?: readonly LeaseRow[];
  readonly serverPort?: number;
}

/** The omapi block of a lab. */
export function omapiBlock(keys: readonly JsonMap[], more: JsonMap = {}): JsonMap {
  const listener = { address: '127.0.0.1', port: 0, ...(keys.length === 0 ? { 'accept-unsigned': true } : {}) };
  return { listeners: [listener], ...(keys.length === 0 ? {} : { keys }), ...more };
}

/** See the head of this file. */
export class OmapiServerLab {
  private constructor(
    readonly folder: string,
    readonly logger: ListLogger,
    readonly server: RunningServer,
    private readonly options: LabOptions,
  ) {}

  /** Starts one with files of its own. */
  static async start(options: LabOptions = {}): Promise<OmapiServerLab> {
    const folder = scratchFolder();
    const { keys = [{ ...KEY, rights: ['read', 'hosts', 'leases', 'shutdown'] }], leases = [], dhcp4 = {} } = options;
    const written: Json = {
      Dhcp4: {
        'interfaces-config': { interfaces: [] },
        'lease-database': { type: 'memfile', persist: true, name: 'leases.csv' },
        'expired-leases-processing': { 'hold-reclaimed-time': 10_000_000 },
        subnet4: [SUBNET],
        'user-context': { lessor: { omapi: omapiBlock(keys, options.omapi) } },
        ...dhcp4,
      },
    };
    writeFileSync(join(folder, 'dhcp4.conf'), JSON.stringify(written, undefined, 2));
    if (leases.length > 0) writeFileSync(join(folder, 'leases.csv'), [ROW_NAMES, ...leases.map(rowOf), ''].join('\n'));
    return OmapiServerLab.on(folder, options);
  }

  private static async on(folder: string, options: LabOptions): Promise<OmapiServerLab> {
    const logger = new ListLogger();
    const server = await startServer({
      config: { kind: 'file', path: join(folder, 'dhcp4.conf') },
      variables: { KEA_DHCP_DATA_DIR: folder, KEA_CONTROL_SOCKET_DIR: folder },
      ...(options.serverPort === undefined ? {} : { serverPort: options.serverPort }),
      logger,
    });
    return new OmapiServerLab(folder, logger, server, options);
  }

  /** A new process on the same files, as far as one process can show that. */
  async restart(): Promise<OmapiServerLab> {
    await this.server.stop();
    return OmapiServerLab.on(this.folder, this.options);
  }

  get port(): number {
    const where = this.server.listening.find((text) => text.startsWith('omapi '));
    return Number(/:(\d+)$/.exec(where ?? '')?.[1]);
  }

  get configText(): string {
    return readFileSync(join(this.folder, 'dhcp4.conf'), 'utf8');
  }

  /** The file with all changes by command in it: they follow some seconds later, or when it is read again. */
  async settledConfig(): Promise<string> {
    await this.server.reload();
    return this.configText;
  }

  /** Changes the configuration file; a reload takes it. */
  changeConfig(change: (text: string) => string): void {
    writeFileSync(join(this.folder, 'dhcp4.conf'), change(this.configText));
  }

  client(key: TestKey | undefined = KEY): OmapiClient {
    return new OmapiClient({ host: '127.0.0.1', port: this.port, ...(key === undefined ? {} : { key }) });
  }
}

function rowOf(row: LeaseRow): string {
  const {
    address,
    hwAddress = '',
    clientId = '',
    startsSec,
    endsSec,
    hostname = '',
    state = 0,
    userContext = '',
  } = row;
  const expire = Math.min(endsSec, 0xffff_fffe);
  return [
    address,
    hwAddress,
    clientId,
    expire - startsSec,
    expire,
    1,
    0,
    0,
    hostname,
    state,
    userContext.replaceAll(',', '&#x2c'),
    0,
  ].join(',');
}

/** A connection that sends what it is told, and shows what comes. */
export class Raw {
  private readonly decoder = new StreamDecoder();
  private readonly answers: OmapiMessage[] = [];
  private wake: () => void = () => undefined;
  private tid = 1;
  isClosed = false;
  private isLate = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.decoder.push(chunk);
      for (let frame = this.decoder.next(); frame !== undefined; frame = this.decoder.next()) {
        this.answers.push(frame.message);
      }
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  static async to(port: number, startup: Uint8Array = encodeStartup(), localAddress = '127.0.0.1'): Promise<Raw> {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.write(startup);
    return new Raw(socket);
  }

  send(octets: Uint8Array): void {
    this.socket.write(octets);
  }

  half(): void {
    this.socket.end();
  }

  drop(): void {
    this.socket.destroy();
  }

  /** The next answer, undefined when the server has closed. */
  async next(): Promise<OmapiMessage | undefined> {
    const deadline = setTimeout(() => {
      this.isLate = true;
      this.wake();
    }, PATIENCE_MS);
    while (this.answers.length === 0 && !this.isClosed && !this.isLate) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    clearTimeout(deadline);
    assert.ok(!this.isLate, `neither an answer nor an end within ${PATIENCE_MS} ms`);
    return this.answers.shift();
  }

  ask(request: Request, more: Partial<OmapiMessage> = {}, key?: Authenticator): Promise<OmapiMessage | undefined> {
    const message = omapiMessage({ ...request, tid: this.tid++, ...more });
    this.send(key === undefined ? encodeMessage(message) : encodeSigned(message, key));
    return this.next();
  }
}
