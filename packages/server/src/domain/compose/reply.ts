/** Stages 9 and 10: from a decision to the octets of the reply. */

import type { Message4, OctetSpan, OptionOctets } from '@lessor/dhcp';
import { encodeOptionArea } from '@lessor/dhcp';
import type { EvaluationContext } from '../classes/expression.js';
import type { ClientName } from '../client-name.js';
import { NO_NAME } from '../client-name.js';
import type { Decision } from '../dhcp4/decision.js';
import { MessageType } from '../dhcp4/decision.js';
import { QUARANTINE_CLASS } from '../guard/policy.js';
import type { BootFields, ClassRank, ConfigSnapshot, OptionData, Pool, Reservation, Subnet } from '../snapshot.js';
import { maskOf } from '../topology.js';
import type { Ipv4 } from '../values.js';
import { asOptionOctets, clientOptions, spanOf } from './client-options.js';
import { changeOptions, changesBeside, changesKey, type OptionChange, optionChanges } from './computed-options.js';
import {
  At,
  COOKIE,
  Code,
  END,
  FLAG_BROADCAST,
  HEADER_OCTETS,
  LARGEST_REPLY_OCTETS,
  MINIMUM_OCTETS,
  REPLY_OP,
} from './layout.js';
import { collectOptions, type OptionRequest, withholds } from './option-set.js';
import { encodeOverloaded, limitOf } from './overload.js';
import {
  PRESENT_BMC_ONLY,
  PRESENT_FQDN,
  PRESENT_HOST_NAME,
  PRESENT_LEASE,
  PRESENT_REBINDING,
  PRESENT_RENEWAL,
  QUARANTINED,
  SERVER_SET,
} from './present.js';
import type { ReplyBuffer } from './reply-buffer.js';
import { type TeeTimes, teeTimes } from './tee-times.js';
import { type Template, TemplateCache, type TemplateKey } from './template.js';
import { hostInCase, type OptionFacts, tellingHost, withReservations } from './template-scope.js';
import { NO_VENDOR_REQUEST, vendorKey, vendorRequest } from './vendor-request.js';

const NOTHING: OctetSpan = { octets: new Uint8Array(0), start: 0, end: 0 };
const NOT_VENDOR = '';

/** What of the exchange the composer reads. */
export interface ReplySource extends EvaluationContext {
  readonly message: Message4;
  readonly bootp: boolean;
  /** Address the server answers from. */
  readonly serverAddress: Ipv4;
  /** Relay sub-option 11 (RFC 5107), 0 if none. */
  readonly serverIdOverride: Ipv4;
  /** The client's classes in the order they matched. */
  readonly classNames: Iterable<string>;
  isMember(className: string): boolean;
  /** A BMC on a management network, as far as can be known: it gets options that are for BMCs only. */
  readonly trustedBmc: boolean;
  /** Option 82 to give back, if any. */
  readonly relayEcho: Uint8Array | undefined;
}

/** The replies that can be composed. */
export type AnsweringDecision = Exclude<Decision, { readonly kind: 'silent' }>;

/** A composed reply. */
export interface Composed {
  /** Octets of the buffer used, or a buffer of its own if the reply needed overload. */
  readonly octets: Uint8Array;
  readonly type: number;
  readonly yiaddr: Ipv4;
  readonly flags: number;
  /** Option codes left out because they did not fit. */
  readonly omitted: readonly number[];
  /** An option for BMCs only was withheld. */
  readonly withheld: boolean;
}

/** Composes the replies of one configuration. */
export class ReplyComposer {
  readonly #snapshot: ConfigSnapshot;
  readonly #templates = new TemplateCache();
  readonly #broadcastingClasses: readonly string[];

  /** @param facts of this configuration, or of one that has more options */
  constructor(
    snapshot: ConfigSnapshot,
    readonly facts: OptionFacts,
  ) {
    this.#snapshot = snapshot;
    this.#broadcastingClasses = snapshot.classes.filter((row) => row.alwaysBroadcast).map(({ name }) => name);
  }

  /** One that composes rightly for a configuration that has these reservations too, and is else the same. */
  after(snapshot: ConfigSnapshot, reservations: readonly Reservation[]): ReplyComposer {
    const facts = withReservations(this.facts, reservations);
    return facts === this.facts ? this : new ReplyComposer(snapshot, facts);
  }

  /** Composes into `buffer`, which must not be used again before the reply is sent. */
  compose(source: ReplySource, decision: AnsweringDecision, buffer: ReplyBuffer): Composed {
    const { message } = source;
    const target = buffer.octets;
    const type = typeOf(decision, source.bootp);
    const grant = 'grant' in decision ? decision.grant : undefined;
    const subnet = grant?.subnet ?? ('subnet' in decision ? decision.subnet : undefined);
    const lifetimeSec = grant?.lifetimeSec ?? 0;
    const tees: TeeTimes = grant === undefined || source.bootp ? NO_TEES : teeTimes(grant.subnet, lifetimeSec);
    const name: ClientName = grant?.name ?? NO_NAME;
    const host = hostInCase(
      grant === undefined ? ('host' in decision ? decision.host : undefined) : grant.host,
      source,
    );
    const informDirect = decision.kind === 'inform-ack' && message.ciaddr !== 0;
    const clientId = this.#snapshot.echoClientId && !source.bootp ? message.span(Code.clientId) : undefined;
    const echoed = clientOptions(name, message, clientId, informDirect ? undefined : source.relayEcho);
    const { optionRules } = this.#snapshot;
    const changes =
      optionRules.length === 0
        ? NO_CHANGES
        : changesBeside(optionChanges(optionRules, source), echoed.map(asOptionOctets));
    const own = changes.length === 0 ? echoed : echoed.filter(({ code }) => !hasCode(changes, code));
    const template = this.#templates.get(
      {
        type,
        subnet,
        pool: grant?.pool,
        host: tellingHost(host),
        classKey: this.#classKey(source.classNames),
        present:
          (grant !== undefined && !source.bootp ? PRESENT_LEASE : 0) |
          (tees.renewalSec > 0 ? PRESENT_RENEWAL : 0) |
          (tees.rebindingSec > 0 ? PRESENT_REBINDING : 0) |
          (name.hostNameOption !== undefined ? PRESENT_HOST_NAME : 0) |
          (name.fqdn !== undefined ? PRESENT_FQDN : 0) |
          (this.facts.bmcOnly && source.trustedBmc ? PRESENT_BMC_ONLY : 0) |
          (this.#snapshot.guard !== undefined && source.isMember(QUARANTINE_CLASS) ? QUARANTINED : 0),
        requested: type === MessageType.nak ? NOTHING : (message.span(Code.parameterRequestList) ?? NOTHING),
        vendor: this.facts.vendorOptions ? vendorKey(vendorRequest(message)) : NOT_VENDOR,
        computed: changes.length === 0 ? '' : changesKey(changes),
      },
      (key) => this.#build(key, source, changes),
    );

    const yiaddr = grant?.lease.address ?? 0;
    // A relay agent has no address to deliver these to: a DHCPNAK has no yiaddr, nor has what answers a DHCPINFORM.
    const throughRelay =
      message.giaddr !== 0 && (type === MessageType.nak || decision.kind === 'inform-ack') && !informDirect;
    const broadcast = throughRelay || this.#mustBroadcast(host, source);
    const flags = broadcast ? message.flags | FLAG_BROADCAST : message.flags;

    target.set(template.octets, 0);
    target[1] = message.htype;
    target[2] = message.hlen;
    target[At.hops] = informDirect ? 0 : message.hops;
    target.writeUInt32BE(message.xid, At.xid);
    target.writeUInt16BE(flags, At.flags);
    target.writeUInt32BE(keepsCiaddr(type) ? message.ciaddr : 0, At.ciaddr);
    target.writeUInt32BE(yiaddr, At.yiaddr);
    target.writeUInt32BE(informDirect ? 0 : message.giaddr, At.giaddr);
    for (let i = At.chaddr; i < At.chaddr + message.hlen; i++) target[i] = message.datagram[i]!;
    if (template.serverIdAt > 0) {
      const { serverIdOverride, serverAddress } = source;
      target.writeUInt32BE(serverIdOverride !== 0 ? serverIdOverride : serverAddress, template.serverIdAt);
    }
    if (template.leaseTimeAt > 0) target.writeUInt32BE(lifetimeSec, template.leaseTimeAt);
    if (template.renewalAt > 0) target.writeUInt32BE(tees.renewalSec, template.renewalAt);
    if (template.rebindingAt > 0) target.writeUInt32BE(tees.rebindingSec, template.rebindingAt);

    const { withheld } = template;
    const limit = limitOf(message);
    let at = template.octets.length;
    for (const { code, value } of own) {
      const length = value.end - value.start;
      if (length > 255 || at + length + 3 > LARGEST_REPLY_OCTETS)
        return { ...encodeOverloaded(target, template, own.map(asOptionOctets), limit), type, yiaddr, flags, withheld };
      target[at++] = code;
      target[at++] = length;
      for (let i = value.start; i < value.end; i++) target[at++] = value.octets[i]!;
    }
    target[at++] = END;
    if (at > limit.octets)
      return { ...encodeOverloaded(target, template, own.map(asOptionOctets), limit), type, yiaddr, flags, withheld };
    if (at < MINIMUM_OCTETS) {
      target.fill(0, at, MINIMUM_OCTETS);
      at = MINIMUM_OCTETS;
    }
    return { octets: buffer.first(at), type, yiaddr, flags, omitted: NONE_OMITTED, withheld };
  }

  #mustBroadcast(host: Reservation | undefined, source: ReplySource): boolean {
    return host?.alwaysBroadcast ?? this.#broadcastingClasses.some((name) => source.isMember(name));
  }

  /** Only classes that can change a reply count: a network full of vendor classes must not fill the cache. */
  #classKey(names: Iterable<string>): string {
    if (this.facts.tellingClasses.size === 0) return '';
    let key = '';
    for (const name of names) if (this.facts.tellingClasses.has(name)) key += `${name}\n`;
    return key;
  }

  #build(key: TemplateKey, source: ReplySource, changes: readonly OptionChange[]): Template {
    const { subnet, present } = key;
    let options: OptionOctets[] = [];
    if (key.type !== 0) options.push({ code: Code.messageType, data: Uint8Array.of(key.type) });
    // The key outlives the packet it was made from.
    const requested = Uint8Array.from(key.requested.octets.subarray(key.requested.start, key.requested.end));
    const isMember = (name: string): boolean => source.isMember(name);
    const scopes = subnet === undefined ? [] : this.#scopes(subnet, key.pool, key.host, source.classNames);
    const request: OptionRequest = {
      scopes,
      requested,
      reserved: SERVER_SET[present]!,
      subnetMask:
        subnet !== undefined && ((present & PRESENT_LEASE) !== 0 || key.type === 0)
          ? u32(maskOf(subnet.prefixLength))
          : undefined,
      ...(this.facts.vendorOptions ? vendorRequest(source.message) : NO_VENDOR_REQUEST),
      bmcOnly: (present & PRESENT_BMC_ONLY) !== 0,
      isMember,
    };
    const collected = key.type === MessageType.nak ? [] : collectOptions(request);
    let configuredId = false;
    if (key.type !== 0) {
      const configured =
        collected.find((option) => option.code === Code.serverId) ?? configuredServerId(scopes, isMember);
      options.push({ code: Code.serverId, data: configured?.data ?? u32(0) });
      configuredId = configured !== undefined;
    }
    if (present & PRESENT_LEASE) options.push({ code: Code.leaseTime, data: u32(0) });
    if (present & PRESENT_RENEWAL) options.push({ code: Code.renewal, data: u32(0) });
    if (present & PRESENT_REBINDING) options.push({ code: Code.rebinding, data: u32(0) });
    options.push(...collected.filter((option) => option.code !== Code.serverId));
    if (changes.length > 0) options = changeOptions(options, changes);
    const computed = new Set(changes.map(({ code }) => code));
    const patchedAt = (code: number): number => (computed.has(code) ? -1 : valueOffset(options, code));

    const boot = key.type === MessageType.nak ? {} : this.#bootFields(subnet, key.host, source.classNames);
    const area = encodeOptionArea(options);
    const octets = Buffer.alloc(HEADER_OCTETS + area.length);
    octets[0] = REPLY_OP;
    octets.writeUInt32BE(boot.nextServer ?? 0, 20);
    octets.write(boot.serverHostname ?? '', At.sname, 64, 'latin1');
    octets.write(boot.bootFileName ?? '', At.file, 128, 'latin1');
    octets.writeUInt32BE(COOKIE, At.cookie);
    octets.set(area, HEADER_OCTETS);
    return {
      ...key,
      requested: spanOf(requested),
      octets,
      leaseTimeAt: patchedAt(Code.leaseTime),
      renewalAt: patchedAt(Code.renewal),
      rebindingAt: patchedAt(Code.rebinding),
      withheld: this.facts.bmcOnly && key.type !== MessageType.nak && withholds(request),
      serverIdAt: configuredId ? -1 : patchedAt(Code.serverId),
      options,
    };
  }

  #scopes(
    subnet: Subnet,
    pool: Pool | undefined,
    host: Reservation | undefined,
    classNames: Iterable<string>,
  ): (readonly OptionData[])[] {
    const classes = new ClassOptions();
    for (const name of classNames) {
      const row = this.#snapshot.classByName.get(name);
      if (row !== undefined && row.options.length > 0) classes[row.rank].push(row.options);
    }
    return [
      host?.options ?? [],
      ...classes.group,
      ...classes.subclass,
      ...classes.matched,
      pool?.options ?? [],
      subnet.options,
      subnet.sharedNetwork?.options ?? [],
      ...classes.class,
      this.#snapshot.options,
    ];
  }

  /** Reservation, its group, then the first class that sets the field, then the subnet; each field on its own (Kea: setFixedFields). */
  #bootFields(subnet: Subnet | undefined, host: Reservation | undefined, classNames: Iterable<string>): BootFields {
    const layers: BootFields[] = host === undefined ? [] : [host];
    const rows = [...classNames].flatMap((name) => this.#snapshot.classByName.get(name) ?? []);
    for (const rank of RANKS) layers.push(...rows.filter((row) => row.rank === rank));
    if (subnet !== undefined) layers.push(subnet.boot);
    const first = <Key extends keyof BootFields>(field: Key): BootFields[Key] =>
      layers.find((layer) => layer[field] !== undefined && layer[field] !== '' && layer[field] !== 0)?.[field];
    const nextServer = first('nextServer');
    const serverHostname = first('serverHostname');
    const bootFileName = first('bootFileName');
    return {
      ...(nextServer === undefined ? {} : { nextServer }),
      ...(serverHostname === undefined ? {} : { serverHostname }),
      ...(bootFileName === undefined ? {} : { bootFileName }),
    };
  }
}

const NONE_OMITTED: readonly number[] = [];
/** Nearest to the host first. */
const RANKS: readonly ClassRank[] = ['group', 'subclass', 'matched', 'class'];

/** The options of a client's classes, by where they rank. */
class ClassOptions implements Readonly<Record<ClassRank, (readonly OptionData[])[]>> {
  readonly group: (readonly OptionData[])[] = [];
  readonly subclass: (readonly OptionData[])[] = [];
  readonly matched: (readonly OptionData[])[] = [];
  readonly class: (readonly OptionData[])[] = [];
}

const NO_CHANGES: readonly OptionChange[] = [];

function hasCode(list: readonly { readonly code: number }[], code: number): boolean {
  return list.some((one) => one.code === code);
}

const NO_TEES: TeeTimes = { renewalSec: 0, rebindingSec: 0 };

function typeOf(decision: AnsweringDecision, bootp: boolean): number {
  if (bootp) return 0;
  switch (decision.kind) {
    case 'offer':
      return MessageType.offer;
    case 'nak':
      return MessageType.nak;
    case 'v6-only':
      return decision.reply;
    case 'ack':
    case 'inform-ack':
      return MessageType.ack;
  }
}

/** RFC 2131 table 3: ciaddr is given back in an ACK only. */
function keepsCiaddr(type: number): boolean {
  return type === MessageType.ack || type === 0;
}

function valueOffset(options: readonly OptionOctets[], code: number): number {
  const before = options.findIndex((option) => option.code === code);
  return before < 0 ? -1 : HEADER_OCTETS + encodeOptionArea(options.slice(0, before)).length + 2;
}

function configuredServerId(
  scopes: readonly (readonly OptionData[])[],
  isMember: (name: string) => boolean,
): OptionOctets | undefined {
  for (const scope of scopes) {
    for (const option of scope) {
      if (option.space !== 'dhcp4' || option.code !== Code.serverId || option.data.length !== 4) continue;
      if (option.clientClasses.length === 0 || option.clientClasses.some(isMember)) return option;
    }
  }
  return undefined;
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
