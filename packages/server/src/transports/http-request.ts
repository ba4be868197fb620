/**
 * One request of an HTTP control socket: headers, credentials, body, JSON, command, in this order, so that nobody makes
 * us read or parse what he may not send.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { STRANGER_COST } from '../control/access/stranger-budget.js';
import type { Principal } from '../control/command.js';
import {
  type CommandOrigin,
  type DoorAnswer,
  releaseAnswer,
  renderAnswers,
  requestError,
  serverHandler,
} from '../control/door.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import type { ErrorCode } from '../errors.js';
import type { EventBus } from '../services/events.js';
import { certificateNames } from './certificate-names.js';
import { asksForEvents, lastEventId, MAX_STREAMS, streamEvents } from './events-http.js';
import { authenticateAsKea, isRefusal, type RequestFacts } from './http-authenticate.js';
import { announcesBody, bodyLength, headerOctets, isJson, parseBody, readBody } from './http-body.js';
import type { HttpDeadlines } from './http-deadlines.js';
import { errorBody, reasonOf } from './http-refusal.js';
import type { InputMeter } from './input-meter.js';
import { type ListenerDeps, writeAll } from './listener.js';

/** A request refused leaves its body unread; up to this size it is read and thrown away, and the connection kept. */
const MAX_DISCARDED_OCTETS = 64 * 1024;

/** What Kea says where a body of no octets is announced. */
const NO_COMMAND = requestError('Command processing failed: NULL command parameter', 'command-malformed');

/** The listener a request came through, as it is now. */
export interface RequestContext {
  readonly key: string;
  readonly config: ControlSocketConfig;
  /** No connection is kept any more. */
  readonly closing: boolean;
  readonly deps: ListenerDeps;
  readonly deadlines: HttpDeadlines;
  /** Connections that have their last answer: what comes after it (the body we did not take) gets none. */
  readonly refused: WeakSet<Duplex>;
  /** Ends of the event streams that are open. */
  readonly streams: Set<() => void>;
  /** Somebody has shown on this connection who he is. */
  prove(socket: Socket): void;
  /** Charges what comes in by a connection; undefined: nobody counts. */
  meterOf(socket: Socket): InputMeter | undefined;
}

/** Answers one request. Rejects only for a defect, or where the connection is gone. */
export async function answerRequest(
  context: RequestContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { config, deps } = context;
  const meter = context.meterOf(request.socket);
  if (meter?.charge(headerOctets(request), request) === false) return;
  for (const { name, value } of config.headers) response.setHeader(name, value);
  const follows = deps.events !== undefined && asksForEvents(request);
  if (!follows && (request.method !== 'POST' || !isJson(request) || !announcesBody(request))) {
    await strangersTurn(deps);
    refuse(context, response, 400, true);
    return;
  }
  const principal = await (deps.authenticate ?? authenticateAsKea)(factsOf(request), config);
  if (isRefusal(principal)) {
    await strangersTurn(deps);
    for (const [name, value] of Object.entries(principal.headers)) response.setHeader(name, value);
    refuse(context, response, principal.status, bodyLength(request) > MAX_DISCARDED_OCTETS);
    return;
  }
  context.prove(request.socket);
  if (follows) {
    await follow(context, deps.events!, request, response, principal);
    return;
  }
  if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue();
  const body = await readBody(request, context.deadlines, deps.limits, meter);
  if (typeof body === 'number') refuse(context, response, body, true);
  else await answerCommand(context, body, principal, response);
}

/** A refusal waits until what may be spent on strangers allows one more. */
function strangersTurn({ strangers, clock }: ListenerDeps): Promise<void> | undefined {
  const waitMs = strangers?.charge(STRANGER_COST.refusal) ?? 0;
  return waitMs === 0 ? undefined : new Promise((resolve) => void clock.after(waitMs, resolve));
}

/** An error as Kea words it: a bare object. */
export function refuse(context: RequestContext, response: ServerResponse, status: number, close = false): void {
  const body = errorBody(status);
  if (close) {
    response.shouldKeepAlive = false;
    if (response.socket !== null) context.refused.add(response.socket);
  }
  writeHead(context, response, status, body.length);
  response.end(body);
}

/** GET /events: allowed, and entered in the audit, as the command `events` is. */
async function follow(
  context: RequestContext,
  events: EventBus,
  request: IncomingMessage,
  response: ServerResponse,
  principal: Principal,
): Promise<void> {
  const { clock, dispatch } = context.deps;
  const { code } = await dispatch({
    ...originOf(context, principal),
    name: 'events',
    args: { limit: 0 },
    service: undefined,
  });
  if (code !== undefined || context.streams.size >= MAX_STREAMS || context.closing) {
    refuse(context, response, code === undefined ? 503 : code === 'command-denied' ? 403 : 500, true);
    return;
  }
  const end = streamEvents(response, events, lastEventId(request), clock);
  context.streams.add(end);
  response.once('close', () => context.streams.delete(end));
}

async function answerCommand(
  context: RequestContext,
  body: string,
  principal: Principal,
  response: ServerResponse,
): Promise<void> {
  const { clock, dispatch, limits, handle = serverHandler(dispatch) } = context.deps;
  const json = parseBody(body);
  if (json === undefined) {
    refuse(context, response, 400);
    return;
  }
  const answers = body === '' ? [NO_COMMAND] : await handle(json, originOf(context, principal));
  if (answers.length === 1 && hasCode(answers[0]!, 'command-denied')) {
    refuse(context, response, 403);
    return;
  }
  const buffers = await renderAnswers(answers, clock);
  response.once('close', () => answers.forEach(releaseAnswer));
  let octets = 0;
  for (const { length } of buffers) octets += length;
  // Why nothing is changed through this listener is for whoever has the right to change it.
  writeHead(context, response, answers.length === 1 && hasCode(answers[0]!, 'command-isolated') ? 403 : 200, octets);
  // A text leaves together with its head, in one write; octets would take a list of two.
  if (buffers.length === 1) response.end(buffers[0]!.toString('latin1'), 'latin1');
  else if (await writeAll(response, buffers, clock, limits.idleTimeoutMs)) response.end();
  else response.destroy();
}

function writeHead({ closing }: RequestContext, response: ServerResponse, status: number, length: number): void {
  if (closing) response.shouldKeepAlive = false;
  response.writeHead(status, reasonOf(status), { 'Content-Type': 'application/json', 'Content-Length': length });
}

function originOf({ key, deps }: RequestContext, principal: Principal): CommandOrigin {
  return { principal, listener: key, receivedAt: deps.clock.now() };
}

function hasCode(answer: DoorAnswer, code: ErrorCode): boolean {
  return 'code' in answer && answer.code === code;
}

function factsOf({ headers, socket }: IncomingMessage): RequestFacts {
  return {
    authorization: headers.authorization,
    certificateNames: certificateNames(socket),
    sourceAddress: socket.remoteAddress ?? '',
  };
}
