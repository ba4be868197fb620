/**
 * explain4: what the server would answer to a packet now, and why, without doing it. The packet goes down the real road
 * (services/exchange4.ts) in a world where nothing can be changed (explain-world.ts), and once more through the front
 * stages alone for what they found. The packet path knows nothing of this and pays nothing for it.
 */

import { DecodeError, decodeMessage4, type Message4 } from '@lessor/dhcp';
import type { Decision } from '../domain/dhcp4/decision.js';
import { Exchange } from '../domain/exchange.js';
import type { LeaseNumbers } from '../domain/limits/limits.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../domain/values.js';
import type { AddressSpace } from './address-space.js';
import { DROP_REASONS, type DropReason } from './drop-reasons.js';
import { Exchange4 } from './exchange4.js';
import {
  DryOffers,
  dropLogger,
  dryAddresses,
  dryStore,
  type PreviewedAddresses,
  WatchedComposer,
  type WouldDo,
} from './explain-world.js';
import { FRONT_STAGES } from './front-stages.js';
import type { PacketGuard } from './guard/packet-guard.js';
import { Ledger } from './ledger.js';
import type { Offers } from './offers.js';
import type { PacketConfig } from './packet-config.js';
import type { Clock, Datagram, DhcpInterface, LeaseChange, LeaseReader, Reply } from './ports.js';
import type { ServiceSwitch } from './service-switch.js';
import { Statistics } from './statistics.js';

/** The server's own state, which is only looked at. */
export interface ExplainerDeps {
  /** What is in force for packets. */
  readonly config: () => PacketConfig;
  readonly leases: LeaseReader;
  readonly addresses: PreviewedAddresses & Pick<AddressSpace, 'expireUpTo'>;
  readonly offers: Offers;
  readonly serviceSwitch: ServiceSwitch;
  readonly clock: Clock;
  readonly interfaces: () => readonly DhcpInterface[];
  /** Judges and notes nothing. */
  readonly guard?: PacketGuard;
  /** Leases of classes and subnets. */
  readonly numbers?: LeaseNumbers;
  isOwnAddress(address: Ipv4): boolean;
  readonly serverPort: number;
  readonly clientPort: number;
}

/** Everything there is to say of one packet. */
export interface Explanation {
  readonly snapshot: ConfigSnapshot;
  readonly nowSec: EpochSec;
  /** Undefined if the octets are no DHCP message. */
  readonly message?: Message4;
  /** The packet with its classes and candidate subnets, as far as it came. */
  readonly exchange?: Exchange;
  /** Set if nothing is answered. */
  readonly dropped?: { readonly reason: string; readonly text: string };
  /** Set if something is. */
  readonly decision?: Decision;
  readonly reply?: Reply;
  /** What would be written. */
  readonly changes: readonly LeaseChange[];
  /** The address that would be held for the client until it requests it. */
  readonly offered?: Ipv4;
  /** What was tried of the pools. */
  readonly picked: WouldDo['picked'];
  /** Statistics the packet would raise, by name: failed allocations have theirs. */
  readonly counted: readonly string[];
  /** What is known of the client beside the packet. */
  readonly state: Pick<ExplainerDeps, 'leases' | 'addresses' | 'offers'> & { readonly config: PacketConfig };
}

/** See the head of this file. */
export class Explainer {
  constructor(private readonly deps: ExplainerDeps) {}

  /** Interfaces DHCP is served on. */
  get interfaces(): readonly DhcpInterface[] {
    return this.deps.interfaces();
  }

  /** Explains one packet. */
  explain(datagram: Datagram): Explanation {
    const { clock, leases, addresses, offers } = this.deps;
    const now = clock.now();
    const nowSec = Math.floor(now / 1000);
    const config = this.deps.config();
    // As before any packet: whose time is up is up.
    addresses.expireUpTo(nowSec);
    offers.expire(now);

    const would: WouldDo = { changes: [], picked: [] };
    const statistics = new Statistics(clock);
    const reply = this.dryRun(datagram, config, would, statistics);
    const { snapshot } = config;
    const front = this.front(datagram, config, nowSec);
    const source = would.answered?.source;
    const exchange = source instanceof Exchange ? source : front;
    const dropped = reply === undefined ? (would.dropped ?? silentlyDone(would)) : undefined;
    return {
      snapshot,
      nowSec,
      changes: would.changes,
      picked: would.picked,
      counted: [...statistics.all()].flatMap(({ name, value }) => (Number(value) > 0 ? [name] : [])),
      state: { leases, addresses, offers, config },
      ...(exchange === undefined ? {} : { exchange, message: exchange.message }),
      ...(dropped === undefined ? {} : { dropped }),
      ...(would.answered === undefined ? {} : { decision: would.answered.decision }),
      ...(reply === undefined ? {} : { reply }),
      ...(would.offered === undefined ? {} : { offered: would.offered }),
    };
  }

  /** Down the real road; what comes out at its end is not sent. */
  private dryRun(datagram: Datagram, config: PacketConfig, would: WouldDo, statistics: Statistics): Reply | undefined {
    const { clock, leases, addresses, offers, serviceSwitch, serverPort, clientPort } = this.deps;
    let reply: Reply | undefined;
    const road = new Exchange4(
      {
        ledger: new Ledger(dryStore(leases, would)),
        addresses: dryAddresses(addresses, would),
        offers: new DryOffers(offers, would),
        statistics,
        serviceSwitch,
        clock,
        logger: dropLogger(would),
        isOwnAddress: (address) => this.deps.isOwnAddress(address),
        guard: this.deps.guard,
        numbers: this.deps.numbers,
        send: ([first]) => {
          reply = first === undefined ? undefined : { ...first, octets: Uint8Array.from(first.octets) };
        },
        serverPort,
        clientPort,
      },
      { ...config, composer: new WatchedComposer(config, would) },
    );
    // The ledger is nobody else's and its store commits at once, so this is done when it returns.
    void road.handleBatch([datagram]);
    return reply;
  }

  /** The front stages again, for packets that are not answered. */
  private front(datagram: Datagram, config: PacketConfig, nowSec: EpochSec): Exchange | undefined {
    const { leases, serviceSwitch } = this.deps;
    const message = decoded(datagram.octets, config.snapshot);
    if (message === undefined) return undefined;
    const exchange = new Exchange(message, {
      interfaceName: datagram.interface.name,
      interfaceAddress: datagram.interface.address,
      source: datagram.source,
      destination: datagram.destination,
    });
    const context = {
      config,
      nowSec,
      leases,
      monotonicMs: 0,
      serviceEnabled: serviceSwitch.enabled,
      isOwnAddress: (address: Ipv4) => this.deps.isOwnAddress(address),
    };
    for (const stage of FRONT_STAGES) if (stage(exchange, context) !== undefined) break;
    return exchange;
  }
}

function decoded(octets: Buffer, { compatibility }: ConfigSnapshot): Message4 | undefined {
  try {
    return decodeMessage4(octets, compatibility.lenientOptionParsing);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** A release or decline that is carried out is not answered, and no drop. */
function silentlyDone({ changes }: WouldDo): { readonly reason: string; readonly text: string } {
  const [change] = changes;
  const declined = change?.kind === 'put' && change.lease.state === 1;
  return declined
    ? { reason: 'declined', text: 'the address is taken out of use for a while; a DHCPDECLINE is not answered' }
    : { reason: 'released', text: 'the address is given back; a DHCPRELEASE is not answered' };
}

/** The sentence of a drop reason. */
export function dropText({ reason, text }: { readonly reason: string; readonly text: string }): string {
  return Object.hasOwn(DROP_REASONS, reason) ? DROP_REASONS[reason as DropReason].text : text;
}
