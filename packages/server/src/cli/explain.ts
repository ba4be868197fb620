/** `lessor explain`: what a running server would answer to a packet, and why, step by step. Changes nothing. */

import { formatJson, type JsonValue } from '@lessor/kea';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { askServer, REMOTE_OPTIONS } from './remote.js';

/** Options that are arguments of explain4 by another name or the same. */
const PACKET_OPTIONS: readonly (OptionRow & { readonly argument: string })[] = [
  { name: 'packet', value: 'HEX', help: 'the whole DHCP message, instead of the options below', argument: 'packet' },
  { name: 'mac', value: 'HEX', help: 'hardware address of the client', argument: 'hw-address' },
  { name: 'type', value: 'TYPE', help: 'DISCOVER (default), REQUEST, INFORM, ...', argument: 'message-type' },
  { name: 'client-id', value: 'HEX', help: 'option 61', argument: 'client-id' },
  { name: 'relay', value: 'ADDRESS', help: 'address of the relay (giaddr)', argument: 'relay' },
  { name: 'circuit-id', value: 'HEX|TEXT', help: 'sub-option 1 of option 82', argument: 'circuit-id' },
  { name: 'remote-id', value: 'HEX|TEXT', help: 'sub-option 2 of option 82', argument: 'remote-id' },
  { name: 'request', value: 'ADDRESS', help: 'the address it asks for (option 50)', argument: 'requested-address' },
  { name: 'server-id', value: 'ADDRESS', help: 'option 54', argument: 'server-id' },
  { name: 'address', value: 'ADDRESS', help: 'the address it has (ciaddr)', argument: 'client-address' },
  { name: 'interface', value: 'NAME', help: 'where it comes in', argument: 'interface' },
];

const OPTIONS: readonly OptionRow[] = [
  ...REMOTE_OPTIONS,
  ...PACKET_OPTIONS.map(({ argument: _, ...row }) => row),
  { name: 'option', value: 'NAME=TEXT', multiple: true, help: 'an option as in option-data; may be repeated' },
  { name: 'json', help: 'print the answer as JSON' },
];

/** Usage text of `lessor explain`. */
export const EXPLAIN_USAGE = `Usage: lessor explain --socket PATH --mac HEX [options]
       lessor explain --url URL --packet HEX

Asks a running server what it would answer to a packet: which classes match and
why, which subnet, reservation and address it gets, and the reply itself.
Nothing is changed: no lease, no offer, no counter.

${formatOptions(OPTIONS)}

Exit codes: 0 done, 1 the server refuses or does not answer, 2 wrong usage.
`;

interface ReplyAnswer {
  readonly reply?: {
    readonly hex: string;
    readonly options: readonly { readonly code: number; readonly name: string; readonly value: string }[];
  };
}

/** Runs `lessor explain`. */
export async function runExplain(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.positionals.length > 0) throw new UsageError(`unexpected word '${args.positionals[0]}'`);
  const members = Object.fromEntries(
    PACKET_OPTIONS.flatMap(({ name, argument }) => {
      const value = args.value(name);
      return value === undefined ? [] : [[argument, value]];
    }),
  );
  const options = args.values('option').map(optionOf);
  const answer = await askServer(args, io, 'explain4', { ...members, ...(options.length === 0 ? {} : { options }) });
  if (args.flag('json')) {
    writeLine(io.stdout, formatJson((answer.arguments ?? {}) as JsonValue));
    return ExitCode.ok;
  }
  writeLine(io.stdout, answer.text ?? '');
  const { reply } = (answer.arguments ?? {}) as ReplyAnswer;
  for (const { code, name, value } of reply?.options ?? []) writeLine(io.stdout, `  ${code} ${name}: ${value}`);
  if (reply !== undefined) writeLine(io.stdout, `  octets: ${reply.hex}`);
  return ExitCode.ok;
}

function optionOf(word: string): object {
  const at = word.indexOf('=');
  if (at < 1) throw new UsageError(`--option ${word}: write NAME=TEXT or CODE=TEXT`);
  const [name, data] = [word.slice(0, at), word.slice(at + 1)];
  return /^\d+$/.test(name) ? { code: Number(name), data } : { name, data };
}
