/**
 * The one way to every control action, whichever door the command came through:
 * find the row, authorise the sender, ask for a second person where the rules say so, wait for a turn, run, audit.
 */

import { isFlat } from '../config/json-digest.js';
import { missingRight } from '../domain/access/rights.js';
import { CommandError, type ErrorCode, LessorError } from '../errors.js';
import { type AuditPort, argumentsDigest, argumentsDigestSliced, redact } from '../services/audit.js';
import { inSlices } from '../services/in-slices.js';
import type { Clock, Logger } from '../services/ports.js';
import { missingFor } from './access/authorise.js';
import { rightsOf } from './access/command-rights.js';
import { type Target, targetOf } from './access/target.js';
import { type CommandResult, type CommandRow, type ControlCommand, Result } from './command.js';
import type { ControlServices } from './services.js';

/** An answer, and for a failure the code of errors.ts: a door may have its own way to say it (HTTP: 403). */
export interface DispatchOutcome extends CommandResult {
  readonly code?: ErrorCode;
}

/** What may stand between a command that is allowed and its running. */
export interface CommandGate {
  /**
   * Runs the work when it is this principal's turn.
   * @throws CommandError `command-limited` or `command-second-person`; then the work has not begun
   */
  pass<T>(command: ControlCommand, expensive: boolean, work: () => Promise<T>): Promise<T>;
}

/** What is found out about a command on its way, for the audit. */
interface Findings {
  missing?: string | undefined;
  target?: Target | undefined;
  before?: string | undefined;
}

/** What a command needs and what it is about: where a server and the agent differ. */
export interface CommandPolicy {
  /** The rights missing for a command, for the audit; undefined if it may run. */
  missingFor(command: ControlCommand): string | undefined;
  /** What the command changes, if that is one thing. */
  targetOf(command: ControlCommand): Target | undefined;
}

/** Runs the commands of a table. */
export class CommandRunner<Services extends { readonly clock: Clock }> {
  private readonly rows: ReadonlyMap<string, CommandRow<Services>>;

  /**
   * @param gates that a command passes in this order
   * @throws LessorError `invariant` if two rows have one name
   */
  constructor(
    rows: readonly CommandRow<Services>[],
    private readonly services: Services,
    private readonly policy: CommandPolicy,
    private readonly audit: AuditPort,
    private readonly logger: Logger,
    private readonly gates: readonly CommandGate[] = [],
  ) {
    this.rows = new Map(rows.map((row) => [row.name, row]));
    if (this.rows.size !== rows.length) throw new LessorError('invariant', 'two commands have the same name');
  }

  /** Never rejects: whatever happens is an answer. */
  async dispatch(command: ControlCommand): Promise<DispatchOutcome> {
    const started = this.services.clock.monotonic();
    const row = this.rows.get(command.name);
    const findings: Findings = {};
    const outcome = await this.perform(row, command, findings).catch((error: unknown) => this.failure(command, error));
    await this.record(command, row?.secretArgs, findings, { result: outcome.result, started });
    return outcome;
  }

  private async perform(
    row: CommandRow<Services> | undefined,
    command: ControlCommand,
    findings: Findings,
  ): Promise<DispatchOutcome> {
    if (row === undefined) {
      throw new CommandError('command-unknown', `'${command.name}' command not supported.`, Result.unsupported);
    }
    findings.missing = this.policy.missingFor(command);
    // Which right is missing is for the audit: whoever probes learns nothing of the rules.
    if (findings.missing !== undefined) {
      throw new CommandError('command-denied', `'${command.principal.name}' may not use '${command.name}'`);
    }
    findings.target = this.policy.targetOf(command);
    findings.before = await findings.target?.digest();
    return withoutSecrets(await this.throughGates(row, command), command);
  }

  private throughGates(row: CommandRow<Services>, command: ControlCommand): Promise<CommandResult> {
    const expensive = rightsOf(command.name).expensive === true;
    const run = async () => row.run(command, this.services);
    const way = this.gates.reduceRight<() => Promise<CommandResult>>(
      (next, gate) => () => gate.pass(command, expensive, next),
      run,
    );
    return way();
  }

  private async record(
    { principal, receivedAt, listener, name, args }: ControlCommand,
    secretArgs: readonly string[] | undefined,
    { missing, target, before = '' }: Findings,
    { result, started }: { readonly result: Result; readonly started: number },
  ): Promise<void> {
    const durationMs = Math.round(this.services.clock.monotonic() - started);
    const digest =
      args === undefined || isFlat(args)
        ? argumentsDigest(args, secretArgs)
        : await inSlices(argumentsDigestSliced(args, secretArgs), this.services.clock);
    const after = target === undefined ? '' : await target.digest();
    this.audit.record({
      at: receivedAt,
      who: principal.name,
      method: principal.method,
      ...(principal.sourceAddress === undefined ? {} : { sourceAddress: principal.sourceAddress }),
      ...(principal.interface === undefined ? {} : { interface: principal.interface }),
      listener,
      command: name,
      argumentsDigest: digest,
      ...(target === undefined ? {} : { object: target.object, before, after }),
      ...(missing === undefined ? {} : { missing }),
      result,
      durationMs,
    });
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

/** What `security` alone may see of a configuration is replaced by `*****` for everybody else. */
function withoutSecrets(outcome: CommandResult, { name, principal }: ControlCommand): CommandResult {
  if (rightsOf(name).family !== 'config' || outcome.arguments === undefined) return outcome;
  const demand = { command: '', family: 'security', reach: () => 'everything' as const } as const;
  if (missingRight(principal.rights, demand) === undefined) return outcome;
  return { ...outcome, arguments: redact(outcome.arguments) };
}

/** Runs the commands of a server. */
export class Dispatcher extends CommandRunner<ControlServices> {
  /**
   * @param gates that a command passes in this order
   * @throws LessorError `invariant` if two rows have one name
   */
  constructor(
    rows: readonly CommandRow<ControlServices>[],
    services: ControlServices,
    audit: AuditPort,
    logger: Logger,
    gates: readonly CommandGate[] = [],
  ) {
    const policy: CommandPolicy = {
      missingFor: (command) => missingFor(command, services),
      targetOf: (command) => targetOf(command, services),
    };
    super(rows, services, policy, audit, logger, gates);
  }
}
