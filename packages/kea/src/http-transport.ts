/** HTTP or HTTPS, of a daemon's own socket or a Control Agent: connections are kept and used again. */

import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { ConnectionError, HttpStatusError, KeaError } from './errors.js';
import type { Endpoint, Transport } from './transport.js';
import { decodeAnswers } from './wire.js';

/**
 * How long an idle connection is kept. Kea closes it after 30 s without a word, so we do before: a command sent into
 * a connection that is just being closed is lost, and nobody can tell.
 */
const IDLE_MS = 20_000;

/** See the head of this file. */
export class HttpTransport implements Transport {
  private readonly url: URL;
  private readonly agent: Agent;
  private readonly options: RequestOptions;

  /** @throws KeaError for a URL that is neither http: nor https: */
  constructor(endpoint: Endpoint, maxConnections: number) {
    const { user, password = '', tls = {}, headers = {} } = endpoint;
    this.url = new URL(endpoint.url!);
    if (!/^https?:$/.test(this.url.protocol)) throw new KeaError(`neither http: nor https: ${this.url.protocol}`);
    const { ca, cert, key, serverName } = tls;
    const keeping = { keepAlive: true, maxSockets: maxConnections, timeout: IDLE_MS };
    this.agent =
      this.url.protocol === 'http:'
        ? new Agent(keeping)
        : new TlsAgent({
            ...keeping,
            // Kea 2.2 refuses to resume a session of a client with a certificate (TLS alert 80).
            maxCachedSessions: 0,
            ...(ca !== undefined && { ca: ca as string | Buffer | (string | Buffer)[] }),
            ...(cert !== undefined && { cert }),
            ...(key !== undefined && { key }),
            ...(serverName !== undefined && { servername: serverName }),
          });
    this.options = {
      method: 'POST',
      agent: this.agent,
      headers: {
        'Content-Type': 'application/json',
        ...(user !== undefined && { Authorization: basicCredentials(user, password) }),
        ...headers,
      },
    };
  }

  async exchange(command: Buffer, repeatable: boolean, signal: AbortSignal): Promise<Buffer> {
    for (;;) {
      try {
        return await this.post(command, signal);
      } catch (error) {
        // The server had closed a kept connection before the command reached it.
        if (!repeatable || !(error instanceof StaleConnection)) throw error;
      }
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private post(body: Buffer, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const make = this.url.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = make(this.url, this.options);
      const abort = (): void => {
        reject(signal.reason);
        request.destroy();
      };
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      request.once('close', () => signal.removeEventListener('abort', abort));
      request.once('error', (error: NodeJS.ErrnoException) => reject(this.failure(request, error)));
      request.once('response', (response) => {
        read(response).then(
          (octets) => resolve(octets),
          (error) => reject(error instanceof KeaError ? error : this.failure(undefined, error)),
        );
      });
      request.setHeader('Content-Length', body.length);
      request.end(body);
    });
  }

  private failure(request: ClientRequest | undefined, error: NodeJS.ErrnoException): ConnectionError {
    const stale = request?.reusedSocket === true && error.code === 'ECONNRESET';
    const text = `${this.url.protocol}//${this.url.host}: ${error.message}`;
    return new (stale ? StaleConnection : ConnectionError)(text, error.code, { cause: error });
  }
}

/** A kept connection broke without a word of answer. */
class StaleConnection extends ConnectionError {}

/** @throws HttpStatusError */
async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const octets = Buffer.concat(chunks);
  const { statusCode = 0 } = response;
  if (statusCode !== 200) throw new HttpStatusError(statusCode, refusalText(octets));
  return octets;
}

/** Kea explains a refusal in an answer of its own; what stands before it (a proxy) does not. */
function refusalText(octets: Buffer): string | undefined {
  try {
    return decodeAnswers(octets)[0]?.text;
  } catch {
    return undefined;
  }
}

function basicCredentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}
