/** The messages a DHCP client sends, by its state (RFC 2131 table 5), and what a relay adds to them (RFC 3046). */

import { encodeMessage4, encodeSubOptions, type OptionOctets } from '@lessor/dhcp';
import { MessageType } from '../../domain/dhcp4/decision.js';
import type { Ipv4 } from '../../domain/values.js';
import type { ClientSettings, Step } from './options.js';

const FLAG_BROADCAST = 0x8000;
const MAX_MESSAGE_OCTETS = 1472;

/** What a client holds while it talks. */
export interface Holding {
  /** Offered or leased address; 0: none. */
  readonly address: Ipv4;
  /** Option 54 of the offer or lease; 0: unknown. */
  readonly serverId: Ipv4;
}

/** One row of RFC 2131 table 5. */
interface StepRow {
  /** Option 53; undefined for BOOTP. */
  readonly type?: number;
  /** Where the address goes. */
  readonly address: 'ciaddr' | 'option' | 'none';
  readonly serverId: boolean;
  /** Types of the answers that end the step; none: no answer is due. 0: an answer without type. */
  readonly answers: readonly number[];
  /** Goes to the server that gave the lease, not to everybody. */
  readonly unicast: boolean;
  /** Hostname, parameter list and the other options are sent (a release or decline must not, table 5). */
  readonly options: boolean;
}

/** What each step sends. */
export const STEP_ROWS: Readonly<Record<Step, StepRow>> = {
  discover: row({ type: MessageType.discover, address: 'option', answers: [MessageType.offer] }),
  request: row({
    type: MessageType.request,
    address: 'option',
    serverId: true,
    answers: [MessageType.ack, MessageType.nak],
  }),
  renew: row({
    type: MessageType.request,
    address: 'ciaddr',
    answers: [MessageType.ack, MessageType.nak],
    unicast: true,
  }),
  rebind: row({ type: MessageType.request, address: 'ciaddr', answers: [MessageType.ack, MessageType.nak] }),
  reboot: row({ type: MessageType.request, address: 'option', answers: [MessageType.ack, MessageType.nak] }),
  release: row({ type: MessageType.release, address: 'ciaddr', serverId: true, unicast: true, options: false }),
  decline: row({ type: MessageType.decline, address: 'option', serverId: true, options: false }),
  inform: row({ type: MessageType.inform, address: 'ciaddr', answers: [MessageType.ack] }),
  bootp: row({ address: 'none', answers: [0], options: false }),
};

function row(given: Partial<StepRow>): StepRow {
  return { address: 'none', serverId: false, answers: [], unicast: false, options: true, ...given };
}

/** The settings a message is made of; a load run varies the hardware address. */
export type MessageSettings = Pick<
  ClientSettings,
  'mac' | 'options' | 'broadcast' | 'relay' | 'circuitId' | 'remoteId'
> & {
  /** Sub-option 19 (RFC 8357): answer to the port this came from. */
  readonly relayPort: boolean;
};

/** Encodes the message of a step. */
export function encodeStep(
  step: Step,
  xid: number,
  secs: number,
  holding: Holding,
  settings: MessageSettings,
): Uint8Array {
  const { type, address, serverId, options } = STEP_ROWS[step];
  const list: OptionOctets[] = [];
  if (type !== undefined) list.push({ code: 53, data: Uint8Array.of(type) });
  if (address === 'option' && holding.address !== 0) list.push({ code: 50, data: octets4(holding.address) });
  if (serverId && holding.serverId !== 0) list.push({ code: 54, data: octets4(holding.serverId) });
  const clientId = settings.options.find(({ code }) => code === 61);
  if (options) list.push(...settings.options);
  else if (clientId !== undefined && type !== undefined) list.push(clientId);
  const agent = relayInformation(settings);
  if (agent !== undefined) list.push({ code: 82, data: agent });
  return encodeMessage4(
    {
      op: 1,
      htype: 1,
      hlen: settings.mac.length,
      hops: settings.relay === undefined ? 0 : 1,
      xid,
      secs,
      flags: settings.broadcast ? FLAG_BROADCAST : 0,
      ciaddr: address === 'ciaddr' ? holding.address : 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: settings.relay ?? 0,
      chaddr: settings.mac,
      options: list,
    },
    MAX_MESSAGE_OCTETS,
  ).octets;
}

function relayInformation({ relay, circuitId, remoteId, relayPort }: MessageSettings): Uint8Array | undefined {
  const list = [
    ...(circuitId === undefined ? [] : [{ code: 1, data: circuitId }]),
    ...(remoteId === undefined ? [] : [{ code: 2, data: remoteId }]),
    ...(relay !== undefined && relayPort ? [{ code: 19, data: new Uint8Array(0) }] : []),
  ];
  return list.length === 0 ? undefined : encodeSubOptions(list);
}

function octets4(address: Ipv4): Uint8Array {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(address);
  return octets;
}
