/** `lessor client --count N --rate R`: many clients at a steady rate, each a discover and a request. */

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageType } from '../../domain/dhcp4/decision.js';
import { decodeReply } from './conversation.js';
import type { ClientLink } from './link.js';
import { encodeStep, type MessageSettings } from './messages.js';
import type { ClientSettings } from './options.js';

/** What became of one kind of exchange. Times in milliseconds. */
export interface ExchangeTotals {
  readonly sent: number;
  readonly answered: number;
  readonly refused: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** What became of a load run. */
export interface LoadTotals {
  readonly elapsedMs: number;
  readonly discover: ExchangeTotals;
  readonly request: ExchangeTotals;
}

/** One client under way. */
interface Client {
  readonly mac: Uint8Array;
  readonly xid: number;
  sentAt: number;
  requesting: boolean;
}

/** Counts and latencies of one kind of exchange, being gathered. */
class Exchange {
  sent = 0;
  refused = 0;
  readonly latenciesMs: number[] = [];

  totals(): ExchangeTotals {
    const sorted = Float64Array.from(this.latenciesMs).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { sent: this.sent, answered: sorted.length, refused: this.refused, medianMs: at(0.5), p99Ms: at(0.99) };
  }
}

/** How often new clients are started: often enough for a steady rate, seldom enough to be cheap. */
const TICK_MS = 2;

/** Runs the load; resolves when all have been answered or the timeout of the last has passed. */
export async function runLoad(settings: ClientSettings, link: ClientLink, signal?: AbortSignal): Promise<LoadTotals> {
  const discover = new Exchange();
  const request = new Exchange();
  const underWay = new Map<number, Client>();
  const base = Buffer.from(settings.mac).readUIntBE(0, 6);
  const firstXid = Buffer.from(settings.mac).readUInt32BE(2);
  const messageSettings = { ...settings, relayPort: link.unusualPort };

  const send = (client: Client, address: number, serverId: number): void => {
    const own: MessageSettings = { ...messageSettings, mac: client.mac };
    const step = client.requesting ? 'request' : 'discover';
    client.sentAt = performance.now();
    (client.requesting ? request : discover).sent++;
    link.send(encodeStep(step, client.xid, 0, { address, serverId }, own), 0);
  };
  link.onMessage((octets) => {
    const message = decodeReply(octets, undefined, undefined);
    const client = message === undefined ? undefined : underWay.get(message.xid);
    if (message === undefined || client === undefined) return;
    const latencyMs = performance.now() - client.sentAt;
    if (!client.requesting && message.messageType === MessageType.offer) {
      discover.latenciesMs.push(latencyMs);
      client.requesting = true;
      const serverId = message.option(54);
      send(client, message.yiaddr, serverId === undefined ? 0 : Buffer.from(serverId).readUInt32BE());
    } else if (client.requesting && message.messageType === MessageType.ack) {
      request.latenciesMs.push(latencyMs);
      underWay.delete(message.xid);
    } else if (client.requesting && message.messageType === MessageType.nak) {
      request.refused++;
      underWay.delete(message.xid);
    }
  });

  const began = performance.now();
  let started = 0;
  while (started < settings.count && signal?.aborted !== true) {
    const due = Math.min(settings.count, Math.ceil(((performance.now() - began) / 1000) * settings.ratePerSec));
    for (; started < due; started++) {
      const mac = Buffer.alloc(6);
      mac.writeUIntBE((base + started) % 2 ** 48, 0, 6);
      const client: Client = { mac, xid: (firstXid + started) >>> 0, sentAt: 0, requesting: false };
      underWay.set(client.xid, client);
      send(client, settings.requested ?? 0, 0);
    }
    await sleep(TICK_MS);
  }
  const elapsedMs = performance.now() - began;
  const deadline = performance.now() + settings.timeoutMs;
  while (underWay.size > 0 && performance.now() < deadline && signal?.aborted !== true) await sleep(TICK_MS);
  return { elapsedMs, discover: discover.totals(), request: request.totals() };
}

/** The totals as a small table. */
export function formatLoad({ elapsedMs, discover, request }: LoadTotals): string {
  const line = (name: string, { sent, answered, refused, medianMs, p99Ms }: ExchangeTotals): string => {
    const lost = sent - answered - refused;
    const share = sent === 0 ? 0 : (100 * lost) / sent;
    return [
      name.padEnd(16),
      `sent ${sent}`,
      `answered ${answered}`,
      ...(refused > 0 ? [`refused ${refused}`] : []),
      `lost ${lost} (${share.toFixed(1)} %)`,
      `median ${medianMs.toFixed(2)} ms`,
      `p99 ${p99Ms.toFixed(2)} ms`,
    ].join('  ');
  };
  const rate = elapsedMs === 0 ? 0 : (1000 * discover.sent) / elapsedMs;
  return [
    `${discover.sent} clients in ${(elapsedMs / 1000).toFixed(2)} s (${rate.toFixed(0)} a second)`,
    line('DISCOVER-OFFER', discover),
    line('REQUEST-ACK', request),
  ].join('\n');
}
