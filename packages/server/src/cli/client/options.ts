/** What `lessor client` is told to be and to do: from command line words to settings. */

import { randomBytes } from 'node:crypto';
import { encodeOptionText, type OptionOctets, OptionRegistry, OptionTextError } from '@lessor/dhcp';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, parsePort, UsageError } from '../args.js';

/** One thing a client does, in the words of RFC 2131 §4.4. */
export type Step = 'discover' | 'request' | 'renew' | 'rebind' | 'reboot' | 'release' | 'decline' | 'inform' | 'bootp';

/** The steps there are and what each one is. */
export const STEPS: Readonly<Record<Step, string>> = {
  discover: 'DHCPDISCOVER, wait for an offer',
  request: 'DHCPREQUEST for the offer (SELECTING)',
  renew: 'DHCPREQUEST with ciaddr, to the server that gave the lease',
  rebind: 'DHCPREQUEST with ciaddr, to any server',
  reboot: 'DHCPREQUEST for an address known from before (INIT-REBOOT)',
  release: 'DHCPRELEASE; no answer is due',
  decline: 'DHCPDECLINE; no answer is due',
  inform: 'DHCPINFORM: options without a lease',
  bootp: 'BOOTREQUEST without a message type (RFC 951)',
};

/** Everything the command line says, checked. */
export interface ClientSettings {
  readonly server?: Ipv4;
  readonly serverPort: number;
  /** Port to send from; undefined: what fits. */
  readonly clientPort?: number;
  readonly interface?: string;
  /** Being a relay: giaddr and the address to send from (RFC 1542 §4). */
  readonly relay?: Ipv4;
  /** Sub-options 1 and 2 of option 82 (RFC 3046). */
  readonly circuitId?: Uint8Array;
  readonly remoteId?: Uint8Array;
  readonly mac: Uint8Array;
  readonly requested?: Ipv4;
  readonly broadcast: boolean;
  /** What the options above and --option come to: 61, 12, 60, 55 and others, in order. */
  readonly options: readonly OptionOctets[];
  readonly steps: readonly Step[];
  readonly timeoutMs: number;
  readonly retries: number;
  readonly json: boolean;
  readonly verbose: boolean;
  /** Clients of a load run; 0: one conversation. */
  readonly count: number;
  readonly ratePerSec: number;
}

const OPTIONS: readonly OptionRow[] = [
  { name: 'server', value: 'ADDRESS', help: 'send UDP to this server (as relay, or on loopback)' },
  { name: 'interface', value: 'NAME', help: 'be a client on this Ethernet: broadcast, no address needed (as root)' },
  { name: 'relay', value: 'ADDRESS', help: 'be a relay with this giaddr; must be an address of this machine' },
  { name: 'port', value: 'NUMBER', help: 'server port, 67' },
  { name: 'client-port', value: 'NUMBER', help: 'port to send from: 68; relay: 67, or any with RFC 8357' },
  { name: 'mac', value: 'HEX', help: 'hardware address; random if not given' },
  { name: 'client-id', value: 'HEX|TEXT', help: 'option 61: 01:02:03 or 0x010203, or text (sent with type 0)' },
  { name: 'hostname', value: 'TEXT', help: 'option 12' },
  { name: 'vendor-class', value: 'TEXT', help: 'option 60' },
  { name: 'option', value: 'OPTION', help: 'CODE=HEX or NAME=TEXT as in option-data; may be repeated' },
  { name: 'ask', value: 'CODES', help: 'option 55, comma separated; default 1,3,6,12,15,28,42,51,54,58,59,119,121' },
  { name: 'circuit-id', value: 'HEX|TEXT', help: 'sub-option 1 of option 82: 01:02 or 0x0102, or text' },
  { name: 'remote-id', value: 'HEX|TEXT', help: 'sub-option 2 of option 82, likewise' },
  { name: 'request', value: 'ADDRESS', help: 'the address to ask for (option 50), or held already (ciaddr)' },
  { name: 'broadcast', help: 'set the broadcast flag' },
  { name: 'steps', value: 'LIST', help: 'what to do, comma separated; default discover,request' },
  { name: 'timeout', value: 'SECONDS', help: 'wait this long for an answer; 2' },
  { name: 'retries', value: 'NUMBER', help: 'send again this often; 2' },
  { name: 'count', value: 'NUMBER', help: 'load: this many clients do discover and request' },
  { name: 'rate', value: 'NUMBER', help: 'load: new clients a second; 100' },
  { name: 'json', help: 'print one JSON object at the end instead of text' },
  { name: 'verbose', short: 'v', help: 'print every field and option of every packet' },
  { name: 'help', short: 'h', help: 'print this' },
];

/** Usage text of `lessor client`. */
export const CLIENT_USAGE = `Usage: lessor client --interface NAME [options]
       lessor client --server ADDRESS [--relay ADDRESS] [options]

Gets a lease from a DHCP server as a client or through a relay of its own, and
prints the packets and the lease. Three ways to reach the server:

  --interface eth1             like any client, by broadcast; answers at link level
  --server A --relay B         like a relay agent whose address is B (port 67, or
                               where that is taken another one with RFC 8357)
  --server 127.0.0.1           on loopback, where lessor answers to the port asked
                               from; with --port above 1023 anybody may do this

${formatOptions(OPTIONS)}

Steps:
${Object.entries(STEPS)
  .map(([name, help]) => `  ${name.padEnd(10)}${help}`)
  .join('\n')}

Exit codes: 0 the last step was answered (or needs no answer), 1 refused by a
DHCPNAK or failed, 2 wrong usage, 3 no answer. Load: 0 if nothing was lost.
`;

const DEFAULT_ASK = '1,3,6,12,15,28,42,51,54,58,59,119,121';

/** Reads the command line; undefined: the usage is wanted. @throws UsageError */
export function parseClientSettings(argv: readonly string[]): ClientSettings | undefined {
  const { rest, values } = takeRepeated(argv, 'option');
  const args = parseOptions(rest, OPTIONS);
  if (args.flag('help')) return undefined;
  if (args.positionals.length > 0) throw new UsageError(`unexpected word '${args.positionals[0]}'`);
  const server = address(args, 'server');
  const relay = address(args, 'relay');
  const requested = address(args, 'request');
  const clientPort = parsePort(args.value('client-port'), 'client');
  const interfaceName = args.value('interface');
  const circuitId = args.value('circuit-id');
  const remoteId = args.value('remote-id');
  const settings: ClientSettings = {
    serverPort: parsePort(args.value('port'), 'server') ?? 67,
    mac: args.value('mac') === undefined ? randomMac() : macOctets(args.value('mac')!),
    broadcast: args.flag('broadcast'),
    options: clientOptions(args, values),
    steps: parseSteps(args.value('steps') ?? 'discover,request'),
    timeoutMs: number(args, 'timeout', 2) * 1000,
    retries: number(args, 'retries', 2),
    json: args.flag('json'),
    verbose: args.flag('verbose'),
    count: number(args, 'count', 0),
    ratePerSec: number(args, 'rate', 100),
    ...(server !== undefined && { server }),
    ...(relay !== undefined && { relay }),
    ...(requested !== undefined && { requested }),
    ...(clientPort !== undefined && { clientPort }),
    ...(interfaceName !== undefined && { interface: interfaceName }),
    ...(circuitId !== undefined && { circuitId: hexOrText(circuitId) }),
    ...(remoteId !== undefined && { remoteId: hexOrText(remoteId) }),
  };
  checkReach(settings);
  checkSteps(settings);
  return settings;
}

function checkReach({ server, relay, interface: name, requested }: ClientSettings): void {
  if ((server === undefined) === (name === undefined)) throw new UsageError('give either --server or --interface');
  if (name !== undefined && relay !== undefined) throw new UsageError('--relay needs --server, not --interface');
  if (server !== undefined && server >>> 24 !== 127 && relay === undefined && requested === undefined) {
    throw new UsageError(
      `${formatIpv4(server)} would answer a client without address on its own network: ` +
        'give --relay with an address of this machine, or --interface instead of --server',
    );
  }
}

function checkSteps({ steps, requested }: ClientSettings): void {
  let held = requested !== undefined;
  for (const [index, step] of steps.entries()) {
    if (step === 'request' && !steps.slice(0, index).includes('discover')) {
      throw new UsageError('the step request needs discover before it; with --request ADDRESS use reboot');
    }
    if (!held && !['discover', 'request', 'bootp'].includes(step)) {
      throw new UsageError(`the step ${step} needs a lease: do discover,request before it, or give --request ADDRESS`);
    }
    held ||= step === 'request' || step === 'bootp';
  }
}

/** `--name VALUE` and `--name=VALUE` wherever they are, and the other words. */
function takeRepeated(argv: readonly string[], name: string): { rest: string[]; values: string[] } {
  const rest: string[] = [];
  const values: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === `--${name}` && i + 1 < argv.length) values.push(argv[++i]!);
    else if (word.startsWith(`--${name}=`)) values.push(word.slice(name.length + 3));
    else rest.push(word);
  }
  return { rest, values };
}

function clientOptions(args: ParsedArgs, given: readonly string[]): OptionOctets[] {
  const options: OptionOctets[] = [];
  const add = (code: number, data: Uint8Array | undefined): void => {
    if (data !== undefined) options.push({ code, data });
  };
  const text = (name: string): Uint8Array | undefined => {
    const value = args.value(name);
    return value === undefined ? undefined : Buffer.from(value);
  };
  const clientId = args.value('client-id');
  add(61, clientId === undefined ? undefined : clientIdOctets(clientId));
  add(12, text('hostname'));
  add(60, text('vendor-class'));
  for (const word of given) options.push(parseOption(word));
  const ask = args.value('ask') ?? DEFAULT_ASK;
  if (!options.some(({ code }) => code === 55) && ask !== '') add(55, parameterList(ask));
  return options;
}

/** `CODE=HEX` or `NAME=TEXT`, the text as Kea's option-data has it. @throws UsageError */
export function parseOption(word: string): OptionOctets {
  const equals = word.indexOf('=');
  if (equals < 1) throw new UsageError(`--option ${word}: write CODE=HEX or NAME=TEXT`);
  const name = word.slice(0, equals);
  const value = word.slice(equals + 1);
  if (/^\d+$/.test(name)) {
    const code = Number(name);
    if (code < 1 || code > 254) throw new UsageError(`--option ${word}: codes are 1 to 254`);
    const data = hexOctets(value);
    if (data === undefined) throw new UsageError(`--option ${word}: '${value}' is not hex`);
    return { code, data };
  }
  const definition = OptionRegistry.standard().findByName('dhcp4', name);
  if (definition === undefined) throw new UsageError(`--option ${word}: no option is named '${name}'`);
  try {
    return { code: definition.code, data: encodeOptionText(definition, value, true) };
  } catch (error) {
    if (error instanceof OptionTextError) throw new UsageError(`--option ${word}: ${error.message}`);
    throw error;
  }
}

function parameterList(text: string): Uint8Array {
  const codes = text.split(',').map(Number);
  if (codes.some((code) => !Number.isInteger(code) || code < 1 || code > 254)) {
    throw new UsageError(`--ask ${text}: write option codes with commas between them`);
  }
  return Uint8Array.from(codes);
}

function parseSteps(text: string): Step[] {
  return text.split(',').map((word) => {
    if (!Object.hasOwn(STEPS, word)) throw new UsageError(`no step '${word}': ${Object.keys(STEPS).join(', ')}`);
    return word as Step;
  });
}

function address(args: ParsedArgs, name: string): Ipv4 | undefined {
  const text = args.value(name);
  if (text === undefined) return undefined;
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new UsageError(`--${name} ${text}: not an IPv4 address`);
  return parsed;
}

function number(args: ParsedArgs, name: string, otherwise: number): number {
  const text = args.value(name);
  if (text === undefined) return otherwise;
  const parsed = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || parsed > 1e9) throw new UsageError(`--${name} ${text}: not a number`);
  return parsed;
}

/** Hex octets with or without separators, undefined if it is none. */
function hexOctets(text: string): Uint8Array | undefined {
  const digits = text.replace(/^0x/i, '').replaceAll(/[:.\- ]/g, '');
  return digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits) ? Buffer.from(digits, 'hex') : undefined;
}

/** `01:02` and `0x0102` are octets, all else is text: 0102 may well be the number of a port. */
function hexOctetsMarked(text: string): Uint8Array | undefined {
  return /^0x|:/i.test(text) ? hexOctets(text) : undefined;
}

function hexOrText(text: string): Uint8Array {
  return hexOctetsMarked(text) ?? Buffer.from(text);
}

/** Text becomes an identifier of type 0, "not a hardware address" (RFC 2132 §9.14). */
function clientIdOctets(text: string): Uint8Array {
  const octets = hexOctetsMarked(text);
  return octets !== undefined && octets.length >= 2 ? octets : Buffer.concat([Buffer.of(0), Buffer.from(text)]);
}

function macOctets(text: string): Uint8Array {
  const octets = hexOctets(text);
  if (octets?.length !== 6) throw new UsageError(`--mac ${text}: write six octets in hex`);
  return octets;
}

/** Locally administered, unicast (IEEE 802: the two low bits of the first octet are 1 and 0). */
function randomMac(): Uint8Array {
  const octets = randomBytes(6);
  octets[0] = (octets[0]! & 0xfc) | 0x02;
  return octets;
}
