/** Parameters of libdhcp_flex_option (Kea ARM "Flexible Option Actions for Option Value Settings"). */

import { compileBooleanExpression, compileStringExpression, ExpressionSyntaxError } from '../domain/classes/compile.js';
import type { OptionRule } from '../domain/compose/computed-options.js';
import type { BuildContext } from './context.js';
import { findDefinition } from './options.js';
import type { Section } from './section.js';

const ACTIONS = ['add', 'supersede', 'remove'] as const;
const SPACE = 'dhcp4';

/** The rules, in the order in which they act: by code, those of one code as they stand. */
export function buildOptionRules(parameters: Section, context: BuildContext): readonly OptionRule[] {
  const rules = parameters.sections('options').flatMap((section) => buildRule(section, context) ?? []);
  return rules.sort((a, b) => a.code - b.code);
}

function buildRule(section: Section, context: BuildContext): OptionRule | undefined {
  const { issues, registry } = context;
  const [name, code] = [section.string('name'), section.integer('code')];
  const fault = (
    kind: 'config-missing' | 'config-reference' | 'config-conflict',
    member: string,
    text: string,
  ): undefined => {
    issues.error(kind, section.positionOf(member), text);
    return undefined;
  };
  if (name === undefined && code === undefined) {
    if (section.mentions('name') || section.mentions('code')) return undefined;
    return fault('config-missing', 'name', 'an option needs a "name" or a "code"');
  }
  const definition = findDefinition(registry, SPACE, code ?? name!);
  if (definition === undefined && code === undefined) {
    return fault(
      'config-reference',
      'name',
      `there is no option "${name}" in space ${SPACE}: add an "option-def", or give its "code"`,
    );
  }
  if (definition !== undefined && name !== undefined && definition.name !== name) {
    return fault('config-conflict', 'name', `option ${definition.code} is called ${definition.name}, not ${name}`);
  }
  const given = ACTIONS.filter((action) => section.mentions(action));
  const [action, other] = given;
  if (action === undefined)
    return fault('config-missing', 'code', `one of ${ACTIONS.join(', ')} says what is to be done`);
  if (other !== undefined) return fault('config-conflict', other, `"${action}" and "${other}" can not both be`);
  const text = section.or<boolean>('csv-format') && action !== 'remove';
  if (text && definition === undefined) {
    return fault('config-reference', 'code', `option ${code} has no definition to read text by: add an "option-def"`);
  }
  const expression = section.string(action);
  if (expression === undefined) return undefined;
  const clientClass = section.string('client-class') ?? '';
  const base = { code: definition?.code ?? code!, clientClass };
  // Whatever the class: Kea does not ask whether there is one either.
  const options = { registry, isDefined: () => true };
  try {
    if (action === 'remove') return { ...base, action, test: compileBooleanExpression(expression, options) };
    return {
      ...base,
      action,
      value: compileStringExpression(expression, options),
      definition: text ? definition : undefined,
    };
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    issues.error(
      'config-range',
      section.positionOf(action),
      `expression ${expression}: column ${error.column}: ${error.message}`,
    );
    return undefined;
  }
}
