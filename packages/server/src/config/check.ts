/**
 * Checks a positioned tree against the parameter table: names, types, bounds, words, mandatory members and old names.
 * Everything wrong is reported; what is right comes out as Sections.
 */

import { atOnce, type Sliced } from '../domain/slices.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import { type IssueList, memberPath, positionOf, type TextPosition } from './issues.js';
import { type Alias, findParameter, type Parameter, SCHEMA, type Scope, type ScopeName } from './schema.js';
import { type CheckedMember, type PositionedText, Section } from './section.js';
import { nearestWord } from './spelling.js';
import { type ConfigNode, jsonMap, KIND_NAMES, type MapMember, type MapNode, toJson } from './tree.js';

/** Checks a map as a scope of the table. Never throws; what is wrong goes to `issues`. */
export function checkSection(node: MapNode, scope: ScopeName, path: string, issues: IssueList): Section {
  return atOnce(checkSectionSliced(node, scope, path, issues));
}

/** {@link checkSection}, to be interrupted before every map in it. */
export function checkSectionSliced(node: MapNode, scope: ScopeName, path: string, issues: IssueList): Sliced<Section> {
  return new Checker(issues).section(node, scope, path);
}

class Checker {
  constructor(private readonly issues: IssueList) {}

  *section(map: MapNode, scope: ScopeName, path: string): Sliced<Section> {
    yield;
    const row = SCHEMA[scope];
    const checked = new Map<string, CheckedMember>();
    const others: [string, Json][] = [];
    const given = new Set<string>();
    for (const [name, member] of map.members) {
      if (row.context && (name === 'user-context' || name === 'comment')) continue;
      const resolved = this.resolveAlias(row, name, member, map, path);
      const parameter = resolved && findParameter(scope, resolved.name);
      if (resolved === undefined || parameter === undefined) {
        if (resolved !== undefined && row.open) others.push([name, toJson(member.value)]);
        else if (resolved !== undefined) this.unknown(scope, name, member, path);
        continue;
      }
      given.add(parameter.name);
      const own = memberPath(path, name);
      const nested = parameter.type === 'map' || parameter.type === 'maps';
      const value = this.isRefused(parameter, resolved.value, own, member.keyAt)
        ? undefined
        : nested
          ? yield* this.maps(parameter, resolved.value, own)
          : this.typed(parameter, resolved.value, own);
      if (value !== undefined) this.warnIfIdle(parameter, value, member.keyAt, own);
      if (value === undefined) continue;
      const node = parameter.type === 'json' && resolved.value.kind === 'map' ? resolved.value : undefined;
      checked.set(parameter.name, { at: resolved.value.at, value, ...(node === undefined ? {} : { node }) });
    }
    this.requireMandatory(row, given, map, path);
    const context = row.context ? this.userContext(map, path) : undefined;
    const contextNode = row.context ? map.members.get('user-context')?.value : undefined;
    return new Section(
      scope,
      map.at,
      path,
      checked,
      context,
      others,
      given,
      contextNode?.kind === 'map' ? contextNode : undefined,
    );
  }

  /** The current name and value of a member given under an old name; undefined if it must not be given here. */
  private resolveAlias(
    row: Scope,
    name: string,
    member: MapMember,
    node: MapNode,
    path: string,
  ): { name: string; value: ConfigNode } | undefined {
    const alias = row.aliases?.find((candidate) => candidate.name === name);
    if (alias === undefined) return { name, value: member.value };
    const position = positionOf(member.keyAt, memberPath(path, name));
    const newer = node.members.get(alias.to);
    if (newer !== undefined) {
      this.issues.error(
        'config-conflict',
        position,
        `"${name}" is the old name of "${alias.to}": give only the latter`,
      );
      return undefined;
    }
    this.issues.warning(
      'config-unknown',
      position,
      `"${name}" is an old name: it is read as "${alias.to}" (${alias.doc})`,
    );
    return { name: alias.to, value: convertAlias(alias, member.value) };
  }

  private unknown(scope: ScopeName, name: string, member: MapMember, path: string): void {
    const { title, parameters, context } = SCHEMA[scope];
    const known = parameters.filter((row) => row.status !== 'unsupported').map((row) => row.name);
    const nearest = nearestWord(name, context ? [...known, 'user-context', 'comment'] : known);
    const elsewhere = (Object.keys(SCHEMA) as ScopeName[]).filter((other) => findParameter(other, name) !== undefined);
    let hint = '';
    if (scope === 'dhcp-ddns' && findParameter('Dhcp4', `ddns-${name}`) !== undefined)
      hint = `; since Kea 1.7 it is "ddns-${name}" of Dhcp4 (\`lessor upgrade-config\` moves it)`;
    else if (nearest !== undefined) hint = `; did you mean "${nearest}"?`;
    else if (elsewhere.length > 0)
      hint = `; it belongs in ${elsewhere.map((other) => SCHEMA[other].title).join(' or ')}`;
    this.issues.error(
      'config-unknown',
      positionOf(member.keyAt, memberPath(path, name)),
      `unknown parameter "${name}" in ${title}${hint}`,
    );
  }

  private requireMandatory(row: Scope, given: ReadonlySet<string>, node: MapNode, path: string): void {
    for (const parameter of row.parameters) {
      if (parameter.mandatory && !given.has(parameter.name)) {
        const note = parameter.note === undefined ? '' : ` (${parameter.note})`;
        this.issues.error(
          'config-missing',
          positionOf(node.at, path),
          `mandatory parameter "${parameter.name}" is missing in ${row.title}${note}`,
        );
      }
    }
  }

  /** `user-context` with `comment` as its member, as Kea keeps it. */
  private userContext(node: MapNode, path: string): JsonMap | undefined {
    const context = node.members.get('user-context');
    const comment = node.members.get('comment');
    if (comment === undefined && context?.value.kind === 'map') return toJson(context.value) as JsonMap;
    const members: [string, Json][] = [];
    if (context !== undefined) {
      if (context.value.kind === 'map') {
        members.push(...Object.entries(toJson(context.value) as JsonMap));
      } else if (context.value.kind !== 'null') {
        this.wrongType(context.value, 'a map', memberPath(path, 'user-context'));
      }
    }
    if (comment !== undefined) {
      const own = memberPath(path, 'comment');
      if (comment.value.kind !== 'string') this.wrongType(comment.value, 'a string', own);
      else if (members.some(([name]) => name === 'comment')) {
        const position = positionOf(comment.keyAt, own);
        this.issues.error('config-duplicate', position, 'the user-context has a "comment" of its own');
      } else members.push(['comment', comment.value.value]);
    }
    return members.length > 0 || context?.value.kind === 'map' ? jsonMap(members) : undefined;
  }

  /** Reports a member that is known and not supported. */
  private isRefused(parameter: Parameter, node: ConfigNode, path: string, keyAt: TextPosition): boolean {
    if (parameter.status !== 'unsupported' || (node.kind === 'list' && node.items.length === 0)) return false;
    const message = `"${parameter.name}" is not supported: ${parameter.note}`;
    this.issues.error('config-unsupported', positionOf(keyAt, path), message);
    return true;
  }

  /** Warns where a value asks for something that will not happen. */
  private warnIfIdle(
    { name, status, note, default: usual }: Parameter,
    value: unknown,
    keyAt: TextPosition,
    path: string,
  ): void {
    if (value === usual || (status !== 'inactive' && status !== 'no-effect')) return;
    const position = positionOf(keyAt, path);
    if (status === 'inactive') {
      this.issues.warning('config-unsupported', position, `"${name}" is kept but does nothing: ${note}`);
    } else {
      this.issues.warning('config-unsupported', position, `"${name}" has no effect: ${note}`);
    }
  }

  private *maps(
    parameter: Parameter,
    node: ConfigNode,
    path: string,
  ): Sliced<Section | readonly Section[] | undefined> {
    if (parameter.type === 'maps') return yield* this.sections(parameter, node, path);
    return node.kind === 'map'
      ? yield* this.section(node, parameter.scope!, path)
      : this.wrongType(node, 'a map', path);
  }

  private typed(parameter: Parameter, node: ConfigNode, path: string): CheckedMember['value'] | undefined {
    switch (parameter.type) {
      case 'boolean':
        return node.kind === 'boolean' ? node.value : this.wrongType(node, 'a boolean', path);
      case 'integer':
        return node.kind === 'integer'
          ? this.bounded(parameter, node.value, node.at, path)
          : this.wrongType(node, 'an integer', path);
      case 'real':
        return node.kind === 'integer' || node.kind === 'real'
          ? this.bounded(parameter, node.value, node.at, path)
          : this.wrongType(node, 'a number', path);
      case 'string':
        return node.kind === 'string'
          ? this.text(parameter, node.value, node.at, path)
          : this.wrongType(node, 'a string', path);
      case 'strings':
        return this.texts(parameter, node, path);
      case 'json':
        if (node.kind === 'null') return undefined;
        return node.kind === 'map' ? toJson(node) : this.wrongType(node, 'a map', path);
      default:
        return undefined;
    }
  }

  private *sections(parameter: Parameter, node: ConfigNode, path: string): Sliced<readonly Section[] | undefined> {
    if (node.kind !== 'list') return this.wrongType(node, 'a list', path);
    const sections: Section[] = [];
    for (const [index, item] of node.items.entries()) {
      const own = `${path}[${index}]`;
      if (item.kind === 'map') sections.push(yield* this.section(item, parameter.scope!, own));
      else this.wrongType(item, 'a map', own);
    }
    return sections;
  }

  private texts(parameter: Parameter, node: ConfigNode, path: string): readonly PositionedText[] | undefined {
    if (node.kind !== 'list') return this.wrongType(node, 'a list of strings', path);
    if (parameter.notEmpty && node.items.length === 0) {
      this.issues.error('config-range', positionOf(node.at, path), `"${parameter.name}" must not be empty`);
    }
    const texts: PositionedText[] = [];
    node.items.forEach((item, index) => {
      const own = `${path}[${index}]`;
      if (item.kind !== 'string') this.wrongType(item, 'a string', own);
      else {
        const text = this.text({ ...parameter, notEmpty: true }, item.value, item.at, own);
        if (text !== undefined) texts.push({ text, position: positionOf(item.at, own) });
      }
    });
    return texts;
  }

  private text(parameter: Parameter, text: string, at: TextPosition, path: string): string | undefined {
    const position = positionOf(at, path);
    if (parameter.notEmpty && text === '') {
      this.issues.error('config-range', position, `"${parameter.name}" must not be empty`);
      return undefined;
    }
    if (parameter.maxOctets !== undefined && text.length > parameter.maxOctets) {
      const message = `"${parameter.name}" has ${text.length} octets, at most ${parameter.maxOctets} are possible`;
      this.issues.error('config-range', position, message);
      return undefined;
    }
    if (parameter.words === undefined) return text;
    const wanted = parameter.anyCase ? text.toLowerCase() : text;
    const word = parameter.words.find((one) => (parameter.anyCase ? one.toLowerCase() : one) === wanted);
    if (word === undefined) {
      const nearest = nearestWord(text, parameter.words);
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      this.issues.error(
        'config-range',
        position,
        `"${parameter.name}" can not be "${text}", only ${parameter.words.join(', ')}${hint}`,
      );
    }
    return word;
  }

  private bounded(parameter: Parameter, value: number | bigint, at: TextPosition, path: string): number | undefined {
    const { name, min, max, above, below } = parameter;
    const low = min === undefined || (above ? value > min : value >= min);
    const high = max === undefined || (below ? value < max : value <= max);
    if (low && high && typeof value === 'number') return value;
    const bounds: string[] = [];
    if (min !== undefined) bounds.push(above ? `above ${min}` : `at least ${min}`);
    if (max !== undefined) bounds.push(below ? `below ${max}` : `at most ${max}`);
    const message = `"${name}" is ${value}, it must be ${bounds.join(' and ') || 'smaller'}`;
    this.issues.error('config-range', positionOf(at, path), message);
    return undefined;
  }

  private wrongType(node: ConfigNode, wanted: string, path: string): undefined {
    const message = `${KIND_NAMES[node.kind]} where ${wanted} is expected`;
    this.issues.error('config-type', positionOf(node.at, path), message);
    return undefined;
  }
}

/** The value of an old parameter in the form of the new one. */
function convertAlias(alias: Alias, value: ConfigNode): ConfigNode {
  switch (alias.convert) {
    case 'same':
      return value;
    case 'wrap':
      // An empty name meant "none".
      if (value.kind === 'string' && value.value === '') return { kind: 'list', at: value.at, items: [] };
      return { kind: 'list', at: value.at, items: [value] };
    case 'conflict-resolution': {
      if (value.kind !== 'boolean') return value;
      const mode = value.value ? 'check-with-dhcid' : 'no-check-with-dhcid';
      return { kind: 'string', at: value.at, value: mode };
    }
  }
}
