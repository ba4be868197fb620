/** A client that knows commands by name: typed where the table has them, untyped for all others. */

import type { AnswerOf, ArgumentsOf, KeaCommandName } from './commands.js';
import { KeaError, ProtocolError, resultError } from './errors.js';
import { HttpTransport } from './http-transport.js';
import { ResultCode } from './result.js';
import { type CallOptions, withDeadline } from './timers.js';
import { DEFAULT_MAX_CONNECTIONS, type Endpoint, type Transport } from './transport.js';
import { UnixTransport } from './unix-transport.js';
import { decodeAnswers, encodeCommand, type KeaAnswer } from './wire.js';

/** Where the server is and how long to wait for it. */
export interface ClientOptions extends Endpoint {
  /** Bound of a call that does not bring its own (60 000); 0 = none. */
  readonly timeoutMs?: number | undefined;
  /**
   * The daemon that is meant, where a Control Agent stands before it: `dhcp4`. A daemon of Kea 3 takes it too, if it
   * is its own name. Undefined: whoever is at the other end.
   */
  readonly service?: string | undefined;
}

/** Arguments of a call by the table: those that may be left out are optional. */
export type CallParameters<Name extends KeaCommandName> =
  Partial<ArgumentsOf<Name>> extends ArgumentsOf<Name>
    ? [args?: ArgumentsOf<Name>, options?: CallOptions]
    : [args: ArgumentsOf<Name>, options?: CallOptions];

const DEFAULT_TIMEOUT_MS = 60_000;

/** Commands that change nothing, by how Kea names them: they may be sent twice. */
const READS = /-get(-|$)|-list$|-test$|^list-|^build-report$|^ha-heartbeat$/;

/** See the head of this file. Calls may be made concurrently. */
export class CommandClient {
  private readonly transport: Transport;
  private readonly service: readonly string[] | undefined;
  private readonly timeoutMs: number;

  /** Connects to nothing yet. @throws KeaError unless there is one of socketPath and url; TypeError for no URL */
  constructor(options: ClientOptions) {
    const { socketPath, url, maxConnections = DEFAULT_MAX_CONNECTIONS, service, timeoutMs } = options;
    if ((socketPath === undefined) === (url === undefined)) throw new KeaError('needs one of socketPath and url');
    this.transport =
      socketPath === undefined
        ? new HttpTransport(options, maxConnections)
        : new UnixTransport(socketPath, maxConnections);
    this.service = service === undefined ? undefined : [service];
    this.timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Ends kept connections; calls under way fail. */
  close(): void {
    this.transport.close();
  }

  /**
   * Sends any command; resolves with the answer, whatever its result.
   * @throws ConnectionError, TimeoutError, HttpStatusError, ProtocolError
   */
  async command(name: string, args?: object, options: CallOptions = {}): Promise<KeaAnswer> {
    const answers = await this.ask(name, this.service, args, options);
    if (answers.length !== 1) throw new ProtocolError(`${answers.length} answers to one command`);
    return answers[0]!;
  }

  /**
   * Sends any command to several daemons behind a Control Agent; resolves with an answer for each, in their order.
   * @throws as `command`
   */
  async commandEach(
    services: readonly string[],
    name: string,
    args?: object,
    options: CallOptions = {},
  ): Promise<KeaAnswer[]> {
    const answers = await this.ask(name, services, args, options);
    if (answers.length !== services.length) {
      throw new ProtocolError(`${answers.length} answers from ${services.length} services`);
    }
    return answers;
  }

  /**
   * Sends a command of the table; resolves with the `arguments` of its answer.
   * @throws ResultError and its kinds for every result but 0; else as `command`
   */
  async call<Name extends KeaCommandName>(
    name: Name,
    ...[args, options]: CallParameters<Name>
  ): Promise<AnswerOf<Name>> {
    return (await this.succeed(name, args, options)).arguments as AnswerOf<Name>;
  }

  /** As `call`, with the whole answer. */
  protected async succeed(name: string, args?: object, options?: CallOptions): Promise<KeaAnswer> {
    const answer = await this.command(name, args, options);
    if (answer.result !== ResultCode.success) throw resultError(name, answer.result, answer.text);
    return answer;
  }

  /**
   * Sends octets as they are and gives back those that come: what a shell does with what it was given.
   * @throws ConnectionError, TimeoutError, HttpStatusError
   */
  exchange(octets: Buffer, { signal, timeoutMs = this.timeoutMs }: CallOptions = {}): Promise<Buffer> {
    return this.send(octets, false, { signal, timeoutMs });
  }

  private async ask(
    command: string,
    service: readonly string[] | undefined,
    args: object | undefined,
    { signal, timeoutMs = this.timeoutMs }: CallOptions,
  ): Promise<KeaAnswer[]> {
    const octets = encodeCommand({ command, arguments: args, service });
    return decodeAnswers(await this.send(octets, READS.test(command), { signal, timeoutMs }));
  }

  private send(octets: Buffer, repeatable: boolean, options: CallOptions): Promise<Buffer> {
    return withDeadline(options, (deadline) => this.transport.exchange(octets, repeatable, deadline));
  }
}
