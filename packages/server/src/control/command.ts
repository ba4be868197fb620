/** The types of the one command layer: what comes in, what goes out, and what a row of the command table says. */

import type { Right } from '../domain/access/rights.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';

/** Kea's result codes. */
export const Result = { success: 0, error: 1, unsupported: 2, empty: 3, conflict: 4, fatal: 5 } as const;
/** One of the numbers of {@link Result}. */
export type Result = (typeof Result)[keyof typeof Result];

/** Who sends a command, what he may, and how he came. */
export interface Principal {
  readonly name: string;
  readonly method: 'unix-socket' | 'client-cert' | 'basic' | 'omapi-key' | 'session' | 'none' | 'internal';
  readonly rights: readonly Right[];
  /** Families and commands that the listener lets through at all, whoever sends them; absent = every one. */
  readonly admits?: readonly string[];
  /** Why nothing is changed through the listener he came through, asked at each command; absent = it can not happen. */
  readonly stopped?: () => string | undefined;
  /** Whose traffic that listener is for. */
  readonly plane?: 'management' | 'peer';
  /** Bound of the listener he came through; absent = none. */
  readonly commandsPerSecond?: number;
  readonly sourceAddress?: string;
  /** The network interface the connection came in by, where that is known. */
  readonly interface?: string;
}

/** A command after its door has taken the wire off it. */
export interface ControlCommand {
  readonly name: string;
  /** As sent; undefined if the sender gave none. */
  readonly args: Json | undefined;
  readonly service: readonly string[] | undefined;
  readonly principal: Principal;
  /** Name of the listener it came through. */
  readonly listener: string;
  readonly receivedAt: EpochMs;
}

/** The answer, before a door renders it. */
export interface CommandResult {
  readonly result: Result;
  readonly text?: string;
  readonly arguments?: Json;
  /** Kea's text of `arguments`, where it is long: doors send it as it is, and `arguments` is parsed if somebody looks. */
  readonly argumentsText?: readonly Buffer[];
  /** Called when `argumentsText` has left, or will not be sent: it must not be looked at any more. */
  readonly release?: () => void;
}

/** What the reference says of one member of `arguments`. */
export interface ArgumentDescription {
  /** 'a string', 'an integer', ... */
  readonly type: string;
  readonly optional: boolean;
}

/** One row of the command table. */
export interface CommandRow<Services> {
  readonly name: string;
  /** For people: looks, changes, or what partners of a pair send. Who may run it: control/access/command-rights.ts. */
  readonly access: 'read' | 'write' | 'ha';
  /** One line for --help and the generated reference. */
  readonly summary: string;
  /** Kea's library that has it ('core' for none): decides whether list-commands shows it for a plain Kea file. */
  readonly hook:
    | 'core'
    | 'lease_cmds'
    | 'stat_cmds'
    | 'host_cmds'
    | 'subnet_cmds'
    | 'class_cmds'
    | 'high_availability'
    | 'lessor';
  /** Members of `arguments`, for --help and the generated reference; undefined = takes none. */
  readonly args?: Readonly<Record<string, ArgumentDescription>>;
  /** Members of `arguments` that are passwords and so on, redacted in the audit. */
  readonly secretArgs?: readonly string[];
  run(command: ControlCommand, services: Services): Promise<CommandResult> | CommandResult;
}

export type { Json, JsonMap };
