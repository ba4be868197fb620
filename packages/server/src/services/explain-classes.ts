/** Why a packet is, or is not, in each class. */

import type { Exchange } from '../domain/exchange.js';
import type { ClientClass, ConfigSnapshot, Reservation } from '../domain/snapshot.js';
import { formatHex, type Octets } from '../domain/values.js';

/** One class and what was found. */
export interface ExplainedClass {
  readonly name: string;
  readonly member: boolean;
  readonly why: string;
}

/** Names that come without a definition (Kea ARM "Built-in Client Classes"), and what brings them. */
const BUILT_IN: readonly [pattern: RegExp, why: (snapshot: ConfigSnapshot, name: string) => string][] = [
  [/^ALL$/, () => 'every packet is'],
  [/^BOOTP$/, () => 'the packet has no message type (option 53)'],
  [/^KNOWN$/, () => 'the client has a reservation'],
  [/^UNKNOWN$/, () => 'the client has no reservation'],
  [/^STASH_AGENT_OPTIONS$/, () => 'option 82 was recovered from the lease (stash-agent-options)'],
  [/^VENDOR_CLASS_/, () => 'made of option 60'],
  [/^SPAWN_/, (snapshot, name) => `made by template-test: ${templateOf(snapshot, name)?.templateTest?.text ?? ''}`],
];

/** Members first, in the order they matched, then the classes with a test that did not. */
export function explainClasses(
  snapshot: ConfigSnapshot,
  exchange: Exchange,
  hosts: readonly Reservation[],
): ExplainedClass[] {
  const members = exchange.classes.names.map((name) => ({
    name,
    member: true,
    why: whyMember(snapshot, exchange, hosts, name),
  }));
  const others = snapshot.classes
    .filter(({ name }) => !exchange.classes.has(name))
    .map((row) => ({ name: row.name, member: false, why: whyNot(snapshot, exchange, row) }));
  return [...members, ...others];
}

function whyMember(snapshot: ConfigSnapshot, exchange: Exchange, hosts: readonly Reservation[], name: string): string {
  if (hosts.some(({ clientClasses }) => clientClasses.includes(name))) return 'its reservation brings it';
  const row = snapshot.classByName.get(name);
  if (row === undefined) {
    return BUILT_IN.find(([pattern]) => pattern.test(name))?.[1](snapshot, name) ?? 'not defined here';
  }
  if (row.test !== undefined) return `test is true: ${row.test.text}${seen(snapshot, exchange, row.test.text)}`;
  if (row.templateTest !== undefined) {
    return `template-test gives a value: ${row.templateTest.text}${seen(snapshot, exchange, row.templateTest.text)}`;
  }
  return 'asked for by evaluate-additional-classes';
}

function whyNot(snapshot: ConfigSnapshot, exchange: Exchange, row: ClientClass): string {
  const expression = row.test ?? row.templateTest;
  if (expression === undefined) return 'has no test: only a reservation or evaluate-additional-classes brings it';
  const values = seen(snapshot, exchange, expression.text);
  if (row.onlyInAdditionalList) return `only looked at by evaluate-additional-classes: ${expression.text}${values}`;
  const outcome = row.test === undefined ? 'template-test gives nothing' : 'test is false';
  return `${outcome}: ${expression.text}${values}`;
}

/** What the packet has where the test looks: `[option[60]: 'PXEClient', member('x'): no]`. */
function seen(snapshot: ConfigSnapshot, exchange: Exchange, test: string): string {
  const facts = new Map<string, string>();
  for (const [place, , name] of test.matchAll(/(?<!\.)\b(option|relay4)\[([\w-]+)\](?!\.option)/g)) {
    const code = /^\d+$/.test(name!) ? Number(name) : codeOf(snapshot, place.startsWith('relay4'), name!);
    if (code === undefined) continue;
    const value = place.startsWith('relay4') ? exchange.relaySubOption(code) : exchange.option(code);
    facts.set(place, show(value));
  }
  for (const [place, name] of test.matchAll(/member\('([^']*)'\)/g))
    facts.set(place, exchange.isMember(name!) ? 'yes' : 'no');
  if (/\bpkt4\.mac\b/.test(test)) facts.set('pkt4.mac', formatHex(exchange.chaddr));
  if (/\bpkt\.iface\b/.test(test)) facts.set('pkt.iface', exchange.interfaceName);
  if (facts.size === 0) return '';
  return ` [${[...facts].map(([place, value]) => `${place}: ${value}`).join(', ')}]`;
}

function codeOf(snapshot: ConfigSnapshot, relay: boolean, name: string): number | undefined {
  return snapshot.registry.findByName(relay ? 'dhcp-agent-options-space' : 'dhcp4', name)?.code;
}

/** Longer values are cut. */
const MAX_OCTETS = 48;

function show(value: Octets | undefined): string {
  if (value === undefined) return 'absent';
  const cut = value.slice(0, MAX_OCTETS);
  const more = value.length > MAX_OCTETS ? '...' : '';
  return /^[ -~]+$/.test(cut) ? `'${cut}'${more}` : `0x${formatHex(cut, '')}${more}`;
}

function templateOf(snapshot: ConfigSnapshot, spawned: string): ClientClass | undefined {
  return snapshot.classes.find(
    ({ name, templateTest }) => templateTest !== undefined && spawned.startsWith(`SPAWN_${name}_`),
  );
}
