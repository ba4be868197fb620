/** What an omshell knows between commands, and its dealings with the server. */

import {
  Authenticator,
  ConnectionError,
  KeyError,
  OmapiConnection,
  type OmapiMessage,
  Op,
  type Request,
  Result,
  readStatus,
  resultText,
  StatusError,
  TimeoutError,
} from '@lessor/omapi';
import type { ShellObject } from './object.js';

/** What a shell starts with. */
export interface OmshellOptions {
  readonly server?: string;
  readonly port?: number;
  readonly key?: { readonly name: string; readonly algorithm: string; readonly secret: Uint8Array };
  /** More than omshell has: quit, dotted and IPv6 servers, quoted key names, the server's own words. */
  readonly extended?: boolean;
  /** Time for each answer; 0, the default, is omshell's: as long as it takes. */
  readonly timeoutMs?: number;
  /** Transaction id of the first message of a connection; at random by default. */
  readonly firstTid?: number;
}

/** A request that did not work out: the text for omshell's users, and more for those who ask. */
export interface Failure {
  /** As omshell prints it after `can't ...: `. */
  readonly text: string;
  readonly detail: string | undefined;
}

/** Server, port, key, connection, object. */
export class OmshellState {
  server: string;
  port: number;
  keyName: string | undefined;
  secret: Uint8Array;
  algorithm: string;
  /** omshell's idea of being connected; the connection itself may be gone. */
  connected = false;
  object: ShellObject | undefined;
  readonly extended: boolean;

  private connection: OmapiConnection | undefined;
  /** True once the user has been told that the connection is lost. */
  private lossTold = false;
  private readonly timeoutMs: number;
  private readonly firstTid: number | undefined;

  constructor(options: OmshellOptions = {}) {
    this.server = options.server ?? '127.0.0.1';
    this.port = options.port ?? 7911;
    this.keyName = options.key?.name;
    this.secret = options.key?.secret ?? new Uint8Array(0);
    this.algorithm = options.key?.algorithm ?? 'hmac-md5';
    this.extended = options.extended ?? false;
    this.timeoutMs = options.timeoutMs ?? 0;
    this.firstTid = options.firstTid;
  }

  /** Connects; undefined = done. A connection there was is closed first (omshell forgets it). */
  async connect(): Promise<Failure | undefined> {
    this.connection?.close();
    try {
      this.connection = await this.openConnection();
    } catch (error) {
      return connectFailure(error);
    }
    this.connected = true;
    this.lossTold = false;
    return undefined;
  }

  private async openConnection(): Promise<OmapiConnection> {
    const options = {
      host: this.server,
      port: this.port,
      connectTimeoutMs: this.timeoutMs,
      requestTimeoutMs: this.timeoutMs,
      ...(this.firstTid !== undefined && { firstTid: this.firstTid }),
    };
    if (this.keyName === undefined) return OmapiConnection.open(options);
    try {
      const key = { name: this.keyName, algorithm: this.algorithm, secret: this.secret };
      return await OmapiConnection.open({ ...options, authenticator: new Authenticator(key) });
    } catch (error) {
      // omshell leaves it to the server to refuse an algorithm; whether there is one, has to be found out all the same.
      if (error instanceof KeyError) (await OmapiConnection.open(options)).close();
      throw error;
    }
  }

  /** True if a request has found the connection broken. */
  get isLost(): boolean {
    return this.connected && this.lossTold;
  }

  /** Drops the connection; the object stays. */
  disconnect(): void {
    this.connection?.close();
    this.connected = false;
  }

  /** Sends a request for the object; resolves with the server's answer, or why there is none. */
  async ask(request: Request): Promise<OmapiMessage | Failure> {
    if (this.connection?.isOpen !== true && this.lossTold) {
      return {
        text: resultText(request.op === Op.refresh ? Result.NOMORE : Result.INVALIDARG),
        detail: 'the connection is lost',
      };
    }
    try {
      return await this.connection!.request(request);
    } catch (error) {
      if (error instanceof TimeoutError) return { text: resultText(Result.TIMEDOUT), detail: error.message };
      // Not signed, wrongly signed, or cut off: omshell drops the connection and knows no difference.
      this.connection?.close();
      this.lossTold = true;
      return { text: resultText(Result.CONNRESET), detail: detailOf(error) };
    }
  }

  /** Sends a request that is answered with the object, and takes that over. */
  async askForObject(request: Request): Promise<Failure | undefined> {
    const answer = await this.ask(request);
    if ('text' in answer) return answer;
    const refusal = refusalOf(answer);
    if (refusal !== undefined) return refusal;
    if (answer.op === Op.status) return undefined;
    // omshell can not make an object of nothing.
    if (answer.object.length === 0)
      return { text: resultText(Result.INVALIDARG), detail: 'an object without attributes' };
    this.object?.receive(answer.handle, answer.object);
    return undefined;
  }

  /** Sends a request that is answered with a status. */
  async askToDo(request: Request): Promise<Failure | undefined> {
    const answer = await this.ask(request);
    return 'text' in answer ? answer : refusalOf(answer);
  }
}

function refusalOf(answer: OmapiMessage): Failure | undefined {
  const status = readStatus(answer);
  if (status === undefined || status.result === Result.SUCCESS) return undefined;
  return { text: resultText(status.result), detail: status.text };
}

function connectFailure(error: unknown): Failure {
  const detail = detailOf(error);
  if (error instanceof KeyError) return { text: resultText(Result.NOTFOUND), detail };
  if (error instanceof StatusError) return { text: resultText(error.result), detail };
  if (error instanceof TimeoutError) return { text: resultText(Result.TIMEDOUT), detail };
  const cause = error instanceof ConnectionError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  const unknownHost = cause?.code === 'ENOTFOUND' || cause?.code === 'EAI_AGAIN';
  return { text: resultText(unknownHost ? Result.HOSTUNKNOWN : Result.NOMORE), detail };
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
