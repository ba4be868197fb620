/**
 * The ceiling: the least a DHCP server on these sockets can do with every ACK durable. It decodes only what it must,
 * looks a client up in a table, appends a row a lease to a file, flushes it (write, fdatasync) before the answers of
 * the batch leave, and answers with a copied message. No configuration, no options, no policy.
 *
 *   node build/bench/bare-responder.js INTERFACE LEASE-FILE FIRST-ADDRESS
 */

import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { encodeMessage4 } from '@lessor/dhcp';
import { formatIpv4, type Ipv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { linuxNetworkStack } from 'lessor/internal/platform/linux-sockets.js';
import type { Datagram, Logger, Reply } from 'lessor/internal/services/ports.js';
import { DEFAULT_DHCP4_PORT_OPTIONS, openDhcp4Port } from 'lessor/internal/transports/dhcp4-socket.js';

const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const ACK = 5;
const OPTIONS_AT = 240;
const CHADDR_AT = 28;
const GIADDR_AT = 24;
const YIADDR_AT = 16;
/** Where the value of option 53 is in the template below: it comes first. */
const TYPE_AT = OPTIONS_AT + 2;

const [, , interfaceName, leaseFile, firstAddress] = process.argv;
if (interfaceName === undefined || leaseFile === undefined || firstAddress === undefined) {
  process.stderr.write('usage: bare-responder INTERFACE LEASE-FILE FIRST-ADDRESS\n');
  process.exit(2);
}

const addressOf = new Map<number, Ipv4>();
let nextAddress = parseIpv4(firstAddress)!;
const file = openSync(leaseFile, 'a');

const logger: Logger = {
  enabled: () => true,
  log: (severity, id, text) => void process.stderr.write(`${severity} ${id} ${text}\n`),
  child: () => logger,
};
const port = await openDhcp4Port(
  {
    selectors: [{ name: interfaceName }],
    socketType: 'raw',
    outboundInterface: 'same-as-inbound',
    reDetect: false,
    requireAll: true,
    maxRetries: 0,
    retryWaitMs: 0,
  },
  DEFAULT_DHCP4_PORT_OPTIONS,
  { network: linuxNetworkStack(systemClock), clock: systemClock, logger, onGiveUp: () => process.exit(1) },
);

const server = Buffer.alloc(4);
server.writeUInt32BE(port.interfaces[0]!.address);
const template = Buffer.from(
  encodeMessage4({
    op: 2,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: new Uint8Array(6),
    options: [
      { code: 53, data: Uint8Array.of(OFFER) },
      { code: 54, data: server },
      { code: 51, data: Uint8Array.of(0, 0, 0x0e, 0x10) },
      { code: 1, data: Uint8Array.of(255, 0, 0, 0) },
    ],
  }).octets,
);

port.onBatch((batch) => {
  const replies: Reply[] = [];
  let rows = '';
  for (const datagram of batch) {
    const { octets } = datagram;
    const type = messageType(octets);
    if (type !== DISCOVER && type !== REQUEST) continue;
    const client = octets.readUIntBE(CHADDR_AT, 6);
    let address = addressOf.get(client);
    if (address === undefined) {
      address = nextAddress++;
      addressOf.set(client, address);
    }
    if (type === REQUEST) rows += `${formatIpv4(address)},${client.toString(16)},3600,${Date.now()}\n`;
    replies.push(answer(datagram, address, type === DISCOVER ? OFFER : ACK));
  }
  if (rows !== '') {
    writeSync(file, rows);
    fdatasyncSync(file);
  }
  port.send(replies);
});

function messageType(octets: Buffer): number {
  for (let at = OPTIONS_AT; at + 2 < octets.length && octets[at] !== 255; ) {
    if (octets[at] === 53) return octets[at + 2]!;
    at += octets[at] === 0 ? 1 : 2 + octets[at + 1]!;
  }
  return 0;
}

function answer(datagram: Datagram, address: Ipv4, type: number): Reply {
  const octets = Buffer.from(template);
  octets[TYPE_AT] = type;
  datagram.octets.copy(octets, 4, 4, 8); // xid
  octets.writeUInt32BE(address, YIADDR_AT);
  datagram.octets.copy(octets, GIADDR_AT, GIADDR_AT, CHADDR_AT + 6);
  const relay = octets.readUInt32BE(GIADDR_AT);
  const netif = datagram.interface;
  if (relay !== 0) return { octets, interface: netif, destination: relay, port: 67 };
  return {
    octets,
    interface: netif,
    destination: address,
    port: 68,
    hwAddress: octets.subarray(CHADDR_AT, CHADDR_AT + 6),
  };
}

process.once('SIGTERM', () => process.exit(0));
process.stdout.write('ready\n');
