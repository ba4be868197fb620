/** What can go wrong for a client, as classes. */

import { ResultCode, type ResultCodeName } from './result.js';

/** Everything this package's client throws on purpose (an aborted call rejects with the signal's own reason). */
export class KeaError extends Error {
  override readonly name: string = 'KeaError';
}

/** No connection, or it broke before the answer was whole. What the server did with the command is then unknown. */
export class ConnectionError extends KeaError {
  override readonly name = 'ConnectionError';

  /** @param code of the operating system or of TLS: ENOENT, ECONNREFUSED, EACCES, DEPTH_ZERO_SELF_SIGNED_CERT */
  constructor(
    message: string,
    readonly code: string | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The whole of an exchange took longer than it may. What the server did with the command is then unknown. */
export class TimeoutError extends KeaError {
  override readonly name = 'TimeoutError';
}

/** What came is no answer of Kea's: no JSON, no `result`, another number of answers than of services. */
export class ProtocolError extends KeaError {
  override readonly name = 'ProtocolError';
}

/** HTTP refused before any command ran: 401 credentials, 403 not this command, 400 not understood. */
export class HttpStatusError extends KeaError {
  override readonly name = 'HttpStatusError';

  /** @param serverText the text of the answer's body, if it was Kea's */
  constructor(
    readonly status: number,
    readonly serverText: string | undefined,
  ) {
    super(`HTTP status ${status}${serverText === undefined ? '' : `: ${serverText}`}`);
  }
}

/** The server answered a command, and not with success. The message is the server's text. */
export class ResultError extends KeaError {
  override readonly name: string = 'ResultError';

  constructor(
    readonly command: string,
    /** 1 to 5; see ResultCode. */
    readonly result: number,
    readonly serverText: string,
  ) {
    super(`${command}: ${serverText}`);
  }

  /** The result in words; undefined for a number that Kea does not have. */
  get resultName(): ResultCodeName | undefined {
    const entry = Object.entries(ResultCode).find(([, code]) => code === this.result);
    return entry?.[0] as ResultCodeName | undefined;
  }
}

/** Result 2: the server has no such command, or its hook library is not loaded. */
export class UnsupportedError extends ResultError {
  override readonly name = 'UnsupportedError';
}

/** Result 3: understood, but there is no such thing, or nothing changed. */
export class EmptyError extends ResultError {
  override readonly name = 'EmptyError';
}

/** Result 4: in conflict with the server's state. Kea 2.x answers 1 for these. */
export class ConflictError extends ResultError {
  override readonly name = 'ConflictError';
}

/** Result 5: a reconfiguration failed and could not be undone; the server needs looking after. */
export class FatalError extends ResultError {
  override readonly name = 'FatalError';
}

const CLASSES: Readonly<Record<number, typeof ResultError>> = {
  [ResultCode.unsupported]: UnsupportedError,
  [ResultCode.empty]: EmptyError,
  [ResultCode.conflict]: ConflictError,
  [ResultCode.fatal]: FatalError,
};

/** The error of a result other than 0, of the class that fits it. */
export function resultError(command: string, result: number, text: string | undefined): ResultError {
  return new (CLASSES[result] ?? ResultError)(command, result, text ?? `result ${result}`);
}
