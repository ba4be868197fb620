/** `lessor client`: a DHCP client, relay or small load generator, to see what a server does. */

import type { Message4 } from '@lessor/dhcp';
import { formatHex, octetsOf } from '../domain/values.js';
import { converse, type Outcome, type Packet } from './client/conversation.js';
import type { ClientLink } from './client/link.js';
import { formatLoad, runLoad } from './client/load.js';
import { openClientLink } from './client/open-link.js';
import { CLIENT_USAGE, type ClientSettings, parseClientSettings } from './client/options.js';
import { formatLease, formatMessage, hex32, messageJson, typeName } from './client/print.js';
import { ExitCode, type Io, writeLine } from './io.js';

/**
 * Runs `lessor client` with the words after its name. Resolves with 0 (lease, or nothing to wait for), 1 (DHCPNAK),
 * 3 (no answer); wrong usage and sockets that can not be opened are thrown.
 * @throws UsageError, LessorError socket-open
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const settings = parseClientSettings(argv);
  if (settings === undefined) {
    io.stdout.write(CLIENT_USAGE);
    return ExitCode.ok;
  }
  const link = await openClientLink(settings);
  try {
    return settings.count > 0 ? await load(settings, link, io) : await talk(settings, link, io);
  } finally {
    link.close();
  }
}

async function load(settings: ClientSettings, link: ClientLink, io: Io): Promise<number> {
  const totals = await runLoad(settings, link, io.signal);
  writeLine(io.stdout, settings.json ? JSON.stringify(totals) : formatLoad(totals));
  if (totals.request.answered === totals.discover.sent) return ExitCode.ok;
  return totals.request.refused > 0 ? ExitCode.failed : ExitCode.noAnswer;
}

async function talk(settings: ClientSettings, link: ClientLink, io: Io): Promise<number> {
  const packets: Packet[] = [];
  if (!settings.json) {
    writeLine(io.stdout, `client ${formatHex(octetsOf(settings.mac))} at ${link.description}`);
  }
  const watch = (packet: Packet): void => {
    packets.push(packet);
    if (!settings.json) writeLine(io.stdout, formatPacket(packet, settings.verbose));
  };
  const outcome = await converse(settings, link, watch, io.signal);
  if (settings.json) writeLine(io.stdout, JSON.stringify(outcomeJson(outcome, packets, settings), null, 2));
  else writeLine(outcome.kind === 'done' ? io.stdout : io.stderr, formatOutcome(outcome));
  return { done: ExitCode.ok, refused: ExitCode.failed, silence: ExitCode.noAnswer }[outcome.kind];
}

function formatPacket({ direction, message, peer, afterMs }: Packet, verbose: boolean): string {
  const way = direction === 'sent' ? `-> ${typeName(message)} to ${peer}` : `<- ${typeName(message)} from ${peer}`;
  const time = afterMs === undefined ? '' : ` after ${afterMs.toFixed(1)} ms`;
  const line = `${way}, xid ${hex32(message.xid)}${time}`;
  return verbose ? `${line}\n${formatMessage(message)}` : line;
}

function formatOutcome(outcome: Outcome): string {
  if (outcome.kind === 'silence') return `no answer to ${outcome.step}`;
  if (outcome.kind === 'refused') {
    const reason = outcome.nak.option(56);
    return `${outcome.step} refused by DHCPNAK${reason === undefined ? '' : `: ${Buffer.from(reason).toString()}`}`;
  }
  return outcome.lease === undefined ? 'done' : `${title(outcome.lease)}:\n${formatLease(outcome.lease)}`;
}

/** An answer to an INFORM has no address of its own (RFC 2131 §4.3.5). */
function title(answer: Message4): string {
  return answer.yiaddr === 0 ? 'configuration' : 'lease';
}

function outcomeJson(outcome: Outcome, packets: readonly Packet[], settings: ClientSettings): object {
  return {
    outcome: outcome.kind,
    ...(outcome.kind === 'done' ? {} : { step: outcome.step }),
    mac: formatHex(octetsOf(settings.mac)),
    lease: outcome.kind === 'done' && outcome.lease !== undefined ? messageJson(outcome.lease) : null,
    packets: packets.map(({ direction, message, peer, afterMs }) => ({
      direction,
      peer,
      ...(afterMs === undefined ? {} : { afterMs: Math.round(afterMs * 100) / 100 }),
      ...messageJson(message),
    })),
  };
}
