/** Parameters of libdhcp_flex_option (Kea ARM "Flexible Option Actions for Option Value Settings"). */

import type { OptionDefinition } from '@lessor/dhcp';
import { compileBooleanExpression, compileStringExpression, ExpressionSyntaxError } from '../domain/classes/compile.js';
import type { OptionRule, SubOptionRule } from '../domain/compose/computed-options.js';
import type { BuildContext } from './context.js';
import { findDefinition } from './options.js';
import type { Section } from './section.js';

const ACTIONS = ['add', 'supersede', 'remove'] as const;
const SPACE = 'dhcp4';
/** Code of the option whose sub-options belong to enterprises (RFC 3925 §4). */
const VENDOR_IDENTIFYING = 125;
const VENDOR_SPACE = /^vendor-(\d+)$/;

/** What an entry is about. */
interface Subject {
  readonly code: number;
  readonly definition: OptionDefinition | undefined;
}

/**
 * The rules, in the order in which they act: by code, those of one code as they stand; then those for sub-options, by the
 * codes of both.
 */
export function buildOptionRules(parameters: Section, context: BuildContext): readonly OptionRule[] {
  const taken = new Set<string>();
  const rules = parameters.sections('options').flatMap((section) => buildRules(section, taken, context));
  return rules.sort((a, b) => subRank(a) - subRank(b) || a.code - b.code || (a.sub?.code ?? 0) - (b.sub?.code ?? 0));
}

function subRank({ sub }: OptionRule): number {
  return sub === undefined ? 0 : 1;
}

function buildRules(section: Section, taken: Set<string>, context: BuildContext): readonly OptionRule[] {
  const subject = findSubject(section, SPACE, 'an option', context);
  if (subject === undefined) return [];
  const clientClass = section.string('client-class') ?? '';
  if (!section.mentions('sub-options')) {
    const rule = buildAction(section, { code: subject.code, clientClass }, subject, context);
    return rule === undefined ? [] : [rule];
  }
  const action = ACTIONS.find((one) => section.mentions(one));
  if (action !== undefined) {
    const text = `"sub-options" and "${action}" can not both be`;
    context.issues.error('config-conflict', section.positionOf(action), text);
    return [];
  }
  return section
    .sections('sub-options')
    .flatMap((sub) => buildSubRule(sub, subject, clientClass, taken, context) ?? []);
}

function buildSubRule(
  section: Section,
  container: Subject,
  clientClass: string,
  taken: Set<string>,
  context: BuildContext,
): OptionRule | undefined {
  const { issues } = context;
  const space = section.string('space') ?? container.definition?.encapsulates;
  if (space === undefined) {
    const text = `option ${container.code} encapsulates no space: give the "space" of its sub-options`;
    issues.error('config-missing', section.positionOf('space'), text);
    return undefined;
  }
  const enterprise = VENDOR_SPACE.exec(space)?.[1];
  if (container.code === VENDOR_IDENTIFYING && enterprise === undefined) {
    const text = `sub-options of option ${VENDOR_IDENTIFYING} belong to an enterprise: "space" is vendor-NNN, not ${space}`;
    issues.error('config-range', section.positionOf('space'), text);
    return undefined;
  }
  const subject = findSubject(section, space, 'a sub-option', context);
  if (subject === undefined) return undefined;
  const place = `sub-option ${subject.code} of option ${container.code}`;
  if (taken.has(place)) {
    issues.error(
      'config-duplicate',
      section.positionOf(section.mentions('code') ? 'code' : 'name'),
      `${place} is given twice`,
    );
    return undefined;
  }
  taken.add(place);
  const sub: SubOptionRule = {
    code: subject.code,
    clientClass: section.string('client-class') ?? '',
    enterprise: container.code === VENDOR_IDENTIFYING ? Number(enterprise) : undefined,
    container: section.or<boolean>(section.mentions('remove') ? 'container-remove' : 'container-add'),
  };
  return buildAction(section, { code: container.code, clientClass, sub }, subject, context);
}

/** The option or sub-option an entry names, by name or code; undefined if that can not be (reported). */
function findSubject(section: Section, space: string, what: string, context: BuildContext): Subject | undefined {
  const { issues, registry } = context;
  const [name, code] = [section.string('name'), section.integer('code')];
  if (name === undefined && code === undefined) {
    if (section.mentions('name') || section.mentions('code')) return undefined;
    issues.error('config-missing', section.positionOf('name'), `${what} needs a "name" or a "code"`);
    return undefined;
  }
  const definition = findDefinition(registry, space, code ?? name!);
  if (definition === undefined && code === undefined) {
    const text = `there is no option "${name}" in space ${space}: add an "option-def", or give its "code"`;
    issues.error('config-reference', section.positionOf('name'), text);
    return undefined;
  }
  if (definition !== undefined && name !== undefined && definition.name !== name) {
    const text = `option ${definition.code} is called ${definition.name}, not ${name}`;
    issues.error('config-conflict', section.positionOf('name'), text);
    return undefined;
  }
  return { code: definition?.code ?? code!, definition };
}

/** The one action of an entry, with its expression. */
function buildAction(
  section: Section,
  base: Pick<OptionRule, 'code' | 'clientClass' | 'sub'>,
  { code, definition }: Subject,
  { issues, registry }: BuildContext,
): OptionRule | undefined {
  const given = ACTIONS.filter((action) => section.mentions(action));
  const [action, other] = given;
  if (action === undefined) {
    issues.error('config-missing', section.positionOf('code'), `one of ${ACTIONS.join(', ')} says what is to be done`);
    return undefined;
  }
  if (other !== undefined) {
    issues.error('config-conflict', section.positionOf(other), `"${action}" and "${other}" can not both be`);
    return undefined;
  }
  const text = section.or<boolean>('csv-format') && action !== 'remove';
  if (text && definition === undefined) {
    const message = `option ${code} has no definition to read text by: add an "option-def"`;
    issues.error('config-reference', section.positionOf('code'), message);
    return undefined;
  }
  const expression = section.string(action);
  if (expression === undefined) return undefined;
  // Whatever the class: Kea does not ask whether there is one either.
  const options = { registry, isDefined: () => true };
  try {
    if (action === 'remove') return { ...base, action, test: compileBooleanExpression(expression, options) };
    const value = compileStringExpression(expression, options);
    return { ...base, action, value, definition: text ? definition : undefined };
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    const message = `expression ${expression}: column ${error.column}: ${error.message}`;
    issues.error('config-range', section.positionOf(action), message);
    return undefined;
  }
}
