/** The packet path in memory: real configuration, store, pools and stages; no sockets, no disk, a clock moved by hand. */

import { decodeMessage4, encodeMessage4, type Message4 } from '@lessor/dhcp';
import { loadConfig } from 'lessor/internal/config/load.js';
import { alarmToJson } from 'lessor/internal/domain/guard/alarm-json.js';
import type { LeaseNumbers } from 'lessor/internal/domain/limits/limits.js';
import type { ScriptCall } from 'lessor/internal/domain/run-script/environment.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { createSystemRandom } from 'lessor/internal/platform/random.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { ClassLeaseCounts } from 'lessor/internal/services/class-lease-counts.js';
import { NameChanges } from 'lessor/internal/services/ddns/name-changes.js';
import { NcrQueue } from 'lessor/internal/services/ddns/ncr-queue.js';
import { EchoProber } from 'lessor/internal/services/echo-prober.js';
import { Exchange4 } from 'lessor/internal/services/exchange4.js';
import { Guard } from 'lessor/internal/services/guard/guard.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { OfferBook } from 'lessor/internal/services/offers.js';
import { preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import type {
  Clock,
  Datagram,
  DhcpInterface,
  Logger,
  NcrLink,
  OpenEchoSocket,
  Reply,
} from 'lessor/internal/services/ports.js';
import { RateLimiter } from 'lessor/internal/services/rate-limiter.js';
import type { Redundancy } from 'lessor/internal/services/redundancy.js';
import { LeaseScripts } from 'lessor/internal/services/run-script/lease-scripts.js';
import { ServiceSwitch } from 'lessor/internal/services/service-switch.js';
import { swapAtOnce } from 'lessor/internal/services/sliced-swap.js';
import { registerPacketStatistics, Statistics } from 'lessor/internal/services/statistics.js';
import { SubnetLeaseCounts } from 'lessor/internal/services/subnet-lease-counts.js';
import { type FileOps, nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { MemfileStore } from 'lessor/internal/store/memfile.js';
import { eventBus } from './event-bus.js';

/** Address as a number. @throws if it is none */
export function ip(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

/** A clock that stands still until it is moved; timers fire in `advance` alone. */
export class StillClock implements Clock {
  at = 1_795_321_794_000;
  readonly #timers = new Set<{ readonly due: number; readonly fn: () => void }>();
  now(): number {
    return this.at;
  }
  monotonic(): number {
    return this.at;
  }
  after(delayMs: number, fn: () => void): () => void {
    const timer = { due: this.at + delayMs, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
  soon(): void {}
  /** Moves on and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.at + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.at = Math.max(this.at, next.due);
      next.fn();
    }
    this.at = end;
  }
}

/** A logger that says nothing but remembers errors. */
export class QuietLogger implements Logger {
  readonly errors: string[] = [];
  enabled(): boolean {
    return false;
  }
  log(severity: string, id: string, text: string): void {
    if (severity === 'ERROR' || severity === 'FATAL') this.errors.push(`${id} ${text}`);
  }
  child(): Logger {
    return this;
  }
}

/** What a test says of a request; the rest is a plain Ethernet client's. */
export interface RequestFields {
  readonly type?: number;
  readonly mac?: string;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly flags?: number;
  readonly hops?: number;
  readonly xid?: number;
  /** Option values by code, as octets or as dotted quad. 53 comes from `type`. */
  readonly options?: Readonly<Record<number, readonly number[] | string>>;
  /** Where the datagram came from and went to. */
  readonly source?: string;
  readonly destination?: string;
}

/** One answer. */
export interface Answer {
  readonly message: Message4;
  readonly reply: Reply;
}

/** What a lab may be made with. */
export interface LabOptions {
  /** Lease file and file operations; without them leases are in memory only. */
  readonly file?: { readonly path: string; readonly ops?: FileOps };
  readonly interface?: Partial<DhcpInterface>;
  /** Sockets for pings; without them nothing is pinged. */
  readonly echo?: OpenEchoSocket;
  /** The other server of a pair. */
  readonly redundancy?: Redundancy;
  /** Where name change requests go, as their datagrams. */
  readonly ddns?: NcrLink;
  /** Told of each call of the operator's script. */
  readonly scripts?: (file: string, call: ScriptCall) => void;
}

/** See the head of this file. */
export class PacketLab {
  readonly clock = new StillClock();
  readonly logger = new QuietLogger();
  readonly statistics = new Statistics(this.clock);
  readonly serviceSwitch = new ServiceSwitch(this.clock);
  readonly addresses = new AddressSpace(createSystemRandom());
  readonly offers = new OfferBook(this.addresses, createSystemRandom());
  readonly events = eventBus(this.clock);
  readonly guard = new Guard({
    random: createSystemRandom(),
    logger: this.logger,
    statistics: this.statistics,
  });
  readonly store: MemfileStore;
  readonly ledger: Ledger;
  readonly interface: DhcpInterface;
  readonly sent: Reply[] = [];
  readonly names: NameChanges;
  readonly prober: EchoProber | undefined;
  readonly #redundancy: Redundancy | undefined;
  readonly rates = new RateLimiter();
  readonly classCounts = new ClassLeaseCounts();
  readonly numbers: LeaseNumbers = {
    ofSubnet: (id) => this.counts.of(id).assigned + this.counts.of(id).declined,
    ofClass: (name) => this.classCounts.of(name),
  };
  counts!: SubnetLeaseCounts;
  readonly scripts: LeaseScripts;
  exchange!: Exchange4;

  private constructor(options: LabOptions) {
    this.interface = {
      name: 'eth0',
      index: 2,
      hwAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
      address: ip('192.0.2.1'),
      addresses: [{ address: ip('192.0.2.1'), prefixLength: 24 }],
      loopback: false,
      ...options.interface,
    };
    this.store = new MemfileStore({
      path: options.file?.path ?? '/nonexistent/leases.csv',
      persist: options.file !== undefined,
      maxRowErrors: 0,
      fileOps: options.file?.ops ?? nodeFileOps,
      clock: this.clock,
      random: createSystemRandom(),
      logger: this.logger,
    });
    this.ledger = new Ledger(this.store);
    const clock = {
      now: () => this.clock.now(),
      monotonic: () => this.clock.monotonic(),
      after: () => () => undefined,
      soon: (fn: () => void) => void setImmediate(fn),
    };
    this.prober =
      options.echo &&
      new EchoProber({ clock: this.clock, random: createSystemRandom(), logger: this.logger, open: options.echo });
    this.#redundancy = options.redundancy;
    const queue = new NcrQueue({ clock, statistics: this.statistics, logger: this.logger });
    if (options.ddns !== undefined) queue.use({ link: options.ddns, name: 'test', maxQueueSize: 1000 });
    this.names = new NameChanges(queue, this.logger, () => this.exchange.config.snapshot);
    const calls = { room: 1, drop: () => undefined, push: options.scripts ?? (() => undefined) };
    this.scripts = new LeaseScripts(calls, 67);
    registerPacketStatistics(this.statistics);
    this.guard.onAlarm((alarm) => this.events.publish('guard-alarm', { alarm: alarmToJson(alarm) }));
  }

  /** A lab with this `Dhcp4` map in force. Interfaces need not be named. */
  static async open(dhcp4: Readonly<Record<string, Json>>, options: LabOptions = {}): Promise<PacketLab> {
    const lab = new PacketLab(options);
    await lab.store.open();
    lab.counts = new SubnetLeaseCounts(lab.ledger.leases);
    lab.configure(dhcp4);
    lab.ledger.observe((address, before, after) => {
      lab.addresses.onLeaseChange(address, before, after);
      lab.counts.changed(address, before, after);
      lab.classCounts.changed(address, before, after);
    });
    lab.ledger.observeDurable((address, _before, after) => lab.guard.leaseChanged(address, after));
    return lab;
  }

  /** Puts another configuration in force. */
  configure(dhcp4: Readonly<Record<string, Json>>): void {
    const directories = {
      data: '/d',
      controlSocket: '/d',
      log: '/d',
      hooks: '/d',
      scripts: '/d',
      pid: '/d',
      lock: '/d',
      legalLog: '/d',
    };
    const { snapshot } = loadConfig(
      { kind: 'json', value: { Dhcp4: { 'interfaces-config': { interfaces: [] }, ...dhcp4 } } },
      {
        readFile: () => '',
        directoryMode: () => 0o750,
        directories,
        insecure: true,
        generation: 1,
      },
    );
    this.scripts.use(snapshot.runScript);
    const config = preparePacketConfig(snapshot);
    this.addresses.rebuild(
      snapshot,
      config.reservations.addresses(),
      this.ledger.leases,
      Math.floor(this.clock.now() / 1000),
    );
    swapAtOnce(this.classCounts.prepare(snapshot.limits, this.ledger.leases));
    if (this.exchange === undefined) {
      this.exchange = new Exchange4(
        {
          ledger: this.ledger,
          addresses: this.addresses,
          offers: this.offers,
          statistics: this.statistics,
          serviceSwitch: this.serviceSwitch,
          clock: this.clock,
          logger: this.logger,
          isOwnAddress: (address) => address === this.interface.address,
          guard: this.guard,
          names: this.names,
          prober: this.prober,
          redundancy: this.#redundancy,
          rates: this.rates,
          numbers: this.numbers,
          scripts: this.scripts,
          send: (replies) => {
            // The composer reuses its buffers from batch to batch.
            for (const reply of replies) this.sent.push({ ...reply, octets: Uint8Array.from(reply.octets) });
          },
          serverPort: 67,
          clientPort: 68,
        },
        config,
      );
    } else this.exchange.useConfig(config);
  }

  /** The octets of a request. */
  octets(fields: RequestFields): Buffer {
    const mac = Buffer.from((fields.mac ?? '02:00:00:00:00:10').replaceAll(':', ''), 'hex');
    const options = Object.entries(fields.options ?? {}).map(([code, value]) => ({
      code: Number(code),
      data: typeof value === 'string' ? quad(ip(value)) : Uint8Array.from(value),
    }));
    if (fields.type !== undefined) options.unshift({ code: 53, data: Uint8Array.of(fields.type) });
    const { octets } = encodeMessage4({
      op: 1,
      htype: 1,
      hlen: mac.length,
      hops: fields.hops ?? 0,
      xid: fields.xid ?? 0x1234_5678,
      secs: 0,
      flags: fields.flags ?? 0,
      ciaddr: ip(fields.ciaddr ?? '0.0.0.0'),
      yiaddr: 0,
      siaddr: 0,
      giaddr: ip(fields.giaddr ?? '0.0.0.0'),
      chaddr: mac,
      options,
    });
    return Buffer.from(octets);
  }

  /** The datagram around some octets. */
  datagram(octets: Buffer, fields: Pick<RequestFields, 'source' | 'destination'> = {}): Datagram {
    return {
      octets,
      interface: this.interface,
      source: ip(fields.source ?? '0.0.0.0'),
      sourcePort: 68,
      destination: ip(fields.destination ?? '255.255.255.255'),
    };
  }

  /** Sends requests as one batch and takes the answers. */
  async batch(...requests: RequestFields[]): Promise<Answer[]> {
    const before = this.sent.length;
    await this.exchange.handleBatch(requests.map((fields) => this.datagram(this.octets(fields), fields)));
    return this.sent.slice(before).map((reply) => ({ reply, message: decodeMessage4(reply.octets) }));
  }

  /** Sends one request; undefined if it is not answered. */
  async ask(fields: RequestFields): Promise<Answer | undefined> {
    return (await this.batch(fields))[0];
  }

  /** A DISCOVER and the REQUEST for what was offered. @throws if either is not answered */
  async lease(fields: RequestFields = {}): Promise<Answer> {
    const offer = await this.ask({ ...fields, type: 1 });
    if (offer === undefined) throw new Error('no offer');
    const options = { ...fields.options, 50: [...quad(offer.message.yiaddr)], 54: [...offer.message.option(54)!] };
    const ack = await this.ask({ ...fields, type: 3, options });
    if (ack === undefined) throw new Error('no answer to the request');
    return ack;
  }

  /** Value of a counter, 0 if it was never counted. */
  count(name: string): number {
    return this.statistics.get(name)?.value ?? 0;
  }
}

/** An address as four octets. */
export function quad(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}
