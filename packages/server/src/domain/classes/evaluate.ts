/**
 * Which classes a packet is in. Kea evaluates in three passes, and so do we: what needs only the packet, before a
 * subnet is chosen; what asks whether the client has a reservation, after that was looked up; what a pool, subnet or
 * network asks for by name, once the address is chosen.
 */

import type { ClientClass, ConfigSnapshot } from '../snapshot.js';
import { formatHex, type Octets } from '../values.js';
import type { ClassSet } from './class-set.js';
import { type EvaluationContext, EvaluationError } from './expression.js';

export { ClassSet } from './class-set.js';

const VENDOR_CLASS_IDENTIFIER = 60; // RFC 2132 §9.13

/** Told of an evaluation that failed; its class does not match. */
export type EvaluationFailure = (className: string, error: EvaluationError) => void;

/**
 * First pass: BOOTP (a packet without option 53), ALL, VENDOR_CLASS_<option 60>, then the tests that do not depend on
 * KNOWN or UNKNOWN, in file order. `context.isMember` must answer from the same set. Look for DROP afterwards.
 */
export function evaluateEarly(
  set: ClassSet,
  snapshot: ConfigSnapshot,
  context: EvaluationContext,
  onFailure?: EvaluationFailure,
): void {
  if (context.messageType === 0) set.add('BOOTP');
  set.add('ALL');
  const vendorClass = trimNuls(context.option(VENDOR_CLASS_IDENTIFIER) ?? '');
  if (vendorClass !== '') set.add(`VENDOR_CLASS_${escapeClassName(vendorClass)}`);
  evaluateAll(passesOf(snapshot).early, set, context, onFailure);
}

/**
 * Evaluates the first pass again with the classes of a reservation added: a test such as `not member('a')` may have
 * come out otherwise without them. Kea does this for a global reservation, and for a subnet's where no shared network
 * is involved. Call it before {@link evaluateAfterHostLookup}.
 */
export function evaluateWithReservedClasses(
  set: ClassSet,
  snapshot: ConfigSnapshot,
  context: EvaluationContext,
  reservedClasses: readonly string[],
  onFailure?: EvaluationFailure,
): void {
  for (const tested of passesOf(snapshot).tested) set.delete(tested.name);
  for (const name of reservedClasses) set.add(name);
  evaluateAll(passesOf(snapshot).early, set, context, onFailure);
}

/** Second pass: KNOWN or UNKNOWN, then the tests that depend on them. Look for DROP afterwards. */
export function evaluateAfterHostLookup(
  set: ClassSet,
  snapshot: ConfigSnapshot,
  context: EvaluationContext,
  known: boolean,
  onFailure?: EvaluationFailure,
): void {
  set.add(known ? 'KNOWN' : 'UNKNOWN');
  evaluateAll(passesOf(snapshot).late, set, context, onFailure);
}

/**
 * Third pass: the classes of `evaluate-additional-classes` lists, in their order. One without a test matches; one that
 * is not defined is passed over.
 */
export function evaluateAdditional(
  set: ClassSet,
  snapshot: ConfigSnapshot,
  context: EvaluationContext,
  names: readonly string[],
  onFailure?: EvaluationFailure,
): void {
  for (const name of names) {
    const clientClass = snapshot.classByName.get(name);
    if (clientClass === undefined || set.has(name)) continue;
    if (clientClass.test === undefined && clientClass.templateTest === undefined) set.add(name);
    else evaluateOne(clientClass, set, context, onFailure);
  }
}

/**
 * A text from a packet as part of a class name: octets other than letters, digits and some signs become `%` and two hex
 * digits, and `%` is doubled, so that different texts give different names (Kea 3.3).
 */
export function escapeClassName(text: Octets): string {
  if (PLAIN.test(text)) return text;
  let escaped = '';
  for (const octet of text) {
    if (octet === '%') escaped += '%%';
    else escaped += PLAIN.test(octet) ? octet : `%${formatHex(octet)}`;
  }
  return escaped;
}

const PLAIN = /^[A-Za-z0-9!#$&*+\-./:?@^_|~]*$/;

/** Classes with a test, by the pass they belong to. */
interface Passes {
  readonly early: readonly ClientClass[];
  readonly late: readonly ClientClass[];
  /** Every class with a test, in whatever pass. */
  readonly tested: readonly ClientClass[];
}

/** Sorted once for each configuration. */
const passesBySnapshot = new WeakMap<readonly ClientClass[], Passes>();

function passesOf(snapshot: ConfigSnapshot): Passes {
  let passes = passesBySnapshot.get(snapshot.classes);
  if (passes === undefined) {
    const tested = snapshot.classes.filter((one) => one.test !== undefined || one.templateTest !== undefined);
    const always = tested.filter((one) => !one.onlyInAdditionalList);
    passes = {
      early: always.filter((one) => !one.dependsOnKnown),
      late: always.filter((one) => one.dependsOnKnown),
      tested,
    };
    passesBySnapshot.set(snapshot.classes, passes);
  }
  return passes;
}

function evaluateAll(
  classes: readonly ClientClass[],
  set: ClassSet,
  context: EvaluationContext,
  onFailure: EvaluationFailure | undefined,
): void {
  for (let i = 0; i < classes.length; i++) evaluateOne(classes[i]!, set, context, onFailure);
}

function evaluateOne(
  clientClass: ClientClass,
  set: ClassSet,
  context: EvaluationContext,
  onFailure: EvaluationFailure | undefined,
): void {
  try {
    if (clientClass.test !== undefined) {
      if (clientClass.test.evaluate(context)) set.add(clientClass.name);
    } else if (clientClass.templateTest !== undefined) {
      addSpawned(set, clientClass.name, clientClass.templateTest.evaluate(context));
    }
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    onFailure?.(clientClass.name, error);
  }
}

/** The class a template makes of a value comes before the template itself, so its options win. */
function addSpawned(set: ClassSet, name: string, value: Octets): void {
  if (value === '') return;
  set.add(`SPAWN_${name}_${escapeClassName(value)}`);
  set.add(name);
}

/** Kea cuts NULs off the end of strings. */
function trimNuls(text: Octets): Octets {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return end === text.length ? text : text.slice(0, end);
}
