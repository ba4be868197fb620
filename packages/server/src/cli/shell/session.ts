/** One client, and how its answers are shown: what lessor-shell does with a command, wherever that came from. */

import { STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpStatusError, type KeaAnswer, KeaClient, KeaError, ResultCode, TimeoutError } from '@lessor/kea';
import { ExitCode, type Io, writeLine } from '../io.js';
import type { ShellCommand } from './line.js';
import type { Look, ShellOptions } from './options.js';
import { formatAnswerLine, formatForPeople } from './view.js';

/** Exit code for result 3: the answer is that there is nothing. */
export const NOTHING_FOUND = 3;

/** See the head of this file. */
export class ShellSession {
  private readonly client: KeaClient;

  constructor(
    private readonly options: Pick<ShellOptions, 'client' | 'services'>,
    private readonly io: Io,
    public look: Look,
  ) {
    this.client = new KeaClient(options.client);
  }

  /** Drops the connection. */
  close(): void {
    this.client.close();
  }

  /** Names the server has; empty if it does not say. */
  async commandNames(): Promise<readonly string[]> {
    try {
      const { services } = this.options;
      const [answer] = await this.ask({ name: 'list-commands', args: undefined }, services.slice(0, 1));
      return (answer?.arguments as readonly string[] | undefined) ?? [];
    } catch {
      return [];
    }
  }

  /** Sends a command and shows the answers; resolves with the exit code. */
  run({ name, args }: ShellCommand): Promise<number> {
    const { services } = this.options;
    if (this.look !== 'raw') return this.reporting(async () => this.show(await this.ask({ name, args }, services)));
    const body = {
      command: name,
      ...(services.length > 0 && { service: services }),
      ...(args !== undefined && { arguments: args }),
    };
    return this.runRaw(Buffer.from(JSON.stringify(body), 'utf8'));
  }

  /** Sends octets as they are and prints what comes back, as kea-shell does; 0 for any answer. */
  runRaw(octets: Buffer): Promise<number> {
    return this.reporting(async () => {
      const answer = await this.client.exchange(octets, this.calling);
      this.io.stdout.write(Buffer.concat([answer, Buffer.from('\n')]));
      return ExitCode.ok;
    });
  }

  /** Runs a command over and over until interrupted; each answer on a screen of its own at a terminal. */
  async watch(command: ShellCommand, everySec: number, clear: boolean): Promise<number> {
    for (;;) {
      if (clear) this.io.stdout.write('\x1b[H\x1b[2J');
      const code = await this.run(command);
      if (this.io.signal?.aborted) return ExitCode.ok;
      if (code === ExitCode.failed && !clear) return code;
      try {
        await sleep(everySec * 1000, undefined, { ...this.calling });
      } catch {
        return ExitCode.ok;
      }
    }
  }

  private get calling(): { signal?: AbortSignal } {
    return this.io.signal === undefined ? {} : { signal: this.io.signal };
  }

  private async ask({ name, args }: ShellCommand, services: readonly string[]): Promise<KeaAnswer[]> {
    if (services.length === 0) return [await this.client.command(name, args, this.calling)];
    return this.client.commandEach(services, name, args, this.calling);
  }

  /** The worst of the answers is the exit code. */
  private show(answers: readonly KeaAnswer[]): number {
    const { services } = this.options;
    for (const [index, answer] of answers.entries()) {
      if (this.look === 'json') this.io.stdout.write(formatAnswerLine(answer));
      else {
        if (services.length > 1) writeLine(this.io.stdout, `${services[index]}:`);
        this.io.stdout.write(formatForPeople(answer));
      }
    }
    if (answers.some(({ result }) => result !== ResultCode.success && result !== ResultCode.empty)) {
      return ExitCode.failed;
    }
    return answers.some(({ result }) => result === ResultCode.empty) ? NOTHING_FOUND : ExitCode.ok;
  }

  /** kea-shell tells of failures on standard output; with a look of our own they go where errors go. */
  private async reporting(work: () => Promise<number>): Promise<number> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KeaError) && !this.io.signal?.aborted) throw error;
      writeLine(this.look === 'raw' ? this.io.stdout : this.io.stderr, failureText(error));
      return ExitCode.failed;
    }
  }
}

/** As kea-shell words it. */
function failureText(error: unknown): string {
  if (error instanceof TimeoutError) return 'Connection timeout';
  if (error instanceof HttpStatusError) {
    const reason = error.serverText ?? STATUS_CODES[error.status] ?? '';
    return `Failed to run: HTTP Error ${error.status}: ${reason}`;
  }
  return `Failed to run: ${error instanceof Error ? error.message : String(error)}`;
}
