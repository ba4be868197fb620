/** Options that expressions compute for each reply (Kea: libdhcp_flex_option, hook point pkt4_send). */

import { encodeOptionText, type OptionDefinition, type OptionOctets, OptionTextError } from '@lessor/dhcp';
import { type CompiledExpression, type EvaluationContext, EvaluationError } from '../classes/expression.js';
import { bytesOf, type Octets } from '../values.js';

/** What is done with one option. */
export type OptionRule = {
  readonly code: number;
  /** Only for members of this class; '' for all. */
  readonly clientClass: string;
} & (
  | {
      /** `add`: unless the reply has it; `supersede`: in place of what the reply has. Not where the value is empty. */
      readonly action: 'add' | 'supersede';
      readonly value: CompiledExpression<Octets>;
      /** The value is text of this option, values by commas; undefined: it is the octets. */
      readonly definition: OptionDefinition | undefined;
    }
  /** The reply goes without it where the test holds. */
  | { readonly action: 'remove'; readonly test: CompiledExpression<boolean> }
);

/** A rule that acts on the reply at hand. */
export interface OptionChange {
  readonly code: number;
  readonly action: OptionRule['action'];
  /** Empty for `remove`. */
  readonly data: Uint8Array;
}

/**
 * The changes of one reply, in the order of their codes. An expression that fails, or a text that does not fit, ends the list:
 * the rules after it do nothing (seen of Kea 2.2).
 */
export function optionChanges(rules: readonly OptionRule[], context: EvaluationContext): OptionChange[] {
  const changes: OptionChange[] = [];
  try {
    for (const rule of rules) {
      if (rule.clientClass !== '' && !context.isMember(rule.clientClass)) continue;
      const data = dataOf(rule, context);
      if (data !== undefined) changes.push({ code: rule.code, action: rule.action, data });
    }
  } catch (error) {
    if (!(error instanceof EvaluationError) && !(error instanceof OptionTextError)) throw error;
  }
  return changes;
}

const NO_OCTETS = new Uint8Array(0);

/** The value to put in; undefined: nothing is done. */
function dataOf(rule: OptionRule, context: EvaluationContext): Uint8Array | undefined {
  if (rule.action === 'remove') return rule.test.evaluate(context) ? NO_OCTETS : undefined;
  const value = rule.value.evaluate(context);
  if (value === '') return undefined;
  return rule.definition === undefined ? bytesOf(value) : encodeOptionText(rule.definition, value, true);
}

/** The options after the changes; what is put in comes last. */
export function changeOptions(options: readonly OptionOctets[], changes: readonly OptionChange[]): OptionOctets[] {
  let changed = [...options];
  for (const { code, action, data } of changes) {
    if (action === 'add' && changed.some((option) => option.code === code)) continue;
    changed = changed.filter((option) => option.code !== code);
    if (action !== 'remove') changed.push({ code, data });
  }
  return changed;
}

/** The changes as a text: equal where they are. '' for none. */
export function changesKey(changes: readonly OptionChange[]): string {
  return changes.map(({ code, action, data }) => `${code}${action}${Buffer.from(data).toString('latin1')}\n`).join('');
}
