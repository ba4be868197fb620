/** subnet4-select-test: which subnet a packet would get (Kea: ctrl_dhcp4_srv.cc). */

import { isIPv6 } from 'node:net';
import { jsonTypeOf } from '@lessor/kea';
import type { ConfigSnapshot, Json, JsonMap, Subnet } from '../../domain/snapshot.js';
import { type SubnetQuery, Topology } from '../../domain/topology.js';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { argumentMap, invalid, memberOf } from '../arguments.js';
import { type CommandRow, type ControlCommand, Result } from '../command.js';
import type { ControlServices } from '../services.js';

const BROADCAST: Ipv4 = 0xffff_ffff;
const ADDRESSES = ['address', 'relay', 'local', 'remote', 'link', 'subnet'] as const;
const KNOWN: ReadonlySet<string> = new Set(['interface', 'classes', ...ADDRESSES]);

/** Indexes are made once for a configuration, when it is first asked about. */
const topologies = new WeakMap<ConfigSnapshot, Topology>();

/** The rows. */
export const SELECTION_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'subnet4-select-test',
    access: 'read',
    hook: 'core',
    summary: 'which subnet a packet described by interface, addresses and classes would get',
    args: {
      interface: { type: 'a string', optional: true },
      ...Object.fromEntries(ADDRESSES.map((name) => [name, { type: 'an IPv4 address', optional: true }])),
      classes: { type: 'a list of strings', optional: true },
    },
    run(command, { config, interfaces }) {
      const query = readQuery(command, config.current, (name) => {
        const found = interfaces.list().find((one) => one.name === name);
        if (found === undefined) {
          throw invalid(
            `interface ${name} doesn't exist and therefore it is impossible to find a suitable subnet for its IPv4 address`,
          );
        }
        return parseIpv4(found.addresses[0] ?? '') ?? 0;
      });
      const subnet = topologyOf(config.current).select(query);
      if (subnet === undefined) return { result: Result.empty, text: 'no subnet selected' };
      const network = subnet.sharedNetwork;
      return {
        result: Result.success,
        text:
          network === undefined
            ? `selected subnet ${describe(subnet)}`
            : `selected shared network '${network.name}' starting with subnet ${describe(subnet)}`,
      };
    },
  },
];

function readQuery(command: ControlCommand, config: ConfigSnapshot, addressOf: (name: string) => Ipv4): SubnetQuery {
  if (command.args === undefined) throw invalid('empty arguments');
  const args = argumentMap(command, { noMap: () => 'arguments must be a map' }) ?? {};
  const stranger = Object.keys(args).find((name) => !KNOWN.has(name));
  if (stranger !== undefined) throw invalid(`unknown entry '${stranger}'`);
  const [address, relay, local, remote, link, selected] = ADDRESSES.map((name) => readAddress(args, name));
  const byRelay = config.compatibility.ignoreRaiLinkSelection ? undefined : link;
  const interfaceName = memberOf(args, 'interface') ?? '';
  if (typeof interfaceName !== 'string') throw invalid("'interface' entry must be a string");
  const classes = readClasses(memberOf(args, 'classes') ?? []);
  const query = {
    // The relay's link selection goes before the client's own (RFC 3527 §4).
    selected: byRelay ?? selected ?? 0,
    giaddr: relay ?? 0,
    ciaddr: address ?? 0,
    source: remote ?? 0,
    unicast: local !== BROADCAST,
    interfaceName,
    interfaceAddress: 0,
    isMember: (name: string) => name === 'ALL' || classes.has(name),
  };
  const byInterface = query.selected === 0 && query.giaddr === 0 && (!query.unicast || query.ciaddr === 0);
  return byInterface && interfaceName !== '' ? { ...query, interfaceAddress: addressOf(interfaceName) } : query;
}

function readAddress(args: JsonMap, name: string): Ipv4 | undefined {
  const written = memberOf(args, name);
  if (written === undefined) return undefined;
  if (typeof written !== 'string') throw invalid(`'${name}' entry must be a string`);
  const address = parseIpv4(written);
  if (address !== undefined) return address;
  const reason = isIPv6(written) ? 'not IPv4' : `Failed to convert string to address '${written}': Invalid argument`;
  throw invalid(`bad '${name}' entry: ${reason}`);
}

function readClasses(written: Json): ReadonlySet<string> {
  if (jsonTypeOf(written) !== 'list') throw invalid("'classes' entry must be a list");
  const names = written as readonly Json[];
  if (names.some((name) => typeof name !== 'string')) throw invalid("'classes' entry must be a list of strings");
  return new Set(names as readonly string[]);
}

function topologyOf(snapshot: ConfigSnapshot): Topology {
  let topology = topologies.get(snapshot);
  if (topology === undefined) {
    topology = new Topology(snapshot);
    topologies.set(snapshot, topology);
  }
  return topology;
}

function describe({ prefix, prefixLength, id }: Subnet): string {
  return `'${formatIpv4(prefix)}/${prefixLength}' id ${id}`;
}
