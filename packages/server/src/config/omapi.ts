/** The `omapi` block (`user-context.lessor.omapi` of Dhcp4): where OMAPI is served, to whom, and who may do what. */

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { Authenticator, findAlgorithm, KeyError } from '@lessor/omapi';
import type { OmapiConfig, OmapiKey, OmapiListenerConfig, OmapiRight } from '../domain/snapshot.js';
import type { BuildContext } from './context.js';
import { reasonOf } from './lexer.js';
import { blockOf, type ClientSide, describedListener } from './listeners.js';
import { OMAPI_RIGHTS } from './schema-omapi.js';
import { emptySection, type Section } from './section.js';
import { buildSources, isLoopback } from './sources.js';
import { unicodeOf } from './values.js';

/** Too weak to be used without saying so. */
const LEGACY_ALGORITHMS: readonly string[] = ['hmac-md5', 'hmac-sha1'];
/** Of a file's mode: neither its owner nor its group. */
const OTHERS_MAY_READ = 0o004;
/** Stopping the server is not what provisioning systems need. */
const DEFAULT_RIGHTS: readonly OmapiRight[] = ['read', 'hosts', 'leases'];

/** A key, and the octets that say whether it is the same one in another configuration. */
interface BuiltKey {
  readonly key: OmapiKey;
  readonly secret: string;
}

/** Builds the block; undefined if there is none. What is wrong with it is reported with its position. */
export function buildOmapi(root: Section, clients: ClientSide, context: BuildContext): OmapiConfig | undefined {
  const section = blockOf(root, 'omapi', ['lessor', 'omapi'], context);
  if (section === undefined) return undefined;
  const built = buildKeys(section, context);
  const allowedSources = buildSources(section, 'allowed-sources', context.issues);
  const sources = section.mentions('allowed-sources') ? allowedSources : undefined;
  const listeners = buildListeners(section, sources, clients, context);
  const limitsOf = section.section('limits') ?? emptySection('omapi-limits', section);
  const limits = {
    connections: limitsOf.or<number>('connections'),
    messageOctets: limitsOf.or<number>('message-octets'),
    idleTimeoutMs: limitsOf.or<number>('idle-timeout') * 1000,
    requestTimeoutMs: limitsOf.or<number>('request-timeout') * 1000,
    failuresPerSource: limitsOf.or<number>('failures-per-source'),
  };
  const keys = built.map(({ key }) => key);
  const told = built.map(({ key, secret }) => [key.authenticator.name, secret, key.refusesReplays, ...key.rights]);
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([told, allowedSources, limits]))
    .digest('hex');
  return { listeners, keys, allowedSources, limits, fingerprint };
}

function buildListeners(
  section: Section,
  sources: OmapiConfig['allowedSources'] | undefined,
  clients: ClientSide,
  context: BuildContext,
): OmapiListenerConfig[] {
  const { issues } = context;
  const keyed = section.sections('keys').length > 0;
  const listeners: OmapiListenerConfig[] = [];
  if (section.has('listeners') && section.sections('listeners').length === 0) {
    issues.error('config-range', section.positionOf('listeners'), '"listeners" must not be empty');
  }
  for (const item of section.sections('listeners')) {
    const address = item.or<string>('address');
    const port = item.or<number>('port');
    if (isIP(address) === 0) {
      const message = `"${address}" is not an IP address (names are not taken)`;
      issues.error('config-range', item.positionOf('address'), message);
      continue;
    }
    const device = item.string('interface');
    const unsigned = item.or<boolean>('accept-unsigned');
    if (keyed && unsigned) {
      const message = 'with "keys" every message must be signed: take "accept-unsigned" away';
      issues.error('config-conflict', item.positionOf('accept-unsigned'), message);
    } else if (!keyed && !isLoopback(address)) {
      const message = `without "keys" everybody who reaches ${address} could change the server: add a key`;
      issues.error('config-insecure', item.position, message);
    } else if (!keyed && !unsigned) {
      const message =
        'without "keys" every user of this machine could change the server: add a key, or "accept-unsigned": true if you mean it';
      issues.error('config-insecure', item.position, message);
    }
    if (port !== 0 && listeners.some((other) => isSamePlace(other, { address, port, device }))) {
      issues.error('config-duplicate', item.position, `${address} port ${port} is given twice`);
    }
    // The protocol can not be encrypted; its messages are signed, and the report at the start says what that means.
    const facts = {
      kind: 'omapi',
      name: `omapi ${address}:${port}`,
      address,
      port,
      encrypted: false,
      identity: keyed ? (['omapi-key'] as const) : [],
      ...(sources === undefined ? {} : { sources }),
    } as const;
    const policy = describedListener(item, facts, clients, context);
    listeners.push({ address, port, ...(device === undefined ? {} : { device }), policy });
  }
  return listeners;
}

/** One address and port can be bound once on each device. */
function isSamePlace(
  a: OmapiListenerConfig,
  b: Pick<OmapiListenerConfig, 'address' | 'port'> & { device: string | undefined },
): boolean {
  return a.address === b.address && a.port === b.port && a.device === b.device;
}

function buildKeys(section: Section, context: BuildContext): BuiltKey[] {
  const keys = new Map<string, BuiltKey>();
  for (const item of section.sections('keys')) {
    const built = buildKey(item, context);
    if (built === undefined) continue;
    const name = built.key.authenticator.name.toLowerCase();
    if (keys.has(name)) {
      const message = `there is a key "${built.key.authenticator.name}" already (clients do not tell case apart)`;
      context.issues.error('config-duplicate', item.positionOf('name'), message);
    } else keys.set(name, built);
  }
  return [...keys.values()];
}

function buildKey(item: Section, context: BuildContext): BuiltKey | undefined {
  const { issues } = context;
  const name = item.string('name');
  const algorithm = item.or<string>('algorithm');
  const secret = readSecret(item, context);
  if (LEGACY_ALGORITHMS.includes(algorithm)) {
    const position = item.positionOf('algorithm');
    if (item.or<boolean>('legacy')) {
      issues.warning('config-insecure', position, `${algorithm} is for clients that know no better: use hmac-sha256`);
    } else {
      const message = `${algorithm} is refused unless the key has "legacy": true: use hmac-sha256`;
      issues.error('config-insecure', position, message);
    }
  }
  if (name === undefined || secret === undefined || findAlgorithm(algorithm) === undefined) return undefined;
  const rights = item.mentions('rights')
    ? OMAPI_RIGHTS.filter((right) => item.strings('rights').some(({ text }) => text === right))
    : DEFAULT_RIGHTS;
  try {
    const authenticator = new Authenticator({ name: unicodeOf(name), algorithm, secret });
    const refusesReplays = item.or<boolean>('refuse-replays');
    const key = { authenticator, rights: new Set(rights), refusesReplays };
    return { key, secret: `${algorithm} ${secret}` };
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    const member = item.has('secret') ? 'secret' : 'secret-file';
    issues.error('config-range', item.positionOf(member), error.message);
    return undefined;
  }
}

/** The secret in base64; undefined if there is none that can be read (reported). */
function readSecret(item: Section, { issues, environment }: BuildContext): string | undefined {
  if (item.mentions('secret') === item.mentions('secret-file')) {
    const both = item.mentions('secret');
    const code = both ? 'config-conflict' : 'config-missing';
    const message = both
      ? '"secret" and "secret-file" exclude each other'
      : 'a key needs a "secret" or a "secret-file"';
    issues.error(code, item.position, message);
    return undefined;
  }
  if (item.mentions('secret')) {
    const message = 'clear text "secret" can be read by whoever reads this file: use "secret-file"';
    issues.warning('config-insecure', item.positionOf('secret'), message);
    return item.string('secret');
  }
  const file = item.string('secret-file');
  if (file === undefined) return undefined;
  const mode = environment.fileMode?.(unicodeOf(file));
  if (mode !== undefined && (mode & OTHERS_MAY_READ) !== 0) {
    const message = `everybody can read ${file} (mode ${mode.toString(8)}): chmod 640 ${file}`;
    issues.insecure(environment.insecure, item.positionOf('secret-file'), message);
  }
  try {
    return environment.readFile(unicodeOf(file)).split(/\r?\n/, 1)[0]!.trim();
  } catch (error) {
    issues.error('config-file', item.positionOf('secret-file'), `can not read ${file}: ${reasonOf(error)}`);
    return undefined;
  }
}
