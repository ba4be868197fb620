/** Options that expressions compute for each reply (Kea: libdhcp_flex_option, hook point pkt4_send). */

import { encodeOptionText, type OptionDefinition, type OptionOctets, OptionTextError } from '@lessor/dhcp';
import { type CompiledExpression, type EvaluationContext, EvaluationError } from '../classes/expression.js';
import { bytesOf, type Octets } from '../values.js';
import { changeSubOption, type SubOptionPlace } from './sub-option-change.js';

/** Which sub-option, and for whom. */
export interface SubOptionRule extends SubOptionPlace {
  /** Only for members of this class, too; '' for all. */
  readonly clientClass: string;
}

/** What is done with one option. */
export type OptionRule = {
  readonly code: number;
  /** Only for members of this class; '' for all. */
  readonly clientClass: string;
  /** A sub-option of the option is meant. */
  readonly sub?: SubOptionRule;
} & (
  | {
      /** `add`: unless the reply has it; `supersede`: in place of what the reply has. Not where the value is empty. */
      readonly action: 'add' | 'supersede';
      readonly value: CompiledExpression<Octets>;
      /** The value is text of this option (or sub-option), values by commas; undefined: it is the octets. */
      readonly definition: OptionDefinition | undefined;
    }
  /** The reply goes without it where the test holds. */
  | { readonly action: 'remove'; readonly test: CompiledExpression<boolean> }
);

/** A rule that acts on the reply at hand. */
export interface OptionChange {
  readonly code: number;
  readonly action: OptionRule['action'];
  /** It is done to this sub-option of the option. */
  readonly sub?: SubOptionPlace | undefined;
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
      const { code, action, sub, clientClass } = rule;
      if (!isFor(clientClass, context) || (sub !== undefined && !isFor(sub.clientClass, context))) continue;
      const data = dataOf(rule, context);
      if (data === undefined) continue;
      if (sub !== undefined && data.length > LONGEST_SUB_OPTION) break;
      changes.push({ code, action, data, sub });
    }
  } catch (error) {
    if (!(error instanceof EvaluationError) && !(error instanceof OptionTextError)) throw error;
  }
  return changes;
}

function isFor(clientClass: string, context: EvaluationContext): boolean {
  return clientClass === '' || context.isMember(clientClass);
}

/** Its length is one octet. */
const LONGEST_SUB_OPTION = 255;
const NO_OCTETS = new Uint8Array(0);

/** The value to put in; undefined: nothing is done. */
function dataOf(rule: OptionRule, context: EvaluationContext): Uint8Array | undefined {
  if (rule.action === 'remove') return rule.test.evaluate(context) ? NO_OCTETS : undefined;
  const value = rule.value.evaluate(context);
  if (value === '') return undefined;
  return rule.definition === undefined ? bytesOf(value) : encodeOptionText(rule.definition, value, true);
}

/** The options after the changes; what is put in comes last, an option with other sub-options stays in its place. */
export function changeOptions(options: readonly OptionOctets[], changes: readonly OptionChange[]): OptionOctets[] {
  let changed = [...options];
  for (const { code, action, data, sub } of changes) {
    if (sub !== undefined) {
      changed = changeInside(changed, code, sub, action, data);
      continue;
    }
    if (action === 'add' && changed.some((option) => option.code === code)) continue;
    changed = changed.filter((option) => option.code !== code);
    if (action !== 'remove') changed.push({ code, data });
  }
  return changed;
}

function changeInside(
  options: readonly OptionOctets[],
  code: number,
  place: SubOptionPlace,
  action: OptionRule['action'],
  data: Uint8Array,
): OptionOctets[] {
  const before = options.find((option) => option.code === code);
  const after = changeSubOption(before?.data, place, action, data);
  if (after === undefined) return options.filter((option) => option !== before);
  if (before === undefined) return [...options, { code, data: after }];
  return options.map((option) => (option === before ? { code, data: after } : option));
}

/**
 * The changes in a reply that has `own` options outside of its template. One that adds what is there is none; where
 * sub-options of one change, it is put into the template first.
 */
export function changesBeside(changes: readonly OptionChange[], own: readonly OptionOctets[]): readonly OptionChange[] {
  const seeds = own.filter(({ code }) => changes.some((change) => change.sub !== undefined && change.code === code));
  const seeded = seeds.map(
    ({ code, data }): OptionChange => ({ code, action: 'supersede', data: Uint8Array.from(data) }),
  );
  const has = (code: number): boolean => own.some((option) => option.code === code);
  return [...seeded, ...changes.filter(({ action, code, sub }) => sub !== undefined || action !== 'add' || !has(code))];
}

/** The changes as a text: equal where they are. '' for none. */
export function changesKey(changes: readonly OptionChange[]): string {
  return changes
    .map(({ code, action, data, sub }) => {
      const inside = sub === undefined ? '' : `.${sub.enterprise ?? ''}.${sub.code}.${sub.container}`;
      return `${code}${inside}${action}${Buffer.from(data).toString('latin1')}\n`;
    })
    .join('');
}
