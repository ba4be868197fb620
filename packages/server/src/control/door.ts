/** What Kea's two doors have in common: from JSON to a command, and from an outcome to the octets of the answer. */

import {
  type Answer,
  EnvelopeError,
  formatJsonPieces,
  type JsonMap,
  type JsonValue,
  jsonTypeOf,
  parseEnvelope,
} from '@lessor/kea';
import type { EpochMs } from '../domain/values.js';
import type { Clock } from '../services/ports.js';
import { type ControlCommand, type Principal, Result } from './command.js';
import type { DispatchOutcome } from './dispatcher.js';

/** Who sent a command and through which listener. */
export interface CommandOrigin {
  readonly principal: Principal;
  readonly listener: string;
  readonly receivedAt: EpochMs;
}

/** Runs a command: Dispatcher.dispatch. */
export type Dispatch = (command: ControlCommand) => Promise<DispatchOutcome>;

/** Why a `service` member does not mean this server (its own HTTP socket; a unix socket takes anything). */
export function serviceComplaint(service: JsonValue | undefined): string | undefined {
  if (service === undefined) return undefined;
  if (!Array.isArray(service)) return 'service value must be a list';
  if (service.length > 1) return 'service value has more than one item';
  const name = service[0] ?? '';
  if (typeof name !== 'string') return 'service name must be a string';
  return name === '' || name === 'dhcp4' ? undefined : `unsupported service '${name}', expected 'dhcp4'`;
}

/** Runs what was sent. `checkService` is for HTTP. Never rejects. */
export async function runCommand(
  json: JsonValue,
  origin: CommandOrigin,
  dispatch: Dispatch,
  checkService: boolean,
): Promise<DispatchOutcome> {
  try {
    const { command, arguments: args, service } = parseEnvelope(json);
    const complaint = checkService ? serviceComplaint(service) : undefined;
    if (complaint !== undefined) return { result: Result.error, text: complaint, code: 'command-invalid' };
    return await dispatch({ ...origin, name: command, args, service: serviceNames(service) });
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    return {
      result: Result.error,
      text: `Error during command processing: ${error.message}`,
      code: 'command-malformed',
    };
  }
}

/** Octets formatted before the loop may look at its packets again. */
const OCTETS_PER_TURN = 64 * 1024;

/** Depth down to which an answer is formatted piece by piece: list of answers, answer, arguments, leases. */
const PIECEWISE_DEPTH = 4;

/**
 * The octets of an answer, formatted in turns so that a long one (a million leases) does not hold up packets.
 * `asList` wraps it in a list, as Kea does over HTTP.
 */
export async function renderAnswer(outcome: Answer, asList: boolean, clock: Pick<Clock, 'soon'>): Promise<Buffer[]> {
  const { result, text, arguments: args } = outcome;
  const answer = {
    result,
    ...(text === undefined ? {} : { text }),
    ...(args === undefined ? {} : { arguments: args }),
  } satisfies JsonMap;
  const buffers: Buffer[] = [];
  let pending = '';
  for (const piece of formatJsonPieces(asList ? [answer] : answer, PIECEWISE_DEPTH)) {
    pending += piece;
    if (pending.length >= OCTETS_PER_TURN) {
      buffers.push(Buffer.from(pending, 'latin1'));
      pending = '';
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }
  buffers.push(Buffer.from(pending, 'latin1'));
  return buffers;
}

function serviceNames(service: JsonValue | undefined): readonly string[] | undefined {
  if (service === undefined || jsonTypeOf(service) !== 'list') return undefined;
  return (service as readonly JsonValue[]).filter((name): name is string => typeof name === 'string');
}
