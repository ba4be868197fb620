/** From a file or a command's JSON to a ConfigSnapshot, or to all the reasons why not. */

import type { ConfigSnapshot, Json } from '../domain/snapshot.js';
import { ConfigError, type ConfigIssue } from '../errors.js';
import { buildSnapshot } from './build.js';
import { checkSection } from './check.js';
import type { ConfigEnvironment } from './environment.js';
import { IssueList, positionOf } from './issues.js';
import { reasonOf } from './lexer.js';
import type { Section } from './section.js';
import { parseConfigText } from './text.js';
import { type ConfigNode, fromJson, KIND_NAMES } from './tree.js';

export { type ConfigEnvironment, type Directories, directoriesFrom } from './environment.js';

/** Where a configuration comes from: a file in Kea's dialect, or the arguments of a command ({ "Dhcp4": {...} }). */
export type ConfigSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'json'; readonly value: Json };

/** A configuration that can be used, and what to tell the operator about it. */
export interface LoadedConfig {
  readonly snapshot: ConfigSnapshot;
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Builds the snapshot of a configuration.
 * @throws ConfigError with every issue found, sorted by position; nothing else
 */
export function loadConfig(source: ConfigSource, environment: ConfigEnvironment): LoadedConfig {
  const issues = new IssueList();
  const node = readSource(source, environment, issues);
  const root = node === undefined ? undefined : checkTop(node, issues);
  const snapshot = root === undefined ? undefined : buildSnapshot(root, environment, issues);
  if (snapshot === undefined || issues.hasErrors) throw new ConfigError(issues.sorted('error'));
  return { snapshot, warnings: issues.sorted('warning') };
}

function readSource(source: ConfigSource, environment: ConfigEnvironment, issues: IssueList): ConfigNode | undefined {
  if (source.kind === 'json') return fromJson(source.value);
  const { path } = source;
  let text: string;
  try {
    text = environment.readFile(path);
  } catch (error) {
    const position = positionOf({ file: path, line: 1, column: 1 }, '');
    issues.error('config-file', position, `can not read the configuration: ${reasonOf(error)}`);
    return undefined;
  }
  return parseConfigText(path, text, issues, environment.readFile);
}

/** The checked `Dhcp4` map; its paths leave the `Dhcp4` out. */
function checkTop(node: ConfigNode, issues: IssueList): Section | undefined {
  if (node.kind !== 'map') {
    const message = `${KIND_NAMES[node.kind]} where a map with the member "Dhcp4" is expected`;
    issues.error('config-type', positionOf(node.at, ''), message);
    return undefined;
  }
  const dhcp4 = node.members.get('Dhcp4')?.value;
  if (dhcp4?.kind === 'map') {
    const others = new Map([...node.members].filter(([name]) => name !== 'Dhcp4'));
    checkOthers({ ...node, members: others }, issues);
    return checkSection(dhcp4, 'Dhcp4', '', issues);
  }
  // After a syntax error its absence may be our own misunderstanding.
  if (dhcp4 !== undefined || !issues.hasErrors) checkSection(node, 'top', '', issues);
  return undefined;
}

/** Whatever stands beside `Dhcp4` is an error, and says so itself. */
function checkOthers(others: ConfigNode & { kind: 'map' }, issues: IssueList): void {
  const found = new IssueList();
  checkSection(others, 'top', '', found);
  for (const { code, position, message } of found.sorted('error')) {
    if (code !== 'config-missing') issues.error(code, position, message);
  }
}
