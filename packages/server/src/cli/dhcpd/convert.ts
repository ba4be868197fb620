/**
 * From dhcpd.conf to a configuration of lessor, which is one of Kea with what dhcpd has and Kea has not in
 * user-context. What has no equivalent is noted, never dropped in silence.
 */

import type { JsonMap } from '../../domain/snapshot.js';
import { parseIpv4 } from '../../domain/values.js';
import { Classes } from './classes.js';
import { Definitions } from './definitions.js';
import { ddnsMembers, ddnsSwitch, defaultDomain, isDdns, updateServer } from './dns.js';
import { type ConvertedHost, convertHost, withoutAddress } from './hosts.js';
import { filled } from './members.js';
import {
  convertSubnet,
  type FilledSubnet,
  insideOf,
  networkMembers,
  type Outer,
  placePools,
  type Workshop,
} from './networks.js';
import { type Note, Notes } from './notes.js';
import { omapiBlock } from './omapi.js';
import { DHCPD_PING, type PingSettings, pingHook, pingOf, subnetPingMembers } from './ping.js';
import { authoritativeOf, clientIdMembers, flagOf, notePlain } from './plain.js';
import { DHCPD_LEASE_TIMES, isSetting, leaseTimeMembers, leaseTimesOf, readSettings } from './settings.js';
import { type ConfStatement, isWord } from './tree.js';

/** A converted configuration. */
export interface Conversion {
  /** `Dhcp4`. */
  readonly config: JsonMap;
  /** `DhcpDdns` of kea-dhcp-ddns, if there are zones. */
  readonly updateServer: JsonMap | undefined;
  readonly notes: readonly Note[];
}

/** Converts. @param interfaces where clients are served: dhcpd has them from its command line */
export function convertDhcpd(tree: readonly ConfStatement[], interfaces: readonly string[]): Conversion {
  const converter = new Converter();
  const config = converter.convert(tree, interfaces);
  return { config, updateServer: updateServer(tree, converter.notes), notes: converter.notes.list };
}

class Converter implements Workshop {
  readonly notes = new Notes();
  readonly definitions = new Definitions();
  readonly classes = new Classes(this.definitions, this.notes);
  readonly #hosts: ConvertedHost[] = [];
  readonly #subnets: FilledSubnet[] = [];
  /** What is said of pings in the whole file, and in each of the subnets. */
  #ping = DHCPD_PING;
  readonly #pings: PingSettings[] = [];
  readonly #networks: JsonMap[] = [];
  /** How many hosts have each fixed address. */
  readonly #hostsWith = new Map<string, number>();
  readonly #groups = new Map<string, readonly ConfStatement[]>();

  convert(tree: readonly ConfStatement[], interfaces: readonly string[]): JsonMap {
    this.#define(tree);
    const settings = readSettings(tree.filter(isSetting), this.definitions.registry, this.notes);
    const { always } = this.classes.addCases(settings, 'global', {});
    const times = leaseTimesOf(settings, DHCPD_LEASE_TIMES);
    const alone: JsonMap[] = [];
    this.#ping = pingOf(tree, DHCPD_PING);
    const outer = { inherited: [], times, ping: DHCPD_PING, useHostDeclNames: false, knownOnly: false };
    this.#scope(tree, insideOf(tree, outer), alone);
    const stash = flagOf(tree, 'stash-agent-options');
    const everywhere = this.#placeHosts();
    const omapi = omapiBlock(tree, this.notes);
    return this.definitions.readable({
      'interfaces-config': { interfaces: [...interfaces] },
      'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'kea4-ctrl-socket' }],
      ...(omapi === undefined ? {} : { 'user-context': { lessor: { omapi } } }),
      ...pingHook(this.#ping, this.#pings),
      authoritative: authoritativeOf(tree) ?? false,
      ...([...this.#hostsWith.values()].some((hosts) => hosts > 1) ? { 'ip-reservations-unique': false } : {}),
      ...(stash === undefined ? {} : { 'stash-agent-options': stash }),
      ...clientIdMembers(tree),
      ...leaseTimeMembers(times, undefined),
      ...this.#names(tree),
      ...always,
      ...filled('option-def', this.definitions.json),
      ...filled('client-classes', this.classes.json),
      ...(everywhere.length === 0 ? {} : { 'reservations-global': true, reservations: everywhere }),
      ...filled('shared-networks', this.#networks),
      ...filled('subnet4', alone),
    }) as JsonMap;
  }

  /** Names in the DNS, as far as the whole file says. */
  #names(tree: readonly ConfStatement[]): JsonMap {
    const on = ddnsSwitch(tree, this.notes);
    const domain = Object.keys(on).length === 0 ? {} : defaultDomain(tree);
    return { ...on, ...domain, ...ddnsMembers(tree, this.notes) };
  }

  /** A definition holds from where it stands on, whatever the scope; here in the whole file. */
  #define(tree: readonly ConfStatement[]): void {
    const statements = [...allOf(tree)];
    for (const statement of statements) this.definitions.learn(statement);
    for (const statement of statements) {
      if (isWord(statement.words[0], 'option')) this.definitions.take(statement, this.notes);
    }
  }

  /** The declarations of a scope. @param into the list that its subnets go to */
  #scope(body: readonly ConfStatement[], outer: Outer, into: JsonMap[]): void {
    for (const statement of body) {
      if (isWord(statement.words[0], 'subclass')) this.classes.addSubclass(statement);
      else if (statement.body !== undefined) this.#declaration(statement, statement.body, outer, into);
      else if (!isSetting(statement) && !isDdns(statement)) notePlain(statement, this.notes);
    }
  }

  #declaration(statement: ConfStatement, body: readonly ConfStatement[], outer: Outer, into: JsonMap[]): void {
    switch (statement.words[0]?.text.toLowerCase()) {
      case 'subnet': {
        const made = convertSubnet(statement, this.#subnets.length + 1, outer, this);
        if (made === undefined) return;
        this.#subnets.push(made.subnet);
        this.#pings.push(made.inside.ping);
        Object.assign(made.subnet.json, subnetPingMembers(made.inside.ping, this.#ping));
        into.push(made.subnet.json);
        this.#scope(body, made.inside, into);
        break;
      }
      case 'shared-network': {
        const name = statement.words[1]?.text ?? '';
        const { members, inside } = networkMembers(body, outer, name, this);
        const [subnet4, before]: [JsonMap[], number] = [[], this.#subnets.length];
        this.#scope(body, inside, subnet4);
        placePools(body, name, inside, this.#subnets.slice(before), this);
        this.#networks.push({ name, ...members, subnet4 });
        break;
      }
      case 'group': {
        const inherited = [...outer.inherited, ...body.filter(isSetting)];
        for (const each of body.filter(isDdns))
          this.notes.lost(each, 'say it in the subnet: a group has no names of its own');
        const name = statement.words[1]?.text;
        if (name !== undefined) this.#groups.set(name, inherited);
        this.#scope(body, insideOf(body, { ...outer, inherited }), into);
        break;
      }
      case 'host': {
        const scope = { ...outer, groups: this.#groups };
        const host = convertHost(statement, scope, this.definitions, this.notes);
        if (host !== undefined) this.#hosts.push(host);
        break;
      }
      case 'class':
        this.classes.addClass(statement, outer.inherited);
        break;
      default:
        notePlain(statement, this.notes);
    }
  }

  hasSubnet(first: number, length: number): boolean {
    return this.#subnets.some((subnet) => subnet.first === first && subnet.last - first + 1 === 2 ** (32 - length));
  }

  /** dhcpd tells one fixed address to all hosts that have it; here whoever asks first holds it. */
  #noteShared(statement: ConfStatement, address: string): void {
    const hosts = (this.#hostsWith.get(address) ?? 0) + 1;
    this.#hostsWith.set(address, hosts);
    if (hosts === 1) return;
    const text = `${address} is another host's, too: it goes to whoever asks first ("ip-reservations-unique" is false)`;
    this.notes.changed(statement, text);
  }

  /** Hosts with an address go to the subnet it is in. @returns those that have none: they are the same everywhere */
  #placeHosts(): JsonMap[] {
    const everywhere: JsonMap[] = [];
    const taken = new Set<string>();
    for (const host of this.#hosts) {
      const { statement, json, addresses } = host;
      if (addresses.length === 0 && this.#isFirst(host, 'everywhere', taken)) everywhere.push(withoutAddress(host));
      for (const address of addresses) {
        const number = parseIpv4(address)!;
        const home = this.#subnets.find(({ first, last }) => number >= first && number <= last);
        if (home === undefined) this.notes.lost(statement, `${address} is in none of the subnets`);
        else if (this.#isFirst(host, String(home.json.id), taken)) {
          home.json.reservations = [...(home.json.reservations ?? []), { ...json, 'ip-address': address }];
          this.#noteShared(statement, address);
        }
      }
    }
    return everywhere;
  }

  /** Where a client has several hosts or addresses dhcpd takes the first that is on its network; Kea refuses them. */
  #isFirst({ statement, identifiers }: ConvertedHost, where: string, taken: Set<string>): boolean {
    const keys = identifiers.map((identifier) => `${where} ${identifier}`);
    const first = keys.every((key) => !taken.has(key));
    for (const key of keys) taken.add(key);
    if (!first) this.notes.lost(statement, 'its client has a reservation there already: the first counts');
    return first;
  }
}

/** The statements, each followed by those in its block. */
function* allOf(statements: readonly ConfStatement[]): Generator<ConfStatement> {
  for (const statement of statements) {
    yield statement;
    if (statement.body !== undefined) yield* allOf(statement.body);
  }
}
