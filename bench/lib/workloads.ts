/** What the servers are given to serve: one description, rendered as Kea's and as dhcpd's configuration. */

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { formatIpv4, type Ipv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { SERVER_SIDE, SUBNET } from './lab.js';

/** A server's task. */
export interface Workload {
  readonly firstAddress: Ipv4;
  readonly addresses: number;
  /** Host reservations by hardware address; the first clients of the load hold them. */
  readonly reservations: number;
  /** Client classes with a test each. */
  readonly classes: number;
  /** Leases in the file before the start, from the first address on. */
  readonly leases: number;
  /** Subnets besides the one that is served, each with a pool. */
  readonly subnets?: number;
  /** Takes commands: on the unix socket {@link CONTROL_SOCKET} of its folder and over HTTP on {@link CONTROL_PORT}. */
  readonly control?: boolean;
  /** Serves OMAPI on the server's end, with {@link OMAPI_KEY}. */
  readonly omapi?: boolean;
}

/** Name of the unix socket commands come over. */
export const CONTROL_SOCKET = 'control';
/** Port of loopback they come over by HTTP: lessor's own, or of the Control Agent before Kea 2.2, which has none. */
export const CONTROL_PORT = 8000;

/** User and password over HTTP. */
export const CONTROL_LOGIN = 'bench:s3cret';

/** Where OMAPI is served, by whom. */
export const OMAPI_PORT = 7911;
/** The key of every server that serves OMAPI. */
export const OMAPI_KEY = {
  name: 'bench',
  algorithm: 'hmac-sha256',
  secret: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
} as const;

const FIRST_ADDRESS = parseIpv4('10.1.0.0')!;
/** Client block of load runs whose clients hold the reservations. */
export const RESERVED_BLOCK = 0xfe00;

/** A pool of a /12, nothing else: room for every run of a session. */
export const PLAIN: Workload = {
  firstAddress: FIRST_ADDRESS,
  addresses: 1 << 20,
  reservations: 0,
  classes: 0,
  leases: 0,
};

/** A hardware address as perfdhcp makes them: the block, then a running number. */
function macOf(block: number, number: number): string {
  const hex = `02${block.toString(16).padStart(4, '0')}${number.toString(16).padStart(6, '0')}`;
  return hex.match(/../g)!.join(':');
}

/** Tests of the kinds operators write, none of which a load client is in. */
function classTest(index: number): string {
  const kinds = [
    `option[60].hex == 'vendor-${index}'`,
    `substring(option[60].hex, 0, 6) == 'PXE-${String(index).padStart(2, '0')}'`,
    `pkt4.mac == 0x0600000000${index.toString(16).padStart(2, '0')}`,
    `relay4[1].hex == 'port${index}' and not option[77].exists`,
  ];
  return kinds[index % kinds.length]!;
}

/** Where a subject keeps its files, and how many threads Kea has. */
export interface Places {
  readonly folder: string;
  readonly leaseFile: string;
  readonly threads: number;
  /** The control channel, where the workload wants one, as the server's configuration has it. */
  readonly control: object;
  /** Further members of Dhcp4. */
  readonly more?: object;
}

/** Debian's folder of Kea's hook libraries; lessor, which has them built in, goes by the name of the file. */
const LEASE_COMMANDS = '/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_lease_cmds.so';

/** Subnets nobody asks for, from 20.0.0.0 on: only their number matters. */
function moreSubnets(count: number): object[] {
  return Array.from({ length: count }, (_, i) => {
    const prefix = `${20 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    return { id: i + 2, subnet: `${prefix}.0/24`, pools: [{ pool: `${prefix}.10 - ${prefix}.200` }] };
  });
}

const OMAPI_BLOCK = {
  // The generator has no network but that of the clients.
  listeners: [{ address: SERVER_SIDE.address, port: OMAPI_PORT, sources: [SUBNET], allow: ['client-sources'] }],
  keys: [OMAPI_KEY],
  'allowed-sources': [SUBNET],
};

/** Kea's configuration file for the workload; lessor's as well. */
export function keaConfig(workload: Workload, { folder, leaseFile, threads, control, more }: Places): string {
  const reservations = Array.from({ length: workload.reservations }, (_, i) => ({
    'hw-address': macOf(RESERVED_BLOCK, i),
    'ip-address': formatIpv4(workload.firstAddress - 65_536 + 256 + i),
    hostname: `host-${i}`,
  }));
  const classes = Array.from({ length: workload.classes }, (_, i) => ({
    name: `class-${i}`,
    test: classTest(i),
    'option-data': [{ name: 'domain-name', data: `class-${i}.example.org` }],
  }));
  const last = workload.firstAddress + workload.addresses - 1;
  const dhcp4 = {
    'interfaces-config': { interfaces: [SERVER_SIDE.interface] },
    'multi-threading': { 'enable-multi-threading': threads > 1, 'thread-pool-size': threads },
    'lease-database': { type: 'memfile', persist: true, name: leaseFile, 'lfc-interval': 0 },
    'valid-lifetime': 3600,
    'option-data': [
      { name: 'routers', data: SERVER_SIDE.address },
      { name: 'domain-name-servers', data: '10.0.0.3, 10.0.0.4' },
      { name: 'domain-name', data: 'example.org' },
    ],
    ...(classes.length > 0 && { 'client-classes': classes }),
    subnet4: [
      {
        id: 1,
        subnet: SUBNET,
        pools: [{ pool: `${formatIpv4(workload.firstAddress)} - ${formatIpv4(last)}` }],
        ...(reservations.length > 0 && { reservations }),
      },
      ...moreSubnets(workload.subnets ?? 0),
    ],
    ...(workload.control === true && { ...control, 'hooks-libraries': [{ library: LEASE_COMMANDS }] }),
    ...(workload.omapi === true && { 'user-context': { lessor: { omapi: OMAPI_BLOCK } } }),
    loggers: [{ name: 'kea-dhcp4', severity: 'WARN', output_options: [{ output: `${folder}/server.log` }] }],
    ...more,
  };
  // Kea 2.2 writes output_options, later ones output-options; both read both.
  return JSON.stringify({ Dhcp4: dhcp4 }, null, 1);
}

/** dhcpd's configuration for the workload: reservations and pool; its pool is never larger than a /16. */
export function dhcpdConfig(workload: Workload): string {
  const last = workload.firstAddress + Math.min(workload.addresses, 65_536) - 1;
  const hosts = Array.from({ length: workload.reservations }, (_, i) => {
    const address = formatIpv4(workload.firstAddress - 65_536 + 256 + i);
    return `host h${i} { hardware ethernet ${macOf(RESERVED_BLOCK, i)}; fixed-address ${address}; }`;
  });
  const { name, algorithm, secret } = OMAPI_KEY;
  const omapi = `key ${name} { algorithm ${algorithm}; secret ${secret}; }\nomapi-key ${name};\nomapi-port ${OMAPI_PORT};\n`;
  return `${workload.omapi === true ? omapi : ''}authoritative;
ping-check false;
default-lease-time 3600;
max-lease-time 3600;
option routers ${SERVER_SIDE.address};
option domain-name-servers 10.0.0.3, 10.0.0.4;
option domain-name "example.org";
subnet 10.0.0.0 netmask 255.0.0.0 {
  range ${formatIpv4(workload.firstAddress)} ${formatIpv4(last)};
}
${hosts.join('\n')}
`;
}

/** Rows of a lease file gathered before they are written. */
const ROWS_PER_WRITE = 50_000;

/** Writes the leases a workload starts with as Kea 2.2's lease file, which later versions and lessor read as well. */
export function writeLeaseFile(workload: Workload, path: string, nowSec: number): void {
  const file = openSync(path, 'w');
  let text = 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n';
  const rest = `,,86400,${nowSec + 86_400},1,0,0,,0,\n`;
  const hex = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));
  let [network, maker] = ['', ''];
  for (let i = 0; i < workload.leases; i++) {
    const address = workload.firstAddress + i;
    // Formatting three octets anew for every row would take most of a minute for sixteen million.
    if (i === 0 || (address & 255) === 0) network = formatIpv4(address).replace(/\d+$/, '');
    if ((i & 255) === 0) maker = macOf(0xfd00 + (i >>> 24), i & 0xff_ffff).slice(0, -2);
    text += `${network}${address & 255},${maker}${hex[i & 255]}${rest}`;
    if (i % ROWS_PER_WRITE === 0) {
      writeSync(file, text);
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
}

/** The same for dhcpd. */
export function writeDhcpdLeases(workload: Workload, path: string, nowSec: number): void {
  const ends = new Date((nowSec + 86_400) * 1000);
  const [date, time] = ends.toISOString().replace(/-/g, '/').split(/[T.]/);
  const rows = Array.from({ length: workload.leases }, (_, i) => {
    const mac = macOf(0xfd00, i);
    const address = formatIpv4(workload.firstAddress + i);
    return `lease ${address} { ends ${ends.getUTCDay()} ${date} ${time}; binding state active; hardware ethernet ${mac}; }`;
  });
  writeFileSync(path, `${rows.join('\n')}\n`);
}
