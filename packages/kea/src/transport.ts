/** How octets get to a server and back, and what a client is told of where that server is. */

/** One way to a server. */
export interface Transport {
  /**
   * Sends a command and resolves with the octets of the answer.
   * @param repeatable the command only reads, so it may be sent again if the connection turns out to be closed
   * @throws ConnectionError; HttpStatusError; the reason of the signal
   */
  exchange(command: Buffer, repeatable: boolean, signal: AbortSignal): Promise<Buffer>;
  /** Ends connections that are kept; calls under way fail. */
  close(): void;
}

/** What proves a server to us and us to the server. Files are PEM, as text or octets, not as names. */
export interface TlsOptions {
  /** Authorities that may have signed the server's certificate; default: those of the machine. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Our certificate and its key. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Name that the server's certificate must have, if not that of the URL. */
  readonly serverName?: string;
}

/** Where a server is. One of `socketPath` and `url`. */
export interface Endpoint {
  /** Path of a unix socket. */
  readonly socketPath?: string | undefined;
  /** http: or https: URL of a daemon or of a Control Agent. */
  readonly url?: string | URL | undefined;
  /** Basic authentication. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Headers besides those that are needed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Connections at once (8); further calls wait for one to become free. */
  readonly maxConnections?: number | undefined;
}

/** Connections at once, unless told otherwise: Kea serves commands one after the other anyway. */
export const DEFAULT_MAX_CONNECTIONS = 8;
