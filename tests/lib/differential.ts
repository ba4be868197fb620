/**
 * Two servers with one configuration, asked the same: what a client may send, drawn from tables by a seeded
 * generator, and the two answers taken apart so that they can be compared member by member.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type MessageFields, type Reply, TestClient } from './dhcp-client.js';
import { type Lab, SERVER } from './lab.js';
import { BROADCAST_MAC, OPT, option, TYPE, type WireOption } from './wire.js';

/** A number from 0 up to, but not including, a bound. */
export type Chance = (bound: number) => number;

/** How long lessor may take once Kea has answered. */
const PATIENCE_MS = 5000;
/** How long after the answer to a later question an earlier one counts as not answered by both. */
const GRACE_MS = 40;

/** An address a message names: what the server gave this client last, or a certain one. */
type Address = 'held' | string;

/** What a client does: where it names which address and which server. */
interface Act {
  readonly type: number;
  readonly requested?: Address;
  readonly ciaddr?: Address;
  readonly serverId?: string;
  readonly unicast?: boolean;
}

const ACTS: Readonly<Record<string, Act>> = {
  discovers: { type: TYPE.discover },
  'discovers again': { type: TYPE.discover },
  'discovers, asking for its address': { type: TYPE.discover, requested: 'held' },
  'discovers, asking for another address': { type: TYPE.discover, requested: '10.1.0.177' },
  'discovers, asking for an address of nobody': { type: TYPE.discover, requested: '192.0.2.7' },
  'discovers with ciaddr': { type: TYPE.discover, ciaddr: 'held' },
  selects: { type: TYPE.request, requested: 'held', serverId: SERVER },
  'selects again': { type: TYPE.request, requested: 'held', serverId: SERVER },
  'selects a third time': { type: TYPE.request, requested: 'held', serverId: SERVER },
  'selects another server': { type: TYPE.request, requested: 'held', serverId: '10.1.0.77' },
  'selects an address it was not offered': { type: TYPE.request, requested: '10.1.0.178', serverId: SERVER },
  'selects an address that is out of place': { type: TYPE.request, requested: '10.77.0.1', serverId: SERVER },
  'selects nothing': { type: TYPE.request, serverId: SERVER },
  reboots: { type: TYPE.request, requested: 'held' },
  'reboots with an address of another network': { type: TYPE.request, requested: '192.0.2.7' },
  'reboots with a reserved address': { type: TYPE.request, requested: '10.1.0.10' },
  renews: { type: TYPE.request, ciaddr: 'held', unicast: true },
  rebinds: { type: TYPE.request, ciaddr: 'held' },
  'rebinds an address of another network': { type: TYPE.request, ciaddr: '10.66.0.6' },
  'renews with option 50': { type: TYPE.request, ciaddr: 'held', requested: 'held' },
  'requests nothing': { type: TYPE.request },
  declines: { type: TYPE.decline, requested: 'held', serverId: SERVER },
  'declines towards nobody': { type: TYPE.decline, requested: 'held' },
  'declines what it has not': { type: TYPE.decline, requested: '10.1.0.179', serverId: SERVER },
  releases: { type: TYPE.release, ciaddr: 'held', serverId: SERVER, unicast: true },
  'releases what it has not': { type: TYPE.release, ciaddr: '10.1.0.179', serverId: SERVER },
  informs: { type: TYPE.inform, ciaddr: 'held' },
  'informs without ciaddr': { type: TYPE.inform },
  'informs from afar': { type: TYPE.inform, ciaddr: '10.2.0.9', unicast: true },
  'asks by BOOTP': { type: 0 },
  'sends what is no request': { type: TYPE.offer },
  'sends a type nobody knows': { type: 42 },
};

/** Sub-options of option 82 (RFC 3527, RFC 5107). */
const LINK_SELECTION = 5;
const SERVER_ID_OVERRIDE = 11;

/** A relay agent. */
interface Place {
  readonly giaddr: string;
  readonly agent?: readonly WireOption[];
  /** No subnet has it. */
  readonly nowhere?: true;
}

/** Where messages come in; `undefined` is the server's own link. */
const PLACES: readonly (undefined | Place)[] = [
  undefined,
  undefined,
  { giaddr: '10.1.0.2' },
  { giaddr: '10.1.0.2', agent: [option.text(1, 'port 3'), option.hex(2, '0a0b')] },
  { giaddr: '10.2.0.1' },
  { giaddr: '10.2.0.1', agent: [option.text(1, 'port 2')] },
  { giaddr: '10.3.0.1' },
  { giaddr: '10.4.0.1', agent: [option.text(1, ''), option.text(6, 'subscriber')] },
  { giaddr: '10.9.0.1', agent: [option.addresses(LINK_SELECTION, '10.1.0.0')] },
  {
    giaddr: '10.1.0.2',
    agent: [option.addresses(LINK_SELECTION, '10.2.0.0'), option.addresses(SERVER_ID_OVERRIDE, '10.2.0.1')],
  },
  { giaddr: '10.9.0.1', agent: [option.addresses(LINK_SELECTION, '10.88.0.0')], nowhere: true },
  { giaddr: '10.9.0.1', nowhere: true },
];

/** What may be in a message besides; at most one row of each inner table. */
const EXTRAS: readonly (readonly WireOption[])[] = [
  [
    option.requestList(1, 3, 6, 15, 12, 42, 43, 51, 58, 59, 66, 67),
    option.requestList(67, 66, 15, 12, 6, 3, 1, 54, 53, 61, 82, 81),
    option.requestList(43, 60, 119, 121, 125, 224, 225, 226, 227),
    option.requestList(12, 15),
    option.requestList(81, 1, 28, 255, 3, 3),
  ],
  [option.u16(57, 300), option.u16(57, 576), option.u16(57, 1500), option.u16(57, 100)],
  [
    option.text(60, 'PXEClient'),
    option.text(60, 'red'),
    option.text(60, 'reddish'),
    option.text(60, 'bad'),
    option.text(60, 'docsis3.0'),
  ],
  [
    option.text(12, 'plain'),
    option.text(12, 'Dotted.Example.COM'),
    option.text(12, 'ends.'),
    option.text(12, 'un der_score!'),
    option.text(12, 'nul\0'),
    option.text(12, '.'),
    option.text(12, '-'),
    option.text(12, '***'),
    option.text(12, '***.Foo'),
    option.text(12, ' a_b.c '),
    option.text(12, `${'a'.repeat(70)}.example`),
  ],
  [
    option.hex(81, '00 00 00 05 706c61696e'),
    option.hex(81, '04 00 00 05 706c61696e'),
    option.hex(81, '05 ff ff 05 706c61696e'),
    option.hex(81, '05 00 00 05 706c61696e 07 6578616d706c65 03 6f7267 00'),
    option.hex(81, '01 00 00 706c61696e'),
    option.hex(81, '01 00 00 706c61696e2e6f7267'),
    option.hex(81, '08 00 00 706c61696e'),
    option.hex(81, '0c 00 00 05 706c61696e'),
    option.hex(81, '04 00 00'),
    option.hex(81, '05 00 00 03 2a2a2a 03 666f6f 00'),
    option.hex(81, '04 00 00 03 615f62 03 434f4d 00'),
  ],
  [
    option.u32(51, 60),
    option.u32(51, 700),
    option.u32(51, 3000),
    option.u32(51, 100000),
    option.u32(51, 0xffffffff),
    option.u32(51, 0),
  ],
  [option.hex(93, '0007'), option.hex(93, '0000')],
  [option.hex(97, '00 0102030405060708090a0b0c0d0e0f10')],
  [option.addresses(118, '10.2.0.0'), option.addresses(118, '10.99.0.0')],
  [
    option.hex(125, '0000118b 04 01 02 05 06'),
    option.hex(125, '000063a2 00'),
    option.hex(124, '000063a2 02 01 61'),
    option.hex(124, '0000118b 02 01 61'),
  ],
  [option.text(77, 'user'), option.hex(116, '01'), option.hex(116, '00'), option.hex(80, ''), option.hex(145, '01')],
];

/** Options that are not as their RFCs have them. */
const ODD: readonly WireOption[] = [
  [OPT.parameterRequestList, Buffer.alloc(0)],
  option.text(60, ''),
  option.text(12, ''),
  option.hex(81, '0f 00 00 05 706c61696e 00'),
  option.hex(81, '04 00 00 04 615f6221 00'),
  option.hex(81, '09 00 00'),
  option.hex(81, '00 00'),
  option.hex(51, '00 10'),
  option.hex(57, '05'),
  option.hex(118, '0a02'),
  option.hex(125, '0000'),
  option.hex(124, '000063a2 09 61'),
  option.hex(93, '00'),
];

/** Hardware addresses and client identifiers of those who ask; the scenarios have reservations for some. */
const CLIENTS: readonly { readonly mac: string; readonly clientId?: string }[] = [
  { mac: '02:33:00:00:00:01' },
  { mac: '02:33:00:00:00:02', clientId: '01:02:33:00:00:00:02' },
  { mac: '02:33:00:00:00:03' },
  { mac: '02:33:00:00:00:04', clientId: 'ff:00:11:22:33' },
  { mac: '02:33:00:00:00:05', clientId: '00:05' },
];

/** One message as both servers get it, but for the address each has given. */
export interface Question {
  readonly client: number;
  readonly act: string;
  readonly place: number;
  readonly flags: number;
  readonly hops: number;
  readonly options: readonly WireOption[];
}

/** Draws a question. */
export function draw(chance: Chance): Question {
  const drawn = EXTRAS.flatMap((rows, index) =>
    // Half of all messages ask for options; most say little else.
    chance(index === 0 ? 2 : 5) === 0 ? [rows[chance(rows.length)] as WireOption] : [],
  );
  const odd = chance(15) === 0 ? ODD[chance(ODD.length)] : undefined;
  const options = odd === undefined ? drawn : [...drawn.filter(([code]) => code !== odd[0]), odd];
  const acts = Object.keys(ACTS);
  return {
    client: chance(CLIENTS.length),
    act: acts[chance(2) === 0 ? chance(9) : chance(acts.length)] as string,
    // Most messages come from where somebody serves them.
    place: chance(chance(6) === 0 ? PLACES.length : PLACES.length - 2),
    flags: chance(3) === 0 ? 0x8000 : 0,
    hops: chance(4),
    options,
  };
}

/** A question as a line that says all of it. */
export function tell(question: Question): string {
  const place = PLACES[question.place];
  const from = place === undefined ? 'directly' : `through ${place.giaddr} ${hexOf(place.agent ?? [])}`;
  const flags = question.flags === 0 ? '' : ', to be broadcast';
  return `client ${question.client} ${question.act} ${from}, hops ${question.hops}${flags}: ${hexOf(question.options)}`;
}

function hexOf(options: readonly WireOption[]): string {
  return options.map(([code, octets]) => `${code}=${octets.toString('hex')}`).join(' ');
}

/** What an answer says, member by member; `reply` alone if there is none. */
export type Told = Readonly<Record<string, string>>;

/** What of a lease has to be the same. (Of lifetime and name the answers tell.) */
const LASTING = ['state', 'hw-address', 'client-id', 'fqdn-fwd', 'fqdn-rev', 'user-context'];

/** One of the two servers, and what it gave whom. */
export class Side {
  readonly #lab: Lab;
  readonly #held = new Map<number, string>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** The server itself. */
  get server(): Lab['server'] {
    return this.#lab.server;
  }

  /** Takes all leases away. */
  async forget(): Promise<void> {
    for (const id of [1, 2, 3, 4]) await this.server.command('lease4-wipe', { 'subnet-id': id });
    this.#held.clear();
  }

  /** Sends a question; its answer, or undefined after a while. */
  ask(question: Question): Promise<Reply | undefined> {
    const { client, fields, type } = this.#message(question);
    if (fields.ciaddr !== undefined) this.#lab.link.haveAddress(fields.ciaddr, client.mac);
    return client.ask(type, fields, PATIENCE_MS);
  }

  /** The leases in force and the declined ones, a line each; what of them is the server's to choose is left out. */
  async leases(): Promise<string[]> {
    const leases = (await this.server.leases()).filter(({ state }) => state === 0 || state === 1);
    return leases.map((lease) => {
      const address = String(lease['ip-address']);
      const told = {
        network: NETWORK_OF[address.split('.')[1] as string],
        reserved: Number(address.split('.')[3]) < 100,
        ...Object.fromEntries(LASTING.map((member) => [member, lease[member]])),
      };
      return JSON.stringify(told);
    });
  }

  /** Asks what every server answers. When it is answered all that was asked before has been looked at. */
  async mark(): Promise<undefined> {
    const marker = this.#lab.client({ mac: '02:33:00:00:00:ff' });
    await marker.inform('10.1.0.99');
  }

  #message(question: Question): { client: TestClient; fields: MessageFields; type: number } {
    const place = PLACES[question.place];
    const path = place === undefined ? this.#lab.direct : this.#lab.relay(place.giaddr, place.agent);
    const act = ACTS[question.act] as Act;
    const address = (of: Address): string => this.#address(question, of);
    const fields: MessageFields = {
      flags: question.flags,
      hops: question.hops,
      ...(act.ciaddr !== undefined && { ciaddr: address(act.ciaddr) }),
      ...(act.unicast && { unicast: true, direct: true }),
      options: [
        ...(act.requested === undefined ? [] : [option.addresses(OPT.requestedAddress, address(act.requested))]),
        ...(act.serverId === undefined ? [] : [option.addresses(OPT.serverId, act.serverId)]),
        ...question.options,
      ],
    };
    return { client: new TestClient(path, CLIENTS[question.client]), fields, type: act.type };
  }

  /** Takes an answer apart. An address of a pool is told by its network: which one it is is the server's to choose. */
  take(question: Question, reply: Reply | undefined): Told {
    if (reply === undefined) return { reply: 'none' };
    const { message, frame } = reply;
    const { yiaddr } = message;
    const act = ACTS[question.act] as Act;
    const [asked, ciaddr] = [act.requested, act.ciaddr].map((of) =>
      of === undefined ? '' : this.#address(question, of),
    );
    const inPool = Number(yiaddr.split('.')[3]) >= 100;
    const granted = reply.type === TYPE.ack && (yiaddr === asked || yiaddr === ciaddr) ? 'as asked, ' : '';
    const dashed = Buffer.from(yiaddr.replaceAll('.', '-')).toString('hex');
    const codes = reply.codes();
    const told = {
      reply: String(reply.type),
      yiaddr: granted + (inPool ? (NETWORK_OF[yiaddr.split('.')[1] as string] ?? yiaddr) : yiaddr),
      ciaddr: message.ciaddr === ciaddr ? 'as sent' : message.ciaddr,
      siaddr: message.siaddr,
      giaddr: message.giaddr,
      flags: message.flags.toString(16),
      hops: String(message.hops),
      hardware: `${message.htype} ${message.hlen} ${message.chaddr}`,
      sname: textOf(message.sname),
      file: textOf(message.file),
      destination: `${destinationOf(frame.destination, ciaddr, yiaddr)} ${frame.destinationPort}`,
      'on the link': frame.destinationMac === BROADCAST_MAC ? 'broadcast' : 'one station',
      // The order of all others is lessor's own: as they were asked for.
      order: `${codes[0] === OPT.messageType ? 'type' : 'another'} first, ${codes.at(-1) === OPT.agentInformation ? 82 : 'another'} last`,
      ...Object.fromEntries(
        [...new Set(codes)].map((code) => [
          `option ${code}`,
          reply.get(code).toString('hex').replaceAll(dashed, '<address>'),
        ]),
      ),
    };
    if (yiaddr !== '0.0.0.0') this.#held.set(question.client, yiaddr);
    return told;
  }

  /** What the server gave this client last. */
  heldBy(question: Question): string {
    return this.#address(question, 'held');
  }

  #address(question: Question, of: Address): string {
    return of === 'held' ? (this.#held.get(question.client) ?? `10.1.0.${170 + question.client}`) : of;
  }
}

/** Subnets of one shared network count as one: a server may take an address of either. */
const NETWORK_OF: Readonly<Record<string, string>> = { 1: 'first', 2: 'second', 3: 'shared', 4: 'shared' };

function destinationOf(address: string, ciaddr: string | undefined, yiaddr: string): string {
  if (address === ciaddr) return 'ciaddr';
  return address === yiaddr ? 'yiaddr' : address;
}

function textOf(field: Buffer): string {
  return field.toString('latin1').replace(/\0+$/, '');
}

/** Both answers to a question. */
export async function askBoth([kea, lessor]: readonly [Side, Side], question: Question): Promise<[Told, Told]> {
  const asked = lessor.ask(question);
  const silence = lessor.mark().then(() => sleep(GRACE_MS, undefined));
  const [byKea, soon] = await Promise.all([
    // Kea takes one message after the other: what is not answered before the mark is not answered at all.
    Promise.race([kea.ask(question), kea.mark()]),
    Promise.race([asked, silence]),
  ]);
  // lessor answers when the lease is on the disk, and other messages meanwhile.
  const byLessor = soon ?? (byKea === undefined ? undefined : await asked);
  return [kea.take(question, byKea), lessor.take(question, byLessor)];
}

/** A member that differs. */
export interface Difference {
  readonly member: string;
  readonly kea: string;
  readonly lessor: string;
}

/** Where two answers differ; where one is none, that alone. */
export function differences(kea: Told, lessor: Told): Difference[] {
  const members = kea.reply === lessor.reply ? new Set([...Object.keys(kea), ...Object.keys(lessor)]) : ['reply'];
  return [...members]
    .map((member) => ({ member, kea: kea[member] ?? 'absent', lessor: lessor[member] ?? 'absent' }))
    .filter((one) => one.kea !== one.lessor);
}

/** True if a question has an option that is not as its RFC has it. */
export function isOdd(question: Question): boolean {
  return question.options.some((one) => ODD.includes(one));
}

/** True if a question has an option with these octets, or any. */
export function sends(question: Question, code: number, hex?: string): boolean {
  return question.options.some(
    ([each, octets]) => each === code && (hex ?? octets.toString('hex')) === octets.toString('hex'),
  );
}

/** True if a question comes from where no subnet is: by its relay agent, or by option 118. */
export function isFromNowhere(question: Question): boolean {
  return PLACES[question.place]?.nowhere === true || sends(question, OPT.subnetSelection, '0a630000');
}

/** True if the relay agent of a question wants to be taken for the server (RFC 5107). */
export function isOverridden(question: Question): boolean {
  return PLACES[question.place]?.agent?.some(([code]) => code === SERVER_ID_OVERRIDE) === true;
}

/** True if a question comes through a relay agent. */
export function isRelayed(question: Question): boolean {
  return PLACES[question.place] !== undefined;
}
