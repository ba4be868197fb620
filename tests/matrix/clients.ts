/** A population of clients that behave as clients do, and keep a history of it. Everything random comes from a seed. */

import { setTimeout as sleep } from 'node:timers/promises';
import { TestClient } from '../lib/dhcp-client.js';
import type { Arrival, Link } from '../lib/link.js';
import { dotted, encodeMessage, OPT, option, optionData, TYPE, type WireMessage } from '../lib/wire.js';
import { type Deed, History } from './history.js';

/** How a population behaves. */
export interface Habits {
  readonly clients: number;
  readonly seed: number;
  /** Mean time between two deeds of a client, milliseconds. */
  readonly paceMs: number;
  /** Probabilities of what a client that has an address does next; else it renews. */
  readonly release?: number;
  readonly decline?: number;
  readonly reboot?: number;
  /** Falls silent until its lease has ended. */
  readonly vanish?: number;
}

/** Where clients are. */
export interface Place {
  readonly link: Link;
  /** Hardware addresses of the servers by their addresses. */
  readonly servers: ReadonlyMap<string, string>;
}

interface Answer {
  readonly type: number;
  readonly addr: string;
  readonly sid: string;
  readonly leaseSec: number;
  readonly atMs: number;
}

/** Time an unanswered message is waited for; real clients wait longer, which would hide how long the servers were silent. */
const PATIENCE_MS = 350;

/** See the head of this file. */
export class Population {
  readonly history = new History();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #unlisten: (() => void)[];
  #stopping = false;
  #running: Promise<void>[] = [];

  constructor(
    private readonly places: readonly Place[],
    private readonly habits: Habits,
  ) {
    this.#unlisten = places.map(({ link }) => link.listen((arrival) => this.#arrived(arrival)));
  }

  /** Lets the clients begin. */
  start(): void {
    for (let serial = 0; serial < this.habits.clients; serial++) {
      const place = this.places[serial % this.places.length]!;
      this.#running.push(this.#live(serial, place, seeded(this.habits.seed * 7919 + serial)));
    }
  }

  /** Lets every client finish what it is doing. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
    for (const unlisten of this.#unlisten) unlisten();
  }

  #arrived({ message, atMs, frame }: Arrival): void {
    if (message.op !== 2) return;
    const type = optionData(message.options, OPT.messageType)?.[0] ?? 0;
    const sid = optionData(message.options, OPT.serverId);
    const lease = optionData(message.options, OPT.leaseTime);
    this.#waiting.get(message.xid)?.({
      type,
      addr: message.yiaddr,
      sid: sid === undefined ? frame.source : dotted(sid),
      leaseSec: lease?.readUInt32BE(0) ?? 0,
      atMs,
    });
  }

  async #live(serial: number, place: Place, random: () => number): Promise<void> {
    const { paceMs, release = 0.1, decline = 0.02, reboot = 0.1, vanish = 0.02 } = this.habits;
    const numbers = [2, 1, serial >> 8, serial, this.habits.seed >> 8, this.habits.seed];
    const mac = numbers.map((n) => (n & 255).toString(16).padStart(2, '0')).join(':');
    const path = { link: place.link, server: '255.255.255.255', serverMac: '' };
    const client = new TestClient(path, { mac });
    const pause = (): Promise<void> => this.#sleep(paceMs * (0.5 + random()));
    let since: number | undefined;
    let lease: { addr: string; sid: string; end: number } | undefined;
    await this.#sleep(paceMs * random());
    while (!this.#stopping) {
      const now = performance.now();
      if (lease !== undefined && lease.end <= now) lease = undefined;
      if (lease === undefined) {
        since ??= now;
        const got = await this.#acquire(client, since);
        if (got === undefined) continue;
        since = undefined;
        lease = got;
        place.link.haveAddress(got.addr, mac);
        if (random() < decline) {
          this.#deed(client, 'decline', got.addr);
          this.#towards(client, place, got.sid).decline(got.addr);
          lease = undefined;
        }
        await pause();
        continue;
      }
      const dice = random();
      if (dice < release) {
        this.#deed(client, 'release', lease.addr);
        this.#towards(client, place, lease.sid).release(lease.addr);
        place.link.loseAddress(lease.addr);
        lease = undefined;
      } else if (dice < release + vanish) {
        await this.#sleep(Math.max(0, lease.end - now) + 1000 * random());
      } else {
        const f: Deed = dice < release + vanish + reboot ? 'reboot' : since === undefined ? 'renew' : 'rebind';
        since ??= now;
        const answer = await this.#keep(client, place, f, lease, since);
        if (answer === 'nak') lease = undefined;
        if (answer !== undefined) since = undefined;
        if (answer !== undefined && answer !== 'nak') lease = answer;
        if (answer === undefined) continue;
      }
      await pause();
    }
  }

  async #acquire(client: TestClient, since: number): Promise<{ addr: string; sid: string; end: number } | undefined> {
    const secs = Math.floor((performance.now() - since) / 1000);
    const offer = await this.#ask(client, client.message(TYPE.discover, { secs }), false, [TYPE.offer]);
    if (offer === undefined) return undefined;
    const options = [option.addresses(OPT.requestedAddress, offer.addr), option.addresses(OPT.serverId, offer.sid)];
    const asked = performance.now();
    const ack = await this.#ask(client, client.message(TYPE.request, { secs, options }), false, [TYPE.ack, TYPE.nak]);
    return this.#settle(client, 'request', asked, ack, offer.addr, since);
  }

  async #keep(
    client: TestClient,
    place: Place,
    f: Deed,
    lease: { addr: string; sid: string },
    since: number,
  ): Promise<{ addr: string; sid: string; end: number } | 'nak' | undefined> {
    const secs = Math.floor((performance.now() - since) / 1000);
    const asked = performance.now();
    const message =
      f === 'reboot'
        ? client.message(TYPE.request, { secs, ...client.rebooting(lease.addr) })
        : client.message(TYPE.request, { secs, ciaddr: lease.addr });
    const to = f === 'renew' ? this.#towards(client, place, lease.sid) : client;
    const answer = await this.#ask(to, message, f === 'renew', [TYPE.ack, TYPE.nak]);
    const got = this.#settle(client, f, asked, answer, lease.addr, since);
    return answer?.type === TYPE.nak ? 'nak' : got;
  }

  #settle(
    client: TestClient,
    f: Deed,
    asked: number,
    answer: Answer | undefined,
    addr: string,
    since: number,
  ): { addr: string; sid: string; end: number } | undefined {
    const common = { p: client.mac, f, inv: asked, addr, since };
    if (answer === undefined) {
      this.history.add({ ...common, ret: performance.now(), res: 'timeout' });
      return undefined;
    }
    const { type, sid, atMs, leaseSec } = answer;
    if (type === TYPE.nak) {
      this.history.add({ ...common, ret: atMs, res: 'nak', sid });
      return undefined;
    }
    const end = asked + leaseSec * 1000;
    this.history.add({ ...common, addr: answer.addr, ret: atMs, res: 'ack', sid, end });
    return { addr: answer.addr, sid, end };
  }

  #deed(client: TestClient, f: Deed, addr: string): void {
    const now = performance.now();
    this.history.add({ p: client.mac, f, inv: now, ret: now, res: 'sent', addr });
  }

  #towards(client: TestClient, place: Place, sid: string): TestClient {
    return client.on({ link: place.link, server: sid, serverMac: place.servers.get(sid) ?? 'ff:ff:ff:ff:ff:ff' });
  }

  /** The first answer of one of these types; undefined when the client has lost its patience. */
  #ask(
    client: TestClient,
    message: WireMessage,
    unicast: boolean,
    types: readonly number[],
  ): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(message.xid);
        resolve(answer);
      };
      const timer = setTimeout(() => finish(undefined), PATIENCE_MS);
      this.#waiting.set(message.xid, (answer) => {
        if (types.includes(answer.type)) finish(answer);
      });
      const { ciaddr } = message;
      client.sendOctets(encodeMessage(message), { unicast, direct: true, from: ciaddr });
    });
  }

  async #sleep(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!this.#stopping && performance.now() < until) await sleep(Math.min(200, until - performance.now()));
  }
}

/** Numbers in 0..1 from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
