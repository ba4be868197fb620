/** The parts of the grammar that name something in the packet: options, sub-options, vendor options. */

import type { OptionRegistry } from '@lessor/dhcp';
import { type Token, TokenKind } from './lexer.js';
import type { BooleanNode, Place, StringNode } from './syntax-tree.js';
import { TokenReader } from './token-reader.js';

/** What an expression's text may refer to. */
export interface CompileOptions {
  readonly registry: OptionRegistry;
  /** True if member('name') may be asked for: a class defined before this one, or a built-in name. */
  isDefined(className: string): boolean;
}

/** An operand before its place has said which it must be. */
export type Either =
  | { readonly kind: 'boolean'; readonly node: BooleanNode }
  | { readonly kind: 'string'; readonly node: StringNode };

/** An operand that is a boolean. */
export const asBoolean = (node: BooleanNode): Either => ({ kind: 'boolean', node });
/** An operand that is a string. */
export const asString = (node: StringNode): Either => ({ kind: 'string', node });

/** Range of unsigned 32-bit numbers. */
export const UINT32_RANGE = { min: 0n, max: 0xffff_ffffn };

/** Parses what follows the words option, relay4, relay6, vendor and vendor-class. */
export class PlaceParser extends TokenReader {
  constructor(
    text: string,
    protected readonly options: CompileOptions,
  ) {
    super(text);
  }

  /** The rest of `option[first].option[b]...`, up to the suffix. */
  protected codeChain(first: number): number[] {
    const codes = [first];
    for (;;) {
      this.take('.');
      if (!this.accept('option')) return codes;
      codes.push(this.subOptionCode());
    }
  }

  /** `.exists`, `.hex` or `.text`; the dot is taken already. */
  protected suffixed(place: Place, wanted: 'string' | undefined): Either {
    const suffix = this.next();
    if (suffix.kind === 'exists' && wanted !== 'string') return asBoolean({ type: 'exists', place });
    if (suffix.kind === 'hex' || suffix.kind === 'text') return asString({ type: 'option', place, form: suffix.kind });
    return this.failAt(suffix, 'option', 'text', 'hex', ...(wanted === 'string' ? [] : ['exists']));
  }

  /** The rest of `vendor.enterprise`, `vendor[E].exists`, `vendor[E].option[c]...`. */
  protected vendor(wanted: 'string' | undefined): Either {
    if (this.accept('.')) {
      this.take('enterprise');
      return asString({ type: 'enterprise', of: 'vendor' });
    }
    const enterprise = this.enterprise();
    this.take('.');
    const next = this.next();
    if (next.kind === 'option') {
      return this.suffixed({ at: 'vendor', enterprise, codes: this.codeChain(this.subOptionCode()) }, wanted);
    }
    if (next.kind === 'exists' && wanted !== 'string') {
      return asBoolean({ type: 'vendor-exists', of: 'vendor', enterprise });
    }
    return this.failAt(next, 'option', ...(wanted === 'string' ? [] : ['exists']));
  }

  /** The rest of `vendor-class.enterprise`, `vendor-class[E].exists`, `vendor-class[E].data[i]`. */
  protected vendorClass(wanted: 'string' | undefined): Either {
    if (this.accept('.')) {
      this.take('enterprise');
      return asString({ type: 'enterprise', of: 'vendor-class' });
    }
    const enterprise = this.enterprise();
    this.take('.');
    const next = this.next();
    if (next.kind === 'exists' && wanted !== 'string') {
      return asBoolean({ type: 'vendor-exists', of: 'vendor-class', enterprise });
    }
    if (next.kind !== 'data') return this.failAt(next, ...(wanted === 'string' ? [] : ['exists']), 'data');
    let index = 0;
    if (this.accept('[')) {
      index = Number(this.integerIn(this.take(TokenKind.integer), { min: 0n, max: 255n }));
      this.take(']');
    }
    return asString({ type: 'vendor-class-data', enterprise, index });
  }

  /** relay6 is of DHCPv6; Kea refuses its nest level before it looks further. */
  protected relay6(): never {
    this.take('[');
    const level = this.take(TokenKind.integer);
    this.integerIn(level, { min: -128n, max: 127n });
    return this.refuse(level, 'Nest level invalid for DHCPv4 packets');
  }

  /** `[code]` or `[name]`, a name being one of the space dhcp4. */
  protected optionCode(): number {
    this.take('[');
    const token = this.next();
    let code: number | undefined;
    if (token.kind === TokenKind.integer) code = this.checkedCode(token);
    else if (token.kind === TokenKind.optionName) code = this.options.registry.findByName('dhcp4', token.text)?.code;
    else return this.failAt(token, TokenKind.integer, TokenKind.optionName);
    if (code === undefined) return this.refuse(token, `option '${token.text}' is not defined`);
    this.take(']');
    return code;
  }

  protected subOptionCode(): number {
    this.take('[');
    const code = this.checkedCode(this.take(TokenKind.integer));
    this.take(']');
    return code;
  }

  protected checkedCode(token: Token): number {
    const code = Number(token.text);
    if (code >= 0 && code <= 255) return code;
    return this.refuse(token, `Option code has invalid value in ${token.text}. Allowed range: 0..255`);
  }

  /** `[number]` or `[*]`, the latter as 0, which stands for any enterprise in Kea too. */
  protected enterprise(): number {
    if (!this.accept('[')) this.fail('[', '.');
    const kind = this.oneOf(['*', TokenKind.integer]);
    const enterprise = kind === '*' ? 0 : Number(this.integerIn(this.last, UINT32_RANGE));
    this.take(']');
    return enterprise;
  }
}
