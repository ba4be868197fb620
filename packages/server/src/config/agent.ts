/** From the file of a Control Agent, or a command's JSON, to what the agent works by. */

import { needsVerdict } from '../domain/isolation/verdict.js';
import { atOnce } from '../domain/slices.js';
import type { ControlSocketConfig, Json, JsonMap, LoggerConfig } from '../domain/snapshot.js';
import { ConfigError, type ConfigIssue } from '../errors.js';
import { asConfigured, canonicalLoggers } from './canonical.js';
import { checkSection } from './check.js';
import type { PartContext } from './context.js';
import { buildHttpDoor, described, factsOf } from './control-sockets.js';
import type { ConfigEnvironment } from './environment.js';
import { IssueList, positionOf } from './issues.js';
import { blockOf } from './listeners.js';
import { type ConfigSource, readConfigNode } from './load.js';
import { buildLoggers } from './loggers.js';
import { splitPath } from './paths.js';
import { defaultsOf } from './schema.js';
import type { Section } from './section.js';
import { hashSliced } from './snapshot-hash.js';
import { jsonMap, KIND_NAMES } from './tree.js';
import { unicodeOf } from './values.js';

/** Name of the map in files and commands. */
export const AGENT_MAP = 'Control-agent';
/** The agent's name among loggers and processes. */
export const AGENT_NAME = 'kea-ctrl-agent';

/** What an agent works by. */
export interface AgentConfig {
  /** The `Control-agent` map as config-get returns it: defaults filled in. */
  readonly tree: JsonMap;
  /** Upper-case hex SHA-256 of the tree's text. */
  readonly hash: string;
  /** Where it listens. */
  readonly socket: ControlSocketConfig;
  /** Interfaces on which the daemons behind it serve clients. */
  readonly clientInterfaces: readonly string[];
  /** Path of the unix socket of each daemon, by the name `service` has for it. */
  readonly daemons: ReadonlyMap<string, string>;
  readonly loggers: readonly LoggerConfig[];
}

/** A configuration that can be used, and what to tell the operator about it. */
export interface LoadedAgentConfig {
  readonly config: AgentConfig;
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Builds the configuration of an agent.
 * @throws ConfigError with every issue found, sorted by position; nothing else
 */
export function loadAgentConfig(source: ConfigSource, environment: ConfigEnvironment): LoadedAgentConfig {
  const issues = new IssueList();
  const node = readConfigNode(source, environment, issues);
  let config: AgentConfig | undefined;
  if (node !== undefined && node.kind !== 'map') {
    const message = `${KIND_NAMES[node.kind]} where a map with the member "${AGENT_MAP}" is expected`;
    issues.error('config-type', positionOf(node.at, ''), message);
  } else if (node !== undefined && !issues.hasErrors) {
    const top = checkSection(node, 'agent-top', '', issues);
    const root = top.has(AGENT_MAP) ? top.section(AGENT_MAP) : undefined;
    config = root === undefined ? undefined : buildAgent(root, environment, issues);
  }
  if (config === undefined || issues.hasErrors) throw new ConfigError(issues.sorted('error'));
  return { config, warnings: issues.sorted('warning') };
}

function buildAgent(root: Section, environment: ConfigEnvironment, issues: IssueList): AgentConfig | undefined {
  const context = { issues, environment };
  // The old agents took clear text and open doors, and their files are to be taken over: it is said, not refused.
  const lenient = { ...context, lenient: true };
  const socket = buildHttpDoor(root, { address: 'http-host', port: 'http-port', type: undefined }, lenient);
  const door = socket && buildDoor(root, socket, context);
  const loggers = buildLoggers(root, context, AGENT_NAME);
  const daemons = buildDaemons(root, environment);
  if (issues.hasErrors || door === undefined) return undefined;
  const tree = canonicalAgent(root, loggers);
  return { tree, hash: atOnce(hashSliced(tree, AGENT_MAP)), ...door, daemons, loggers };
}

/** Adds what its `lessor` block says. Without one everybody who gets in may do everything, as with Kea's agent. */
function buildDoor(
  root: Section,
  socket: ControlSocketConfig,
  context: PartContext,
): Pick<AgentConfig, 'socket' | 'clientInterfaces'> {
  const block = blockOf(root, 'agent-lessor', ['lessor'], context);
  if (block === undefined) return { socket, clientInterfaces: [] };
  const clientInterfaces = block.strings('client-interfaces').map(({ text }) => text);
  const clients = { interfaces: clientInterfaces.map((name) => ({ name })), subnets: [] };
  const facts = { ...factsOf(socket), kind: 'agent', encryption: HOW_TO_ENCRYPT } as const;
  const door = described(socket, block, facts, clients, context);
  const judged = door.policy !== undefined && needsVerdict(door.policy) && door.policy.isolation !== 'off';
  if (judged && !block.mentions('client-interfaces')) {
    const message =
      'whether clients reach it can not be told: give "client-interfaces" with those on which the daemons behind it ' +
      'serve clients ([] if there are none), or "isolation": "off"';
    context.issues.error('config-missing', block.position, message);
  }
  return { socket: door, clientInterfaces };
}

const HOW_TO_ENCRYPT = 'give "trust-anchor", "cert-file" and "key-file" (lessor pki makes them)';

/**
 * Paths of the sockets, anywhere: unlike a server the agent makes no file there, and connecting needs the right to
 * (Kea 2.x; Kea 3.0 allows one directory only).
 */
function buildDaemons(root: Section, { directories }: ConfigEnvironment): ReadonlyMap<string, string> {
  const sockets = root.section('control-sockets');
  const daemons = new Map<string, string>();
  for (const name of ['dhcp4', 'dhcp6', 'd2']) {
    const path = sockets?.section(name)?.string('socket-name');
    if (path === undefined) continue;
    const bare = splitPath(path).directory === undefined;
    daemons.set(name, unicodeOf(bare ? `${directories.controlSocket}/${path}` : path));
  }
  return daemons;
}

function canonicalAgent(root: Section, loggers: readonly LoggerConfig[]): JsonMap {
  const given = asConfigured(root);
  const filled = (scope: 'agent-authentication' | 'agent-socket', map: Json | undefined): Json | undefined =>
    map === undefined ? undefined : { ...Object.fromEntries(defaultsOf(scope)), ...(map as JsonMap) };
  const sockets = Object.entries((given['control-sockets'] as JsonMap | undefined) ?? {}).map(
    ([name, map]) => [name, name === 'user-context' ? map : filled('agent-socket', map)] as const,
  );
  return jsonMap(
    Object.entries({
      ...Object.fromEntries(defaultsOf('Control-agent')),
      'hooks-libraries': [],
      ...given,
      'cert-required': given['trust-anchor'] === undefined ? undefined : (given['cert-required'] ?? true),
      authentication: filled('agent-authentication', given.authentication),
      'control-sockets': jsonMap(sockets),
      loggers: root.has('loggers') ? canonicalLoggers(root, loggers) : undefined,
    } as Record<string, Json | undefined>),
  );
}
