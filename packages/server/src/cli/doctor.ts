/** `lessor doctor isolation`: tries every control listener from every interface of this machine. */

import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { loadAgentConfig } from '../config/agent.js';
import { loadConfig } from '../config/load.js';
import { parseSource } from '../config/sources.js';
import { isLoopback } from '../domain/access/addresses.js';
import { deviceOf, type LinkFact } from '../domain/isolation/facts.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { systemClock } from '../platform/clock.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { type ListeningSocket, listeningSockets } from '../platform/listening-sockets.js';
import { linuxMachineNetwork } from '../platform/machine-network.js';
import { createSystemRandom } from '../platform/random.js';
import { tryDoor } from '../platform/reach-probe.js';
import { clientLinks, hostOn } from '../services/isolation-facts.js';
import type { MachineNetwork } from '../services/ports.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, UsageError } from './args.js';
import { type Cell, cellOf, DOCTOR_EXIT, type Door, exitCodeOf, type KernelWord, type Row } from './doctor-matrix.js';
import { type Io, writeLine } from './io.js';
import { askServer, REMOTE_OPTIONS } from './remote.js';
import { formatColumns } from './table.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'config', short: 'c', value: 'FILE', help: 'configuration file whose listeners are tried' },
  { name: 'insecure', short: 'X', help: 'restrictions on paths and secrets are warnings' },
  ...REMOTE_OPTIONS.filter(({ name }) => name === 'socket'),
  { name: 'json', help: 'the matrix as JSON' },
  { name: 'verbose', help: 'say of each cell how it was found out' },
];

/** Usage text of `lessor doctor`. */
export const DOCTOR_USAGE = `Usage: lessor doctor isolation (-c FILE | --socket PATH) [--json] [--verbose]

Tries every control listener from every interface of this machine and from each
of its addresses, asks the kernel what it would do with a packet that came in
there, and prints what was found beside what should be. The listeners are those
of a configuration file, of a server or of the agent, or of the server behind a
unix control socket.
On another machine, with a copy of the file, it tries from there.

${formatOptions(OPTIONS)}

Exit codes: 0 all is as it should be; 1 a listener is reachable from where it
must not be; 2 something could not be checked, or wrong usage.
`;

/** What is to be tried. */
interface Subject {
  readonly doors: readonly Door[];
  readonly clientDevices: readonly string[];
  /** What the server itself says of its listeners, a line each. */
  readonly verdicts: readonly string[];
}

/** Runs `lessor doctor`. */
export async function runDoctor(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.positionals.length !== 1 || args.positionals[0] !== 'isolation') {
    throw new UsageError('the one thing to examine is: isolation');
  }
  if ((args.value('config') === undefined) === (args.value('socket') === undefined)) {
    throw new UsageError('give either -c FILE or --socket PATH');
  }
  const network = linuxMachineNetwork(systemClock, createSystemRandom());
  let links: readonly LinkFact[];
  let sockets: readonly ListeningSocket[];
  try {
    links = network.links().filter(({ up }) => up);
    sockets = listeningSockets();
  } catch (error) {
    writeLine(io.stderr, `lessor doctor: the kernel can not be asked: ${(error as Error).message}`);
    return DOCTOR_EXIT.unchecked;
  }
  let subject: Subject;
  try {
    subject = args.value('config') === undefined ? await askSubject(args, io) : readSubject(args, io, links);
  } catch (error) {
    writeLine(io.stderr, `lessor doctor: what to try is not known: ${(error as Error).message}`);
    return DOCTOR_EXIT.unchecked;
  }
  const doors = subject.doors.filter(({ kind }) => kind !== 'kea-unix');
  const rows = await Promise.all(
    doors.map((door) => examine(door, subject.clientDevices, { links, sockets, network })),
  );
  const code = exitCodeOf(rows);
  if (args.flag('json')) writeLine(io.stdout, JSON.stringify(toJson(rows, code), null, 2));
  else print(rows, subject, code, args.flag('verbose'), io);
  return code;
}

function readSubject(args: ParsedArgs, io: Io, links: readonly LinkFact[]): Subject {
  const insecure = args.flag('insecure');
  const environment = machineConfigEnvironment({ variables: io.env, insecure, checkInterfaces: false });
  const source = { kind: 'file', path: args.value('config')! } as const;
  const settings = { ...environment, generation: 1 };
  if (isOfAgent(readFileSync(source.path, 'utf8'))) {
    const { socket, clientInterfaces } = loadAgentConfig(source, settings).config;
    return {
      doors: socket.policy === undefined ? [plainDoor(socket)] : [socket.policy],
      clientDevices: clientInterfaces,
      verdicts: [],
    };
  }
  const { snapshot } = loadConfig(source, settings);
  const clientDevices = clientLinks(snapshot.interfaces, links).map(({ name }) => name);
  return { doors: snapshot.listeners, clientDevices, verdicts: [] };
}

/** True for the text of a configuration that is the Control Agent's. */
function isOfAgent(text: string): boolean {
  return /"Control-agent"\s*:/.test(text) && !/"Dhcp4"\s*:/.test(text);
}

/** The door of an agent that says nothing of it: Kea's, open to whoever reaches it. */
function plainDoor({ address = '127.0.0.1', port = 8000 }: ControlSocketConfig): Door {
  return { name: `http:${address}:${port}`, kind: 'agent', address, port };
}

async function askSubject(args: ParsedArgs, io: Io): Promise<Subject> {
  const list = (await askServer(args, io, 'listener-list')).arguments as JsonMap;
  const found = (await askServer(args, io, 'interface-list')).arguments as JsonMap;
  const listeners = mapsIn(list.listeners);
  return {
    doors: listeners.map(doorOf),
    clientDevices: mapsIn(found.interfaces)
      .filter((one) => one['in-use'] === true && one['flag-loopback'] !== true)
      .map(({ name }) => String(name)),
    verdicts: listeners.flatMap(verdictOf),
  };
}

function doorOf(listener: JsonMap): Door {
  const sources = Array.isArray(listener.sources) ? listener.sources : undefined;
  return {
    name: String(listener.name),
    kind: String(listener.kind) as Door['kind'],
    address: String(listener.address),
    port: Number(listener.port ?? 0),
    ...(typeof listener.interface === 'string' ? { interface: listener.interface } : {}),
    ...(sources === undefined ? {} : { sources: sources.flatMap((text) => parseSource(String(text)) ?? []) }),
  };
}

function verdictOf({ name, isolation }: JsonMap): string[] {
  if (typeof isolation !== 'object' || isolation === null || Array.isArray(isolation)) return [];
  const { verdict, checks } = isolation as JsonMap;
  const told = mapsIn(checks)
    .filter(({ outcome }) => outcome !== 'passed')
    .map(({ check, outcome, evidence }) => `  ${String(check)} ${String(outcome)}: ${String(evidence)}`);
  return [`${String(name)}: ${String(verdict)}`, ...told];
}

function mapsIn(value: JsonValue | undefined): readonly JsonMap[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly JsonValue[]).filter(
    (one): one is JsonMap => typeof one === 'object' && one !== null && !Array.isArray(one),
  );
}

/** What the kernel is asked. */
interface Kernel {
  readonly links: readonly LinkFact[];
  readonly sockets: readonly ListeningSocket[];
  readonly network: MachineNetwork;
}

async function examine(door: Door, clientDevices: readonly string[], kernel: Kernel): Promise<Row> {
  const cells = await Promise.all(kernel.links.map((link) => examineFrom(door, link, clientDevices, kernel)));
  return { door, cells };
}

async function examineFrom(
  door: Door,
  link: LinkFact,
  clientDevices: readonly string[],
  kernel: Kernel,
): Promise<Cell> {
  const destinations = destinationsOf(door, link);
  const words = destinations.map((destination) => askKernel(door, destination, link, kernel));
  const order = ['delivered', 'elsewhere', 'bound-elsewhere', 'dropped', 'nobody-listens'] as const;
  const word = order.flatMap((kind) => words.find((one) => one.kind === kind) ?? [])[0];
  const attempts = await Promise.all(
    destinations.flatMap((address) =>
      sourcesOf(link, address).map((source) =>
        tryDoor({ address, port: door.port, device: link.name, source }, systemClock),
      ),
    ),
  );
  const texts = attempts.map((attempt) => (typeof attempt === 'string' ? attempt : attempt.impossible));
  const none: KernelWord = { kind: 'dropped', reason: 'it has no address of that family' };
  return cellOf(door, link, clientDevices, word ?? none, texts);
}

/** The address of a door, or, where that is all of them, those of the interface. */
function destinationsOf({ address }: Door, { addresses }: LinkFact): readonly string[] {
  if (!/^[0.:]+$/.test(address)) return [address.replace(/%.*$/, '')];
  return addresses.filter((own) => address.includes(':') || isIPv4(own.address)).map((own) => own.address);
}

function sourcesOf({ addresses }: LinkFact, destination: string): readonly string[] {
  const ofLink = /^fe[89ab]/i.test(destination);
  return addresses
    .map(({ address }) => address)
    .filter((own) => (isIPv4(destination) ? isIPv4(own) : isIPv6(own) && (!ofLink || /^fe[89ab]/i.test(own))));
}

function askKernel(door: Door, destination: string, link: LinkFact, { links, sockets, network }: Kernel): KernelWord {
  const own =
    isLoopback(destination) || links.some((one) => one.addresses.some(({ address }) => address === destination));
  if (!own) return { kind: 'elsewhere' };
  const listening = sockets.filter(
    ({ address, port }) =>
      port === door.port &&
      (address === destination || address === '::' || (address === '0.0.0.0' && isIPv4(destination))),
  );
  if (listening.length === 0) return { kind: 'nobody-listens' };
  const open = listening.filter(({ device }) => device === 0 || device === link.index);
  if (open.length === 0) {
    const bound = links.find(({ index }) => index === listening[0]!.device);
    return { kind: 'bound-elsewhere', device: bound?.name ?? 'another device' };
  }
  if (link.loopback) return { kind: 'delivered' };
  // The address of a link is known on that link alone.
  if (/^fe[89ab]/i.test(destination)) {
    const here = link.addresses.some(({ address }) => address === destination) && deviceOf(door) === link.name;
    return here ? { kind: 'delivered' } : { kind: 'dropped', reason: 'an address of another link' };
  }
  const source = hostOn(link, isIPv4(destination) ? 4 : 6);
  const route = network.route({ destination, input: { index: link.index, source } });
  if (route.kind === 'local') return { kind: 'delivered' };
  return { kind: 'dropped', reason: route.kind === 'none' ? route.reason : 'it would be forwarded' };
}

function toJson(rows: readonly Row[], code: number): JsonMap {
  return {
    result: code === DOCTOR_EXIT.ok ? 'pass' : code === DOCTOR_EXIT.exposed ? 'exposed' : 'unchecked',
    listeners: rows.map(({ door, cells }) => ({
      name: door.name,
      kind: door.kind,
      address: door.address,
      port: door.port,
      ...(deviceOf(door) === undefined ? {} : { interface: deviceOf(door)! }),
      cells: cells.map((cell) => ({ ...cell })),
    })),
  };
}

function print(
  rows: readonly Row[],
  { verdicts, clientDevices }: Subject,
  code: number,
  verbose: boolean,
  io: Io,
): void {
  if (rows.length === 0) {
    writeLine(io.stdout, 'no listener but unix sockets: nothing can be reached through a network');
    return;
  }
  const names = rows[0]!.cells.map((cell) => cell.interface);
  const heading = ['listener', ...names.map((name) => (clientDevices.includes(name) ? `${name} (clients)` : name))];
  const lines = rows.map(({ door, cells }) => [
    `${door.name} (${door.address} port ${door.port})`,
    ...cells.map(
      ({ reach, expected, ok }) =>
        `${reach}${ok ? '' : expected === 'must-not' && reach !== 'unknown' ? ' FAIL' : ' ?'}`,
    ),
  ]);
  io.stdout.write(formatColumns([heading, ...lines]));
  const told = rows.flatMap(({ door, cells }) =>
    cells
      .filter(({ ok }) => verbose || !ok)
      .map(
        (cell) =>
          `${gradeOf(cell)} ${door.name} from ${cell.interface}: ${cell.reach}, ${EXPECTED[cell.expected]}: ${cell.evidence}`,
      ),
  );
  for (const line of [...told, ...verdicts]) writeLine(io.stdout, line);
  writeLine(io.stdout, SUMMARY[code]!);
}

function gradeOf({ ok, reach }: Cell): string {
  if (ok) return 'pass';
  return reach === 'unknown' ? 'unchecked' : 'FAIL';
}

const EXPECTED = { must: 'should be reachable', 'must-not': 'must not be reachable', may: 'either way' } as const;

const SUMMARY: Readonly<Record<number, string>> = {
  [DOCTOR_EXIT.ok]: 'all is as it should be',
  [DOCTOR_EXIT.exposed]:
    'a listener is reachable from where it must not be: give it "interface" (docs/lock-it-down.md)',
  [DOCTOR_EXIT.unchecked]: 'something is not as it should be, or could not be checked',
};
