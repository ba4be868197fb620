/** Client classes: their expressions compiled, in the order of the file. */

import { compileBooleanExpression, compileStringExpression, ExpressionSyntaxError } from '../domain/classes/compile.js';
import type { CompiledExpression } from '../domain/classes/expression.js';
import type { Sliced } from '../domain/slices.js';
import type { ClientClass } from '../domain/snapshot.js';
import { BUILT_IN_CLASSES, isBuiltInClass } from './built-in-classes.js';
import type { BuildContext } from './context.js';
import { classRank, hostExtension, hostParameters } from './host-extension.js';
import { bootFields, lifetimeTriplet } from './inherit.js';
import { limitsOf, warnOfIdleLimits } from './limits.js';
import { buildClassRegistry, buildOptions } from './options.js';
import type { Section } from './section.js';
import { nearestWord } from './spelling.js';

/** Characters a class name should keep to (Kea 3.3 warns about others). */
const CLASS_NAME = /^[A-Za-z0-9!#$%&*+\-./:?@^_|~]+$/;

/** A class and the section it was made from. */
export interface BuiltClass {
  readonly section: Section;
  readonly clientClass: ClientClass;
}

/** The classes of a configuration. What is wrong is reported and left out. */
export function* buildClasses(root: Section, withLimits: boolean, context: BuildContext): Sliced<BuiltClass[]> {
  const built = new Map<string, BuiltClass>();
  const later = new Set(root.sections('client-classes').map((section) => section.string('name')));
  for (const section of root.sections('client-classes')) {
    yield;
    const name = section.string('name');
    if (name === undefined) continue;
    const earlier = built.get(name);
    if (earlier !== undefined) {
      const message = `the class "${name}" is already defined (${earlier.section.path})`;
      context.issues.error('config-duplicate', section.positionOf('name'), message);
      continue;
    }
    const clientClass = buildClass(section, name, built, later, withLimits, context);
    built.set(name, { section, clientClass });
  }
  return [...built.values()];
}

function buildClass(
  section: Section,
  name: string,
  earlier: ReadonlyMap<string, BuiltClass>,
  later: ReadonlySet<string | undefined>,
  withLimits: boolean,
  context: BuildContext,
): ClientClass {
  const { issues } = context;
  checkSpecialClass(section, name, context);
  const optionRegistry = buildClassRegistry(section, context);
  const test = compileTest(
    section,
    'test',
    (text) => {
      const isDefined = (other: string): boolean => isBuiltInClass(other) || earlier.has(other);
      return compileBooleanExpression(text, { registry: context.registry, isDefined });
    },
    later,
    context,
  );
  const templateTest = compileTest(
    section,
    'template-test',
    (text) => {
      // Templates may name classes that other templates will spawn.
      return compileStringExpression(text, { registry: context.registry, isDefined: () => true });
    },
    later,
    context,
  );
  const lifetime = lifetimeTriplet((parameter) => section.integer(parameter), section, issues);
  const offerLifetimeSec = section.integer('offer-lifetime');
  const onlyInAdditionalList = section.or<boolean>('only-in-additional-list');
  if (onlyInAdditionalList && (lifetime !== undefined || offerLifetimeSec !== undefined)) {
    const message = 'a class of additional lists is evaluated after the lease is chosen: its lifetimes do nothing';
    issues.warning('config-conflict', section.position, message);
  }
  const extension = hostExtension(section, context);
  const members = [...(test?.memberNames ?? []), ...(templateTest?.memberNames ?? [])];
  const limits = limitsOf(section, withLimits, context);
  const dependsOnKnown = members.some(
    (other) => other === 'KNOWN' || other === 'UNKNOWN' || earlier.get(other)?.clientClass.dependsOnKnown === true,
  );
  warnOfIdleLimits(section, { limits, onlyInAdditionalList, dependsOnKnown }, context);
  return {
    name,
    index: earlier.size,
    rank: classRank(section),
    ...(test === undefined ? {} : { test }),
    ...(templateTest === undefined ? {} : { templateTest }),
    onlyInAdditionalList,
    dependsOnKnown,
    options: buildOptions(section, context, optionRegistry ?? context.registry),
    ...(optionRegistry === undefined ? {} : { optionRegistry }),
    ...bootFields(section, issues),
    ...(extension === undefined ? {} : hostParameters(extension)),
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(offerLifetimeSec === undefined ? {} : { offerLifetimeSec }),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** What Kea asks of names and of the classes with a meaning of their own. */
function checkSpecialClass(section: Section, name: string, { issues }: BuildContext): void {
  if (!CLASS_NAME.test(name)) {
    const message = `the class name "${name}" has characters outside letters, digits and !#$%&*+-./:?@^_|~`;
    issues.warning('config-range', section.positionOf('name'), message);
  }
  if (section.has('test') && section.has('template-test')) {
    const message = '"test" and "template-test" exclude each other';
    issues.error('config-conflict', section.positionOf('template-test'), message);
  }
  const additional = section.boolean('only-in-additional-list') === true;
  if (BUILT_IN_CLASSES.includes(name)) {
    if ((section.string('test') ?? section.string('template-test') ?? '') !== '') {
      const message = `"${name}" is a built-in class: it can have options, but no test`;
      issues.error('config-conflict', section.positionOf(section.has('test') ? 'test' : 'template-test'), message);
    }
    if (additional) {
      const message = `"${name}" is a built-in class and always evaluated`;
      issues.error('config-conflict', section.positionOf('only-in-additional-list'), message);
    }
  } else if (additional && (name === 'DROP' || name === 'REJECT')) {
    const message = `"${name}" must be evaluated before an address is chosen`;
    issues.error('config-conflict', section.positionOf('only-in-additional-list'), message);
  }
}

function compileTest<T>(
  section: Section,
  parameter: 'test' | 'template-test',
  compile: (text: string) => CompiledExpression<T>,
  later: ReadonlySet<string | undefined>,
  { issues }: BuildContext,
): CompiledExpression<T> | undefined {
  const text = section.string(parameter);
  if (text === undefined || text === '') return undefined;
  try {
    return compile(text);
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    const undefinedClass = /class '([^']+)'/.exec(error.message)?.[1];
    const hint =
      undefinedClass !== undefined && later.has(undefinedClass) ? ' (it is defined further down: move it up)' : '';
    issues.error(
      'config-range',
      section.positionOf(parameter),
      `expression ${text}: column ${error.column}: ${error.message}${hint}`,
    );
    return undefined;
  }
}

/**
 * Warns of guards that name a class nobody can be in: neither defined, nor built in, nor given by a reservation.
 * @param sections everything that may have guards
 */
export function warnOfUndefinedGuards(
  sections: readonly Section[],
  given: ReadonlySet<string>,
  { issues }: BuildContext,
): void {
  for (const section of sections) {
    for (const parameter of ['client-classes', 'evaluate-additional-classes']) {
      for (const { text, position } of section.strings(parameter)) {
        if (given.has(text) || isBuiltInClass(text)) continue;
        const nearest = nearestWord(text, [...given]);
        const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
        issues.warning('config-reference', position, `no class "${text}" is defined: no client will be in it${hint}`);
      }
    }
  }
}
