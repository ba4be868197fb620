/**
 * Words of one line, as omshell reads them: its lexer is that of dhcpd.conf, and its complaints show the line as far as
 * the lexer had read ahead. Scripts see those complaints, so the reading ahead is part of the behaviour.
 * Lines are binary strings.
 */

/** What a word is. `punctuation` is any other single character. */
export type TokenKind = 'end' | 'newline' | 'string' | 'number' | 'number-or-name' | 'name' | 'keyword' | 'punctuation';

/** One word. */
export interface Token {
  readonly kind: TokenKind;
  /** Of a string its contents; a keyword is as the user spelled it. */
  readonly text: string;
}

/**
 * Words that are commands, and one that looks like hexadecimal digits but is a word of dhcpd.conf. The other words of
 * dhcpd.conf can be told from names in one place only, after key-algorithm, and no algorithm is called so.
 */
const KEYWORDS: ReadonlySet<string> = new Set([
  'add',
  'close',
  'connect',
  'create',
  'disconnect',
  'help',
  'key',
  'key-algorithm',
  'new',
  'open',
  'port',
  'refresh',
  'remove',
  'server',
  'set',
  'unset',
  'update',
]);

/** Characters of a line that a complaint can show. */
const SHOWN_CHARACTERS = 80;
/** What reading past the end gives. The octet ff gives it, too: omshell can not tell them apart. */
const END = -1;
const END_OCTET = 0xff;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** True for words that can be names: of types, attributes, services, hosts. A single octet beyond ASCII is one. */
export function isIdentifier({ kind, text }: Token): boolean {
  return (
    kind === 'name' || kind === 'number-or-name' || kind === 'keyword' || (kind === 'punctuation' && text > '\x7f')
  );
}

/** True if a word is this character, and not a string that holds it. */
export function isMark({ kind, text }: Token, mark: string): boolean {
  return kind === 'punctuation' && text === mark;
}

/** True if a command ends here. */
export function isEnd({ kind }: Token): boolean {
  return kind === 'end' || kind === 'newline';
}

/** Reads a line word by word, and words complaints about it. */
export class OmshellLexer {
  /** Complaints so far, as they go to standard error. */
  complaints = '';

  private at = 0;
  private column = 1;
  private line = 1;
  /** Set if the next character has been seen before: it is then not shown a second time. */
  private seen = false;
  /** The line being read, and the one before it. They take turns. */
  private current = { text: '' };
  private previous = { text: '' };

  private shownLine = this.current;
  private tokenLine = 0;
  private tokenColumn = 0;
  private peeked: { readonly token: Token; line: number; column: number } | undefined;
  /** What strings leave behind: a bad escape shows what stood there before. */
  private readonly buffer = new Uint8Array(2048);

  constructor(private readonly input: string) {}

  /** Takes the next word. */
  next(): Token {
    if (this.peeked !== undefined) {
      const { token, line, column } = this.peeked;
      this.peeked = undefined;
      if (this.tokenLine !== line) this.shownLine = this.current;
      this.tokenLine = line;
      this.tokenColumn = column;
      return token;
    }
    const token = this.read();
    this.shownLine = this.current;
    return token;
  }

  /** Looks at the next word. */
  peek(): Token {
    if (this.peeked === undefined) {
      const [line, column] = [this.tokenLine, this.tokenColumn];
      const token = this.read();
      if (this.tokenLine !== line) this.shownLine = this.previous;
      this.peeked = { token, line: this.tokenLine, column: this.tokenColumn };
      this.tokenLine = line;
      this.tokenColumn = column;
    }
    return this.peeked.token;
  }

  /** Takes all that is left of the line, without blanks around it and without a comment. */
  rest(): string {
    const rest = this.input.slice(this.at).replace(/#.*/s, '');
    this.at = this.input.length;
    return rest.trim();
  }

  /** Passes over the rest of a statement: to a semicolon or newline, or the brace that closes one opened on the way. */
  skip(): void {
    for (let braces = 0; ; ) {
      const token = this.peek();
      if (isMark(token, '{')) braces++;
      else if (isMark(token, '}') && braces > 0) braces--;
      const ends = isEnd(token) || (braces === 0 && (isMark(token, '}') || isMark(token, ';')));
      this.next();
      if (ends) return;
    }
  }

  /** Complains about the last word taken: the message, the line as far as it was read, a caret. */
  warn(message: string): void {
    const shown = this.shownLine.text;
    let indent = '';
    for (let i = 0; i < shown.length && i < this.tokenColumn - 1; i++) {
      indent += ' ';
      if (shown[i] === '\t') indent = indent.padEnd(Math.ceil(indent.length / 8) * 8);
    }
    const caret = this.tokenColumn <= SHOWN_CHARACTERS ? `${indent}^` : '^';
    this.complaints += `<STDIN> line ${this.tokenLine}: ${message}\n${shown}\n${caret}\n`;
  }

  private get(): number {
    const code = this.at < this.input.length ? this.input.charCodeAt(this.at++) : END;
    const character = code === END_OCTET ? END : code;
    if (this.seen) {
      this.seen = false;
    } else if (character === NEWLINE) {
      [this.current, this.previous] = [this.previous, this.current];
      this.current.text = '';
      this.line++;
      this.column = 1;
    } else if (character !== END) {
      if (this.column <= SHOWN_CHARACTERS) this.current.text += String.fromCharCode(character);
      this.column++;
    }
    return character;
  }

  private unget(character: number): void {
    if (character === END) return;
    this.at--;
    this.seen = true;
  }

  private read(): Token {
    for (;;) {
      const [line, column] = [this.line, this.column];
      const c = this.get();
      if (isBlank(c)) {
        // Blanks are a word of their own, which ends where another character has been read and given back.
        let after = c;
        for (let length = 0; isBlank(after); after = this.get()) {
          this.buffer[length++] = after;
          this.buffer[length] = 0;
        }
        this.unget(after);
        if (after === END) return { kind: 'end', text: '' };
        continue;
      }
      if (c === 0x23) {
        while (![NEWLINE, END].includes(this.get()));
        continue;
      }
      if (c === END) return { kind: 'end', text: '' };
      this.tokenLine = line;
      this.tokenColumn = column;
      return this.readFrom(c);
    }
  }

  private readFrom(c: number): Token {
    if (c === QUOTE) return { kind: 'string', text: this.readString() };
    if (isDigit(c) || c === 0x2d) return this.readNumber(c);
    if (isLetter(c)) return this.readName(c);
    return { kind: c === NEWLINE ? 'newline' : 'punctuation', text: String.fromCharCode(c) };
  }

  /** Digits make a number, hexadecimal ones a byte, other letters a name; never back again, but for 0x. */
  private readNumber(first: number): Token {
    let text = String.fromCharCode(first);
    let kind: TokenKind = 'number';
    for (;;) {
      const c = this.get();
      if (kind === 'number' && isDigit(c)) {
        // stays a number
      } else if (kind !== 'name' && isHexDigit(c)) {
        kind = 'number-or-name';
      } else if (isHexDigit(c) && /^0x$/i.test(text)) {
        kind = 'number-or-name';
      } else if (isNameCharacter(c)) {
        kind = 'name';
      } else {
        this.unget(c);
        this.buffer.set(Buffer.from(`${text}\0`, 'latin1'));
        return { kind, text };
      }
      text += String.fromCharCode(c);
    }
  }

  private readName(first: number): Token {
    let text = String.fromCharCode(first);
    let kind: TokenKind = 'number-or-name';
    for (let c = this.get(); ; c = this.get()) {
      if (!isNameCharacter(c)) {
        this.unget(c);
        break;
      }
      if (!isHexDigit(c)) kind = 'name';
      text += String.fromCharCode(c);
    }
    this.buffer.set(Buffer.from(`${text}\0`, 'latin1'));
    return { kind: KEYWORDS.has(text.toLowerCase()) ? 'keyword' : kind, text };
  }

  /** The contents of a string, up to the first NUL. */
  private readString(): string {
    let length = 0;
    let escaped: 'none' | 'begun' | NumericEscape = 'none';
    for (;;) {
      const c = this.get();
      if (c === END) {
        this.warn('eof in string constant');
        break;
      }
      if (escaped === 'none') {
        if (c === QUOTE) break;
        if (c === BACKSLASH) escaped = 'begun';
        else this.buffer[length++] = c;
      } else if (escaped === 'begun') {
        escaped = beginNumericEscape(c) ?? 'none';
        if (escaped === 'none') this.buffer[length++] = ESCAPES[String.fromCharCode(c)] ?? c;
      } else {
        const digit = Number.parseInt(String.fromCharCode(c), escaped.base);
        if (!Number.isNaN(digit)) {
          escaped.value = escaped.value * escaped.base + digit;
          if (--escaped.missing === 0) {
            this.buffer[length++] = escaped.value;
            escaped = 'none';
          }
        } else if (escaped.base === 16) {
          this.warn(`invalid hex digit: ${signedHex(c)}`);
          length++; // whatever stood there before
          escaped = 'none';
        } else if (escaped.value !== 0) {
          this.warn(`invalid octal digit ${signedHex(c)}`);
          length++; // and the number goes on
        } else {
          this.buffer[length] = 0; // the next character counts as escaped
          escaped = 'begun';
        }
      }
    }
    this.buffer[length] = 0;
    return Buffer.from(this.buffer.subarray(0, this.buffer.indexOf(0))).toString('latin1');
  }
}

/** An octet written as a number: two hexadecimal digits, or three octal ones. */
interface NumericEscape {
  readonly base: 8 | 16;
  value: number;
  missing: number;
}

function beginNumericEscape(c: number): NumericEscape | undefined {
  if (c === 0x78) return { base: 16, value: 0, missing: 2 };
  return c >= 0x30 && c <= 0x33 ? { base: 8, value: c - 0x30, missing: 2 } : undefined;
}

const ESCAPES: Readonly<Record<string, number>> = { t: 0x09, r: 0x0d, n: 0x0a, b: 0x08 };

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09 || (c >= 0x0b && c <= 0x0d);
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

function isLetter(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
}

function isHexDigit(c: number): boolean {
  return isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66);
}

function isNameCharacter(c: number): boolean {
  return isLetter(c) || isDigit(c) || c === 0x2d || c === 0x5f;
}

/** A character as C's %x prints it: those above 7f are negative there. */
function signedHex(c: number): string {
  return (c < 0x80 ? c : c - 0x100 + 2 ** 32).toString(16);
}
