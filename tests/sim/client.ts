/** One DHCP client as RFC 2131 §4.4 has it, with the habits of its plan. It keeps account of what it is entitled to. */

import type { Side } from 'lessor/internal/domain/pair/version.js';
import type { Ipv4 } from 'lessor/internal/domain/values.js';
import type { Cancel } from 'lessor/internal/services/ports.js';
import { addressIn, RELAY_HOST, SERVER_HOSTS } from './config.js';
import type { History, Holding, PairHistory } from './history.js';
import { encodeQuestion, TYPE, type Understood } from './message.js';
import type { ClientPlan } from './plan.js';
import { SimRandom, type World } from './world.js';

/** What a client needs around it. */
export interface ClientSurroundings {
  readonly world: World;
  readonly history: History;
  /** To one server of its relation, or (undefined) to both. */
  send(from: ClientPlan, octets: Buffer, to: Side | undefined): void;
}

type State = 'off' | 'selecting' | 'requesting' | 'bound' | 'renewing' | 'rebinding' | 'rebooting';

/**
 * So late its own packets arrive at most. A client does not ask again before: a RELEASE that comes after the lease it does not
 * mean can not be told from one that means it, by a single server either.
 */
const LATEST_MS = 1600;

/** See the head of this file. */
export class SimClient {
  state: State = 'off';
  holding: Holding | undefined;
  /** Since when it has been asking for an address without getting one. */
  lackingSince: number | undefined;
  readonly #random: SimRandom;
  readonly #record: PairHistory;
  #xid = 0;
  #askedSince = 0;
  #sentAt = 0;
  #tries = 0;
  #wanted: Ipv4 = 0;
  #server: Ipv4 = 0;
  #timer: Cancel = () => undefined;
  #habit: Cancel = () => undefined;
  quiet = false;

  constructor(
    readonly plan: ClientPlan,
    seed: number,
    private readonly around: ClientSurroundings,
  ) {
    const { id, relation = 0 } = plan;
    this.#record = around.history.pairs[relation]!;
    this.#random = new SimRandom(Math.imul(seed ^ 0x5bd1e995 ^ (relation << 20), 2 * id + 1));
  }

  start(): void {
    this.#after(this.plan.startMs, () => this.#discover());
  }

  /** Sends nothing more. */
  silence(): void {
    this.quiet = true;
    this.#timer();
    this.#habit();
  }

  /** Asks for an address if it has none: the network has healed. */
  wake(): void {
    if (this.state !== 'off') return;
    const stillUnderWayMs = this.#sentAt + LATEST_MS - this.around.world.now;
    this.#after(Math.max(stillUnderWayMs, this.#random.below(3000)), () => this.#discover());
  }

  #after(delayMs: number, run: () => void): void {
    this.#timer();
    this.#timer = this.around.world.after(delayMs, run);
  }

  #send(type: number, fields: { ciaddr?: Ipv4; wish?: Ipv4; server?: Ipv4; to?: Side | undefined }): void {
    const { world, history } = this.around;
    this.#sentAt = world.now;
    const question = {
      type,
      xid: this.#xid,
      secs: Math.floor((world.now - this.#askedSince) / 1000),
      client: this.plan.id,
      ciaddr: fields.ciaddr ?? 0,
      giaddr: this.plan.relayed && fields.to === undefined ? this.#addressOf(RELAY_HOST) : 0,
      wish: fields.wish ?? 0,
      server: fields.server ?? 0,
    };
    history.note(
      world.now,
      () =>
        `client ${nameOfClient(this.plan)} ${this.state} sends ${nameOf(type)} ${short(question.ciaddr || question.wish)}`,
      type,
    );
    this.around.send(this.plan, encodeQuestion(question), fields.to);
  }

  #newQuestion(): void {
    this.#xid = (this.#random.next() * 2 ** 32) >>> 0;
    this.#askedSince = this.around.world.now;
    this.#tries = 0;
  }

  #discover(): void {
    this.#giveUp('asks anew');
    this.lackingSince ??= this.around.world.now;
    this.state = 'selecting';
    this.#newQuestion();
    this.#discoverAgain();
  }

  #discoverAgain(): void {
    this.#send(TYPE.discover, {});
    const delay = Math.min(8000, 2000 * 2 ** this.#tries++) + this.#random.below(1000);
    this.#after(delay, () => this.#discoverAgain());
  }

  #request(offer: Understood): void {
    this.state = 'requesting';
    this.#wanted = offer.yiaddr;
    this.#server = offer.server;
    this.#tries = 0;
    this.#requestAgain();
  }

  #requestAgain(): void {
    if (this.#tries++ >= 3) {
      this.#discover();
      return;
    }
    this.#send(TYPE.request, { wish: this.#wanted, server: this.#server });
    this.#after(2000 + this.#random.below(500), () => this.#requestAgain());
  }

  #bound(ack: Understood, server: Side): void {
    const { world } = this.around;
    const kind =
      this.state === 'renewing' || this.state === 'rebinding' || this.state === 'rebooting' ? 'renewal' : 'new';
    this.#record.waits.push({ client: this.plan.id, from: this.#askedSince, to: world.now, kind });
    this.lackingSince = undefined;
    const until = this.#sentAt + ack.leaseSec * 1000;
    this.#server = ack.server;
    if (this.holding !== undefined && this.holding.address === ack.yiaddr && this.holding.until >= world.now) {
      this.holding.until = until;
      this.holding.server = server;
      this.holding.ackedAt = world.now;
    } else {
      this.#giveUp('other address');
      this.holding = {
        client: this.plan.id,
        address: ack.yiaddr,
        from: world.now,
        ackedAt: world.now,
        server,
        until,
      };
      this.#record.holdings.push(this.holding);
    }
    this.state = 'bound';
    const lifeMs = ack.leaseSec * 1000;
    this.#after(Math.max(0, this.#sentAt + lifeMs / 2 - world.now), () => this.#renew());
    this.#followHabit(lifeMs);
  }

  /** What this client does with a lease beside renewing it. */
  #followHabit(lifeMs: number): void {
    const { declines, releases, vanishes, forgets } = this.plan;
    this.#habit();
    const random = this.#random;
    if (random.chance(declines)) this.#later(random.below(200), () => this.#decline());
    else if (random.chance(releases)) this.#later(random.below(lifeMs), () => this.#release());
    else if (random.chance(vanishes)) {
      const forgetful = random.chance(forgets);
      this.#later(random.below(lifeMs), () => this.#vanish(forgetful, random.below(2 * lifeMs)));
    } else this.#habit = () => undefined;
  }

  #later(delayMs: number, run: () => void): void {
    this.#habit = this.around.world.after(delayMs, run);
  }

  #decline(): void {
    if (this.holding === undefined || this.holding.until <= this.around.world.now) return;
    const { address } = this.holding;
    this.#giveUp('declined');
    this.#send(TYPE.decline, { wish: address, server: this.#server });
    this.state = 'off';
    this.lackingSince = undefined;
    this.#after(10_000, () => this.#discover());
  }

  #release(): void {
    if (this.holding === undefined || this.holding.until <= this.around.world.now) return;
    const { address } = this.holding;
    this.#giveUp('released');
    this.#send(TYPE.release, { ciaddr: address, server: this.#server, to: this.#serverSide() });
    this.state = 'off';
    this.#after(LATEST_MS + this.#random.below(40_000), () => this.#discover());
  }

  /** Power off. What it had it may come back to. */
  #vanish(forgetful: boolean, forMs: number): void {
    this.state = 'off';
    this.#after(forMs, () => {
      const { holding } = this;
      if (forgetful || holding === undefined || holding.until <= this.around.world.now) this.#discover();
      else this.#reboot(holding.address);
    });
  }

  #reboot(address: Ipv4): void {
    this.state = 'rebooting';
    this.#newQuestion();
    this.#rebootAgain(address);
  }

  #rebootAgain(address: Ipv4): void {
    const { holding } = this;
    // RFC 2131 §3.2: without an answer it may go on using the address for the rest of the lease.
    if (this.#tries++ >= 3 || holding === undefined) {
      if (holding === undefined || holding.until <= this.around.world.now) {
        this.#discover();
        return;
      }
      this.state = 'bound';
      this.#after(Math.max(0, (holding.until - this.around.world.now) / 2), () => this.#renew());
      return;
    }
    this.#send(TYPE.request, { wish: address });
    this.#after(3000 + this.#random.below(1000), () => this.#rebootAgain(address));
  }

  #renew(): void {
    this.state = 'renewing';
    this.#newQuestion();
    this.#renewAgain();
  }

  #renewAgain(): void {
    const { holding } = this;
    const { now } = this.around.world;
    if (holding === undefined) {
      this.#discover();
      return;
    }
    const leftMs = holding.until - now;
    if (leftMs <= 0) {
      this.#giveUp('ran out');
      this.#discover();
      return;
    }
    const lifeMs = holding.until - holding.from;
    if (this.state === 'renewing' && leftMs < Math.min(lifeMs / 4, 8000)) {
      this.state = 'rebinding';
      this.#newQuestion();
    }
    const to = this.state === 'renewing' ? this.#serverSide() : undefined;
    this.#send(TYPE.request, { ciaddr: holding.address, to });
    this.#after(Math.min(leftMs, Math.max(2000, leftMs / 2)), () => this.#renewAgain());
  }

  #serverSide(): Side {
    return this.#server === this.#addressOf(SERVER_HOSTS[0]) ? 0 : 1;
  }

  #addressOf(host: number): Ipv4 {
    return addressIn(this.plan.relation ?? 0, host);
  }

  #giveUp(why: string): void {
    const { holding } = this;
    if (holding === undefined) return;
    const { now } = this.around.world;
    if (holding.until > now) {
      holding.until = now;
      holding.ended = why;
    }
    this.holding = undefined;
    this.#habit();
  }

  /** A reply arrives. */
  receive(reply: Understood, from: Side): void {
    const { world, history } = this.around;
    if (reply.xid !== this.#xid || this.state === 'off' || this.quiet) return;
    const asking =
      this.state === 'requesting' ||
      this.state === 'renewing' ||
      this.state === 'rebinding' ||
      this.state === 'rebooting';
    history.note(
      world.now,
      () =>
        `client ${nameOfClient(this.plan)} ${this.state} hears ${nameOf(reply.type)} ${short(reply.yiaddr)} ${reply.leaseSec} s from ${from}`,
      reply.type,
    );
    if (reply.type === TYPE.offer && this.state === 'selecting') this.#request(reply);
    else if (reply.type === TYPE.ack && asking) this.#bound(reply, from);
    else if (reply.type === TYPE.nak && asking) {
      const { holding } = this;
      const address = holding?.address ?? this.#wanted;
      const entitled = holding !== undefined && holding.until > world.now;
      this.#record.refusals.push({ at: world.now, client: this.plan.id, address, server: from, entitled });
      this.#giveUp('refused');
      this.state = 'off';
      this.#after(1000, () => this.#discover());
    }
  }
}

function nameOf(type: number): string {
  return Object.entries(TYPE).find(([, value]) => value === type)?.[0] ?? String(type);
}

/** Its number, with that of its relation if that is not the first. */
export function nameOfClient({ id, relation = 0 }: ClientPlan): string {
  return relation === 0 ? String(id) : `${id}/${relation}`;
}

/** The last octets of an address, as one number: above 65535 it is of the second relation. */
export function short(address: Ipv4): string {
  return `.${address & 0x1ffff}`;
}
