/** Asks the partner of a pair: commands in Kea's envelope over HTTP or HTTPS, on connections that stay open. */

import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import type { HaConfig, HaPeer } from '../domain/ha/config.js';
import { isMap } from '../domain/json.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import { CommandError } from '../errors.js';
import type { Clock } from '../services/ports.js';
import { loadTls } from './http-tls.js';
import { strangerText } from './peer-identity.js';

/** Connections at a time: a heartbeat must not wait behind a long answer. */
const MAX_CONNECTIONS = 8;
/** Octets of an answer: records of some thousand addresses. */
const MAX_ANSWER_OCTETS = 64 * 1024 * 1024;

/** An answer of the partner. */
export interface PeerResult {
  /** Kea's result code. */
  readonly result: number;
  readonly text: string;
  readonly arguments: JsonMap;
}

/** See the head of this file. */
export class PeerClient {
  #config: HaConfig;
  #agent: Agent;

  /**
   * @param peer name of the server it talks to; the partner if absent
   * @throws LessorError config-file
   */
  constructor(
    config: HaConfig,
    private readonly clock: Pick<Clock, 'after'>,
    private readonly peer?: string,
  ) {
    this.#config = config;
    this.#agent = agentFor(config, this.#target);
  }

  get #target(): HaPeer {
    const { partner, peers } = this.#config;
    return peers.find(({ name }) => name === this.peer) ?? partner;
  }

  /** Reads the certificates again; what is under way goes on. @throws LessorError config-file */
  useConfig(config: HaConfig): void {
    const before = this.#agent;
    const previous = this.#config;
    this.#config = config;
    try {
      this.#agent = agentFor(config, this.#target);
    } catch (error) {
      this.#config = previous;
      throw error;
    }
    // Requests under way keep their sockets; only idle ones are dropped by this.
    for (const sockets of Object.values(before.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  /**
   * Resolves with the arguments of the answer.
   * @throws CommandError if the partner refuses, the system's Error if it can not be reached or is somebody else
   */
  async call(command: string, args: JsonMap, timeoutMs: number): Promise<JsonMap> {
    const { result, text, arguments: answered } = await this.ask(command, args, timeoutMs);
    if (result !== 0) throw new CommandError('command-failed', `the partner refused ${command}: ${text}`);
    return answered;
  }

  /**
   * Resolves with the answer, whatever its result.
   * @throws CommandError if it is none of a daemon, the system's Error if there is none
   */
  async ask(command: string, args: JsonMap, timeoutMs: number): Promise<PeerResult> {
    const body = Buffer.from(JSON.stringify({ command, service: ['dhcp4'], arguments: args }), 'latin1');
    const { status, text } = await this.#post(body, timeoutMs);
    const answers: Json = parse(text);
    const [answer] = Array.isArray(answers) ? answers : [];
    // As in Kea an answer that is not in a list comes from no daemon.
    if (status !== 200 || !isMap(answer) || typeof answer.result !== 'number') {
      throw new CommandError('command-failed', `the partner answered ${command} with HTTP ${status}`);
    }
    const { result, text: said, arguments: answered } = answer;
    return { result, text: typeof said === 'string' ? said : '', arguments: isMap(answered) ? answered : {} };
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(body: Buffer, timeoutMs: number): Promise<{ readonly status: number; readonly text: string }> {
    const partner = this.#target;
    const { basicAuth } = partner;
    const options: RequestOptions = {
      agent: this.#agent,
      host: partner.address,
      port: partner.port,
      method: 'POST',
      path: '/',
      headers: {
        Host: partner.address,
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        ...(basicAuth === undefined ? {} : { Authorization: authorization(basicAuth) }),
      },
    };
    return new Promise((resolve, reject) => {
      const request: ClientRequest = (partner.tls === undefined ? httpRequest : httpsRequest)(options, (response) => {
        readAnswer(response).then(
          (text) => finish(() => resolve({ status: response.statusCode ?? 0, text })),
          (error: unknown) => finish(() => reject(error)),
        );
      });
      const cancel = this.clock.after(timeoutMs, () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
      const finish = (settle: () => void): void => {
        cancel();
        settle();
      };
      request.on('error', (error) => finish(() => reject(error)));
      request.end(body);
    });
  }
}

function agentFor({ self }: HaConfig, partner: HaPeer): Agent {
  const common = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  if (partner.tls === undefined) return new Agent(common);
  // Our own certificate proves us; the partner's files say only which authority signs for it.
  const { certFile, keyFile } = self.tls ?? partner.tls;
  const { trustAnchor, crlFile } = partner.tls;
  const files = { trustAnchor, certFile, keyFile, certRequired: true, ...(crlFile === undefined ? {} : { crlFile }) };
  const { ca, cert, key, crl } = loadTls(files);
  return new TlsAgent({
    ...common,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(crl === undefined ? {} : { crl }),
    minVersion: 'TLSv1.3',
    // A resumed session would not show its certificate again.
    maxCachedSessions: 0,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
      const text = strangerText(certificate, partner);
      return text === undefined ? undefined : new Error(text);
    },
  });
}

function authorization({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function readAnswer(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let octets = 0;
    response.on('data', (chunk: Buffer) => {
      octets += chunk.length;
      if (octets > MAX_ANSWER_OCTETS) response.destroy(new Error('the answer of the partner is too long'));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    response.on('error', reject);
    response.on('close', () => reject(new Error('the partner closed the connection')));
  });
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
