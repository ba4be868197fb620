/** What can go wrong, as classes. Refusals by the server are in results.ts. */

/** Everything this package throws on purpose (an aborted request rejects with the signal's own reason). */
export class OmapiError extends Error {
  override readonly name: string = 'OmapiError';
}

/** Octets that are no OMAPI, or more of it than was allowed. Fatal for a connection: nobody knows where the next message begins. */
export class DecodeError extends OmapiError {
  override readonly name = 'DecodeError';

  /**
   * @param field what was being read
   * @param offset of the fault, in octets from the start of the message (or of the start-up)
   */
  constructor(
    readonly field: string,
    readonly offset: number,
    problem: string,
  ) {
    super(`${field} at offset ${offset}: ${problem}`);
  }
}

/** A message that has no octets: a number that does not fit its field, a name that is empty or too long. */
export class EncodeError extends OmapiError {
  override readonly name = 'EncodeError';
}

/** A value that can not be that of its attribute: `10.0.0.256`, a state nobody knows, an empty name. */
export class ValueError extends OmapiError {
  override readonly name = 'ValueError';
}

/** A key that can not sign: unknown algorithm, secret that is not base64. */
export class KeyError extends OmapiError {
  override readonly name = 'KeyError';
}

/** No connection, or it broke before the answer came. What the server did with the request is then unknown. */
export class ConnectionError extends OmapiError {
  override readonly name = 'ConnectionError';
}

/** The server did not answer in time. The connection stays; an answer that comes late is dropped. */
export class TimeoutError extends OmapiError {
  override readonly name = 'TimeoutError';
}

/** An answer that does not fit its request: a status where an object was due, another handle, no result. */
export class ProtocolError extends OmapiError {
  override readonly name = 'ProtocolError';
}

/** An answer whose signature is missing or wrong: the server has another secret, or somebody sits between. */
export class SignatureError extends OmapiError {
  override readonly name = 'SignatureError';
}

/** The server can not do this and says so: an extension of lessor's, asked of another server. */
export class UnsupportedError extends OmapiError {
  override readonly name = 'UnsupportedError';
}

/** The object is there, the attribute asked for is not. */
export class AttributeMissingError extends OmapiError {
  override readonly name = 'AttributeMissingError';

  constructor(
    readonly objectType: string,
    readonly attribute: string,
  ) {
    super(`the ${objectType} has no ${attribute}`);
  }
}

/**
 * The object was opened on a connection that is gone. A restarted server numbers anew, so its handle may by now be
 * another object's: open it again.
 */
export class StaleHandleError extends OmapiError {
  override readonly name = 'StaleHandleError';
}
