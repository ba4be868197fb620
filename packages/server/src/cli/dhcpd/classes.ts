/** Client classes: those of dhcpd.conf, and those made of its conditions and of what its pools permit. */

import { OmapiRefusal } from '../../control/omapi/object.js';
import { keaCondition } from '../../control/omapi/statement-conditions.js';
import type { ParsedStatements } from '../../control/omapi/statements.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { Definitions } from './definitions.js';
import type { Notes } from './notes.js';
import { notePlain } from './plain.js';
import { isSetting, readSettings, scopeMembers } from './settings.js';
import { type ConfStatement, type ConfWord, isWord } from './tree.js';

/** What a class may hold that has no equivalent, with the reason. */
const LOST: Readonly<Record<string, string>> = {
  lease: 'leases of a class are limited by libdhcp_limits: see docs/limits.md',
  spawn: 'classes are not made by what clients send: write a subclass for each value, or a template class by hand',
};

/** What subclasses of a class are compared with. */
interface Matched {
  readonly key: readonly ConfWord[];
  /** Tests of the subclasses so far; any of them makes a client a member. */
  readonly tests: string[];
}

/** The classes of a conversion, in the order in which they have to be written. */
export class Classes {
  readonly #list: JsonMap[] = [];
  readonly #names = new Set<string>();
  readonly #matched = new Map<string, Matched>();

  constructor(
    private readonly definitions: Definitions,
    private readonly notes: Notes,
  ) {}

  /** For `client-classes`. */
  get json(): readonly JsonMap[] {
    return this.#list;
  }

  /** `class "NAME" { … }`. @param inherited statements of the groups it is in */
  addClass(statement: ConfStatement, inherited: readonly ConfStatement[]): void {
    const name = this.#nameOf(statement);
    const body = statement.body ?? [];
    const match = body.find(({ words }) => isWord(words[0], 'match'));
    if (name === undefined || match === undefined) {
      this.notes.lost(statement, 'a class needs a name and "match"');
      return;
    }
    this.#noteLost(body);
    if (isWord(match.words[1], 'if')) {
      const test = this.#condition(match.words.slice(2), match);
      if (test !== undefined) this.#define(name, test, [...inherited, ...body]);
      return;
    }
    this.#matched.set(name, { key: match.words.slice(1), tests: [] });
    this.#define(name, "'' == 'no subclass'", [...inherited, ...body]);
  }

  /** `subclass "NAME" VALUE;`, or with a block of its own. */
  addSubclass(statement: ConfStatement): void {
    const name = this.#nameOf(statement);
    const matched = name === undefined ? undefined : this.#matched.get(name);
    if (name === undefined || matched === undefined) {
      this.notes.lost(statement, 'there is no class of this name that has subclasses');
      return;
    }
    const equal: ConfWord = { kind: 'mark', text: '=' };
    const test = this.#condition([...matched.key, equal, ...statement.words.slice(2)], statement);
    if (test === undefined) return;
    matched.tests.push(test);
    const at = this.#list.findIndex((one) => one.name === name);
    const any = matched.tests.map((one) => `(${one})`).join(' or ');
    this.#list[at] = { ...this.#list[at]!, test: any };
    const own = (statement.body ?? []).filter(isSetting);
    this.#noteLost(statement.body ?? []);
    if (own.length > 0) this.#define(this.#free(`${name}-${matched.tests.length}`), test, own);
  }

  /** A class of everybody for whom a test holds. @returns its name */
  addTest(wanted: string, test: string): string {
    const same = this.#list.find((one) => one.test === test && Object.keys(one).length === 2);
    if (same !== undefined) return String(same.name);
    const name = this.#free(wanted);
    this.#list.push({ name, test });
    return name;
  }

  /** A class of all clients of a scope that asks for it, for what the scope itself can not hold. @returns its name */
  addAlways(wanted: string, members: JsonMap): string {
    const name = this.#free(`${wanted}-always`);
    this.#list.push({ name, test: "member('ALL')", 'only-in-additional-list': true, ...members, ...RANKED });
    return name;
  }

  /** Lease times for the members of a class: what is chosen once the pool is known comes too late for them. */
  addTimes(wanted: string, className: string, times: JsonMap): void {
    this.#list.push({ name: this.#free(`${wanted}-times`), test: `member('${className}')`, ...times });
  }

  /**
   * Classes for what a scope says under conditions; what depends on none is not in them.
   * @param within the class whose members alone are meant, if the scope is a class
   * @param additional only evaluated where a scope asks for them
   * @returns what holds always, and the names of the classes
   */
  addCases(
    settings: ParsedStatements,
    scope: string,
    { within, additional }: { readonly within?: string; readonly additional?: boolean },
  ): { readonly always: Record<string, JsonMap[string]>; readonly names: readonly string[] } {
    const { cases = [] } = settings;
    const all = scopeMembers(settings);
    if (cases.length === 0) return { always: all, names: [] };
    const variants = [
      ...cases.map(({ test, ...rest }) => ({ test, members: scopeMembers(rest) })),
      { test: '', members: all },
    ];
    const always = commonMembers(variants.map(({ members }) => members));
    const member = within === undefined ? [] : [`member('${within}')`];
    const names = variants.flatMap(({ test, members }, i) => {
      const own = without(members, always);
      if (Object.keys(own).length === 0) return [];
      const earlier = variants.slice(0, i).map((one) => `not (${one.test})`);
      const tests = [...member, ...earlier, ...(test === '' ? [] : [`(${test})`])];
      const name = this.#free(`${scope}-${i === cases.length ? 'else' : `if-${i + 1}`}`);
      const only: JsonMap = additional === true ? { 'only-in-additional-list': true } : {};
      this.#list.push({ name, test: tests.join(' and '), ...only, ...own, ...RANKED });
      return [name];
    });
    return { always, names };
  }

  #define(name: string, test: string, statements: readonly ConfStatement[]): void {
    this.#names.add(name);
    const settings = readSettings(statements.filter(isSetting), this.definitions.registry, this.notes);
    const at = this.#list.length;
    this.#list.push({ name, test });
    const { always } = this.addCases(settings, name, { within: name });
    const ranked = Object.keys(always).length > 0 ? RANKED : {};
    this.#list[at] = { name, test, ...always, ...ranked };
  }

  #noteLost(body: readonly ConfStatement[]): void {
    for (const statement of body) {
      const word = statement.words[0]?.text.toLowerCase() ?? '';
      if (word === 'match' || isSetting(statement)) continue;
      const why = Object.hasOwn(LOST, word) ? LOST[word] : undefined;
      if (why === undefined) notePlain(statement, this.notes, 'a class');
      else this.notes.lost(statement, why);
    }
  }

  #condition(words: readonly ConfWord[], statement: ConfStatement): string | undefined {
    try {
      return keaCondition(words, this.definitions.registry);
    } catch (error) {
      if (!(error instanceof OmapiRefusal)) throw error;
      this.notes.lost(statement, error.message.replace(/^statement '.*?': /s, ''));
      return undefined;
    }
  }

  #nameOf({ words: [, name] }: ConfStatement): string | undefined {
    return name?.kind === 'mark' ? undefined : name?.text;
  }

  #free(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#names.has(name); n++) name = `${wanted}-${n}`;
    this.#names.add(name);
    return name;
  }
}

/** Options of dhcpd's classes go before those of pools and subnets; Kea's go behind. lessor ranks marked ones as dhcpd. */
const RANKED = { 'user-context': { lessor: { omapi: { match: '' } } } };

type Members = Record<string, JsonMap[string]>;

/** What is the same in all of them: fields as they are, options one by one. */
function commonMembers(all: readonly Members[]): Members {
  const [first = new Map<string, string>(), ...others] = all.map(flatten);
  const same = [...first].filter(([key, value]) => others.every((one) => one.get(key) === value));
  return unflatten(new Map(same));
}

function without(members: Members, common: Members): Members {
  const left = flatten(members);
  for (const key of flatten(common).keys()) left.delete(key);
  return unflatten(left);
}

/** Each field and each option with its text. */
function flatten(members: Members): Map<string, string> {
  const flat = new Map<string, string>();
  for (const [name, value] of Object.entries(members)) {
    if (name !== 'option-data') flat.set(name, JSON.stringify(value));
    else
      for (const option of value as readonly JsonMap[])
        flat.set(`option ${option.space} ${option.code}`, JSON.stringify(option));
  }
  return flat;
}

function unflatten(flat: ReadonlyMap<string, string>): Members {
  const fields = [...flat].filter(([key]) => !key.startsWith('option '));
  const options = [...flat].filter(([key]) => key.startsWith('option ')).map(([, text]) => JSON.parse(text) as JsonMap);
  return {
    ...(Object.fromEntries(fields.map(([key, text]) => [key, JSON.parse(text)])) as Members),
    ...(options.length === 0 ? {} : { 'option-data': options }),
  };
}
