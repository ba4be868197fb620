/**
 * What a compiled class expression is and what it may look at. The lexer, parser and compiler beside this file turn
 * Kea's expression text (Kea ARM "Using Expressions in Classification") into closures of this shape.
 */

import type { Octets } from '../values.js';

/** What an expression can see of one packet and its classification so far. Getters return '' for "absent". */
export interface EvaluationContext {
  /** Whole value of a top-level option (RFC 3396 pieces joined); undefined = absent. */
  option(code: number): Octets | undefined;
  /** Sub-option of option 82; undefined = absent. */
  relaySubOption(code: number): Octets | undefined;
  /** True if the packet is already in the class. */
  isMember(className: string): boolean;
  /** Receiving interface name. */
  readonly interfaceName: string;
  /** Source and destination address of the datagram, packet length in octets. */
  readonly source: number;
  readonly destination: number;
  readonly length: number;
  /** Header fields. Addresses are unsigned 32-bit numbers. */
  readonly chaddr: Octets;
  readonly hlen: number;
  readonly htype: number;
  readonly ciaddr: number;
  readonly giaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  /** Option 53, 0 if absent. */
  readonly messageType: number;
  readonly xid: number;
}

/** Thrown at evaluation time (wrong length for an addrtotext and so on): the class does not match. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** A compiled expression: call `evaluate` as often as you like; it keeps no state. */
export interface CompiledExpression<T> {
  readonly text: string;
  /** Names of classes asked for by member('...'), in order of appearance. */
  readonly memberNames: readonly string[];
  /** @throws EvaluationError */
  evaluate(context: EvaluationContext): T;
}
