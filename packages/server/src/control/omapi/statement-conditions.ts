/**
 * Conditions of `if`: dhcpd's expressions as those of Kea's classes, which the packet path knows. Understood are
 * comparisons of options, strings and octets, `exists`, `known`, `not`, `and`, `or`, and substring, suffix, concat,
 * lcase, ucase, pick-first-value; binary-to-ascii and extract-int where they are compared with a constant.
 */

import type { OptionRegistry } from '@lessor/dhcp';
import { formatHex, type Octets } from '../../domain/values.js';
import { carrierOf, findOption, TOP_SPACE } from './statement-options.js';
import { colonHex } from './statement-values.js';
import { isMark, refused, type Word } from './statement-words.js';

/** The condition as a Kea expression. @throws OmapiRefusal BADPARSE */
export function keaCondition(condition: readonly Word[], registry: OptionRegistry): string {
  return new ConditionReader(condition, registry).whole();
}

/** Widths of numbers in bits. */
const WIDTHS: ReadonlySet<number> = new Set([8, 16, 32]);

/** One side of a comparison that is no octets itself. */
interface Measured {
  /** The octets it is made of. */
  readonly data: string;
  /** Those that make it what it is compared with. */
  readonly octets: (word: Word | undefined) => string;
}

/** Conditions nest no deeper; the parser is recursive. */
const MAX_DEPTH = 50;

class ConditionReader {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly words: readonly Word[],
    private readonly registry: OptionRegistry,
  ) {}

  whole(): string {
    const text = this.either();
    if (this.at < this.words.length) throw this.fault(`'${this.words[this.at]!.text}' is not understood here`);
    return text;
  }

  private either(): string {
    let text = this.both();
    while (this.takes('or')) text = `${text} or ${this.both()}`;
    return text;
  }

  private both(): string {
    let text = this.negated();
    while (this.takes('and')) text = `${text} and ${this.negated()}`;
    return text;
  }

  private negated(): string {
    if (++this.depth > MAX_DEPTH) throw this.fault('it nests too deeply');
    try {
      if (this.takes('not')) return `not (${this.negated()})`;
      if (this.takes('exists')) return `${this.option()}.exists`;
      if (this.takes('known')) return "member('KNOWN')";
      if (!isMark(this.words[this.at], '(')) return this.comparison();
      this.at++;
      const text = this.either();
      this.needs(')');
      return `(${text})`;
    } finally {
      this.depth--;
    }
  }

  private comparison(): string {
    const measured = this.measured();
    const left = measured?.data ?? this.data();
    const differs = isMark(this.words[this.at], '!');
    if (differs) this.at++;
    this.needs('=');
    const right = measured === undefined ? this.data() : measured.octets(this.words[this.at++]);
    return differs ? `not (${left} == ${right})` : `${left} == ${right}`;
  }

  /** Octets as a number or as text with numbers: compared are the octets that a constant stands for. */
  private measured(): Measured | undefined {
    if (this.takes('binary-to-ascii')) return this.binaryToAscii();
    return this.takes('extract-int') ? this.extractInt() : undefined;
  }

  /** `binary-to-ascii(BASE, BITS, SEPARATOR, DATA)`: numbers without zeros before them. */
  private binaryToAscii(): Measured {
    this.needs('(');
    const base = this.number(false);
    const bits = this.number(true);
    this.comma();
    const separator = this.words[this.at++];
    if (base < 2 || base > 36 || !WIDTHS.has(bits) || separator?.kind !== 'string' || separator.text === '') {
      throw this.fault('such numbers can not be read back');
    }
    this.comma();
    const data = this.data();
    this.needs(')');
    return {
      data,
      octets: (word) => {
        const numbers = (word?.text ?? '').split(separator.text).map((digits) => Number.parseInt(digits, base));
        const written = numbers.map((number) => number.toString(base)).join(separator.text);
        if (word?.kind !== 'string' || written !== word.text) throw this.fault(`it is never '${word?.text}'`);
        return this.numbers(numbers, bits);
      },
    };
  }

  /** `extract-int(DATA, BITS)`, compared with a number. */
  private extractInt(): Measured {
    this.needs('(');
    const data = this.data();
    const bits = this.number(true);
    this.needs(')');
    if (!WIDTHS.has(bits)) throw this.fault('numbers have 8, 16 or 32 bits');
    return {
      data: `substring(${data}, 0, ${bits / 8})`,
      octets: (word) => this.numbers([/^\d+$/.test(word?.text ?? '') ? Number(word?.text) : Number.NaN], bits),
    };
  }

  private numbers(numbers: readonly number[], bits: number): string {
    if (!numbers.every((number) => number >= 0 && number < 2 ** bits)) throw this.fault('a number is expected');
    return `0x${numbers.map((number) => number.toString(16).padStart(bits / 4, '0')).join('')}`;
  }

  private data(): string {
    const word = this.words[this.at++];
    if (word?.kind === 'string') return literal(word.text);
    if (word?.kind !== 'text') throw this.fault('a value is missing');
    const name = word.text.toLowerCase();
    switch (name) {
      case 'option':
        return `${this.option()}.hex`;
      case 'hardware':
        // dhcpd's hardware begins with the type; leases and reservations know Ethernet only.
        return 'concat(0x01, pkt4.mac)';
      case 'substring':
        return this.call((next) => `substring(${next()}, ${this.number(true)}, ${this.number(true)})`);
      case 'suffix':
        return this.call((next) => `substring(${next()}, -${this.number(true)}, all)`);
      case 'concat':
        return this.call((next) => {
          let text = `concat(${next()}, ${this.comma()}${next()})`;
          while (isMark(this.words[this.at], ',')) text = `concat(${text}, ${this.comma()}${next()})`;
          return text;
        });
      case 'pick-first-value':
        return this.call((next) => {
          const values = [next()];
          while (isMark(this.words[this.at], ',')) values.push(`${this.comma()}${next()}`);
          // Only options may be absent; whatever else there is has a value.
          return values.reduceRight((rest, value) =>
            value.endsWith('.hex') ? `ifelse(${value.replace(/hex$/, 'exists')}, ${value}, ${rest})` : value,
          );
        });
      case 'lcase':
      case 'ucase':
        return this.call((next) => `${name}(${next()})`);
      default:
        return this.octets(word);
    }
  }

  private octets({ text }: Word): string {
    const octets = colonHex(text) ?? (/^[0-9a-f]{2}$/i.test(text) ? fromHex(text) : undefined);
    if (octets === undefined) throw this.fault(`'${text}' is not understood here`);
    return `0x${formatHex(octets, '')}`;
  }

  private call(body: (next: () => string) => string): string {
    if (++this.depth > MAX_DEPTH) throw this.fault('it nests too deeply');
    this.needs('(');
    const text = body(() => this.data());
    this.needs(')');
    this.depth--;
    return text;
  }

  /** An argument that is a number. @param after it follows a comma */
  private number(after: boolean): number {
    if (after) this.comma();
    const text = this.words[this.at++]?.text ?? '';
    if (!/^\d{1,4}$/.test(text)) throw this.fault('a number is expected');
    return Number(text);
  }

  private comma(): '' {
    this.needs(',');
    return '';
  }

  /** An option as Kea's expressions call it. */
  private option(): string {
    const word = this.words[this.at++];
    if (word?.kind !== 'text') throw this.fault('the name of an option is missing');
    if (word.text === 'agent.circuit-id') return 'relay4[1]';
    if (word.text === 'agent.remote-id') return 'relay4[2]';
    const { space, code } = findOption(this.words, word.text, this.registry);
    if (space === TOP_SPACE) return `option[${code}]`;
    const carrier = carrierOf(space, this.registry);
    if (carrier === undefined) throw this.fault(`no option is defined to encapsulate '${space}'`);
    return `option[${carrier}].option[${code}]`;
  }

  private takes(word: string): boolean {
    const next = this.words[this.at];
    const found = next?.kind === 'text' && next.text.toLowerCase() === word;
    if (found) this.at++;
    return found;
  }

  private needs(mark: string): void {
    if (!isMark(this.words[this.at], mark)) throw this.fault(`'${mark}' is missing`);
    this.at++;
  }

  private fault(why: string) {
    return refused([{ kind: 'text', text: 'if' }, ...this.words], why);
  }
}

/** Kea's strings have no escapes. */
function literal(text: Octets): string {
  if (text === '') return "''";
  return /^[ -&(-~]+$/.test(text) ? `'${text}'` : `0x${formatHex(text, '')}`;
}

function fromHex(text: string): Octets {
  return String.fromCharCode(Number.parseInt(text, 16));
}
