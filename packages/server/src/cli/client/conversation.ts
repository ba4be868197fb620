/** One client's conversation with a server, step by step, with retransmissions (RFC 2131 §4.1, §4.4). */

import { DecodeError, decodeMessage4, type Message4 } from '@lessor/dhcp';
import { MessageType } from '../../domain/dhcp4/decision.js';
import { createSystemRandom } from '../../platform/random.js';
import type { ClientLink } from './link.js';
import { encodeStep, type Holding, STEP_ROWS } from './messages.js';
import type { ClientSettings, Step } from './options.js';

/** A packet that was sent or received, for whoever watches. */
export interface Packet {
  readonly direction: 'sent' | 'received';
  readonly message: Message4;
  /** The other end: 192.0.2.1:67. */
  readonly peer: string;
  /** Received: how long after the last sending, in milliseconds. */
  readonly afterMs?: number;
}

/** How a conversation ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly lease?: Message4 }
  | { readonly kind: 'refused'; readonly step: Step; readonly nak: Message4 }
  | { readonly kind: 'silence'; readonly step: Step };

/** How long a message to which no answer is due may take to leave before the socket closes. */
const LINGER_MS = 20;

/** Does the steps of the settings one after the other; ends at the first that is refused or not answered. */
export async function converse(
  settings: ClientSettings,
  link: ClientLink,
  watch: (packet: Packet) => void,
  signal?: AbortSignal,
): Promise<Outcome> {
  const random = createSystemRandom();
  let holding: Holding = { address: settings.requested ?? 0, serverId: settings.server ?? 0 };
  let lease: Message4 | undefined;
  let xid = random.below(2 ** 32);
  for (const step of settings.steps) {
    // A request carries the transaction of the offer it takes (RFC 2131 §4.4.1); all else begins its own.
    if (step !== 'request') xid = random.below(2 ** 32);
    const answer = await perform(step, xid, holding, settings, link, watch, signal);
    if (answer === 'none-due') {
      lease = undefined;
      continue;
    }
    if (answer === undefined) return { kind: 'silence', step };
    if (answer.messageType === MessageType.nak) return { kind: 'refused', step, nak: answer };
    const serverId = answer.option(54);
    holding = {
      address: answer.yiaddr === 0 ? holding.address : answer.yiaddr,
      serverId: serverId?.length === 4 ? Buffer.from(serverId).readUInt32BE() : holding.serverId,
    };
    if (answer.messageType !== MessageType.offer) {
      lease = answer;
      if (answer.yiaddr !== 0) link.adopt(answer.yiaddr);
    }
  }
  return { kind: 'done', ...(lease !== undefined && { lease }) };
}

/** Sends the message of one step until it is answered; undefined if it is not. */
async function perform(
  step: Step,
  xid: number,
  holding: Holding,
  settings: ClientSettings,
  link: ClientLink,
  watch: (packet: Packet) => void,
  signal?: AbortSignal,
): Promise<Message4 | 'none-due' | undefined> {
  const { answers, unicast } = STEP_ROWS[step];
  const began = performance.now();
  for (let attempt = 0; attempt <= settings.retries && signal?.aborted !== true; attempt++) {
    const sentAt = performance.now();
    const secs = Math.min(65_535, Math.floor((sentAt - began) / 1000));
    const octets = encodeStep(step, xid, secs, holding, { ...settings, relayPort: link.unusualPort });
    const waiting = waitFor(link, xid, settings.mac, answers, settings.timeoutMs, signal, (message, peer) =>
      watch({ direction: 'received', message, peer, afterMs: performance.now() - sentAt }),
    );
    const peer = link.send(octets, unicast ? holding.serverId : 0);
    watch({ direction: 'sent', message: decodeMessage4(octets), peer });
    if (answers.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      return 'none-due';
    }
    const answer = await waiting;
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function waitFor(
  link: ClientLink,
  xid: number,
  mac: Uint8Array,
  types: readonly number[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
  seen: (message: Message4, peer: string) => void,
): Promise<Message4 | undefined> {
  if (types.length === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const finish = (message: Message4 | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      resolve(message);
    };
    const aborted = (): void => finish(undefined);
    const timer = setTimeout(aborted, timeoutMs);
    signal?.addEventListener('abort', aborted);
    link.onMessage((octets, peer) => {
      const message = decodeReply(octets, xid, mac);
      if (message === undefined || !types.includes(message.messageType)) return;
      seen(message, peer);
      finish(message);
    });
  });
}

/** A reply to our transaction and hardware address, with octets of its own; undefined for anything else. */
export function decodeReply(
  octets: Uint8Array,
  xid: number | undefined,
  mac: Uint8Array | undefined,
): Message4 | undefined {
  try {
    const message = decodeMessage4(Uint8Array.from(octets));
    if (message.op !== 2 || (xid !== undefined && message.xid !== xid)) return undefined;
    return mac === undefined || Buffer.compare(message.chaddr, mac) === 0 ? message : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
