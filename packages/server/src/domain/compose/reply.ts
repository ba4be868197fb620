/** Stages 9 and 10: from a decision to the octets of the reply. */

import type { Message4, OptionOctets } from '@lessor/dhcp';
import { decodeVendorIdentifying, encodeMessage4, encodeOptionArea, findSubOption } from '@lessor/dhcp';
import type { ClientName } from '../client-name.js';
import { encodeFqdn, NO_NAME } from '../client-name.js';
import type { Decision } from '../dhcp4/decision.js';
import { MessageType } from '../dhcp4/decision.js';
import type { BootFields, ConfigSnapshot, OptionData, Pool, Reservation, Subnet } from '../snapshot.js';
import { maskOf } from '../topology.js';
import type { Ipv4, Octets } from '../values.js';
import { bytesOf } from '../values.js';
import { collectOptions } from './option-set.js';
import { type TeeTimes, teeTimes } from './tee-times.js';
import { type Template, TemplateCache, type TemplateKey } from './template.js';

/** Option codes the composer itself knows. */
const Code = {
  hostName: 12,
  leaseTime: 51,
  maximumMessageSize: 57,
  messageType: 53,
  parameterRequestList: 55,
  renewal: 58,
  rebinding: 59,
  serverId: 54,
  clientId: 61,
  fqdn: 81,
  relayInfo: 82,
  machineId: 97,
  subnetSelection: 118,
  vendorClassIdentifying: 124,
  vendorIdentifying: 125,
} as const;

/** Offsets of header fields a reply patches (RFC 2131 figure 1). */
const At = {
  hops: 3,
  xid: 4,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
} as const;
const HEADER_OCTETS = 240;
const MINIMUM_OCTETS = 300;
const COOKIE = 0x6382_5363;
const REPLY_OP = 2;
const END = 255;
const FLAG_BROADCAST = 0x8000;

/** IP and UDP headers, which the client's maximum message size includes (RFC 2132 §9.10 as dhcpd reads it). */
const IP_UDP_OCTETS = 28;
/** What every client takes (RFC 2131 §2): 576 octets of IP datagram. */
const DEFAULT_MAX_OCTETS = 576 - IP_UDP_OCTETS;
/** What fits one Ethernet frame. */
export const LARGEST_REPLY_OCTETS = 1500 - IP_UDP_OCTETS;

/** Bits of TemplateKey.present. */
const PRESENT_LEASE = 1;
const PRESENT_RENEWAL = 2;
const PRESENT_REBINDING = 4;
const PRESENT_HOST_NAME = 8;
const PRESENT_FQDN = 16;

/** Server-set codes: configured values of them are not used (58 and 59 only where computed). */
const SERVER_SET: readonly ReadonlySet<number>[] = Array.from({ length: 32 }, (_, present) => {
  const codes = new Set<number>([0, END, 50, 51, 52, 53, 55, 57, 61, 82, 97, 118]);
  if (present & PRESENT_RENEWAL) codes.add(Code.renewal);
  if (present & PRESENT_REBINDING) codes.add(Code.rebinding);
  if (present & PRESENT_HOST_NAME) codes.add(Code.hostName);
  if (present & PRESENT_FQDN) codes.add(Code.fqdn);
  return codes;
});

const NOTHING = new Uint8Array(0);
const NOT_VENDOR = '';

/** What of the exchange the composer reads. */
export interface ReplySource {
  readonly message: Message4;
  readonly bootp: boolean;
  /** Address the server answers from. */
  readonly serverAddress: Ipv4;
  /** Relay sub-option 11 (RFC 5107), 0 if none. */
  readonly serverIdOverride: Ipv4;
  /** The client's classes in the order they matched. */
  readonly classNames: Iterable<string>;
  isMember(className: string): boolean;
  /** Option 82 to give back, '' if none. */
  readonly relayEcho: Octets;
}

/** The replies that can be composed. */
export type AnsweringDecision = Exclude<Decision, { readonly kind: 'silent' }>;

/** A composed reply. */
export interface Composed {
  /** Octets of `target` used, or a buffer of its own if the reply needed overload. */
  readonly octets: Uint8Array;
  readonly type: number;
  readonly yiaddr: Ipv4;
  readonly flags: number;
  /** Option codes left out because they did not fit. */
  readonly omitted: readonly number[];
}

/** Composes the replies of one configuration. */
export class ReplyComposer {
  readonly #snapshot: ConfigSnapshot;
  readonly #templates = new TemplateCache();
  readonly #hasVendorOptions: boolean;
  readonly #tellingClasses: ReadonlySet<string>;

  constructor(snapshot: ConfigSnapshot) {
    this.#snapshot = snapshot;
    this.#hasVendorOptions = usesVendorOptions(snapshot);
    this.#tellingClasses = tellingClasses(snapshot);
  }

  /** Composes into `target` (at least {@link LARGEST_REPLY_OCTETS} long). */
  compose(source: ReplySource, decision: AnsweringDecision, target: Buffer): Composed {
    const { message } = source;
    const type = typeOf(decision, source.bootp);
    const grant = 'grant' in decision ? decision.grant : undefined;
    const subnet = grant?.subnet ?? ('subnet' in decision ? decision.subnet : undefined);
    const lifetimeSec = grant?.lifetimeSec ?? 0;
    const tees: TeeTimes = grant === undefined || source.bootp ? NO_TEES : teeTimes(grant.subnet, lifetimeSec);
    const name: ClientName = grant?.name ?? NO_NAME;
    const template = this.#templates.get(
      {
        type,
        subnet,
        pool: grant?.pool,
        host: tellingHost(grant === undefined ? ('host' in decision ? decision.host : undefined) : grant.host),
        classKey: this.#classKey(source.classNames),
        present:
          (grant !== undefined && !source.bootp ? PRESENT_LEASE : 0) |
          (tees.renewalSec > 0 ? PRESENT_RENEWAL : 0) |
          (tees.rebindingSec > 0 ? PRESENT_REBINDING : 0) |
          (name.hostNameOption !== undefined ? PRESENT_HOST_NAME : 0) |
          (name.fqdn !== undefined ? PRESENT_FQDN : 0),
        serverId: source.serverIdOverride !== 0 ? source.serverIdOverride : source.serverAddress,
        requested: type === MessageType.nak ? NOTHING : (message.option(Code.parameterRequestList) ?? NOTHING),
        vendor: this.#hasVendorOptions ? vendorKey(message) : NOT_VENDOR,
      },
      (key) => this.#build(key, source),
    );

    const yiaddr = grant?.lease.address ?? 0;
    const informDirect = decision.kind === 'inform-ack' && message.ciaddr !== 0;
    const relayEcho = informDirect ? '' : source.relayEcho;
    const flags = type === MessageType.nak && message.giaddr !== 0 ? message.flags | FLAG_BROADCAST : message.flags;
    const clientId = this.#snapshot.echoClientId && !source.bootp ? message.octets(Code.clientId) : undefined;

    target.set(template.octets, 0);
    target[1] = message.htype;
    target[2] = message.hlen;
    target[At.hops] = informDirect ? 0 : message.hops;
    target.writeUInt32BE(message.xid, At.xid);
    target.writeUInt16BE(flags, At.flags);
    target.writeUInt32BE(keepsCiaddr(type) ? message.ciaddr : 0, At.ciaddr);
    target.writeUInt32BE(yiaddr, At.yiaddr);
    target.writeUInt32BE(informDirect ? 0 : message.giaddr, At.giaddr);
    target.set(message.chaddr, At.chaddr);
    if (template.leaseTimeAt > 0) target.writeUInt32BE(lifetimeSec, template.leaseTimeAt);
    if (template.renewalAt > 0) target.writeUInt32BE(tees.renewalSec, template.renewalAt);
    if (template.rebindingAt > 0) target.writeUInt32BE(tees.rebindingSec, template.rebindingAt);

    const limit = limitOf(message);
    let at = template.octets.length;
    const own = clientOptions(name, message, clientId, relayEcho);
    for (const { code, data } of own) {
      if (data.length > 255 || at + data.length + 3 > LARGEST_REPLY_OCTETS)
        return overloaded(target, template, own, limit, type, yiaddr, flags);
      target[at] = code;
      target[at + 1] = data.length;
      target.set(data, at + 2);
      at += 2 + data.length;
    }
    target[at++] = END;
    if (at > limit.octets) return overloaded(target, template, own, limit, type, yiaddr, flags);
    if (at < MINIMUM_OCTETS) {
      target.fill(0, at, MINIMUM_OCTETS);
      at = MINIMUM_OCTETS;
    }
    return { octets: target.subarray(0, at), type, yiaddr, flags, omitted: [] };
  }

  /** Only classes that can change a reply count: a network full of vendor classes must not fill the cache. */
  #classKey(names: Iterable<string>): string {
    if (this.#tellingClasses.size === 0) return '';
    let key = '';
    for (const name of names) if (this.#tellingClasses.has(name)) key += `${name}\n`;
    return key;
  }

  #build(key: TemplateKey, source: ReplySource): Template {
    const { subnet, present } = key;
    const options: OptionOctets[] = [];
    if (key.type !== 0) options.push({ code: Code.messageType, data: Uint8Array.of(key.type) });
    const isMember = (name: string): boolean => source.isMember(name);
    const scopes = subnet === undefined ? [] : this.#scopes(subnet, key.pool, key.host, source.classNames);
    const collected =
      key.type === MessageType.nak
        ? []
        : collectOptions({
            scopes,
            requested: key.requested,
            reserved: SERVER_SET[present]!,
            subnetMask:
              subnet === undefined || (present & PRESENT_LEASE) === 0 ? undefined : u32(maskOf(subnet.prefixLength)),
            ...vendorRequest(source.message, this.#hasVendorOptions),
            isMember,
          });
    if (key.type !== 0) {
      const configured =
        collected.find((option) => option.code === Code.serverId) ?? configuredServerId(scopes, isMember);
      options.push({ code: Code.serverId, data: configured?.data ?? u32(key.serverId) });
    }
    if (present & PRESENT_LEASE) options.push({ code: Code.leaseTime, data: u32(0) });
    if (present & PRESENT_RENEWAL) options.push({ code: Code.renewal, data: u32(0) });
    if (present & PRESENT_REBINDING) options.push({ code: Code.rebinding, data: u32(0) });
    options.push(...collected.filter((option) => option.code !== Code.serverId));

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
      // The key outlives the packet it was made from.
      requested: Uint8Array.from(key.requested),
      octets,
      leaseTimeAt: valueOffset(options, Code.leaseTime),
      renewalAt: valueOffset(options, Code.renewal),
      rebindingAt: valueOffset(options, Code.rebinding),
      options,
    };
  }

  #scopes(
    subnet: Subnet,
    pool: Pool | undefined,
    host: Reservation | undefined,
    classNames: Iterable<string>,
  ): (readonly OptionData[])[] {
    const classes: (readonly OptionData[])[] = [];
    for (const name of classNames) {
      const options = this.#snapshot.classByName.get(name)?.options;
      if (options !== undefined && options.length > 0) classes.push(options);
    }
    return [
      host?.options ?? [],
      pool?.options ?? [],
      subnet.options,
      subnet.sharedNetwork?.options ?? [],
      ...classes,
      this.#snapshot.options,
    ];
  }

  /** Reservation, then the first class that sets the field, then the subnet; each field on its own (Kea: setFixedFields). */
  #bootFields(subnet: Subnet | undefined, host: Reservation | undefined, classNames: Iterable<string>): BootFields {
    const layers: BootFields[] = host === undefined ? [] : [host];
    for (const name of classNames) {
      const row = this.#snapshot.classByName.get(name);
      if (row !== undefined) layers.push(row);
    }
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

/** Given back as sent: the machine identifier (RFC 4578 §2.3) and the subnet selection (RFC 3011 §2). */
const ECHOED = [Code.machineId, Code.subnetSelection] as const;

/** The options that differ from client to client, in sending order: option 82 is the last (RFC 3046 §2.2). */
function clientOptions(
  name: ClientName,
  message: Message4,
  clientId: Octets | undefined,
  relayEcho: Octets,
): OptionOctets[] {
  const options: OptionOctets[] = [];
  if (name.hostNameOption !== undefined) options.push({ code: Code.hostName, data: bytesOf(name.hostNameOption) });
  if (name.fqdn !== undefined) options.push({ code: Code.fqdn, data: encodeFqdn(name.fqdn.flags, name.hostname) });
  for (const code of ECHOED) {
    const data = message.option(code);
    if (data !== undefined) options.push({ code, data });
  }
  if (clientId !== undefined && clientId !== '') options.push({ code: Code.clientId, data: bytesOf(clientId) });
  if (relayEcho !== '') options.push({ code: Code.relayInfo, data: bytesOf(relayEcho) });
  return options;
}

/** How long a reply may be. */
interface Limit {
  /** Octets up to which no trick is needed. */
  readonly octets: number;
  /** Octets beyond which options are left out. */
  readonly lastOctets: number;
}

/**
 * What the client takes. One that names a size (option 57) is held to it. One that names none must take 576 octets of IP
 * datagram and mostly takes a frame: overload is tried for it, but no option is dropped for what it did not say.
 */
function limitOf(message: Message4): Limit {
  const named = message.number(Code.maximumMessageSize);
  if (named === undefined) return UNNAMED_LIMIT;
  const octets = Math.min(Math.max(named - IP_UDP_OCTETS, DEFAULT_MAX_OCTETS), LARGEST_REPLY_OCTETS);
  return { octets, lastOctets: octets };
}

const UNNAMED_LIMIT: Limit = { octets: DEFAULT_MAX_OCTETS, lastOctets: LARGEST_REPLY_OCTETS };

/** The slow way: option overload (RFC 2131 §4.1), then leaving options out from the end. */
function overloaded(
  target: Buffer,
  template: Template,
  own: readonly OptionOctets[],
  limit: Limit,
  type: number,
  yiaddr: Ipv4,
  flags: number,
): Composed {
  const options = [...template.options, ...own].map((option) => patched(option, target, template));
  const message = {
    op: REPLY_OP,
    htype: target[1]!,
    hlen: target[2]!,
    hops: target[At.hops]!,
    xid: target.readUInt32BE(At.xid),
    secs: 0,
    flags: target.readUInt16BE(At.flags),
    ciaddr: target.readUInt32BE(At.ciaddr),
    yiaddr,
    siaddr: target.readUInt32BE(20),
    giaddr: target.readUInt32BE(At.giaddr),
    chaddr: Uint8Array.from(target.subarray(At.chaddr, At.sname)),
    sname: usedField(target.subarray(At.sname, At.file)),
    file: usedField(target.subarray(At.file, At.cookie)),
    options,
  };
  const tight = encodeMessage4(message, limit.octets);
  const result =
    tight.omitted.length > 0 && limit.lastOctets > limit.octets ? encodeMessage4(message, limit.lastOctets) : tight;
  return { octets: result.octets, type, yiaddr, flags, omitted: result.omitted };
}

/** A copy of a boot field; empty if it is unused, so that options may go there. */
function usedField(field: Buffer): Uint8Array {
  return field[0] === 0 ? NOTHING : Uint8Array.from(field);
}

/** The lease time and timers of this very reply are in `target` already. */
function patched(option: OptionOctets, target: Buffer, template: Template): OptionOctets {
  const at =
    option.code === Code.leaseTime
      ? template.leaseTimeAt
      : option.code === Code.renewal
        ? template.renewalAt
        : option.code === Code.rebinding
          ? template.rebindingAt
          : -1;
  return at > 0 ? { code: option.code, data: Uint8Array.from(target.subarray(at, at + 4)) } : option;
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

/** CableLabs, whose option request is the only one Kea reads (enterprise 4491, sub-option 1). */
const CABLE_LABS = 4491;
const CABLE_LABS_ORO = 1;

function vendorRequest(
  message: Message4,
  used: boolean,
): { readonly enterprises: readonly number[]; readonly vendorRequested: ReadonlyMap<number, Uint8Array> } {
  const vendorRequested = new Map<number, Uint8Array>();
  const enterprises = new Set<number>();
  if (!used) return { enterprises: [], vendorRequested };
  for (const code of [Code.vendorIdentifying, Code.vendorClassIdentifying]) {
    for (const block of vendorBlocks(message.option(code))) {
      enterprises.add(block.enterprise);
      if (code !== Code.vendorIdentifying || block.enterprise !== CABLE_LABS) continue;
      const oro = findSubOption(block.data, CABLE_LABS_ORO);
      if (oro !== undefined) vendorRequested.set(CABLE_LABS, Uint8Array.from(oro));
    }
  }
  return { enterprises: [...enterprises], vendorRequested };
}

function vendorBlocks(value: Uint8Array | undefined): ReturnType<typeof decodeVendorIdentifying> {
  if (value === undefined) return [];
  try {
    return decodeVendorIdentifying(value);
  } catch {
    // A malformed vendor option is the client's own affair: it gets no vendor options, the rest of its request stands.
    return [];
  }
}

function vendorKey(message: Message4): string {
  return `${message.octets(Code.vendorIdentifying) ?? ''}|${message.octets(Code.vendorClassIdentifying) ?? ''}`;
}

function usesVendorOptions(snapshot: ConfigSnapshot): boolean {
  return allOptionLists(snapshot).some((options) =>
    options.some((option) => option.space.startsWith('vendor-') || option.code === Code.vendorIdentifying),
  );
}

/** Names of classes that bring options or boot fields, or that guard an option. */
function tellingClasses(snapshot: ConfigSnapshot): Set<string> {
  const names = new Set<string>();
  for (const row of snapshot.classes) {
    const hasBoot = row.nextServer !== undefined || row.serverHostname !== undefined || row.bootFileName !== undefined;
    if (row.options.length > 0 || hasBoot) names.add(row.name);
  }
  for (const options of allOptionLists(snapshot)) {
    for (const option of options) for (const name of option.clientClasses) names.add(name);
  }
  return names;
}

/** The reservation if it changes what is sent; most only fix an address, and all of those share one template. */
function tellingHost(host: Reservation | undefined): Reservation | undefined {
  if (host === undefined) return undefined;
  const hasBoot = host.nextServer !== undefined || host.serverHostname !== undefined || host.bootFileName !== undefined;
  return host.options.length > 0 || hasBoot ? host : undefined;
}

function allOptionLists(snapshot: ConfigSnapshot): (readonly OptionData[])[] {
  const rows = [
    ...snapshot.subnets,
    ...snapshot.pools,
    ...snapshot.sharedNetworks,
    ...snapshot.classes,
    ...snapshot.reservations,
  ];
  return [snapshot.options, ...rows.map((row) => row.options)];
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
