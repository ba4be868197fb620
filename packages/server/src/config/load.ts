/** From a file or a command's JSON to a ConfigSnapshot, or to all the reasons why not. */

import { createHash } from 'node:crypto';
import { atOnce, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { ConfigError, type ConfigIssue } from '../errors.js';
import { buildSnapshot } from './build.js';
import { checkSectionSliced } from './check.js';
import type { ConfigEnvironment } from './environment.js';
import { IssueList, positionOf } from './issues.js';
import { reasonOf } from './lexer.js';
import type { Section } from './section.js';
import { parseConfigSliced } from './text.js';
import { type ConfigNode, fromJsonSliced, KIND_NAMES, toJsonSliced } from './tree.js';

export { type ConfigEnvironment, type Directories, directoriesFrom } from './environment.js';

/** Where a configuration comes from: a file in Kea's dialect, or the arguments of a command ({ "Dhcp4": {...} }). */
export type ConfigSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'json'; readonly value: Json };

/** A configuration that can be used, and what to tell the operator about it. */
export interface LoadedConfig {
  readonly snapshot: ConfigSnapshot;
  readonly warnings: readonly ConfigIssue[];
  /** The `Dhcp4` map as it was written: nothing inherited, no defaults. Edits begin from it. */
  readonly source: JsonMap;
  /** {@link digestOfFile} of the file it was read from; undefined if it came by command. */
  readonly fileDigest: string | undefined;
  /** Parts of it are in other files that it includes. */
  readonly includes?: boolean;
}

/**
 * Builds the snapshot of a configuration.
 * @throws ConfigError with every issue found, sorted by position; nothing else
 */
export function loadConfig(source: ConfigSource, environment: ConfigEnvironment): LoadedConfig {
  return atOnce(loadConfigSliced(source, environment));
}

/** {@link loadConfig}, to be interrupted again and again: of many subnets it takes a second. */
export function* loadConfigSliced(source: ConfigSource, environment: ConfigEnvironment): Sliced<LoadedConfig> {
  const issues = new IssueList();
  const text = source.kind === 'file' ? readText(source.path, environment, issues) : undefined;
  let includes = false;
  const readFile = (path: string): string => {
    includes = true;
    return environment.readFile(path);
  };
  const node = yield* readSource(source, text, { ...environment, readFile }, issues);
  const root = node === undefined ? undefined : yield* checkTop(node, issues);
  const snapshot = root === undefined ? undefined : yield* buildSnapshot(root, environment, issues);
  if (snapshot === undefined || issues.hasErrors) throw new ConfigError(issues.sorted('error'));
  const written = source.kind === 'json' ? source.value : yield* toJsonSliced(node!);
  return {
    snapshot,
    warnings: issues.sorted('warning'),
    source: (written as { readonly Dhcp4: JsonMap }).Dhcp4,
    fileDigest: text === undefined ? undefined : digestOfFile(Buffer.from(text, 'latin1')),
    includes,
  };
}

/** Tells whether a configuration file is still the one that was read. */
export function digestOfFile(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}

/** The tree of a file or of a command's JSON; undefined if there is none to go on with (reported). */
export function readConfigNode(
  source: ConfigSource,
  environment: ConfigEnvironment,
  issues: IssueList,
): ConfigNode | undefined {
  const text = source.kind === 'file' ? readText(source.path, environment, issues) : undefined;
  return atOnce(readSource(source, text, environment, issues));
}

function readText(path: string, environment: ConfigEnvironment, issues: IssueList): string | undefined {
  try {
    return environment.readFile(path);
  } catch (error) {
    const position = positionOf({ file: path, line: 1, column: 1 }, '');
    issues.error('config-file', position, `can not read the configuration: ${reasonOf(error)}`);
    return undefined;
  }
}

function* readSource(
  source: ConfigSource,
  text: string | undefined,
  environment: ConfigEnvironment,
  issues: IssueList,
): Sliced<ConfigNode | undefined> {
  if (source.kind === 'json') return yield* fromJsonSliced(source.value);
  return text === undefined ? undefined : yield* parseConfigSliced(source.path, text, issues, environment.readFile);
}

/** The checked `Dhcp4` map; its paths leave the `Dhcp4` out. */
function* checkTop(node: ConfigNode, issues: IssueList): Sliced<Section | undefined> {
  if (node.kind !== 'map') {
    const message = `${KIND_NAMES[node.kind]} where a map with the member "Dhcp4" is expected`;
    issues.error('config-type', positionOf(node.at, ''), message);
    return undefined;
  }
  const dhcp4 = node.members.get('Dhcp4')?.value;
  if (dhcp4?.kind === 'map') {
    const others = new Map([...node.members].filter(([name]) => name !== 'Dhcp4'));
    yield* checkOthers({ ...node, members: others }, issues);
    return yield* checkSectionSliced(dhcp4, 'Dhcp4', '', issues);
  }
  // After a syntax error its absence may be our own misunderstanding.
  if (dhcp4 !== undefined || !issues.hasErrors) yield* checkSectionSliced(node, 'top', '', issues);
  return undefined;
}

/** Whatever stands beside `Dhcp4` is an error, and says so itself. */
function* checkOthers(others: ConfigNode & { kind: 'map' }, issues: IssueList): Sliced<void> {
  const found = new IssueList();
  yield* checkSectionSliced(others, 'top', '', found);
  for (const { code, position, message } of found.sorted('error')) {
    if (code !== 'config-missing') issues.error(code, position, message);
  }
}
