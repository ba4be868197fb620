/**
 * A DHCPv4 client the test moves by hand: it sends exactly what the test says, direct or as if through a relay,
 * and hands back what arrives for its transaction.
 */

import assert from 'node:assert/strict';
import type { Arrival, Link } from './link.js';
import { PATIENCE_MS } from './until.js';
import {
  addressOctets,
  BROADCAST_MAC,
  dotted,
  encodeFrame,
  encodeMessage,
  macOctets,
  OPT,
  option,
  optionData,
  TYPE,
  type WireMessage,
  type WireOption,
} from './wire.js';

/** How long a server that has to answer may take: other work may have the machine. */
const ANSWER_MS = 20_000;
/** How long to listen for an answer that must not come. */
const SILENCE_MS = 350;

/** The path of a client's messages. */
export interface Path {
  readonly link: Link;
  /** The server's address and hardware address on this link. */
  readonly server: string;
  readonly serverMac: string;
  /** Present: messages go as a relay agent with this address would send them. */
  readonly relay?: { readonly giaddr: string; readonly mac: string; readonly agentOptions?: readonly WireOption[] };
}

/** What a test changes of a message; everything else is what an ordinary client would send. */
export interface MessageFields extends Partial<Omit<WireMessage, 'options'>> {
  /** Added after the message type (and client-id, if the client has one). */
  options?: readonly WireOption[];
  /** IP source; default 0.0.0.0, or ciaddr if that is set. */
  from?: string;
  /** IP destination; default 255.255.255.255, the server if `unicast`. */
  unicast?: boolean;
  /** Send direct even if the client's path has a relay (renewals do). */
  direct?: boolean;
}

/** An answer, with its options at hand. */
export class Reply {
  constructor(readonly arrival: Arrival) {}

  get message(): WireMessage {
    return this.arrival.message;
  }

  get frame() {
    return this.arrival.frame;
  }

  get type(): number {
    return this.data(OPT.messageType)?.[0] ?? 0;
  }

  get yiaddr(): string {
    return this.message.yiaddr;
  }

  /** Data of an option, fragments joined, or undefined. */
  data(code: number): Buffer | undefined {
    return optionData(this.message.options, code);
  }

  /** Dotted addresses of an option. @throws AssertionError if it is absent. */
  addresses(code: number): string[] {
    const data = this.get(code);
    return Array.from({ length: data.length / 4 }, (_, index) => dotted(data, index * 4));
  }

  /** 32-bit number of an option. @throws AssertionError if it is absent. */
  u32(code: number): number {
    return this.get(code).readUInt32BE(0);
  }

  /** Text of an option. @throws AssertionError if it is absent. */
  text(code: number): string {
    return this.get(code).toString('latin1');
  }

  /** Data of an option. @throws AssertionError if it is absent. */
  get(code: number): Buffer {
    const data = this.data(code);
    assert.ok(data !== undefined, `option ${code} is missing; there are ${this.codes().join(' ')}`);
    return data;
  }

  /** Option codes in wire order. */
  codes(): number[] {
    return this.message.options.map(([code]) => code);
  }

  get serverId(): string {
    return this.addresses(OPT.serverId)[0] as string;
  }
}

let nextClient = 1;
let nextXid = (process.pid << 12) >>> 0;

/** A locally administered hardware address nobody else in this process has. */
export function newMac(): string {
  const serial = nextClient++;
  return [
    '02',
    '00',
    '5e',
    ...[serial >> 16, serial >> 8, serial].map((n) => (n & 255).toString(16).padStart(2, '0')),
  ].join(':');
}

/** One client: a hardware address, perhaps a client identifier, and a path to the server. */
export class TestClient {
  readonly mac: string;
  readonly clientId: Buffer | undefined;
  readonly path: Path;

  constructor(path: Path, identity: { mac?: string; clientId?: string | Buffer } = {}) {
    this.path = path;
    this.mac = identity.mac ?? newMac();
    this.clientId =
      typeof identity.clientId === 'string'
        ? Buffer.from(identity.clientId.replaceAll(':', ''), 'hex')
        : identity.clientId;
  }

  /** The same client behind another path. */
  on(path: Path): TestClient {
    return new TestClient(path, { mac: this.mac, ...(this.clientId && { clientId: this.clientId }) });
  }

  /** The message this client would send; transaction id fresh unless given. */
  message(type: number, fields: MessageFields = {}): WireMessage {
    const { options = [], from: _from, unicast: _unicast, direct, ...header } = fields;
    const relay = direct ? undefined : this.path.relay;
    nextXid = (nextXid + 1) >>> 0;
    return {
      op: 1,
      htype: 1,
      hlen: 6,
      hops: relay ? 1 : 0,
      xid: nextXid,
      secs: 0,
      flags: 0,
      ciaddr: '0.0.0.0',
      yiaddr: '0.0.0.0',
      siaddr: '0.0.0.0',
      giaddr: relay?.giaddr ?? '0.0.0.0',
      chaddr: this.mac,
      sname: Buffer.alloc(0),
      file: Buffer.alloc(0),
      ...header,
      options: [
        ...(type === 0 ? [] : [option.type(type)]),
        ...(this.clientId ? [[OPT.clientId, this.clientId] as const] : []),
        ...options,
        ...(relay?.agentOptions ? [option.nested(OPT.agentInformation, ...relay.agentOptions)] : []),
      ],
    };
  }

  /** Sends octets the way this client sends its messages. */
  sendOctets(payload: Buffer, fields: MessageFields = {}): void {
    const { link, server, serverMac, relay } = this.path;
    if (relay && !fields.direct) {
      const between = { sourcePort: 67, destinationPort: 67, source: relay.giaddr, destination: server };
      link.haveAddress(relay.giaddr, relay.mac);
      link.send(encodeFrame({ sourceMac: relay.mac, destinationMac: serverMac, ...between, payload }));
      return;
    }
    link.send(
      encodeFrame({
        sourceMac: this.mac,
        destinationMac: fields.unicast ? serverMac : BROADCAST_MAC,
        source: fields.from ?? fields.ciaddr ?? '0.0.0.0',
        destination: fields.unicast ? server : '255.255.255.255',
        sourcePort: 68,
        destinationPort: 67,
        payload,
      }),
    );
  }

  /** Sends a message and forgets it. */
  send(type: number, fields: MessageFields = {}): WireMessage {
    const message = this.message(type, fields);
    this.sendOctets(encodeMessage(message), fields);
    return message;
  }

  /** Sends a message and waits for the first answer to its transaction, or undefined after `timeoutMs`. */
  async ask(type: number, fields: MessageFields = {}, timeoutMs = ANSWER_MS): Promise<Reply | undefined> {
    const message = this.message(type, fields);
    return await this.#await(message.xid, timeoutMs, () => this.sendOctets(encodeMessage(message), fields));
  }

  #await(xid: number, timeoutMs: number, send: () => void): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(undefined), timeoutMs);
      const stop = this.path.link.listen((arrival) => {
        if (arrival.message.xid === xid && arrival.message.op === 2) finish(new Reply(arrival));
      });
      const finish = (reply: Reply | undefined) => {
        clearTimeout(timer);
        stop();
        resolve(reply);
      };
      send();
    });
  }

  /** Sends and expects an answer. @throws AssertionError if there is none, or it has another type. */
  async exchange(type: number, expected: number, fields: MessageFields = {}): Promise<Reply> {
    const reply = await this.ask(type, fields);
    assert.ok(reply !== undefined, `no answer to message type ${type} of ${this.mac}`);
    assert.equal(reply.type, expected, `answer to message type ${type}: type ${reply.type}, expected ${expected}`);
    return reply;
  }

  /** Sends and expects silence. @throws AssertionError if an answer comes. */
  async ignored(type: number, fields: MessageFields = {}): Promise<void> {
    const reply = await this.ask(type, fields, SILENCE_MS);
    assert.ok(reply === undefined, `message type ${type} was answered with type ${reply?.type} (${reply?.yiaddr})`);
  }

  /** DHCPDISCOVER -> DHCPOFFER. */
  discover(fields: MessageFields = {}): Promise<Reply> {
    return this.exchange(TYPE.discover, TYPE.offer, fields);
  }

  /** DHCPREQUEST in SELECTING state for an offer; the answer must be a DHCPACK. */
  select(offer: Reply, fields: MessageFields = {}): Promise<Reply> {
    return this.exchange(TYPE.request, TYPE.ack, this.selecting(offer, fields));
  }

  /** Fields of a DHCPREQUEST in SELECTING state. */
  selecting(offer: Reply, fields: MessageFields = {}): MessageFields {
    return {
      ...fields,
      options: [
        option.addresses(OPT.requestedAddress, offer.yiaddr),
        option.addresses(OPT.serverId, offer.serverId),
        ...(fields.options ?? []),
      ],
    };
  }

  /** Fields of a DHCPREQUEST in INIT-REBOOT state for an address. */
  rebooting(address: string, fields: MessageFields = {}): MessageFields {
    return { ...fields, options: [option.addresses(OPT.requestedAddress, address), ...(fields.options ?? [])] };
  }

  /** DISCOVER, OFFER, REQUEST, ACK. The options go into both messages. */
  async lease(fields: MessageFields = {}): Promise<Reply> {
    return await this.select(await this.discover(fields), fields);
  }

  /** A lease for a client that asks again and again, as clients do. @throws AssertionError that says `otherwise` if it gets none */
  async persist(otherwise: () => string): Promise<Reply> {
    const began = performance.now();
    for (;;) {
      const secs = Math.floor((performance.now() - began) / 1000);
      const offer = await this.ask(TYPE.discover, { secs }, 400);
      const ack = offer && (await this.ask(TYPE.request, { secs, ...this.selecting(offer) }, 1000));
      if (ack?.type === TYPE.ack) return ack;
      assert.ok(performance.now() - began < PATIENCE_MS, `no lease\n${otherwise()}`);
    }
  }

  /** DHCPREQUEST in RENEWING state: unicast, with ciaddr; the answer must be a DHCPACK. */
  async renew(address: string, fields: MessageFields = {}): Promise<Reply> {
    this.path.link.haveAddress(address, this.mac);
    return await this.exchange(TYPE.request, TYPE.ack, { ciaddr: address, unicast: true, direct: true, ...fields });
  }

  /** DHCPRELEASE, unicast. Nothing comes back; `settled` of the lab tells when it is done. */
  release(address: string, fields: MessageFields = {}): void {
    const serverId = option.addresses(OPT.serverId, this.path.server);
    const options = [serverId, ...(fields.options ?? [])];
    this.send(TYPE.release, { ciaddr: address, unicast: true, direct: true, ...fields, options });
  }

  /** DHCPDECLINE of an address, broadcast. */
  decline(address: string, fields: MessageFields = {}): void {
    const serverId = option.addresses(OPT.serverId, this.path.server);
    const requested = option.addresses(OPT.requestedAddress, address);
    this.send(TYPE.decline, { ...fields, options: [requested, serverId, ...(fields.options ?? [])] });
  }

  /** DHCPINFORM from an address the client has. */
  async inform(address: string, fields: MessageFields = {}): Promise<Reply> {
    this.path.link.haveAddress(address, this.mac);
    return await this.exchange(TYPE.inform, TYPE.ack, { ciaddr: address, ...fields });
  }
}

/** Client identifier of an Ethernet address, as most clients send it (RFC 2132 §9.14): type 1, then the address. */
export function ethernetClientId(mac: string): Buffer {
  return Buffer.concat([Buffer.from([1]), macOctets(mac)]);
}

/** Subnet prefix of an address within /24, as `10.1.0`. */
export function prefix24(address: string): string {
  return Array.from(addressOctets(address).subarray(0, 3)).join('.');
}
