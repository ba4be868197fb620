/**
 * The one way to every control action, whichever door the command came through:
 * find the row, authorize the sender, validate and run, audit.
 */

import { CommandError, type ErrorCode, LessorError } from '../errors.js';
import { type AuditPort, argumentsDigest } from '../services/audit.js';
import type { Clock, Logger } from '../services/ports.js';
import { type CommandResult, type CommandRow, type ControlCommand, type Principal, Result } from './command.js';
import type { ControlServices } from './services.js';

/** An answer, and for a failure the code of errors.ts: a door may have its own way to say it (HTTP: 403). */
export interface DispatchOutcome extends CommandResult {
  readonly code?: ErrorCode;
}

/** Runs commands. */
export class Dispatcher<Services extends { readonly clock: Pick<Clock, 'monotonic'> } = ControlServices> {
  private readonly rows: ReadonlyMap<string, CommandRow<Services>>;

  /** @throws LessorError `invariant` if two rows have one name */
  constructor(
    rows: readonly CommandRow<Services>[],
    private readonly services: Services,
    private readonly audit: AuditPort,
    private readonly logger: Logger,
  ) {
    this.rows = new Map(rows.map((row) => [row.name, row]));
    if (this.rows.size !== rows.length) throw new LessorError('invariant', 'two commands have the same name');
  }

  /** Never rejects: whatever happens is an answer. */
  async dispatch(command: ControlCommand): Promise<DispatchOutcome> {
    const row = this.rows.get(command.name);
    const started = this.services.clock.monotonic();
    const outcome = await this.perform(row, command);
    this.audit.record({
      at: command.receivedAt,
      who: command.principal.name,
      method: command.principal.method,
      ...(command.principal.sourceAddress === undefined ? {} : { sourceAddress: command.principal.sourceAddress }),
      listener: command.listener,
      command: command.name,
      argumentsDigest: argumentsDigest(command.args, row?.secretArgs),
      result: outcome.result,
      durationMs: Math.round(this.services.clock.monotonic() - started),
    });
    return outcome;
  }

  private async perform(row: CommandRow<Services> | undefined, command: ControlCommand): Promise<DispatchOutcome> {
    try {
      if (row === undefined) {
        throw new CommandError('command-unknown', `'${command.name}' command not supported.`, Result.unsupported);
      }
      if (!mayRun(command.principal, row)) {
        throw new CommandError('command-denied', `'${command.principal.name}' may not use '${command.name}'`);
      }
      return await row.run(command, this.services);
    } catch (error) {
      return this.failure(command, error);
    }
  }

  private failure(command: ControlCommand, error: unknown): DispatchOutcome {
    if (error instanceof CommandError) return { result: error.result, text: error.message, code: error.code };
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof LessorError && error.code !== 'invariant') {
      return { result: Result.error, text, code: error.code };
    }
    this.logger.log('ERROR', 'LESSOR_CONTROL_COMMAND_FAILED', `${command.name}: ${text}`, {
      stack: error instanceof Error ? error.stack : undefined,
    });
    return { result: Result.error, text: `Error during command processing: ${text}`, code: 'command-failed' };
  }
}

/** Readers may read, writers may do everything; an HA peer gets what is marked for it, and reads. */
function mayRun(principal: Principal, row: Pick<CommandRow<unknown>, 'access'>): boolean {
  return principal.access === 'write' || row.access === 'read' || row.access === principal.access;
}
