/** control-sockets: where commands are taken, with credentials resolved. */

import { looksLikeHash, parsePasswordHash } from '../domain/access/password-hash.js';
import type { ListenerPolicy } from '../domain/access/policy.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { parseIpv4 } from '../domain/values.js';
import { type PartContext, reportInsecure } from './context.js';
import { reasonOf } from './lexer.js';
import { blockOf, type ClientSide, describedListener, type ListenerFacts, plainListener } from './listeners.js';
import { restrictedPath, sameDirectory, splitPath } from './paths.js';
import type { Section } from './section.js';
import { DEFAULT_PASSWORDS } from './storage.js';
import { looksLikeIpv6, unicodeOf } from './values.js';

/** Longest path of a unix socket on Linux, in octets. */
const MAX_SOCKET_PATH = 107;
/** Mode bits the directory of a unix socket may have. */
const SOCKET_DIRECTORY_MODE = 0o750;

const HTTP_ONLY = [
  'socket-address',
  'socket-port',
  'http-headers',
  'authentication',
  'trust-anchor',
  'cert-file',
  'key-file',
  'cert-required',
];
const TLS_FILES = ['trust-anchor', 'cert-file', 'key-file'] as const;

/** An entry and the section it was made from. */
export interface BuiltSocket {
  readonly section: Section;
  readonly socket: ControlSocketConfig;
}

/** Builds the control sockets. Two entries for one listener are refused (Kea lets the later one win silently). */
export function buildControlSockets(root: Section, clients: ClientSide, context: PartContext): BuiltSocket[] {
  const built = new Map<string, BuiltSocket>();
  for (const section of root.sections('control-sockets')) {
    const type = section.string('socket-type') as ControlSocketConfig['type'] | undefined;
    if (type === undefined) continue;
    const socket = type === 'unix' ? buildUnixSocket(section, context) : buildHttpSocket(section, type, context);
    if (socket === undefined) continue;
    const key = listenerKey(socket, built.size);
    const earlier = built.get(key);
    if (earlier === undefined) built.set(key, { section, socket: withPolicy(socket, section, clients, context) });
    else {
      const message =
        type === 'unix'
          ? `there can be one unix socket only, and ${earlier.section.path} is one`
          : `${socket.address} port ${socket.port} is already used by ${earlier.section.path}`;
      context.issues.error('config-duplicate', section.position, message);
    }
  }
  return [...built.values()];
}

/** What must be unique: there is one unix socket; an address has each port once, except 0, which is any free one. */
function listenerKey(socket: ControlSocketConfig, position: number): string {
  if (socket.type === 'unix') return 'unix';
  if (socket.port === 0) return `any ${position}`;
  const address = socket.address ?? '';
  // One IPv6 address has many spellings; URL knows the canonical one.
  const canonical =
    address.includes(':') && URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname : address;
  return `${canonical} ${socket.port}`;
}

/** Adds what its `lessor` block says, or what Kea means where there is none. */
function withPolicy(
  socket: ControlSocketConfig,
  section: Section,
  clients: ClientSide,
  context: PartContext,
): ControlSocketConfig {
  const block = blockOf(section, 'listener', ['lessor'], context);
  if (block === undefined) return { ...socket, policy: plainListener(factsOf(socket)) };
  return described(socket, block, factsOf(socket), clients, context);
}

/** An HTTP or unix socket with what its block says, TLS by lessor's defaults. */
export function described(
  socket: ControlSocketConfig,
  block: Section,
  facts: ListenerFacts,
  clients: ClientSide,
  context: PartContext,
): ControlSocketConfig {
  const policy = describedListener(block, facts, clients, context);
  const crlFile = block.string('crl-file');
  if (socket.tls === undefined) {
    if (crlFile !== undefined) {
      const message = '"crl-file" is for sockets that speak TLS: there are no certificates here to be revoked';
      context.issues.error('config-conflict', block.positionOf('crl-file'), message);
    }
    return { ...socket, policy };
  }
  const minimum = block.or<string>('tls-minimum');
  if (minimum === '1.2' && !block.has('tls-minimum-reason')) {
    const message = 'TLS 1.2 needs a reason for whoever reads this later: give "tls-minimum-reason"';
    context.issues.error('config-insecure', block.positionOf('tls-minimum'), message);
  }
  return {
    ...socket,
    tls: {
      ...socket.tls,
      minVersion: minimum === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
      ...(crlFile === undefined ? {} : { crlFile: unicodeOf(crlFile) }),
    },
    policy,
  };
}

/** What of its listener follows from the socket. */
export function factsOf({ type, path, address, port, authentication, tls }: ControlSocketConfig): ListenerFacts {
  if (type === 'unix') {
    const facts = { kind: 'kea-unix', address: path ?? '', port: 0, encrypted: true, identity: ['unix-user'] } as const;
    return { ...facts, name: `unix:${path}` };
  }
  const identity: ListenerPolicy['identity'] = [
    ...(authentication === undefined || authentication.clients.length === 0 ? [] : (['password'] as const)),
    ...(tls?.certRequired ? (['certificate'] as const) : []),
  ];
  return {
    kind: tls === undefined ? 'kea-http' : 'kea-https',
    name: `http:${address}:${port}`,
    address: address ?? '',
    port: port ?? 0,
    encrypted: tls !== undefined,
    identity,
    encryption: 'make it "https" with "trust-anchor", "cert-file" and "key-file" (lessor pki makes them)',
  };
}

function buildUnixSocket(section: Section, { issues, environment }: PartContext): ControlSocketConfig | undefined {
  for (const name of HTTP_ONLY) {
    if (section.mentions(name)) {
      issues.error('config-conflict', section.positionOf(name), `"${name}" is for http and https sockets`);
    }
  }
  const name = section.string('socket-name');
  if (name === undefined) {
    if (!section.mentions('socket-name')) {
      issues.error('config-missing', section.position, 'a unix socket needs a "socket-name"');
    }
    return undefined;
  }
  const position = section.positionOf('socket-name');
  const { directories, insecure, directoryMode } = environment;
  const path = restrictedPath(name, directories.controlSocket, 'a control socket', position, issues, insecure);
  if (path === undefined) return undefined;
  if (path.length > MAX_SOCKET_PATH) {
    const message = `the path ${path} has ${path.length} octets, a unix socket at most ${MAX_SOCKET_PATH}`;
    issues.error('config-range', position, message);
    return undefined;
  }
  const directory = splitPath(path).directory ?? directories.controlSocket;
  // Elsewhere the directory is not ours to close: that it is the wrong one has been said.
  const mode = sameDirectory(directory, directories.controlSocket) ? directoryMode(directory) : undefined;
  if (mode !== undefined && (mode & ~SOCKET_DIRECTORY_MODE & 0o777) !== 0) {
    const message = `others can enter ${directory} (mode ${(mode & 0o777).toString(8)}): chmod 750 ${directory}`;
    issues.insecure(insecure, position, message);
  }
  return { type: 'unix', path, headers: [] };
}

function buildHttpSocket(
  section: Section,
  type: 'http' | 'https',
  context: PartContext,
): ControlSocketConfig | undefined {
  if (section.mentions('socket-name')) {
    context.issues.error('config-conflict', section.positionOf('socket-name'), '"socket-name" is for unix sockets');
  }
  return buildHttpDoor(section, { address: 'socket-address', port: 'socket-port', type }, context);
}

/**
 * The HTTP socket a section describes: a control socket, or the Control Agent with its own words for address and
 * port, where the certificates alone decide whether it speaks TLS (`type` undefined).
 */
export function buildHttpDoor(
  section: Section,
  words: { readonly address: string; readonly port: string; readonly type: 'http' | 'https' | undefined },
  context: PartContext,
): ControlSocketConfig | undefined {
  const { issues } = context;
  const address = section.string(words.address) ?? '127.0.0.1';
  // A link-local address may name its interface: fe80::1%eth1 (RFC 4007 §11).
  if (parseIpv4(address) === undefined && !looksLikeIpv6(address.replace(/(?<=^fe80:.*)%[^%\s]+$/i, ''))) {
    const message = `"${address}" is not an IP address (names are not taken)`;
    issues.error('config-range', section.positionOf(words.address), message);
    return undefined;
  }
  const tls = buildTls(section, words.type, context);
  const authentication = buildAuthentication(section, context);
  if (tls === undefined && authentication === undefined && !TLS_FILES.some((name) => section.mentions(name))) {
    const message = 'anybody who reaches this socket can change the server: add "authentication" with clients, or TLS';
    reportInsecure(context, section.position, message);
  }
  return {
    type: words.type ?? (tls === undefined ? 'http' : 'https'),
    address,
    port: section.integer(words.port) ?? 8000,
    headers: section.sections('http-headers').map((item) => ({
      name: item.string('name') ?? '',
      value: item.string('value') ?? '',
    })),
    ...(authentication === undefined ? {} : { authentication }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function buildTls(
  section: Section,
  type: 'http' | 'https' | undefined,
  { issues }: PartContext,
): ControlSocketConfig['tls'] {
  const files = TLS_FILES.map((name) => section.string(name) ?? '');
  const missing = TLS_FILES.filter((_, i) => files[i] === '');
  if (missing.length === TLS_FILES.length) {
    if (type === 'https') {
      issues.error(
        'config-missing',
        section.position,
        `an https socket needs ${TLS_FILES.map((name) => `"${name}"`).join(', ')}`,
      );
    }
    return undefined;
  }
  if (missing.length > 0) {
    const message = `TLS needs all of ${TLS_FILES.join(', ')}: ${missing.map((name) => `"${name}"`).join(' and ')} is missing or empty`;
    issues.error('config-missing', section.position, message);
    return undefined;
  }
  if (type === 'http') {
    const message = 'this socket speaks TLS, because it has certificates: call it "https"';
    issues.warning('config-conflict', section.positionOf('socket-type'), message);
  }
  const [trustAnchor, certFile, keyFile] = files.map(unicodeOf) as [string, string, string];
  return { trustAnchor, certFile, keyFile, certRequired: section.boolean('cert-required') ?? true };
}

/** Basic authentication; undefined if nobody has to authenticate. */
function buildAuthentication(section: Section, context: PartContext): ControlSocketConfig['authentication'] {
  const map = section.section('authentication');
  if (map === undefined) return undefined;
  const directory = map.string('directory') ?? '';
  const clients = map
    .sections('clients')
    .map((client) => buildClient(client, directory, context))
    .filter((client) => client !== undefined);
  if (map.sections('clients').length === 0) {
    const message = '"authentication" without "clients" lets everybody in (Kea takes it for secured)';
    context.issues.warning('config-insecure', map.position, message);
    return undefined;
  }
  return { realm: map.or<string>('realm'), clients };
}

function buildClient(section: Section, directory: string, context: PartContext) {
  const { issues } = context;
  for (const [one, other] of [
    ['user', 'user-file'],
    ['password', 'password-file'],
  ] as const) {
    if (section.mentions(one) && section.mentions(other)) {
      issues.error('config-conflict', section.positionOf(other), `"${one}" and "${other}" exclude each other`);
      return undefined;
    }
  }
  for (const name of ['user', 'password'] as const) {
    if (section.has(name) && !looksLikeHash(section.string(name) ?? '')) {
      const message = `clear text "${name}" can be read by whoever reads this file: use "${name}-file"`;
      reportInsecure(context, section.positionOf(name), message);
    }
  }
  const read = (name: 'user-file' | 'password-file'): string | undefined => {
    const file = section.string(name);
    return file === undefined ? undefined : firstLine(unicodeOf(`${directory}/${file}`), section, name, context);
  };
  let user = section.string('user') ?? read('user-file');
  let password = section.string('password') ?? read('password-file');
  if (!section.mentions('user') && !section.mentions('user-file')) {
    const colon = password?.indexOf(':') ?? -1;
    if (!section.mentions('password-file')) {
      issues.error('config-missing', section.position, 'a client needs a "user" or a "user-file"');
    } else if (password !== undefined && colon === -1) {
      issues.error(
        'config-range',
        section.positionOf('password-file'),
        'without "user-file" this file holds user:password',
      );
    }
    if (password === undefined || colon === -1) return undefined;
    user = password.slice(0, colon);
    password = password.slice(colon + 1);
  }
  if (user === undefined) return undefined;
  if (user === '' || user.includes(':')) {
    const name = section.has('user') ? 'user' : section.has('user-file') ? 'user-file' : 'password-file';
    issues.error('config-range', section.positionOf(name), 'a user name is not empty and has no colon');
    return undefined;
  }
  if (section.has('password') && DEFAULT_PASSWORDS.includes(password!)) {
    issues.error(
      'config-insecure',
      section.positionOf('password'),
      'this password is a well-known one: choose another',
    );
  }
  if (password === undefined || !looksLikeHash(password)) return { user, password: password ?? '' };
  const hash = parsePasswordHash(password);
  if (typeof hash !== 'string') return { user, password: '', hash };
  const position = section.positionOf(section.has('password') ? 'password' : 'password-file');
  issues.error('config-range', position, `this is no scrypt hash: ${hash} (lessor access hash-password makes one)`);
  return undefined;
}

/** Mode bit of a file that every user of the machine can read. */
const OTHERS_MAY_READ = 0o004;

/** The first line of a credential file; undefined if it can not be read (reported). */
function firstLine(
  path: string,
  section: Section,
  name: string,
  { issues, environment }: PartContext,
): string | undefined {
  const mode = environment.fileMode?.(path);
  if (name === 'password-file' && mode !== undefined && (mode & OTHERS_MAY_READ) !== 0) {
    const message = `everybody can read ${path} (mode ${mode.toString(8)}): chmod 640 ${path}`;
    issues.warning('config-insecure', section.positionOf(name), message);
  }
  try {
    return environment.readFile(path).split(/\r?\n/, 1)[0]!;
  } catch (error) {
    issues.error('config-file', section.positionOf(name), `can not read ${path}: ${reasonOf(error)}`);
    return undefined;
  }
}
