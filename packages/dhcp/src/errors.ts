/** The three ways the codec can fail. They carry no stack of causes: each is raised where the fault is found. */

/** Octets that are not what they claim to be. Thrown by everything named `decode...`, and nothing else is. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  constructor(
    /** Offset of the fault in the octets that were decoded, from 0. */
    readonly offset: number,
    /** What was being read, in the field's own word: `hlen`, `magic cookie`, `option 53`. */
    readonly field: string,
    problem: string,
  ) {
    super(`${field} at octet ${offset}: ${problem}`);
  }
}

/** A value that has no representation on the wire. Thrown by everything named `encode...`. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
  constructor(
    /** What was being written. */
    readonly field: string,
    problem: string,
  ) {
    super(`${field}: ${problem}`);
  }
}

/** Option text an operator wrote that does not fit the definition. The message is meant for that operator. */
export class OptionTextError extends Error {
  override readonly name = 'OptionTextError';
}
