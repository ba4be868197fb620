/** The syntax tree of an expression: what the parser makes and the compiler reads. */

import type { Octets } from '../values.js';

/** Fields of a DHCPv4 header (`pkt4.NAME`) by Kea's name. */
export const PKT4_FIELDS = [
  'mac',
  'hlen',
  'htype',
  'ciaddr',
  'giaddr',
  'yiaddr',
  'siaddr',
  'msgtype',
  'transid',
] as const;
/** What is known about the datagram (`pkt.NAME`). */
export const PKT_FIELDS = ['iface', 'src', 'dst', 'len'] as const;
/** Integer types with a `...totext` function, and how many octets each takes. */
export const INTEGER_TYPES = {
  int8: { octets: 1, signed: true },
  int16: { octets: 2, signed: true },
  int32: { octets: 4, signed: true },
  uint8: { octets: 1, signed: false },
  uint16: { octets: 2, signed: false },
  uint32: { octets: 4, signed: false },
} as const;

/** Where a value or an existence test looks. */
export type Place =
  /** option[a].option[b]... from the top level of the packet. */
  | { readonly at: 'packet'; readonly codes: readonly number[] }
  /** relay4[a].option[b]...: inside option 82. */
  | { readonly at: 'relay'; readonly codes: readonly number[] }
  /** vendor[E].option[a]...: inside option 125; enterprise 0 is any (`*`). */
  | { readonly at: 'vendor'; readonly enterprise: number; readonly codes: readonly number[] };

/** A node whose value is a byte string. */
export type StringNode =
  | { readonly type: 'literal'; readonly value: Octets }
  | { readonly type: 'option'; readonly place: Place; readonly form: 'hex' | 'text' }
  | { readonly type: 'pkt'; readonly field: (typeof PKT_FIELDS)[number] }
  | { readonly type: 'pkt4'; readonly field: (typeof PKT4_FIELDS)[number] }
  | { readonly type: 'enterprise'; readonly of: 'vendor' | 'vendor-class' }
  | { readonly type: 'vendor-class-data'; readonly enterprise: number; readonly index: number }
  | { readonly type: 'concat'; readonly parts: readonly StringNode[] }
  | {
      readonly type: 'substring';
      readonly of: StringNode;
      readonly start: number;
      /** undefined is `all`. */
      readonly length: number | undefined;
    }
  | { readonly type: 'split'; readonly of: StringNode; readonly delimiters: StringNode; readonly field: number }
  | { readonly type: 'lcase' | 'ucase' | 'addrtotext'; readonly of: StringNode }
  | { readonly type: 'inttotext'; readonly integer: keyof typeof INTEGER_TYPES; readonly of: StringNode }
  | { readonly type: 'hexstring'; readonly of: StringNode; readonly separator: StringNode }
  | {
      readonly type: 'ifelse';
      /** sifelse: both branches are evaluated, so an error in either one counts. */
      readonly strict: boolean;
      readonly condition: BooleanNode;
      readonly then: StringNode;
      readonly otherwise: StringNode;
    };

/** A node that is true or false. */
export type BooleanNode =
  | { readonly type: 'not'; readonly of: BooleanNode }
  /** Operators in a row are one node; `sand` and `sor` evaluate every operand. */
  | { readonly type: 'and' | 'sand' | 'or' | 'sor'; readonly operands: readonly BooleanNode[] }
  | { readonly type: 'equal'; readonly left: StringNode; readonly right: StringNode }
  | { readonly type: 'exists'; readonly place: Place }
  | { readonly type: 'vendor-exists'; readonly of: 'vendor' | 'vendor-class'; readonly enterprise: number }
  | { readonly type: 'member'; readonly className: string }
  | { readonly type: 'match'; readonly regex: Octets; readonly matches: Pattern; readonly of: StringNode };

/** A compiled regular expression: true if it takes the whole value. */
export type Pattern = (value: Octets) => boolean;

/** A parsed expression. */
export interface SyntaxTree<Root> {
  readonly root: Root;
  /** Classes asked for by member('...'), in order of appearance, each once. */
  readonly memberNames: readonly string[];
}
