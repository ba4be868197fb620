/** What Kea's two doors have in common: from JSON to a command, and from an outcome to the octets of the answer. */

import {
  type Answer,
  type CommandEnvelope,
  EnvelopeError,
  formatJson,
  type JsonMap,
  type JsonValue,
  jsonTypeOf,
  parseEnvelope,
} from '@lessor/kea';
import type { EpochMs } from '../domain/values.js';
import type { ErrorCode } from '../errors.js';
import type { WorkClock } from '../services/in-slices.js';
import { renderJson } from './answer-text.js';
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

/** The text of an answer that another daemon has written, passed on as it is (binary octets, one JSON object). */
export interface ForwardedAnswer {
  readonly forwarded: Buffer;
}

/** What a door sends for one command. */
export type DoorAnswer = DispatchOutcome | ForwardedAnswer;

/** From the JSON of a request over HTTP to its answers, in order: one for each service asked. Never rejects. */
export type RequestHandler = (json: JsonValue, origin: CommandOrigin) => Promise<readonly DoorAnswer[]>;

/** Names of this server in a `service` member; the empty one is Kea's. */
const OWN_SERVICES: ReadonlySet<string> = new Set(['dhcp4', '']);

/** Services one request may ask: each is a command to run, and somebody else sends the list. */
const MAX_SERVICES = 16;

/** An outcome that is an error of the request itself. */
export function requestError(text: string, code: ErrorCode = 'command-invalid'): DispatchOutcome {
  return { result: Result.error, text, code };
}

/**
 * The names in a `service` member, none if it is absent, or what is wrong with it.
 * @returns a text worded as Kea's
 */
export function readServices(service: JsonValue | undefined): readonly string[] | string {
  if (service === undefined) return [];
  if (!Array.isArray(service)) return 'service value must be a list';
  if (service.length > MAX_SERVICES) return `service value has more than ${MAX_SERVICES} items`;
  return service.every((name) => typeof name === 'string') ? service : 'service name must be a string';
}

/**
 * The HTTP socket of a server. Kea 3 takes no service or its own; here several may be named, as clients of the
 * Control Agent do, and each gets its answer.
 */
export function serverHandler(dispatch: Dispatch): RequestHandler {
  return (json, origin) =>
    withEnvelope(json, async (envelope) => {
      const services = readServices(envelope.service);
      if (typeof services === 'string') return [requestError(services)];
      const answers: DoorAnswer[] = [];
      for (const name of services.length === 0 ? [''] : services) {
        answers.push(
          OWN_SERVICES.has(name)
            ? await dispatch(commandOf(envelope, origin))
            : requestError(`unsupported service '${name}', expected 'dhcp4'`),
        );
      }
      return answers;
    });
}

/** Runs what came over a unix socket, where `service` means nothing: the Control Agent leaves it in. Never rejects. */
export async function runCommand(json: JsonValue, origin: CommandOrigin, dispatch: Dispatch): Promise<DispatchOutcome> {
  const [outcome] = await withEnvelope(json, async (envelope) => [await dispatch(commandOf(envelope, origin))]);
  return outcome!;
}

/** Runs `handle` with the envelope of a request, or answers why there is none. */
export async function withEnvelope<A extends DoorAnswer>(
  json: JsonValue,
  handle: (envelope: CommandEnvelope) => Promise<readonly A[]>,
): Promise<readonly (A | DispatchOutcome)[]> {
  let envelope: CommandEnvelope;
  try {
    envelope = parseEnvelope(json);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    return [requestError(`Error during command processing: ${error.message}`, 'command-malformed')];
  }
  return handle(envelope);
}

/** The command in an envelope. */
export function commandOf(
  { command, arguments: args, service }: CommandEnvelope,
  origin: CommandOrigin,
): ControlCommand {
  return { ...origin, name: command, args, service: serviceNames(service) };
}

/** To be called when the octets of an answer have left, or will not be sent. */
export function releaseAnswer(answer: DoorAnswer): void {
  if ('release' in answer) answer.release?.();
}

/** The octets of one answer, good until it is released ({@link releaseAnswer}), as a unix socket sends it. */
export async function renderAnswer(answer: DoorAnswer, clock: WorkClock): Promise<Buffer[]> {
  if ('forwarded' in answer) return [answer.forwarded];
  const { argumentsText, result, text } = answer;
  if (argumentsText === undefined) return renderJson(answerMap(answer), clock);
  // The members of an answer in their order: arguments, result, text.
  return [ARGUMENTS, ...argumentsText, Buffer.from(`, ${formatJson(answerMap({ result, text })).slice(2)}`, 'latin1')];
}

const ARGUMENTS = Buffer.from('{ "arguments": ');

/** The octets of a list of answers, as Kea sends them over HTTP; a short list is one buffer. */
export async function renderAnswers(answers: readonly DoorAnswer[], clock: WorkClock): Promise<Buffer[]> {
  const buffers: Buffer[] = [];
  let octets = 0;
  for (const answer of answers) {
    buffers.push(buffers.length === 0 ? LIST_START : LIST_COMMA, ...(await renderAnswer(answer, clock)));
  }
  buffers.push(LIST_END);
  for (const { length } of buffers) octets += length;
  return octets > SHORT_OCTETS ? buffers : [Buffer.concat(buffers, octets)];
}

/** A list of answers that is no longer becomes one buffer. */
const SHORT_OCTETS = 64 * 1024;
const LIST_START = Buffer.from('[ ');
const LIST_COMMA = Buffer.from(', ');
const LIST_END = Buffer.from(' ]');

function answerMap({ result, text, arguments: args }: Answer): JsonMap {
  return {
    result,
    ...(text === undefined ? {} : { text }),
    ...(args === undefined ? {} : { arguments: args }),
  };
}

function serviceNames(service: JsonValue | undefined): readonly string[] | undefined {
  if (service === undefined || jsonTypeOf(service) !== 'list') return undefined;
  return (service as readonly JsonValue[]).filter((name): name is string => typeof name === 'string');
}
